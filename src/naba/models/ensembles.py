"""Stacks, means and small networks of scikit-learn, kept with what predicting needs alone; heads over embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelBinarizer, LabelEncoder, StandardScaler

from naba.models.classifier import Kept
from naba.models.feature_classifier import LOGISTIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from scipy import sparse

_PARTS: Mapping[Any, tuple[str, ...]] = {
    LabelEncoder: (), LogisticRegression: LOGISTIC, Pipeline: ("steps",), StandardScaler: (),
}  # fmt: skip
_EPOCHS = 60


class _OnlyToPredict(Kept):
    """Without the attributes that only training needs."""

    dropped: ClassVar[tuple[str, ...]] = ()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name not in self.dropped}


class Network(_OnlyToPredict, MLPClassifier):
    """A small network; without the state of its optimiser."""

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {LabelBinarizer: ()}
    stored: ClassVar[tuple[str, ...]] = ("loss",)
    dropped: ClassVar[tuple[str, ...]] = (
        "_optimizer", "_random_state", "_no_improvement_count", "loss_curve_", "best_loss_", "loss_", "n_iter_", "t_",
        "validation_scores_", "best_validation_score_",
    )  # fmt: skip


class Stack(_OnlyToPredict, StackingClassifier):
    """A stack; without its folds."""

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = _PARTS
    dropped: ClassVar[tuple[str, ...]] = ("cv", "named_estimators_")


class Mean(_OnlyToPredict, VotingClassifier):
    """The mean of the probabilities of several classifiers."""

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = _PARTS
    dropped: ClassVar[tuple[str, ...]] = ("named_estimators_",)


class FirstColumns(Kept, TransformerMixin, BaseEstimator):
    """The first `width` columns of a sparse matrix, dense: what trees and the neural part of a stack see."""

    def __init__(self, width: int) -> None:
        self.width = width

    def fit(self, X: Any, y: Any = None) -> FirstColumns:  # noqa: ARG002
        """Nothing to learn."""
        return self

    def transform(self, X: sparse.csr_matrix) -> np.ndarray:
        """(n, width) float64."""
        return X[:, : self.width].toarray()

    def __sklearn_is_fitted__(self) -> bool:
        return True


class ColumnRange(Kept, TransformerMixin, BaseEstimator):
    """The columns from `start` to before `stop` of a sparse matrix, sparse or dense."""

    def __init__(self, start: int, stop: int, *, dense: bool = False) -> None:
        self.start = start
        self.stop = stop
        self.dense = dense

    def fit(self, X: Any, y: Any = None) -> ColumnRange:  # noqa: ARG002
        """Nothing to learn."""
        return self

    def transform(self, X: sparse.csr_matrix) -> Any:
        """(n, stop - start) float64."""
        chosen = X[:, self.start : self.stop]
        return chosen.toarray() if self.dense else chosen

    def __sklearn_is_fitted__(self) -> bool:
        return True


def logistic(C: float) -> LogisticRegression:
    """Logistic regression for standardised features; labels are weighed by the inverse of their shares."""
    return LogisticRegression(C=C, class_weight="balanced", max_iter=1000)


def networks(alpha: float, hidden: int, seeds: Sequence[int]) -> list[Network]:
    """Networks with one hidden layer for standardised features, which differ in their seeds."""
    return [Network((hidden,), alpha=alpha, max_iter=_EPOCHS, random_state=seed) for seed in seeds]


def _scaled(name: str, classifier: Any) -> Pipeline:
    return Pipeline([("scale", StandardScaler()), (name, classifier)])


def head(kind: str, C: float, alpha: float, hidden: int, seeds: Sequence[int]) -> tuple[Any, str | None]:
    """The classifier, and the parameter of it that is chosen on validation rows, if there is one.

    Args:
        kind: `logistic`, `network`, or `both`: the mean of the two kinds, which weigh the same.
    """
    if kind == "logistic":
        return _scaled("logistic", logistic(C)), "logistic__C"
    parts = [(f"network{place}", _scaled("network", one)) for place, one in enumerate(networks(alpha, hidden, seeds))]
    if kind == "network":
        return Mean(parts, voting="soft"), None
    weights = [1.0, *[1 / len(parts)] * len(parts)]
    return Mean(
        [("linear", _scaled("logistic", logistic(C))), *parts], voting="soft", weights=weights
    ), "linear__logistic__C"
