"""`naba show RUN`: one tracked run on the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from naba import tracking
from naba.cli import console
from naba.cli.arguments import Parser
from naba.errors import UserError
from naba.tracking.runs import primary_metrics, sections_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from naba.tracking import Run

DECIDING = 12
"""Features or words of one example that are shown."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba show`."""
    parser = Parser("show", "One run: its scores with intervals, its confusion matrix and its most confident errors.")
    parser.add_argument("run", help="a run id, the beginning of one, or a run's name in quotes")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    parser.add_argument("--errors", type=int, default=5, help="how many errors to show (default 5)")
    parser.add_argument("--example", metavar="ID", help="one example: texts, probabilities, and what decided")
    options = parser.parse_args(arguments)
    run = tracking.find(options.run, options.uri)
    if options.example is not None:
        return _example(run, options.example, options.uri)
    tags = run.data.tags
    from rich.markup import escape

    out = console.console()
    out.print(f"[bold]{escape(run.info.run_name)}[/]  {run.info.run_id}  {run.info.status}")
    if "naba.error" in tags:
        out.print(f"[red]failed[/] {escape(tags['naba.error'])}")
    sections = sections_of(run)
    confidence = float(tags.get("naba.confidence", "0.95"))
    console.print_scores(run.data.metrics, sections, primary_metrics(run), confidence)
    _confusions(run, sections, options.uri)
    _errors(run, sections, options.errors, options.uri)
    _facts(run)
    return 0


def _facts(run: Run) -> None:
    from rich.markup import escape

    tags, metrics = run.data.tags, run.data.metrics
    shown = console.table("", "")
    for name in ("fingerprint", "label_source", "revision", "dirty", "identity", "cell"):
        if f"naba.{name}" in tags:
            shown.add_row(name.replace("_", " "), tags[f"naba.{name}"])
    for name in ("time/fit_seconds", "time/predict_seconds", "size/model_bytes"):
        if name in metrics:
            shown.add_row(name, f"{metrics[name]:,.2f}")
    shown.add_row("files", escape(run.info.artifact_uri))
    for name, value in sorted(run.data.params.items()):
        shown.add_row(name, escape(value))
    console.console().print(shown)
    note = tags.get("mlflow.note.content", "")
    again = next((line.strip() for line in note.splitlines() if line.startswith("    naba ")), "")
    if again:
        console.console().print(f"again: {escape(again)}")


def _table(run: Run, path: str, uri: str | None) -> tuple[list[str], list[list[object]]]:
    if f"tables/{path}" not in run.data.tags.get("mlflow.loggedArtifacts", ""):
        return [], []
    content = json.loads(tracking.artifact(run, f"tables/{path}", uri).read_text(encoding="utf-8"))
    return content["columns"], content["data"]


def _confusions(run: Run, sections: Sequence[str], uri: str | None) -> None:
    from rich.markup import escape

    for section in sections[:2]:
        columns, rows = _table(run, f"{section}_confusion.json", uri)
        if columns:
            shown = console.table(f"{section}: gold", *columns[1:], right=tuple(columns[1:]))
            for row in rows:
                shown.add_row(*(escape(str(value)) for value in row))
            console.console().print(shown)


def _errors(run: Run, sections: Sequence[str], count: int, uri: str | None) -> None:
    from rich.markup import escape

    section = "test" if "test" in sections else (sections[0] if sections else "")
    columns, rows = _table(run, f"{section}_worst_errors.json", uri) if section and count else ([], [])
    if not rows:
        return
    shown = console.table("most confident errors", "gold", "predicted", "probability", "text", "target")
    for row in rows[:count]:
        entry = dict(zip(columns, row, strict=True))
        sure = f"{float(str(entry['probability_predicted'])):.2f}"
        texts = (escape(str(entry["text"])[:300]), escape(str(entry["target"])[:300]))
        shown.add_row(escape(str(entry["id"])), str(entry["gold"]), str(entry["predicted"]), sure, *texts)
    console.console().print(shown)


def _example(run: Run, wanted: str, uri: str | None) -> int:
    """One row of a run: its texts, gold and predicted label, probabilities, and the features or words that decided."""
    from rich.markup import escape

    from naba.tracking.runs import read_predictions, run_dataset

    predictions = section = None
    for section in sections_of(run):
        predictions = read_predictions(run, section, uri)
        if wanted in predictions.ids:
            break
    else:
        examples = ", ".join(map(str, predictions.ids[:3])) if predictions is not None else ""
        raise UserError(f"run '{run.info.run_name}' has no example '{wanted}'", f"its ids look like: {examples}")
    row = list(predictions.ids).index(wanted)
    dataset = run_dataset(run, section, uri)
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
    _explain(run, frame, uri)
    return 0


def _explain(run: Run, frame: pd.DataFrame, uri: str | None) -> None:
    from rich.markup import escape

    from naba.classifier import folder as directory
    from naba.models.explain import explain
    from naba.tracking import registry

    if not registry.has_model(run):
        console.note("what decided cannot be told: the run kept no model")
        return
    folder = registry.mlflow_model_folder(run, uri) / registry.CLASSIFIER
    model, _ = directory.load(folder)
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
