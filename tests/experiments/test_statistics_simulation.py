"""The methods that only the statistics page compares with: right, or the comparison would mean nothing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from naba.evaluation.significance import paired_bootstrap

SCRIPT = Path(__file__).parents[2] / "experiments" / "attempts" / "statistics_simulation.py"


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("statistics_simulation", SCRIPT)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def system(simulation, rows, right, seed, groups=None):
    gold = np.random.default_rng(0).integers(0, 3, rows)
    generator = np.random.default_rng([seed, 9])
    predicted = np.where(generator.random(rows) < right, gold, generator.integers(0, 3, rows))
    return simulation.predictions(gold, predicted, groups)


def test_bca_of_a_skewed_share_agrees_with_scipy(simulation):
    """Near 1 bias and acceleration matter: a doubled acceleration moves the bounds by more than the tolerance."""
    gold = np.zeros(40, dtype=int)
    drawn = simulation.predictions(gold, np.where(np.arange(40) < 36, 0, 1))
    right = (drawn.gold == drawn.predicted).astype(float)
    theirs = stats.bootstrap((right,), np.mean, n_resamples=40_000, method="BCa", rng=1).confidence_interval
    ours = simulation.bca_interval(drawn, "accuracy", resamples=40_000, seed=0)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.013)  # half a row
    sample = np.random.default_rng(0).gamma(2.0, 1.0, 40_000)
    left_out, weights = np.array([0.0, 0.0, 0.0, 4.0]), np.ones(4)
    bias = stats.norm.ppf(np.mean(sample < 2.0))
    acceleration = ((1.0 - left_out) ** 3).sum() / (6 * ((1.0 - left_out) ** 2).sum() ** 1.5)
    points = bias + (bias + stats.norm.ppf([0.025, 0.975])) / (
        1 - acceleration * (bias + stats.norm.ppf([0.025, 0.975]))
    )
    expected = np.quantile(sample, stats.norm.cdf(points))
    assert simulation.bca(sample, 2.0, left_out, weights, 0.95) == pytest.approx(expected, rel=1e-9)


def test_bca_with_groups_of_one_row_equals_bca_by_row(simulation):
    one = system(simulation, 60, 0.7, 0, np.arange(60))
    by_row, by_group = (simulation.bca_interval(one, "macro_f1", 5_000, 0, by_group=kind) for kind in (False, True))
    assert (by_group.low, by_group.high) == pytest.approx((by_row.low, by_row.high), abs=0.02)


def test_identical_systems_have_p_one(simulation):
    one = system(simulation, 50, 0.6, 3)
    assert simulation.approximate_randomisation(one, one, "macro_f1", resamples=200) == 1
    assert simulation.mcnemar(one, one).p_value == 1


def test_randomisation_agrees_with_scipy_and_with_mcnemar(simulation):
    a, b = system(simulation, 60, 0.8, 1), system(simulation, 60, 0.6, 2)
    right = [(one.gold == one.predicted).astype(float) for one in (a, b)]
    theirs = stats.permutation_test(
        right, lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=9999, rng=0
    )
    assert simulation.approximate_randomisation(a, b, "accuracy") == pytest.approx(theirs.pvalue, abs=0.02)
    exact = simulation.mcnemar(a, b, "exact").p_value
    assert simulation.approximate_randomisation(a, b, "accuracy", 20_000) == pytest.approx(exact, abs=0.02)
    assert paired_bootstrap(a, b, "accuracy").p_value == pytest.approx(exact, abs=0.06)


def test_mcnemar_is_exact_for_small_counts_and_chi_squared_for_large(simulation):
    gold = np.zeros(40, dtype=int)
    a, b = gold.copy(), gold.copy()
    a[:2], b[2:11] = 2, 2
    pair = [simulation.predictions(gold, predicted) for predicted in (a, b)]
    small = simulation.mcnemar(*pair)
    assert (small.only_a, small.only_b, small.method) == (9, 2, "exact")
    assert small.p_value == pytest.approx(stats.binomtest(2, 11).pvalue)
    large = simulation.mcnemar(*pair, method="asymptotic")
    assert large.p_value == pytest.approx(stats.chi2.sf((9 - 2 - 1) ** 2 / 11, 1))


@pytest.mark.slow
def test_every_part_of_the_page_is_made(simulation, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["statistics_simulation.py", "--runs", "2"])
    simulation.main()
    printed = capsys.readouterr().out
    assert all(title in printed for title, *_ in simulation.PARTS)
