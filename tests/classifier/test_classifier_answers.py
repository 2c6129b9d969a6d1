"""Answers of a classifier as columns: whose label, which probability, and where nothing is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from naba.classifier.answers import output_columns, predict_table, predict_texts
from naba.errors import UserError
from naba.models.classifier import Answers, Classifier

if TYPE_CHECKING:
    from collections.abc import Mapping

LABELS = {"yes": "نعم", "maybe": "ربما", "no": "لا"}
SINGLE = {"labels": LABELS, "input": ["text"]}
PAIR = {"labels": LABELS, "input": ["text", "target"]}


class Known(Classifier):
    """Says what stands in its table: text -> label, probabilities of `no` and `yes`, outcome."""

    def __init__(self, table: Mapping[str, tuple[str, float, float, str]], threshold: float | None = None) -> None:
        self.table, self.limit = table, threshold
        self.classes_ = np.array(["no", "yes"], dtype=object)
        self.probability_kind_ = "model"
        self.asked: list[tuple[str, str]] = []

    @property
    def threshold(self) -> float | None:  # type: ignore[override]
        return self.limit

    @property
    def always_answers(self) -> bool:  # type: ignore[override]
        return all(row[3] == "answered" for row in self.table.values())

    def answer(self, X: pd.DataFrame) -> Answers:
        self.asked += list(zip(X["text"], X["target"], strict=True))
        rows = [self.table[text] for text in X["text"]]
        labels, probabilities = np.array([row[0] for row in rows], dtype=object), np.array([row[1:3] for row in rows])
        outcomes = None if self.always_answers else np.array([row[3] for row in rows], dtype=object)
        return Answers(labels, probabilities, None, outcomes)


SURE = Known({"a": ("yes", 0.3, 0.7, "answered"), "b": ("no", 0.5, 0.5, "answered")}, threshold=0.5)
SILENT = Known({"a": ("yes", 0.3, 0.7, "answered"), "b": ("", 0.5, 0.5, "refused")}, threshold=0.4)


def test_probabilities_stand_under_their_labels_and_zero_under_those_never_seen() -> None:
    made = predict_texts(SURE, SINGLE, ["a", "b"], ["", ""])
    assert made.to_dict("list") == {
        "label": ["yes", "no"], "probability_yes": [0.7, 0.5], "probability_maybe": [0.0, 0.0],
        "probability_no": [0.3, 0.5], "abstain": [False, False],
    }  # fmt: skip
    assert list(made) == output_columns(SURE, SINGLE)


@pytest.mark.parametrize(("threshold", "withheld"), [(0.5, False), (0.5001, True), (0.0, False), (float("inf"), True)])
def test_an_answer_is_withheld_below_the_threshold_and_not_at_it(threshold: float, withheld: bool) -> None:
    made = predict_texts(Known(SURE.table, threshold), SINGLE, ["b"], [""])
    assert made["abstain"].tolist() == [withheld]


def test_a_row_without_an_answer_is_withheld_whatever_the_threshold_and_says_why() -> None:
    made = predict_texts(SILENT, SINGLE, ["a", "b"], ["", ""])
    assert made[["label", "abstain", "outcome"]].to_numpy().tolist() == [
        ["yes", False, "answered"], ["", True, "refused"],
    ]  # fmt: skip
    assert list(made) == output_columns(SILENT, SINGLE)
    without = Known(SURE.table)
    assert "abstain" not in predict_texts(without, SINGLE, ["a"], [""])
    assert list(predict_texts(without, SINGLE, [], [])) == output_columns(without, SINGLE)


@pytest.mark.parametrize(("row", "first"), [(0, 0), (1, 1)])
def test_probabilities_that_are_no_numbers_are_refused_by_row(row: int, first: int) -> None:
    broken = dict(SURE.table) | {"ab"[row]: ("no", float("nan"), 1.0, "answered")}
    with pytest.raises(UserError, match=f"no finite probabilities for 1 of 2 rows, first row {first}"):
        predict_texts(Known(broken), SINGLE, ["a", "b"], ["", ""])


def test_a_table_is_checked_and_keeps_its_index() -> None:
    table: Any = pd.DataFrame({"text": ["a", "b"], "target": ["x", "y"]}, index=[7, 3])
    for about, target in ((PAIR, ["x", "y"]), (SINGLE, ["", ""])):
        asked = Known(SURE.table)
        assert predict_table(asked, about, table).index.tolist() == [7, 3]
        assert asked.asked == [("a", target[0]), ("b", target[1])]
    with pytest.raises(UserError, match="no column 'target'"):
        predict_table(SURE, PAIR, table[["text"]])
    with pytest.raises(UserError, match=r"column 'text', row 1: expected text, got None"):
        predict_table(SURE, SINGLE, pd.DataFrame({"text": ["a", None]}, dtype=object))
