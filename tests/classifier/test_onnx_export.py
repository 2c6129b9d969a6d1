"""ONNX folders: the encoder's answers, without torch and transformers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from naba import models
from naba.arabic.profile import NEWS
from naba.classifier import folder as directory
from naba.classifier import onnx_export
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

LABELS = {"fall": "انخفاض", "rise": "ارتفاع"}
DESCRIPTION = {"task": "stance", "labels": LABELS, "input": ["text", "target"], "normalisation": NEWS.to_dict()}
SMALL = {
    "architecture": {"layers": 1, "hidden": 16, "heads": 2, "vocabulary": 200},
    "training": {"epochs": 2, "threads": 1, "learning_rate": 0.01},
}
BLOCKS = pytest.param("int8 blocks", marks=pytest.mark.slow)
HOOK = """
import json, sys

class Block:
    def find_spec(self, name, path=None, target=None):
        known = {"naba", "onnxruntime", "numpy", *ALLOWED} | sys.stdlib_module_names
        if name.split(".")[0] not in known and name not in OPTIONAL:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

# What Python looks for by itself, and does without.
OPTIONAL = {"sitecustomize", "usercustomize", "apport_python_hook"}
sys.meta_path.insert(0, Block())
"""
BLOCKED = f"""{HOOK}
ALLOWED = sys.argv[2:]
from pathlib import Path
from naba.classifier import folder as directory
model, description = directory.load(Path(sys.argv[1]))
rows = json.loads(sys.stdin.read())
print(json.dumps([model.predict_proba(rows).tolist(), model.predict(rows).tolist()]))
print(sorted({{name.split(".")[0] for name in sys.modules}} - sys.stdlib_module_names), file=sys.stderr)
"""
PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "onnx.md").read_text(encoding="utf-8")


def alone(folder: Path, X: pd.DataFrame, *allowed: str) -> tuple[list[list[float]], list[str]]:
    """Probabilities and labels from a process that can import naba, onnxruntime, numpy and `allowed` alone."""
    rows = json.dumps({"text": X["text"].tolist(), "target": X["target"].tolist()})
    command = [sys.executable, "-c", BLOCKED, str(folder), *allowed]
    done = subprocess.run(command, input=rows, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for heavy in ("torch", "transformers", "sklearn", "pydantic", "pandas", "mlflow", "hydra", "scipy", "onnx'"):
        assert heavy not in done.stderr
    probabilities, labels = json.loads(done.stdout)
    return probabilities, labels


def table(rows: int = 60) -> tuple[pd.DataFrame, np.ndarray]:
    labels = ["rise" if row % 2 else "fall" for row in range(rows)]
    texts = [f"{'ارتفاع' if label == 'rise' else 'هبوط'} أسعار النفط في مصر {row}" + " جدا" * (row % 9)
             for row, label in enumerate(labels)]  # fmt: skip
    return pd.DataFrame({"text": texts, "target": ["النفط والأسعار، وزير"] * rows}, dtype=object), np.array(
        labels, dtype=object
    )


def fitted(kind: str) -> Any:
    X, y = table()
    reading = {"max_length": 16, "windows": 3, "stride": 4} if "windows" in kind else {"max_length": 32}
    if kind in {"isotonic", "temperature", "abstaining in windows"}:
        config = {"name": "e", "builder": "from_scratch", "reading": reading, **SMALL}
        if kind == "abstaining in windows":
            made = models.abstaining(classifier=config, risk=0.5, seed=0, normalisation=NEWS, pair=True)
        else:
            made = models.calibrated(classifier=config, method=kind, seed=0, normalisation=NEWS, pair=True)
        return made.fit(X, y, validation=table(40))
    return models.from_scratch(reading=reading, normalisation=NEWS, pair=True, **SMALL).fit(X, y)


def onnx_folder(model: Any, folder: Path, name: str = "onnx", *, int8: str = "") -> Path:
    """The ONNX folder of a fitted model, in a folder that also gets its classifier directory."""
    directory.save(model, folder / "model", DESCRIPTION)
    onnx_export.export(folder / "model", folder / name, int8=int8)
    return folder / name


@pytest.fixture(scope="module")
def model() -> Any:
    return fitted("temperature")


@pytest.fixture(scope="module")
def whole(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function: precision -> the model's ONNX folder; writing one takes seconds."""
    folder = tmp_path_factory.mktemp("whole")
    return cache(lambda int8: onnx_folder(model, folder, int8 or "float32", int8=int8))


@pytest.fixture(scope="module")
def exported(model: Any, whole: Callable[[str], Path]) -> tuple[Any, Path]:
    return model, whole("")


@pytest.mark.filterwarnings("ignore:no threshold keeps errors")
@pytest.mark.parametrize(
    "kind", [pytest.param("plain", marks=pytest.mark.slow), "temperature", "abstaining in windows"]
)
def test_answers_are_the_encoders(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if kind == "temperature":
        model, folder = request.getfixturevalue("exported")
    else:
        model = fitted(kind)
        folder = onnx_folder(model, tmp_path)
    loaded, description = directory.load(folder)
    X, _ = table(45)
    assert np.abs(loaded.predict_proba(X) - model.predict_proba(X)).max() < 1e-5
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
    assert description["kind"] == "onnx"
    assert loaded.predict_proba(X.iloc[:0]).shape == (0, 2)
    if kind == "abstaining in windows":
        assert loaded.abstains(X).tolist() == model.abstains(X).tolist()
    else:
        assert loaded.threshold is None


def test_an_encoder_needs_onnxruntime_tokenizers_and_numpy_alone(exported: tuple[Any, Path]) -> None:
    model, folder = exported
    X, _ = table(20)
    probabilities, labels = alone(folder, X, "tokenizers")
    assert np.abs(np.array(probabilities) - model.predict_proba(X)).max() < 1e-5
    assert labels == model.predict(X).tolist()


def test_a_text_model_needs_onnxruntime_and_numpy_alone(tmp_path: Path) -> None:
    X, y = table()
    model = models.tfidf_logreg(pair=True, normalisation=NEWS).fit(X, y)
    probabilities, labels = alone(onnx_folder(model, tmp_path), X)
    assert np.abs(np.array(probabilities) - model.predict_proba(X)).max() < 1e-5
    assert labels == model.predict(X).tolist()


def test_the_pages_example_runs_without_what_it_says_it_does_not_need(tmp_path: Path) -> None:
    X, y = table()
    model = models.tfidf_nb(pair=True, normalisation=NEWS).fit(X, y)
    onnx_folder(model, tmp_path, "stance_onnx")
    found = re.search(r"<!-- example: onnx -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert found
    code = f"{HOOK}\nALLOWED = []\n{found.group(1)}"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = model.predict(pd.DataFrame({"text": ["ارتفاع أسعار النفط"], "target": ["تراجع أسعار النفط"]}))[0]
    assert done.stdout.startswith(f"{expected} [[0.")


@pytest.mark.parametrize("int8", ["", "int8", BLOCKS])
def test_an_export_names_no_path_of_the_machine_that_made_it(int8: str, whole: Callable[[str], Path]) -> None:
    """The exporter notes stack traces with the paths of its sources in every node."""
    folder = whole(int8)
    here = [str(Path(__file__).parents[2]), str(Path(np.__file__).parents[1]), str(folder.parent)]
    for path in folder.iterdir():
        content = path.read_bytes()
        assert not [place for place in [*here, "stack_trace", '.py"'] if place.encode() in content], path.name


def test_padding_is_not_read(exported: tuple[Any, Path]) -> None:
    loaded, _ = directory.load(exported[1])
    X, _ = table(18)
    alone = np.vstack([loaded.predict_proba(X.iloc[[row]]) for row in range(len(X))])
    assert np.abs(loaded.predict_proba(X) - alone).max() < 1e-5


@pytest.mark.parametrize("int8", ["int8", BLOCKS])
def test_int8_is_smaller_and_close(int8: str, model: Any, whole: Callable[[str], Path]) -> None:
    folder = whole(int8)
    loaded, _ = directory.load(folder)
    X, _ = table(45)
    assert json.loads((folder / "settings.json").read_text(encoding="utf-8"))["precision"] == int8
    assert (loaded.predict(X) == model.predict(X)).mean() >= 0.9
    assert (folder / "model.onnx").stat().st_size < (whole("") / "model.onnx").stat().st_size


@pytest.mark.slow  # the correction of a text model, and those of temperatures, are compared in the default suite
def test_isotonic_correction_is_the_same_without_sklearn(tmp_path: Path) -> None:
    model = fitted("isotonic")
    loaded, _ = directory.load(onnx_folder(model, tmp_path))
    # Steps make a large difference out of a small one, so both get the same probabilities.
    X, _ = table(45)
    given = model.classifier_.predict_proba(X)
    assert np.abs(loaded._corrected(given) - model.predict_proba(X)).max() < 1e-12


def test_the_second_segment_is_seen(exported: tuple[Any, Path]) -> None:
    loaded, _ = directory.load(exported[1])
    X, _ = table(6)
    assert "token_type_ids" in loaded.inputs
    swapped = X.rename(columns={"text": "target", "target": "text"})
    assert np.abs(loaded._scored(X) - loaded._scored(swapped)).max() > 1e-6


@pytest.mark.parametrize("content", [b"", b"not onnx", b"\x08\x0a" * 40])
def test_broken_graphs_are_refused(content: bytes, exported: tuple[Any, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(exported[1], tmp_path / "onnx")
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(UserError, match="is not the file"):
        directory.load(folder)
    directory.seal(folder, json.loads((folder / "naba.json").read_text(encoding="utf-8")))
    with pytest.raises(UserError, match="is no ONNX model"):
        directory.load(folder)


@pytest.mark.parametrize("key", ["temperature", "max_length"])
def test_one_digit_of_the_settings_is_noticed(key: str, exported: tuple[Any, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(exported[1], tmp_path / "onnx")
    text = (folder / "settings.json").read_text(encoding="utf-8")
    found = re.search(rf'"{key}": ?\d*\.?(\d)', text)
    assert found is not None
    place = found.start(1)
    other = f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}"
    (folder / "settings.json").write_text(other, encoding="utf-8")
    with pytest.raises(UserError, match="is not the file"):
        directory.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["rise", "sideways"]}, {"classes": 3}, {"reading": {"max_length": -1}}, {"padding": "x"},
        {"reading": None}, {"normalisation": {"name": "news", "rule": True}}, {"threshold": "much"},
    ],
)  # fmt: skip
def test_damaged_settings_are_refused(change: dict[str, Any], exported: tuple[Any, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(exported[1], tmp_path / "onnx")
    content = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    (folder / "settings.json").write_text(json.dumps(content | change), encoding="utf-8")
    with pytest.raises(UserError, match="is not the file"):
        directory.load(folder)
    directory.seal(folder, json.loads((folder / "naba.json").read_text(encoding="utf-8")))
    with pytest.raises(UserError):
        directory.load(folder)


@pytest.mark.parametrize("command", [["predict", "FOLDER", "--example", "نص", "هدف"], ["list", "models"], ["train"]])
def test_a_command_that_needs_more_says_what_is_missing(command: list[str], exported: tuple[Any, Path]) -> None:
    given = [str(exported[1]) if part == "FOLDER" else part for part in command]
    code = f"{HOOK}\nALLOWED = ['tokenizers']\nfrom naba import cli\nsys.exit(cli.main({given!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"naba: this command needs the package '\w+', which is not installed; .*\n", done.stderr)


@pytest.fixture(scope="module")
def large(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's ONNX folder as it is where protobuf has no room for the weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "LARGEST_INSIDE", 1000)
        return onnx_folder(model, tmp_path_factory.mktemp("large"))


@pytest.mark.parametrize("int8", ["", pytest.param("int8", marks=pytest.mark.slow), BLOCKS])
def test_weights_that_protobuf_has_no_room_for_stand_in_a_file_of_their_own(
    int8: str, model: Any, whole: Callable[[str], Path], large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of XLM-R large, which are 2.2 GB."""
    inside = whole(int8)
    if int8:
        monkeypatch.setattr(onnx_export, "LARGEST_INSIDE", 1000)
        folder = onnx_folder(model, tmp_path, "large", int8=int8)
    else:
        folder = shutil.copytree(large, tmp_path / "large")
    assert (folder / onnx_export.WEIGHTS).stat().st_size > 1000
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*(path.name for path in inside.iterdir()), onnx_export.WEIGHTS]
    )
    X, _ = table(45)
    loaded, description = directory.load(folder)
    assert np.array_equal(loaded.predict_proba(X), directory.load(inside)[0].predict_proba(X))
    assert onnx_export.WEIGHTS in description["files"]
    content = (folder / onnx_export.WEIGHTS).read_bytes()
    (folder / onnx_export.WEIGHTS).write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(UserError, match=r"model\.onnx\.data is not the file"):
        directory.load(folder)


def test_weights_outside_the_folder_are_not_read(large: Path, tmp_path: Path) -> None:
    import onnx

    folder = shutil.copytree(large, tmp_path / "large")
    (folder / onnx_export.WEIGHTS).rename(tmp_path / "elsewhere.data")
    graph = onnx.load(folder / "model.onnx", load_external_data=False)
    for tensor in graph.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "../elsewhere.data"
    onnx.save(graph, folder / "model.onnx")
    description = json.loads((folder / "naba.json").read_text(encoding="utf-8"))
    directory.seal(folder, description)
    with pytest.raises(UserError, match="is no ONNX model"):
        directory.load(folder)
