"""Code of others: packages that bring models, data sets, readers, metrics, data checks, profiles and experiments.

A package is allowed by the user, never by a file: it is installed with an entry point in the group `naba`, or it is
named in `NABA_PACKAGES` (by `--package` too), as a name that Python can import or as a path to its folder. It brings
YAML files in its folder `conf/`, and Python code: what registers itself when its modules are imported (an `Options`
class with a `builder` name, `@naba.metric`, `@reader`, `@check`, `FORMAT`), and builder functions, which a YAML names
by their path (`builder: mypackage.models.my_model`). `NABA_NO_PACKAGES=1` and `--no-packages` allow none.
"""

from __future__ import annotations

import hashlib
import os
import pkgutil
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba.errors import UserError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

GROUP = "naba"
NAMED, NONE, TRUSTED = "NABA_PACKAGES", "NABA_NO_PACKAGES", "NABA_TRUST"
INSTALLED = "entry point of "
BY_USER = f"--package or {NAMED}"


@dataclass(frozen=True)
class Package:
    """A package that may bring code.

    Attributes:
        name: as Python imports it.
        source: who allowed it: an installed distribution's entry point, or the user.
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
    if none_wanted():
        return ()
    return _allowed(os.environ.get(NAMED, ""), str(Path.cwd()))


def none_wanted() -> bool:
    """Has the user turned packages off?"""
    return os.environ.get(NONE) == "1"


@cache
def _allowed(named: str, _current: str) -> tuple[Package, ...]:
    found: dict[str, Package] = {}
    for entry in entry_points(group=GROUP):
        name = entry.value.partition(":")[0].partition(".")[0]
        distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an installed package"
        found.setdefault(name, _package(name, f"{INSTALLED}{distribution}"))
    for part in filter(None, (one.strip() for one in named.split(","))):
        package = _at(Path(part)) if os.sep in part or part.endswith(".py") else _package(part, BY_USER)
        found[package.name] = package
    return tuple(found.values())


def _at(path: Path) -> Package:
    path = path.expanduser().resolve()
    if not path.exists():
        raise UserError(f"{BY_USER} names {path}, which does not exist")
    if path.is_dir() and not _is_package(path):
        path = _inside(path)
    if str(path.parent) not in sys.path:
        # At the end, so that no file of it takes the place of a library.
        sys.path.append(str(path.parent))
    package = _package(path.stem, BY_USER)
    if package.file not in {path, path / "__init__.py"}:
        hint = "Rename it; or uninstall the other, if it is an older copy."
        raise UserError(f"{path}: another module is called '{path.stem}' ({package.file})", hint)
    return package


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file() or (folder / "conf").is_dir()


def _inside(project: Path) -> Path:
    """The package of a project's folder, where pyproject.toml stands (`naba new package` writes one)."""
    found = [one for folder in (project / "src", project) if folder.is_dir()
             for one in sorted(folder.iterdir()) if one.name.isidentifier() and (one / "conf").is_dir()]  # fmt: skip
    if len(found) == 1:
        return found[0]
    if found or not any(project.glob("*.py")):
        said = f"several packages: {', '.join(map(str, found))}" if found else "no package"
        raise UserError(f"{project} holds {said}", "name the folder that has __init__.py and conf/")
    return project


def _package(name: str, source: str) -> Package:
    if name == "naba":
        raise UserError(f"naba itself is named as a package of others (by {source})", "what it brings is there without")
    spec = PathFinder.find_spec(name) if name.isidentifier() else None
    if spec is not None and spec.origin and Path(spec.origin).is_file():
        return Package(name, source, Path(spec.origin).resolve())
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        return Package(name, source, Path(folder).resolve())
    guess = f"./{name}" if Path(name).is_dir() else nearest(name, packages_distributions())
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
    return tuple(_imported(name, package) for name in dict.fromkeys([package.name, *module_files(package)]))


def module_files(package: Package) -> dict[str, Path]:
    """The package itself, where it has a file, and the modules that lie in it, with their files."""
    whole = {package.name: package.file} if package.file.is_file() else {}
    if package.folder is None:
        return whole
    inside = sorted(one.name for one in pkgutil.iter_modules([str(package.folder)]) if not one.ispkg)
    names = [name for name in inside if not name.startswith(("_", "test_", "conftest"))]
    return whole | {f"{package.name}.{name}": package.folder / f"{name}.py" for name in names}


def versions() -> dict[str, str]:
    """What a run keeps of each allowed package: its version, if it is installed, and the digest of its modules."""
    found = {}
    for package in allowed():
        digest = hashlib.sha256()
        for module, file in sorted(module_files(package).items()):
            digest.update(f"{module}\0".encode() + file.read_bytes() + b"\0")
        installed = package.source.rpartition(" ")[2] if package.source.startswith(INSTALLED) else "not installed"
        found[package.name] = f"{installed}, modules {digest.hexdigest()[:12]}"
    return found


def _imported(module: str, package: Package) -> ModuleType:
    try:
        return import_module(module)
    except Exception as error:
        raise UserError(
            f"{module} (a package allowed by {package.source}, {package.file}) cannot be imported: {told(error)}",
            "--no-packages does without it",
        ) from error


def told(error: BaseException) -> str:
    """What an error in a package's code says, in one line, and where in that code it was raised."""
    if isinstance(error, UserError):
        return error.message
    files = {frame.f_code.co_filename: line for frame, line in traceback.walk_tb(error.__traceback__)}
    roots = [package.folder or package.file for package in allowed()]
    place = [
        (file, line) for file, line in files.items() for root in roots if Path(file).resolve().is_relative_to(root)
    ]
    where = f" ({place[-1][0]}, line {place[-1][1]})" if place else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


@contextmanager
def blaming(what: str, hint: str | None = None) -> Iterator[None]:
    """Run a package's code: what it raises is the package's mistake and no defect of naba's.

    Args:
        what: the subject of the message: `metric 'mine'`.
    Raises:
        UserError: the code raised something, or ended the process; one line with the file and the line.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"{what} raised {told(error)}", hint) from error


def is_foreign(function: Callable[..., Any]) -> bool:
    """Is this code of others?"""
    return (function.__module__ or "").partition(".")[0] != "naba"


def check_free(kind: str, name: str, holder: Callable[..., Any] | None, function: Callable[..., Any]) -> None:
    """A name means one function; a module that is imported again may register it again.

    Raises:
        UserError: another function has the name.
    """
    homes = [f"{one.__module__}.{one.__qualname__}" for one in (holder, function) if one is not None]
    if len(set(homes)) > 1:
        raise UserError(f"two {kind}s are called '{name}': {' and '.join(homes)}", "rename yours")


def allow(name: str) -> None:
    """Allow one more package in this process and those it starts."""
    os.environ[NAMED] = ",".join(dict.fromkeys([*filter(None, os.environ.get(NAMED, "").split(",")), name]))


def trust(names: str) -> None:
    """Let kept models hold these types of code that is not naba's, in this process and those it starts."""
    os.environ[TRUSTED] = ",".join(dict.fromkeys([*sorted(trusted()), *names.split(",")]))


def trusted() -> set[str]:
    """The types (`mypackage.models.Model`) that the user vouches for when a kept model is loaded."""
    return {one.strip() for one in os.environ.get(TRUSTED, "").split(",") if one.strip()}
