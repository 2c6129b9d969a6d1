import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from naba.data.rows import ReadingOptions
from naba.errors import UserError
from naba.evaluation.bootstrap import value
from naba.evaluation.outside import PredictionsFile, read_predictions
from naba.evaluation.predictions import Predictions, objects

LABELS = ("agree", "disagree", "None")
GOLD = ["agree", "disagree", "None", "agree"]
IDS = ["01", "02", "03", "04"]


class FourRows:
    name, labels, fingerprint = "four", LABELS, "f" * 64
    primary_metric, metrics = "macro_f1_agree_disagree", ("macro_f1",)

    @property
    def display_names(self):
        return dict(zip(LABELS, ("مع", "ضد", "agree"), strict=True))

    def indices(self, split):
        return np.arange(4 if split == "test" else 0)

    def gold(self, indices):
        return objects(GOLD)[indices]

    def ids(self, indices):
        return objects(IDS)[indices]

    def column(self, name, indices):
        return objects(["x", "x", "y", "y"])[indices]


def write(path, lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_file_in_another_order_is_aligned_by_id(tmp_path):
    path = write(tmp_path / "p.csv", ["id,label,note", "04,agree,x", "03,None,", "02,agree,", "01,agree,"])
    predictions = read_predictions(path, FourRows())
    assert predictions.ids.tolist() == IDS
    assert predictions.predicted.tolist() == ["agree", "agree", "None", "agree"]
    assert predictions.probabilities.tolist()[1] == [1.0, 0.0, 0.0]
    assert predictions.groups.tolist() == ["x", "x", "y", "y"]
    assert value(predictions, "macro_f1_agree_disagree") == pytest.approx(0.4)


def test_gold_labels_are_compared_by_id_in_whatever_order_they_stand(tmp_path):
    lines = ["id,label,gold", "04,agree,agree", "02,agree,disagree", "03,None,None", "01,agree,agree"]
    assert read_predictions(write(tmp_path / "right.csv", lines), FourRows()).gold.tolist() == GOLD
    in_file_order = ["id,label,gold", *(f"{i},agree,{g}" for i, g in zip(reversed(IDS), GOLD, strict=True))]
    with pytest.raises(UserError, match="gold"):
        read_predictions(write(tmp_path / "wrong.csv", in_file_order), FourRows())


def test_formats_hold_the_same(tmp_path):
    rows = [
        {"id": name, "label": gold, **{f"probability_{label}": 0.8 if label == gold else 0.1 for label in LABELS}}
        for name, gold in zip(IDS, GOLD, strict=True)
    ]
    table = pd.DataFrame(rows)
    table.to_csv(tmp_path / "p.csv", index=False)
    table.to_csv(tmp_path / "p.tsv", index=False, sep="\t")
    table.to_parquet(tmp_path / "p.parquet")
    write(tmp_path / "p.jsonl", [json.dumps(row) for row in rows])
    for name in ("p.csv", "p.tsv", "p.parquet", "p.jsonl"):
        found = read_predictions(tmp_path / name, FourRows())
        assert found.predicted.tolist() == GOLD, name
        assert found.probabilities[2].tolist() == [0.1, 0.1, 0.8], name


def test_nabas_own_file_can_be_scored(tmp_path):
    path = tmp_path / "naba.parquet"
    own = Predictions(IDS, GOLD, GOLD, np.eye(3)[[0, 1, 2, 0]], LABELS, fingerprint="f" * 64)
    own.to_parquet(path)
    assert read_predictions(path, FourRows()).predicted.tolist() == GOLD


COMPLETE = ["01,agree,.8,.1,.1", "02,disagree,.1,.8,.1", "03,None,.1,.1,.8", "04,agree,.8,.1,.1"]
HEADER = "id,label,probability_agree,probability_disagree,probability_None"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["id,label", "01,agree", "02,agree"], r"2 ids are missing \('03', '04'\)"),
        (["id,label", *(f"0{i},agree" for i in range(1, 6))], r"1 ids are unknown \('05'\)"),
        (["id,label", "01,agree", *(f"0{i},agree" for i in range(1, 5))], r"1 ids are more than once \('01'\)"),
        (["id,label", "1,agree", "02,agree", "03,agree", "04,agree"], r"missing \('01'\); 1 ids are unknown \('1'\)"),
        (["id,label", "01,agre", "02,agree", "03,agree", "04,agree"], "unknown label 'agre'; did you mean 'agree'"),
        (["id,lable", "01,agree"], "unknown column 'label'; did you mean 'lable'"),
        (["name,label", "01,agree"], "unknown column 'id'"),
        ([HEADER, "01,agree,nan,.1,.1", *COMPLETE[1:]], r"probability is not a number.*|p\.csv: row 1"),
        ([HEADER, "01,agree,x,.1,.1", *COMPLETE[1:]], "probability is not a number"),
        ([HEADER, "01,agree,inf,.1,.1", *COMPLETE[1:]], "probability is not a number"),
        ([HEADER, "01,agree,1.2,-.1,-.1", *COMPLETE[1:]], r"outside \[0, 1\]"),
        ([HEADER, "01,agree,.5,.1,.1", *COMPLETE[1:]], "do not sum to 1"),
        ([HEADER.rpartition(",")[0], *(line.rpartition(",")[0] for line in COMPLETE)], "but not probability_None"),
        (["id,label,gold", "01,agree,agree", "02,agree,agree", "03,None,None", "04,agree,agree"], "other gold labels"),
        (["id,label,fingerprint", *(f"0{i},agree,aaaa" for i in range(1, 5))], "fingerprint aaaa"),
    ],
)
def test_bad_files_are_refused_with_one_message(tmp_path, lines, words):
    with pytest.raises(UserError, match=words):
        read_predictions(write(tmp_path / "p.csv", lines), FourRows())


def test_another_data_sets_parquet_is_refused(tmp_path):
    other = Predictions(IDS, GOLD, GOLD, np.eye(3)[[0, 1, 2, 0]], LABELS, fingerprint="b" * 64)
    other.to_parquet(tmp_path / "p.parquet")
    with pytest.raises(UserError, match=r"fingerprint bbbb.*four has ffff"):
        read_predictions(tmp_path / "p.parquet", FourRows())


def test_missing_files_and_splits_are_refused(tmp_path):
    with pytest.raises(UserError, match="no predictions file"):
        read_predictions(tmp_path / "p.csv", FourRows())
    path = write(tmp_path / "p.csv", ["id,label", "01,agree"])
    with pytest.raises(UserError, match="has no validation rows"):
        read_predictions(path, FourRows(), "validation")
    with pytest.raises(UserError, match="cannot tell the format"):
        read_predictions(write(tmp_path / "p.docx", ["id"]), FourRows())


CASES = Path(__file__).parents[1] / "data" / "cases"


def with_probabilities(path, rows):
    header = ["id,label," + ",".join(f"probability_{label}" for label in LABELS)]
    return write(
        path, header + [f"{i},{label},{','.join(map(str, given))}" for i, (label, given) in zip(IDS, rows, strict=True)]
    )


def test_labels_that_are_not_the_most_probable_are_refused(tmp_path):
    swapped = with_probabilities(tmp_path / "swapped.csv", [("agree", (0.1, 0.8, 0.1))] * 3 + [("None", (0, 0.2, 0.8))])
    message = "row 1.*3 of 4 labels are not the most probable .*3 rows say 'agree' where 'disagree' is the most"
    with pytest.raises(UserError, match=message) as error:
        read_predictions(swapped, FourRows())
    assert "--labels-decide" in str(error.value.hint)
    assert read_predictions(swapped, FourRows(), labels_decide=True).predicted.tolist() == ["agree"] * 3 + ["None"]
    tied = with_probabilities(
        tmp_path / "tied.csv", [("agree", (0.45, 0.45, 0.1))] * 2 + [("disagree", (0.4, 0.4, 0.2))] * 2
    )
    assert len(read_predictions(tied, FourRows())) == 4


def test_one_contradiction_is_enough(tmp_path):
    rows = [("agree", (0.6, 0.3, 0.1))] * 3 + [("agree", (0.39, 0.41, 0.2))]
    with pytest.raises(UserError, match="1 of 4 labels are not the most probable"):
        read_predictions(with_probabilities(tmp_path / "one.csv", rows), FourRows())


def test_nabas_own_labels_may_be_decided_otherwise(tmp_path):
    given = np.array([[0.1, 0.8, 0.1]] * 4)
    own = Predictions(IDS, GOLD, ["agree"] * 4, given, LABELS, fingerprint="f" * 64)
    own.to_parquet(tmp_path / "own.parquet")
    assert read_predictions(tmp_path / "own.parquet", FourRows()).predicted.tolist() == ["agree"] * 4


def test_exchanged_columns_of_a_real_file_are_refused():
    file = CASES / "score-argmax" / "p_arg.csv"
    ids = [line.split(",")[0] for line in file.read_text(encoding="utf-8").splitlines()[1:]]

    class Headlines(FourRows):
        labels = ("agree", "disagree", "other")

        def indices(self, split):
            return np.arange(len(ids))

        def gold(self, indices):
            return objects(["agree"] * len(ids))

        def column(self, name, indices):
            return objects([""] * len(ids))

        def ids(self, indices):
            return objects(ids)

    with pytest.raises(UserError, match=f"{len(ids)} of {len(ids)} labels are not the most probable"):
        read_predictions(file, Headlines())


@pytest.mark.parametrize("file", ["p_upper.csv", "p_semi.csv"])
def test_hints_speak_of_predictions_and_not_of_data_sets(file):
    with pytest.raises(UserError) as error:
        read_predictions(CASES / "score-hint" / file, FourRows())
    assert "dataset.columns" not in str(error.value.hint)
    if file == "p_upper.csv":
        assert "'id'; did you mean 'ID'" in str(error.value)
        assert "id and label" in str(error.value.hint)


def test_a_file_of_predictions_is_read_as_it_is_said_to_be(tmp_path):
    """`naba score` had none of the reading options of the other commands."""
    lines = [f"{name};{label}" for name, label in zip(IDS, GOLD, strict=True)]
    path = tmp_path / "p.txt"
    path.write_bytes("\n".join(lines).encode("utf-16"))
    reading = ReadingOptions(format="csv", delimiter=";", header=False, spelling="--")
    found = read_predictions(PredictionsFile(path, reading, "column_1", "column_2"), FourRows())
    assert found.predicted.tolist() == GOLD
    with pytest.raises(UserError, match="unknown column 'id'") as error:
        read_predictions(PredictionsFile(path, reading), FourRows())
    assert "--id COLUMN" in str(error.value.hint)
    with pytest.raises(UserError, match="predictions are a table"):
        read_predictions(path, FourRows())


def test_a_row_without_a_prediction_is_named(tmp_path):
    lines = ["id,label", *(f"{name},{'' if name == IDS[2] else 'agree'}" for name in IDS)]
    with pytest.raises(UserError, match="row 3, line 4: there is no label"):
        read_predictions(write(tmp_path / "p.csv", lines), FourRows())


def test_gold_beside_predictions_is_not_scored(tmp_path):
    """What `naba predict` adds to a labelled file, and what others call it, stands beside the true labels."""
    for other in ("predicted", "prediction", "predicted_label"):
        rows = [f"{name},{gold},agree" for name, gold in zip(IDS, GOLD, strict=True)]
        path = write(tmp_path / "both.csv", [f"id,label,{other}", *rows])
        with pytest.raises(UserError, match=f"has the columns 'label' and '{other}'") as caught:
            read_predictions(path, FourRows())
        assert "--label COLUMN" in str(caught.value)
        found = read_predictions(PredictionsFile(path, label=other), FourRows())
        assert found.predicted.tolist() == ["agree"] * 4


def test_labels_may_be_written_as_in_the_file_of_the_data(tmp_path):
    rows = [f"{name},{label}" for name, label in zip(IDS, ["مع", "ضد", "None", "agree"], strict=True)]
    found = read_predictions(write(tmp_path / "names.csv", ["id,prediction", *rows]), FourRows())
    # An id is what it says, though the name of another label is written alike.
    assert found.predicted.tolist() == ["agree", "disagree", "None", "agree"]
    rows = [f"{name},مع,0.2,0.7,0.1" for name in IDS]
    path = write(tmp_path / "exchanged.csv", ["id,prediction,probability_مع,ضد,None", *rows])
    with pytest.raises(UserError, match="4 rows say 'agree' where 'disagree' is the most probable"):
        read_predictions(path, FourRows())


def test_rows_without_an_answer_are_wrong_and_never_filled(tmp_path):
    lines = ["id,label", "01,agree", "02,", "03,None", "04,agree"]
    path = write(tmp_path / "p.csv", lines)
    with pytest.raises(UserError, match=r"there is no label.*\n?.*--unanswered"):
        read_predictions(path, FourRows())
    found = read_predictions(path, FourRows(), unanswered=True)
    assert found.outcomes.tolist() == ["answered", "empty", "answered", "answered"]
    assert found.predicted.tolist() == ["agree", "", "None", "agree"]
    assert found.probabilities[1].tolist() == [1 / 3] * 3
    assert found.outcome_shares()["empty"] == 0.25
    complete = write(
        tmp_path / "whole.csv", ["id,label", *(f"{name},{gold}" for name, gold in zip(IDS, GOLD, strict=True))]
    )
    assert read_predictions(complete, FourRows(), unanswered=True).outcomes is None


def test_a_column_says_how_each_row_ended(tmp_path):
    header = "id,label,outcome,probability_agree,probability_disagree,probability_None"
    lines = [
        "01,agree,answered,.8,.1,.1",
        "02,,refused,,,",
        "03,None,answered,.1,.1,.8",
        "04,agree,answered,.8,.1,.1",
    ]
    found = read_predictions(write(tmp_path / "p.csv", [header, *lines]), FourRows())
    assert found.outcomes.tolist() == ["answered", "refused", "answered", "answered"]
    assert found.probabilities[1].tolist() == [1 / 3] * 3
    found.to_parquet(tmp_path / "own.parquet")
    assert read_predictions(tmp_path / "own.parquet", FourRows()).outcomes.tolist() == found.outcomes.tolist()
    lines[1] = "02,disagree,refused,.1,.8,.1"
    with pytest.raises(UserError, match="there is a label, and `outcome` says that there was no answer"):
        read_predictions(write(tmp_path / "both.csv", [header, *lines]), FourRows())
    other = [line.replace("answered", "a win").replace("refused", "a loss") for line in lines]
    assert read_predictions(write(tmp_path / "other.csv", [header, *other]), FourRows()).outcomes is None
    lines[1] = "02,disagree,a draw,.1,.8,.1"
    assert read_predictions(write(tmp_path / "mixed.csv", [header, *lines]), FourRows()).outcomes is None


@pytest.mark.parametrize(("first", "good"), [(".785", True), (".784", False), (".815", True), (".816", False)])
def test_probabilities_may_be_off_by_half_of_a_hundredth_each_whatever_the_number_of_rows(tmp_path, first, good):
    """Three labels: a sum of .985 to 1.015. In a file, and as predictions of any origin."""
    header = "id,label,probability_agree,probability_disagree,probability_None"
    others = ["02,agree,.8,.1,.1", "03,None,.1,.1,.8", "04,agree,.8,.1,.1"]
    path = write(tmp_path / "p.csv", [header, f"01,agree,{first},.1,.1", *others])
    many = np.tile([0.8, 0.1, 0.1], (500, 1))
    many[7, 0] = float(first)

    def made():
        return Predictions([str(row) for row in range(500)], ["agree"] * 500, ["agree"] * 500, many, LABELS)

    if good:
        assert len(read_predictions(path, FourRows())) == 4
        assert len(made()) == 500
        return
    with pytest.raises(UserError, match="row 1, line 2"):
        read_predictions(path, FourRows())
    with pytest.raises(UserError, match="1 of 500 rows have probabilities that do not sum to 1; id '7' has"):
        made()
