"""Tracked runs as `naba compare` sees them: finished ones, section by section; their stress reports; transfer."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from naba import tracking
from naba.config import builders, folders
from naba.config.identity import IDENTITY_VERSION
from naba.errors import UserError, unknown_name
from naba.evaluation.leaderboard import TrackedRun, cells_of
from naba.evaluation.prices import prices
from naba.evaluation.tables import counted
from naba.tracking.facts import checked_seed
from naba.tracking.run import DIGEST, predictions_path, section_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from naba.evaluation.page import Content
    from naba.evaluation.stress import StressReport
    from naba.evaluation.tables import Table
    from naba.evaluation.transfer import Transfer
    from naba.tracking import Run, Store

logger = logging.getLogger(__name__)


def tracked_runs(
    uri: str | None = None,
    filters: Mapping[str, str] | None = None,
    *,
    section: str | None = None,
    curves: bool = False,
) -> list[TrackedRun]:
    """Finished runs, newest first, once for each section they were scored on.

    One whose files are damaged or gone is named in a warning, and left out.

    Args:
        filters: tags `naba.<name>` and the values they must have; `a,b` stands for either.
        section: `validation` for validation rows; by default test rows and further data sets.
        curves: also read learning curves, a question to the store for each metric of each run that has any.
    """
    runs = [run for one in _each(filters or {}) for run in tracking.search(uri, one)]
    _say_versions(runs)
    found = []
    called = _called(runs)
    for run in runs:
        names = [name for name in run.sections if name == section or (section is None and name != "validation")]
        try:
            found += [_tracked(run, name, called.get(run.id, run.facts.dataset), curves=curves) for name in names]
        except UserError as error:
            logger.warning("left out: %s", error.message)
    return found


def _called(runs: Sequence[Run]) -> dict[str, str]:
    """Run id -> what its data set is called, where own files of one name lie in several folders: `data (folder)`."""
    contents: dict[str, set[str]] = {}
    for run in runs:
        contents.setdefault(run.facts.dataset, set()).add(run.facts.fingerprint)
    paths = {}
    for run in (run for run in runs if len(contents[run.facts.dataset]) > 1):
        with suppress(UserError):
            paths[run.id] = (run.facts.dataset, str(run.config.get("dataset", {}).get("path") or ""))
    called = {}
    for run_id, (name, path) in paths.items():
        others = {other for same, other in paths.values() if same == name and other} - {path}
        if path and others:
            folder = Path(path).parent
            alone = folder.name not in {Path(other).parent.name for other in others}
            called[run_id] = f"{name} ({folder.name if alone else folder})"
    return called


def _each(filters: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """`model=a,b` as one filter after the other."""
    for key, value in filters.items():
        if "," in value:
            for one in dict.fromkeys(value.split(",")):
                yield from _each({**filters, key: one})
            return
    yield dict(filters)


def _say_versions(runs: Sequence[Run]) -> None:
    old = sum(run.facts.identity_version != IDENTITY_VERSION for run in runs)
    if 0 < old < len(runs):
        logger.warning(
            "%d of these %d runs are of version 0.1, whose identities were worked out in another way: they "
            "stand in rows of their own",
            old,
            len(runs),
        )


def _tracked(run: Run, section: str, dataset: str, *, curves: bool) -> TrackedRun:
    facts = run.facts
    if DIGEST + predictions_path(section) in run.tags:
        run.predictions_file(section)
    else:
        run.predictions(section)  # version 0.1 kept no digest: only reading tells
    rows_per_second, money = _pace(run)
    found = TrackedRun(
        run_id=run.id,
        identity=facts.identity,
        cell=facts.cell,
        dataset=facts.dataset,
        task=facts.task,
        model=facts.model,
        seed=checked_seed(f"{run.name} ({run.id[:12]})", facts.seed),
        metrics={name: score.value for name, score in run.scores(section).items()},
        params=run.params,
        tags=run.tags,
        train_seconds=run.number("time/fit_seconds"),
        predict_seconds=run.number("time/predict_seconds"),
        model_bytes=run.number("size/model_bytes"),
        predictions=partial(run.predictions, section),
        scored_on={"test": dataset, "validation": f"{dataset} validation"}.get(section, section),
        primary_metric=facts.primary[section],
        section=section,
        part=facts.part,
        kinds=facts.kinds or _kinds(facts.model),
        probabilities=facts.probabilities,
        rows_per_second=rows_per_second,
        money_per_1000_rows=money,
        content=partial(_content, run, section),
    )
    return replace(found, curves=_curves(run)) if curves else found


@cache
def _kinds(model: str) -> tuple[str, ...]:
    """The kinds of a model whose runs do not say them, by its YAML; () where that says nothing today."""
    try:
        return builders.tags(folders.section("model", model)) if model in folders.names("model") else ()
    except UserError:
        return ()


def _pace(run: Run) -> tuple[float, float]:
    """Rows a second and money for 1,000 rows: of the answers themselves, or of this kind of machine's time."""
    asked = run.number("cost/rows")
    if asked > 0:
        seconds = run.number("cost/seconds") / run.number("cost/at_once")
        money = 1000 * run.number("cost/money") / asked
        return asked / seconds if seconds > 0 else math.nan, money
    rows = sum(run.metrics.get(f"{section}/rows", 0.0) for section in run.sections)
    seconds = run.number("time/predict_seconds")
    if not (rows > 0 and seconds > 0):
        return math.nan, math.nan
    gpu = "gpus" in run.facts.hardware
    return rows / seconds, prices().machine(1000 * seconds / rows, gpu=gpu)


def _content(run: Run, section: str) -> Content:
    from naba.evaluation.page import Content

    try:
        trained = run.dataset()
        content = Content.of(section_dataset(trained, section))
    except UserError as error:
        logger.warning("no texts, examples and slices of %s: %s", run.facts.dataset, error.message)
        return Content.without_texts(error.message)
    # A carried label (`other` on a set with four labels) has its name from the set the model was trained on.
    return replace(content, display_names={**trained.display_names, **content.display_names})


def _curves(run: Run) -> dict[str, list[tuple[float, float]]]:
    return {name.removeprefix("epoch/"): run.history(name) for name in run.metrics if name.startswith("epoch/")}


def scored_datasets(runs: Sequence[TrackedRun]) -> list[str]:
    """The data sets that these runs were scored on."""
    return sorted({run.scored for run in runs})


def selected_runs(
    uri: str | None, filters: Mapping[str, str], *, curves: bool = False, trials: bool = False
) -> list[TrackedRun]:
    """The finished runs that `naba compare` is asked for.

    Args:
        filters: dataset (what was scored), trained_on, model, task, section.
        curves: also read learning curves.
        trials: also those of `naba tune`, which are otherwise seen on validation rows alone: the best of many by
            their test scores would be chosen by them.
    Raises:
        UserError: there are none; names the nearest data set.
    """
    tags = {name: filters[key] for key, name in (("model", "model"), ("task", "task"), ("trained_on", "dataset"))
            if key in filters}  # fmt: skip
    section = filters.get("section")
    if section not in {None, "test", "validation"}:
        raise UserError(unknown_name("section", str(section), ["test", "validation"]))
    everything = tracked_runs(uri, tags, section=None if section == "test" else section, curves=curves)
    if section != "validation" and not trials:
        everything = _without_trials(everything)
    if not everything:
        said = f" with {', '.join(f'{key}={value}' for key, value in filters.items())}" if filters else ""
        raise UserError(f"there are no finished runs{said}", "train some: naba train +experiment=quickstart -m")
    if "dataset" not in filters:
        return everything
    wanted = filters["dataset"].split(",")
    names = scored_datasets(everything)
    known = {name for run in everything for name in _names(run)}
    for name in wanted:
        if name not in known:
            raise UserError(unknown_name("scored dataset", name, names))
    return [run for run in everything if _names(run).intersection(wanted)]


def _without_trials(runs: list[TrackedRun]) -> list[TrackedRun]:
    left = [run for run in runs if "naba.tuned_from" not in run.tags]
    if len(left) < len(runs):
        logger.warning(
            "%s of naba tune left out, since test rows choose nothing: section=validation shows them, or --trials",
            counted(len({run.run_id for run in runs} - {run.run_id for run in left}), "trial run"),
        )
    return left


def _names(run: TrackedRun) -> set[str]:
    """What the data set that a run was scored on may be called: `data (folder)` is also `data`."""
    own = {run.dataset} if run.section in {"test", "validation"} else set()
    return {run.scored.removesuffix(" validation"), *own}


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
    from naba.experiment import stress

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
    from naba.evaluation.transfer import Transfer, leave_one_out, matrices

    found = Transfer(matrices(runs, measure, resamples), leave_one_out(runs, measure, resamples))
    if not found.matrices and not found.left_out:
        raise UserError(
            "none of these runs was scored on another data set than its own, or with a target left out",
            "naba train +experiment=transfer_stance -m does both; see experiments/transfer.md",
        )
    return found
