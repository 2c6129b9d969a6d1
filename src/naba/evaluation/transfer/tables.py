"""Transfer as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.evaluation.significance import SIGNIFICANCE
from naba.evaluation.tables import Table, number, p_text, signed

if TYPE_CHECKING:
    from naba.evaluation.bootstrap import Score
    from naba.evaluation.significance import Difference
    from naba.evaluation.transfer.left_out import LeftOut
    from naba.evaluation.transfer.matrix import Entry, Matrix


def score_text(score: Score) -> str:
    """`0.743 [0.699, 0.786]`."""
    return f"{number(score.value)} [{number(score.low)}, {number(score.high)}]"


def drop_text(drop: Difference, p: float) -> str:
    """`−0.250 [−0.300, −0.200]*`: what is gained from seen to unseen, so that a loss is negative."""
    star = "*" if p < SIGNIFICANCE else ""
    return f"{signed(-drop.estimate)} [{signed(-drop.high)}, {signed(-drop.low)}]{star}"


def label_notes(matrix: Matrix) -> list[str]:
    """In which labels sets met that have different ones."""
    said: dict[str, list[str]] = {}
    for (trained, tested), entry in matrix.entries.items():
        if entry.carried:
            ways = ", ".join(f"{label} as {other}" for label, other in entry.carried.items())
            said.setdefault(ways, []).append(f"{trained} to {tested}")
    return [f"labels: {ways} ({'; '.join(sorted(pairs))})" for ways, pairs in said.items()]


def matrix_tables(matrix: Matrix) -> list[Table]:
    """The scores, and the change from seen to unseen."""
    title = f"{matrix.model}: {matrix.metric}"
    rows = [
        [trained, *(_score(matrix.entries.get((trained, tested))) for tested in matrix.columns)]
        for trained in matrix.rows
    ]
    notes = ["mean over seeds, 95 % interval over examples and seeds; =: trained and tested on the same set"]
    scores = Table(
        f"{title}, trained on (rows), tested on (columns)", ["trained on", *matrix.columns], rows,
        [*notes, *label_notes(matrix)], range(1, len(matrix.columns) + 1),
    )  # fmt: skip
    if all(entry.drop is None for entry in matrix.entries.values()):
        return [scores]
    columns = [name for name in matrix.columns if any((one, name) in matrix.entries and matrix.entries[one, name].drop
                                                      for one in matrix.rows)]  # fmt: skip
    rows = [[trained, *(_drop(matrix.entries.get((trained, tested))) for tested in columns)] for trained in matrix.rows]
    drops = Table(
        f"{title}, seen to unseen", ["trained on", *columns], rows,
        ["change against the model trained on the tested set: same rows, same labels, paired; * p < .05, Holm over the "
         "matrix; rows or whole groups are drawn, seeds are not"],
        range(1, len(columns) + 1),
    )  # fmt: skip
    return [scores, drops]


def _score(entry: Entry | None) -> str:
    return "" if entry is None else f"{'=' if entry.seen else ''}{score_text(entry.score)}"


def _drop(entry: Entry | None) -> str:
    return "" if entry is None or entry.drop is None else drop_text(entry.drop, entry.p)


def left_out_table(left_out: LeftOut) -> Table:
    """One line a target, the greatest loss first, and the mean."""
    rows = [
        [
            one.name,
            str(one.drop.n),
            score_text(one.seen),
            score_text(one.unseen),
            drop_text(one.drop, one.p),
            p_text(one.p),
        ]
        for one in left_out.targets
    ]
    rows.append(["mean", "", "", "", signed(-left_out.mean_drop), ""])
    return Table(
        f"{left_out.model} on {left_out.dataset}: {left_out.metric}, each target left out of the training in turn",
        ["left out", "rows", "seen", "unseen", "seen to unseen", "p"],
        rows,
        ["the same test rows twice: by the model trained on all targets, and by one that never saw this one; paired; "
         "* p < .05, Holm over the targets"],
        range(1, 6),
    )  # fmt: skip
