"""One training run: check, find, load, split, build, fit, predict, report."""

from __future__ import annotations

import inspect
import json
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from naba import config, files, machine
from naba.cli import console
from naba.config import builders
from naba.errors import UserError
from naba.experiment import report
from naba.experiment.result import Outcome, Result, Section, primary_metrics
from naba.experiment.torchrun import Decision
from naba.experiment.transfer import carry
from naba.tracking.claims import TakenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from omegaconf import DictConfig

    from naba.config.schema import EvaluationConfig, SplitConfig, TrainConfig
    from naba.data.checks.findings import Report
    from naba.data.dataset import Dataset, IntArray
    from naba.data.splits import Split
    from naba.evaluation.predictions import Predictions
    from naba.experiment.result import Found
    from naba.tracking import MlflowTracker
    from naba.tracking.folder import FolderTracker


def run(cfg: DictConfig, overrides: Sequence[str] = (), *, wait: bool = True) -> Outcome:
    """Train and evaluate one classifier as configured, or find the finished run that did.

    Args:
        overrides: what the command line said, for the command that does the run again.
        wait: for another process that is training the same; without it the status is then `taken`.
    Returns:
        `Outcome` with status `trained`, `found` or `taken`.
    Raises:
        UserError: something the user gave is wrong; nothing is half-written, and a run that had begun is FAILED.
    """
    settings = config.check(cfg)
    plain = config.plain_dict(cfg)
    seconds: dict[str, float] = {}
    from naba.data.dataset import load

    with _timed(seconds, "load"):
        dataset = load(settings.dataset, settings.data)
    from naba.data import splits

    settings.split = splits.resolved(dataset, settings.split)
    known = config.identify(settings, dataset.fingerprint, _grouping(dataset, settings.split), _backgrounds(settings))
    identity, cell = known.run, known.cell
    evaluation = scoring(settings)
    together = Decision()
    if together.number > 0:
        # The first process of torchrun keeps the run; the others train with it, and leave nothing.
        if not together.hear():
            return Outcome("found", report.run_name(settings))
        _fitted(settings, dataset, identity, seconds)
        return Outcome("trained", report.run_name(settings))
    tracker = open_tracker(settings)
    facts = {"identity": identity, "cell": cell, "fingerprint": dataset.fingerprint, "evaluation": evaluation}
    while True:
        found = None if settings.force else tracker.finished(identity, evaluation, model=settings.tracking.log_model)
        if found is not None:
            together.say(train=False)
            return _outcome(found, tracker)
        try:
            return _tracked(settings, plain, dataset, facts, tracker, seconds, overrides, together)
        except TakenError as taken:
            if not wait:
                together.say(train=False)
                return Outcome("taken", report.run_name(settings), message=taken.owner)
            console.note(f"{report.run_name(settings)}: waiting for {taken.owner}")
        tracker.wait(identity)


def _tracked(
    settings: TrainConfig,
    plain: dict[str, Any],
    dataset: Dataset,
    facts: dict[str, str],
    tracker: MlflowTracker | FolderTracker,
    seconds: dict[str, float],
    overrides: Sequence[str],
    together: Decision,
) -> Outcome:
    """Train, and keep what comes of it as a run."""
    identity = (facts["identity"], facts["cell"])
    with tracker.run(report.run_name(settings), settings, facts["identity"], facts["evaluation"]) as active:
        active.log(report.opening(settings, plain, facts))
        checked = _checked(dataset, seconds)
        together.say(train=True)
        result = replace(_train(settings, plain, dataset, identity, seconds), overrides=overrides)
        result.warnings.extend(f"{dataset.name}: {each.code} {each.title}: {each.message}" for each in checked.warnings)
        items = [*report.items(result), *report.check_items(checked)]
        active.log(items)
    return Outcome(
        "trained",
        report.run_name(settings),
        active.id,
        tracker.where,
        metrics={item.name: item.value for item in items if isinstance(item, report.Metric)},
        sections=list(result.sections),
        primary={name: section.primary_metric for name, section in result.sections.items()},
        warnings=result.warnings,
        confidence=settings.evaluation.confidence,
    )


def _grouping(dataset: Dataset, split: SplitConfig) -> str:
    """Digest of the columns that keep rows together: the groups, and the column a split goes by."""
    columns = [name for name in ("group", split.column) if name in dataset.table.column_names]
    values = {str(name): dataset.column_values(str(name)).tolist() for name in columns}
    return config.digest(values) if any(any(column) for column in values.values()) else ""


def scoring(settings: TrainConfig) -> str:
    """How a run is scored, as JSON, so that one that was scored in another way is not taken for it."""
    from naba.data.dataset import load_named

    evaluation, dataset = settings.evaluation, settings.dataset
    also = [f"{name} {load_named(name, settings.data).fingerprint[:16]}" for name in evaluation.also]
    content = {
        "also": also,
        "metrics": [*dataset.metrics, *evaluation.metrics],
        "resamples": evaluation.resamples,
        "confidence": evaluation.confidence,
        "label_map": dict(dataset.label_map),
    }
    return json.dumps(content, sort_keys=True)


def open_tracker(settings: TrainConfig) -> MlflowTracker | FolderTracker:
    """Where results go: MLflow, or a folder when tracking is off."""
    if settings.tracking.name == "off":
        from naba.tracking.folder import FolderTracker

        return FolderTracker(settings.tracking)
    from naba.tracking import MlflowTracker

    return MlflowTracker(settings.tracking)


def _outcome(found: Found, tracker: MlflowTracker | FolderTracker) -> Outcome:
    """What is said about a run that was finished before."""
    return Outcome(
        "found",
        found.name,
        found.run,
        tracker.where,
        dict(found.metrics),
        found.tags.get("naba.sections", "").split(),
        primary_metrics(found.tags),
        confidence=float(found.tags.get("naba.confidence", "0.95")),
    )


def _checked(dataset: Dataset, seconds: dict[str, float]) -> Report:
    """The quick data checks; what they call an error stops the training."""
    from naba.data.catalogue import before_training

    with _timed(seconds, "check"):
        found = before_training(dataset)
    if found.errors:
        problems = "; ".join(f"{each.code} {each.title}: {each.message}" for each in found.errors)
        raise UserError(f"dataset '{dataset.name}' cannot be trained on: {problems}", f"naba check {dataset.name}")
    return found


def _train(
    settings: TrainConfig,
    plain: dict[str, Any],
    dataset: Dataset,
    identity: tuple[str, str],
    seconds: dict[str, float],
) -> Result:
    model, split = _fitted(settings, dataset, identity[0], seconds)
    sections = _sections(settings, dataset, split, model, seconds)
    return Result(
        settings=settings,
        config=plain,
        identity=identity[0],
        cell=identity[1],
        dataset=dataset,
        model=model,
        sections=sections,
        seconds=seconds,
        rows={"train": len(split.train), "validation": len(split.validation), "test": len(split.test)},
        warnings=_warnings(settings, dataset, split, sections),
    )


def _fitted(settings: TrainConfig, dataset: Dataset, identity: str, seconds: dict[str, float]) -> tuple[Any, Split]:
    from naba.data import sources, splits

    split = splits.make(dataset, settings.split, settings.seed)
    _check_split(split, dataset)
    machine.seed_everything(settings.seed)
    model = _build(settings, identity)
    with _timed(seconds, "fit"), sources.fetching(settings.data):
        fit(model, dataset, split)
    return model, split


def _check_split(split: Split, dataset: Dataset) -> None:
    if not len(split.train):
        raise UserError(
            f"dataset '{dataset.name}' has no training rows with split={split.name}",
            "it is for scoring only: evaluation.also=[" + dataset.name + "] scores a model trained on another set",
        )
    if not len(split.validation) and not len(split.test):
        raise UserError(f"dataset '{dataset.name}' has neither validation nor test rows with split={split.name}")


def _backgrounds(settings: TrainConfig) -> dict[str, str]:
    """The fingerprints of the unlabelled data sets that the model learns from."""
    from naba.data.dataset import background

    return {name: background(name, settings.data).fingerprint for name in builders.backgrounds(settings.model)}


def _build(settings: TrainConfig, identity: str) -> Any:
    from naba.arabic.profile import profile_from
    from naba.data.dataset import background_texts
    from naba.models.build import build

    profile = profile_from(dict(settings.normalisation))
    return build(
        settings.model,
        seed=settings.seed,
        normalisation=profile,
        pair=settings.dataset.pair,
        primary_metric=settings.dataset.primary_metric,
        # A training that was killed goes on where its last checkpoint is: the folder is that of the run's identity.
        checkpoint_folder=files.home() / "checkpoints" / identity,
        background_texts=lambda name: background_texts(name, settings.data),
    )


def fit(model: Any, dataset: Dataset, split: Split) -> None:
    """Fit on the training rows; validation rows and groups go to models whose `fit` asks for them by name."""
    wanted = inspect.signature(model.fit).parameters
    extra: dict[str, Any] = {}
    if "validation" in wanted and len(split.validation):
        extra["validation"] = (dataset.frame(split.validation), dataset.gold(split.validation))
    if "groups" in wanted:
        extra["groups"] = dataset.column("group", split.train)
    model.fit(dataset.frame(split.train), dataset.gold(split.train), **extra)


def _sections(
    settings: TrainConfig, dataset: Dataset, split: Split, model: Any, seconds: dict[str, float]
) -> dict[str, Section]:
    from naba.data.dataset import load

    wanted: list[tuple[str, Dataset, IntArray]] = [
        (name, dataset, indices)
        for name, indices in (("validation", split.validation), ("test", split.test))
        if len(indices)
    ]
    for name in settings.evaluation.also:
        other = load(config.dataset_config(name), settings.data)
        _refuse_trained_rows(dataset, split, other)
        wanted.append((name, other, other.indices("test")))
    sections = {}
    for name, data, indices in wanted:
        if not len(indices):
            raise UserError(f"evaluation.also: dataset '{name}' has no test rows")
        sections[name] = _section(name, settings, (dataset, data), indices, model, seconds)
    return sections


MOST_TRAINED_ON = 0.05
"""Largest share of a further data set's test rows that may be in the training part; a few headlines recur anywhere."""


def _refuse_trained_rows(dataset: Dataset, split: Split, other: Dataset) -> None:
    def rows(data: Dataset, indices: IntArray) -> list[tuple[str, str]]:
        return list(zip(data.column("text", indices), data.column("target", indices), strict=True))

    trained = set(rows(dataset, split.train))
    tested = rows(other, other.indices("test"))
    seen = sum(row in trained for row in tested)
    if seen > MOST_TRAINED_ON * len(tested):
        raise UserError(
            f"evaluation.also: {seen} of the {len(tested)} test rows of '{other.name}' are in the training part of "
            f"'{dataset.name}' with split={split.name}",
            "a score on them would say nothing: leave it out, or use the given split",
        )


def _section(
    name: str,
    settings: TrainConfig,
    datasets: tuple[Dataset, Dataset],
    indices: IntArray,
    model: Any,
    seconds: dict[str, float],
) -> Section:
    from naba.evaluation.predictions import Predictions

    trained, scored = carry(datasets[0], datasets[1], model)
    with _timed(seconds, "predict"):
        predictions = Predictions.of(scored, indices, trained)
    with _timed(seconds, "evaluate"):
        own = scored.labels == datasets[0].labels
        primary = datasets[0].primary_metric if own else scored.primary_metric
        chosen = [*(datasets[0].metrics if own else scored.metrics), *settings.evaluation.metrics]
        return score_section(name, settings.evaluation, scored, indices, predictions, (primary, *chosen))


def score_section(
    name: str,
    evaluation: EvaluationConfig,
    dataset: Dataset,
    indices: IntArray,
    predictions: Predictions,
    metrics: Sequence[str],
) -> Section:
    """Score predictions on rows of a data set, whoever made them; the first of `metrics` is the primary one."""
    from naba.evaluation.bootstrap import scores
    from naba.evaluation.metrics import label_metrics
    from naba.evaluation.slices import text_columns

    names = [*metrics, "macro_f1", "accuracy", "balanced_accuracy", "mcc", *label_metrics(dataset.labels)]
    found = scores(
        predictions,
        list(dict.fromkeys(names)),
        resamples=evaluation.resamples,
        confidence=evaluation.confidence,
    )
    rows = dataset.frame(indices)
    seen = text_columns(rows["text"].tolist(), rows["target"].tolist() if dataset.pair else None)
    columns = {column: dataset.column(column, indices).tolist() for column in dataset.slices}
    columns |= {column: values.tolist() for column, values in seen.items()}
    return Section(name, predictions, found, rows, dataset.display_names, metrics[0], columns)


SMALL_CLASS = 20
"""A test class with fewer rows moves its F1 by several points with each example."""


def _warnings(settings: TrainConfig, dataset: Dataset, split: Split, sections: dict[str, Section]) -> list[str]:
    warnings = []
    if settings.dataset.label_source == "language_model":
        warnings.append(f"labels of {dataset.name} were given by language models; no person has checked them")
    for section in (part for name, part in sections.items() if name in settings.evaluation.also):
        counts = section.predictions.confusion().sum(axis=1)
        small = [f"{label} {count}" for label, count in zip(section.predictions.labels, counts, strict=True)
                 if count < SMALL_CLASS]  # fmt: skip
        if small:
            warnings.append(f"{section.name} has few rows of {', '.join(small)}: macro scores swing with them")
    unseen = sorted(set(dataset.labels) - set(dataset.gold(split.train)))
    if unseen:
        warnings.append(f"no training rows of {', '.join(unseen)}")
    return warnings


@contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - start
