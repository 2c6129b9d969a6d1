"""What version 0.1 left is still read: its store, its exports, its YAML."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from naba import cli

OLD = Path(__file__).parent / "data" / "version_0_1" / "home"
MADE_IN = "file:///tmp/naba_version_0_1/"
"""Where the store was made, as its addresses say."""


@pytest.fixture
def old_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the old home, with the addresses that it would have had there."""
    home = tmp_path / "home"
    shutil.copytree(OLD, home)
    with closing(sqlite3.connect(home / "mlflow.db")) as store, store:
        for table, column in (
            ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"),
        ):  # fmt: skip
            store.execute(f"update {table} set {column} = replace({column}, ?, ?)", (MADE_IN, f"{home.as_uri()}/"))
    monkeypatch.setenv("NABA_HOME", str(home))
    return home


@pytest.mark.parametrize("name", ["tfidf_logreg", "pair_boosting", "calibrated", "onnx", "mlflow"])
def test_an_old_export_answers_as_it_did(name: str, tmp_path: Path) -> None:
    if name == "onnx":
        pytest.importorskip("onnxruntime", reason="pip install 'naba[onnx]'")
    output = tmp_path / "out.csv"
    rows = str(OLD / "work" / "rows.csv")
    assert cli.main(["predict", str(OLD / "exports" / name), rows, "-o", str(output)]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(output), pd.read_csv(OLD / f"expected_{name}.csv"), rtol=1e-6)


def test_old_runs_are_compared_and_shown(old_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "dataset=synthetic_stance", "--resamples", "200"]) == 0
    board = capsys.readouterr().out
    for model in ("tfidf_logreg", "own_words", "pair_boosting", "majority", "outside"):
        assert model in board
    assert cli.main(["show", "tfidf_logreg synthetic_stance seed 0"]) == 0
    shown = capsys.readouterr().out
    assert "macro_f1" in shown
    assert "again: naba train" in shown


@pytest.mark.slow
def test_an_old_run_is_exported(old_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "exported"
    assert cli.main(["export", "tfidf_logreg synthetic_stance seed 0", str(folder)]) == 0
    assert "byte-equal on 512 rows" in capsys.readouterr().out


def test_an_old_run_is_no_run_of_today(old_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "dataset=synthetic_stance", "model=majority", "tracking.log_model=false", "seed=0",
                 "evaluation.resamples=100", "tracking.figures=false", "evaluation.worst_errors=3"]  # fmt: skip
    assert cli.main(arguments) == 0
    assert "trained" in capsys.readouterr().out


def test_an_old_yaml_is_read(old_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(old_home / "work")
    assert cli.main(["train", "model=own_words", "tracking=off", "evaluation.resamples=50"]) == 0
