import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from naba.errors import UserError
from naba.evaluation.calibration import (
    brier_score,
    coverage_risk,
    coverage_risk_plot,
    expected_calibration_error,
    reliability,
    reliability_diagram,
)
from naba.evaluation.predictions import Predictions

LABELS = ("no", "yes")
NAMES = np.array(LABELS, dtype=object)


def made(rows=4000, seed=0, sharpen=1.0):
    """Gold labels drawn from the true probability; `sharpen` above 1 makes the stated one overconfident."""
    generator = np.random.default_rng(seed)
    true = generator.uniform(0.02, 0.98, rows)
    gold = (generator.random(rows) < true).astype(int)
    odds = (true / (1 - true)) ** sharpen
    stated = odds / (1 + odds)
    predicted = (stated > 0.5).astype(int)
    probabilities = np.column_stack([1 - stated, stated])
    return Predictions(np.arange(rows).astype(str), NAMES[gold], NAMES[predicted], probabilities, LABELS)


@pytest.mark.parametrize("binning", ["equal_width", "equal_mass"])
def test_calibrated_probabilities_have_a_small_error_and_overconfident_ones_a_large(binning):
    assert expected_calibration_error(made(), binning=binning) < 0.03
    assert expected_calibration_error(made(sharpen=4), binning=binning) > 0.1


def test_scores_agree_with_scikit_learn():
    predictions = made(300)
    yes = predictions.probabilities[:, 1]
    assert brier_score(predictions) == pytest.approx(2 * brier_score_loss(predictions.gold_codes, yes))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 60), st.integers(1, 15), st.sampled_from(["equal_width", "equal_mass"]), st.integers(0, 99))
def test_every_row_is_in_one_bin(rows, bins, binning, seed):
    predictions = made(rows, seed)
    curve = reliability(predictions, bins, binning)
    assert curve.count.sum() == rows
    assert (curve.low <= curve.confidence + 1e-12).all()
    assert (curve.confidence <= curve.high + 1e-12).all()
    assert 0 <= curve.error <= 1 + 1e-9


def test_one_hot_probabilities_make_one_bin():
    gold = np.array(["yes", "no", "no", "no"], dtype=object)
    answers = np.array(["yes", "yes", "no", "no"], dtype=object)
    probabilities = np.eye(2)[[1, 1, 0, 0]]
    predictions = Predictions(np.arange(4).astype(str), gold, answers, probabilities, LABELS)
    assert reliability(predictions).count.tolist() == [4]
    assert expected_calibration_error(predictions) == pytest.approx(0.25)
    curve = coverage_risk(predictions)
    assert (curve.coverage.tolist(), curve.risk.tolist()) == ([1.0], [0.25])


def test_answering_less_lowers_the_risk():
    curve = coverage_risk(made())
    assert curve.coverage[-1] == 1
    assert curve.risk[len(curve.risk) // 4] < curve.risk[-1]
    assert (np.diff(curve.threshold) < 0).all()


def test_order_of_rows_does_not_matter():
    predictions = made(100)
    shuffled = predictions.take(np.random.default_rng(0).permutation(100))
    assert coverage_risk(predictions).area == pytest.approx(coverage_risk(shuffled).area)


def test_no_rows_are_refused():
    with pytest.raises(UserError, match="no rows"):
        reliability(made(5).take(np.zeros(5, dtype=bool)))


def test_figures_name_the_binning_and_the_area(tmp_path):
    figure = reliability_diagram(made(), "تأييد")
    assert "10 equal-mass bins" in figure.axes[0].get_legend().get_texts()[0].get_text()
    figure.savefig(tmp_path / "reliability.png")
    curves = coverage_risk_plot([("نبأ", made()), ("other", made(sharpen=3))])
    assert "AURC" in curves.axes[0].get_legend().get_texts()[0].get_text()
    curves.savefig(tmp_path / "coverage.png")


def test_confidences_on_the_edge_of_a_bin_are_in_the_lower_one():
    """Bins are (low, high] (Guo et al. 2017, eq. 2): .5, .6, .75 and .8 in five bins with edges at .6 and .8."""
    sure = np.array([0.5, 0.6, 0.75, 0.8])
    predictions = Predictions(
        list("abcd"), ["yes"] * 4, ["yes"] * 4, np.column_stack([1 - sure, sure]), LABELS,
    )  # fmt: skip
    curve = reliability(predictions, 5, "equal_width")
    assert curve.count.tolist() == [2, 2]
    assert curve.low.tolist() == pytest.approx([0.4, 0.6])
    assert curve.high.tolist() == pytest.approx([0.6, 0.8])
    assert curve.confidence.tolist() == pytest.approx([0.55, 0.775])
    assert curve.error == pytest.approx((2 * 0.45 + 2 * 0.225) / 4)


def test_risk_and_its_area_by_hand():
    """Sure .9 right, .8 wrong, .8 right, .7 right: 1 row at no risk, 3 at 1/3, 4 at 1/4; two tied rows go together."""
    sure = np.array([0.9, 0.8, 0.8, 0.7])
    predictions = Predictions(
        list("abcd"), ["yes", "no", "yes", "yes"], ["yes"] * 4, np.column_stack([1 - sure, sure]), LABELS,
    )  # fmt: skip
    curve = coverage_risk(predictions)
    assert curve.threshold.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert curve.coverage.tolist() == [0.25, 0.75, 1.0]
    assert curve.risk.tolist() == pytest.approx([0, 1 / 3, 1 / 4])
    assert curve.area == pytest.approx((0 + 2 / 3 + 1 / 4) / 4)


def by_confidence(pairs):
    """Predictions of `yes` with a confidence each, right or wrong."""
    sure, right = np.array(pairs).T
    gold = NAMES[right.astype(int)]
    return Predictions(
        np.arange(len(sure)).astype(str), gold, NAMES[np.ones(len(sure), dtype=int)],
        np.column_stack([1 - sure, sure]), LABELS,
    )  # fmt: skip


HALVES = [(0.55, 0), (0.65, 1), (0.75, 1), (0.95, 1)]


def test_bins_of_equal_width_by_hand():
    curve = reliability(by_confidence(HALVES), bins=5, binning="equal_width")
    assert curve.low == pytest.approx([0.4, 0.6, 0.8])
    assert curve.high == pytest.approx([0.6, 0.8, 1.0])
    assert curve.count.tolist() == [1, 2, 1]
    assert curve.confidence == pytest.approx([0.55, 0.70, 0.95])
    assert curve.accuracy == pytest.approx([0, 1, 1])
    assert curve.error == pytest.approx((0.55 + 2 * 0.30 + 0.05) / 4)


def test_bins_weigh_as_much_as_they_have_rows():
    """Three rows that are .1 too sure and one that is .4 too little: (3 x .1 + .4) / 4, not the mean of .1 and .4."""
    rows = [(0.767, 1), (0.767, 1), (0.766, 0), (0.6, 1)]
    assert expected_calibration_error(by_confidence(rows), 5, "equal_width") == pytest.approx((3 * 0.1 + 0.4) / 4)


def test_bins_of_equal_mass_hold_as_many_rows_each():
    sure = np.linspace(0.501, 0.999, 1000)
    curve = reliability(by_confidence([(one, 1) for one in sure]), bins=10)
    assert curve.count.tolist() == [100] * 10
    assert expected_calibration_error(by_confidence([(one, 1) for one in sure])) == pytest.approx(curve.error)
    assert (curve.low[0], curve.high[-1]) == (0, 1)


def test_ten_bins_of_equal_mass_are_the_usual_ones():
    predictions = made(300, seed=2)
    by_bins = {bins: reliability(predictions, bins, "equal_mass").error for bins in (9, 10, 11)}
    assert len(set(by_bins.values())) == 3
    assert expected_calibration_error(predictions) == reliability(predictions).error == by_bins[10]


def test_the_diagram_shows_the_standard_error_of_each_share():
    """95 % of a share p of n rows: 1.96 sqrt(p (1 - p) / n)."""
    predictions = by_confidence([(0.6, row < 6) for row in range(10)] + [(0.9, row < 4) for row in range(5)])
    upper, lower = reliability_diagram(predictions, bins=2).axes
    (bars,) = upper.collections
    half = [(segment[1, 1] - segment[0, 1]) / 2 for segment in bars.get_segments()]
    assert half == pytest.approx([1.96 * (0.6 * 0.4 / 10) ** 0.5, 1.96 * (0.8 * 0.2 / 5) ** 0.5])
    assert upper.get_xlim() == lower.get_xlim() == (0, 1)
    assert upper.get_ylim() == (0, 1)


def test_the_area_under_the_risk_is_the_mean_risk_of_all_rows_by_hand():
    predictions = by_confidence([(0.9, 1), (0.8, 1), (0.8, 0), (0.6, 0)])
    curve = coverage_risk(predictions)
    assert curve.coverage.tolist() == [0.25, 0.75, 1]
    assert curve.risk == pytest.approx([0, 1 / 3, 1 / 2])
    assert curve.area == pytest.approx((0 + 2 / 3 + 1 / 2) / 4)
    axes = coverage_risk_plot([("one", predictions)]).axes[0]
    assert (axes.get_xlim(), axes.get_ylim()[0]) == ((0, 1), 0)
