from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from naba.errors import UserError
from naba.evaluation import significance
from naba.evaluation.bootstrap import Systems, interval, resampled_scores
from naba.evaluation.predictions import Predictions
from naba.evaluation.significance import (
    _widening,
    agreement,
    compare_cells,
    holm,
    letters,
    paired_bootstrap,
    smallest_detectable,
)

LABELS = ("agree", "disagree", "other")
NAMES = np.array(LABELS, dtype=object)


def system(rows=300, right=0.7, seed=0, gold_seed=0, groups=None):
    gold = np.random.default_rng(gold_seed).integers(0, 3, rows)
    generator = np.random.default_rng([seed, 9])
    predicted = np.where(generator.random(rows) < right, gold, generator.integers(0, 3, rows))
    ids = np.arange(rows).astype(str)
    return Predictions(ids, NAMES[gold], NAMES[predicted], np.full((rows, 3), 1 / 3), LABELS, groups)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 80), st.integers(0, 1000), st.booleans())
def test_identical_systems_have_p_one_and_no_difference(rows, seed, by_group):
    one = system(rows, seed=seed, groups=(np.arange(rows) // 3).astype(str))
    difference = paired_bootstrap(one, one, "macro_f1", resamples=200, by_group=by_group)
    assert (difference.estimate, difference.low, difference.high, difference.p_value) == (0, 0, 0, 1)


@settings(deadline=None, max_examples=25)
@given(st.integers(5, 80), st.integers(0, 1000))
def test_exchanging_the_systems_turns_the_sign_only(rows, seed):
    a, b = system(rows, seed=seed), system(rows, right=0.5, seed=seed + 1)
    there, back = paired_bootstrap(a, b, "accuracy", resamples=300), paired_bootstrap(b, a, "accuracy", resamples=300)
    assert there.estimate == pytest.approx(-back.estimate)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p_value == back.p_value


def test_a_clear_difference_is_found():
    good, bad = system(right=0.9, seed=1), system(right=0.4, seed=2)
    difference = paired_bootstrap(good, bad, "macro_f1")
    assert difference.low > 0.1
    assert difference.p_value < 0.001


def test_pairing_beats_the_unpaired_interval():
    base = system(rows=600, right=0.7, seed=1)
    predicted = base.predicted.copy()
    predicted[:60] = base.gold[:60]
    better = Predictions(base.ids, base.gold, predicted, base.probabilities, LABELS)
    paired = paired_bootstrap(better, base, "accuracy")
    separate = [interval(one, "accuracy") for one in (better, base)]
    unpaired = np.hypot(*[(score.high - score.low) for score in separate])
    assert paired.high - paired.low < 0.6 * unpaired


def test_resampling_all_systems_agrees_with_resampling_each():
    one = system(rows=400)
    _, drawn = resampled_scores(Systems.of([one, one], "macro_f1"), "macro_f1")
    alone = interval(one, "macro_f1")
    assert np.quantile(drawn[0], [0.025, 0.975]) == pytest.approx([alone.low, alone.high], abs=0.006)
    assert np.array_equal(drawn[0], drawn[1]), "systems share their resamples"


def test_resampling_does_not_depend_on_the_chunks(monkeypatch):
    systems = Systems.of([system(50), system(50, seed=3)], "macro_f1")
    whole = resampled_scores(systems, "macro_f1", 100)[1]
    monkeypatch.setattr("naba.evaluation.bootstrap.VALUES_IN_A_CHUNK", 50 * 7)
    assert np.array_equal(resampled_scores(systems, "macro_f1", 100)[1], whole)


def test_groups_widen_the_difference():
    groups = np.repeat(np.arange(30), 10).astype(str)
    gold = np.repeat(np.random.default_rng(0).integers(0, 3, 30), 10)
    wrong = np.repeat(np.random.default_rng(1).random(30) < 0.3, 10)
    answers = [NAMES[gold], NAMES[np.where(wrong, (gold + 1) % 3, gold)]]
    a, b = (
        Predictions(np.arange(300).astype(str), NAMES[gold], p, np.full((300, 3), 1 / 3), LABELS, groups)
        for p in answers
    )
    by_group, by_row = paired_bootstrap(a, b, "accuracy"), paired_bootstrap(a, b, "accuracy", by_group=False)
    assert by_group.standard_error > 2.5 * by_row.standard_error


def test_systems_on_other_rows_or_gold_are_refused():
    one, other = system(20), system(20, gold_seed=5)
    with pytest.raises(UserError, match=r"other gold labels for \d+ ids .* another version of the data"):
        paired_bootstrap(one, other, "accuracy")
    with pytest.raises(UserError, match="system 2 cannot be aligned by id with the 20 rows: 5 ids are missing"):
        paired_bootstrap(one, one.take(np.arange(15)), "accuracy")
    with pytest.raises(UserError, match="cannot be paired"):
        paired_bootstrap(one, one, "checkthat2020_task1_map")


def test_order_of_rows_does_not_matter():
    a, b = system(50, seed=1), system(50, seed=2)
    for order in (np.random.default_rng(0).permutation(50), np.arange(50)[::-1]):
        assert paired_bootstrap(a, b, "macro_f1", 500) == paired_bootstrap(a, b.take(order), "macro_f1", 500)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_between_the_p_value_and_bonferroni(p_values):
    corrected = holm(p_values)
    given_values = np.array(p_values)
    assert (corrected >= given_values - 1e-12).all()
    assert (corrected <= np.minimum(given_values * len(p_values), 1) + 1e-12).all()
    assert (np.diff(corrected[np.argsort(given_values, kind="stable")]) >= -1e-12).all()


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, np.nan]).tolist()[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(holm([0.01, np.nan])[1])


def test_seeds_widen_the_interval_of_a_cell():
    same = [system(seed=1)] * 4
    apart = [system(right=right, seed=1) for right in (0.5, 0.65, 0.75, 0.9)]
    draws = compare_cells([same, apart, [same[0]]], "macro_f1")
    widths = [np.diff(draws.interval(cell))[0] for cell in range(3)]
    assert widths[0] == pytest.approx(widths[2]), "seeds that agree add nothing"
    assert widths[1] > 1.8 * widths[0]
    assert draws.difference(0, 2).p_value == 1


def test_many_pairs_at_once_are_tested_as_each_alone():
    rights = np.linspace(0.3, 0.75, 20)
    cells = [[system(right=right + 0.02 * n**3, seed=n + 10 * n * (n % 3)) for n in range(1 + place % 3)]
             for place, right in enumerate(rights)]  # fmt: skip
    draws = compare_cells([*cells, cells[4]], "macro_f1", resamples=500)
    assert draws.seed_draws[2].any(), "seeds that differ by more than their rows explain"
    p_values, errors = draws.all_tests()
    for a in range(21):
        assert np.isnan(p_values[a, : a + 1]).all()
        for b in range(a + 1, 21):
            one = draws.difference(a, b)
            assert (p_values[a, b], errors[a, b]) == (one.p_value, one.standard_error)
    assert p_values[4, 20] == 1
    assert 0 < np.nanmin(p_values) < 1 / 501, "far pairs have the digits that counting cannot give"
    some = draws.of([0, 7, 20])
    assert some.difference(1, 2) == draws.difference(7, 20)


def test_two_halves_of_one_models_seeds_are_not_different():
    seeds = [system(rows=2000, right=right, seed=n) for n, right in enumerate((0.70, 0.74, 0.68, 0.73, 0.71, 0.70))]
    draws = compare_cells([seeds[:3], seeds[3:]], "macro_f1")
    assert draws.difference(0, 1).p_value > 0.05


def few_seeds(total, between, count):
    return _widening(np.array([total]), np.array([between**2 / (count - 1)]), 0.95)[0]


def test_few_seeds_follow_the_t_distribution():
    t_over_z = stats.t.ppf(0.975, 4) / stats.norm.ppf(0.975)
    assert few_seeds(1.0, 1.0, 5) == pytest.approx(t_over_z)
    assert few_seeds(1.0, 0.0, 5) == 1
    assert 1 < few_seeds(2.0, 1.0, 5) < t_over_z


def test_letters_are_shared_by_those_that_cannot_be_told_apart():
    different = np.zeros((4, 4), dtype=bool)
    different[0, 2] = different[0, 3] = different[1, 3] = True
    found = letters(different | different.T)
    assert found == ["a", "ab", "bc", "c"]
    assert letters(np.zeros((3, 3), dtype=bool)) == ["a", "a", "a"]
    assert letters(~np.eye(3, dtype=bool)) == ["a", "b", "c"]


@settings(deadline=None)
@given(st.integers(2, 7).flatmap(lambda n: st.lists(st.booleans(), min_size=n * n, max_size=n * n)))
def test_letters_say_exactly_what_was_tested(flat):
    size = round(len(flat) ** 0.5)
    upper = np.triu(np.array(flat).reshape(size, size), 1)
    found = letters(upper | upper.T)
    for i in range(size):
        for j in range(i + 1, size):
            assert bool(set(found[i]) & set(found[j])) != upper[i, j]
    sets = {letter: {place for place in range(size) if letter in found[place]} for letter in set("".join(found))}
    for held in sets.values():
        outside = set(range(size)) - held
        assert all(any((upper | upper.T)[one, other] for other in held) for one in outside), "no letter could hold more"


def test_the_smallest_detectable_difference_is_found_four_times_in_five():
    """z(.975) + z(.8) = 1.95996 + 0.84162 standard errors (Bloom 1995)."""
    assert smallest_detectable(0.02) == pytest.approx(2.80158 * 0.02, rel=1e-5)
    found = 0.02 * stats.norm.isf(0.025), smallest_detectable(0.02)
    assert stats.norm.sf(found[0], loc=found[1], scale=0.02) == pytest.approx(0.8, abs=1e-6)
    strict = smallest_detectable(0.02, power=0.9, significance=0.01)
    assert strict == pytest.approx((2.57583 + 1.28155) * 0.02, rel=1e-5)


def test_p_values_stay_useful_for_corrections_over_many_pairs():
    drawn = np.random.default_rng(0).normal(0.5, 0.06, 1000)
    assert 0 < significance.two_sided(0.5, drawn) < 1e-6


# --- agreement of two sets of predictions

PAIR = ("agree", "disagree")


@pytest.fixture
def predictions():
    gold = np.array(["agree", "disagree", "agree", "disagree"], dtype=object)
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    return Predictions(["a", "b", "c", "d"], gold, gold, probabilities, PAIR)


def test_the_same_predictions_in_another_order_are_byte_equal(predictions):
    found = agreement(predictions, predictions.take(np.array([3, 1, 0, 2])))
    assert found.verdict == "byte-equal"
    assert found.share == 1
    assert str(found) == "byte-equal on 4 rows"


def test_the_order_of_labels_does_not_matter(predictions):
    turned = replace(predictions, labels=PAIR[::-1], probabilities=predictions.probabilities[:, ::-1])
    assert agreement(predictions, turned).verdict == "byte-equal"


def test_other_probabilities_leave_equal_labels(predictions):
    nudged = replace(predictions, probabilities=predictions.probabilities @ [[0.99, 0.01], [0.01, 0.99]])
    found = agreement(predictions, nudged)
    assert found.verdict == "equal labels"
    assert found.largest_probability == pytest.approx(0.008)


def test_other_labels_are_counted_named_and_weighed(predictions):
    other = predictions.predicted.copy()
    other[0] = "disagree"
    found = agreement(predictions, replace(predictions, predicted=other))
    assert (found.verdict, found.differing, found.examples) == ("different", 1, ("a",))
    assert found.f1_changes == pytest.approx({"agree": 2 / 3 - 1, "disagree": 0.8 - 1})
    assert "1 of 4 labels differ (ids a)" in str(found)


def test_other_rows_or_labels_are_refused(predictions):
    with pytest.raises(UserError, match="1 ids are missing"):
        agreement(predictions, predictions.take(np.arange(3)))
    with pytest.raises(UserError, match="cannot be compared"):
        agreement(predictions, Predictions(["a"], ["x"], ["x"], [[1.0]], ("x",)))
