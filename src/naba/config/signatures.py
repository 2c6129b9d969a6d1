"""The arguments of a builder function, read from its source so that nothing heavy is imported to check a YAML."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import typing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from naba.config import schema
from naba.errors import UserError, unknown_name

INJECTED = frozenset({"seed", "normalisation", "pair", "primary_metric", "checkpoint_folder"})
"""Arguments that `naba.models.build` gives itself; a YAML never names them."""


@dataclass(frozen=True)
class Argument:
    """One keyword of a builder: its type as written, and whether it must be given."""

    name: str
    annotation: Any
    required: bool


@cache
def module_source(module: str) -> Path | None:
    """The file of a module below `naba`, found by its name alone (no module is imported)."""
    parts = module.split(".")
    spec = importlib.util.find_spec("naba")
    if parts[0] != "naba" or spec is None or not spec.submodule_search_locations:
        return None
    base = Path(next(iter(spec.submodule_search_locations))).joinpath(*parts[1:])
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@cache
def _functions(path: Path) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _annotation(node: ast.expr | None) -> Any:
    if node is None:
        return Any
    names = {name: getattr(schema, name) for name in vars(schema) if not name.startswith("_")}
    names |= {"Literal": typing.Literal, "Any": typing.Any, "Annotated": typing.Annotated}
    try:
        # The text comes from naba's own source, never from a configuration.
        return eval(  # noqa: S307
            compile(ast.Expression(node), "<annotation>", "eval"), {"__builtins__": vars(builtins)}, names
        )
    except NameError:
        return Any


def function_arguments(target: str, package: str) -> dict[str, Argument]:
    """The keyword arguments of function `target` (`naba.models.tfidf.classifier.tfidf_logreg`).

    Args:
        package: what the target must lie below (`naba.models`).
    Raises:
        UserError: the target lies elsewhere, or there is no such module or function; names the nearest one.
    """
    module, _, name = target.rpartition(".")
    if not (module + ".").startswith(package + "."):
        raise UserError(f"'{target}' is outside {package}: a YAML can only name functions of {package}.*")
    path = module_source(module)
    if path is None:
        folder = module_source(package)
        modules = sorted(p.stem for p in folder.parent.glob("*.py") if p.stem != "__init__") if folder else []
        raise UserError(unknown_name(f"module in {package}", module.rpartition(".")[2], modules))
    functions = _functions(path)
    if name not in functions:
        public = [function for function in functions if not function.startswith("_")]
        raise UserError(unknown_name(f"function in {module}", name, public))
    return _arguments(functions[name])


def _arguments(function: ast.FunctionDef) -> dict[str, Argument]:
    spec = function.args
    positional = [*spec.posonlyargs, *spec.args]
    missing = len(positional) - len(spec.defaults)
    found = {
        arg.arg: Argument(arg.arg, _annotation(arg.annotation), index < missing) for index, arg in enumerate(positional)
    }
    for arg, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        found[arg.arg] = Argument(arg.arg, _annotation(arg.annotation), default is None)
    return found
