"""What every model does with its input table: read the two text columns, cut it into chunks, code the labels."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from naba.arabic.normalise import Profile

COLUMNS = ("text", "target")
CHUNK_ROWS = 8192


def text_columns(table: Any) -> tuple[list[str], list[str]]:
    """The columns `text` and `target` of a table, as lists of str.

    Args:
        table: a pandas DataFrame (or a mapping of columns); `target` may be absent, and is then empty.
    Raises:
        UserError: there is no `text` column, or a cell is not a string.
    """
    names = [str(name) for name in getattr(table, "columns", table)] if _has_columns(table) else []
    if "text" not in names:
        found = f"columns {', '.join(names) or 'none'}" if names else f"a {type(table).__name__}"
        raise UserError(
            f"a model needs a table with columns text and target, not {found}",
            "give it pandas.DataFrame({'text': […], 'target': […]}); target is '' for single texts",
        )
    texts = _strings(table["text"], "text")
    targets = _strings(table["target"], "target") if "target" in names else [""] * len(texts)
    return texts, targets


def _has_columns(table: Any) -> bool:
    return hasattr(table, "columns") or isinstance(table, dict)


def _strings(column: Any, name: str) -> list[str]:
    values = list(column.tolist() if hasattr(column, "tolist") else column)
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise UserError(f"column {name}, row {row}: expected a string, found {value!r}")
    return values


def chunks(table: Any, rows: int = CHUNK_ROWS) -> Iterator[Any]:
    """Parts of a DataFrame of at most `rows` rows, in order, so that prediction runs in bounded memory."""
    if not hasattr(table, "iloc"):
        yield table
        return
    for start in range(0, len(table), rows):
        yield table.iloc[start : start + rows]


def code_labels(labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels as (classes, codes): the sorted distinct labels, and for each row the place of its label.

    Args:
        labels: (n,) strings, or integers all.
    Raises:
        UserError: no labels, or one that is not a string.
    """
    values = list(labels.tolist() if hasattr(labels, "tolist") else labels)
    if not values:
        raise UserError("there are no training rows", "look at the split: its training part is empty")
    # scikit-learn's stacking hands its parts labels that it has coded as integers.
    kind = int if isinstance(values[0], int) else str
    wrong = next((row for row, value in enumerate(values) if not isinstance(value, kind)), None)
    if wrong is not None:
        raise UserError(f"label of row {wrong}: expected a string, found {values[wrong]!r}")
    classes = sorted(set(values))
    place = {label: index for index, label in enumerate(classes)}
    codes = np.fromiter((place[value] for value in values), dtype=np.int64, count=len(values))
    return np.array(classes, dtype=object if kind is str else np.int64), codes


def require_classes(classes: Sequence[str], model: str) -> None:
    """Refuse training data of a single class, which no classifier can learn from."""
    if len(classes) < 2:
        raise UserError(
            f"{model} needs at least two labels in the training part, found only '{classes[0]}'",
            "choose another split, or model=majority",
        )


def text_digest(texts: Iterable[str], before: str = "") -> str:
    """SHA-256 (hex) of what stands before, and of the digests of the texts in order: it says where each text ends."""
    digest = hashlib.sha256(before.encode())
    for text in texts:
        digest.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    return digest.hexdigest()


def normalise_texts(texts: Sequence[str], profile: Profile | None) -> list[str]:
    """The texts after a profile's rules; None leaves them as they are."""
    if profile is None:
        return list(texts)
    from naba.arabic.normalise import normalise_all

    return normalise_all(texts, profile)
