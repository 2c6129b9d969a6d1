"""Paired comparison of systems on the same examples: two of them, or many cells of several seeds each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from naba.errors import UserError
from naba.evaluation.bootstrap import Systems, resampled_scores
from naba.evaluation.metrics import FloatArray, Metric, f1s, metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.predictions import IntArray, Predictions

Verdict = Literal["byte-equal", "equal labels", "different"]

BLUR = 1e-12
"""Differences closer than this are one value: sums of floats in another order differ in the last digits."""


SIGNIFICANCE = 0.05
"""Below this p-value two systems are called different."""


@dataclass(frozen=True)
class Difference:
    """How far system a is above system b.

    Attributes:
        name: the metric.
        estimate: a minus b, on the rows themselves.
        low, high: bounds of the percentile interval.
        p_value: two-sided.
        standard_error: of the estimate.
        detectable: the smallest true difference that this test would find significant with 80 % power.
        n: rows.
        higher_is_better: direction of the metric.
    """

    name: str
    estimate: float
    low: float
    high: float
    p_value: float
    standard_error: float
    detectable: float
    n: int
    higher_is_better: bool = True

    @property
    def better(self) -> bool:
        """Is system a significantly better than system b?"""
        ahead = self.estimate > 0 if self.higher_is_better else self.estimate < 0
        return ahead and self.p_value < SIGNIFICANCE


def paired_bootstrap(
    a: Predictions,
    b: Predictions,
    measure: Metric | str,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    by_group: bool | None = None,
) -> Difference:
    """Difference in a metric between two systems on the same examples, with its interval.

    Rows are resampled jointly (or whole groups, by default where `bootstrap.share_groups` says so), so the two
    systems keep seeing the same examples (Efron & Tibshirani 1993, ch. 16; Berg-Kirkpatrick et al. 2012). The
    p-value counts resamples whose difference is as far from the estimate as the estimate is from 0.

    Args:
        a, b: predictions for the same ids, in any order.
        resamples: bootstrap draws.
        confidence: coverage of the interval.
    Raises:
        UserError: the two systems did not predict the same ids; the message counts and names some.
    """
    item = metric(measure, a.labels) if isinstance(measure, str) else measure
    scores, drawn = resampled_scores(Systems.of([a, b], item, by_group), item, resamples, seed)
    return difference_of(item, float(scores[0] - scores[1]), drawn[0] - drawn[1], confidence, len(a))


def difference_of(item: Metric, estimate: float, drawn: FloatArray, confidence: float, rows: int) -> Difference:
    """A difference in a metric from its value on the rows and its (b,) values on resamples."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    error = float(drawn.std(ddof=1))
    p_value = two_sided(estimate, drawn)
    detectable = smallest_detectable(error)
    bounds = float(low), float(high)
    return Difference(item.name, estimate, *bounds, p_value, error, detectable, rows, item.higher_is_better)


def two_sided(estimate: float, drawn: FloatArray) -> float:
    """p-value of no difference, from bootstrap differences shifted to a mean of no difference.

    (1 + resamples as extreme) / (1 + resamples) (Davison & Hinkley 1997, eq. 4.11; Berg-Kirkpatrick et al. 2012).
    Where no resample is as extreme, the normal tail stands in for the digits that counting cannot give, so that a
    correction over hundreds of pairs does not exhaust the resamples; it never exceeds 1 / (1 + resamples).
    """
    extreme = int((np.abs(drawn - estimate) >= abs(estimate) - BLUR).sum())
    if extreme == 0:
        from scipy.special import ndtr

        counted = 1 / (1 + len(drawn))
        error = float(drawn.std(ddof=1))
        return float(min(2 * ndtr(-abs(estimate) / error), counted)) if error > BLUR else counted
    return (1 + extreme) / (1 + len(drawn))


def smallest_detectable(standard_error: float, power: float = 0.8, significance: float = 0.05) -> float:
    """The smallest true difference that a two-sided test finds with probability `power`.

    (z(1 - significance / 2) + z(power)) x standard error of the difference: 2.8 standard errors at the defaults
    (Bloom 1995, "Minimum detectable effects"; for NLP systems Card et al. 2020, arXiv 2010.06595).

    Args:
        standard_error: of the estimated difference, in the unit of the metric; from the paired bootstrap it already
            knows how far the two systems agree.
    Returns:
        a difference in the unit of the metric.
    """
    from scipy.special import ndtri

    return float(ndtri(1 - significance / 2) + ndtri(power)) * standard_error


def holm(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """p-values corrected for their number by Holm's step-down method (Holm 1979); nan stays nan.

    The chance of even one false alarm among all tests stays below the level, whatever their dependence.
    """
    given = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(given.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(given))
    order = tested[np.argsort(given[tested], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return corrected


@dataclass(frozen=True)
class CellDraws:
    """Bootstrap of c cells (models, each with several seeds) on shared examples.

    Attributes:
        metric: what was measured.
        means: (c,) mean over the seeds of each cell.
        seeds: (c,) how many seeds each has.
        example_draws: (c, b) the means on resampled examples, shared by all cells.
        seed_draws: (c, b) what resampling the seeds of a cell adds; 0 for a cell of one seed.
        between: (c,) variance of each cell's mean as its seeds' scores alone show it.
        rows: examples.
    """

    metric: Metric
    means: FloatArray
    seeds: npt.NDArray[np.int64]
    example_draws: FloatArray
    seed_draws: FloatArray
    between: FloatArray
    rows: int

    def interval(self, cell: int, confidence: float = 0.95) -> tuple[float, float]:
        """Interval of a cell's mean over examples and seeds."""
        found = self._difference(cell, None, confidence)
        return found.low, found.high

    def difference(self, a: int, b: int, confidence: float = 0.95) -> Difference:
        """Difference of two cells' means, with examples paired and seeds independent."""
        return self._difference(a, b, confidence)

    def _difference(self, a: int, b: int | None, confidence: float) -> Difference:
        estimate = float(self.means[a] - (0.0 if b is None else self.means[b]))
        examples = self.example_draws[a] - (0.0 if b is None else self.example_draws[b])
        members = [a] if b is None else [a, b]
        seeds = self.seed_draws[a] - (0.0 if b is None else self.seed_draws[b])
        spread = [float(self.between[cell]) for cell in members]
        counts = [int(self.seeds[cell]) for cell in members]
        widening = few_seeds(float((examples + seeds).var()), spread, counts, confidence)
        centre = examples.mean()
        drawn = centre + widening * (examples - centre + seeds)
        return difference_of(self.metric, estimate, drawn, confidence, self.rows)


def few_seeds(total: float, between: Sequence[float], seeds: Sequence[int], confidence: float) -> float:
    """How much wider than a normal interval one must be whose variance is partly known from few seeds only.

    The ratio of the t and the normal quantile at the degrees of freedom of Welch and Satterthwaite (Satterthwaite
    1946): those of the examples are taken as infinite, those of a cell's seeds are their number less one.

    Args:
        total: the variance, of examples and seeds.
        between, seeds: variance of each cell's mean as its seeds' scores show it, and their number.
    """
    from scipy.special import ndtri, stdtrit

    uncertain = sum(value**2 / (count - 1) for value, count in zip(between, seeds, strict=True) if count > 1)
    if uncertain <= 0 or total <= 0:
        return 1.0
    tail = (1 + confidence) / 2
    return float(stdtrit(total**2 / uncertain, tail) / ndtri(tail))


def compare_cells(
    cells: Sequence[Sequence[Predictions]],
    measure: Metric | str,
    resamples: int = 10_000,
    seed: int = 0,
    by_group: bool | None = None,
    parts: Sequence[Sequence[IntArray]] | None = None,
) -> CellDraws:
    """Resample the examples and the seeds of several cells: the two reasons why a mean over seeds could be another.

    Examples are resampled jointly over all cells and seeds, seeds within each cell. Deviations of resampled seeds
    are stretched by sqrt(s / (s - 1)), since s seeds drawn from s have too small a variance by that factor (Davison
    & Hinkley 1997, sec. 3.8). Seeds' scores differ in part because each seed errs on other examples; that part is
    in the resampled examples already and is taken out of the seeds', or it would count twice (Owen 2007, "The
    pigeonhole bootstrap", on crossed factors).

    Args:
        cells: for each cell the predictions of its seeds, all on the same ids.
        measure: a metric of confusion counts.
        parts: for cross-validations, as `cells`: the part each row was tested in, as codes from 0, in the row order
            of the first cell's first seed. Scores are means over the parts, rows are drawn within them where all
            systems share them, and deviations are stretched by `shared_training`.
    Raises:
        UserError: there are no cells, or ids differ.
    """
    if not cells or any(len(cell) == 0 for cell in cells):
        raise UserError("there is nothing to compare: no predictions")
    item = metric(measure, cells[0][0].labels) if isinstance(measure, str) else measure
    flat = None if parts is None else [one for cell in parts for one in cell]
    systems = Systems.of([one for cell in cells for one in cell], item, by_group, flat)
    scores, drawn = resampled_scores(systems, item, resamples, seed)
    if systems.shape[0] > 1:
        centre = drawn.mean(axis=1, keepdims=True)
        drawn = centre + shared_training(systems.shape[0]) * (drawn - centre)
    generator = np.random.default_rng([seed, 1])
    ends = np.cumsum([len(cell) for cell in cells])
    example_draws, seed_draws = np.empty((len(cells), resamples)), np.zeros((len(cells), resamples))
    means = np.empty(len(cells))
    between = np.zeros(len(cells))
    for place, (end, cell) in enumerate(zip(ends, cells, strict=True)):
        of_seeds = slice(end - len(cell), end)
        means[place] = scores[of_seeds].mean()
        example_draws[place] = drawn[of_seeds].mean(axis=0)
        if len(cell) > 1:
            seed_draws[place], between[place] = _seed_draws(scores[of_seeds], drawn[of_seeds], generator)
    seeds = np.array([len(cell) for cell in cells])
    return CellDraws(item, means, seeds, example_draws, seed_draws, between, len(cells[0][0]))


def shared_training(parts: int) -> float:
    """How much wider than by its test rows alone a cross-validated score must be held, its trainings sharing rows.

    A mean over J trainings, each tested on n2 rows and trained on n1, has the variance (1 / J + n2 / n1) s^2 rather
    than s^2 / J (Nadeau & Bengio 2003, Machine Learning 52, eq. 9), so deviations grow by sqrt(1 + J n2 / n1). A part
    trains on the rows of all others, so J n2 / n1 is J / (J - 1); where parts are missing, that is too wide, never
    too narrow.
    """
    return float(np.sqrt(1 + parts / (parts - 1)))


def _seed_draws(scores: FloatArray, drawn: FloatArray, generator: np.random.Generator) -> tuple[FloatArray, float]:
    count, resamples = drawn.shape
    variance = float(scores.var(ddof=1))
    by_examples = float((drawn - drawn.mean(axis=0)).var(axis=1).mean()) * count / (count - 1)
    kept = max(variance - by_examples, 0.0) / variance if variance > 0 else 0.0
    times = generator.multinomial(count, np.full(count, 1 / count), size=resamples)
    moved = times @ (scores - scores.mean()) / count
    return moved * np.sqrt(kept * count / (count - 1)), variance / count


def letters(different: npt.NDArray[np.bool_]) -> list[str]:
    """Compact letter display: systems that share a letter cannot be told apart.

    Insert-and-absorb (Piepho 2004, J. Comput. Graph. Stat. 13).

    Args:
        different: (c, c) symmetric, systems from best to worst, True where two are different.
    Returns:
        one string of letters a system; the best has an "a".
    """
    columns = [frozenset(range(len(different)))]
    for one, other in zip(*np.nonzero(np.triu(different)), strict=True):
        split = [column for column in columns if one in column and other in column]
        columns = [column for column in columns if column not in split]
        for candidate in (column - {out} for column in split for out in (one, other)):
            if not any(candidate <= column for column in columns):
                columns = [column for column in columns if not column <= candidate] + [candidate]
    columns.sort(key=sorted)
    return [
        "".join(_letter(place) for place, column in enumerate(columns) if row in column)
        for row in range(len(different))
    ]


def _letter(place: int) -> str:
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    return alphabet[place] if place < len(alphabet) else f"({place + 1})"


@dataclass(frozen=True)
class Agreement:
    """What differs between two sets of predictions.

    Attributes:
        verdict: "byte-equal" (labels and every bit of the probabilities), "equal labels", or "different".
        rows: rows compared.
        differing: rows whose predicted labels differ.
        examples: the ids of the first of them, at most five.
        largest_probability: the largest |difference| of two probabilities.
        f1_changes: label -> F1 of the second minus the first.
    """

    verdict: Verdict
    rows: int
    differing: int
    examples: tuple[str, ...]
    largest_probability: float
    f1_changes: dict[str, float]

    @property
    def share(self) -> float:
        """Share of rows with equal labels; 1 for no rows."""
        return 1 - self.differing / self.rows if self.rows else 1.0

    def __str__(self) -> str:
        if self.verdict == "byte-equal":
            return f"byte-equal on {self.rows} rows"
        said = f"probabilities differ by up to {self.largest_probability:.2g}"
        if self.verdict == "equal labels":
            return f"equal labels on {self.rows} rows; {said}"
        return f"{self.differing} of {self.rows} labels differ (ids {', '.join(self.examples)}); {said}"


def agreement(first: Predictions, second: Predictions) -> Agreement:
    """Compare two sets of predictions row by row, aligned by id.

    Raises:
        UserError: ids or labels are not the same.
    """
    if set(first.labels) != set(second.labels):
        raise UserError(
            f"predictions over {', '.join(first.labels)} cannot be compared with those over {', '.join(second.labels)}"
        )
    second = second.aligned_to(first.ids)
    order = [second.labels.index(label) for label in first.labels]
    probabilities = second.probabilities[:, order]
    wrong = first.predicted != second.predicted
    equal = not wrong.any()
    same_bits = first.probabilities.tobytes() == np.ascontiguousarray(probabilities).tobytes()
    apart = np.abs(first.probabilities - probabilities)
    columns = [*order, *range(len(order), second.width)]
    changes = f1s(second.confusion()[np.ix_(order, columns)]) - f1s(first.confusion())
    return Agreement(
        verdict="different" if not equal else "byte-equal" if same_bits else "equal labels",
        rows=len(first),
        differing=int(wrong.sum()),
        examples=tuple(str(name) for name in first.ids[wrong][:5]),
        largest_probability=float(apart.max()) if apart.size else 0.0,
        f1_changes={label: float(change) for label, change in zip(first.labels, changes, strict=True)},
    )
