"""Comparisons as one self-contained HTML page: no network, light and dark, Arabic set right to left.

The template, style sheet and script lie beside this file; this module makes the data they show.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from naba import files
from naba.errors import UserError
from naba.evaluation.calibration import brier_score, confidence, coverage_risk, reliability
from naba.evaluation.columns import Column, columns_of, title_of
from naba.evaluation.pools import pooled
from naba.evaluation.slices import slice_scores, text_columns
from naba.evaluation.tables import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from naba.data.dataset import Dataset
    from naba.evaluation.leaderboard import Board, Row
    from naba.evaluation.metrics import Array, FloatArray
    from naba.evaluation.predictions import IntArray, Predictions

ASSETS = Path(__file__).parent

TEXT_BYTES = 5_000_000
"""What texts may take in a page; longer ones are cut evenly, so that 20 systems on 10,000 rows stay below 10 MB."""

MOST_EXAMPLES = 10_000
"""Rows in the error browser of a data set; of more, those on which all systems are right go first."""

LABELLED_BY_MODEL = "the labels were given by language models; no person has checked them"

CURVE_POINTS = 60
SLICE_RESAMPLES = 500


@dataclass(frozen=True)
class Content:
    """What a page shows of a scored data set beside predictions.

    Attributes:
        rows: columns id, text, target, and those named in `slices`, in any order of rows.
        display_names: label -> Arabic name.
        slices: columns of `rows` to slice by, beside what can be seen in the texts.
        title: of the data set.
        note: what a reader must know, such as who gave the labels.
        readable: false where the texts cannot be had: the page is then without examples and slices.
    """

    rows: pd.DataFrame
    display_names: Mapping[str, str] = field(default_factory=dict)
    slices: Sequence[str] = ()
    title: str = ""
    note: str = ""
    readable: bool = True

    @classmethod
    def without_texts(cls, reason: str) -> Content:
        """What is left where the files of a data set are gone or have changed."""
        import pandas as pd

        note = f"without texts, examples and slices: {reason}"
        return cls(pd.DataFrame({"id": [], "text": [], "target": []}), note=note, readable=False)

    @classmethod
    def of(cls, dataset: Dataset) -> Content:
        """The content of a data set: all its rows, its own slice columns, and who labelled it."""
        import pandas as pd

        everything = np.arange(len(dataset))
        rows = {"id": dataset.ids(everything)}
        rows |= {name: dataset.column(name, everything) for name in ("text", "target", *dataset.slices)}
        note = LABELLED_BY_MODEL if dataset.label_source == "language_model" else ""
        return cls(pd.DataFrame(rows), dataset.display_names, dataset.slices, dataset.title, note)


def page(boards: Sequence[Board], contents: Mapping[str, Content] | None = None, title: str = "naba compare") -> str:
    """The page as one string of HTML.

    Args:
        boards: from `leaderboard.leaderboards`, one for each scored data set.
        contents: scored data set -> its texts; what the runs of the boards know of it if None.
    Raises:
        UserError: a board has no content, or its content lacks rows that were predicted.
    """
    if contents is None:
        known = {board.scored: board.rows[0].cell.runs[0].content for board in boards}
        contents = {scored: read() for scored, read in known.items() if read is not None}
    missing = [board.scored for board in boards if board.scored not in contents]
    if missing:
        raise UserError(f"the texts of {', '.join(missing)} are needed to show its errors")
    budget = TEXT_BYTES // max(1, len(boards))
    data = {"boards": [_board(board, contents[board.scored], budget) for board in boards]}
    own = {name: files.asset(ASSETS / f"page.{name}") for name in ("css", "js")}
    return files.rendered(ASSETS / "page.html.jinja", title=title, data=files.in_script(data), **own)


def _board(board: Board, content: Content, budget: int) -> dict[str, Any]:
    first = [row.cell.wholes[0].predictions if row.cell.wholes else row.cell.predictions[0] for row in board.rows]
    ids = first[0].ids
    aligned = [_aligned_or_none(one, first[0]) for one in first]
    rows = _rows_of(content, ids, board.scored) if content.readable else content.rows
    kept = _kept([one for one in aligned if one is not None]) if content.readable else np.arange(0)
    texts, targets = _cut(rows.iloc[kept], budget)
    columns = _columns(rows, content)
    shown = columns_of(board, "table")
    width = max(one.width for one in aligned if one is not None)
    systems: list[dict[str, Any]] = []
    for row, one in zip(board.rows, aligned, strict=True):
        if one is not None:
            slices = _slices(one, columns, board.metric) if content.readable else []
            systems.append(_system(len(systems), row, one, kept, slices) | {"cells": _cells(shown, row)})
            # Rows without an answer have a column of their own, in every system's table if in one.
            for line in systems[-1]["confusion"]:
                line.extend([0] * (width - len(line)))
    labels = first[0].labels
    names = [content.display_names.get(label, label) for label in labels]
    said = [content.note] if content.note else []
    places = {row.cell.name: place for place, row in enumerate(
        row for row, one in zip(board.rows, aligned, strict=True) if one is not None
    )}  # fmt: skip
    return {
        "title": board.title.replace(board.scored, content.title, 1) if content.title else board.title,
        "about": f"{board.metric} on {board.scored}, {counted(len(ids), 'row')}",
        "metric": board.metric,
        "higher_is_better": board.higher_is_better,
        "columns": [[column.key, title_of(column, board), column.numeric] for column in shown],
        "rows": len(ids),
        "left_out": len(ids) - len(kept) if content.readable else 0,
        "notes": [*said, *board.notes, *_page_notes(board, len(systems))],
        "names": [*names, "(no answer)"][:width],
        "labels": len(labels),
        "ids": [str(name) for name in ids[kept]],
        "texts": texts,
        "targets": targets,
        "gold": _packed(first[0].gold_codes[kept]),
        "systems": systems,
        "pairs": _pairs(board),
        "pools": {kind: _pool(pooled(board, kind), shown, places, said) for kind in _kinds(board, places)},
    }


def _kinds(board: Board, places: Mapping[str, int]) -> list[str]:
    """The kinds of some systems of a page, but not of all."""
    there = [row.cell.kinds for row in board.rows if row.cell.name in places]
    kinds = sorted({kind for one in there for kind in one})
    return [kind for kind in kinds if any(kind not in one for one in there)]


def _pool(board: Board, shown: Sequence[Column], places: Mapping[str, int], said: Sequence[str]) -> dict[str, Any]:
    """What differs where only some systems are compared: which, their cells, their tests and the notes."""
    there = [row for row in board.rows if row.cell.name in places]
    return {
        "places": [places[row.cell.name] for row in there],
        "cells": [_cells(shown, row) for row in there],
        "pairs": _pairs(board),
        "notes": [*said, *board.notes],
    }


def _page_notes(board: Board, shown: int) -> list[str]:
    notes = []
    if any(row.distinct != 1 for row in board.rows):
        notes.append("confusion, slices, calibration and errors are those of each system's first seed")
    if shown < len(board.rows):
        notes.append(f"not in this page, because scored on other rows: {counted(len(board.rows) - shown, 'system')}")
    return notes


def _same(one: Array, other: Array) -> bool:
    return len(one) == len(other) and bool((one == other).all())


def _aligned_or_none(one: Predictions, first: Predictions) -> Predictions | None:
    if set(one.ids) != set(first.ids) or one.labels != first.labels:
        return None
    aligned = one.aligned_to(first.ids)
    return aligned if _same(aligned.gold, first.gold) else None


def _rows_of(content: Content, ids: Array, scored: str) -> pd.DataFrame:
    position = {str(name): place for place, name in enumerate(content.rows["id"])}
    absent = [str(name) for name in ids if str(name) not in position]
    if absent:
        raise UserError(f"{len(absent)} predicted rows are not among the texts of {scored}, such as id '{absent[0]}'")
    return content.rows.iloc[[position[str(name)] for name in ids]]


def _kept(systems: Sequence[Predictions]) -> IntArray:
    rows = len(systems[0])
    if rows <= MOST_EXAMPLES:
        return np.arange(rows)
    wrong = np.sum([one.gold_codes != one.predicted_codes for one in systems], axis=0)
    return np.sort(np.argsort(wrong == 0, kind="stable")[:MOST_EXAMPLES])


def _cut(rows: pd.DataFrame, budget: int) -> tuple[list[str], list[str]]:
    columns = [[str(value) for value in rows[name]] for name in ("text", "target")]
    sizes = np.array([len(value.encode()) for column in columns for value in column])
    if sizes.sum() <= budget:
        return columns[0], columns[1]
    limits = np.arange(50, int(sizes.max()) + 50, 50)
    fitting = [limit for limit in limits if np.minimum(sizes, limit).sum() <= budget]
    # Arabic letters take two bytes each.
    letters = int(fitting[-1] if fitting else 50) // 2
    cut = [[value if len(value) <= letters else value[:letters] + " …" for value in column] for column in columns]
    return cut[0], cut[1]


def _columns(rows: pd.DataFrame, content: Content) -> dict[str, Any]:
    own = {name: [str(value) for value in rows[name]] for name in content.slices if name in rows}
    return {**own, **text_columns([str(v) for v in rows["text"]], [str(v) for v in rows["target"]])}


def _slices(predictions: Predictions, columns: Mapping[str, Any], measure: str) -> list[list[Any]]:
    from naba.evaluation.metrics import metric

    if metric(measure, predictions.labels).needs != "confusion":
        measure = "macro_f1"
    return [
        [
            one.column,
            one.value,
            *_short([one.score.value, one.score.low, one.score.high, one.gap]),
            one.score.n,
            one.small,
        ]
        for one in slice_scores(predictions, columns, measure, SLICE_RESAMPLES)
    ]


def _cells(columns: Sequence[Column], row: Row) -> list[list[str | float | None]]:
    """For each column what its cell shows, and what it is sorted by."""
    made = [(column.text(row), column.value(row)) for column in columns]
    return [[text, round(value, 6) if isinstance(value, float) else value] for text, value in made]


def _system(place: int, row: Row, one: Predictions, kept: IntArray, slices: list[list[Any]]) -> dict[str, Any]:
    gold_probability = one.probabilities[np.arange(len(one)), one.gold_codes]
    bins, curve = reliability(one), coverage_risk(one)
    return {
        "place": place,
        "name": row.cell.name,
        "paired": row.paired,
        "confusion": one.confusion().tolist(),
        "slices": slices,
        "reliability": {
            "points": _points(bins.confidence, bins.accuracy),
            "ece": round(bins.error, 4),
            "brier": round(brier_score(one), 4),
        },
        "risk": {"points": _points(curve.coverage, curve.risk), "area": round(curve.area, 4)},
        "curves": {name: [_short(pair) for pair in points] for name, points in row.cell.runs[0].curves.items()},
        "predicted": _packed(one.predicted_codes[kept]),
        "confidence": _packed(np.rint(200 * confidence(one)[kept])),
        "gold_confidence": _packed(np.rint(200 * gold_probability[kept])),
    }


def _pairs(board: Board) -> list[list[list[float] | None]]:
    """Row minus column: estimate, low, high, corrected p."""
    found = board.pairs
    if found is None:
        return []
    arrays = (found.estimate, *found.bounds, found.p_value)
    size = range(len(board.paired))
    return [
        [None if one == other else _short([array[one, other] for array in arrays]) for other in size] for one in size
    ]


def _short(values: Sequence[float]) -> list[float]:
    return [round(float(value), 6) for value in values]


def _points(x: FloatArray, y: FloatArray) -> list[list[float]]:
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), CURVE_POINTS)).round().astype(int))
    return [[round(float(x[place]), 4), round(float(y[place]), 4)] for place in chosen]


def _packed(values: Array) -> str:
    """Whole numbers below 256 as base64: one and a third bytes a row."""
    return base64.b64encode(np.clip(values, 0, 255).astype(np.uint8).tobytes()).decode()
