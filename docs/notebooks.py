"""Runs the notebooks of the tutorials and writes them with their outputs: `python docs/notebooks.py`.

Their sources are `tutorials/python_*.py` (jupytext, percent format); the `.ipynb` beside each is what a reader opens.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

TUTORIALS = Path(__file__).parent / "tutorials"
SECONDS = 900
"""That a cell may take."""


def sources() -> list[Path]:
    """The notebooks' sources."""
    return sorted(TUTORIALS.glob("python_*.py"))


def executed(source: Path, folder: Path) -> Any:
    """The notebook with its outputs; its cells run in `folder`.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.read(source, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=place).execute()
    return notebook


def settled(notebook: Any, folder: Path) -> str:
    """The notebook as text, without times, paths of this machine and what is said about them."""
    import nbformat

    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            # What is said beside the results (a store is made) is of this machine.
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
    notebook.metadata.pop("language_info", None)
    return re.sub(re.escape(str(folder)), ".", nbformat.writes(notebook)) + "\n"


def main() -> None:
    """Write all of them."""
    for source in sources():
        with tempfile.TemporaryDirectory() as folder:
            text = settled(executed(source, Path(folder)), Path(folder))
        source.with_suffix(".ipynb").write_text(text, encoding="utf-8")
        print(source.with_suffix(".ipynb"))


if __name__ == "__main__":
    sys.exit(main())
