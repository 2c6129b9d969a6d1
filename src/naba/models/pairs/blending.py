"""Blending: the mean of the probabilities of a linear part, bagged boosted trees and, if asked for, networks.

The mean of unlike parts has less variance than any of them (Perrone & Cooper 1993; Breiman 1996), and unlike a stack it
spends no training rows on weights: it suits small training sets and rare labels.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from naba.models.classifier import text_columns, text_digest
from naba.models.ensembles import FirstColumns, Mean
from naba.models.feature_classifier import FeatureClassifier

if TYPE_CHECKING:
    import numpy as np

    from naba.models.pairs.words import PairMatrix


_KEPT = 4


class _Kept(NamedTuple):
    """The features that this process fitted last, and no loaded ones, with the matrices of up to `_KEPT` tables."""

    key: str
    features: PairMatrix
    matrices: dict[str, Any]

    def matrix(self, X: Any, rows: str) -> Any:
        """The features of X, whose digest is `rows`."""
        matrix = self.matrices.get(rows)
        if matrix is None:
            matrix = self.features.transform(X)
            with _lock:
                self.matrices[rows] = matrix
                if len(self.matrices) > _KEPT:
                    del self.matrices[next(iter(self.matrices))]
        return matrix


_last: _Kept | None = None
_lock = threading.Lock()


def _rows(X: Any) -> str:
    texts, targets = text_columns(X)
    return text_digest([*texts, *targets])


class BlendedPairs(FeatureClassifier):
    """The mean of the probabilities of several classifiers over a `PairMatrix`; each kind of part weighs the same.

    Args:
        features: the matrix.
        classifier: a linear classifier, for the whole matrix.
        boosted: trees that differ in their seeds, for the pair features.
        neural: networks that differ in their seeds, for the pair features.
    """

    def __init__(self, features: Any, classifier: Any, boosted: list[Any], neural: list[Any]) -> None:
        super().__init__(features, classifier)
        self.boosted = boosted
        self.neural = neural

    def _fit_features(self, X: Any) -> Any:
        """As in every feature classifier, but runs of a sweep that differ in their seeds alone share the features.

        Those of long articles take ten times as long as the parts that are fitted on them.
        """
        global _last  # noqa: PLW0603 - of the process, not of a model
        rows = _rows(X)
        key = f"{self.features.get_params()!r} {rows}"
        kept = _last
        if kept is not None and kept.key == key:
            self.features_ = kept.features
            return kept.matrix(X, rows)
        self.features_ = clone(self.features)
        matrix = self.features_.fit_transform(X)
        _last = _Kept(key, self.features_, {rows: matrix})
        return matrix

    def _matrix(self, X: Any) -> Any:
        """Kept for the other seeds of a sweep only: a loaded model makes it each time, so that it is timed as it is."""
        kept = _last
        if kept is None or kept.features is not self.features_:
            return self.features_.transform(X)
        return kept.matrix(X, _rows(X))

    def _fit_classifier(self, X: Any, matrix: Any, coded: np.ndarray) -> Mean:  # noqa: ARG002
        width = self.features_.width
        parts: list[tuple[str, Any]] = [("linear", clone(self.classifier))]
        weights = [1.0]
        for place, part in enumerate(self.boosted):
            parts.append((f"boosted{place}", make_pipeline(FirstColumns(width), clone(part))))
            weights.append(1 / len(self.boosted))
        for place, part in enumerate(self.neural):
            parts.append((f"neural{place}", make_pipeline(FirstColumns(width), StandardScaler(), clone(part))))
            weights.append(1 / len(self.neural))
        return Mean(parts, voting="soft", weights=weights).fit(matrix, coded)
