"""Runs and where they are kept. Only this package imports MLflow (and `classifier/pyfunc.py`, which MLflow loads)."""

from naba.tracking.database import client, default_uri, quiet
from naba.tracking.run import Run
from naba.tracking.store import Store, find, open_tracker, search

__all__ = ["Run", "Store", "client", "default_uri", "find", "open_tracker", "quiet", "search"]
