"""Frozen embeddings of one text, or of both texts of a pair and how they differ, as features.

The network is loaded once, each text is computed once, and the weights are saved in their own files.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from naba.arabic.normalise import NEWS_1, normalise_all
from naba.errors import UserError
from naba.models.classifier import DAMAGED, Kept, text_columns
from naba.models.embeddings import cache
from naba.models.embeddings.networks import POOLINGS, default_prefix, network
from naba.models.pairs.alignment import codes
from naba.models.pairs.features import LONG_TEXT, documents, stems
from naba.models.tfidf.vectoriser import Vectoriser

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.models.embeddings.networks import Network
    from naba.models.pairs.alignment import FloatArray

logger = logging.getLogger(__name__)

_BLOCK = 2048
"""Texts between two writes to the cache: a run that is killed loses no more."""
_WORTH_SAYING = 2000
_LONGEST = 1 << 16


class Embedder(Kept, BaseEstimator):
    """Texts to vectors of unit length; its weights do not change.

    Args:
        checkpoint: see `naba.models.embeddings.networks.network`.
        prefix: stands before each text; None takes what the folder says.
        pooling: of tokens, `mean`, `cls` or `last`; None takes what the folder says, else the mean.
        max_length: tokens of a text that are read; None takes 256, or as many as the checkpoint has places.

    Attributes:
        network_: weights and tokenizer. They have files of their own (`naba.classifier.encoders`).
        prefix_: what stands before each text.
        reading_: how the network reads.
    """

    network_: Network

    def __init__(
        self, checkpoint: str, prefix: str | None = None, pooling: str | None = None, max_length: int | None = None
    ) -> None:
        self.checkpoint = checkpoint
        self.prefix = prefix
        self.pooling = pooling
        self.max_length = max_length

    def load(self) -> Embedder:
        """Read the weights; returns itself.

        Raises:
            UserError: they cannot be had.
        """
        self.network_ = network(self.checkpoint, self.pooling, self.max_length)
        self.prefix_ = default_prefix(self.checkpoint) if self.prefix is None else self.prefix
        self.reading_ = self.network_.reading()
        return self

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(n, width) float32; zeros for an empty text. Each distinct text is computed once, and never where it is kept.

        Args:
            texts: as they are read; the prefix is put before them here.
        """
        distinct = [text for text in dict.fromkeys(texts) if text]
        found = self._known(distinct)
        table = np.zeros((len(texts), self.network_.width), dtype=np.float32)
        for row, text in enumerate(texts):
            if text:
                table[row] = found[text]
        return table

    def _known(self, distinct: list[str]) -> dict[str, np.ndarray]:
        named = {self.prefix_ + text: text for text in distinct}
        kept = cache.read(self.network_.digest(), list(named), self.network_.width)
        missing = [whole for whole in named if whole not in kept]
        if len(missing) >= _WORTH_SAYING:
            logger.warning("embedding %d texts; they are kept for later runs (naba cache)", len(missing))
        for start in range(0, len(missing), _BLOCK):
            block = missing[start : start + _BLOCK]
            made = dict(zip(block, self.network_.encode(block), strict=True))
            cache.write(self.network_.digest(), made)
            kept |= made
        return {named[whole]: vector for whole, vector in kept.items()}

    def __getstate__(self) -> dict[str, Any]:
        """Without the weights."""
        return {key: value for key, value in super().__getstate__().items() if key != "network_"}

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A copy has the same weights."""
        if "network_" not in vars(self):
            return super().__reduce_ex__(protocol)
        return _copied, (type(self), self.__getstate__(), self.network_)

    @classmethod
    def check_state(cls, state: Mapping[str, Any]) -> None:
        """See `Kept`."""
        reading = state.get("reading_", {"max_length": state.get("max_length") or 1})
        sound = (
            "network_" not in state
            and isinstance(state.get("prefix_", ""), str)
            and isinstance(reading, dict)
            and reading.get("pooling", POOLINGS[0]) in POOLINGS
            and isinstance(reading.get("max_length"), int)
            and 0 < reading["max_length"] <= _LONGEST
        )
        if not sound:
            raise UserError("the settings of the embeddings are not as naba writes them", DAMAGED)


def _copied(kind: type[Embedder], state: Mapping[str, Any], network: Network) -> Embedder:
    copy = kind.__new__(kind)
    copy.__setstate__(state)
    copy.network_ = network
    return copy


_BLOCKS = ("target", "text", "difference", "product")


class EmbeddingFeatures(Kept, TransformerMixin, BaseEstimator):
    """Table with `text` -> its embedding v, (n, d); for pairs, u the target's, [u, v, |u-v|, u*v, u.v], (n, 4d+1).

    The features of Conneau et al. 2017 (InferSent) and Reimers & Gurevych 2019 for pairs, with the cosine. A text of a
    pair that is longer than a few sentences is represented by the passages that match the target best.

    Args:
        embedder: what embeds; its weights do not change.
        pair: use `target` as well as `text`.
    """

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {stems: ()}
    features_version: ClassVar[int | None] = 1
    beyond_onnx: ClassVar[str] = "its embeddings and their tokenizer"

    def __init__(self, embedder: Embedder, *, pair: bool = False) -> None:
        self.embedder = embedder
        self.pair = pair

    def fit(self, X: Any, y: Any = None) -> EmbeddingFeatures:  # noqa: ARG002
        """Loads the weights, and for pairs learns which stems are rare; labels are not used."""
        self.embedder_ = clone(self.embedder).load()
        if self.pair:
            texts, targets = text_columns(X)
            distinct = normalise_all(list(dict.fromkeys([*targets, *texts])), NEWS_1)
            self.word_space_ = Vectoriser(analyzer=stems, sublinear_tf=True).fit(distinct)
        return self

    def transform(self, X: Any) -> FloatArray:
        """The features, float64."""
        check_is_fitted(self)
        if not self.pair:
            return self.vectors(X)[0]
        left, right = self.vectors(X)
        product = left * right
        return np.hstack([left, right, np.abs(left - right), product, product.sum(axis=1, keepdims=True)])

    def vectors(self, X: Any) -> FloatArray:
        """The embeddings of each side, (sides, n, d) float64."""
        sides = self.sides(X)
        table = self.embedder_.vectors([text for side in sides for text in side])
        return table.astype(np.float64).reshape(len(sides), -1, table.shape[1])

    def sides(self, X: Any) -> list[list[str]]:
        """What is embedded of each row: the text; of a pair the target, and what represents the text."""
        texts, targets = text_columns(X)
        return [targets, self._shown(texts, targets)] if self.pair else [texts]

    def _shown(self, texts: list[str], targets: list[str]) -> list[str]:
        """What represents each text: itself, or its passages that match the target best."""
        if all(text.count(" ") <= LONG_TEXT for text in texts):
            return texts
        ids, raw = codes([*targets, *texts])
        return documents(raw, ids[: len(targets)], ids[len(targets) :], self.word_space_)[1]

    @property
    def width(self) -> int:
        """How many features there are."""
        single = self.embedder_.network_.width
        return 4 * single + 1 if self.pair else single

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002
        """`embedding:text:0` and so on."""
        check_is_fitted(self)
        single = self.embedder_.network_.width
        blocks = _BLOCKS if self.pair else ("text",)
        names = [f"embedding:{block}:{place}" for block in blocks for place in range(single)]
        return np.array([*names, *(["embedding:cosine"] if self.pair else [])], dtype=object)


def embeddings(checkpoint: str | None, prefix: str | None, *, pair: bool) -> EmbeddingFeatures | None:
    """The embeddings that are a part of another model's features; None where it has none."""
    return None if checkpoint is None else EmbeddingFeatures(Embedder(checkpoint, prefix), pair=pair)
