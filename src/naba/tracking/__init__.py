"""Runs and where they are kept. Only this package imports MLflow (and `classifier/pyfunc.py`, which MLflow loads)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.tracking.database import client, default_uri, quiet
from naba.tracking.run import Run
from naba.tracking.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.config.schema import TrackingConfig
    from naba.tracking.folder import FolderTracker
    from naba.tracking.mlflow import MlflowTracker

__all__ = ["Run", "Store", "client", "default_uri", "find", "open_store", "open_tracker", "quiet", "search"]


def open_tracker(config: TrackingConfig) -> MlflowTracker | FolderTracker:
    """Where new runs go: an MLflow store, or a folder when tracking is off."""
    if config.name == "off":
        from naba.tracking.folder import FolderTracker

        return FolderTracker(config)
    from naba.tracking.mlflow import MlflowTracker

    return MlflowTracker(config)


def open_store(uri: str | None = None) -> Store:
    """The store at an address, or naba's own, for reading."""
    return Store(uri)


def find(name: str, uri: str | None = None) -> Run:
    """The run whose id is, or begins with, `name`, or whose name is `name`; see `Store.find`."""
    return open_store(uri).find(name)


def search(uri: str | None = None, filters: Mapping[str, str] | None = None, *, finished: bool = True) -> list[Run]:
    """All runs whose tags `naba.<name>` have these values, newest first; see `Store.search`."""
    return open_store(uri).search(filters, finished=finished)
