"""The formats of classifier folders: one file each, which is found by being here.

A file that is added to this package with a `FORMAT` is a choice of `naba export --format`, can be loaded, is compared
with its run in a fresh process, and says in the model card how it is loaded. (`naba.export.formats` holds those that
need the run store.)
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from naba.models.classifier import Classifier


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: of `--format`, and the `kind` of its `naba.json`.
        about: for the help of `naba export`, one line or a few.
        exact: the same numbers to the last bit, on the same versions of the libraries.
        write: (classifier directory, new folder, one of `int8` or "") writes the folder, with `naba.json`.
        load: (folder, description) -> the classifier; refuses what must not be loaded unseen.
        load_trusted: the same for a folder that this machine has just written; `load` where it is None.
        card: description -> lines of Markdown: how it is loaded, and what has to be done to a text without naba.
        int8: the ways in which it can be written with weights of 8 bits, the fastest first.
        inside: where the folder with `naba.json` lies below that of the export.
        predict: folder -> a function from a table to labels and probabilities, where users do not load the classifier.
    """

    name: str
    about: str
    exact: bool
    write: Callable[[Path, Path, str], None]
    load: Callable[[Path, Mapping[str, Any]], Classifier]
    card: Callable[[Mapping[str, Any]], list[str]]
    load_trusted: Callable[[Path, Mapping[str, Any]], Classifier] | None = None
    int8: tuple[str, ...] = ()
    inside: str = "."
    predict: Callable[[Path], Callable[[Any], Any]] | None = None


OLD_KINDS = {"classifier": "directory"}
"""Kinds as version 0.1 wrote them."""


def _plugged_in() -> tuple[Any, ...]:
    """Modules of allowed packages; none where a folder is used without most of naba's dependencies (ONNX)."""
    try:
        from naba.config import packages
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("naba") or os.environ.get("NABA_PACKAGES"):
            raise
        return ()
    return packages.load()


def discovered(package: str) -> dict[str, Format]:
    """The formats of a package and those of allowed packages, by name."""
    path = importlib.import_module(package).__path__
    modules = [importlib.import_module(f"{package}.{one.name}") for one in pkgutil.iter_modules(path)]
    modules += _plugged_in()
    found = {module.FORMAT.name: module.FORMAT for module in modules if "FORMAT" in vars(module)}
    return dict(sorted(found.items()))


def format_of(description: Mapping[str, Any]) -> Format:
    """The format of a folder with this description.

    Raises:
        UserError: this version does not know it.
    """
    kind = str(description.get("kind", "directory"))
    known = discovered(__name__)
    name = OLD_KINDS.get(kind, kind)
    if name not in known:
        raise UserError(unknown_name("kind of classifier folder", kind, known), "is it of a later version of naba?")
    return known[name]


def example_table(description: Mapping[str, Any]) -> str:
    """Python for a table of one row, as the code in a model card gives it to a classifier."""
    return '{"text": ["…"], "target": ["…"]}' if "target" in description["input"] else '{"text": ["…"]}'
