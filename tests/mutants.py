"""Small faults put into the code one at a time: does a test notice?

    python tests/mutants.py                     # a sample of 12 faults a module, seed 0
    python tests/mutants.py evaluation --each 40 --seed 1
    python tests/mutants.py significance --all

Each fault changes one operator, comparison, number or truth value. It is written into a copy of the source, and the
tests that are mapped to its module run until the first failure. Survivors are printed; `tests/mutants.md` lists those
that are known, with the reason. An own runner, because all metrics are decorated functions, which mutmut leaves alone,
and because a fork of one loaded process tests a fault in a fraction of the time that a new Python needs to start.

What decides nothing is left alone: messages of errors, annotations, imports, decorators, types, and of the numbers
- those below 1e-8, which allow for rounding: twice as much allows for no more;
- the usual number of resamples and the usual seed of a function (`= 10_000`): how finely, not what;
- how much is held in memory at once (`MEMORY`): tests set it to a few rows and compare;
- places and sizes in a figure: constants that a function which returns a `Figure` hands on; what it computes is tried.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
SECONDS, TIMES = 30, 6
"""A run of tests is broken off after this, or after so many times what it takes without a fault."""
EVALUATION = "tests/evaluation/"
PACKAGES = "tests/config/test_packages.py::test_a_wrong_metric_is_one_message_before_anything_is_trained"
PROMOTION = "tests/tracking/test_tracked_runs.py::test_champion_changes_only_when_the_test_allows"
TARGETS: dict[str, tuple[str, ...]] = {
    "evaluation/bootstrap.py": ("test_deciding_numbers", "test_bootstrap", "test_significance"),
    "evaluation/significance.py": ("test_deciding_numbers", "test_significance", "test_leaderboard"),
    "evaluation/metrics.py": ("test_metrics", "test_official_metrics", "test_no_answer", PACKAGES),
    "evaluation/official_metrics.py": ("test_official_metrics", "test_metrics"),
    "evaluation/leaderboard.py": ("test_leaderboard", "test_deciding_numbers", "test_pools"),
    "evaluation/columns.py": ("test_columns", "test_leaderboard", "test_pools"),
    "evaluation/tables.py": ("test_tables", "test_leaderboard"),
    "evaluation/predictions.py": ("test_predictions", "test_outside", "test_deciding_numbers", "test_no_answer"),
    "evaluation/outside.py": ("test_outside",),
    "evaluation/calibration.py": ("test_calibration",),
    "evaluation/slices.py": ("test_slices", "test_no_answer"),
    "evaluation/submission.py": ("test_deciding_numbers", "test_submission"),
    "evaluation/pools.py": ("test_pools",),
    "evaluation/optimism.py": ("test_optimism",),
    "evaluation/transfer/measure.py": ("tests/evaluation/transfer",),
    "data/splits.py": ("tests/data/test_splits.py",),
    "data/checks/rows.py": ("tests/data/checks",),
    "data/checks/leaks.py": ("tests/data/checks",),
    "data/checks/near_duplicates.py": ("tests/data/checks/test_near_duplicates.py",),
    "data/rows/delimited.py": ("tests/data/rows/test_delimited.py", "tests/predict/test_blocks.py"),
    "config/identity.py": ("tests/config/test_identity.py",),
    "export/parity.py": ("test_deciding_numbers", "tests/export/test_parity.py"),
    "models/calibration.py": ("test_deciding_numbers", "tests/models/test_calibrated_models.py"),
    "experiment/scoring.py": ("tests/experiment/test_scoring.py", "tests/experiment/test_trained_rows.py"),
    "experiment/tuned.py": ("tests/experiment/test_tuned.py",),
    "tracking/facts.py": ("tests/tracking/test_facts.py",),
    "tracking/promotion.py": ("tests/tracking/test_promotion.py", PROMOTION),
    "predict/job.py": ("tests/predict/test_job.py",),
    "predict/output.py": ("tests/predict/test_committed.py", "tests/predict/test_blocks.py"),
    "predict/reading.py": ("tests/predict/test_prediction_reading.py", "tests/predict/test_blocks.py"),
    "classifier/answers.py": ("tests/predict/test_job.py", "tests/classifier/test_classifier_answers.py"),
}

LIBRARIES = (
    "filelock", "hydra", "hypothesis.extra.numpy", "jinja2", "matplotlib", "omegaconf", "openpyxl", "optuna", "pandas",
    "pyarrow.parquet", "pydantic", "pygments.lexers", "safetensors.numpy", "scipy.sparse", "scipy.stats",
    "selenium.webdriver", "skops.io", "sklearn.ensemble", "sklearn.feature_extraction.text", "sklearn.isotonic",
    "sklearn.linear_model", "sklearn.metrics", "sklearn.svm", "sklearn.tree", "sqlite3", "tabulate", "wcwidth", "yaml",
)  # fmt: skip
"""Loaded once and shared by all forks, for which they would take most of the time."""

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
             ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One fault: the module, where, what it says now, and the whole source with it."""

    module: str
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.before}  ->  {self.after}"


def changed(node: ast.AST) -> ast.AST | None:
    """The same node with one fault in it, or None where there is nothing to change."""
    new = copy.deepcopy(node)
    if isinstance(new, ast.Compare) and type(new.ops[0]) in COMPARISONS:
        new.ops[0] = COMPARISONS[type(new.ops[0])]()
    elif isinstance(new, ast.BinOp) and type(new.op) in OPERATORS:
        new.op = OPERATORS[type(new.op)]()
    elif isinstance(new, ast.BoolOp):
        new.op = ast.Or() if isinstance(new.op, ast.And) else ast.And()
    elif isinstance(new, ast.UnaryOp) and isinstance(new.op, ast.Not | ast.USub):
        return new.operand
    elif isinstance(new, ast.Constant) and isinstance(new.value, bool):
        new.value = not new.value
    elif isinstance(new, ast.Constant) and isinstance(new.value, int | float):
        new.value = new.value + 1 if isinstance(new.value, int) else (2 * new.value or 1.0)
    elif isinstance(new, ast.IfExp):
        new.body, new.orelse = new.orelse, new.body
    else:
        return None
    return new


def places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Every node of code that decides, with its parent, the parent's field and the place in it."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.AST) and not getattr(child, "left_alone", False):
                    yield parent, field, index, child


NO_DECISION = {"dtype", "kind", "strict", "encoding", "copy", "stacklevel"}
"""Keywords whose values are types or habits."""
HOW_FINELY = {"resamples", "seed"}
"""Parameters whose usual values say how finely something is estimated."""
MEMORY = {"BLOCK", "BATCH", "LARGEST_PIECE", "PAIRS_AT_ONCE", "VALUES_IN_A_CHUNK", "VALUES_IN_CACHE"}
"""Constants that say how much is held at once."""
ROUNDING = 1e-8


def leave_alone(tree: ast.AST) -> None:
    """Mark what is no code that decides: messages, annotations, imports, `if TYPE_CHECKING`, decorators, types."""
    for node in ast.walk(tree):
        for part in (part for one in _undecided(node) for part in ast.walk(one)):
            part.left_alone = True  # type: ignore[attr-defined]


def _numbers(node: ast.AST) -> list[ast.AST]:
    """Numbers that decide nothing: see the module's text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, float) and 0 < node.value < ROUNDING:
        return [node]
    if isinstance(node, ast.FunctionDef):
        given = [*zip(node.args.args[::-1], node.args.defaults[::-1], strict=False),
                 *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]  # fmt: skip
        usual: list[ast.AST] = [value for name, value in given if value is not None and name.arg in HOW_FINELY]
        drawn = isinstance(node.returns, ast.Name) and node.returns.id == "Figure"
        return usual + (_handed_on(node) if drawn else [])
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in MEMORY:
        return [node.value]
    return []


def _handed_on(node: ast.AST) -> list[ast.AST]:
    computed = {id(part) for one in ast.walk(node) if isinstance(one, ast.BinOp | ast.Compare)
                for part in ast.iter_child_nodes(one)}  # fmt: skip
    return [part for part in ast.walk(node) if isinstance(part, ast.Constant) and id(part) not in computed]


def _undecided(node: ast.AST) -> list[ast.AST]:  # noqa: PLR0911
    if left := _numbers(node):
        return [*left, *(_undecided_function(node) if isinstance(node, ast.FunctionDef) else [])]
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
        return [node]
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return [node]
    if isinstance(node, ast.AnnAssign | ast.arg):
        return [node.annotation] if node.annotation else []
    if isinstance(node, ast.FunctionDef):
        return _undecided_function(node)
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases]
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"isinstance", "cast", "zip"}:
        return [*node.args[1:], *(word.value for word in node.keywords)]
    if isinstance(node, ast.Call):
        return [word.value for word in node.keywords if word.arg in NO_DECISION]
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "a")[0].isupper():
        return [node.value] if isinstance(node.value, ast.BinOp | ast.Subscript) else []  # aliases of types
    return []


def _undecided_function(node: ast.FunctionDef) -> list[ast.AST]:
    return [*node.decorator_list, *([node.returns] if node.returns else [])]


def mutants(module: str) -> list[Mutant]:
    """Every fault of a module."""
    tree = ast.parse((ROOT / "src" / "naba" / module).read_text(encoding="utf-8"))
    leave_alone(tree)
    found = []
    for parent, field, index, child in list(places(tree)):
        new = changed(child)
        if new is None:
            continue
        holder = getattr(parent, field)
        before = ast.unparse(child)
        if index is None:
            setattr(parent, field, new)
        else:
            holder[index] = new
        source = ast.unparse(ast.fix_missing_locations(tree))
        line = getattr(child, "lineno", 0)
        found.append(Mutant(module, line, before[:90], ast.unparse(new)[:90], source))
        if index is None:
            setattr(parent, field, child)
        else:
            holder[index] = child
    return found


def tests_of(module: str) -> list[str]:
    """The test files that a module's faults must be noticed by."""
    return [name if "/" in name else f"{EVALUATION}{name}.py" for name in TARGETS[module]]


NOT_RUN, BROKEN_OFF = 99, 98


def _outcome(work: Path, tests: Sequence[str]) -> int:
    """pytest's exit code in this process, which nothing of naba was imported into yet."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    sys.path.insert(0, str(work / "src"))
    import pytest

    import naba

    if not Path(naba.__file__).is_relative_to(work):
        return NOT_RUN
    # hypothesis is loaded by then, and pytest would say that it cannot rewrite its assertions.
    calm = ["-W", "ignore::pytest.PytestAssertRewriteWarning", "-p", "no:xdist", "-p", "no:cacheprovider"]
    return int(pytest.main(["-x", "-q", *calm, "-m", "not browser and not slow", *tests]))


def survives(work: Path, tests: Sequence[str], seconds: float = 600) -> bool:
    """Do the tests pass with the source below `work`? A run that takes longer has noticed the fault."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(_outcome(work, tests))
        finally:  # an exception must not go on with the parent's work
            os._exit(BROKEN_OFF)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            if code in {NOT_RUN, 5}:
                raise SystemExit(f"the tests {', '.join(tests)} cannot be run (exit code {code})")
            return code == 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def known_survivors() -> set[str]:
    """The lines of `mutants.md` that name a fault, without line numbers."""
    text = (ROOT / "tests" / "mutants.md").read_text(encoding="utf-8")
    return {re.sub(r":\d+:", ":", line) for line in re.findall(r"^- `(.+?)`", text, re.MULTILINE)}


def main() -> int:
    """Print survivors and the share killed; 1 if one survives that is not listed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", help="parts of module names, such as evaluation or splits (default: all)")
    parser.add_argument("--each", type=int, default=12, help="faults tried of each module (default 12)")
    parser.add_argument("--all", action="store_true", help="try every fault")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.dont_write_bytecode = True
    os.chdir(ROOT)
    for name in LIBRARIES:
        import_module(name)

    chosen = [module for module in TARGETS if not options.only or any(part in module for part in options.only)]
    known, killed, tried, news = known_survivors(), 0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        shutil.copytree(ROOT / "src", work / "src", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("conf", "data", "pyproject.toml"):
            (work / name).symlink_to(ROOT / name)
        for module in chosen:
            everything, file = mutants(module), work / "src" / "naba" / module
            whole = file.read_text(encoding="utf-8")
            begun = time.monotonic()
            if not survives(work, tests_of(module)):
                raise SystemExit(f"{module}: its tests fail without any fault")
            longest = max(SECONDS, TIMES * (time.monotonic() - begun))
            sample = everything if options.all else random.Random(f"{options.seed} {module}").sample(
                everything, min(options.each, len(everything))
            )  # fmt: skip
            left = 0
            for mutant in sample:
                file.write_text(mutant.source, encoding="utf-8")
                if survives(work, tests_of(module), longest):
                    left += 1
                    listed = re.sub(r":\d+:", ":", str(mutant)) in known
                    news += [] if listed else [str(mutant)]
                    print(f"survived {'(listed) ' if listed else ''}{mutant}", flush=True)
            file.write_text(whole, encoding="utf-8")
            tried, killed = tried + len(sample), killed + len(sample) - left
            print(f"{module}: {len(sample) - left} of {len(sample)} killed ({len(everything)} possible)", flush=True)
    share = killed / max(1, tried)
    print(f"killed {killed} of {tried}: {share:.0%}, seed {options.seed}; {len(news)} survivors not listed")
    return 1 if news else 0


if __name__ == "__main__":
    raise SystemExit(main())
