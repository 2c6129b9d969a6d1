"""The classifier that `naba predict` and `naba serve` are given: a folder, or a tracked run by any of its names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba.classifier import folder as directory
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


@dataclass(frozen=True)
class Opened:
    """A classifier, ready to answer."""

    model: Any
    description: Mapping[str, Any]
    folder: Path

    @property
    def pair(self) -> bool:
        """Does it read a target beside the text?"""
        return "target" in self.description["input"]

    @property
    def columns(self) -> list[str]:
        """The columns that `predict` gives."""
        from naba.classifier.answers import output_columns

        return output_columns(self.model, self.description)

    @property
    def fingerprint(self) -> str:
        """Hex digest over the description and the sizes of the files: which classifier this is."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        sizes = [(str(path.relative_to(self.folder)), path.stat().st_size) for path in files]
        content = json.dumps([self.description, sizes], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """Labels and probabilities of a table; see `predict_table`."""
        from naba.classifier.answers import predict_table

        return predict_table(self.model, self.description, table)


def locate(name: str, uri: str | None = None) -> Path:
    """The classifier directory that MODEL stands for.

    Args:
        name: a folder (a classifier directory, or an MLflow model that holds one), or a tracked run: its id, the
            beginning of its id, its name, `models:/stance@champion`, or `best:ans_stance`.
    Raises:
        UserError: it is neither.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        inner = path / "artifacts" / "classifier"
        return inner if (path / "MLmodel").is_file() and inner.is_dir() else path
    if path.exists():
        raise UserError(f"{name} is a file; a classifier is a folder, or a tracked run")
    if not name.startswith("models:/") and ("/" in name or name.startswith((".", "~"))):
        raise UserError(f"there is no folder {name}", "naba export RUN DIR makes one; a run can also be named itself")
    from naba.export.run import find_run

    return find_run(name, uri).classifier_folder()


def open_classifier(name: str, uri: str | None = None) -> Opened:
    """Load the classifier that MODEL stands for; see `locate`."""
    folder = locate(name, uri)
    model, description = directory.load(folder)
    return Opened(model, description, folder)
