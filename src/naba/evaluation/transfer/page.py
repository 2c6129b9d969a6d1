"""Transfer as one self-contained page of heat maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files
from naba.evaluation.significance import SIGNIFICANCE
from naba.evaluation.tables import number, p_text
from naba.evaluation.transfer.tables import drop_text, label_notes, score_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.transfer.left_out import LeftOut
    from naba.evaluation.transfer.matrix import Entry, Matrix

ASSETS = Path(__file__).parent
SHARED_STYLE = ASSETS.parent / "page" / "page.css"


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
