"""What `naba compare` needs of runs beside their scores: the texts of a page, stress reports, transfer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from naba import tracking
from naba.errors import UserError, unknown_name
from naba.evaluation.leaderboard import cells_of
from naba.evaluation.page import Content
from naba.evaluation.transfer import Transfer, leave_one_out, matrices
from naba.experiment import stress
from naba.tracking.run import section_dataset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.evaluation.leaderboard import Board, TrackedRun
    from naba.evaluation.stress.report import StressReport
    from naba.evaluation.tables import Table


def chosen_runs(uri: str | None, filters: Mapping[str, str], *, curves: bool = False) -> list[TrackedRun]:
    """The finished runs that the filters of `naba compare` leave, once for each section they were scored on.

    Raises:
        UserError: there are none, or no data set or section of that name was scored.
    """
    from naba.tracking.runs import scored_datasets, tracked_runs

    tags = {name: filters[key] for key, name in (("model", "model"), ("task", "task"), ("trained_on", "dataset"))
            if key in filters}  # fmt: skip
    section = filters.get("section")
    if section not in {None, "test", "validation"}:
        raise UserError(unknown_name("section", str(section), ["test", "validation"]))
    everything = tracked_runs(uri, tags, section=None if section == "test" else section, curves=curves)
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


def contents(boards: Sequence[Board], uri: str | None = None) -> dict[str, Content]:
    """Scored data set -> the texts that a page shows."""
    found = {}
    for board in boards:
        first = board.rows[0].cell.runs[0]
        trained = tracking.find(first.run_id, uri).dataset()
        content = Content.of(section_dataset(trained, first.section))
        # A carried label (`other` on a set with four labels) has its name from the set the model was trained on.
        names = {**trained.display_names, **content.display_names}
        found[board.scored] = replace(content, display_names=names)
    return found


def stress_tables(runs: Sequence[TrackedRun], uri: str | None = None) -> list[Table]:
    """The stress tests that these runs keep, side by side: one table a data set.

    Raises:
        UserError: none of them was stressed.
    """
    from naba.evaluation.stress.tables import side_by_side

    store = tracking.open_store(uri)
    groups: dict[str, dict[str, list[StressReport]]] = defaultdict(lambda: defaultdict(list))
    read: dict[str, StressReport | None] = {}
    for cell in cells_of(runs):
        for run in cell.runs:
            if run.run_id not in read:
                read[run.run_id] = stress.kept(store.find(run.run_id))
            report = read[run.run_id]
            if report is not None and report.section == run.section:
                groups[run.scored][cell.name].append(report)
    if not groups:
        raise UserError("none of these runs was stressed", f"naba stress {runs[0].run_id[:12]} does it")
    return [side_by_side(systems) for systems in groups.values()]


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
