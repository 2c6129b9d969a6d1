"""Are the probabilities true? Reliability, calibration error, Brier score, and what abstaining buys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from naba.errors import UserError
from naba.evaluation.plots import new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from naba.evaluation.metrics import FloatArray
    from naba.evaluation.predictions import IntArray, Predictions

Binning = Literal["equal_width", "equal_mass"]


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy in bins.

    Attributes:
        binning: "equal_width" (bins of confidence of one width) or "equal_mass" (of one number of rows).
        low, high: (b,) bounds of the bins in confidence; empty bins are left out.
        confidence: (b,) mean probability of the predicted label.
        accuracy: (b,) share of right answers.
        count: (b,) rows.
    """

    binning: Binning
    low: FloatArray
    high: FloatArray
    confidence: FloatArray
    accuracy: FloatArray
    count: IntArray

    @property
    def error(self) -> float:
        """Expected calibration error: mean of |accuracy - confidence| over the bins, weighted by their rows."""
        return float(np.average(np.abs(self.accuracy - self.confidence), weights=self.count))


def confidence(predictions: Predictions) -> FloatArray:
    """(n,) probability given to the predicted label; 0 where there is no answer."""
    return predictions.confidence


def reliability(predictions: Predictions, bins: int = 10, binning: Binning = "equal_mass") -> Reliability:
    """Confidence of the predicted label against accuracy (Niculescu-Mizil & Caruana 2005).

    Args:
        bins: how many; rows of equal confidence never part, so there may be fewer.
        binning: equal-width bins are the usual ones (Guo et al. 2017); equal-mass bins estimate with less bias
            (Nixon et al. 2019; Roelofs et al. 2022).
    Raises:
        UserError: there are no rows.
    """
    if len(predictions) == 0:
        raise UserError("there are no rows to calibrate on")
    sure = confidence(predictions)
    right = predictions.gold_codes == predictions.predicted_codes
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    edges = inner if binning == "equal_width" else np.unique(np.quantile(sure, inner))
    place = np.searchsorted(edges, sure, side="left")
    used, count = np.unique(place, return_counts=True)
    totals = [np.bincount(place, weights=values)[used] for values in (sure, right)]
    bounds = np.concatenate([[0.0], edges, [1.0]])
    return Reliability(binning, bounds[used], bounds[used + 1], totals[0] / count, totals[1] / count, count)


def expected_calibration_error(predictions: Predictions, bins: int = 10, binning: Binning = "equal_mass") -> float:
    """ECE of the predicted label's probability, from 0 (calibrated) to 1, with the binning that is named.

    sum over bins of rows / n x |accuracy - mean confidence| (Naeini et al. 2015; Guo et al. 2017). Two values with
    different binnings cannot be compared.
    """
    return reliability(predictions, bins, binning).error


def brier_score(predictions: Predictions) -> float:
    """Mean squared distance between the probabilities and the gold label's indicator, from 0 to 2 (Brier 1950).

    Summed over the k labels, as Brier had it; for two labels it is twice scikit-learn's `brier_score_loss`.
    """
    target = np.eye(len(predictions.labels))[predictions.gold_codes]
    return float(((predictions.probabilities - target) ** 2).sum(axis=1).mean())


@dataclass(frozen=True)
class CoverageRisk:
    """What is gained by answering only where confident.

    Attributes:
        threshold: (m,) confidence from which on rows are answered, falling.
        coverage: (m,) share of rows answered.
        risk: (m,) share of the answered rows that are wrong.
        area: mean risk over all coverages (AURC); lower is better.
    """

    threshold: FloatArray
    coverage: FloatArray
    risk: FloatArray
    area: float


def coverage_risk(predictions: Predictions) -> CoverageRisk:
    """The coverage-risk curve (El-Yaniv & Wiener 2010; area as in Geifman & El-Yaniv 2017).

    Rows of equal confidence are answered together, so the order of rows does not matter.
    """
    sure = confidence(predictions)
    order = np.argsort(-sure, kind="stable")
    wrong = (predictions.gold_codes != predictions.predicted_codes)[order]
    last = np.flatnonzero(np.append(np.diff(sure[order]) != 0, True))
    answered = last + 1
    risk = np.cumsum(wrong)[last] / answered
    size = np.diff(answered, prepend=0)
    return CoverageRisk(sure[order][last], answered / len(predictions), risk, float(np.average(risk, weights=size)))


def reliability_diagram(predictions: Predictions, title: str = "", bins: int = 10) -> Figure:
    """Accuracy by confidence with equal-mass bins, over a histogram of confidence; the legend names ECE and Brier."""
    curve = reliability(predictions, bins)
    figure = new_figure(4.6, 5.2)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    spread = 1.96 * np.sqrt(curve.accuracy * (1 - curve.accuracy) / curve.count)
    label = f"ECE {curve.error:.3f} ({len(curve.count)} equal-mass bins)\nBrier {brier_score(predictions):.3f}"
    axes.errorbar(curve.confidence, curve.accuracy, yerr=spread, marker="o", capsize=2, color="tab:blue", label=label)
    axes.set(ylabel="share right", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(title, fontsize=11)
    axes.legend(loc="upper left", fontsize=8.5)
    below.hist(confidence(predictions), bins=np.linspace(0, 1, 21).tolist(), color="tab:blue", alpha=0.6)
    below.set(xlabel="probability of the predicted label", ylabel="rows")
    return figure


def coverage_risk_plot(curves: Sequence[tuple[str, Predictions]], title: str = "") -> Figure:
    """Risk by coverage for one or several named systems; the legend names the area under each curve."""
    figure = new_figure(5.2, 4)
    axes = figure.add_subplot()
    for name, predictions in curves:
        curve = coverage_risk(predictions)
        axes.plot(curve.coverage, curve.risk, label=f"{name} (AURC {curve.area:.3f})")
    axes.set(xlabel="share of rows answered", ylabel="share of answers wrong", xlim=(0, 1), ylim=(0, None))
    axes.set_title(title, fontsize=11)
    axes.legend(fontsize=8.5)
    return figure
