"""Frozen embeddings as a part of a classifier: loaded once, computed once for each text, saved in their own files."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from naba.errors import UserError
from naba.models.classifier import DAMAGED, Kept
from naba.models.embeddings import cache
from naba.models.embeddings.networks import POOLINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.models.embeddings.networks import Network

logger = logging.getLogger(__name__)

_BLOCK = 2048
"""Texts between two writes to the cache: a run that is killed loses no more."""
_WORTH_SAYING = 2000
_LONGEST = 1 << 16


class Embedder(Kept, BaseEstimator):
    """Texts to vectors of unit length; its weights do not change.

    Args:
        checkpoint: see `naba.models.embeddings.sources.network`.
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
        from naba.models.embeddings import sources

        self.network_ = sources.network(self.checkpoint, self.pooling, self.max_length)
        self.prefix_ = sources.default_prefix(self.checkpoint) if self.prefix is None else self.prefix
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
