"""One training run: check, find, load, split, build, fit, predict, report."""

from __future__ import annotations

import inspect
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from naba import files, machine
from naba.config import builders
from naba.errors import UserError
from naba.experiment import report, scoring
from naba.experiment.job import Outcome, Result, prepare
from naba.experiment.torchrun import Decision
from naba.models.classifier import followed_by
from naba.tracking import open_tracker
from naba.tracking.claims import TakenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from omegaconf import DictConfig

    from naba.data.checks.findings import Report
    from naba.data.dataset import Dataset
    from naba.data.splits import Split
    from naba.experiment.job import Job
    from naba.models.classifier import Classifier
    from naba.tracking import Run
    from naba.tracking.folder import FolderTracker
    from naba.tracking.mlflow import MlflowTracker

logger = logging.getLogger(__name__)


def run(cfg: DictConfig, overrides: Sequence[str] = (), *, wait: bool = True, tuned_from: str = "") -> Outcome:
    """Train and evaluate one classifier as configured, or find the finished run that did.

    Args:
        overrides: what the command line said, for the command that does the run again.
        wait: for another process that is training the same; without it the status is then `taken`.
        tuned_from: the study that this is a trial of.
    Returns:
        `Outcome` with status `trained`, `found` or `taken`.
    Raises:
        UserError: something the user gave is wrong; nothing is half-written, and a run that had begun is FAILED.
    """
    job = replace(prepare(cfg, overrides), tuned_from=tuned_from)
    builders.require(job.settings.model)
    together = Decision()
    if together.number > 0:
        return _train_beside(job, together)
    return keep(job, partial(_train, job, together), together, wait=wait)


def keep(job: Job, work: Callable[[], Result], together: Decision | None = None, *, wait: bool = True) -> Outcome:
    """Find the finished run of a job, or claim it, do the work, and write down what comes of it.

    Args:
        work: gives the result; called while the run is claimed, and at most once.
        together: the processes that train with this one, to be told whether there is anything to train.
        wait: for another process that holds the claim; without it the status is then `taken`.
    """
    tracker, wanted = open_tracker(job.settings.tracking), job.wanted
    together = together or Decision()
    while True:
        found = None if wanted.force else tracker.finished(wanted) or _extended(job, tracker)
        if found is not None:
            together.say(train=False)
            return Outcome.found(found, tracker.where)
        try:
            with tracker.run(wanted) as active:
                active.log(report.opening(job))
                told: set[Any] = set()
                with followed_by(partial(_follow, active, told)):
                    result = work()
                history = result.model.history_ if result.model is not None else ()
                late = [entry for entry in history if entry.get("epoch") not in told]
                active.log([*report.curves(late), *report.items(result)])
        except TakenError as taken:
            if not wait:
                together.say(train=False)
                return Outcome("taken", job.name, message=taken.owner)
            logger.warning("%s: waiting for %s", job.name, taken.owner)
        else:
            return Outcome.trained(result, active.id, tracker.where)
        tracker.wait(wanted.identity)


def _extended(job: Job, tracker: MlflowTracker | FolderTracker) -> Run | None:
    """A finished run of this job, scored on the further data sets that it lacked; None where it must be trained."""
    wanted = job.wanted
    found = tracker.extendable(wanted)
    if found is None:
        return None
    from naba.classifier import folder

    missing = found.facts.scoring.missing(wanted.facts.scoring) or ()
    names = [name for name in job.settings.evaluation.also if any(one.split()[0] == name for one in missing)]
    model, _ = folder.load(found.classifier_folder())
    logger.warning("%s: its finished run is scored on %s too", job.name, ", ".join(names))
    sections = scoring.further_sections(job, split_of(job), model, names)
    found.add(report.further_items(job, list(sections.values()), found.facts))
    tracker.forget(wanted.identity)
    return found.store.find(found.id)


def _follow(active: Any, told: set[Any], entry: Mapping[str, Any]) -> None:
    """Write an epoch's numbers down when it ends, so that a run that is killed shows how far it came."""
    active.log(report.curves([entry]))
    told.add(entry.get("epoch"))


def _train(job: Job, together: Decision) -> Result:
    """Check, split, build, fit, predict."""
    checked = _checked(job)
    split = split_of(job)
    scoring.check(job, split)
    together.say(train=True)
    model = build(job)
    why_not_kept = _why_not_kept(job, model)
    _fit(job, model, split)
    sections = scoring.sections(job, split, model)
    said = (f"{job.dataset.name}: {each.code} {each.title}: {each.message}" for each in checked.warnings)
    return Result(
        job,
        model,
        sections,
        rows={"train": len(split.train), "validation": len(split.validation), "test": len(split.test)},
        warnings=[*scoring.warnings(job, split, sections), *said],
        checked=checked,
        why_not_kept=why_not_kept,
    )


def _train_beside(job: Job, together: Decision) -> Outcome:
    """As one of the further processes of torchrun: train with the first, which keeps the run, and leave nothing."""
    if not together.hear():
        return Outcome("found", job.name)
    _fit(job, build(job), split_of(job))
    return Outcome("trained", job.name)


def _checked(job: Job) -> Report:
    """The quick data checks; what they call an error stops the training."""
    from naba.data.checks.rows import before_training

    name = job.dataset.name
    with job.watch.phase("check"):
        found = before_training(job.dataset)
    if found.errors:
        problems = "; ".join(f"{each.code} {each.title}: {each.message}" for each in found.errors)
        raise UserError(f"dataset '{name}' cannot be trained on: {problems}", f"naba check {name}")
    return found


def split_of(job: Job) -> Split:
    """Which rows train, validate and test.

    Raises:
        UserError: none train, or none are left to score.
    """
    from naba.data import splits

    name, settings = job.dataset.name, job.settings
    split = splits.make(job.dataset, settings.split, settings.seed)
    if not len(split.train):
        raise UserError(
            f"dataset '{name}' has no training rows with split={split.name}",
            f"it is for scoring only: evaluation.also=[{name}] scores a model trained on another set",
        )
    if not len(split.validation) and not len(split.test):
        raise UserError(f"dataset '{name}' has neither validation nor test rows with split={split.name}")
    return split


def build(job: Job) -> Classifier:
    """The unfitted classifier of a job, everything random seeded."""
    from naba.arabic.profile import profile_from
    from naba.data.dataset import background_texts
    from naba.models import build as build_model

    settings = job.settings
    machine.seed_everything(settings.seed)
    model: Classifier = build_model(
        settings.model,
        seed=settings.seed,
        normalisation=profile_from(dict(settings.normalisation)),
        pair=settings.dataset.pair,
        primary_metric=settings.dataset.primary_metric,
        # A training that was killed resumes from its last checkpoint: the folder is that of the run's identity.
        checkpoint_folder=files.home() / "checkpoints" / job.identity.run,
        background_texts=lambda name: background_texts(name, settings.data),
        task=settings.dataset.task,
        label_names={label: job.dataset.display_names.get(label, label) for label in job.dataset.labels},
    )
    return model


def _why_not_kept(job: Job, model: Classifier) -> str:
    """Said before the training, which may take hours; the run is kept all the same, with the reason."""
    if not job.settings.tracking.log_model:
        return ""
    from naba.classifier import folder
    from naba.data import sources

    with sources.fetching(job.settings.data):
        reason = folder.why_not_kept(model) or ""
    if reason:
        logger.warning("%s: the run will be kept without its model: %s", job.name, reason)
    return reason


def _fit(job: Job, model: Classifier, split: Split) -> None:
    from naba.data import sources

    with job.watch.phase("fit"), sources.fetching(job.settings.data):
        fit(model, job.dataset, split)


def fit(model: Any, dataset: Dataset, split: Split) -> None:
    """Fit on the training rows; validation rows and groups go to models whose `fit` asks for them by name."""
    wanted = inspect.signature(model.fit).parameters
    extra: dict[str, Any] = {}
    if "validation" in wanted and len(split.validation):
        extra["validation"] = (dataset.frame(split.validation), dataset.gold(split.validation))
    if "groups" in wanted:
        extra["groups"] = dataset.column("group", split.train)
    model.fit(dataset.frame(split.train), dataset.gold(split.train), **extra)
