"""Pair features for linear models: the dense ones standardised, beside the words that are and are not aligned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from naba.models.classifier import Kept
from naba.models.pairs.alignment import ALIGNED
from naba.models.tfidf.vectoriser import Vectoriser, given_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from naba.models.embeddings.features import EmbeddingFeatures
    from naba.models.pairs.alignment import BoolArray, FloatArray, IntArray
    from naba.models.pairs.features import PairFeatures
    from naba.models.pairs.groups import Batch

_LIMIT = 4.0  # standard deviations; rarer extremes would rule a linear score


def aligned_words(batch: Batch) -> list[list[str]]:
    """For each row, its words as `target=stem`, `text=stem` (with a counterpart), or `target-stem`, `text-stem`.

    Function words are left out where they have a counterpart.
    """
    found, words = batch.alignment, batch.texts.words
    stems = np.array([words.stems[stem] for stem in words.stem], dtype=object)
    lists: list[list[str]] = [[] for _ in range(batch.rows)]

    def add(side: str, rows: IntArray, ids: IntArray, best: FloatArray) -> None:
        free: BoolArray = best < ALIGNED
        kept = np.flatnonzero(words.content[ids] | free)
        for row, stem, alone in zip(rows[kept], stems[ids[kept]], free[kept], strict=True):
            lists[row].append(f"{side}{'-' if alone else '='}{stem}")

    add("target", found.left_row, found.left_word, found.left_best)
    add("text", found.right_row, found.right_word, found.right_best)
    return lists


class PairMatrix(Kept, TransformerMixin, BaseEstimator):
    """Table with `target` and `text` -> sparse (n, k + w): k standardised pair features, then w TF-IDF word features.

    With `embeddings`, e columns of these follow.

    Args:
        features: the pair features.
        weight: what the standardised features are multiplied by: against TF-IDF values, which are below 1.
        minimum_count: training rows that a word must occur in on its side.
        embeddings: of both texts; None for none.
    """

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {StandardScaler: ()}
    beyond_onnx: ClassVar[str] = "its pair features (light stems, aligned words, cues of lexicons)"

    embeddings: EmbeddingFeatures | None = None
    """Folders of earlier versions do not say it."""

    def __init__(
        self,
        features: PairFeatures,
        *,
        weight: float = 0.1,
        minimum_count: int = 2,
        embeddings: EmbeddingFeatures | None = None,
    ) -> None:
        self.features = features
        self.weight = weight
        self.minimum_count = minimum_count
        self.embeddings = embeddings

    def fit(self, X: pd.DataFrame, y: Any = None) -> PairMatrix:  # noqa: ARG002
        """Fits the features, their scale and the vocabulary; labels are not used."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: pd.DataFrame, y: Any = None, **_: Any) -> sparse.csr_matrix:  # noqa: ARG002
        """`fit`, then `transform` of the same table, with its features computed once."""
        self.features_ = clone(self.features).fit(X)
        dense, words = self._parts(X)
        self.scaler_ = StandardScaler().fit(dense)
        minimum = min(self.minimum_count, len(words))
        self.words_ = Vectoriser(analyzer=given_words, sublinear_tf=True, min_df=minimum).fit(words)
        if self.embeddings is not None:
            self.embeddings_ = clone(self.embeddings).fit(X)
        return self._assemble(X, dense, words)

    @property
    def width(self) -> int:
        """How many of the columns are pair features."""
        return len(self.features_.names_)

    @property
    def embedding_width(self) -> int:
        """How many of the columns, the last ones, are embeddings."""
        return 0 if self.embeddings is None else self.embeddings_.width

    def transform(self, X: pd.DataFrame) -> sparse.csr_matrix:
        """The matrix: (n, k + w) float64."""
        check_is_fitted(self)
        return self._assemble(X, *self._parts(X))

    def _assemble(self, X: pd.DataFrame, dense: FloatArray, words: list[list[str]]) -> sparse.csr_matrix:
        scaled = self.scaler_.transform(dense).clip(-_LIMIT, _LIMIT) * self.weight
        blocks = [sparse.csr_matrix(scaled), self.words_.transform(words)]
        if self.embeddings is not None:
            blocks.append(sparse.csr_matrix(self.embeddings_.transform(X)))
        return sparse.hstack(blocks, format="csr")

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002
        """The names of the columns: the pair features', then `target=stem` and so on."""
        check_is_fitted(self)
        parts = [self.features_, self.words_, *([] if self.embeddings is None else [self.embeddings_])]
        return np.concatenate([part.get_feature_names_out() for part in parts])

    def _parts(self, X: pd.DataFrame) -> tuple[FloatArray, list[list[str]]]:
        dense, words = [np.empty((0, self.width))], []
        for batch, columns in self.features_.batches(X):
            dense.append(np.column_stack([columns[name] for name in self.features_.names_]))
            words += aligned_words(batch)
        return np.vstack(dense), words
