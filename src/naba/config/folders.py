"""Where the YAML files are: a user's own first, then those of allowed packages, then naba's."""

from __future__ import annotations

import copy
import logging
import os
import typing
from functools import cache
from pathlib import Path
from typing import Any

from naba import files
from naba.config import builders, packages
from naba.errors import UserError, unknown_name

logger = logging.getLogger(__name__)

GROUPS = ("dataset", "model", "normalisation", "split", "evaluation", "tracking")
_HOLDERS = (*GROUPS, "experiment")
_MOST_PARTS = 100_000
"""Values of one file, each counted as often as it is used."""


def folders() -> list[Path]:
    """The configuration folders, the first of which wins: `NABA_CONF` or `./conf`, allowed packages', naba's own."""
    own = files.shipped("conf").resolve()
    configured = os.environ.get("NABA_CONF")
    candidates = [Path(part).expanduser() for part in configured.split(os.pathsep)] if configured else [Path("conf")]
    extra = [folder.resolve() for folder in candidates if any((folder / group).is_dir() for group in _HOLDERS)]
    extra += packages.conf_folders()
    return [*(folder for folder in dict.fromkeys(extra) if folder != own), own]


def group_folders(group: str) -> list[Path]:
    """The folders that hold the YAML files of a group."""
    return [folder / group for folder in folders()]


def names(group: str) -> list[str]:
    """What can be chosen in a group: `names("model")` -> ["majority", "tfidf_logreg", …]."""
    found = (path for folder in group_folders(group) for path in folder.glob("*.yaml"))
    return sorted({path.stem for path in found if not path.is_dir()})


def yaml_path(group: str, name: str) -> Path:
    """The YAML file of a choice; a note names one that takes the place of another.

    Raises:
        UserError: there is none; names the nearest one.
    """
    paths = [folder / f"{name}.yaml" for folder in group_folders(group)]
    # A link that leads nowhere is there: whoever reads it says so.
    there = [path for path in paths if path.is_file() or (path.is_symlink() and not path.is_dir())]
    if not there:
        raise UserError(unknown_name(group, name, names(group)))
    if len(there) > 1:
        _say_replaced(there[0], there[1])
    return there[0]


@cache
def _say_replaced(path: Path, other: Path) -> None:
    whose = "naba's own" if other.is_relative_to(files.shipped("conf").resolve()) else str(other)
    logger.warning("%s takes the place of %s '%s'; another name would keep both", path, whose, path.stem)


def section(group: str, name: str) -> dict[str, Any]:
    """One YAML file as a plain dict with its interpolations resolved.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    path = yaml_path(group, name)
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    content = copy.deepcopy(_section(path, status.st_mtime_ns, status.st_size))
    return builders.modern(content) if group == "model" else content


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file as it is written, interpolations and all.

    Raises:
        UserError: it cannot be read, holds something else than keys and values, or grows beyond all measure where its
            aliases are followed.
    """
    import yaml

    try:
        content = yaml.load(path.read_bytes(), _loader())  # noqa: S506 - OmegaConf's, which is a safe one
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise UserError(f"{path}: {error}") from error
    except RecursionError as error:
        raise UserError(f"{path}: its parts are nested too deeply") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected keys and values")
    if not _is_small(content):
        raise UserError(f"{path}: more than {_MOST_PARTS:,} values, or an alias inside itself")
    return content


def _loader() -> Any:
    from omegaconf._utils import get_yaml_loader

    return get_yaml_loader()


def _is_small(content: Any) -> bool:
    waiting, seen = [content], 0
    while waiting and seen <= _MOST_PARTS:
        part = waiting.pop()
        seen += 1
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return not waiting


@cache
def _section(path: Path, changed: int, size: int) -> dict[str, Any]:  # noqa: ARG001 - a changed file is read again
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    written = read_yaml(path)
    try:
        content = OmegaConf.to_container(OmegaConf.create(written), resolve=True)
    except (OmegaConfBaseException, ValueError) as error:
        raise UserError(f"{path}: {error}") from error
    return typing.cast("dict[str, Any]", content)
