"""An outside system's predictions as a run of their own, so that they stand in the same leaderboard."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from naba import config
from naba.config.overrides import compose
from naba.errors import UserError
from naba.experiment import report
from naba.experiment.result import Outcome, Result
from naba.experiment.run import open_tracker, score_section, scoring
from naba.tracking.claims import TakenError

if TYPE_CHECKING:
    from pathlib import Path

    from naba.config.schema import TrainConfig
    from naba.data.dataset import Dataset, IntArray


def score(path: Path, overrides: list[str], split: str, *, labels_decide: bool = False) -> Result:
    """Score a predictions file as a training would score its model.

    Args:
        path: a file as `naba.evaluation.outside.read_predictions` takes it.
        overrides: `dataset=…`, `seed=…` and `evaluation.…` as for `naba train`.
        split: `test` or `validation`.
        labels_decide: take labels that are not the most probable ones.
    Returns:
        A result whose one section is that split.
    Raises:
        UserError: the configuration or the file is wrong.
    """
    from naba.data.dataset import load
    from naba.evaluation.outside import read_predictions

    composed = compose(["model=majority", *overrides])
    settings = config.check(composed)
    # A file holds the predictions of one data set.
    settings.evaluation.also = []
    dataset = load(settings.dataset, settings.data)
    indices = _rows(dataset, settings, split)
    if not len(indices):
        raise UserError(f"dataset '{dataset.name}' has no {split} rows with split={settings.split.name}")
    predictions = read_predictions(path, dataset, split, indices, labels_decide=labels_decide)
    metrics = (dataset.primary_metric, *dataset.metrics, *settings.evaluation.metrics)
    section = score_section(split, settings.evaluation, dataset, indices, predictions, metrics)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    settings.model = {"name": "outside", "file": path.name, "sha256": digest}
    return Result(
        settings=settings,
        config=config.plain_dict(composed) | {"model": settings.model},
        identity="",
        cell="",
        dataset=dataset,
        model=None,
        sections={split: section},
        seconds={},
        rows={split: len(indices)},
    )


def _rows(dataset: Dataset, settings: TrainConfig, part: str) -> IntArray:
    """The rows of a part of the configured split."""
    from naba.data import splits

    settings.split = splits.resolved(dataset, settings.split)
    if settings.split.name == "given":
        return dataset.indices(part)
    made: IntArray = getattr(splits.make(dataset, settings.split, settings.seed), part)
    return made


def track(result: Result, name: str) -> Outcome:
    """Keep a scored file as a run called `name`; the same file under the same name is found, not kept twice."""
    settings = result.settings
    settings.model = {**settings.model, "name": name}
    # Seeds and folds of one outside system form a cell: what they share is the name, not the bytes of their files.
    part = asdict(settings.split) if settings.split.name != "given" else {}
    shared = {key: value for key, value in part.items() if key not in config.PARTS_OF_A_SPLIT}
    split, own = ({"split": shared}, {"part": part}) if part else ({}, {})
    cell = config.digest({"outside": name, "dataset": result.dataset.fingerprint} | split)
    identity = config.digest({"cell": cell, "seed": settings.seed, "file": settings.model["sha256"]} | own)
    named = replace(result, identity=identity, cell=cell, config={**result.config, "model": settings.model})
    evaluation = scoring(settings)
    facts = {"identity": identity, "cell": cell, "fingerprint": result.dataset.fingerprint, "evaluation": evaluation}
    settings.tracking = replace(settings.tracking, log_model=False)
    tracker = open_tracker(settings)
    while True:
        found = tracker.finished(identity, evaluation, model=False)
        if found is not None:
            return Outcome("found", found.name, found.run, found.where)
        try:
            with tracker.run(report.run_name(settings), settings, identity, evaluation) as active:
                active.log([*report.opening(settings, named.config, facts), *report.items(named)])
        except TakenError:
            tracker.wait(identity)
        else:
            return Outcome("trained", report.run_name(settings), active.id, tracker.where)
