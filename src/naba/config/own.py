"""What an own YAML file may say: an experiment, and nothing that makes Hydra run code.

Hydra calls what a composed configuration names: callbacks, launchers, sweepers, factories of log handlers. A folder
`conf` that happens to lie in the current folder must not get that far. Whoever names a folder (`NABA_CONF`,
`--config-dir`) and sets `NABA_CONF_TRUSTED=1` vouches for it.
"""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEADER = re.compile(r"\s*#\s*@package\s+(\S+)\s*")
_OLD_TARGET = re.compile(r"naba\.models\.[a-z_.]+")


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
    from naba.config.folders import read_yaml

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
