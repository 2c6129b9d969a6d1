import numpy as np
import pandas as pd
import pytest

from naba.errors import UserError
from naba.evaluation.predictions import Predictions
from naba.evaluation.submission import FORMATS, share_warnings, submission_format, write_submission


def make(labels, predicted, gold=None):
    predicted = np.array(predicted, dtype=object)
    probabilities = np.full((len(predicted), len(labels)), 0.1 / max(1, len(labels) - 1))
    probabilities[np.arange(len(predicted)), [labels.index(label) for label in predicted]] = 0.9
    ids = [f"1234567890123456{i:03d}" for i in range(len(predicted))]
    return Predictions(
        ids, predicted if gold is None else np.array(gold, dtype=object), predicted, probabilities, labels
    )


ROWS = pd.DataFrame({"text": ["نص\tأول", "نص\nثان"], "target": ["Covid Vaccine", "Covid Vaccine"]}, dtype=object)


def test_stance_files_repeat_target_and_text_on_one_line(tmp_path):
    predictions = make(("favor", "against", "none"), ["favor", "none"])
    write_submission(predictions, submission_format("stanceeval2024"), tmp_path / "run.tsv", ROWS)
    lines = (tmp_path / "run.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "ID\tTarget\tTweet\tStance"
    assert lines[1].split("\t") == ["1234567890123456000", "Covid Vaccine", "نص أول", "FAVOR"]
    assert lines[2].endswith("\tنص ثان\tNONE")


def test_a_label_a_line_with_a_final_newline(tmp_path):
    predictions = make(("favor", "against", "none"), ["favor", "none"])
    write_submission(predictions, submission_format("stanceeval2026"), tmp_path / "labels.txt")
    assert (tmp_path / "labels.txt").read_text() == "Favor\nNone\n"


def test_checkthat_files(tmp_path):
    write_submission(make(("no", "yes"), ["yes", "no"]), submission_format("checkthat2024_task1"), tmp_path / "a.tsv")
    assert (tmp_path / "a.tsv").read_text().splitlines()[1] == "1234567890123456000\tYes\tnaba"
    predictions = make(("no", "yes"), ["yes", "no"])
    write_submission(predictions, submission_format("checkthat2022_task1"), tmp_path / "b.tsv", ROWS, run="r1")
    assert (tmp_path / "b.tsv").read_text().splitlines()[1] == "Covid Vaccine\t1234567890123456000\t1\tr1"
    write_submission(predictions, submission_format("checkthat2020_task1"), tmp_path / "c.tsv", ROWS)
    assert (tmp_path / "c.tsv").read_text().splitlines()[0].split("\t")[2] == "0.900000000000"
    subjective = make(("obj", "subj"), ["subj"])
    write_submission(subjective, submission_format("checkthat2025_task1"), tmp_path / "d.tsv")
    assert (tmp_path / "d.tsv").read_text().splitlines()[1].endswith("\tSUBJ")


def test_what_the_scorer_would_refuse_is_refused(tmp_path):
    predictions = make(("agree", "disagree"), ["agree", "agree"])
    with pytest.raises(UserError, match="accepts the labels FAVOR, AGAINST, NONE; this run predicts AGREE"):
        write_submission(predictions, submission_format("stanceeval2024"), tmp_path / "x.tsv", ROWS)
    with pytest.raises(UserError, match="must begin with task1A"):
        write_submission(make(("true", "false"), ["true"]), submission_format("araieval2023_1a"), tmp_path / "x.tsv")
    with pytest.raises(UserError, match="rows are needed"):
        write_submission(make(("favor", "none"), ["none"]), submission_format("stanceeval2024"), tmp_path / "x.tsv")
    with pytest.raises(UserError, match="did you mean 'stanceeval2024'"):
        submission_format("stanceeval204")


def test_every_form_says_where_it_is_from():
    for form in FORMATS.values():
        assert "/" in form.source
        assert form.fields


def test_far_class_shares_are_warned_about():
    labels = ("agree", "disagree")
    validation = make(labels, ["agree"] * 100, ["agree"] * 60 + ["disagree"] * 40)
    assert share_warnings(make(labels, ["agree"] * 55 + ["disagree"] * 45), validation) == []
    (first, second) = share_warnings(make(labels, ["agree"] * 95 + ["disagree"] * 5), validation)
    assert first == "agree is 95% of the predictions but 60% of validation"
    assert second.startswith("disagree is 5%")
    none = np.array([], dtype=int)
    assert share_warnings(make(labels, ["agree"] * 95), validation.take(none)) == []
    assert share_warnings(make(labels, ["agree"]).take(none), validation) == []


@pytest.mark.parametrize(
    ("share", "rows", "given", "warned"),
    [(0.9, 1000, 50, True), (0.71, 1000, 50, False), (0.65, 100, 2000, True), (0.65, 2000, 100, False)],
)
def test_the_error_of_a_share_is_that_of_both_sets_each_with_its_own_rows(share, rows, given, warned):
    """Against .5 of validation, three standard errors are 3 sqrt(p (1 - p) / n + .25 / m).

    .216 for .71 of 1,000 rows and 50 of validation (the difference is .21); .147 for .65 of 100 rows and 2,000 of
    validation, and .153 the other way round (the difference is .15).
    """
    labels = ("agree", "disagree")
    here = make(labels, ["agree"] * round(share * rows) + ["disagree"] * round((1 - share) * rows))
    there = make(labels, ["agree"] * given, ["agree"] * (given // 2) + ["disagree"] * (given // 2))
    assert bool(share_warnings(here, there)) is warned
