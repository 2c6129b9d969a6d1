"""What `naba compare` shows of runs beside leaderboards: stress reports side by side, and transfer."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from naba import tracking
from naba.errors import UserError
from naba.evaluation.leaderboard import cells_of
from naba.evaluation.transfer import Transfer, leave_one_out, matrices
from naba.experiment import stress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.leaderboard import TrackedRun
    from naba.evaluation.stress import StressReport
    from naba.evaluation.tables import Table
    from naba.tracking import Store

logger = logging.getLogger(__name__)


def stress_tables(runs: Sequence[TrackedRun], uri: str | None = None) -> list[Table]:
    """The stress tests that these runs keep, side by side: one table a data set.

    Raises:
        UserError: none of them was stressed.
    """
    from naba.evaluation.stress.page import side_by_side

    store = tracking.Store(uri)
    groups: dict[str, dict[str, list[StressReport]]] = defaultdict(lambda: defaultdict(list))
    read: dict[str, StressReport | None] = {}
    for cell in cells_of(runs):
        for run in cell.runs:
            if run.run_id not in read:
                read[run.run_id] = _kept(store, run.run_id)
            report = read[run.run_id]
            if report is not None and report.section == run.section:
                groups[run.scored][cell.name].append(report)
    if not groups:
        raise UserError("none of these runs was stressed", f"naba stress {runs[0].run_id[:12]} does it")
    return [side_by_side(systems) for systems in groups.values()]


def _kept(store: Store, run: str) -> StressReport | None:
    """The report of a run; a damaged one is named, and the others are shown."""
    try:
        return stress.kept(store.find(run))
    except UserError as error:
        logger.warning("not shown: %s", error.message)
        return None


def transfer(runs: Sequence[TrackedRun], measure: str | None = None, resamples: int = 2_000) -> Transfer:
    """What is lost on other data sets, and on targets or topics that were never seen.

    Raises:
        UserError: no run was scored on another data set, and none was trained with a topic left out.
    """
    found = Transfer(matrices(runs, measure, resamples), leave_one_out(runs, measure, resamples))
    if not found.matrices and not found.left_out:
        raise UserError(
            "none of these runs was scored on another data set than its own, or with a target left out",
            "naba train +experiment=transfer_stance -m does both; see experiments/transfer.md",
        )
    return found
