"""Leaderboards as tables: the board itself, the matrix of all pairs, and transfer between data sets."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from naba.evaluation.leaderboard import SIGNIFICANCE, cells_of, leaderboard
from naba.evaluation.tables import Table, number, p_text, seconds_text, signed, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.leaderboard import Board, Row, TrackedRun
    from naba.evaluation.significance import Difference


def board_table(board: Board) -> Table:
    """The board for people: ranks, score with interval, letters, differences to the best and to the baseline."""
    header = ["rank", "model", board.metric, "95 %", "seeds", "±", "letters", "to best", "p", "to baseline", "p"]
    header += ["detectable", "train s", "predict s", "size"]
    rows = [[*_standing(row), *_cost(row)] for row in board.rows]
    return Table(
        f"{board.scored}: {board.metric}", header, rows, board.notes, numeric=(2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14)
    )


def short_table(board: Board) -> Table:
    """The board for a terminal of 100 columns: what `board_table` has, without the intervals of differences."""
    header = ["rank", "model", board.metric, "95 %", "seeds", "letters", "to best", "p", "detectable", "train s"]
    rows = [
        [
            *_standing(row)[:5],
            row.letters,
            "" if row.to_best is None else signed(row.to_best.estimate),
            p_text(row.p_best),
            _detectable(row),
            _cost(row)[0],
        ]
        for row in board.rows
    ]
    return Table(f"{board.scored}: {board.metric}", header, rows, board.notes, (2, 4, 6, 7, 8, 9))


def _standing(row: Row) -> list[str]:
    best = row.to_best
    ranks = "" if not row.paired else _range(*row.ranks)
    return [
        ranks,
        row.cell.name,
        number(row.score.value),
        f"[{number(row.score.low)}, {number(row.score.high)}]",
        _how_often(row),
        number(row.spread),
        row.letters,
        _difference(best),
        p_text(row.p_best),
        _difference(row.to_baseline),
        p_text(row.p_baseline),
        _detectable(row),
    ]


def _detectable(row: Row) -> str:
    # Systems that answer alike leave nothing to estimate a standard error from.
    return number(row.to_best.detectable) if row.to_best is not None and row.to_best.standard_error > 0 else ""


def _how_often(row: Row) -> str:
    """Seeds; for a cross-validation `seeds x parts`, with the least and the most seeds that a part has."""
    if not row.cell.parts:
        return str(len(row.cell.seeds))
    seeds = Counter(run.part for run in row.cell.runs).values()
    return f"{_range(min(seeds), max(seeds))} × {len(row.cell.parts)}"


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"


def _difference(found: Difference | None) -> str:
    return "" if found is None else f"{signed(found.estimate)} [{signed(found.low)}, {signed(found.high)}]"


def _cost(row: Row) -> list[str]:
    return [
        seconds_text(row.cell.mean_of("train_seconds")),
        seconds_text(row.cell.mean_of("predict_seconds")),
        size_text(row.cell.mean_of("model_bytes")),
    ]


def data_table(boards: Sequence[Board]) -> Table:
    """All boards as one table of plain numbers, for CSV: one line a cell, every number in full."""
    rows = [_plain(board, row) for board in boards for row in board.rows]
    return Table("", list(rows[0]) if rows else [], [list(row.values()) for row in rows])


def _plain(board: Board, row: Row) -> dict[str, str]:
    best, worst = row.ranks
    numbers = {
        "value": row.score.value,
        "low": row.score.low,
        "high": row.score.high,
        "seed_spread": row.spread,
        **_differences("best", row.to_best, row.p_best),
        **_differences("baseline", row.to_baseline, row.p_baseline),
        "detectable": row.to_best.detectable if row.to_best else math.nan,
        **{name: row.cell.mean_of(name) for name in ("train_seconds", "predict_seconds", "model_bytes")},
    }
    return {
        "scored_on": board.scored,
        "metric": board.metric,
        "rank_best": str(best or ""),
        "rank_worst": str(worst or ""),
        "model": row.cell.name,
        "trained_on": row.cell.runs[0].dataset,
        "cell": row.cell.runs[0].cell,
        "rows": str(row.score.n),
        "seeds": str(len(row.cell.runs)),
        "letters": row.letters,
        **{name: _full(number) for name, number in numbers.items()},
    }


def _differences(name: str, found: Difference | None, p_value: float) -> dict[str, float]:
    bounds = (math.nan,) * 3 if found is None else (found.estimate, found.low, found.high)
    names = (f"to_{name}", f"to_{name}_low", f"to_{name}_high", f"p_to_{name}")
    return dict(zip(names, (*bounds, p_value), strict=True))


def _full(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def matrix_table(board: Board) -> Table:
    """All pairs: row minus column; * where the corrected p-value is below .05."""
    names = [row.cell.name for row in board.paired]
    title = f"{board.scored}: {board.metric}, all pairs"
    pairs = board.pairs
    if pairs is None:
        return Table(title, [""], [], ["no two cells were scored on the same rows"])
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


def transfer_table(runs: Sequence[TrackedRun], measure: str | None = None, resamples: int = 10_000) -> Table:
    """Train on one data set, score on another: one line a training set and model, one column a scored set.

    Args:
        runs: one `TrackedRun` for each run and scored data set.
        measure: the metric; each scored set's own primary metric if None.
    """
    cells = cells_of(runs)
    scored = sorted({cell.runs[0].scored for cell in cells})
    found: dict[tuple[str, str, str], str] = {}
    header = ["trained on", "model"]
    for name in scored:
        here = [cell for cell in cells if cell.runs[0].scored == name]
        board = leaderboard(here, measure or here[0].runs[0].primary_metric, resamples=resamples)
        header.append(f"{name} ({board.metric})")
        for row in board.rows:
            first = row.cell.runs[0]
            label = row.cell.name.replace(f" ({first.dataset})", "")
            found[(first.dataset, label, name)] = (
                f"{number(row.score.value)} [{number(row.score.low)}, {number(row.score.high)}]"
            )
    lines = sorted({(trained, model) for trained, model, _ in found})
    rows = [[*line, *(found.get((*line, name), "") for name in scored)] for line in lines]
    return Table("transfer", header, rows, ["mean over seeds, 95 % interval over examples and seeds"])
