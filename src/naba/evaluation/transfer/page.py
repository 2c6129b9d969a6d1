"""Transfer as tables, and as one self-contained page of heat maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files
from naba.evaluation.significance import SIGNIFICANCE
from naba.evaluation.tables import Table, number, p_text, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.bootstrap import Score
    from naba.evaluation.significance import Difference
    from naba.evaluation.transfer.measure import Entry, LeftOut, Matrix

ASSETS = Path(__file__).parent
SHARED_STYLE = ASSETS.parent / "page" / "page.css"


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


def page(matrices: Sequence[Matrix], left_out: Sequence[LeftOut]) -> str:
    """The page as one string of HTML; it asks no network for anything, and has no script."""
    shown = [
        {
            "model": matrix.model,
            "metric": matrix.metric,
            "columns": matrix.columns,
            "rows": [
                (name, [_cell(matrix.entries.get((name, other))) for other in matrix.columns]) for name in matrix.rows
            ],
            "notes": label_notes(matrix),
        }
        for matrix in matrices
    ]
    topics = [
        {
            "title": f"{one.model} on {one.dataset}: {one.metric}",
            "mean": number(-one.mean_drop),
            "targets": [
                (target.name, target.drop.n, score_text(target.seen), score_text(target.unseen),
                 drop_text(target.drop, target.p), p_text(target.p), max(0.0, min(1.0, target.drop.estimate)))
                for target in one.targets
            ],
        }
        for one in left_out
    ]  # fmt: skip
    css = files.asset(SHARED_STYLE)
    return files.rendered(ASSETS / "page.html.jinja", matrices=shown, topics=topics, css=css)


def _cell(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    drop = entry.drop
    return {
        "value": number(entry.score.value),
        "interval": f"[{number(entry.score.low, 2)}, {number(entry.score.high, 2)}]",
        "shade": round(max(0.0, min(1.0, entry.score.value)) * 0.75, 3),
        "seen": entry.seen,
        "drop": "" if drop is None else number(-drop.estimate) + ("*" if entry.p < SIGNIFICANCE else ""),
        "title": "" if drop is None else drop_text(drop, entry.p),
    }
