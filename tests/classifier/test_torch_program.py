"""Encoders as programs of torch.export: the encoder's answers, without transformers."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from naba import models
from naba.arabic.profile import NEWS
from naba.classifier import folder as directory
from naba.classifier import torch_program
from naba.errors import UserError

DESCRIPTION = {"task": "stance", "labels": {"fall": "انخفاض", "rise": "ارتفاع"}, "input": ["text", "target"]}
SMALL: dict[str, Any] = {
    "architecture": {"layers": 2, "hidden": 32, "heads": 2, "vocabulary": 300},
    "training": {"epochs": 2, "threads": 1, "learning_rate": 0.01},
    "reading": {"max_length": 32},
}
ALONE = """
import json, sys
from pathlib import Path
from naba.classifier import torch_program as program
model, _ = program.load(Path(sys.argv[1]), threads=1)
print(json.dumps(model.predict_proba(json.loads(sys.stdin.read())).tolist()))
loaded = {"transformers", "sklearn", "pandas", "mlflow", "onnxruntime"} & set(sys.modules)
assert not loaded, loaded
"""


def table(rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    labels = np.array(["rise" if row % 2 else "fall" for row in range(rows)], dtype=object)
    texts = [f"{'ارتفاع' if label == 'rise' else 'هبوط'} أسعار النفط {row}" + " جدا" * (row % 9)
             for row, label in enumerate(labels)]  # fmt: skip
    return pd.DataFrame({"text": texts, "target": ["النفط والأسعار"] * rows}, dtype=object), labels


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    config = {"name": "e", "builder": "from_scratch", **SMALL}
    made = models.calibrated(classifier=config, method="temperature", seed=0, normalisation=NEWS, pair=True)
    X, y = table(60)
    made.fit(X, y, validation=table(40))
    folder = tmp_path_factory.mktemp("program")
    directory.save(made, folder / "model", DESCRIPTION)
    torch_program.export(folder / "model", folder / "pt2")
    return made, folder / "pt2"


@pytest.mark.slow
def test_another_process_gives_the_encoders_answers_without_transformers(both: tuple[Any, Path]) -> None:
    model, folder = both
    X, _ = table(45)
    rows = json.dumps({"text": X["text"].tolist(), "target": X["target"].tolist()})
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE, str(folder)],
        input=rows,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert np.abs(np.array(json.loads(done.stdout)) - model.predict_proba(X)).max() < 1e-5


def test_the_answers_are_the_encoders(both: tuple[Any, Path]) -> None:
    model, folder = both
    loaded, _ = torch_program.load(folder, threads=1)
    X, _ = table(45)
    rows = {"text": X["text"].tolist(), "target": X["target"].tolist()}
    assert np.abs(loaded.predict_proba(rows) - model.predict_proba(X)).max() < 1e-5


def test_a_program_names_no_path_of_the_machine_that_made_it(both: tuple[Any, Path]) -> None:
    with zipfile.ZipFile(both[1] / "model.pt2") as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    for place in (str(Path(__file__).parents[2]), str(Path(np.__file__).parents[1]), str(both[1].parent)):
        assert place.encode() not in content


def test_padding_is_not_read(both: tuple[Any, Path]) -> None:
    loaded, _ = torch_program.load(both[1])
    X, _ = table(18)
    alone = np.vstack([loaded.predict_proba(X.iloc[[row]]) for row in range(len(X))])
    assert np.abs(loaded.predict_proba(X) - alone).max() < 1e-5
    assert loaded.predict(X.iloc[:0]).tolist() == []


def test_it_is_not_loaded_unasked(both: tuple[Any, Path]) -> None:
    with pytest.raises(UserError, match="can run code") as refused:
        directory.load(both[1])
    assert "naba.classifier.torch_program.load" in str(refused.value)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"no archive"])
def test_damaged_programs_are_refused(damage: bytes, both: tuple[Any, Path], tmp_path: Path) -> None:
    content = json.loads((both[1] / "naba.json").read_text(encoding="utf-8"))
    for name in ("naba.json", "tokenizer.json", "settings.json", "probe.json"):
        (tmp_path / name).write_bytes((both[1] / name).read_bytes())
    (tmp_path / "model.pt2").write_bytes(damage)
    with pytest.raises(UserError, match="is not the file"):
        torch_program.load(tmp_path)
    directory.seal(tmp_path, content)
    with pytest.raises(UserError, match="is no program"):
        torch_program.load(tmp_path)


@pytest.mark.parametrize("change", [{"inputs": ["x"]}, {"classes": ["up"]}, {"reading": {}}, {"padding": "a"}])
def test_damaged_settings_are_refused(change: dict[str, Any], both: tuple[Any, Path], tmp_path: Path) -> None:
    for path in both[1].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = json.loads((tmp_path / "settings.json").read_text(encoding="utf-8"))
    (tmp_path / "settings.json").write_text(json.dumps(content | change), encoding="utf-8")
    directory.seal(tmp_path, json.loads((tmp_path / "naba.json").read_text(encoding="utf-8")))
    with pytest.raises(UserError, match="settings of its model"):
        torch_program.load(tmp_path)


def test_other_models_are_refused(tmp_path: Path) -> None:
    X, y = table(20)
    directory.save(models.tfidf_nb().fit(X, y), tmp_path / "model", {**DESCRIPTION, "input": ["text"]})
    with pytest.raises(UserError, match="is for encoders") as refused:
        torch_program.export(tmp_path / "model", tmp_path / "pt2")
    assert "--format directory" in str(refused.value)
    assert not (tmp_path / "pt2").exists()
