"""Leaderboards as tables: their columns, the matrix of all pairs, and the notes that a reader needs.

A column is one `Column`: `naba compare` in all its forms (terminal, Markdown, LaTeX, CSV, page) shows what `COLUMNS`
holds. One more column is one more entry; another package adds its own with `add_column`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from naba.errors import UserError, unknown_name
from naba.evaluation.significance import SIGNIFICANCE, shared_training
from naba.evaluation.tables import Table, counted, number, p_text, seconds_text, signed, size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from naba.evaluation.leaderboard import Board, Cell, Row
    from naba.evaluation.significance import Difference

Value = str | float | None
Need = Literal["tests", "baseline", "spread", "silence"]
Place = Literal["terminal", "table", "csv"]

LONGEST_HEADER = 20


@dataclass(frozen=True)
class Column:
    """A column of a leaderboard.

    Attributes:
        key: its name in CSV and for `naba compare --columns`.
        title: its header for people; `{metric}` stands for the board's metric.
        make: its value in a line of a board: a number, a text, or None (also nan) for nothing.
        show: the value for people; numbers get three digits by default.
        brief: the same in a terminal, where it is shorter.
        needs: what a board must have for people to be shown the column: "tests" (two tested systems), "baseline",
            "spread" (a system of several seeds or parts), "silence" (a system that does not always answer). CSV always
            has all columns.
        places: where it is shown unless `--columns` chooses.
        numeric: is it set to the right?
        spared: may it go where a terminal is too narrow? The last of such columns goes first.
        of_runs: is it a number of the runs alone, whatever they are compared with? Then pools can go by it.
    """

    key: str
    title: str
    make: Callable[[Row], Value]
    show: Callable[[Row], str] | None = None
    brief: Callable[[Row], str] | None = None
    needs: frozenset[Need] = frozenset()
    places: frozenset[Place] = frozenset({"terminal", "table", "csv"})
    numeric: bool = True
    spared: bool = False
    of_runs: bool = False

    def value(self, row: Row) -> Value:
        """What `make` gives, checked.

        Raises:
            UserError: it is neither a number, a text nor None.
        """
        made: object = self.make(row)
        if isinstance(made, np.floating | np.integer):
            made = made.item()
        if made is None or isinstance(made, str | int | float):
            return None if isinstance(made, float) and math.isnan(made) else made
        raise UserError(
            f"column '{self.key}' of a leaderboard made {type(made).__name__} for '{row.cell.name}'",
            "a column makes a number, a text, or None",
        )

    def text(self, row: Row, *, terminal: bool = False) -> str:
        """The cell for people."""
        shown = (self.brief if terminal else None) or self.show
        if shown is not None:
            return shown(row)
        made = self.value(row)
        return "" if made is None else number(made) if isinstance(made, float) else str(made)

    def plain(self, row: Row) -> str:
        """The cell for CSV: every digit of a number."""
        made = self.value(row)
        return "" if made is None else repr(made) if isinstance(made, float) else str(made)


COLUMNS: dict[str, Column] = {}
"""All columns by key, in the order in which they are shown."""


def add_column(column: Column) -> Column:
    """Make a column known, at the end of every board.

    Raises:
        UserError: its key is taken or is not one word.
    """
    if column.key in COLUMNS or not column.key.isidentifier():
        raise UserError(f"a leaderboard's column cannot be called '{column.key}': it is taken or not one word")
    COLUMNS[column.key] = column
    return column


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"


def _ranks(row: Row) -> str:
    return _range(*row.ranks) if row.paired else ""


def _how_often(row: Row) -> str:
    """Seeds that differ; for a cross-validation `1 seed × 5 folds`, with the least and the most seeds of a fold."""
    cell = row.cell
    if not cell.parts:
        return str(row.distinct)
    times = Counter(run.part for run in cell.runs).values()
    seeds = "1 seed" if max(times) == 1 else f"{_range(min(times), max(times))} seeds"
    return f"{seeds} × {counted(len(cell.parts), 'fold')}"


def _of(found: Difference | None, name: str) -> float | None:
    return None if found is None else float(getattr(found, name))


def _difference(found: Difference | None) -> str:
    return "" if found is None else f"{signed(found.estimate)} [{signed(found.low)}, {signed(found.high)}]"


def _signed(found: Difference | None) -> str:
    return "" if found is None else signed(found.estimate)


def _detectable(row: Row) -> float | None:
    # Systems that answer alike leave nothing to estimate a standard error from.
    return row.to_best.detectable if row.to_best is not None and row.to_best.standard_error > 0 else None


def _chance(value: float | None) -> str:
    return "" if value is None else p_text(value)


def _round(value: float) -> str:
    """Three digits that matter, and no exponent."""
    return "" if math.isnan(value) else f"{value:,.0f}" if value >= 100 else f"{float(f'{value:.3g}'):.10g}"


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1%}"


CSV: frozenset[Place] = frozenset({"csv"})
WIDE: frozenset[Place] = frozenset({"table", "csv"})
PEOPLE: frozenset[Place] = frozenset({"terminal", "table"})
TESTS: frozenset[Need] = frozenset({"tests"})
BASELINE: frozenset[Need] = frozenset({"baseline"})

for _column in (
    Column("scored_on", "scored on", lambda row: row.cell.runs[0].scored, places=CSV, numeric=False),
    Column("metric", "metric", lambda row: row.score.name, places=CSV, numeric=False),
    Column("rank_best", "rank", lambda row: row.ranks[0] or None, _ranks, needs=TESTS, numeric=False),
    Column("rank_worst", "worst rank", lambda row: row.ranks[1] or None, places=CSV),
    Column("model", "model", lambda row: row.cell.name, numeric=False),
    Column("trained_on", "trained on", lambda row: row.cell.runs[0].dataset, places=CSV, numeric=False),
    Column("cell", "cell", lambda row: row.cell.runs[0].cell, places=CSV, numeric=False),
    Column("rows", "rows", lambda row: row.score.n, lambda row: f"{row.score.n:,}", places=CSV),
    Column("value", "{metric}", lambda row: row.score.value),
    Column("interval", "95 %", lambda row: f"[{number(row.score.low)}, {number(row.score.high)}]",
           places=PEOPLE, numeric=False),
    Column("low", "low", lambda row: row.score.low, places=CSV),
    Column("high", "high", lambda row: row.score.high, places=CSV),
    Column("seeds", "seeds", lambda row: row.distinct or len(row.cell.seeds), _how_often, spared=True),
    Column("seed_spread", "±", lambda row: row.spread, needs=frozenset({"spread"}), places=WIDE),
    Column("letters", "letters", lambda row: row.letters, needs=TESTS, numeric=False),
    Column("to_best", "to best", lambda row: _of(row.to_best, "estimate"),
           lambda row: _difference(row.to_best), lambda row: _signed(row.to_best), needs=TESTS),
    Column("to_best_low", "low", lambda row: _of(row.to_best, "low"), places=CSV),
    Column("to_best_high", "high", lambda row: _of(row.to_best, "high"), places=CSV),
    Column("p_to_best", "p", lambda row: row.p_best, lambda row: _chance(row.p_best), needs=TESTS),
    Column("to_baseline", "to baseline", lambda row: _of(row.to_baseline, "estimate"),
           lambda row: _difference(row.to_baseline), lambda row: _signed(row.to_baseline),
           needs=BASELINE, places=WIDE),
    Column("to_baseline_low", "low", lambda row: _of(row.to_baseline, "low"), places=CSV),
    Column("to_baseline_high", "high", lambda row: _of(row.to_baseline, "high"), places=CSV),
    Column("p_to_baseline", "p", lambda row: row.p_baseline, lambda row: _chance(row.p_baseline),
           needs=BASELINE, places=WIDE),
    Column("detectable", "detectable", _detectable, needs=TESTS, spared=True),
    Column("train_seconds", "train s", lambda row: row.cell.mean_of("train_seconds"),
           lambda row: seconds_text(row.cell.mean_of("train_seconds")), spared=True, of_runs=True),
    Column("predict_seconds", "predict s", lambda row: row.cell.mean_of("predict_seconds"),
           lambda row: seconds_text(row.cell.mean_of("predict_seconds")), places=WIDE, of_runs=True),
    Column("model_bytes", "size", lambda row: row.cell.mean_of("model_bytes"),
           lambda row: size_text(row.cell.mean_of("model_bytes")), places=WIDE, of_runs=True),
    Column("rows_per_second", "rows/s", lambda row: row.cell.mean_of("rows_per_second"),
           lambda row: _round(row.cell.mean_of("rows_per_second")), places=WIDE, of_runs=True),
    Column("ms_per_row", "ms/row", lambda row: 1000 / row.cell.mean_of("rows_per_second"),
           lambda row: _round(1000 / row.cell.mean_of("rows_per_second")), places=CSV, of_runs=True),
    Column("money_per_1000_rows", "cost/1000 rows", lambda row: row.cell.mean_of("money_per_1000_rows"),
           lambda row: _round(row.cell.mean_of("money_per_1000_rows")), places=WIDE, of_runs=True),
    Column("share_answered", "answered", lambda row: row.cell.metric_mean("share_answered"),
           lambda row: _share(row.cell.metric_mean("share_answered")), needs=frozenset({"silence"}), of_runs=True),
    Column("probabilities", "probabilities", lambda row: row.cell.runs[0].probabilities, places=WIDE, numeric=False),
    Column("kinds", "kinds", lambda row: " ".join(row.cell.kinds), places=CSV, numeric=False),
):  # fmt: skip
    add_column(_column)


def columns_of(board: Board, place: Place, chosen: Sequence[str] | None = None) -> list[Column]:
    """The columns shown in a place, or those chosen by key.

    Raises:
        UserError: there is no such column.
    """
    from naba.config import packages

    packages.load()
    if chosen is not None:
        for key in chosen:
            if key not in COLUMNS:
                raise UserError(unknown_name("column", key, COLUMNS))
        return [COLUMNS[key] for key in chosen]
    has: set[Need] = set()
    has |= {"tests"} if len(board.paired) > 1 else set()
    has |= {"baseline"} if any(row.to_baseline is not None for row in board.rows) else set()
    has |= {"silence"} if any("share_answered" in run.metrics for row in board.rows for run in row.cell.runs) else set()
    has |= {"spread"} if any(not math.isnan(row.spread) for row in board.rows) else set()
    return [column for column in COLUMNS.values() if place in column.places and (place == "csv" or column.needs <= has)]


def title_of(column: Column, board: Board) -> str:
    """The header of a column; a metric whose name is long is named in the board's title only."""
    metric = board.metric if len(board.metric) <= LONGEST_HEADER else "score"
    return column.title.format(metric=metric)


def board_table(
    board: Board, chosen: Sequence[str] | None = None, *, terminal: bool = False, width: int | None = None
) -> Table:
    """A board for people, best first.

    Args:
        chosen: keys of columns; what a board of this kind shows if None.
        terminal: leave out what a terminal has no room for.
        width: columns of the terminal; with it, further columns go until the table fits, and a note names them.
    """
    columns = columns_of(board, "terminal" if terminal else "table", chosen)
    table = _table(board, columns, terminal)
    if width is None or chosen is not None:
        return table
    left_out: list[str] = []
    for column in [one for one in reversed(columns) if one.spared]:
        if (
            max(len(line) for line in table.render("text").partition("\n\n")[2].partition("\n\n")[0].splitlines())
            <= width
        ):
            break
        columns.remove(column)
        left_out.append(column.key)
        table = _table(
            board, columns, terminal, [f"left out at this width: {', '.join(left_out)} (--columns shows them)"]
        )
    return table


def _table(board: Board, columns: Sequence[Column], terminal: bool, notes: Sequence[str] = ()) -> Table:
    keys = [column.key for column in columns]
    scores = [keys.index(key) for key in ("value",) if key in keys]
    best = [place for place, row in enumerate(board.rows) if "a" in row.letters] if len(board.paired) > 1 else [0]
    return Table(
        board.title,
        [title_of(column, board) for column in columns],
        [[column.text(row, terminal=terminal) for column in columns] for row in board.rows],
        [*board.notes, *notes],
        [place for place, column in enumerate(columns) if column.numeric],
        keys=keys.index("model") + 1 if "model" in keys else 1,
        best=[(row, column) for row in best for column in scores],
        label=re.sub(r"\W+|_+", "-", board.title),
    )


def data_table(boards: Sequence[Board], chosen: Sequence[str] | None = None) -> Table:
    """All boards as one table of plain values, for CSV: one line a system, every number in full."""
    columns = columns_of(boards[0], "csv", chosen) if boards else []
    rows = [[column.plain(row) for column in columns] for board in boards for row in board.rows]
    return Table("", [column.key for column in columns], rows)


def matrix_table(board: Board) -> Table:
    """All pairs: row minus column; * where the corrected p-value is below .05."""
    names = [row.cell.name for row in board.paired]
    title = f"{board.title}, all pairs"
    pairs = board.pairs
    if pairs is None:
        return Table(title, [""], [], ["no two systems were scored on the same rows"])
    rows = []
    for place, name in enumerate(names):
        cells = [
            "·"
            if other == place
            else signed(pairs.estimate[place, other]) + ("*" if pairs.p_value[place, other] < SIGNIFICANCE else "")
            for other in range(len(names))
        ]
        rows.append([name, *cells])
    notes = ["row minus column; * p < .05, paired, Holm-corrected over all pairs"]
    known = pairs.detectable[~np.isnan(pairs.detectable)]
    if len(known):
        notes.append(
            f"smallest detectable difference (80 % power, one test): {number(known.min())} to {number(known.max())}, "
            f"median {number(float(np.median(known)))}"
        )
    return Table(title, ["", *names], rows, notes, range(1, len(names) + 1))


def about_tests(cells: int) -> str:
    """What a board's note says of the tests of so many cells; the end of the note that says how rows were drawn."""
    if cells < 2:
        return ""
    pairs = cells * (cells - 1) // 2
    corrected = f"p-values paired and Holm-corrected over {counted(pairs, 'pair')}"
    return f"; {corrected}; systems that share a letter cannot be told apart"


def board_notes(cells: Sequence[Cell], paired: Sequence[Cell], alone: Sequence[Cell]) -> list[str]:
    """The notes that the cells of a board call for."""
    notes = []
    if alone and paired:
        notes.append(f"{counted(len(alone), 'system')} scored on other rows or parts, listed without tests")
    moved = [
        cell for cell in alone if not cell.folds and len({frozenset(one.predictions.ids) for one in cell.wholes}) > 1
    ]
    if moved:
        notes.append(
            f"{counted(len(moved), 'system')} whose seeds test different rows: intervals by the spread over the seeds, "
            "and no tests (split=kfold has them)"
        )
    folded = [cell for cell in cells if cell.folds]
    whole = [cell for cell in folded if cell in paired]
    if whole:
        parts = whole[0].folds
        notes.append(
            f"{counted(len(whole), 'cross-validation')}: scores are means over {parts} parts, compared row by row "
            f"over all of them; intervals and tests are {shared_training(parts):.2f} times as wide as their rows alone "
            "would have them, because the trainings share rows (Nadeau and Bengio 2003)"
        )
    if len(whole) < len(folded):
        notes.append(
            f"{counted(len(folded) - len(whole), 'cross-validation')} whose parts have different seeds, share rows "
            "or are other ones: means over the parts, each the mean of its seeds; intervals by the spread over the "
            "parts, corrected for the training rows they share (Nadeau and Bengio 2003)"
        )
    alike = [cell for cell in cells if len(cell.seeds) > 1 and len(cell.wholes) == 1]
    if alike:
        names = ", ".join(cell.name for cell in alike)
        notes.append(f"every seed answers alike and counts as one: {names}")
    single = sum(len(cell.wholes) == 1 and len(cell.seeds) == 1 for cell in cells)
    if single:
        notes.append(f"{single} of {counted(len(cells), 'system')} with one seed: intervals over examples only")
    return notes
