"""Builder functions of other packages: their options are read from their source, so that checking imports nothing."""

from __future__ import annotations

import ast
import copy
import hashlib
import typing
from dataclasses import asdict, dataclass, field, make_dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Strict

from naba.config import packages
from naba.config.builders import Context, Options
from naba.config.schema import FORBID
from naba.errors import UserError, nearest, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS: dict[str, Any] = {
    "int": Annotated[int, Strict()],
    "float": Annotated[float, Strict()],
    "str": Annotated[str, Strict()],
    "bool": Annotated[bool, Strict()],
    "list": list,
    "dict": dict,
    "tuple": tuple,
    "Literal": Literal,
    "Optional": typing.Optional,
    "Any": Any,
}
MOST_STEPS = 8
"""Modules that an import of a function is followed through."""


@dataclass(frozen=True, kw_only=True)
class FunctionOptions(Options):
    """Arguments of a builder function of another package."""

    def build(self, context: Context) -> Any:
        """What the function makes, as a classifier of naba's."""
        module, _, name = self.builder.rpartition(".")
        kind = type(self)
        given = {key: getattr(context, key) for key in kind.from_run}  # type: ignore[attr-defined]
        called = f"it is called with {self._arguments()} ({packages.module_file(module)})"
        with packages.blaming(f"builder '{self.builder}'", called):
            made = packages.registry(f"{module}:{name}")(**self._arguments(), **given)
        return packages.registry("naba.models.own:adapted")(made, self.builder, context, given)

    def _arguments(self) -> dict[str, Any]:
        return asdict(self)

    def content(self) -> dict[str, Any]:
        """The options, and the source of the function's module: code that changed makes another model."""
        file = packages.module_file(self.builder.rpartition(".")[0])
        source = hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file else ""
        return {**super().content(), "source": source}


@dataclass(frozen=True)
class _Parameter:
    name: str
    kind: Any
    default: ast.expr | None


def options_of(path: str) -> type[Options]:
    """The options of the builder function at `mypackage.module.function`.

    Raises:
        UserError: the package is not allowed, has no such function, or its signature cannot be read; says why.
    """
    root = path.partition(".")[0]
    names = [package.name for package in packages.allowed()]
    if root not in names:
        guess = nearest(root, names)
        raise UserError(
            f"builder '{path}': the package '{root}' is not allowed"
            + (f"; did you mean '{guess}'?" if guess else f" (allowed: {', '.join(names) or 'none'})"),
            f"if you trust its code: --package {root}, or NABA_PACKAGES={root}",
        )
    module, function, file = _function(path)
    return _options(path, str(file), file.stat().st_mtime_ns, f"{module}.{function.name}")


@cache
def _options(path: str, file: str, changed: int, home: str) -> type[Options]:  # noqa: ARG001 - a changed file is read again
    _, function, _ = _function(path)
    required, optional, from_run = [], [], []
    for one in _parameters(function, path, Path(file)):
        if one.name in Context.__dataclass_fields__:
            from_run.append(one.name)
        elif one.default is None:
            required.append((one.name, one.kind))
        else:
            value = _default(one, path, Path(file))
            optional.append((one.name, one.kind, field(default_factory=partial(copy.deepcopy, value))))
    made = make_dataclass(
        function.name,
        [*required, *optional],
        bases=(FunctionOptions,),
        namespace={
            "__pydantic_config__": FORBID,
            "__doc__": ast.get_docstring(function) or f"Builder {path}.",
            "builder": home,
            "from_run": tuple(from_run),
        },
        frozen=True,
        kw_only=True,
    )
    return typing.cast("type[Options]", made)


def _function(path: str) -> tuple[str, ast.FunctionDef, Path]:
    """(module, function, file) where the function at `path` is written; imports within the package are followed."""
    module, _, name = path.rpartition(".")
    for _step in range(MOST_STEPS):
        file = packages.module_file(module)
        if file is None:
            raise UserError(f"builder '{path}': there is no Python source of a module '{module}'")
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError, OSError) as error:
            raise UserError(f"builder '{path}': its signature cannot be read: {file}: {error}") from error
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        if name in functions:
            return module, functions[name], file
        moved = next(_imports(tree, module, name, package=file.name == "__init__.py"), None)
        if moved is None and name in _names(tree):
            raise UserError(
                f"builder '{path}': '{name}' in {file} is no plain function",
                f"write `def make_{name.lower()}(…)` beside it, which returns an estimator, and name that",
            )
        if moved is None:
            raise UserError(f"builder '{path}': {unknown_name('function', name, functions)} in {file}")
        module, name = moved
    raise UserError(f"builder '{path}': it is imported through more than {MOST_STEPS} modules")


def _names(tree: ast.Module) -> set[str]:
    """What a module defines that is no plain function: classes, coroutines, variables."""
    kinds = (ast.ClassDef, ast.AsyncFunctionDef)
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return {node.name for node in tree.body if isinstance(node, kinds)} | {
        target.id for target in targets if isinstance(target, ast.Name)
    }


def _imports(tree: ast.Module, module: str, name: str, *, package: bool) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: len(module.split(".")) - node.level + (1 if package else 0)]
            base = [*parents, *filter(None, [node.module])] if node.level else [node.module or ""]
            for alias in node.names:
                if (alias.asname or alias.name) == name and base[0] == module.partition(".")[0]:
                    yield ".".join(base), alias.name


def _parameters(function: ast.FunctionDef, path: str, file: Path) -> Iterator[_Parameter]:
    found = function.args
    place = f"builder '{path}' ({file}, line {function.lineno})"
    if found.posonlyargs or found.vararg or found.kwarg:
        raise UserError(f"{place}: its arguments must have names, without /, *args and **kwargs")
    if function.decorator_list:
        raise UserError(f"{place}: it is decorated, so its signature cannot be read", "give a plain function")
    defaults = [None] * (len(found.args) - len(found.defaults)) + list(found.defaults)
    for argument, default in [*zip(found.args, defaults, strict=True),
                              *zip(found.kwonlyargs, found.kw_defaults, strict=True)]:  # fmt: skip
        yield _Parameter(argument.arg, _kind(argument.annotation), default)


def _kind(node: ast.expr | None) -> Any:
    """The type that an annotation means; Any where it is not one of plain values."""
    try:
        return _evaluated(node) if node is not None else Any
    except (KeyError, TypeError, ValueError, AttributeError):
        return Any


def _evaluated(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return _evaluated(ast.parse(node.value, mode="eval").body) if isinstance(node.value, str) else node.value
    if isinstance(node, ast.Name):
        return _KINDS[node.id]
    if isinstance(node, ast.Attribute):
        return _KINDS[node.attr]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return typing.Union[_evaluated(node.left), _evaluated(node.right)]  # noqa: UP007 - one side may be None
    if isinstance(node, ast.Subscript):
        kind = _evaluated(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        inside = tuple(ast.literal_eval(part) if kind is Literal else _evaluated(part) for part in parts)
        return kind[inside if len(inside) > 1 else inside[0]]
    raise ValueError(ast.dump(node))


def _default(parameter: _Parameter, path: str, file: Path) -> Any:
    try:
        return ast.literal_eval(parameter.default)  # type: ignore[arg-type]
    except ValueError as error:
        line = getattr(parameter.default, "lineno", "?")
        raise UserError(
            f"builder '{path}' ({file}, line {line}): the default of '{parameter.name}' is no plain value, so it "
            "cannot be read without running the file",
            "write the value itself there, or None",
        ) from error
