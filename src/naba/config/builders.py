"""The `builder` of a model's YAML: a name in one table, so that no file layout is part of a YAML or of a run."""

from __future__ import annotations

import logging
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

ABOUT = frozenset({"name", "accepts", "description", "builder"})
"""Keys of a model's YAML that are not options of its builder."""

_OLD_KEY = "_target_"
_OLD_PACKAGE = "naba.models."


@cache
def table() -> dict[str, str]:
    """Builder -> `module:object`. Reached by name: the models lie above this layer, and the table imports nothing."""
    builders: dict[str, str] = import_module("naba.models").BUILDERS
    return builders


def builder_of(model: Mapping[str, Any]) -> str:
    """The builder of a model's section, which is one of the table.

    Raises:
        UserError: none is named, or one that does not exist; names the nearest one.
    """
    name = model.get("builder")
    if name is None and isinstance(target := model.get(_OLD_KEY), str):
        # Version 0.1 named a function by its file, `naba.models.sparse.tfidf_logreg`.
        name = target.rpartition(".")[2] if target.startswith(_OLD_PACKAGE) else target
    if not isinstance(name, str):
        raise UserError(f"builder: expected a name, one of {', '.join(sorted(table()))}")
    if name not in table():
        raise UserError(unknown_name("builder", name, table()))
    return name


def modern(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model's section with `builder: NAME`, also for one of version 0.1 (`_target_: naba.models.….NAME`).

    The models inside a model are brought up to date with it. A target that is no builder is left as it is, so that
    the check names it.
    """
    section = {key: modern(value) if isinstance(value, dict) else value for key, value in model.items()}
    target = section.get(_OLD_KEY)
    if not isinstance(target, str) or "builder" in section or not target.startswith(_OLD_PACKAGE):
        return section
    name = target.rpartition(".")[2]
    if name not in table():
        return section
    _note(target, name)
    # In its place: the order of keys is that of the file.
    return {("builder" if key == _OLD_KEY else key): name if key == _OLD_KEY else v for key, v in section.items()}


@cache
def _note(target: str, name: str) -> None:
    logger.warning("`_target_: %s` is how version 0.1 named a model; write `builder: %s`", target, name)
