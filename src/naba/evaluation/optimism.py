"""How much better the best of many models looks on the rows it was chosen by than on others.

The best of T configurations, chosen by its score on some rows, scores lower on other rows, the more so the larger T
and the fewer the rows. Bootstrap bias correction repeats the choice on resampled rows and scores each choice on the
rows left out; it trains nothing again (Tsamardinos, Greasidou & Borboudakis 2018, Machine Learning 107, 1895-1922).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from naba.errors import UserError
from naba.evaluation.metrics import metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.metrics import FloatArray, Metric
    from naba.evaluation.predictions import IntArray, Predictions

FEWEST_ROWS = 20


@dataclass(frozen=True)
class Nested:
    """The score of the whole procedure "take the best of these", on rows that did not choose.

    Attributes:
        value: mean over the resamples.
        low, high: 2.5 and 97.5 percentiles.
        best: score of the best on all rows, which chose it.
    """

    value: float
    low: float
    high: float
    best: float

    @property
    def optimism(self) -> float:
        """How much the best looks better than it is to be expected (negative for a loss)."""
        return self.best - self.value


def nested_estimate(
    trials: Sequence[Sequence[Predictions]], name: str, resamples: int = 500, seed: int = 0
) -> Nested | None:
    """The nested estimate of T configurations, each with the predictions of s seeds.

    Args:
        trials: for each configuration its predictions, one for each seed, in the same order of seeds; the rows of a
            seed are the same for all configurations.
        name: of a metric of confusion counts; for others None is returned.
        resamples: of rows, or of whole groups where rows share them.
    Raises:
        UserError: the configurations were scored on different rows.
    """
    first, *others = trials
    chosen = metric(name, first[0].labels)
    if chosen.needs != "confusion" or min(len(one) for one in first) < FEWEST_ROWS:
        return None
    for trial in others:
        for one, other in zip(first, trial, strict=True):
            if len(one) != len(other) or (one.ids != other.ids).any():
                raise UserError("the trials of a study were scored on different rows")
    generator = np.random.default_rng(seed)
    sign = 1 if chosen.higher_is_better else -1
    whole = _scores(trials, chosen, [np.ones(len(one), dtype=np.int64) for one in first])
    outside = []
    for _ in range(resamples):
        weights = [_drawn(one, generator) for one in first]
        best = int(np.nanargmax(sign * _scores(trials, chosen, weights)))
        outside.append(_scores([trials[best]], chosen, [(one == 0).astype(np.int64) for one in weights])[0])
    found = np.array(outside)
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return Nested(float(np.nanmean(found)), float(low), float(high), float(sign * np.nanmax(sign * whole)))


def _drawn(predictions: Predictions, generator: np.random.Generator) -> IntArray:
    """How often each row is drawn; rows of a group together."""
    if predictions.groups is None:
        units = np.arange(len(predictions))
    else:
        named = [str(group) or f"row {row}" for row, group in enumerate(predictions.groups)]
        units = np.unique(named, return_inverse=True)[1]
    count = int(units.max()) + 1
    times = np.bincount(generator.integers(0, count, count), minlength=count)
    return np.asarray(times[units], dtype=np.int64)


def _scores(trials: Sequence[Sequence[Predictions]], chosen: Metric, weights: Sequence[IntArray]) -> FloatArray:
    """(trials,) mean over the seeds of the metric on weighted rows."""
    labels = trials[0][0].labels
    size, width = len(labels), max(one.width for trial in trials for one in trial)
    counts = np.array(
        [
            [
                np.bincount(one.cells(width), weight, size * width).reshape(size, width)
                for one, weight in zip(trial, weights, strict=True)
            ]
            for trial in trials
        ]
    )
    return np.asarray(chosen.function(counts, labels), dtype=np.float64).mean(axis=1)
