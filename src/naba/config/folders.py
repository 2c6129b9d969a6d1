"""Where the YAML files are: a user's own first, then those of allowed packages, then naba's.

An own file describes an experiment, and nothing that makes Hydra run code. Hydra calls what a composed configuration
names: callbacks, launchers, sweepers, factories of log handlers. A folder `conf` that happens to lie in the current
folder must not get that far. Whoever names a folder (`NABA_CONF`, `--config-dir`) and sets `NABA_CONF_TRUSTED=1`
vouches for it.
"""

from __future__ import annotations

import copy
import logging
import os
import re
import typing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files
from naba.config import builders, packages
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

GROUPS = ("dataset", "model", "normalisation", "split", "evaluation", "tracking")
_HOLDERS = (*GROUPS, "experiment")
_MOST_PARTS = 100_000
"""Values of one file, each counted as often as it is used."""
_HEADER = re.compile(r"\s*#\s*@package\s+(\S+)\s*")
_OLD_TARGET = re.compile(r"naba\.models\.[a-z_.]+")


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


def trusted() -> bool:
    """Has the user named the folders and vouched for them?"""
    return bool(os.environ.get("NABA_CONF")) and os.environ.get("NABA_CONF_TRUSTED") == "1"


def require_plain(path: Path, name: str) -> None:
    """Refuse an own file that would make Hydra run code, unless its folder is trusted.

    Args:
        name: the file below its folder (`model/mine.yaml`).
    Raises:
        UserError: it sets a part of Hydra's own configuration other than what an experiment sweeps over, or names
            something to call; or it cannot be read.
    """
    if trusted():
        return
    status = path.stat()
    problem = _problem(path, name, status.st_mtime_ns, status.st_size)
    if problem:
        raise UserError(
            f"{path}: {problem}; own YAML files describe experiments and cannot do that",
            "If you trust the folder, name it in NABA_CONF and set NABA_CONF_TRUSTED=1.",
        )


@cache
def _problem(path: Path, name: str, changed: int, size: int) -> str | None:  # noqa: ARG001 - a changed file is read again
    if name.startswith("hydra/"):
        return "it is a part of Hydra's own configuration"
    with path.open(encoding="utf-8") as file:
        # Lines as Hydra sees them: U+2028 and U+0085 end one too.
        package = next(filter(None, map(_HEADER.fullmatch, file.read(512).splitlines())), None)
    if package and package[1] not in {"_global_", "_group_"}:
        return f"it places itself at '{package[1]}' (@package)"
    content = read_yaml(path)
    return next(_called(content, ""), None) or _hydra(content)


def _hydra(content: dict[str, Any]) -> str | None:
    for entry in content.get("defaults") or []:
        text = str(entry)
        if "hydra" in text:
            return f"its defaults choose a part of Hydra's own configuration ({text})"
    hydra = content.get("hydra", {})
    if hydra == {}:
        return None
    if isinstance(hydra, dict) and set(hydra) == {"sweeper"} and isinstance(hydra["sweeper"], dict):
        others = sorted(set(hydra["sweeper"]) - {"params"})
        if others:
            return f"it sets hydra.sweeper.{others[0]}"
        swept = [str(key) for key in hydra["sweeper"].get("params") or {} if "hydra" in str(key) or "@" in str(key)]
        return f"it sweeps over {swept[0]}" if swept else None
    keys = sorted(key for key in hydra if key != "sweeper") if isinstance(hydra, dict) else []
    return f"it sets hydra.{keys[0]}" if keys else "it sets hydra"


def _called(node: Any, place: str) -> Iterator[str]:
    """Keys by which Hydra, OmegaConf or `logging` find something to call."""
    if isinstance(node, dict):
        for key, value in node.items():
            where = f"{place}{key}"
            old = key == "_target_" and isinstance(value, str) and _OLD_TARGET.fullmatch(value)
            if str(key) in {"_target_", "()", "_partial_", "_call_"} and not old:
                yield f"it names something to call ({where}: {value})"
            yield from _called(value, f"{where}.")
    elif isinstance(node, list):
        for value in node:
            yield from _called(value, place)
