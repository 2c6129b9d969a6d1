"""Paths of a user's own files, kept so that a run can be done again from any folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PATH_KEYS = (
    "dataset.path",
    "model.checkpoint",
    "model.classifier.checkpoint",
    "model.embeddings",
    "model.classifier.embeddings",
    "model.prompt",
    "model.classifier.prompt",
    "model.prices",
    "model.classifier.prices",
)
"""Where a configuration may name a file or folder of the user's. A name on the Hub is none of them."""


def absolute(value: Any) -> Any:
    """The absolute path, where `value` names a file or folder that exists here; anything else as it is."""
    if not isinstance(value, str) or not value:
        return value
    try:
        path = Path(value).expanduser()
        return str(path.resolve()) if path.exists() else value
    except (OSError, RuntimeError, ValueError):
        # Too long for a file's name, `~nobody`, a null character: no path, then.
        return value


def _make_absolute(config: dict[str, Any]) -> None:
    """Replace the paths of a plain configuration in place; `dataset.path` within a data set of the Hub stays."""
    for key in PATH_KEYS:
        *sections, name = key.split(".")
        section: Any = config
        for part in sections:
            section = section.get(part) if isinstance(section, dict) else None
        if isinstance(section, dict) and name in section and section.get("repo_id") is None:
            section[name] = absolute(section[name])
