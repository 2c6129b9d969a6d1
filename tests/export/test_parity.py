"""An export is compared with its run in a fresh process, over the labels that occur."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from naba import models
from naba.arabic.profile import NEWS
from naba.classifier import folder as directory
from naba.errors import UserError
from naba.evaluation.predictions import Predictions
from naba.evaluation.significance import agreement
from naba.export import parity
from naba.export.formats import named
from naba.export.parity import TOLERANCE, Parity, measure

if TYPE_CHECKING:
    from pathlib import Path

LABELS = {"up": "ارتفاع", "down": "انخفاض", "none": "غير ذلك"}
WORDS = {"up": "ارتفاع الأسعار في", "down": "هبوط الأسعار في", "none": "زيارة الوزير إلى"}
PLACES = ("تونس", "عمان", "دمشق", "القدس")
TEXTS = [f"{WORDS[label]} {place}" for place in PLACES for label in LABELS]
ROWS = {"text": TEXTS, "target": [""] * len(TEXTS)}


def trained(folder: Path) -> Predictions:
    """A saved classifier's answers on its own training rows, whose gold labels are `up` and `down` alone."""
    gold = np.array([label for _ in PLACES for label in LABELS], dtype=object)
    table = pd.DataFrame(ROWS, dtype=object)
    model = models.tfidf_nb(normalisation=NEWS).fit(table, gold)
    directory.save(
        model, folder,
        {"task": "topic", "labels": LABELS, "input": ["text"], "normalisation": NEWS.to_dict(), "metrics": {}},
    )  # fmt: skip
    columns = [list(model.classes_).index(label) for label in LABELS]
    said = Predictions(
        np.arange(len(gold)).astype(str), gold, np.asarray(model.predict(table), dtype=object),
        model.predict_proba(table)[:, columns], tuple(LABELS),
    )  # fmt: skip
    return said.take(np.flatnonzero(gold != "none"))


def measured(folder: Path, wanted: Predictions) -> Parity:
    rows = {name: [values[int(row)] for row in wanted.ids] for name, values in ROWS.items()}
    return measure(named("directory"), folder, "", wanted, rows)


def test_an_export_that_answers_as_its_run(tmp_path: Path) -> None:
    run = trained(tmp_path / "model")
    found = measured(tmp_path / "model", run)
    assert (found.format, found.exact, found.macro_f1_change) == ("directory", True, 0.0)
    assert found.agreement.rows == len(run)
    assert found.agreement.share == 1
    assert found.agreement.largest_probability == 0
    assert found.bytes == directory.size(tmp_path / "model")
    assert found.problems(TOLERANCE) == []


def test_the_change_of_macro_f1_is_over_the_gold_labels(tmp_path: Path) -> None:
    run = trained(tmp_path / "model")
    other = run.predicted.copy()
    other[:2] = "none"  # which no gold label is
    found = measured(tmp_path / "model", dataclasses.replace(run, predicted=other))
    before, after = (
        f1_score(run.gold.tolist(), answers.tolist(), labels=["up", "down"], average="macro")
        for answers in (other, run.predicted)
    )
    assert after - before > 0.1
    assert found.macro_f1_change == pytest.approx(after - before)
    assert found.problems(TOLERANCE) == [f"2 of {len(run)} labels differ"]


def test_an_export_that_does_not_load_or_answers_otherwise_is_refused(tmp_path: Path) -> None:
    run = trained(tmp_path / "model")
    fewer = dataclasses.replace(run, probabilities=run.probabilities[:, :2], labels=run.labels[:2])
    with pytest.raises(UserError, match=f"the export answered {len(run)} rows with 3 probabilities each"):
        measured(tmp_path / "model", fewer)
    (tmp_path / "model" / "classifier.skops").write_bytes(b"")
    with pytest.raises(UserError, match=r"cannot be loaded in a fresh process: .*classifier\.skops") as refused:
        measured(tmp_path / "model", run)
    assert "b'" not in str(refused.value), "words, not bytes"


@pytest.mark.parametrize(("tolerance", "passes"), [(0.25, True), (0.2499, False)])
def test_a_probability_may_differ_by_as_much_as_the_tolerance(tolerance: float, passes: bool) -> None:
    """.75 for the same label as 1.0: a quarter apart, to the last bit."""
    one = Predictions(["0"], ["a"], ["a"], np.array([[1.0, 0.0]]), ("a", "b"))
    other = dataclasses.replace(one, probabilities=np.array([[0.75, 0.25]]))
    found = Parity("onnx", False, agreement(one, other), 0.0, 1.0, 1).problems(tolerance)
    assert found == ([] if passes else [f"probabilities differ by up to 0.25, tolerance {tolerance:.2g}"])
    assert TOLERANCE == 1e-5


def test_eight_bits_are_judged_by_their_labels_alone() -> None:
    one = Predictions(["0"], ["a"], ["a"], np.array([[1.0, 0.0]]), ("a", "b"))
    other = dataclasses.replace(one, probabilities=np.array([[0.6, 0.4]]))
    assert Parity("onnx int8", False, agreement(one, other), 0.0, 1.0, 1).problems(TOLERANCE) == []


def test_the_time_of_an_export_is_milliseconds_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(tmp_path / "model")
    monkeypatch.setattr(parity, "_answers", lambda *_: (run, 0.5))
    assert measured(tmp_path / "model", run).milliseconds == pytest.approx(500 / len(run))
