"""Small classifiers over embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from naba.models.ensembles import Mean, Network

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPOCHS = 60


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
