"""Predictions of a trained classifier for new texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from naba.models.classifier import Classifier


def predict_table(model: Classifier, description: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
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
    model: Classifier, description: Mapping[str, Any], texts: Sequence[str], targets: Sequence[str]
) -> pd.DataFrame:
    """The same for texts that are known to be str; targets are empty for single-text models."""
    import pandas as pd

    return pd.DataFrame(answer_columns(model, description, texts, targets))


def answer_columns(
    model: Classifier, description: Mapping[str, Any], texts: Sequence[str], targets: Sequence[str]
) -> dict[str, np.ndarray]:
    """The columns of `predict_texts`, by name.

    Raises:
        UserError: a probability is not finite.
    """
    import pandas as pd

    from naba.evaluation.predictions import PREFIX, answers, objects

    labels = list(description["labels"])
    # As a model is trained on them; pandas would look for a type of its own.
    given = pd.DataFrame({"text": objects(texts), "target": objects(targets)}, dtype=object)
    predicted, probabilities, outcomes = answers(model, given, labels, "its description")
    unsound = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(unsound):
        raise UserError(
            f"the classifier gives no finite probabilities for {len(unsound)} of {len(texts)} rows, first row "
            f"{unsound[0]}",
            "its weights are damaged, or its training diverged: train it again",
        )
    output: dict[str, Any] = {"label": predicted}
    output |= {PREFIX + label: probabilities[:, column] for column, label in enumerate(labels)}
    if model.threshold is not None:
        chosen = [labels.index(label) if label else 0 for label in predicted]
        output["abstain"] = (probabilities[np.arange(len(texts)), chosen] < model.threshold) | (predicted == "")
    if not model.always_answers:
        output["outcome"] = objects([]) if outcomes is None else outcomes
    return output


def output_columns(model: Classifier, description: Mapping[str, Any]) -> list[str]:
    """The columns that `predict_table` gives, in order."""
    from naba.evaluation.predictions import PREFIX

    withheld = ["abstain"] if model.threshold is not None else []
    ended = [] if model.always_answers else ["outcome"]
    return ["label", *(PREFIX + label for label in description["labels"]), *withheld, *ended]


def _column(table: pd.DataFrame, name: str) -> list[str]:
    if name not in table.columns:
        raise UserError(f"the table has no column '{name}' (it has: {', '.join(map(str, table.columns))})")
    values = table[name].tolist()
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise UserError(f"column '{name}', row {row}: expected text, got {value!r}")
    return values
