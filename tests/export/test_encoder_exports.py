"""Encoders that were trained and tracked: exported, predicted with and served in every format, or refused."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from naba import cli, tracking
from naba.classifier import folder as directory
from naba.classifier.onnx import export as onnx_export
from naba.config import overrides
from naba.experiment import run as train
from naba.models.classifier import ELSEWHERE
from naba.tracking import models
from store_copies import home_with_store

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
TINY = [
    "architecture.layers=1", "architecture.hidden=32", "architecture.heads=2", "architecture.vocabulary=500",
    "training.epochs=3", "training.learning_rate=0.004", "training.threads=1", "reading.max_length=48",
]  # fmt: skip
NAMES = {"temperature": "calibrated synthetic_stance seed 0", "isotonic": "calibrated synthetic_stance seed 1"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A store with an encoder in each kind of calibration."""
    home = tmp_path_factory.mktemp("encoders")
    with home_with_store(empty_store, home):
        for seed, method in enumerate(NAMES):
            inside = [f"model.classifier.{setting}" for setting in TINY]
            chosen = ["model=calibrated", "model@model.classifier=encoder_small", f"model.method={method}", *inside]
            train.run(overrides.compose([*chosen, f"seed={seed}", "evaluation.resamples=50"]))
    return home


@pytest.fixture
def home(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NABA_HOME", str(trained))
    return trained


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("kind", ["directory", "onnx", "pt2"])
def test_every_format_agrees(
    kind: str, method: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Isotonic steps may be steeper than 32-bit numbers bear: then the export is refused and leaves nothing."""
    folder = tmp_path / "export"
    code = cli.main(["export", NAMES[method], str(folder), "--format", kind])
    said = capsys.readouterr()
    if method == "isotonic" and kind != "directory" and code == 2:
        assert "probabilities differ by up to" in said.err
        assert "--format directory is exact" in said.err
        assert not list(tmp_path.iterdir())
        return
    assert code == 0, said.err
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "Probabilities: calibrated." in card
    assert "Its probabilities are those before calibration, which only naba applies" in card
    assert ("can run code" in card) == (kind == "pt2")


def test_an_onnx_folder_is_predicted_with_and_served(home: Path, tmp_path: Path) -> None:
    run = tracking.find(NAMES["temperature"])
    folder = tmp_path / "onnx"
    assert cli.main(["export", run.id, str(folder), "--format", "onnx"]) == 0
    rows = run.rows()[["text", "target"]]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    assert cli.main(["predict", str(folder), str(tmp_path / "rows.csv"), "-o", str(tmp_path / "out.csv")]) == 0
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        made = list(csv.DictReader(file))
    wanted = run.predictions()
    assert [row["label"] for row in made] == wanted.predicted.tolist()
    found = np.array([[float(row[f"probability_{label}"]) for label in wanted.labels] for row in made])
    assert np.abs(found - wanted.probabilities).max() < 1e-5
    # What naba serve makes of a folder, and loads.
    models.save_mlflow_folder(folder, directory.describe(folder), tmp_path / "served")
    served = models.predictor(tmp_path / "served")(rows)
    assert served["label"].tolist() == wanted.predicted.tolist()


def test_a_program_is_not_predicted_with(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pt2"
    assert cli.main(["export", NAMES["temperature"], str(folder), "--format", "pt2"]) == 0
    assert cli.main(["predict", str(folder), "--example", "نفط", "غاز"]) == 2
    assert "can run code" in capsys.readouterr().err


def test_a_difference_beyond_the_tolerance_leaves_nothing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = onnx_export.settings_of

    def wrong(model: Any, encoder: Any) -> dict[str, Any]:
        found = right(model, encoder)
        return found | {"correction": {"temperature": found["correction"]["temperature"] * 3}}

    monkeypatch.setattr(onnx_export, "settings_of", wrong)
    assert cli.main(["export", NAMES["temperature"], str(tmp_path / "export"), "--format", "onnx"]) == 2
    said = capsys.readouterr().err
    assert "probabilities differ by up to" in said
    assert ELSEWHERE.split(" is exact")[0] in said
    assert not list(tmp_path.iterdir())
