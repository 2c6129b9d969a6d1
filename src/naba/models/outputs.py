"""What a fitted model says about a table: its labels and its probabilities, with the features computed once."""

from __future__ import annotations

from typing import Any

import numpy as np


def labels_and_probabilities(model: Any, X: Any) -> tuple[np.ndarray, np.ndarray]:
    """The same as `model.predict(X)` and `model.predict_proba(X)`, without reading X twice where the model allows it.

    A model says so in one of two ways: it has a method `labels_and_probabilities`; or its `probability_kind_` is
    `model`, which means that its label is the one with the highest probability, the first of them in a tie.

    Args:
        X: table of n rows.
    Returns:
        labels, (n,); probabilities, (n, k) float64 in the order of `model.classes_`.
    """
    own = getattr(model, "labels_and_probabilities", None)
    if own is not None:
        return own(X)
    probabilities = np.asarray(model.predict_proba(X), dtype=np.float64)
    if getattr(model, "probability_kind_", None) == "model":
        return np.asarray(model.classes_)[probabilities.argmax(axis=1)], probabilities
    return model.predict(X), probabilities
