"""An outside system's predictions as a run of their own, so that they stand in the same leaderboard."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from naba import config
from naba.config.identity import PARTS_OF_A_SPLIT, Identity
from naba.config.overrides import compose
from naba.errors import UserError, all_hidden
from naba.experiment.job import Job, Outcome, Result, scoring
from naba.experiment.run import keep
from naba.experiment.scoring import score_section

if TYPE_CHECKING:
    from naba.config.schema import TrainConfig
    from naba.data.dataset import Dataset, IntArray
    from naba.evaluation.outside import PredictionsFile


def score(
    file: PredictionsFile,
    overrides: list[str],
    split: str,
    name: str = "outside",
    *,
    labels_decide: bool = False,
    unanswered: bool = False,
) -> Result:
    """Score a predictions file as a training would score its model.

    Args:
        file: the predictions.
        overrides: `dataset=…`, `seed=…` and `evaluation.…` as for `naba train`.
        split: `test` or `validation`.
        name: of the system; its seeds and folds form a cell.
        labels_decide: take labels that are not the most probable ones.
        unanswered: take rows without a label as not answered.
    Returns:
        A result whose one section is that split.
    Raises:
        UserError: the configuration or the file is wrong.
    """
    from naba.data import splits
    from naba.data.dataset import load
    from naba.evaluation.outside import read_predictions

    composed = compose(overrides)
    settings = config.check(composed)
    dataset = load(settings.dataset, settings.data)
    settings = replace(
        settings,
        model={"name": name, "file": file.path.name, "sha256": file.sha256()},
        split=splits.resolved(dataset, settings.split),
        # A file holds the predictions of one data set, and no model.
        evaluation=replace(settings.evaluation, also=[]),
        tracking=replace(settings.tracking, log_model=False),
        force=False,
    )
    indices = _rows(dataset, settings, split)
    if not len(indices):
        raise UserError(f"dataset '{dataset.name}' has no {split} rows with split={settings.split.name}")
    predictions = read_predictions(file, dataset, split, indices, labels_decide=labels_decide, unanswered=unanswered)
    metrics = (dataset.primary_metric, *dataset.metrics, *settings.evaluation.metrics)
    section = score_section(split, settings.evaluation, dataset, indices, predictions, metrics)
    plain = all_hidden(config.plain_dict(composed)) | {"model": settings.model}
    job = Job(settings, plain, dataset, _identity(settings, dataset), scoring(settings))
    return Result(job, None, {split: section}, rows={split: len(indices)})


def _rows(dataset: Dataset, settings: TrainConfig, part: str) -> IntArray:
    """The rows of a part of the configured split."""
    from naba.data import splits

    if settings.split.name == "given":
        return dataset.indices(part)
    made: IntArray = getattr(splits.make(dataset, settings.split, settings.seed), part)
    return made


def _identity(settings: TrainConfig, dataset: Dataset) -> Identity:
    """Seeds and folds of one outside system form a cell: what they share is the name, not the bytes of their files."""
    part = asdict(settings.split) if settings.split.name != "given" else {}
    part.pop("validation_fold", None)  # nothing is trained
    shared = {key: value for key, value in part.items() if key not in PARTS_OF_A_SPLIT}
    split, own = ({"split": shared}, {"part": part}) if part else ({}, {})
    cell = config.digest({"outside": settings.model["name"], "dataset": dataset.fingerprint} | split)
    run = config.digest({"cell": cell, "seed": settings.seed, "file": settings.model["sha256"]} | own)
    return Identity(run=run, cell=cell, data=config.digest(dataset.fingerprint))


def track(result: Result) -> Outcome:
    """Keep a scored file as a run; the same file under the same name is found, not kept twice."""
    return keep(result.job, lambda: result)
