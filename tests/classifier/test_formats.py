"""Formats of classifier folders: each is one file, and what its card says runs."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
from test_folder import DESCRIPTION, fitted

from naba import cli
from naba.classifier import folder, formats
from naba.export import formats as exports

TOY = '''
"""Classifiers as a folder with a note beside the directory."""
import shutil
from naba.classifier.formats import Format
from naba.classifier.formats import directory

def write(source, folder, int8):
    shutil.copytree(source, folder)

FORMAT = Format("toy", "a copy\\nfor a test", True, write, directory.load, lambda description: ["Load it twice."])
'''


def test_a_format_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "toy.py").write_text(TOY, encoding="utf-8")
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    assert list(exports.formats()) == ["directory", "mlflow", "onnx", "pt2", "toy"]
    with pytest.raises(SystemExit):
        cli.main(["export", "--help"])
    assert "  toy        a copy" in capsys.readouterr().out
    model = fitted("nb")
    folder.save(model, tmp_path / "model", DESCRIPTION)
    form = exports.named("toy")
    form.write(tmp_path / "model", tmp_path / "toy", False)
    folder.write_description(tmp_path / "toy", folder.describe(tmp_path / "toy"), model, "toy")
    assert type(folder.load(tmp_path / "toy")[0]) is type(model)
    assert form.card(folder.describe(tmp_path / "toy")) == ["Load it twice."]


@pytest.mark.parametrize("name", ["nb", "logreg_words_single"])
def test_the_code_on_the_card_of_a_directory_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = ["text"] if "single" in name else ["text", "target"]
    folder.save(fitted(name), Path("FOLDER"), {**DESCRIPTION, "input": inputs})
    lines = formats.format_of(folder.describe(Path("FOLDER"))).card(folder.describe(Path("FOLDER")))
    (code,) = re.findall(r"```python\n(.*?)```", "\n".join(lines), re.DOTALL)
    space: dict[str, object] = {}
    exec(code, space)
    assert space["model"]


def test_the_code_on_the_card_of_an_mlflow_model_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from naba.export.formats import named
    from naba.tracking.models import save_mlflow_folder

    monkeypatch.chdir(tmp_path)
    folder.save(fitted("nb"), tmp_path / "model", DESCRIPTION)
    description = folder.describe(tmp_path / "model")
    save_mlflow_folder(tmp_path / "model", description, tmp_path / "FOLDER")
    (code,) = re.findall(r"```python\n(.*?)```", "\n".join(named("mlflow").card(description)), re.DOTALL)
    exec(code, {})


def test_mlflow_writes_the_requirements_it_would_have_compared(tmp_path: Path) -> None:
    import mlflow
    from mlflow.utils import environment

    from naba.tracking.models import model_arguments, save_mlflow_folder

    folder.save(fitted("nb"), tmp_path / "model", DESCRIPTION)
    description = folder.describe(tmp_path / "model")
    compare = environment.warn_dependency_requirement_mismatches
    save_mlflow_folder(tmp_path / "model", description, tmp_path / "ours")
    assert environment.warn_dependency_requirement_mismatches is compare, "other models are compared as before"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(str(tmp_path / "theirs"), **model_arguments(tmp_path / "model", description))
    for name in ("requirements.txt", "conda.yaml", "python_env.yaml"):
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()
