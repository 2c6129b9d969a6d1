"""Temperature scaling: one number that turns scores into probabilities without changing any decision."""

from __future__ import annotations

import numpy as np


def softmax(scores: np.ndarray) -> np.ndarray:
    """Rows of scores, shape (n, k), as probabilities that sum to 1, float64."""
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)


def fit_temperature(scores: np.ndarray, gold: np.ndarray) -> float:
    """The temperature T > 0 for which softmax(scores / T) gives `gold` the highest likelihood.

    Guo et al. 2017, "On calibration of modern neural networks", section 4.2. T is sought between 0.01 and 100.

    Args:
        scores: (n, k) scores of data that the scorer was not fitted on.
        gold: (n,) place of the right class in each row.
    """
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(gold))

    def loss(log_temperature: float) -> float:
        scaled = scores.astype(np.float64) / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, gold]))

    bounds = (np.log(0.01), np.log(100.0))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def two_columns(scores: np.ndarray) -> np.ndarray:
    """scikit-learn's single score of a two-class model as two columns whose difference it is, shape (n, 2)."""
    if scores.ndim == 2:
        return scores
    return np.column_stack([-scores / 2, scores / 2])
