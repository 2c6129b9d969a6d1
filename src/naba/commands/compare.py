"""`naba compare`: leaderboards of tracked runs, seeds grouped into cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.commands.options import Parser, key_values
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.compare import Board, TrackedRun

FILTERS = ("dataset", "model", "task", "trained_on", "metric", "section")
DESCRIPTION = """The leaderboard of finished runs: seeds of one configuration form a cell, best cell first.

Filters are key=value: dataset (what was scored), trained_on, model, task, metric (default: the data set's
primary metric), section=validation (default: test rows and further data sets)."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba compare`."""
    options = _parser().parse_args(arguments)
    filters = key_values(options.filters, FILTERS)
    from naba.evaluation import compare

    runs = _runs(options.uri, filters)
    boards = compare.leaderboards(runs, filters.get("metric"), baseline=options.baseline, resamples=options.resamples)
    _print(boards, options.style)
    return 0


def _parser() -> Parser:
    parser = Parser("compare", DESCRIPTION)
    parser.add_argument("filters", nargs="*", metavar="key=value", help=", ".join(FILTERS))
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    parser.add_argument("--baseline", default="majority", help="the model others are compared with (default majority)")
    parser.add_argument("--resamples", type=int, default=10_000, help="bootstrap resamples (default 10000)")
    styles = parser.add_mutually_exclusive_group()
    for style, what in (("markdown", "Markdown"), ("csv", "CSV, every number in full"), ("latex", "LaTeX")):
        styles.add_argument(f"--{style}", dest="style", action="store_const", const=style, help=f"print {what}")
    parser.set_defaults(style="text")
    return parser


def _runs(uri: str | None, filters: dict[str, str]) -> list[TrackedRun]:
    from naba.runs import scored_datasets, tracked_runs

    tags = {name: filters[key] for key, name in (("model", "model"), ("task", "task"), ("trained_on", "dataset"))
            if key in filters}  # fmt: skip
    section = filters.get("section")
    if section not in {None, "test", "validation"}:
        raise UserError(unknown_name("section", str(section), ["test", "validation"]))
    everything = tracked_runs(uri, tags, section=None if section == "test" else section)
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


def _print(boards: Sequence[Board], style: str) -> None:
    from naba.evaluation.board_tables import board_table, data_table, short_table

    if style == "csv":
        print(data_table(boards).render("csv"), end="")
        return
    for board in boards:
        table = short_table(board) if style == "text" else board_table(board)
        print(table.render(style))  # type: ignore[arg-type]
