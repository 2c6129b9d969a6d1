"""Fitted features that the jobs of a sweep share: seeds and models that read the same rows by the same features.

Nothing is kept until `share` says how much may be.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from naba.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

ROOM = "NABA_FEATURES_MB"
"""The variable that says how many megabytes of features each worker of a sweep may keep; 0 for none."""
USUAL_ROOM = 256
_kept: OrderedDict[tuple[str, str], tuple[Any, Any]] = OrderedDict()
"""(what made the features, their rows) -> the fitted features and their matrix; the latest use last."""
_known: dict[int, str] = {}
"""Identity of fitted features in `_kept` -> what made them."""
_room = 0


def share() -> None:
    """Keep fitted features and their matrices for the next jobs of this process.

    Raises:
        UserError: NABA_FEATURES_MB is no number of megabytes.
    """
    global _room  # noqa: PLW0603 - one room a process, as its memory is
    said = os.environ.get(ROOM) or str(USUAL_ROOM)
    if not said.isdecimal():
        raise UserError(f"{ROOM}={said!r}: expected megabytes, a whole number", f"{ROOM}={USUAL_ROOM}")
    _room = int(said) * 2**20


def fitted(features: Any, X: pd.DataFrame) -> tuple[Any, Any]:
    """`features` fitted on a table, and their matrix of it; nobody may write to either."""
    from sklearn.base import clone

    made_by = _digest(features, X) if _room else ""
    if made_by and (found := _take(made_by, "")) is not None:
        return found
    own = clone(features)
    found = own, own.fit_transform(X)
    if made_by:
        _keep(made_by, "", found)
    return found


def transformed(features: Any, X: pd.DataFrame) -> Any:
    """What fitted features make of a table; kept where the features are."""
    made_by = _known.get(id(features), "")
    if not made_by:
        return features.transform(X)
    rows = _digest(None, X)
    found = _take(made_by, rows)
    if found is None:
        found = features, features.transform(X)
        _keep(made_by, rows, found)
    return found[1]


def _digest(features: Any, X: pd.DataFrame) -> str:
    """What decides the fitted features: their settings and the rows; "" where the settings cannot be written down."""
    digest = hashlib.sha256()
    try:
        digest.update(pickle.dumps(features))
    except (pickle.PicklingError, AttributeError, TypeError, ValueError, UserError):
        return ""
    for column in X.columns:
        digest.update(f"\0{column}\0".encode())
        for text in X[column]:
            digest.update(b"%d:" % len(text) + text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _take(made_by: str, rows: str) -> tuple[Any, Any] | None:
    found = _kept.get((made_by, rows))
    if found is not None:
        _kept.move_to_end((made_by, rows))
    return found


def _keep(made_by: str, rows: str, found: tuple[Any, Any]) -> None:
    if _bytes(found[1]) > _room:
        return
    _kept[made_by, rows] = found
    _known[id(found[0])] = made_by
    while sum(_bytes(matrix) for _, matrix in _kept.values()) > _room:
        _kept.popitem(last=False)
    alive = {id(features): key for (key, _), (features, _) in _kept.items()}
    _known.clear()
    _known.update(alive)


def _bytes(matrix: Any) -> int:
    if hasattr(matrix, "indptr"):
        return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)
    return int(matrix.nbytes)
