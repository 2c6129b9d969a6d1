import numpy as np
import pytest
from scipy import stats

from naba.errors import UserError
from naba.evaluation.bootstrap import interval, scores, value
from naba.evaluation.metrics import METRICS
from naba.evaluation.predictions import Predictions

LABELS = ("a", "b", "c")


def make(rows=300, right=0.7, seed=0, groups=None, labels=LABELS):
    generator = np.random.default_rng(seed)
    gold = generator.integers(0, len(labels), rows)
    predicted = np.where(generator.random(rows) < right, gold, generator.integers(0, len(labels), rows))
    probabilities = np.full((rows, len(labels)), 1 / len(labels))
    names = np.array(labels, dtype=object)
    return Predictions(np.arange(rows).astype(str), names[gold], names[predicted], probabilities, labels, groups)


def test_interval_of_accuracy_agrees_with_the_binomial():
    predictions = make(rows=600)
    score = interval(predictions, "accuracy")
    exact = stats.binomtest(round(score.value * 600), 600).proportion_ci(method="wilson")
    assert score.n == 600
    assert score.low == pytest.approx(exact.low, abs=0.005)
    assert score.high == pytest.approx(exact.high, abs=0.005)


def test_interval_agrees_with_scipy_on_rows():
    predictions = make(rows=120)
    right = (predictions.gold == predictions.predicted).astype(float)
    theirs = stats.bootstrap((right,), np.mean, n_resamples=9999, method="percentile", rng=1).confidence_interval
    ours = interval(predictions, "accuracy")
    assert ours.low == pytest.approx(theirs.low, abs=0.01)
    assert ours.high == pytest.approx(theirs.high, abs=0.01)


def test_rows_that_repeat_one_another_widen_the_interval():
    once = make(rows=60)
    repeated = once.take(np.repeat(np.arange(60), 1))
    ten = Predictions(
        np.arange(600).astype(str),
        np.repeat(repeated.gold, 10),
        np.repeat(repeated.predicted, 10),
        np.repeat(repeated.probabilities, 10, axis=0),
        LABELS,
        np.repeat(np.arange(60), 10).astype(str),
    )
    honest, naive = interval(ten, "accuracy"), interval(ten, "accuracy", by_group=False)
    alone = interval(once, "accuracy")
    assert honest.high - honest.low == pytest.approx(alone.high - alone.low, abs=0.02)
    assert naive.high - naive.low < 0.5 * (honest.high - honest.low)


def test_equal_arguments_give_equal_bounds_and_metrics_share_resamples():
    predictions = make()
    names = ["macro_f1", "accuracy", "f1_b"]
    assert scores(predictions, names, seed=3) == scores(predictions, names, seed=3)
    assert scores(predictions, names, seed=3) != scores(predictions, names, seed=4)
    assert scores(predictions, names)[2] == interval(predictions, "f1_b")


def test_value_is_the_score_without_interval():
    predictions = make(groups=np.repeat(["x", "y", "z"], 100))
    for name in ("macro_f1", "macro_f1_a_b_per_target"):
        score = interval(predictions, name, resamples=200)
        assert score.value == pytest.approx(value(predictions, name))
        assert score.low <= score.value <= score.high


def test_a_perfect_system_has_a_degenerate_interval():
    perfect = make(right=1.1)
    score = interval(perfect, "macro_f1")
    assert (score.low, score.value, score.high) == (1, 1, 1)


def test_no_rows_and_no_groups_are_refused():
    with pytest.raises(UserError, match="no rows to score"):
        interval(make(rows=5).take(np.array([], dtype=int)), "accuracy")
    with pytest.raises(UserError, match="nothing of groups"):
        interval(make(), "accuracy", by_group=True)


def test_a_new_metric_function_gets_its_interval():
    share = METRICS["accuracy"]
    assert interval(make(), share).name == "accuracy"
