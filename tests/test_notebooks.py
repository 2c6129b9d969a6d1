"""The notebooks of the documentation run, and those with outputs are of the sources of today."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "docs" / "tutorials").glob("python_*.py"))


@pytest.fixture(scope="module")
def notebooks() -> ModuleType:
    pytest.importorskip("jupytext")
    pytest.importorskip("nbclient")
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "docs" / "notebooks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_three_notebooks() -> None:
    assert [path.stem for path in SOURCES] == ["python_comparison", "python_own_model", "python_service"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_notebook_with_outputs_is_of_the_source(source: Path, notebooks: ModuleType) -> None:
    import jupytext

    committed = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))
    shown = [("".join(cell["source"]), cell["cell_type"]) for cell in committed["cells"]]
    written = [(cell["source"], cell["cell_type"]) for cell in jupytext.read(source, fmt="py:percent").cells]
    assert shown == written, "run: python docs/notebooks.py"
    outputs: list[Any] = [cell["outputs"] for cell in committed["cells"] if cell["cell_type"] == "code"]
    assert any(outputs)
    assert "/tmp" not in json.dumps(outputs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Jupyter's own libraries
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_runs(source: Path, notebooks: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NABA_HOME", str(tmp_path / "runs"))
    notebook = notebooks.executed(source, tmp_path)
    last = [cell for cell in notebook.cells if cell.cell_type == "code"][-1]
    said = json.dumps(last.outputs, ensure_ascii=False)
    expected = {"comparison": "tfidf_nb", "own_model": "did you mean 'model.characters'", "service": "True"}
    assert expected[source.stem.removeprefix("python_")] in said
