"""Several classifiers over pair features as one: a stack, and the mean of unlike parts.

Stacking is a logistic regression over the probabilities of linear, boosted and neural parts (Wolpert 1992). The parts'
probabilities for a training row come from folds in which no headline of that row occurs.

Blending is the mean of the probabilities of a linear part, bagged boosted trees and, if asked for, networks; with
embeddings, two kinds of parts over these are added: a logistic regression and networks. The mean of unlike parts has
less variance than any of them (Perrone & Cooper 1993; Breiman 1996), and unlike a stack it spends no training rows on
weights: it suits small training sets and rare labels.
"""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from naba.errors import UserError
from naba.models.classifier import text_columns, text_digest
from naba.models.ensembles import ColumnRange, FirstColumns, Mean, Stack
from naba.models.feature_classifier import FeatureClassifier
from naba.models.pairs.alignment import codes

if TYPE_CHECKING:
    from naba.models.pairs.alignment import IntArray
    from naba.models.pairs.features import PairMatrix

_KEPT = 4


def headline_groups(X: Any, largest: float = 0.2) -> IntArray:
    """A group for each row, (n,), so that rows of different groups share no text, on either side.

    Where that would join more than the share `largest` of the rows, rows are grouped by `target` alone.
    """
    texts, targets = text_columns(X)
    ids, distinct = codes([*targets, *texts])
    left, right = ids[: len(targets)], ids[len(targets) :]
    links = sparse.coo_array((np.ones(len(left)), (left, right)), shape=(len(distinct), len(distinct)))
    groups = connected_components(links, directed=False)[1][left]
    if np.bincount(groups).max() > largest * len(groups):
        groups = left
    return np.unique(groups, return_inverse=True)[1]


def grouped_folds(coded: np.ndarray, groups: IntArray, folds: int, seed: int) -> list[tuple[IntArray, IntArray]]:
    """(train, left out) row indices of each fold; a group is never on both sides.

    Raises:
        UserError: fewer than two groups.
    """
    count = min(folds, len(np.unique(groups)))
    if count < 2:
        raise UserError(
            "stacking needs training rows of at least two different targets", "choose another split or model"
        )
    stratified = np.bincount(coded).min() >= count
    splitter = (StratifiedGroupKFold if stratified else GroupKFold)(count, shuffle=True, random_state=seed)
    return list(splitter.split(coded, coded, groups))


class StackedPairs(FeatureClassifier):
    """A `Stack` over a `PairMatrix`, with folds grouped by headline.

    The matrix is fitted once: it sees the texts of left-out rows, never their labels.

    Args:
        features: the matrix.
        classifier: the last estimator, over the parts' probabilities.
        boosted: trees, for the pair features.
        linear: a linear classifier, for the whole matrix.
        neural: a network for the pair features, or None.
        folds: of the cross-validation inside `fit`.
        seed: of the folds.
    """

    def __init__(self, features: Any, classifier: Any, boosted: Any, linear: Any, neural: Any, folds: int, seed: int):
        super().__init__(features, classifier)
        self.boosted = boosted
        self.linear = linear
        self.neural = neural
        self.folds = folds
        self.seed = seed

    def _fit_classifier(self, X: Any, matrix: Any, coded: np.ndarray) -> Stack:
        width = self.features_.width
        parts = [("linear", self.linear), ("boosted", make_pipeline(FirstColumns(width), self.boosted))]
        if self.neural is not None:
            parts.append(("neural", make_pipeline(FirstColumns(width), StandardScaler(), self.neural)))
        folds = grouped_folds(coded, headline_groups(X), self.folds, self.seed)
        stack = Stack(parts, clone(self.classifier), cv=folds, stack_method="predict_proba")
        with warnings.catch_warnings():
            # A label too rare to stand in every fold gets probability 0 where it is missing.
            warnings.filterwarnings("ignore", "Number of classes in (training )?fold", RuntimeWarning)
            return stack.fit(matrix, coded)


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
        embedded: kinds of classifiers over the embeddings, each a list of those that differ in their seeds.
    """

    embedded: list[list[Any]] | None = None
    """Folders of earlier versions do not say it."""

    def __init__(
        self,
        features: Any,
        classifier: Any,
        boosted: list[Any],
        neural: list[Any],
        embedded: list[list[Any]] | None = None,
    ) -> None:
        super().__init__(features, classifier)
        self.boosted = boosted
        self.neural = neural
        self.embedded = embedded

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
        width, columns = self.features_.width, matrix.shape[1]
        plain = columns - self.features_.embedding_width
        first = clone(self.classifier)
        kinds = [
            [first if plain == columns else make_pipeline(ColumnRange(0, plain), first)],
            [make_pipeline(FirstColumns(width), clone(part)) for part in self.boosted],
            [make_pipeline(FirstColumns(width), StandardScaler(), clone(part)) for part in self.neural],
        ]
        kinds += [
            [make_pipeline(ColumnRange(plain, columns, dense=True), StandardScaler(), clone(part)) for part in kind]
            for kind in self.embedded or []
        ]
        names = ("linear", "boosted", "neural", "embedded", "embedded_neural")
        parts = [
            (f"{name}{place}" if len(kind) > 1 or name != "linear" else name, part)
            for name, kind in zip(names, kinds, strict=False)
            for place, part in enumerate(kind)
        ]
        weights = [1 / len(kind) for kind in kinds for _ in kind]
        return Mean(parts, voting="soft", weights=weights).fit(matrix, coded)
