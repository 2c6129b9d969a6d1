"""Paired comparison of systems on the same examples: two of them, or many cells of several seeds each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
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
CONFIDENCE = 0.95
"""Coverage of the intervals of cells and of their differences."""
PAIRS_AT_ONCE = 8
"""Pairs tested together: their draws fit a processor's cache."""


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
    return float(_two_sided(np.array([estimate]), drawn[None], drawn.std(ddof=1, keepdims=True))[0])


def _two_sided(estimates: FloatArray, drawn: FloatArray, errors: FloatArray) -> FloatArray:
    """`two_sided` of m differences at once: (m,) estimates, (m, b) draws and their (m,) standard deviations."""
    extreme = (np.abs(drawn - estimates[:, None]) >= np.abs(estimates)[:, None] - BLUR).sum(axis=1)
    found = (1 + extreme) / (1 + drawn.shape[1])
    far = np.flatnonzero((extreme == 0) & (errors > BLUR))
    if len(far):
        from scipy.special import ndtr

        found[far] = np.minimum(2 * ndtr(-np.abs(estimates[far]) / errors[far]), found[far])
    return found


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

    @cached_property
    def _uncertain(self) -> FloatArray:
        """(c,) the square of `between` over its degrees of freedom; 0 for a cell of one seed."""
        spread = zip(self.between.tolist(), self.seeds.tolist(), strict=True)
        return np.array([value**2 / (count - 1) if count > 1 else 0.0 for value, count in spread])

    def of(self, places: Sequence[int] | IntArray) -> CellDraws:
        """Some of the cells, in this order."""
        names = ("means", "seeds", "example_draws", "seed_draws", "between")
        return replace(self, **{name: getattr(self, name)[places] for name in names})

    def interval(self, cell: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Interval of a cell's mean over examples and seeds."""
        found = self._difference(cell, None, confidence)
        return found.low, found.high

    def difference(self, a: int, b: int, confidence: float = CONFIDENCE) -> Difference:
        """Difference of two cells' means, with examples paired and seeds independent."""
        return self._difference(a, b, confidence)

    def _difference(self, a: int, b: int | None, confidence: float) -> Difference:
        estimate = float(self.means[a] - (0.0 if b is None else self.means[b]))
        examples = self.example_draws[a] - (0.0 if b is None else self.example_draws[b])
        members = [a] if b is None else [a, b]
        seeds = self.seed_draws[a] - (0.0 if b is None else self.seed_draws[b])
        uncertain = sum(self._uncertain[members])
        widening = float(_widening((examples + seeds).var(keepdims=True), np.array([uncertain]), confidence)[0])
        centre = examples.mean()
        drawn = centre + widening * (examples - centre + seeds)
        return difference_of(self.metric, estimate, drawn, confidence, self.rows)

    def all_tests(self) -> tuple[FloatArray, FloatArray]:
        """(c, c) p-values of all pairs and standard errors of their differences: what `difference` says of each pair.

        Above the diagonal; nan elsewhere. Many pairs at once, since thousands of cells have millions of them.
        """
        p_values, errors = (np.full((len(self.means), len(self.means)), np.nan) for _ in range(2))
        for a in range(len(self.means) - 1):
            for start in range(a + 1, len(self.means), PAIRS_AT_ONCE):
                others = slice(start, start + PAIRS_AT_ONCE)
                p_values[a, others], errors[a, others] = self._tests(a, others)
        return p_values, errors

    def _tests(self, a: int, others: slice) -> tuple[FloatArray, FloatArray]:
        estimate = self.means[a] - self.means[others]
        examples = self.example_draws[a] - self.example_draws[others]
        drawn = self.seed_draws[a] - self.seed_draws[others]
        uncertain = self._uncertain[a] + self._uncertain[others]
        widening = _widening((examples + drawn).var(axis=1), uncertain, CONFIDENCE)
        centre = examples.mean(axis=1, keepdims=True)
        examples -= centre
        drawn += examples
        drawn *= widening[:, None]
        drawn += centre
        errors = drawn.std(axis=1, ddof=1)
        return _two_sided(estimate, drawn, errors), errors


def _widening(total: FloatArray, uncertain: FloatArray, confidence: float) -> FloatArray:
    """How much wider than a normal interval one must be whose variance is partly known from few seeds only.

    The ratio of the t and the normal quantile at the degrees of freedom of Welch and Satterthwaite (Satterthwaite
    1946): those of the examples are taken as infinite, those of a cell's seeds are their number less one.

    Args:
        total: (m,) variances, of examples and seeds.
        uncertain: (m,) sums over the cells of the squared variance of the mean as its seeds' scores show it, over its
            degrees of freedom.
    """
    from scipy.special import ndtri, stdtrit

    tail = (1 + confidence) / 2
    known = (uncertain > 0) & (total > 0)
    squares = np.array([one**2 for one in total[known].tolist()])
    found = np.ones(len(total))
    found[known] = stdtrit(squares / uncertain[known], tail) / ndtri(tail)
    return found


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

    A letter is a largest set of systems of which no two are different: what insert-and-absorb comes to (Piepho 2004,
    J. Comput. Graph. Stat. 13), found system by system rather than pair by pair.

    Args:
        different: (c, c) symmetric, systems from best to worst, True where two are different.
    Returns:
        one string of letters a system; the best has an "a".
    """
    columns: list[int] = []  # sets of systems, as bits
    for system in range(len(different)):
        alike = sum(1 << int(other) for other in np.flatnonzero(~different[system, :system]))
        shared = {column & alike for column in columns} or {0}
        largest = [one for one in shared if not any(one != other and one & ~other == 0 for other in shared)]
        columns = [column for column in columns if column & ~alike] + [one | 1 << system for one in largest]
    members = sorted([system for system in range(len(different)) if column >> system & 1] for column in columns)
    found = [""] * len(different)
    for place, systems in enumerate(members):
        for system in systems:
            found[system] += _letter(place)
    return found


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
