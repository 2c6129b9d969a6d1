"""Where naba finds what it ships and where it keeps what it makes."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """The root of the repository naba runs from, or None for an installed wheel."""
    root = PACKAGE.parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "conf" / "train.yaml").is_file() else None


def shipped(folder: str) -> Path:
    """A folder naba ships (`conf`, `experiments`, `data`): in the repository, or inside the wheel."""
    root = checkout()
    return (root / folder) if root else (PACKAGE / "shipped" / folder)


def home() -> Path:
    """The folder for everything naba writes: `NABA_HOME`, else `runs` in the repository or the current folder."""
    configured = os.environ.get("NABA_HOME")
    if configured:
        return Path(configured).expanduser().resolve()
    return (checkout() or Path.cwd()) / "runs"


def cache() -> Path:
    """The folder for downloaded files: `NABA_CACHE`, else the user's cache folder."""
    configured = os.environ.get("NABA_CACHE")
    if configured:
        return Path(configured).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "naba"
