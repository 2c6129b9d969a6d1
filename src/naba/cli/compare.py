"""`naba compare`: the leaderboard of tracked runs.

naba compare dataset=ans_stance
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba import files
from naba.cli import console
from naba.cli.arguments import Parser, key_values, new_file, positive
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from pathlib import Path

    from naba.evaluation.leaderboard import Board, TrackedRun

FILTERS = ("dataset", "model", "task", "trained_on", "metric", "section", "pool")
DESCRIPTION = """The leaderboard of finished runs: seeds of one configuration form a cell, best cell first.

Filters are key=value: dataset (what was scored), trained_on, model, task, metric (default: the data set's
primary metric), section=validation (default: test rows and further data sets), pool=no_weights,api (kinds of models:
no_weights, open_weights, prompted, api, outside, or tags of your YAML) and "ms_per_row<200" (a number of the runs, in
quotes). Ranks, letters and Holm's correction are those of the pool."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba compare`."""
    options = _parser().parse_intermixed_args(arguments)
    from naba.evaluation import columns, leaderboard, pools
    from naba.evaluation.page import page
    from naba.experiment.comparison import selected_runs

    conditions = [one for one in options.filters if pools.is_condition(one)]
    filters = key_values([one for one in options.filters if one not in conditions], FILTERS)
    pool = pools.pool_of([filters.get("pool", ""), *conditions])
    runs = selected_runs(options.uri, filters, curves=options.html is not None, trials=options.trials)
    if options.html and (options.matrix or options.stress):
        raise UserError("--html goes with boards and with --transfer", "naba stress RUN --html FILE")
    models = sorted({run.model for run in runs})
    if options.baseline is not None and options.baseline not in models:
        raise UserError(f"--baseline: {unknown_name('model among these runs', options.baseline, models)}")
    if options.stress or options.transfer:
        return _beyond(runs if pool is None else pools.within(pool, runs), options, filters.get("metric"))
    boards = leaderboard.leaderboards(
        runs, filters.get("metric"), baseline=options.baseline or "majority", resamples=options.resamples,
        by_group=True if options.by_group else None, pool=pool,
    )  # fmt: skip
    if options.html:
        _write(options.html, page(boards))
    elif options.matrix:
        for board in boards:
            print(columns.matrix_table(board).render(options.style, console.terminal_width()))
    else:
        _print(boards, options.style, options.columns)
    return 0


def _write(path: Path, content: str) -> None:
    files.write_text(path, content)
    print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")


def _beyond(runs: Sequence[TrackedRun], options: Namespace, measure: str | None) -> int:
    """What is beside the leaderboards: stress tests, and transfer to other data sets and topics."""
    from naba.experiment import comparison

    if options.stress:
        tables = comparison.stress_tables(runs, options.uri)
    else:
        transfer = comparison.transfer(runs, measure, options.resamples)
        tables = transfer.tables()
        if options.html:
            _write(options.html, transfer.page())
            return 0
    for table in tables:
        print(table.render(options.style, console.terminal_width()))
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
    parser.add_argument("--trials", action="store_true", help="test rows: also runs that were trials of naba tune")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--matrix", action="store_true", help="differences of all pairs")
    kinds.add_argument("--transfer", action="store_true", help="from seen to unseen: other data sets, targets left out")
    kinds.add_argument("--stress", action="store_true", help="flips under perturbation, of runs with a naba stress")
    parser.add_argument(
        "--html", type=new_file, metavar="FILE", help="write one self-contained page (with --transfer: a heat map)"
    )
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
