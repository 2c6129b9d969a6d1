"""Code of others: packages that bring models, data sets, readers, metrics, data checks, profiles and experiments.

A package is allowed by the user, never by a file: it is installed with an entry point in the group `naba`, or it is
named in `NABA_PACKAGES` (by `--package` too), as a name that Python can import or as a path to its folder. It brings
YAML files in its folder `conf/`, and Python code: what registers itself when its modules are imported (an `Options`
class with a `builder` name, `@naba.metric`, `@reader`, `@check`, `FORMAT`), and builder functions, which a YAML names
by their path (`builder: mypackage.models.my_model`). `NABA_NO_PACKAGES=1` and `--no-packages` allow none.
"""

from __future__ import annotations

import os
import pkgutil
import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba.errors import UserError, nearest

if TYPE_CHECKING:
    from types import ModuleType

GROUP = "naba"
NAMED, NONE, TRUSTED = "NABA_PACKAGES", "NABA_NO_PACKAGES", "NABA_TRUST"


@dataclass(frozen=True)
class Package:
    """A package that may bring code.

    Attributes:
        name: as Python imports it.
        source: who allowed it: an installed distribution's entry point, or `NABA_PACKAGES`.
        file: its `__init__.py`, the folder of a package without one, or the file of a lone module.
    """

    name: str
    source: str
    file: Path

    @property
    def folder(self) -> Path | None:
        """Where its modules and `conf/` are; None for a lone module."""
        if self.file.is_dir():
            return self.file
        return self.file.parent if self.file.name == "__init__.py" else None


def registry(place: str) -> Any:
    """The table or look-up at `module:attribute`, by which names of a YAML become code.

    The layers above hold builders, readers and metrics; configurations are checked here, below them, so the tables
    are reached by name and imported on use.
    """
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def allowed() -> tuple[Package, ...]:
    """The packages that the user allows; nothing of them is imported.

    Raises:
        UserError: one that is named does not exist; says the nearest name.
    """
    if os.environ.get(NONE) == "1":
        return ()
    return _allowed(os.environ.get(NAMED, ""), str(Path.cwd()))


@cache
def _allowed(named: str, _current: str) -> tuple[Package, ...]:
    found: dict[str, Package] = {}
    for entry in entry_points(group=GROUP):
        name = entry.value.partition(":")[0].partition(".")[0]
        distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an installed package"
        found.setdefault(name, _package(name, f"entry point of {distribution}"))
    for part in filter(None, (one.strip() for one in named.split(","))):
        package = _at(Path(part)) if os.sep in part or part.endswith(".py") else _package(part, NAMED)
        found[package.name] = package
    return tuple(found.values())


def _at(path: Path) -> Package:
    path = path.expanduser().resolve()
    if not path.exists():
        raise UserError(f"{NAMED} or --package names {path}, which does not exist")
    if str(path.parent) not in sys.path:
        # At the end, so that no file of it takes the place of a library.
        sys.path.append(str(path.parent))
    package = _package(path.stem, NAMED)
    if package.file not in {path, path / "__init__.py"}:
        raise UserError(f"{path}: another module is called '{path.stem}' ({package.file})", "Rename it.")
    return package


def _package(name: str, source: str) -> Package:
    spec = PathFinder.find_spec(name) if name.isidentifier() else None
    if spec is not None and spec.origin and Path(spec.origin).is_file():
        return Package(name, source, Path(spec.origin).resolve())
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        return Package(name, source, Path(folder).resolve())
    guess = nearest(name, packages_distributions())
    raise UserError(
        f"the package '{name}' (allowed by {source}) cannot be found" + (f"; did you mean '{guess}'?" if guess else ""),
        "a package is installed, or lies on PYTHONPATH, or is named by its folder: --package ./mypackage; "
        "--no-packages does without any",
    )


def conf_folders() -> list[Path]:
    """The folders of YAML files that allowed packages bring."""
    folders = [package.folder / "conf" for package in allowed() if package.folder is not None]
    return [folder for folder in folders if folder.is_dir()]


def module_file(module: str) -> Path | None:
    """The source of a module of an allowed package, without importing anything; None where there is none."""
    root, *rest = module.split(".")
    package = next((one for one in allowed() if one.name == root), None)
    if package is None or (rest and package.folder is None):
        return None
    if not rest:
        return package.file if package.file.suffix == ".py" else None
    path = package.folder.joinpath(*rest)  # type: ignore[union-attr]
    return next((one for one in (path.with_name(f"{path.name}.py"), path / "__init__.py") if one.is_file()), None)


def load() -> tuple[ModuleType, ...]:
    """The modules of all allowed packages, imported once a process: each package, and the modules that lie in it.

    Raises:
        UserError: one cannot be imported.
    """
    return tuple(module for package in allowed() for module in _load(package))


@cache
def _load(package: Package) -> tuple[ModuleType, ...]:
    names = [package.name]
    if package.folder is not None:
        inside = sorted(one.name for one in pkgutil.iter_modules([str(package.folder)]) if not one.ispkg)
        names += [f"{package.name}.{name}" for name in inside if not name.startswith(("_", "test_", "conftest"))]
    return tuple(_imported(name, package) for name in names)


def _imported(module: str, package: Package) -> ModuleType:
    try:
        return import_module(module)
    except Exception as error:
        raise UserError(
            f"{module} (a package allowed by {package.source}, {package.file}) cannot be imported: "
            f"{type(error).__name__}: {error}",
            "--no-packages does without it",
        ) from error


def allow(name: str) -> None:
    """Allow one more package in this process and those it starts."""
    os.environ[NAMED] = ",".join(dict.fromkeys([*filter(None, os.environ.get(NAMED, "").split(",")), name]))


def trust(names: str) -> None:
    """Let kept models hold these types of code that is not naba's, in this process and those it starts."""
    os.environ[TRUSTED] = ",".join(dict.fromkeys([*sorted(trusted()), *names.split(",")]))


def trusted() -> set[str]:
    """The types (`mypackage.models.Model`) that the user vouches for when a kept model is loaded."""
    return {one.strip() for one in os.environ.get(TRUSTED, "").split(",") if one.strip()}
