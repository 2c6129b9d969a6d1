"""Embeddings of one text, or of both texts of a pair and how they differ, as features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from naba.arabic.normalise import NEWS_1, normalise_all
from naba.models.classifier import Kept, text_columns
from naba.models.embeddings.embedder import Embedder
from naba.models.pairs.alignment import codes
from naba.models.pairs.features import LONG_TEXT, documents, stems
from naba.models.tfidf.vectoriser import Vectoriser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.models.pairs.alignment import FloatArray

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
