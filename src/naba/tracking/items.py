"""What is written down about a run: small values that a report yields and a tracker performs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from naba import files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure as MatplotlibFigure

    from naba.data.dataset import Dataset


@dataclass(frozen=True)
class Param:
    """A choice that made the run what it is."""

    name: str
    value: str


@dataclass(frozen=True)
class Metric:
    """A number; names are ASCII and `/` makes sections (`test/macro_f1`)."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class Tag:
    """A searchable fact about a run."""

    name: str
    value: str


@dataclass(frozen=True)
class Text:
    """A text file."""

    path: str
    content: str


@dataclass(frozen=True)
class Table:
    """A table of text and numbers."""

    path: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Figure:
    """A matplotlib figure."""

    path: str
    figure: MatplotlibFigure


@dataclass(frozen=True)
class File:
    """A file that a function writes; the run keeps its SHA-256."""

    path: str
    write: Callable[[Path], None]


@dataclass(frozen=True)
class Input:
    """The data set a run used, in the role (`train`, `test`) it played."""

    dataset: Dataset
    role: str


@dataclass(frozen=True)
class Model:
    """The trained classifier."""

    model: Any
    description: Mapping[str, Any]


Item = Param | Metric | Tag | Text | Table | Figure | File | Input | Model


def write_files(items: Sequence[Item], folder: Path) -> dict[str, str]:
    """Write texts, figures and files below `folder`.

    Returns:
        Path -> SHA-256 of each `File`.
    """
    digests = {}
    for item in items:
        if not isinstance(item, (Text, Figure, File)):
            continue
        path = folder / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.writing(path):
            if isinstance(item, Text):
                path.write_text(item.content, encoding="utf-8")
            elif isinstance(item, Figure):
                item.figure.savefig(path, dpi=110)
            else:
                item.write(path)
                digests[item.path] = files.sha256(path)
    return digests


def check_known(items: Sequence[Item]) -> None:
    """Raises:
    TypeError: something is no item, so that no tracker would write it.
    """
    for item in items:
        if not isinstance(item, Item):
            raise TypeError(f"{type(item).__name__} is no item that a tracker can write")
