"""The shape of the code: rooms, layers, sizes, as ARCHITECTURE.md describes it."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "naba"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 600
LONGEST_FUNCTION = 60
LONGEST_COMMAND = 130
MOST_ROOMS = 20
MOST_ENTERED = 66
"""Files whose functions a training of `pair_boosting` calls, from the command line to the store."""
SHARED_BY_COMMANDS = {"cli/__init__.py", "cli/arguments.py", "cli/console.py"}
"""What all commands are found by, take and print with; the limit of modules holds for them."""


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_there_are_few_rooms_and_hardly_anything_lies_loose() -> None:
    rooms = [path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]
    loose = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert len(rooms) + len(loose) <= MOST_ROOMS
    assert loose <= {"errors", "files", "machine"}


def test_modules_are_short() -> None:
    assert {name(path): lines(path) for path in MODULES if lines(path) > LONGEST_MODULE} == {}


def test_commands_hold_arguments_and_printing_only() -> None:
    long = {name(path) for path in (PACKAGE / "cli").glob("*.py") if lines(path) > LONGEST_COMMAND}
    assert long - SHARED_BY_COMMANDS == set()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_are_short(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions if node.end_lineno}
    assert {function: size for function, size in long.items() if size > LONGEST_FUNCTION} == {}


def test_the_layers_of_the_contract_are_all_rooms() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = {part.strip() for layer in contract["contracts"][0]["layers"] for part in layer.split("|")}
    there = {path.stem for path in PACKAGE.iterdir() if path.name not in {"__init__.py", "__pycache__", "py.typed"}}
    assert layers == there


@pytest.mark.skipif(importlib.util.find_spec("importlinter") is None, reason="import-linter is not installed")
def test_imports_go_down() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]


TRACED = """
import inspect, json, sys
from pathlib import Path
import naba

root, entered = str(Path(naba.__file__).parent), set()

def note(frame, event, argument):
    code = frame.f_code
    # Bodies of modules and classes have no such flag: they run when a file is imported, used or not.
    if event == "call" and code.co_flags & inspect.CO_OPTIMIZED and code.co_name[0] != "<":
        entered.add(code.co_filename)

sys.setprofile(note)
from naba.cli import main
code = main(["train", "dataset=synthetic_stance", "model=pair_boosting", "evaluation.resamples=50"])
sys.setprofile(None)
print(json.dumps(sorted(file for file in entered if file.startswith(root))))
sys.exit(code)
"""


@pytest.mark.slow
def test_a_training_enters_few_files(own_home: Path) -> None:
    done = subprocess.run([sys.executable, "-c", TRACED], cwd=own_home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    entered = json.loads(done.stdout.splitlines()[-1])
    assert {"cli/train.py", "experiment/run.py", "models/pairs/features.py"} <= {name(Path(file)) for file in entered}
    assert len(entered) <= MOST_ENTERED, entered


def test_every_experiment_is_a_real_file_and_scripts_lie_apart() -> None:
    conf = ROOT / "conf"
    assert not [path for path in conf.rglob("*") if path.is_symlink()]
    assert {path.suffix for path in conf.rglob("*") if path.is_file()} == {".yaml"}
    assert list((ROOT / "experiments").glob("*.py")) == []


def test_the_promises_of_safety_name_tests_that_are_there() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = page.partition("## Trust boundaries")[2]
    named = re.findall(r"`(tests/[^`:]+)(?:::(\w+))?`", table)
    assert len(named) > 20
    for path, function in named:
        assert (ROOT / path).exists(), path
        if function:
            assert f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), function
