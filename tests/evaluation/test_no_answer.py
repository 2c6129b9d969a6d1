"""Rows without an answer: wrong for their gold label, a false alarm of none, and never filled in."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef

from naba.errors import UserError
from naba.evaluation import calibration, metrics
from naba.evaluation.bootstrap import scores, value
from naba.evaluation.predictions import Predictions, objects
from naba.evaluation.significance import agreement, compare_cells
from naba.evaluation.slices import slice_scores

LABELS = ("agree", "disagree", "discuss", "unrelated")


def predictions(seed=0, silent=0.2, rows=300):
    generator = np.random.default_rng(seed)
    gold = np.random.default_rng(9).integers(0, 4, rows)
    said = np.where(generator.random(rows) < 0.6, gold, generator.integers(0, 4, rows))
    probabilities = np.full((rows, 4), 0.1)
    probabilities[np.arange(rows), said] = 0.7
    quiet = generator.random(rows) < silent
    probabilities[quiet] = 0.25
    names = np.array([*LABELS, ""], dtype=object)
    outcomes = np.where(quiet, generator.choice(["refused", "unparsed"], rows), "answered") if silent else None
    ids = [f"r{row}" for row in range(rows)]
    return Predictions(
        objects(ids), names[gold], names[np.where(quiet, 4, said)], probabilities, LABELS,
        outcomes=None if outcomes is None else objects(outcomes.tolist()),
    )  # fmt: skip


def test_metrics_are_those_of_scikit_learn_with_one_more_class_that_gold_never_has():
    found = predictions()
    gold, said = found.gold.astype(str), found.predicted.astype(str)
    assert value(found, "macro_f1") == pytest.approx(f1_score(gold, said, labels=LABELS, average="macro"))
    assert value(found, "mcc") == pytest.approx(matthews_corrcoef(gold, said))
    assert value(found, "accuracy") == pytest.approx((gold == said).mean())
    for label in LABELS:
        expected = f1_score(gold, said, labels=[label], average="macro")
        assert value(found, f"f1_{label}") == pytest.approx(expected)


def test_every_metric_takes_them_and_counts_them_as_wrong():
    quiet, always = predictions(), predictions(silent=0)
    for name, item in metrics.catalogue().items():
        if item.needs != "confusion":
            continue
        try:
            with_all = value(always, name)
        except UserError:
            continue  # a metric of other labels
        assert value(quiet, name) < with_all, name


def test_intervals_and_paired_tests_hold_both_kinds_of_system():
    quiet, always = predictions(), predictions(seed=0, silent=0)
    score = scores(quiet, ["macro_f1"], resamples=200)[0]
    assert score.low < score.value < score.high
    draws = compare_cells([[always], [quiet]], "accuracy", resamples=500)
    found = draws.difference(0, 1)
    assert found.estimate == pytest.approx(value(always, "accuracy") - value(quiet, "accuracy"))
    assert found.low > 0
    assert agreement(always, quiet).differing == int((quiet.predicted == "").sum())


def test_they_are_the_least_sure_of_all():
    found = predictions()
    sure = calibration.confidence(found)
    assert set(sure[found.predicted == ""]) == {0.0}
    curve = calibration.coverage_risk(found)
    assert curve.threshold[-1] == 0
    assert found.confusion().shape == (4, 5)
    assert found.confusion_table().columns[-2] == "(no answer)"


def test_the_shares_of_the_outcomes_and_their_slices():
    found = predictions()
    shares = found.outcome_shares()
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["refused"] > 0
    assert shares["error"] == 0
    parts = {one.value: one for one in slice_scores(found, {"outcome": found.outcomes}, "accuracy", 50)}
    assert parts["refused"].score.value == 0
    assert parts["answered"].score.value > 0.6
    assert predictions(silent=0).outcome_shares() == {}


def test_they_come_back_from_a_file(tmp_path):
    found = predictions()
    found.to_parquet(tmp_path / "p.parquet")
    read = Predictions.from_parquet(tmp_path / "p.parquet")
    assert read.predicted.tolist() == found.predicted.tolist()
    assert read.outcomes.tolist() == found.outcomes.tolist()
    assert read.take(np.arange(5)).outcomes.tolist() == found.outcomes[:5].tolist()


@pytest.mark.parametrize(("label", "outcome"), [("", "answered"), ("agree", "refused"), ("", "gone")])
def test_label_and_outcome_must_fit(label, outcome):
    with pytest.raises(UserError, match="with the outcome"):
        Predictions(objects(["1"]), objects(["agree"]), objects([label]), [[1, 0]], ("agree", "disagree"),
                    outcomes=objects([outcome]))  # fmt: skip


def test_a_system_that_always_answers_cannot_leave_one_out():
    with pytest.raises(UserError, match="unknown label ''"):
        Predictions(objects(["1"]), objects(["agree"]), objects([""]), [[1, 0]], ("agree", "disagree"))


def test_a_submission_with_rows_without_an_answer_is_refused(tmp_path):
    from naba.evaluation.submission import FORMATS, write_submission

    form = next(form for form in FORMATS.values() if not form.prefix and not form.labels)
    with pytest.raises(UserError, match="have no answer"):
        write_submission(predictions(), form, tmp_path / "x.tsv")
    assert list(tmp_path.iterdir()) == []
