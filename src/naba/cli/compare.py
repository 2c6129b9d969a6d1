"""`naba compare`: leaderboards of tracked runs, seeds grouped into cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from naba import files
from naba.cli import console
from naba.cli.arguments import Parser, key_values, positive
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.leaderboard import Board

FILTERS = ("dataset", "model", "task", "trained_on", "metric", "section")
DESCRIPTION = """The leaderboard of finished runs: seeds of one configuration form a cell, best cell first.

Filters are key=value: dataset (what was scored), trained_on, model, task, metric (default: the data set's
primary metric), section=validation (default: test rows and further data sets)."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba compare`."""
    options = _parser().parse_intermixed_args(arguments)
    filters = key_values(options.filters, FILTERS)
    from naba.evaluation import columns, leaderboard
    from naba.evaluation.page import page
    from naba.tracking.runs import selected_runs

    runs = selected_runs(options.uri, filters, curves=options.html is not None)
    models = sorted({run.model for run in runs})
    if options.baseline is not None and options.baseline not in models:
        raise UserError(f"--baseline: {unknown_name('model among these runs', options.baseline, models)}")
    if options.transfer:
        table = columns.transfer_table(runs, filters.get("metric"), options.resamples)
        print(table.render(options.style, console.terminal_width()))
        return 0
    boards = leaderboard.leaderboards(
        runs,
        filters.get("metric"),
        baseline=options.baseline or "majority",
        resamples=options.resamples,
        by_group=True if options.by_group else None,
    )
    if options.html:
        files.write_text(Path(options.html), page(boards))
        print(f"wrote {options.html} ({Path(options.html).stat().st_size / 1e6:.1f} MB)")
    elif options.matrix:
        for board in boards:
            print(columns.matrix_table(board).render(options.style, console.terminal_width()))
    else:
        _print(boards, options.style, options.columns)
    return 0


def _parser() -> Parser:
    parser = Parser("compare", DESCRIPTION)
    parser.add_argument("filters", nargs="*", metavar="key=value", help=", ".join(FILTERS))
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    parser.add_argument("--baseline", help="the model others are compared with (default majority)")
    parser.add_argument("--resamples", type=positive, default=2_000, help="bootstrap resamples (default 2000)")
    parser.add_argument("--columns", type=_keys, metavar="KEY,…", help="which, in this order; keys as in --csv")
    parser.add_argument(
        "--by-group", action="store_true", help="resample whole claims or topics (default: where rows share them)"
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--matrix", action="store_true", help="differences of all pairs")
    kinds.add_argument("--transfer", action="store_true", help="train on one data set, score on another")
    kinds.add_argument("--html", metavar="FILE", help="write one self-contained page with an error browser")
    styles = parser.add_mutually_exclusive_group()
    for style, what in (("markdown", "Markdown"), ("csv", "CSV, every number in full"), ("latex", "LaTeX")):
        styles.add_argument(f"--{style}", dest="style", action="store_const", const=style, help=f"print {what}")
    parser.set_defaults(style="text")
    return parser


def _keys(value: str) -> list[str]:
    return [key.strip() for key in value.split(",") if key.strip()]


def _print(boards: Sequence[Board], style: str, chosen: Sequence[str] | None) -> None:
    from naba.evaluation.columns import board_table, data_table

    if style == "csv":
        print(data_table(boards, chosen).render("csv"), end="")
        return
    width = console.terminal_width()
    for board in boards:
        table = board_table(board, chosen, terminal=style == "text", width=width if style == "text" else None)
        print(table.render(style, width))  # type: ignore[arg-type]
