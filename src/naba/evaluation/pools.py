"""Pools: the systems that somebody could use at all, by kind (`no_weights`) and by number (`ms_per_row<200`)."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from naba.errors import UserError, unknown_name
from naba.evaluation.bootstrap import Score
from naba.evaluation.columns import COLUMNS, about_tests
from naba.evaluation.leaderboard import NAN, Row, cells_of, tested
from naba.evaluation.tables import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from naba.evaluation.leaderboard import Board, Cell, TrackedRun

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_CONDITION = re.compile(r"(\w+)\s*(<=|>=|<|>)\s*(\S+)")


@dataclass(frozen=True)
class Condition:
    """A bound on a column of the board; a system whose number is not known does not keep it."""

    column: str
    sign: str
    bound: float

    def holds(self, cell: Cell) -> bool:
        """Does a system keep it?"""
        found = COLUMNS[self.column].value(Row(cell, Score("", NAN, NAN, NAN, 0), NAN, 0))
        return isinstance(found, int | float) and _SIGNS[self.sign](float(found), self.bound)


@dataclass(frozen=True)
class Pool:
    """Which systems are compared: those of any of the kinds, that keep all conditions."""

    kinds: tuple[str, ...]
    conditions: tuple[Condition, ...]
    text: str

    def holds(self, cell: Cell) -> bool:
        """Is a system in it?"""
        kind = not self.kinds or bool(set(self.kinds) & set(cell.kinds))
        return kind and all(one.holds(cell) for one in self.conditions)

    def note(self, board: Board, everything: Collection[object]) -> str:
        """What a reader must know of a board of it."""
        return _note(self.text, len(board.rows), len(everything))

    def require(self, cells: Collection[Cell]) -> None:
        """Raises:
        UserError: none of the systems is of a kind that is named, or in the pool at all.
        """
        known = sorted({kind for cell in cells for kind in cell.kinds})
        unknown = [kind for kind in self.kinds if kind not in known]
        if unknown:
            raise UserError(unknown_name("kind of model among these runs", unknown[0], known))
        if not any(self.holds(cell) for cell in cells):
            raise UserError(f"no system is in the pool {self.text}", f"there are {len(cells)}, of {', '.join(known)}")


def within(pool: Pool, runs: Sequence[TrackedRun]) -> list[TrackedRun]:
    """The runs of the systems in a pool.

    Raises:
        UserError: none of the systems is of a kind that is named, or in the pool at all.
    """
    cells = cells_of(runs)
    pool.require(cells)
    return [run for cell in cells if pool.holds(cell) for run in cell.runs]


def _note(name: str, inside: int, everything: int) -> str:
    return (
        f"pool {name}: {inside} of {counted(everything, 'system')}; ranks, letters and Holm's correction are within it"
    )


def pooled(board: Board, kind: str) -> Board:
    """The board of the systems of a kind, from the tests that were made: ranks, letters and p-values are theirs alone.

    The same as a board that was made of them from the beginning, but that nothing is drawn once more.
    """
    places = [place for place, row in enumerate(board.paired) if kind in row.cell.kinds]
    alone = [row for row in board.rows if not row.paired and kind in row.cell.kinds]
    rows, pairs, tests = [board.paired[place] for place in places], None, board.pairs
    if rows and tests is not None:
        pairs = tests.among(places)
        rows = tested(rows, pairs, board.baseline)
    told = about_tests(len(board.paired))
    notes = [note.removesuffix(told) + about_tests(len(rows)) if told and note.endswith(told) else note
             for note in board.notes]  # fmt: skip
    whole = (*rows, *alone)
    return replace(board, rows=whole, pairs=pairs, notes=(_note(kind, len(whole), len(board.rows)), *notes))


def is_condition(text: str) -> bool:
    """Is it a list of bounds on columns, such as `ms_per_row<200`?"""
    return all(_CONDITION.fullmatch(part.strip()) for part in text.split(","))


def pool_of(texts: Sequence[str]) -> Pool | None:
    """The pool that kinds and conditions make, each text a list with commas; None for none of them.

    Raises:
        UserError: there is no such column, one cannot choose by it, or a bound is no number.
    """
    parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    kinds = tuple(part for part in parts if not re.search("[<>]", part))
    conditions = tuple(_condition(part) for part in parts if re.search("[<>]", part))
    return Pool(kinds, conditions, ", ".join(parts)) if parts else None


def _condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise UserError(f"pool: '{text}' is no condition", 'such as "ms_per_row<200"')
    from naba.config import packages

    packages.load()
    key, sign, bound = found.groups()
    choosable = [name for name, column in COLUMNS.items() if column.of_runs]
    if key not in choosable:
        if key in COLUMNS:
            raise UserError(
                f"pool: systems are not chosen by '{key}', which depends on the comparison itself",
                f"by these: {', '.join(choosable)}",
            )
        raise UserError(f"pool: {unknown_name('column', key, choosable)}")
    try:
        return Condition(key, sign, float(bound))
    except ValueError as error:
        raise UserError(f"pool: '{text}': '{bound}' is no number") from error
