"""Bootstrap intervals of one system and shared resamples of several, vectorised on confusion counts.

A metric of confusion counts sees rows only through the cell each falls in, so resampling n rows with replacement is
one multinomial draw over the cells. Ten thousand resamples then cost as much as ten thousand small matrices.

Several systems on the same examples see the same resampled rows, which is what makes a comparison paired. The weights
of a chunk of resamples are drawn once and multiplied with one sparse matrix of all systems' confusion cells, so that
the work is one pass over the rows however many labels there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.errors import UserError
from naba.evaluation.metrics import Array, Confusions, FloatArray, Metric, metric
from naba.evaluation.predictions import some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from naba.evaluation.predictions import IntArray, ObjectArray, Predictions

VALUES_IN_A_CHUNK = 4_000_000
"""Resampled counts held at once (32 MB), so that memory does not grow with resamples or labels."""
VALUES_IN_CACHE = 250_000
"""Of systems resampled together: what a metric makes of them on its way stays in a processor's cache."""


@dataclass(frozen=True)
class Score:
    """A metric's value with its interval.

    Attributes:
        name: the metric.
        value: on the rows themselves.
        low, high: bounds of the interval.
        n: rows scored.
    """

    name: str
    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.name} {self.value:.3f} [{self.low:.3f}, {self.high:.3f}] n={self.n}"


@dataclass(frozen=True)
class Cells:
    """Rows as cells of a (t, k, w) table of target, gold and predicted label; t is 1 where targets do not matter.

    w is k, or k + 1 where rows have no answer.
    """

    codes: IntArray
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, predictions: Predictions, by_target: bool) -> Cells:
        """The cells of some predictions; targets are their groups."""
        table = (len(predictions.labels), predictions.width)
        if not by_target:
            return cls(predictions.cells(table[1]), (1, *table))
        targets = targets_of(predictions)
        return cls(targets * table[0] * table[1] + predictions.cells(table[1]), (int(targets.max()) + 1, *table))

    def counts(self) -> IntArray:
        """(t, k, k) rows in each cell."""
        return np.bincount(self.codes, minlength=int(np.prod(self.shape))).reshape(self.shape).astype(np.int64)


def groups_of(predictions: Predictions) -> ObjectArray:
    """The group of each row.

    Raises:
        UserError: these predictions carry no groups.
    """
    if predictions.groups is None:
        raise UserError("these predictions say nothing of groups (targets, claims), and what was asked needs them")
    return predictions.groups


FEWEST_GROUPS = 20
"""With fewer groups than this a bootstrap of whole groups is too narrow to be of use (Cameron & Miller 2015)."""


def share_groups(predictions: Predictions, measures: Sequence[Metric]) -> bool:
    """Do rows share groups enough, and are there groups enough, that groups should be drawn rather than rows?

    Yes with at least `FEWEST_GROUPS` groups and more rows than groups by a twentieth; never with a metric over
    targets among `measures`, since that keeps its targets (the groups) fixed.
    """
    if predictions.groups is None or any(item.needs == "target_confusion" for item in measures):
        return False
    groups = len(np.unique(units_of(predictions)))
    return groups >= FEWEST_GROUPS and len(predictions) >= 1.05 * groups


def units_of(predictions: Predictions) -> IntArray:
    """(n,) what each row is drawn with, as codes from 0: its group, or, for a row without one, the row alone.

    Raises:
        UserError: these predictions carry no groups at all.
    """
    position: dict[object, int] = {}
    keys = (group or (row,) for row, group in enumerate(groups_of(predictions)))
    return np.fromiter((position.setdefault(key, len(position)) for key in keys), np.int64, len(predictions))


def targets_of(predictions: Predictions) -> IntArray:
    """(n,) the target (or file) of each row, as codes from 0, for metrics that are computed on each target alone.

    Raises:
        UserError: these predictions carry no groups, or a row has none: it would be a target of one row, or one with
            all others like it, and either would change the mean unseen.
    """
    groups = groups_of(predictions)
    without = [str(name) for name, group in zip(predictions.ids, groups, strict=True) if not group]
    if without:
        raise UserError(
            f"{len(without)} of {len(predictions)} rows have no group ({some(without)}), and a mean over targets needs "
            "one for each row"
        )
    return codes_of(groups)


def codes_of(values: ObjectArray) -> IntArray:
    """(n,) each value as the position of its first appearance among the distinct values."""
    position: dict[object, int] = {}
    return np.fromiter((position.setdefault(value, len(position)) for value in values), np.int64, len(values))


def interval(
    predictions: Predictions,
    measure: Metric | str,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    by_group: bool | None = None,
) -> Score:
    """One metric with its bootstrap interval; see `scores`."""
    return scores(predictions, [measure], resamples, confidence, seed, by_group)[0]


def scores(
    predictions: Predictions,
    measures: Sequence[Metric | str],
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    by_group: bool | None = None,
) -> list[Score]:
    """Metrics with bootstrap intervals, all from one shared set of resamples.

    Rows are drawn with replacement (Efron & Tibshirani 1993, ch. 13); with `by_group`, whole groups are, since rows
    of one claim or topic are no independent evidence (Davison & Hinkley 1997, sec. 3.8). A per-target metric keeps
    its targets fixed and resamples rows over all of them. Equal arguments give equal bounds.

    Args:
        measures: metrics, or their names.
        resamples: bootstrap draws.
        confidence: coverage of the interval, 0.95 for 95 %.
        seed: of the draws.
        by_group: draw whole groups; by default where `share_groups` says so.
    Returns:
        one `Score` a metric, in the order given.
    Raises:
        UserError: there are no rows, a metric is unknown, or groups are needed and absent.
    """
    if len(predictions) == 0:
        raise UserError("there are no rows to score")
    chosen = [metric(item, predictions.labels) if isinstance(item, str) else item for item in measures]
    counted = [item for item in chosen if item.needs != "ranking"]
    grouped = share_groups(predictions, counted) if by_group is None else by_group
    found = _count_scores(predictions, counted, resamples, confidence, seed, grouped) if counted else {}
    for item in chosen:
        if item.needs == "ranking":
            found[item.name] = _ranking_score(predictions, item, resamples, confidence, seed)
    return [found[item.name] for item in chosen]


def value(predictions: Predictions, measure: Metric | str) -> float:
    """A metric on the rows themselves, without an interval."""
    item = metric(measure, predictions.labels) if isinstance(measure, str) else measure
    if item.needs == "ranking":
        return float(np.mean([item.function(ranked, predictions.labels) for ranked in rankings(predictions, item)]))
    by_target = item.needs == "target_confusion"
    counts = Cells.of(predictions, by_target).counts()
    return float(item.function(counts if by_target else counts[0], predictions.labels))


def _count_scores(
    predictions: Predictions,
    measures: Sequence[Metric],
    resamples: int,
    confidence: float,
    seed: int,
    by_group: bool,
) -> dict[str, Score]:
    cells = Cells.of(predictions, any(item.needs == "target_confusion" for item in measures))
    units = group_units(cells, units_of(predictions)) if by_group else None
    draws: list[list[FloatArray]] = [[] for _ in measures]
    for counts in resampled_counts(cells, resamples, np.random.default_rng(seed), units):
        for drawn, values in zip(draws, apply_all(measures, counts, predictions.labels), strict=True):
            drawn.append(values)
    estimates = apply_all(measures, cells.counts()[None], predictions.labels)
    found = {}
    for drawn, estimate, item in zip(draws, estimates, measures, strict=True):
        low, high = percentile(np.concatenate(drawn), confidence)
        found[item.name] = Score(item.name, float(estimate[0]), low, high, len(predictions))
    return found


def apply_all(measures: Sequence[Metric], counts: Array, labels: Sequence[str]) -> Iterator[FloatArray]:
    """Metrics, one after the other, on counts of shape (..., t, k, k), whether or not they look at targets."""
    by_target, pooled = Confusions.of(counts), Confusions.of(counts.sum(axis=-3))
    for item in measures:
        yield item.function(by_target if item.needs == "target_confusion" else pooled, labels)


def apply(item: Metric, counts: Array, labels: Sequence[str]) -> FloatArray:
    """A metric on counts of shape (..., t, k, k), whether or not it looks at targets."""
    return next(apply_all([item], counts, labels))


def group_units(cells: Cells, codes: IntArray) -> IntArray:
    """(m, t*k*k) counts of each of the m units that `codes` (n,) puts the rows in."""
    size = int(np.prod(cells.shape))
    units = int(codes.max()) + 1
    return np.bincount(codes * size + cells.codes, minlength=units * size).reshape(units, size).astype(np.int64)


def resampled_counts(
    cells: Cells, resamples: int, generator: np.random.Generator, units: IntArray | None = None
) -> Iterator[IntArray]:
    """Chunks (c, t, k, k) of bootstrap counts: rows drawn with replacement, or the groups in `units`."""
    rows, size = len(cells.codes), int(np.prod(cells.shape))
    occupied, frequency = np.unique(cells.codes, return_counts=True)
    if units is not None:
        # Most groups are small and many are alike: drawing kinds of groups is the same draw in a fraction of the time.
        kinds, alike = np.unique(units, axis=0, return_counts=True)
    width = max(size, 0 if units is None else len(kinds))
    chunk = max(1, VALUES_IN_A_CHUNK // width)
    for start in range(0, resamples, chunk):
        drawn = min(chunk, resamples - start)
        if units is None:
            counts = np.zeros((drawn, size), dtype=np.int64)
            counts[:, occupied] = generator.multinomial(rows, frequency / rows, size=drawn)
        else:
            times = generator.multinomial(len(units), alike / len(units), size=drawn)
            # Products of whole numbers this small are exact in floating point, and there the product is BLAS's.
            counts = (times.astype(np.float64) @ kinds.astype(np.float64)).astype(np.int64)
        yield counts.reshape(drawn, *cells.shape)


def percentile(sample: FloatArray, confidence: float) -> tuple[float, float]:
    """The percentile interval of bootstrap values (Efron & Tibshirani 1993, ch. 13)."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(sample, [tail, 1 - tail])
    return float(low), float(high)


def rankings(predictions: Predictions, item: Metric) -> list[Array]:
    """Relevance of rows by descending probability of the positive label, one (n,) bool array a group (file).

    Ties keep the order of the rows.

    Raises:
        UserError: no label is the positive one.
    """
    positive = [i for i, label in enumerate(predictions.labels) if label.lower() in item.positive]
    if len(positive) != 1:
        raise UserError(
            f"'{item.name}' ranks by the probability of the positive label; of {', '.join(predictions.labels)} "
            f"one must be one of {', '.join(item.positive)}"
        )
    relevant = predictions.gold_codes == positive[0]
    order = np.argsort(-predictions.probabilities[:, positive[0]], kind="stable")
    files = np.zeros(len(predictions), np.int64) if predictions.groups is None else targets_of(predictions)
    return [relevant[order[files[order] == file]] for file in range(int(files.max()) + 1)]


def _ranking_score(predictions: Predictions, item: Metric, resamples: int, confidence: float, seed: int) -> Score:
    generator = np.random.default_rng(seed)
    files = rankings(predictions, item)
    sample = np.zeros(resamples)
    for relevant in files:
        chunk = max(1, VALUES_IN_A_CHUNK // len(relevant))
        for start in range(0, resamples, chunk):
            size = (min(chunk, resamples - start), len(relevant))
            drawn = np.sort(generator.integers(0, len(relevant), size=size), axis=1)
            sample[start : start + chunk] += item.function(relevant[drawn], predictions.labels)
    low, high = percentile(sample / len(files), confidence)
    return Score(item.name, value(predictions, item), low, high, len(predictions))


@dataclass(frozen=True)
class Systems:
    """Systems that answered the same rows, ready to be resampled together.

    Attributes:
        codes: (s, n) cell of each row in a (p, t, k, w) table of part, target, gold and predicted label.
        shape: (p, t, k, w); p is 1 but for cross-validations, t is 1 for metrics that do not look at targets, w is k,
            or k + 1 where a system has rows without an answer.
        units: (n,) the unit each row is drawn with: itself, or its group.
        strata: (u,) the stratum each unit is drawn within: the part of a cross-validation that all systems share.
        labels: the k labels.
    """

    codes: IntArray
    shape: tuple[int, int, int, int]
    units: IntArray
    strata: IntArray
    labels: tuple[str, ...]

    @classmethod
    def of(
        cls,
        systems: Sequence[Predictions],
        measure: Metric | str,
        by_group: bool | None = None,
        parts: Sequence[IntArray] | None = None,
    ) -> Systems:
        """Align systems by id with the first of them.

        Args:
            by_group: draw whole groups; by default where `share_groups` says so.
            parts: for each system the part of a cross-validation that each row was tested in, as codes from 0 and in
                the row order of the first system; a score is then the mean over the parts.

        Raises:
            UserError: the systems did not predict the same ids, hold other gold labels or another label order, or
                the metric is a ranking one.
        """
        first = systems[0]
        item = metric(measure, first.labels) if isinstance(measure, str) else measure
        if item.needs == "ranking":
            raise UserError(f"'{item.name}' ranks rows and is not a metric of confusion counts; it cannot be paired")
        aligned = aligned_systems(systems)
        size, rows = len(first.labels), len(first)
        offset, targets = np.zeros(rows, dtype=np.int64), 1
        if item.needs == "target_confusion":
            offset = targets_of(first)
            targets = int(offset.max()) + 1
        folds = np.zeros((len(systems), rows), dtype=np.int64) if parts is None else np.stack(list(parts))
        width = max(one.width for one in aligned)
        codes = (folds * targets + offset) * size * width + np.stack([one.cells(width) for one in aligned])
        grouped = share_groups(first, [item]) if by_group is None else by_group
        units = units_of(first) if grouped else np.arange(rows)
        # Folds that differ from seed to seed are not shared by the systems, so rows cannot be drawn within folds.
        stratum = folds[0] if (folds == folds[0]).all() else np.zeros(rows, dtype=np.int64)
        distinct, units = np.unique(units * (int(stratum.max()) + 1) + stratum, return_inverse=True)
        strata = distinct % (int(stratum.max()) + 1)
        return cls(codes, (int(folds.max()) + 1, targets, size, width), units, strata, first.labels)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def size(self) -> int:
        """Cells of one system's table."""
        return int(np.prod(self.shape))

    def counts(self, part: slice) -> IntArray:
        """(s, p, t, k, w) counts of some systems on the rows themselves."""
        return np.stack([np.bincount(row, minlength=self.size).reshape(self.shape) for row in self.codes[part]])

    def matrix(self, part: slice) -> Any:
        """Sparse (s*p*t*k*w, u): how many of a unit's rows each of some systems puts in each cell."""
        from scipy.sparse import csr_array

        systems, rows = self.codes[part].shape
        cells = (self.codes[part] + self.size * np.arange(systems)[:, None]).reshape(-1)
        ones = np.ones(systems * rows, dtype=np.float32)
        shape = (systems * self.size, len(self.strata))
        return csr_array((ones, (cells, np.tile(self.units, systems))), shape=shape)


def aligned_systems(systems: Sequence[Predictions]) -> list[Predictions]:
    """Systems in the row order of the first, with the same gold labels and label order.

    Raises:
        UserError: ids, gold labels or label order differ; the message counts and names some.
    """
    first = systems[0]
    found = [first]
    for place, other in enumerate(systems[1:], start=2):
        if set(other.labels) != set(first.labels):
            raise UserError(
                f"system {place} has labels {', '.join(other.labels)}; the first has {', '.join(first.labels)}"
            )
        if other.labels != first.labels:
            raise UserError(f"system {place} has its labels in another order than the first")
        same = len(other) == len(first) and bool((other.ids == first.ids).all())
        aligned = other if same else other.aligned_to(first.ids, f"system {place}")
        differing = [str(name) for name in first.ids[aligned.gold_codes != first.gold_codes]]
        if differing:
            raise UserError(
                f"system {place} has other gold labels for {len(differing)} ids ({some(differing)}): "
                "it was scored on another version of the data"
            )
        found.append(aligned)
    return found


def resampling_weights(strata: IntArray, resamples: int, generator: np.random.Generator) -> Iterator[Array]:
    """Chunks (c, u) of how often each unit is drawn when the units of each stratum are drawn with replacement."""
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    chunk = max(1, VALUES_IN_A_CHUNK // len(strata))
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        weights = np.empty((size, len(strata)), dtype=np.float32)
        for own in members:
            drawn = generator.integers(0, len(own), size=(size, len(own)))
            drawn += (np.arange(size) * len(own))[:, None]
            weights[:, own] = np.bincount(drawn.reshape(-1), minlength=size * len(own)).reshape(size, len(own))
        yield weights


def resampled_scores(
    systems: Systems, measure: Metric | str, resamples: int = 10_000, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """A metric of every system on its rows and on shared resamples of them.

    Returns:
        (s,) scores and (s, b) scores on the b resamples, which all systems share.
    """
    item = metric(measure, systems.labels) if isinstance(measure, str) else measure
    scores, drawn = np.empty(len(systems)), np.empty((len(systems), resamples))
    drawn_at_once = min(resamples, max(1, VALUES_IN_A_CHUNK // len(systems.strata)))
    together = max(1, VALUES_IN_CACHE // (systems.size * drawn_at_once))
    parts = [slice(start, start + together) for start in range(0, len(systems), together)]
    matrices = [systems.matrix(part) for part in parts]
    begin = 0
    for weights in resampling_weights(systems.strata, resamples, np.random.default_rng(seed)):
        end = begin + len(weights)
        for part, matrix in zip(parts, matrices, strict=True):
            # Counts of rows are whole numbers below 2^24, which single precision holds exactly.
            tables = _tables(matrix @ weights.T, systems.shape)
            drawn[part, begin:end] = apply(item, tables, systems.labels).mean(axis=-1)
        begin = end
    for part in parts:
        scores[part] = apply(item, systems.counts(part), systems.labels).mean(axis=-1)
    return scores, drawn


def _tables(products: Array, shape: tuple[int, ...]) -> Array:
    # A view with the resamples first: in memory they stay last, where sums over the few labels are fastest.
    tables = products.astype(np.float64).reshape(-1, *shape, products.shape[-1])
    return np.moveaxis(tables, -1, 1)
