import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from naba.errors import UserError
from naba.evaluation.predictions import NO_ANSWER, Predictions, align, objects, some
from naba.models.classifier import Classifier

LABELS = ("agree", "disagree", "None")


def make(gold, predicted, labels=LABELS, **changes):
    probabilities = np.full((len(gold), len(labels)), 0.1)
    probabilities[np.arange(len(gold)), [labels.index(label) for label in predicted]] = 1 - 0.1 * (len(labels) - 1)
    columns = {"ids": [f"0{i}" for i in range(len(gold))], "gold": gold, "predicted": predicted}
    return Predictions(**{**columns, "probabilities": probabilities, "labels": labels, **changes})


@pytest.fixture
def predictions():
    return make(
        ["agree", "agree", "disagree", "None", "None"],
        ["agree", "disagree", "disagree", "None", "agree"],
        groups=["ا", "ا", "ب", "ب", "ج"],
    )


class Constant(Classifier):
    classes_ = np.array(["disagree", "agree"], dtype=object)
    probability_kind_ = "calibrated"

    def predict_proba(self, table):
        return np.tile([0.7, 0.3], (len(table), 1))

    def predict(self, table):
        return np.array(["agree"] * len(table), dtype=object)


class FourRows:
    name, labels, fingerprint = "four", LABELS, "f" * 64

    def frame(self, indices):
        return pd.DataFrame({"text": ["نص"] * len(indices), "target": [""] * len(indices)}, dtype=object)

    def gold(self, indices):
        return objects(["agree", "None", "disagree", "agree"])[indices]

    def ids(self, indices):
        return objects(["a", "b", "c", "d"])[indices]

    def column(self, name, indices):
        return objects(["", "", "", ""])[indices]


def test_parquet_keeps_everything(predictions, tmp_path):
    predictions = replace(predictions, fingerprint="ab12")
    predictions.to_parquet(tmp_path / "p.parquet")
    back = Predictions.from_parquet(tmp_path / "p.parquet")
    assert back.labels == LABELS
    assert back.fingerprint == "ab12"
    assert back.ids.tolist() == ["00", "01", "02", "03", "04"]
    assert back.gold.tolist() == predictions.gold.tolist()
    assert back.groups.tolist() == predictions.groups.tolist()
    assert np.array_equal(back.probabilities, predictions.probabilities)


def test_runs_on_the_same_rows_share_their_ids(predictions, tmp_path):
    other = replace(predictions, predicted=predictions.gold)
    turned = replace(predictions, ids=predictions.ids[::-1].copy())
    for name, one in {"a": predictions, "b": other, "c": turned}.items():
        one.to_parquet(tmp_path / name)
    a, b, c = (Predictions.from_parquet(tmp_path / name) for name in "abc")
    assert a.ids is b.ids
    assert c.ids.tolist() == a.ids.tolist()[::-1]
    with pytest.raises(ValueError, match="read-only"):
        a.ids[0] = "other"


def test_parquet_of_something_else_is_refused(tmp_path):
    pd.DataFrame({"id": ["1"]}).to_parquet(tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("id,label\n")
    for name, words in (
        ("other", "not one of naba's"),
        ("text", "not a Parquet file"),
        ("none", "no predictions file"),
    ):
        with pytest.raises(UserError, match=words):
            Predictions.from_parquet(tmp_path / f"{name}.parquet")


def test_confusion_has_gold_in_rows(predictions):
    assert predictions.confusion().tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    table = predictions.confusion_table({"agree": "تأييد"})
    assert table.columns.tolist() == ["gold", "تأييد", "disagree", "None", "total"]
    assert table["total"].tolist() == [2, 1, 2]


def test_alignment_orders_by_id_and_counts_problems(predictions):
    assert predictions.aligned_to(["04", "03", "02", "01", "00"]).gold.tolist() == list(predictions.gold[::-1])
    with pytest.raises(UserError, match=r"1 ids are missing \('9'\); 2 ids are unknown \('03', '04'\)"):
        predictions.aligned_to(["00", "01", "02", "9"])
    with pytest.raises(UserError, match="wanted twice"):
        predictions.aligned_to(["00", "01", "02", "03", "04", "04"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ids": ["1", "1", "2"]}, "1 ids more than once: '1'"),
        ({"gold": ["agree", "agre", "None"]}, "unknown label 'agre'; did you mean 'agree'.*gold for id '01'"),
        ({"gold": ["agree"]}, "3 ids but 1 gold"),
        ({"groups": ["x"]}, "3 ids but 1 groups"),
        ({"probabilities": np.ones((3, 2))}, r"shape \(3, 3\); these have \(3, 2\)"),
        ({"probabilities": [[np.nan, 0, 1]] * 3}, "not a number; id '00'"),
        ({"probabilities": [[1, 0, 0], [0.5, 0.2, 0.2], [0, 1, 0]]}, "1 of 3 rows .* do not sum to 1; id '01'"),
        ({"probabilities": [[1.5, -0.5, 0]] * 3}, r"outside \[0, 1\]"),
        ({"probabilities": [[1.005, 0, 0]] * 3}, r"outside \[0, 1\]"),
    ],
)
def test_bad_predictions_are_refused(changes, words):
    with pytest.raises(UserError, match=words):
        replace(make(["agree", "agree", "None"], ["agree", "agree", "None"]), **changes)


def test_classes_are_aligned_to_the_labels_of_the_data():
    predictions = Predictions.of(FourRows(), np.array([3, 1]), Constant())
    assert predictions.ids.tolist() == ["d", "b"]
    assert predictions.probabilities.tolist() == [[0.3, 0.7, 0.0]] * 2
    assert predictions.predicted.tolist() == ["agree", "agree"], "predict decides where probabilities are calibrated"
    assert predictions.groups is None

    own = Constant()
    own.probability_kind_ = "model"
    assert Predictions.of(FourRows(), np.array([3]), own).predicted.tolist() == ["disagree"]


def test_a_model_with_foreign_labels_is_refused():
    model = Constant()
    model.classes_ = np.array(["favor", "agree"], dtype=object)
    with pytest.raises(UserError, match="predicts 'favor', which four does not have"):
        Predictions.of(FourRows(), np.array([0]), model)


def test_worst_errors_come_most_confident_first():
    predictions = make(["agree", "agree", "None"], ["agree", "None", "agree"])
    predictions.probabilities[1] = [0.2, 0.2, 0.6]
    rows = pd.DataFrame({"text": ["س", "ش", "ص"], "target": ["", "", "ه"]}, dtype=object)
    table = predictions.worst_errors(5, rows)
    assert table["id"].tolist() == ["02", "01"]
    assert table["text"].tolist() == ["ص", "ش"]
    assert table["probability_gold"].tolist() == pytest.approx([0.1, 0.2])
    assert predictions.worst_errors(1)["text"].tolist() == [""]


@pytest.mark.parametrize(
    ("row", "kept"),
    [([0.33, 0.33, 0.33], True), ([0.335, 0.34, 0.34], True), ([0.33, 0.33, 0.32], False), ([0.34, 0.34, 0.34], False)],
)
def test_three_probabilities_may_each_be_rounded_to_two_digits(row, kept):
    made = make(["agree", "agree", "None"], ["agree", "agree", "None"])
    given = {"probabilities": [row, [1, 0, 0], [0, 1, 0]]}
    if kept:
        assert replace(made, **given).probabilities[0].tolist() == row
    else:
        with pytest.raises(UserError, match="do not sum to 1"):
            replace(made, **given)


def test_confidence_is_that_of_the_predicted_label_and_0_without_one():
    made = make(["agree", "agree", "None"], ["agree", "agree", "None"])
    shown = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.2, 0.2, 0.6]])
    answers = objects([made.labels[0], made.labels[-1], NO_ANSWER])
    outcomes = ["answered", "answered", "refused"]
    found = replace(made, probabilities=shown, predicted=answers, outcomes=outcomes)
    assert found.confidence.tolist() == [0.6, 0.6, 0.0]


def test_a_message_names_the_first_three_and_counts_the_rest():
    assert some(["a", "b", "c"]) == "'a', 'b', 'c'"
    assert some(list("abcde")) == "'a', 'b', 'c' and 2 more"


@pytest.mark.parametrize(
    ("present", "wanted", "said"),
    [
        (["a", "b"], ["a", "b", "a"], r"1 ids are wanted twice \('a'\)$"),
        (["a", "b", "a"], ["a", "b"], r"1 ids are more than once \('a'\)$"),
        (["a", "b"], ["b"], r"1 ids are unknown \('a'\)$"),
        (["a"], ["b", "c", "a"], r"2 ids are missing \('b', 'c'\)$"),
        (["a", "a", "b"], ["c", "c"], r"1 ids are more than once \('a'\); 2 ids are missing \('c', 'c'\); 2 ids are "
                                      r"unknown \('a', 'b'\); 1 ids are wanted twice \('c'\)$"),
    ],
)  # fmt: skip
def test_what_keeps_ids_from_being_aligned_is_counted_and_named(present, wanted, said):
    with pytest.raises(UserError, match=said):
        align(present, wanted)


def test_positions_are_those_of_the_ids_wanted():
    assert align(["c", "a", "b"], ["a", "b", "c"]).tolist() == [1, 2, 0]


def test_a_file_says_its_format_and_the_order_of_its_labels(tmp_path):
    labels = ("no", "yes", "maybe")
    one = Predictions(["1"], ["yes"], ["maybe"], np.array([[0.2, 0.3, 0.5]]), labels, fingerprint="f")
    one.to_parquet(tmp_path / "p.parquet")
    about = json.loads(pq.read_schema(tmp_path / "p.parquet").metadata[b"naba"])
    assert about == {"format": 1, "labels": list(labels), "fingerprint": "f"}
    assert Predictions.from_parquet(tmp_path / "p.parquet").labels == labels


def test_a_null_in_a_file_is_nothing_and_not_another_value(tmp_path):
    one = Predictions(list("123"), ["yes"] * 3, ["yes"] * 3, np.array([[1.0, 0.0]] * 3), ("yes", "no"),
                      objects(["x", "y", "z"]))  # fmt: skip
    path = tmp_path / "p.parquet"
    one.to_parquet(path)
    table = pq.read_table(path)
    groups = table.set_column(table.column_names.index("group"), "group", pa.array(["x", None, "z"]))
    pq.write_table(groups, path)
    assert Predictions.from_parquet(path).groups.tolist() == ["x", None, "z"]
    said = table.set_column(table.column_names.index("predicted"), "predicted", pa.array(["yes", "no", None]))
    pq.write_table(said, path)
    with pytest.raises(UserError, match="unknown label 'None'"):
        Predictions.from_parquet(path)
