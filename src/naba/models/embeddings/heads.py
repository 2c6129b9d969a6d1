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


def logistic(C: float) -> Pipeline:
    """Logistic regression over standardised features; labels are weighed by the inverse of their shares."""
    regression = LogisticRegression(C=C, class_weight="balanced", max_iter=1000)
    return Pipeline([("scale", StandardScaler()), ("logistic", regression)])


def networks(alpha: float, hidden: int, seeds: Sequence[int]) -> list[tuple[str, Pipeline]]:
    """Networks with one hidden layer over standardised features, which differ in their seeds."""
    made = [Network((hidden,), alpha=alpha, max_iter=_EPOCHS, random_state=seed) for seed in seeds]
    return [(f"network{place}", Pipeline([("scale", StandardScaler()), ("network", one)]))
            for place, one in enumerate(made)]  # fmt: skip


def head(kind: str, C: float, alpha: float, hidden: int, seeds: Sequence[int]) -> tuple[Any, str | None]:
    """The classifier, and the parameter of it that is chosen on validation rows, if there is one.

    Args:
        kind: `logistic`, `network`, or `both`: the mean of the two kinds, which weigh the same.
    """
    if kind == "logistic":
        return logistic(C), "logistic__C"
    parts = networks(alpha, hidden, seeds)
    if kind == "network":
        return Mean(parts, voting="soft"), None
    weights = [1.0, *[1 / len(parts)] * len(parts)]
    return Mean([("linear", logistic(C)), *parts], voting="soft", weights=weights), "linear__logistic__C"
