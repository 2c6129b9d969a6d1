"""Copies of MLflow stores for tests: making one takes seconds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def copy_store(file: Path, home: Path) -> Path:
    """A copy of a store in another home, whole even where sqlite keeps pages in a log beside it."""
    copy = home / "mlflow.db"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy
