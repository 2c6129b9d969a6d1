"""`naba compare`: leaderboards of tracked runs, seeds grouped into cells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from naba import tracking
from naba.cli import console
from naba.cli.arguments import Parser, key_values, positive
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    conditions = [one for one in options.filters if pools.is_condition(one)]
    filters = key_values([one for one in options.filters if one not in conditions], FILTERS)
    pool = pools.pool_of([filters.get("pool", ""), *conditions])
    runs = _runs(options.uri, filters, curves=options.html is not None)
    models = sorted({run.model for run in runs})
    if options.baseline is not None and options.baseline not in models:
        raise UserError(f"--baseline: {unknown_name('model among these runs', options.baseline, models)}")
    if options.transfer:
        table = columns.transfer_table(runs, filters.get("metric"), options.resamples, pool)
        print(table.render(options.style, console.terminal_width()))
        return 0
    boards = leaderboard.leaderboards(
        runs, filters.get("metric"), baseline=options.baseline or "majority", resamples=options.resamples,
        by_group=True if options.by_group else None, pool=pool,
    )  # fmt: skip
    if options.html:
        _write_page(boards, options.html, options.uri)
    elif options.matrix:
        for board in boards:
            print(columns.matrix_table(board).render(options.style, console.terminal_width()))
    else:
        _print(boards, options.style, options.columns)
    return 0


def _write_page(boards: Sequence[Board], path: str, uri: str | None) -> None:
    from naba.evaluation.page import Content, page
    from naba.tracking.run import section_dataset

    contents = {}
    for board in boards:
        first = board.rows[0].cell.runs[0]
        trained = tracking.find(first.run_id, uri).dataset()
        content = Content.of(section_dataset(trained, first.section))
        # A carried label (`other` on a set with four labels) has its name from the set the model was trained on.
        names = {**trained.display_names, **content.display_names}
        contents[board.scored] = replace(content, display_names=names)
    Path(path).write_text(page(boards, contents), encoding="utf-8")
    print(f"wrote {path} ({Path(path).stat().st_size / 1e6:.1f} MB)")


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


def _runs(uri: str | None, filters: dict[str, str], *, curves: bool) -> list[TrackedRun]:
    from naba.tracking.runs import scored_datasets, tracked_runs

    tags = {name: filters[key] for key, name in (("model", "model"), ("task", "task"), ("trained_on", "dataset"))
            if key in filters}  # fmt: skip
    section = filters.get("section")
    if section not in {None, "test", "validation"}:
        raise UserError(unknown_name("section", str(section), ["test", "validation"]))
    everything = tracked_runs(uri, tags, section=None if section == "test" else section, curves=curves)
    if not everything:
        said = f" with {', '.join(f'{key}={value}' for key, value in filters.items())}" if filters else ""
        raise UserError(f"there are no finished runs{said}", "train some: naba train +experiment=quickstart -m")
    if "dataset" not in filters:
        return everything
    wanted = filters["dataset"].split(",")
    names = scored_datasets(everything)
    for name in wanted:
        if name not in names and f"{name} validation" not in names:
            raise UserError(unknown_name("scored dataset", name, names))
    return [run for run in everything if run.scored.removesuffix(" validation") in wanted]


def _print(boards: Sequence[Board], style: str, chosen: Sequence[str] | None) -> None:
    from naba.evaluation.columns import board_table, data_table

    if style == "csv":
        print(data_table(boards, chosen).render("csv"), end="")
        return
    width = console.terminal_width()
    for board in boards:
        table = board_table(board, chosen, terminal=style == "text", width=width if style == "text" else None)
        print(table.render(style, width))  # type: ignore[arg-type]
