"""Predictions of a trained classifier for new texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd


def predict_table(model: Any, description: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    """Labels and probabilities for a table of texts.

    Args:
        description: what `naba.classifier.folder` saved with the model.
        table: column `text`, and `target` where the model takes pairs; further columns are ignored.
    Returns:
        columns `label` and one `probability_<label>` a label, in label order, and `abstain` (bool) where the model
        withholds answers; one row a row of `table`.
    Raises:
        UserError: a column is missing, or a cell is not text; names the column and the first row.
    """
    texts = _column(table, "text")
    targets = _column(table, "target") if "target" in description["input"] else [""] * len(texts)
    return predict_texts(model, description, texts, targets).set_axis(table.index)


def predict_texts(
    model: Any, description: Mapping[str, Any], texts: Sequence[str], targets: Sequence[str]
) -> pd.DataFrame:
    """The same for texts that are known to be str; targets are empty for single-text models."""
    import pandas as pd

    from naba.evaluation.predictions import PREFIX, answers, objects

    labels = list(description["labels"])
    given = pd.DataFrame({"text": objects(texts), "target": objects(targets)})
    predicted, probabilities = answers(model, given, labels, "its description")
    output: dict[str, Any] = {"label": predicted}
    output |= {PREFIX + label: probabilities[:, column] for column, label in enumerate(labels)}
    if abstains(model):
        chosen = [labels.index(label) for label in predicted]
        output["abstain"] = probabilities[np.arange(len(texts)), chosen] < model.threshold_
    return pd.DataFrame(output)


def output_columns(model: Any, description: Mapping[str, Any]) -> list[str]:
    """The columns that `predict_table` gives, in order."""
    from naba.evaluation.predictions import PREFIX

    withheld = ["abstain"] if abstains(model) else []
    return ["label", *(PREFIX + label for label in description["labels"]), *withheld]


def abstains(model: Any) -> bool:
    """Does this model withhold answers that it is not sure of? (`naba.models.calibration.Abstaining`)."""
    return hasattr(model, "abstains")


def _column(table: pd.DataFrame, name: str) -> list[str]:
    if name not in table.columns:
        raise UserError(f"the table has no column '{name}' (it has: {', '.join(map(str, table.columns))})")
    values = table[name].tolist()
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise UserError(f"column '{name}', row {row}: expected text, got {value!r}")
    return values
