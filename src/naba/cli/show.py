"""`naba show`: one run: scores, classes, errors, how to repeat it.

naba show 4f1c09
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from naba import tracking
from naba.cli import console
from naba.cli.arguments import Parser
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.tracking import Run


def main(arguments: Sequence[str]) -> int:
    """Run `naba show`."""
    parser = Parser("show", "One run: its scores with intervals, its confusion matrix and its most confident errors.")
    parser.add_argument("run", help="a run id, the beginning of one, or a run's name in quotes")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    parser.add_argument("--errors", type=int, default=5, help="how many errors to show (default 5)")
    parser.add_argument("--example", metavar="ID", help="one example: texts, probabilities, and what decided")
    options = parser.parse_args(arguments)
    if options.errors < 0:
        raise UserError(f"--errors {options.errors}: expected a number from 0")
    run = tracking.find(options.run, options.uri)
    if options.example is not None:
        from naba.cli.one_example import show

        show(run, options.example)
        return 0
    from rich.markup import escape

    out = console.console()
    out.print(f"[bold]{escape(run.name)}[/]  {run.id}  {run.status}")
    if run.error:
        out.print(f"[red]failed[/] {escape(run.error)}")
    scores = {section: list(run.scores(section).values()) for section in run.sections}
    console.print_scores(scores, run.facts.primary, run.facts.scoring.confidence)
    _confusions(run)
    _errors(run, options.errors)
    _facts(run)
    return 0


def _facts(run: Run) -> None:
    from rich.markup import escape

    facts = run.facts
    shown = console.table("", "")
    shown.add_row("labelled by", facts.label_source.replace("_", " "))
    shown.add_row("revision", f"{facts.revision}{', with uncommitted changes' if facts.dirty else ''}")
    shown.add_row("fingerprint", facts.fingerprint)
    for name in ("fit", "predict"):
        if not math.isnan(seconds := run.number(f"time/{name}_seconds")):
            shown.add_row(f"{name} seconds", f"{seconds:,.2f}")
    if run.has_model:
        shown.add_row("model", f"{run.number('size/model_bytes') / 1e6:,.1f} MB")
    elif run.sections:
        shown.add_row("model", escape(f"not kept {facts.why_not_kept and f'({facts.why_not_kept})'}".strip()))
    shown.add_row("files", escape(run.place))
    for name, value in sorted(run.params.items()):
        shown.add_row(name, escape(value))
    console.console().print(shown)
    if run.command:
        console.console().print(f"again: {escape(run.command)}")


def _confusions(run: Run) -> None:
    from rich.markup import escape

    for section in run.sections[:2]:
        table = run.table(f"{section}_confusion")
        if table is not None:
            names = [str(name) for name in table.columns[1:]]
            shown = console.table(f"{section}: gold", *names, right=tuple(names))
            for row in table.itertuples(index=False):
                shown.add_row(*(escape(str(value)) for value in row))
            console.console().print(shown)


def _errors(run: Run, count: int) -> None:
    from rich.markup import escape

    section = "test" if "test" in run.sections else next(iter(run.sections), "")
    table = run.table(f"{section}_worst_errors") if section and count else None
    if table is None or table.empty:
        return
    shown = console.table("most confident errors", "gold", "predicted", "probability", "text", "target")
    for entry in table.head(count).to_dict("records"):
        sure = f"{float(str(entry['probability_predicted'])):.2f}"
        texts = (escape(str(entry["text"])[:300]), escape(str(entry["target"])[:300]))
        shown.add_row(escape(str(entry["id"])), str(entry["gold"]), str(entry["predicted"]), sure, *texts)
    console.console().print(shown)
