"""Probabilities for rows that the model giving them has not seen: out-of-fold, or from the training rows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from naba.arabic.normalise import NEWS, normalise_all
from naba.config import overrides
from naba.config.schema import SplitConfig
from naba.data import sources, splits
from naba.data.dataset import object_array
from naba.errors import UserError
from naba.evaluation.predictions import answers
from naba.experiment import run
from naba.experiment.job import prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.data.dataset import Dataset, IntArray
    from naba.data.splits import Split
    from naba.evaluation.metrics import FloatArray
    from naba.experiment.job import Job


def job_of(dataset: str, model: str, changes: Sequence[str] = (), seed: int = 0) -> Job:
    """The training of a model of the catalogue on a data set, checked and loaded.

    Args:
        changes: further `key=value` of `naba train`, such as `normalisation=none`.
    Raises:
        Problems: all that is wrong with them.
    """
    said = [f"dataset={dataset}", f"model={model}", f"seed={seed}", "tracking=off", *changes]
    return prepare(overrides.compose(overrides.plan(said, multirun=False).overrides), said)


def keys(dataset: Dataset) -> list[str]:
    """What a model sees of each row, as one string, after Arabic normalisation: equal for repeated rows."""
    texts = normalise_all(dataset.column_values("text").tolist(), NEWS)
    targets = normalise_all(dataset.column_values("target").tolist(), NEWS) if dataset.pair else [""] * len(dataset)
    return [f"{target}\0{text}" for target, text in zip(targets, texts, strict=True)]


def part(dataset: Dataset, rows: IntArray) -> Dataset:
    """Some rows of a data set; a row without a group is grouped with its repetitions."""
    chosen = dataclasses.replace(dataset, columns={name: values[rows] for name, values in dataset.columns.items()})
    groups = chosen.column_values("group")
    made = [group or f"text {key}" for group, key in zip(groups, keys(chosen), strict=True)]
    return with_column(chosen, "group", made)


def with_column(dataset: Dataset, name: str, values: Sequence[str]) -> Dataset:
    """The data set with other values in one column."""
    return dataclasses.replace(dataset, columns={**dataset.columns, name: object_array(values)})


def out_of_fold(job: Job, dataset: Dataset, folds: int = 5) -> FloatArray:
    """Each row's probabilities by a model trained on the other folds, in which no row of its group stands.

    Args:
        job: which model, and how the texts are normalised.
        dataset: the rows (see `part`), all of which take part.
    Returns:
        (n, k) in the order of `dataset.labels`.
    Raises:
        UserError: there are fewer groups than folds, or a label stands in a single group.
    """
    if folds < 2:
        raise UserError(f"{folds} fold leaves nothing to train on", "--folds takes 2 or more")
    probabilities = np.zeros((len(dataset), len(dataset.labels)))
    for fold in range(1, folds + 1):
        chosen = SplitConfig(name="kfold", folds=folds, fold=fold)
        split = splits.make(dataset, chosen, job.settings.seed)
        probabilities[split.test] = fitted(job, dataset, split)
    return probabilities


def fitted(job: Job, dataset: Dataset, split: Split) -> FloatArray:
    """(test rows, k) probabilities by a new model trained on the training rows of a split."""
    model = run.build(job)
    with sources.fetching(job.settings.data):
        run.fit(model, dataset, split)
    return answers(model, dataset.frame(split.test), dataset.labels, dataset.name)[1]


def unseen(job: Job, part_name: str, folds: int = 5) -> tuple[Dataset, FloatArray]:
    """The rows of a part of the job's data set and their probabilities by models that have not seen them.

    Training rows, and rows of a set that has none, are scored out of fold; others by a model of the training rows.

    Args:
        part_name: train, validation, test, or all (out of fold, over everything).
    Raises:
        UserError: there are no such rows.
    """
    dataset = job.dataset
    train, rows = rows_of(dataset, "train"), rows_of(dataset, part_name)
    if not len(rows):
        found = {name: len(rows_of(dataset, name)) for name in ("train", "validation", "test", "all")}
        shown = ", ".join(f"{name} ({count})" for name, count in found.items() if count)
        raise UserError(f"{dataset.name} has no {part_name} rows", f"--split takes: {shown}")
    if part_name in {"train", "all"} or not len(train):
        chosen = part(dataset, rows)
        return chosen, out_of_fold(job, chosen, folds)
    split = splits.Split(train, splits.EMPTY, rows, f"train to {part_name}")
    return part(dataset, rows), fitted(job, dataset, split)


def rows_of(dataset: Dataset, part_name: str) -> IntArray:
    """The rows of a part; a data set without given parts is all training rows."""
    everything = np.arange(len(dataset), dtype=np.int64)
    if part_name == "all":
        return everything
    if not (dataset.column_values("split") != "").any():
        return everything if part_name == "train" else splits.EMPTY
    return dataset.indices(part_name)
