"""Stacking: a logistic regression over the probabilities of linear, boosted and neural parts (Wolpert 1992).

The parts' probabilities for a training row come from folds in which no headline of that row occurs.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from naba.errors import UserError
from naba.models.classifier import text_columns
from naba.models.ensembles import FirstColumns, Stack
from naba.models.feature_classifier import FeatureClassifier
from naba.models.pairs.alignment import codes

if TYPE_CHECKING:
    from naba.models.pairs.alignment import IntArray


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
