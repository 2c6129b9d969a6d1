"""Copies of MLflow stores for tests: making one takes seconds."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def copy_store(file: Path, home: Path) -> Path:
    """A copy of a store in another home, whole even where sqlite keeps pages in a log beside it."""
    copy = home / "mlflow.db"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


@contextmanager
def home_with_store(file: Path, home: Path) -> Iterator[None]:
    """Inside, naba works in `home`, which has a copy of the store: for fixtures that outlive one test."""
    copy_store(file, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NABA_HOME", str(home))
        yield
