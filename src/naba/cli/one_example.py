"""One row of a run on the terminal: its texts, its labels, and what decided (`naba show RUN --example ID`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.cli import console
from naba.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from naba.tracking import Run

DECIDING = 12
"""Features or words of one example that are shown."""


def show(run: Run, wanted: str) -> None:
    """One row of a run: its texts, gold and predicted label, probabilities, and the features or words that decided."""
    from rich.markup import escape

    predictions = section = None
    for section in run.sections:
        predictions = run.predictions(section)
        if wanted in predictions.ids:
            break
    else:
        examples = ", ".join(map(str, predictions.ids[:3])) if predictions is not None else ""
        raise UserError(f"run '{run.name}' has no example '{wanted}'", f"its ids look like: {examples}")
    row = list(predictions.ids).index(wanted)
    dataset = run.dataset(section)
    place = list(dataset.column_values("id")).index(wanted)
    frame = dataset.frame([place])
    out = console.console()
    for column in ("text", "target"):
        if frame[column].iloc[0]:
            out.print(f"{column}: {escape(frame[column].iloc[0])}")
    probabilities = "  ".join(
        f"{label} {predictions.probabilities[row, code]:.3f}" for code, label in enumerate(predictions.labels)
    )
    out.print(f"{section}: gold {predictions.gold[row]}, predicted {predictions.predicted[row]}   ({probabilities})")
    _explain(run, frame)


def _explain(run: Run, frame: pd.DataFrame) -> None:
    from rich.markup import escape

    from naba.classifier import folder as directory
    from naba.models.explain import explain

    if not run.has_model:
        console.note("what decided cannot be told: the run kept no model")
        return
    model, _ = directory.load(run.classifier_folder())
    if model.explained_by is None:
        console.note("what decided cannot be told for this kind of model")
        return
    labels = [str(label) for label in model.classes_]
    weights: dict[str, dict[str, float]] = {}
    scores = {}
    for label in labels:
        (found,) = explain(model, frame, [label], top=100_000)
        scores[label] = found.score
        for name, weight in found.contributions:
            row = weights.setdefault(name, {})
            row[label] = row.get(label, 0.0) + weight
    shown = console.table("what decided: for (+) or against (−)", *labels, right=tuple(labels))
    largest = sorted(weights, key=lambda name: (-max(map(abs, weights[name].values())), name))
    # Names and numbers in columns of their own: in one line, Arabic would turn the signs round.
    for name in largest[:DECIDING]:
        shown.add_row(escape(name), *(_signed(weights[name].get(label, 0.0)) for label in labels))
    shown.add_row(f"all {len(weights)} together", *(_signed(scores[label]) for label in labels), style="bold")
    console.console().print(shown)


def _signed(weight: float) -> str:
    return f"{weight:+.2f}" if abs(weight) >= 0.005 else f"{weight:+.0e}" if weight else ""
