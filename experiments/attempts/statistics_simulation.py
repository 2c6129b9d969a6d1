"""Simulation: do naba's intervals cover, do its tests keep their level, and what does pairing gain?

python experiments/attempts/statistics_simulation.py            # all, about three minutes on one core
python experiments/attempts/statistics_simulation.py --runs 100 # a quick look
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np

from naba.evaluation.bootstrap import interval
from naba.evaluation.metrics import metric
from naba.evaluation.predictions import Predictions
from naba.evaluation.significance import approximate_randomisation, compare_cells, holm, mcnemar, paired_bootstrap
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
                for method in inside:
                    score = interval(drawn, name, resamples=1000, seed=run, method=method)
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
    ("False alarms at .05: two equally good systems", ["rows", "rows answered anew", *TESTS], false_alarms, 1),
    (f"Power at .05, {ROWS} rows, 10 % of them answered anew", ["errors put right", *TESTS], power, 1),
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
