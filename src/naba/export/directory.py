"""The classifier directory: a trained model with all it needs to be used without naba's run store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DESCRIPTION = "naba.json"
WEIGHTS = "classifier.joblib"


def save(model: Any, folder: Path, description: Mapping[str, Any]) -> int:
    """Write a trained model and its description.

    Returns:
        Bytes on disk.
    """
    import joblib

    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dict(description), ensure_ascii=False, indent=1)
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")
    joblib.dump(model, folder / WEIGHTS, compress=("zlib", 1))
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def describe(folder: Path) -> dict[str, Any]:
    """The description of a classifier directory.

    Raises:
        UserError: the folder is not one.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise UserError(f"{folder} is not a classifier directory: it has no {DESCRIPTION}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable JSON: {error}") from error
    return dict(found)


def load(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The model and its description. Only load directories you trust: the weights are a joblib file.

    Raises:
        UserError: the folder is not a classifier directory.
    """
    import joblib

    description = describe(folder)
    if not (folder / WEIGHTS).is_file():
        raise UserError(f"{folder} has no {WEIGHTS}")
    return joblib.load(folder / WEIGHTS), description
