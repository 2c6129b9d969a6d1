"""Predictions of a trained classifier for new texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


def predict_table(model: Any, description: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    """Labels and probabilities for a table of texts.

    Args:
        description: what `naba.export.directory` saved with the model.
        table: column `text`, and `target` where the model takes pairs; further columns are ignored.
    Returns:
        columns `label` and one `probability_<label>` a label, in label order; one row a row of `table`.
    Raises:
        UserError: a column is missing, or a cell is not text; names the column and the first row.
    """
    import pandas as pd

    columns = {"text": _column(table, "text"), "target": [""] * len(table)}
    if "target" in description["input"]:
        columns["target"] = _column(table, "target")
    frame = pd.DataFrame({name: np.array([*values, None], dtype=object)[:-1] for name, values in columns.items()})
    labels = list(description["labels"])
    probabilities = np.zeros((len(table), len(labels)))
    predicted: list[str] = []
    if len(frame):
        given = model.predict_proba(frame)
        positions = [labels.index(str(label)) for label in model.classes_]
        probabilities[:, positions] = given
        if getattr(model, "probability_kind_", None) == "model":
            predicted = [labels[positions[column]] for column in given.argmax(axis=1)]
        else:
            predicted = [str(label) for label in model.predict(frame)]
    output = {"label": np.array([*predicted, None], dtype=object)[:-1]}
    output |= {f"probability_{label}": probabilities[:, column] for column, label in enumerate(labels)}
    return pd.DataFrame(output, index=table.index)


def _column(table: pd.DataFrame, name: str) -> list[str]:
    if name not in table.columns:
        raise UserError(f"the table has no column '{name}' (it has: {', '.join(map(str, table.columns))})")
    values = table[name].tolist()
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise UserError(f"column '{name}', row {row}: expected text, got {value!r}")
    return values
