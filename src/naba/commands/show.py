"""`naba show RUN`: one tracked run on the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from naba import console, tracking
from naba.commands.options import Parser
from naba.runs import primary_metrics, sections_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow.entities import Run


def main(arguments: Sequence[str]) -> int:
    """Run `naba show`."""
    parser = Parser("show", "One run: its scores with intervals, its confusion matrix and its most confident errors.")
    parser.add_argument("run", help="a run id, the beginning of one, or a run's name in quotes")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    parser.add_argument("--errors", type=int, default=5, help="how many errors to show (default 5)")
    options = parser.parse_args(arguments)
    run = tracking.find(options.run, options.uri)
    tags = run.data.tags
    out = console.console()
    out.print(f"[bold]{run.info.run_name}[/]  {run.info.run_id}  {run.info.status}")
    if "naba.error" in tags:
        out.print(f"[red]failed[/] {tags['naba.error']}", markup=True)
    sections = sections_of(run)
    console.print_scores(run.data.metrics, sections, primary_metrics(run))
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
    for section in sections[:2]:
        columns, rows = _table(run, f"{section}_confusion.json", uri)
        if columns:
            shown = console.table(f"{section}: gold", *columns[1:], right=tuple(columns[1:]))
            for row in rows:
                shown.add_row(*(str(value) for value in row))
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
        shown.add_row(str(entry["id"]), str(entry["gold"]), str(entry["predicted"]), sure, *texts)
    console.console().print(shown)
