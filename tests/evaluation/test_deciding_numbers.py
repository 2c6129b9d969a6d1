"""Numbers that decide, each at its boundary, against a value known by hand or from a reference."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from naba.errors import UserError
from naba.evaluation.bootstrap import (
    Cells,
    Systems,
    group_units,
    interval,
    rankings,
    resampling_weights,
    share_groups,
    units_of,
    value,
)
from naba.evaluation.metrics import METRICS
from naba.evaluation.predictions import Predictions, objects
from naba.evaluation.significance import (
    Agreement,
    Difference,
    _seed_draws,
    agreement,
    compare_cells,
    paired_bootstrap,
    shared_training,
    two_sided,
)
from naba.evaluation.submission import share_warnings
from naba.export import parity
from naba.export.parity import INT8_AGREEMENT, INT8_MACRO_F1, Parity
from naba.models.calibration import risk_threshold

LABELS = ("a", "b")
ACCURACY = [METRICS["accuracy"]]


def predictions(right: list[bool] | np.ndarray, groups: list[str] | None = None, labels=LABELS) -> Predictions:
    """All gold labels are `a`; `right` says which answers are."""
    right = np.asarray(right)
    rows = len(right)
    predicted = np.where(right, labels[0], labels[1])
    probabilities = np.where(right[:, None], [[1.0, 0.0]], [[0.0, 1.0]])
    names = None if groups is None else objects(groups)
    return Predictions(
        objects([str(row) for row in range(rows)]), objects([labels[0]] * rows), objects(predicted.tolist()),
        probabilities, labels, names,
    )  # fmt: skip


# --- groups -------------------------------------------------------------------------------------------------------


def test_a_row_without_a_group_is_its_own_group():
    one = predictions([True] * 6, ["x", "", "y", "", "x", ""])
    assert units_of(one).tolist() == [0, 1, 2, 3, 0, 4]


def test_units_are_the_groups_and_nothing_more():
    """One unit too many would be an empty one, now and then drawn in place of a group."""
    one = predictions([True, False, True, True, False], ["x", "y", "x", "", "y"])
    units = group_units(Cells.of(one, by_target=False), units_of(one))
    assert units.tolist() == [[2, 0, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0]]


def test_rows_without_groups_do_not_widen_the_interval():
    """Half of the rows had the group "" and were drawn as one: the interval was several times too wide."""
    right = np.random.default_rng(0).random(800) < 0.7
    groups = [f"g{row // 2}" if row < 400 else "" for row in range(800)]
    score = interval(predictions(right, groups), "accuracy")
    exact = stats.binomtest(int(right.sum()), 800).proportion_ci(method="wilson")
    assert score.high - score.low == pytest.approx(exact.high - exact.low, rel=0.12)


def test_paired_tests_draw_rows_without_groups_alone():
    chance = np.random.default_rng(1)
    a, b = chance.random(600) < 0.75, chance.random(600) < 0.72
    groups = [f"g{row // 2}" if row < 200 else "" for row in range(600)]
    drawn = paired_bootstrap(predictions(a, groups), predictions(b, groups), "accuracy")
    by_hand = (a.astype(float) - b.astype(float)).std(ddof=1) / math.sqrt(600)
    assert drawn.standard_error == pytest.approx(by_hand, rel=0.08)


@pytest.mark.parametrize(
    ("groups", "rows", "shared"),
    [(20, 21, True), (20, 20, False), (19, 38, False), (100, 104, False), (100, 105, True), (276, 379, True)],
)
def test_groups_are_drawn_whole_from_a_twentieth_more_rows_than_groups_on(groups, rows, shared):
    names = [f"g{row % groups}" for row in range(rows)]
    assert share_groups(predictions([True] * rows, names), ACCURACY) is shared


def test_clusters_of_1_4_rows_widen_the_interval_as_theory_says():
    """276 groups, 103 of them of two equal rows: the standard error of a mean over groups, by the sandwich formula."""
    right = np.random.default_rng(3).random(276) < 0.7
    sizes = np.where(np.arange(276) < 103, 2, 1)
    values = np.repeat(right, sizes)
    groups = np.repeat([f"g{group}" for group in range(276)], sizes).tolist()
    score = interval(predictions(values, groups), "accuracy", resamples=20_000)
    deviations = sizes * (right - values.mean())
    standard_error = math.sqrt((deviations**2).sum()) / sizes.sum()
    assert (score.high - score.low) / (2 * 1.96) == pytest.approx(standard_error, rel=0.05)


@pytest.mark.parametrize("name", ["accuracy_per_target", "checkthat2020_task1_map"])
def test_a_mean_over_targets_needs_a_target_for_each_row(name):
    """Rows without one were a target together."""
    labels = ("yes", "no")
    whole = predictions([True, False] * 4, ["x", "y"] * 4, labels)
    assert value(whole, name) >= 0
    some_without = dataclasses.replace(whole, groups=objects(["x", "y", "", "", *["x"] * 4]))
    with pytest.raises(UserError, match="2 of 8 rows have no group"):
        value(some_without, name)
    with pytest.raises(UserError, match="2 of 8 rows have no group"):
        interval(some_without, name, resamples=10)


def test_rankings_are_made_within_each_file():
    """Two files: relevant rows are first and last of one, second of the other; MAP by hand."""
    sure = np.array([0.9, 0.5, 0.1, 0.8, 0.6])
    gold = ["yes", "no", "yes", "no", "yes"]
    one = Predictions(list("abcde"), gold, ["yes"] * 5, np.column_stack([sure, 1 - sure]), ("yes", "no"),
                      objects(["x", "x", "x", "y", "y"]))  # fmt: skip
    assert value(one, "checkthat2020_task1_map") == pytest.approx(((1 / 1 + 2 / 3) / 2 + 1 / 2) / 2)
    together = dataclasses.replace(one, groups=None)
    assert value(together, "checkthat2020_task1_map") == pytest.approx((1 / 1 + 2 / 3 + 3 / 5) / 3)


def test_a_ranking_is_drawn_within_each_file_and_its_mean_is_over_files(monkeypatch):
    one = Predictions(list("abcd"), ["yes", "no", "yes", "no"], ["yes"] * 4,
                      np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]), ("yes", "no"),
                      objects(["x", "x", "y", "y"]))  # fmt: skip
    score = interval(one, "checkthat2020_task1_map", resamples=4000)
    # Two rows of a file drawn: no relevant one (a quarter) gives 0, else the relevant one is first and gives 1.
    assert (score.value, score.low, score.high) == (1, 0, 1)
    name, kept = "checkthat2020_task1_map", interval(one, "checkthat2020_task1_map", resamples=999, confidence=0.5)
    assert (kept.low, kept.high) == (0.5, 1), "the quartiles of 0 (1/16), 1/2 (6/16), 1 (9/16)"
    monkeypatch.setattr("naba.evaluation.bootstrap.VALUES_IN_A_CHUNK", 7)
    assert interval(one, name, resamples=999, confidence=0.5).high == 1


# --- tests and seeds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("extreme", "expected"), [(1, 2 / 101), (4, 5 / 101), (50, 51 / 101)])
def test_the_p_value_counts_the_observed_difference_too(extreme, expected):
    """(1 + extreme) / (1 + resamples): Davison & Hinkley 1997, eq. 4.11."""
    drawn = np.concatenate([np.full(extreme, 2.0), np.full(100 - extreme, 1.0)])
    assert two_sided(1.0, drawn) == pytest.approx(expected)


def test_a_p_value_is_never_0():
    assert two_sided(1.0, np.full(99, 1.0)) == pytest.approx(1 / 100)
    assert 0 < two_sided(1.0, 1.0 + np.random.default_rng(0).normal(0, 0.1, 99)) <= 1 / 100


def test_seed_draws_have_the_unbiased_variance_of_a_mean():
    """Without the stretch by s / (s - 1) three seeds would give two thirds of it (Davison & Hinkley 1997, sec. 2.3)."""
    scores = np.array([0.60, 0.70, 0.80])
    drawn = np.repeat(scores[:, None], 40_000, axis=1)
    moved, variance = _seed_draws(scores, drawn, np.random.default_rng(0))
    assert variance == pytest.approx(0.01 / 3)
    assert moved.var() == pytest.approx(0.01 / 3, rel=0.03)


def test_what_seeds_owe_to_their_examples_is_taken_out():
    """Variance .01 over three seeds, of which .0025 is each seed's own errors on the examples: .0075 / 3 is left."""
    scores = np.array([0.60, 0.70, 0.80])
    drawn = scores[:, None] + np.random.default_rng(1).normal(0, 0.05, (3, 40_000))
    moved, _ = _seed_draws(scores, drawn, np.random.default_rng(0))
    assert moved.var() == pytest.approx(0.0025, rel=0.04)


def test_beyond_the_resamples_the_normal_tail_is_two_sided():
    drawn = 1.0 + np.random.default_rng(0).normal(0, 0.2, 999)
    assert two_sided(1.0, drawn) == pytest.approx(2 * stats.norm.sf(1 / drawn.std(ddof=1)))


def test_three_seeds_of_a_cell_by_hand():
    """Seeds differ by a constant on the same rows: variances of rows and of seeds add up."""
    chance = np.random.default_rng(5)
    seeds = [predictions(chance.random(900) < share) for share in (0.55, 0.70, 0.85)]
    draws = compare_cells([seeds], "accuracy", resamples=20_000)
    means = np.array([(one.gold == one.predicted).mean() for one in seeds])
    rows = np.stack([one.gold == one.predicted for one in seeds]).mean(axis=0).std() / math.sqrt(900)
    within = np.mean([share * (1 - share) / 900 for share in means])
    between = (means.var(ddof=1) - within) / 3
    assert (draws.example_draws[0] + draws.seed_draws[0]).var() == pytest.approx(rows**2 + between, rel=0.05)


def test_one_seed_has_the_interval_of_its_rows():
    one = predictions(np.random.default_rng(7).random(400) < 0.7)
    low, high = compare_cells([[one]], "accuracy", resamples=20_000).interval(0)
    alone = interval(one, "accuracy", resamples=20_000)
    assert (low, high) == (pytest.approx(alone.low, abs=0.004), pytest.approx(alone.high, abs=0.004))


def test_folds_stretch_deviations_by_what_trainings_share():
    """Nadeau & Bengio 2003: sqrt(1 + J n2 / n1), with n2 / n1 = 1 / (J - 1)."""
    assert shared_training(5) == pytest.approx(1.5)
    assert shared_training(2) == pytest.approx(math.sqrt(3))
    one = predictions(np.random.default_rng(8).random(500) < 0.6)
    folds = [[np.arange(500) % 5]]
    plain, stretched = (
        np.diff(compare_cells([[one]], "accuracy", resamples=20_000, parts=parts).interval(0))[0]
        for parts in (None, folds)
    )
    assert stretched / plain == pytest.approx(1.5, rel=0.05)


@pytest.mark.parametrize(
    ("estimate", "p_value", "better"),
    [(0.04, 0.0499, True), (0.04, 0.05, False), (0.04, 0.06, False), (0.04, 0.4, False), (-0.04, 0.01, False),
     (0.0, 0.01, False)],
)  # fmt: skip
def test_promotion_takes_p_below_5_in_100_and_a_better_score(estimate, p_value, better):
    assert Difference("macro_f1", estimate, -1, 1, p_value, 0.02, 0.05, 100).better is better


# --- gates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("equal", "passes"), [(1000, True), (990, True), (989, False), (980, False), (500, False)])
def test_an_int8_export_keeps_99_labels_in_100(equal, passes):
    assert (INT8_AGREEMENT, INT8_MACRO_F1) == (0.99, 0.005)
    run = predictions([True] * 1000)
    export = predictions([row < equal for row in range(1000)])
    parity = Parity("onnx int8", False, agreement(run, export), 0.0, 1.0, 1)
    assert (parity.problems(1e-5) == []) is passes


@pytest.mark.parametrize(("change", "passes"), [(0.005, True), (-0.005, True), (0.0051, False), (-0.0051, False)])
def test_an_int8_export_keeps_macro_f1_within_half_a_point(change, passes):
    same = predictions([True] * 10)
    assert (Parity("onnx int8", False, agreement(same, same), change, 1.0, 1).problems(1e-5) == []) is passes


def test_other_exports_keep_every_label():
    run = predictions([True] * 1000)
    export = predictions([row > 0 for row in range(1000)])
    assert Parity("onnx", False, agreement(run, export), 0.0, 1.0, 1).problems(1e-5)


def test_the_risk_bound_shares_its_error_probability_among_the_thresholds_looked_at():
    """Geifman & El-Yaniv 2017, algorithm 1, by hand: 64 rows, 6 thresholds looked at, no errors above the first."""
    certainty = np.linspace(1.0, 0.5, 64)
    right = np.zeros(64, dtype=bool)
    threshold, share, bound = risk_threshold(certainty, right, risk=0.2, confidence=0.95)
    # No error in n rows: the Clopper-Pearson bound is 1 - delta^(1/n), delta = .05 / 6 for each threshold.
    assert bound == pytest.approx(1 - (0.05 / 6) ** (1 / 64))
    assert (threshold, share) == (pytest.approx(0.5), 1.0)
    # The search begins at 32 rows: .089 there without the union bound, .139 with it.
    assert 1 - 0.05 ** (1 / 32) < 0.11 < 1 - (0.05 / 6) ** (1 / 32)
    assert risk_threshold(certainty, right, risk=0.11, confidence=0.95)[0] == math.inf


@pytest.mark.parametrize(
    ("rows", "share", "warned"),
    [(1000, 0.56, False), (1000, 0.575, True), (100_000, 0.545, False), (100_000, 0.555, True)],
)
def test_shares_of_a_submission_are_far_beyond_5_points_and_three_standard_errors(rows, share, warned):
    """Three standard errors of the difference of two shares of 1,000 rows near one half are .067; of 100,000, .007."""
    given = predictions(np.arange(rows) < share * rows)
    gold = dataclasses.replace(given, gold=objects(["a" if row < rows / 2 else "b" for row in range(rows)]))
    assert bool(share_warnings(given, gold)) is warned


# --- cross-validations and seeds, part by part


def test_rows_are_drawn_within_the_folds_that_all_systems_share_and_else_within_all():
    one = predictions([True, False] * 4)
    parts = np.array([0, 1, 2, 0, 1, 2, 0, 0])
    shared = Systems.of([one, one], ACCURACY[0], False, [parts, parts])
    drawn = np.concatenate(list(resampling_weights(shared.strata, 50, np.random.default_rng(0))))
    for fold in range(3):
        mine = np.isin(np.arange(len(shared.strata)), shared.units[parts == fold])
        assert (drawn[:, mine].sum(axis=1) == (parts == fold).sum()).all()
    assert len(np.unique(drawn, axis=0)) > 20
    # Two folds are as before, one is not: then no row can be drawn within a fold that is another system's too.
    other = np.array([0, 1, 2, 0, 2, 1, 0, 0])
    assert set(Systems.of([one, one], ACCURACY[0], False, [parts, other]).strata.tolist()) == {0}
    groups = dataclasses.replace(one, groups=objects(["x", "x", "y", "y", "z", "z", "x", ""]))
    held = Systems.of([groups], ACCURACY[0], True, [parts])
    assert len(held.strata) == 7, "a group that lies in two folds is a unit in each"
    assert [held.strata[unit] for unit in held.units] == parts.tolist()


def test_files_whose_rows_are_mixed_are_ranked_each_by_itself():
    """x: relevant, not, relevant by falling probability; y: not, relevant. MAP is (1 + 2/3) / 2 and 1/2."""
    sure = np.array([0.2, 0.9, 0.8, 0.3, 0.5])
    gold = ["yes", "no", "yes", "yes", "no"]
    one = Predictions(list("abcde"), gold, ["yes"] * 5, np.column_stack([sure, 1 - sure]), ("yes", "no"),
                      objects(["x", "y", "x", "y", "x"]))  # fmt: skip
    assert [ranked.tolist() for ranked in rankings(one, METRICS["checkthat2020_task1_map"])] == [
        [True, False, True], [False, True],
    ]  # fmt: skip
    assert value(one, "checkthat2020_task1_map") == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2) / 2)


@pytest.mark.parametrize("measure", ["accuracy", "macro_f1", "recall_b", "mcc"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_system_that_is_silent_at_times_is_paired_with_one_that_never_is(measure, turned):
    drawn = np.random.default_rng(2)
    always = predictions(drawn.random(60) < 0.6)
    always = dataclasses.replace(always, gold=objects(["a", "b", "b"] * 20))
    quiet = np.arange(60) % 4 == 0
    silent = dataclasses.replace(
        always, predicted=objects(np.where(quiet, "", always.gold).tolist()),
        outcomes=objects(np.where(quiet, "refused", "answered").tolist()),
    )  # fmt: skip
    pair = (silent, always) if turned else (always, silent)
    found = paired_bootstrap(*pair, measure, resamples=20)
    assert found.estimate == pytest.approx(value(pair[0], measure) - value(pair[1], measure))


def test_the_draws_of_seeds_go_by_the_seed_and_those_of_examples_are_the_mean_of_the_seeds():
    chance = np.random.default_rng(5)
    seeds = [predictions(chance.random(900) < share) for share in (0.55, 0.70, 0.85)]
    one, other = (compare_cells([seeds], "accuracy", resamples=2000, seed=seed) for seed in (0, 1))
    assert abs(np.corrcoef(one.seed_draws[0], other.seed_draws[0])[0, 1]) < 0.1, "not even proportional"
    assert not np.array_equal(one.example_draws, other.example_draws)
    assert one.example_draws[0].mean() == pytest.approx(one.means[0], abs=0.003)
    means = np.array([value(seed, "accuracy") for seed in seeds])
    assert one.means[0] == pytest.approx(means.mean())
    assert one.between[0] == pytest.approx(means.var(ddof=1) / 3)
    # Satterthwaite: the squared variance of the mean over its two degrees of freedom.
    assert one._uncertain[0] == pytest.approx((means.var(ddof=1) / 3) ** 2 / 2)


@pytest.mark.parametrize("order", [("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b"), ("c", "b", "a")])
def test_two_label_orders_of_three_are_one_and_the_same(order):
    drawn = np.random.default_rng(3)
    labels = ("a", "b", "c")
    names, ids = objects(list(labels)), [str(row) for row in range(40)]
    probabilities = drawn.dirichlet([1, 1, 1], 40)
    first = Predictions(ids, names[drawn.integers(0, 3, 40)], names[probabilities.argmax(1)], probabilities, labels)
    places = [labels.index(label) for label in order]
    other = dataclasses.replace(first, labels=order, probabilities=probabilities[:, places])
    found = agreement(first, other)
    assert (found.verdict, found.largest_probability) == ("byte-equal", 0)
    assert found.f1_changes == dict.fromkeys(labels, 0)
    worse = dataclasses.replace(other, predicted=objects(["a"] * 40))
    changes = agreement(first, worse).f1_changes
    assert changes == pytest.approx(
        {label: value(worse, f"f1_{label}") - value(first, f"f1_{label}") for label in labels}
    )
    none = np.array([], dtype=int)
    assert agreement(first.take(none), other.take(none)).share == 1


# --- parity of an export, whatever answered


@pytest.mark.parametrize(
    ("apart", "passes"), [(0.0, True), (1e-5, True), (1.1e-5, False), (float("nan"), False), (float("inf"), False)]
)
def test_an_export_is_within_its_tolerance_or_refused(apart, passes):
    same = Agreement("equal labels", 10, 0, (), apart, {})
    assert (Parity("onnx", False, same, 0.0, 1.0, 1).problems(1e-5) == []) is passes
    assert Parity("onnx int8", False, same, 0.0, 1.0, 1).problems(1e-5) == [], "8 bits move probabilities as they will"
    one = dataclasses.replace(same, largest_probability=0.0, differing=1)
    assert Parity("onnx", False, one, 0.0, 1.0, 1).problems(1e-5) == ["1 of 10 labels differ"]


@pytest.mark.parametrize(("int8", "name"), [("", "onnx"), ("int8 weights", "onnx int8 weights")])
def test_macro_f1_changes_over_the_labels_that_occur_and_from_the_run_to_the_export(tmp_path, monkeypatch, int8, name):
    """`b` is lost wholly, `c` is answered in its place and occurs in no gold label: (0 - 1) / 2."""
    labels = ("a", "b", "c")

    def said(predicted):
        certain = np.eye(3)[[labels.index(one) for one in predicted]]
        return Predictions(list("1234"), list("abab"), list(predicted), certain, labels)

    form = SimpleNamespace(name="onnx", exact=False)
    (tmp_path / "weights").write_bytes(b"12345")
    monkeypatch.setattr(parity, "_answers", lambda *_: (said("acac"), 0.02))
    found = parity.measure(form, tmp_path, int8, said("abab"), {"text": ["x"] * 4})
    assert (found.format, found.exact, found.bytes) == (name, False, 5)
    assert found.macro_f1_change == pytest.approx(-0.5)
    assert found.milliseconds == pytest.approx(5.0)
    assert (found.agreement.differing, found.agreement.f1_changes["b"]) == (2, -1)
    assert found.lines()[1].startswith("macro-F1 -0.5000, 5.000 ms an example")
    one, none = said("abab").take(np.array([0])), said("abab").take(np.array([], dtype=int))
    monkeypatch.setattr(parity, "_answers", lambda *_: (one, 0.02))
    assert parity.measure(form, tmp_path, int8, one, {"text": ["x"]}).milliseconds == pytest.approx(20)
    monkeypatch.setattr(parity, "_answers", lambda *_: (none, 0.0))
    empty = parity.measure(form, tmp_path, int8, none, {"text": []})
    assert (empty.milliseconds, empty.macro_f1_change, empty.agreement.share) == (0, 0, 1)
