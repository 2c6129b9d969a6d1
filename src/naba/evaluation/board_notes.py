"""What a reader must know of a board: how rows were drawn, what was tested, which systems stand aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.evaluation.significance import shared_training
from naba.evaluation.tables import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.leaderboard import Cell


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
