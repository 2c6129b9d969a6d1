"""Code of others: model families, metrics, data checks and readers that lie outside naba.

A plug-in is a Python module that registers what it defines when it is imported: an `Options` class with a `builder`
name, a metric with `@register`, a check with `@check`, a reader with `@reader`; an export format is its `FORMAT`. It is
found in two ways: as an installed package with an entry point in the group `naba.plugins`, or as a file in a folder
that the user names in `NABA_PLUGINS`. Nothing in the current folder is imported by itself.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba.errors import UserError

if TYPE_CHECKING:
    from types import ModuleType

GROUP = "naba.plugins"


def registry(place: str) -> Any:
    """The table or look-up at `module:attribute`, by which names of a YAML become code.

    The layers above hold builders, readers and metrics; configurations are checked here, below them, so the tables
    are reached by name and imported on use.
    """
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def load() -> tuple[ModuleType, ...]:
    """The modules of all plug-ins, imported once a process.

    Raises:
        UserError: one cannot be imported, a folder does not exist, or a file has the name of another module.
    """
    return _load(os.environ.get("NABA_PLUGINS", ""))


@cache
def _load(folders: str) -> tuple[ModuleType, ...]:
    modules = [
        _imported(entry.value.partition(":")[0], f"the entry point '{entry.name}'")
        for entry in entry_points(group=GROUP)
    ]
    for part in filter(None, folders.split(os.pathsep)):
        folder = Path(part).expanduser().resolve()
        if not folder.is_dir():
            raise UserError(f"NABA_PLUGINS names {folder}, which is not a folder")
        if str(folder) not in sys.path:
            # At the end, so that no file of it takes the place of a library.
            sys.path.append(str(folder))
        for file in sorted(folder.glob("*.py")):
            module = _imported(file.stem, str(file))
            if getattr(module, "__file__", None) is None or Path(str(module.__file__)).resolve() != file:
                raise UserError(f"{file}: another module is called '{file.stem}'", "Rename the file.")
            modules.append(module)
    return tuple(modules)


def _imported(module: str, where: str) -> ModuleType:
    try:
        return import_module(module)
    except Exception as error:
        raise UserError(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
