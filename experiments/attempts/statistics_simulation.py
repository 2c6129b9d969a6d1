"""Simulation: do naba's intervals cover, do its tests keep their level, and what does pairing gain?

python experiments/attempts/statistics_simulation.py            # all, about three minutes on one core
python experiments/attempts/statistics_simulation.py --runs 100 # a quick look
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from naba.evaluation.bootstrap import (
    VALUES_IN_A_CHUNK,
    Cells,
    Score,
    Systems,
    aligned_systems,
    apply,
    group_units,
    interval,
    percentile,
    resampled_counts,
    units_of,
)  # fmt: skip
from naba.evaluation.metrics import metric
from naba.evaluation.predictions import Predictions
from naba.evaluation.significance import BLUR, compare_cells, holm, paired_bootstrap
from naba.evaluation.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LABELS = ("agree", "disagree", "other")
NAMES = np.array(LABELS, dtype=object)
SHARES = np.array([0.34, 0.64, 0.02])
"""Class shares of the ANS stance test set, whose third class has seven rows."""
ROWS = 379
CONFUSION = np.array([[0.70, 0.28, 0.02], [0.15, 0.83, 0.02], [0.30, 0.30, 0.40]])
"""Gold to predicted: a system near .75 macro-F1 over agree and disagree."""


def predictions(gold: np.ndarray, predicted: np.ndarray, groups: np.ndarray | None = None) -> Predictions:
    flat = np.full((len(gold), 3), 1 / 3)
    named = None if groups is None else groups.astype(str).astype(object)
    return Predictions(np.arange(len(gold)).astype(str), NAMES[gold], NAMES[predicted], flat, LABELS, named)


def answers(generator: np.random.Generator, gold: np.ndarray) -> np.ndarray:
    return (generator.random(len(gold))[:, None] > np.cumsum(CONFUSION[gold], axis=1)).sum(axis=1).clip(max=2)


def gold_labels(generator: np.random.Generator, rows: int) -> np.ndarray:
    return generator.choice(3, size=rows, p=SHARES)


def mixed(generator: np.random.Generator, base: np.ndarray, gold: np.ndarray, own: float) -> np.ndarray:
    """A system that answers as `base` does, but for a share of rows on which it has its own mind."""
    return np.where(generator.random(len(gold)) < own, answers(generator, gold), base)


def improved(generator: np.random.Generator, predicted: np.ndarray, gold: np.ndarray, share: float) -> np.ndarray:
    """The same answers, with a share of the wrong ones put right."""
    return np.where(generator.random(len(gold)) < share, gold, predicted)


EXACT_BELOW = 25
"""McNemar's test is exact below this many rows on which one system only is right (Dietterich 1998 advises 10)."""


# --- methods that naba does not use, kept here because this page compares with them ---------------------------------


def bca_interval(predictions: Predictions, name: str, resamples: int, seed: int, by_group: bool = False) -> Score:
    """A metric with its BCa interval, from the draws that `interval` would make with these arguments."""
    item = metric(name, predictions.labels)
    cells = Cells.of(predictions, by_target=False)
    units = group_units(cells, units_of(predictions)) if by_group else None
    drawn = [
        apply(item, counts, predictions.labels)
        for counts in resampled_counts(cells, resamples, np.random.default_rng(seed), units)
    ]
    estimate = float(apply(item, cells.counts(), predictions.labels))
    left_out, weights = jackknife(cells, units)
    low, high = bca(np.concatenate(drawn), estimate, apply(item, left_out, predictions.labels), weights, 0.95)
    return Score(name, estimate, low, high, len(predictions))


def jackknife(cells: Cells, units: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Counts with one row (or group) left out, (j, t, k, k), and how many rows each of the j stands for."""
    counts = cells.counts().reshape(-1)
    if units is not None:
        return (counts - units).reshape(-1, *cells.shape), np.ones(len(units))
    occupied = np.flatnonzero(counts)
    left_out = np.repeat(counts[None], len(occupied), axis=0)
    left_out[np.arange(len(occupied)), occupied] -= 1
    return left_out.reshape(-1, *cells.shape), counts[occupied].astype(np.float64)


def bca(
    sample: np.ndarray, estimate: float, left_out: np.ndarray, weights: np.ndarray, confidence: float
) -> tuple[float, float]:
    """The bias-corrected and accelerated interval (Efron 1987; Efron & Tibshirani 1993, eq. 14.9 to 14.15).

    Args:
        sample: (b,) bootstrap values.
        estimate: the value on the rows themselves.
        left_out, weights: (j,) jackknife values, and how many rows share each.
    """
    from scipy.special import ndtr, ndtri

    # Metrics of counts are discrete: ties with the estimate are split, so that a symmetric sample has no bias.
    below = (np.mean(sample < estimate) + np.mean(sample <= estimate)) / 2
    if not 0 < below < 1:
        return percentile(sample, confidence)
    bias = float(ndtri(below))
    away = np.average(left_out, weights=weights) - left_out
    spread = float((weights * away**2).sum())
    acceleration = float((weights * away**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    ends = bias + np.array([1, -1]) * ndtri((1 - confidence) / 2)
    low, high = np.quantile(sample, np.sort(ndtr(bias + ends / (1 - acceleration * ends))))
    return float(low), float(high)


def swapped_scores(
    systems: Systems, measure: str, resamples: int = 10_000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Two systems' scores when their answers are exchanged at random, unit by unit.

    Returns:
        (2,) scores as they are and (2, b) scores after b random exchanges.
    """
    item = metric(measure, systems.labels)
    generator = np.random.default_rng(seed)
    a, b = (systems.matrix(slice(place, place + 1)) for place in range(len(systems.codes)))
    # Units on which both systems fall in the same cells cannot change anything.
    change = (b - a).tocsc()
    change.eliminate_zeros()
    change = change[:, np.flatnonzero(np.diff(change.indptr))].tocsr()
    counts = systems.counts(slice(None)).astype(np.float64)
    units = max(1, change.shape[1])
    chunk = max(1, VALUES_IN_A_CHUNK // units)
    drawn = []
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        moved = change @ generator.integers(0, 2, size=(change.shape[1], size)).astype(np.float32)
        moved = np.moveaxis(moved.reshape(*systems.shape, size), -1, 0).astype(np.float64)
        pair = np.stack([counts[0] + moved, counts[1] - moved])
        drawn.append(apply(item, pair, systems.labels))
    return apply(item, counts, systems.labels), np.concatenate(drawn, axis=1)


def approximate_randomisation(
    a: Predictions,
    b: Predictions,
    measure: str,
    resamples: int = 10_000,
    seed: int = 0,
    by_group: bool | None = None,
) -> float:
    """p-value of the hypothesis that it does not matter which system gave which answer.

    Answers are exchanged between the systems row by row (or group by group) with probability 1/2; the p-value is
    the share of exchanges with a difference as large (Noreen 1989, ch. 2; Yeh 2000, COLING), two-sided, counting
    the answers as given.

    Raises:
        UserError: the two systems did not predict the same ids.
    """
    item = metric(measure, a.labels)
    scores, drawn = swapped_scores(Systems.of([a, b], item, by_group), measure, resamples, seed)
    extreme = int((np.abs(drawn[0] - drawn[1]) >= abs(scores[0] - scores[1]) - BLUR).sum())
    return (1 + extreme) / (1 + resamples)


@dataclass(frozen=True)
class McNemar:
    """McNemar's test: rows that only a or only b got right, the p-value, and how it was computed."""

    only_a: int
    only_b: int
    p_value: float
    method: Literal["exact", "asymptotic"]


def mcnemar(a: Predictions, b: Predictions, method: Literal["exact", "asymptotic"] | None = None) -> McNemar:
    """Whether two systems differ in accuracy, from the rows on which one only is right.

    Exact: the binomial test of the two counts. Asymptotic: chi-squared with one degree of freedom and Edwards'
    continuity correction, (|only_a - only_b| - 1)^2 / (only_a + only_b) (McNemar 1947; Edwards 1948).

    Args:
        method: exact below `EXACT_BELOW` such rows and asymptotic from there on, unless given.
    Raises:
        UserError: the two systems did not predict the same ids.
    """
    from scipy.special import bdtr, chdtrc

    a, b = aligned_systems([a, b])
    right_a, right_b = a.gold_codes == a.predicted_codes, b.gold_codes == b.predicted_codes
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    total = only_a + only_b
    chosen = method or ("exact" if total < EXACT_BELOW else "asymptotic")
    if total == 0:
        return McNemar(0, 0, 1.0, chosen)
    if chosen == "exact":
        # The binomial with a half is symmetric: twice one tail, which meets itself where the two counts are equal.
        p_value = min(1.0, 2 * bdtr(min(only_a, only_b), total, 0.5))
    else:
        p_value = chdtrc(1, max(abs(only_a - only_b) - 1, 0) ** 2 / total)
    return McNemar(only_a, only_b, float(p_value), chosen)


def coverage(runs: int) -> Iterator[list[str]]:
    population = SHARES[:, None] * CONFUSION
    for rows in (100, ROWS, 1000):
        for name in ("accuracy", "macro_f1_agree_disagree", "macro_f1", "mcc"):
            truth = float(metric(name).function(population, LABELS))
            inside = {"percentile": 0, "bca": 0}
            for run in range(runs):
                generator = np.random.default_rng([rows, run])
                gold = gold_labels(generator, rows)
                drawn = predictions(gold, answers(generator, gold))
                for method, make in (("percentile", interval), ("bca", bca_interval)):
                    score = make(drawn, name, resamples=1000, seed=run)
                    inside[method] += score.low <= truth <= score.high
            yield [str(rows), name, f"{truth:.3f}", *(f"{count / runs:.3f}" for count in inside.values())]


def clustered_coverage(runs: int) -> Iterator[list[str]]:
    """Claims whose rows are right or wrong together: a beta-distributed chance a claim, mean .7."""
    for per_claim, claims in ((1, 300), (5, 60), (10, 30)):
        inside = {"by example": 0, "by group": 0}
        for run in range(runs):
            generator = np.random.default_rng([per_claim, run])
            groups = np.repeat(np.arange(claims), per_claim)
            chance = generator.beta(1.4, 0.6, claims)[groups]
            gold = generator.integers(0, 2, len(groups))
            drawn = predictions(gold, np.where(generator.random(len(groups)) < chance, gold, 1 - gold), groups)
            for name in inside:
                score = interval(drawn, "accuracy", resamples=1000, seed=run, by_group=name == "by group")
                inside[name] += score.low <= 0.7 <= score.high
        yield [f"{claims} x {per_claim}", *(f"{count / runs:.3f}" for count in inside.values())]


def unpaired(a: Predictions, b: Predictions, name: str, seed: int) -> float:
    """What a reader does with two published intervals: a z-test that ignores that the rows are the same."""
    from scipy.special import ndtr

    one, other = (interval(system, name, resamples=1000, seed=seed) for system in (a, b))
    error = np.hypot(one.high - one.low, other.high - other.low) / (2 * 1.96)
    return float(2 * ndtr(-abs(one.value - other.value) / error)) if error else 1.0


def p_values(a: Predictions, b: Predictions, seed: int) -> dict[str, float]:
    name = "macro_f1_agree_disagree"
    return {
        "paired bootstrap": paired_bootstrap(a, b, name, resamples=1000, seed=seed).p_value,
        "randomisation": approximate_randomisation(a, b, name, resamples=1000, seed=seed),
        "McNemar (accuracy)": mcnemar(a, b).p_value,
        "unpaired": unpaired(a, b, name, seed),
    }


def rejections(runs: int, rows: int, gain: float, own: float) -> list[str]:
    found: dict[str, int] = {}
    for run in range(runs):
        generator = np.random.default_rng([rows, int(1000 * gain), int(100 * own), run])
        gold = gold_labels(generator, rows)
        base = answers(generator, gold)
        other = improved(generator, mixed(generator, base, gold, own), gold, gain)
        for name, p_value in p_values(predictions(gold, other), predictions(gold, base), run).items():
            found[name] = found.get(name, 0) + (p_value < 0.05)
    return [f"{count / runs:.3f}" for count in found.values()]


def false_alarms(runs: int) -> Iterator[list[str]]:
    for rows in (30, 100, ROWS):
        for own in (0.2, 1.0):
            yield [str(rows), f"{own:.0%}", *rejections(runs, rows, 0.0, own)]


def power(runs: int) -> Iterator[list[str]]:
    for gain in (0.1, 0.2, 0.3):
        yield [f"{gain:.0%}", *rejections(runs, ROWS, gain, 0.1)]


def seeds(runs: int) -> Iterator[list[str]]:
    """One model trained with s seeds twice over: how often are the two halves called different?"""
    name = "macro_f1_agree_disagree"
    for count in (1, 2, 3, 5, 10):
        alarms = {"seeds and examples": 0, "examples only": 0}
        for run in range(runs):
            generator = np.random.default_rng([count, run])
            gold = gold_labels(generator, ROWS)
            base = answers(generator, gold)
            # Each seed moves the whole classifier a little, beyond what it does to single rows.
            cells = [
                [
                    predictions(gold, improved(generator, mixed(generator, base, gold, 0.15), gold, share))
                    for share in generator.uniform(0, 0.3, count)
                ]
                for _ in range(2)
            ]
            draws = compare_cells(cells, name, resamples=1000, seed=run)
            alarms["seeds and examples"] += draws.difference(0, 1).p_value < 0.05
            fixed = draws.example_draws[0] - draws.example_draws[1]
            low, high = np.quantile(fixed, [0.025, 0.975])
            alarms["examples only"] += not low <= 0 <= high
        yield [str(count), *(f"{alarm / runs:.3f}" for alarm in alarms.values())]


def families(runs: int) -> Iterator[list[str]]:
    """Ten systems that are equally good: how often is any pair called different?"""
    plain = corrected = 0
    for run in range(runs):
        generator = np.random.default_rng([10, run])
        gold = gold_labels(generator, ROWS)
        base = answers(generator, gold)
        cells = [[predictions(gold, mixed(generator, base, gold, 0.3))] for _ in range(10)]
        draws = compare_cells(cells, "macro_f1_agree_disagree", resamples=1000, seed=run)
        found = [draws.difference(a, b).p_value for a in range(10) for b in range(a)]
        plain += min(found) < 0.05
        corrected += holm(found).min() < 0.05
    yield [f"{plain / runs:.3f}", f"{corrected / runs:.3f}"]


TESTS = ["paired bootstrap", "randomisation", "McNemar (accuracy)", "unpaired"]
PARTS: list[tuple[str, list[str], Callable[[int], Iterator[list[str]]], float]] = [
    ("Coverage of 95 % intervals", ["rows", "metric", "truth", "percentile", "BCa"], coverage, 1.0),
    (
        "Coverage where rows share a claim (accuracy)",
        ["claims x rows", "by example", "by group"],
        clustered_coverage,
        1,
    ),
    ("False alarms at .05: two equally good systems", ["rows", "rows answered again", *TESTS], false_alarms, 1),
    (f"Power at .05, {ROWS} rows, 10 % of them answered again", ["errors put right", *TESTS], power, 1),
    (
        "False alarms at .05: one model's seeds in two halves",
        ["seeds a half", "seeds and examples", "examples only"],
        seeds,
        1,
    ),
    ("Any false alarm among 45 pairs of ten equally good systems", ["uncorrected", "Holm"], families, 0.5),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500, help="simulated test sets for each line")
    runs = parser.parse_args().runs
    started = time.perf_counter()
    for title, header, part, share in PARTS:
        count = max(10, int(runs * share))
        error = 1.96 * np.sqrt(0.05 * 0.95 / count)
        notes = [f"{count} simulated test sets a line; a rate of .05 or .95 is known to ±{error:.3f}"]
        print(Table(title, header, list(part(count)), notes).render("markdown"), flush=True)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
