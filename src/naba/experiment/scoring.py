"""Scoring a fitted model, or predictions made elsewhere, on each set of rows; also of another label scheme."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from naba import config
from naba.errors import UserError
from naba.evaluation.predictions import ANSWERED
from naba.experiment.job import Section
from naba.models.classifier import Answers, Wrapper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from naba.config.schema import EvaluationConfig
    from naba.data.dataset import Dataset, IntArray
    from naba.data.splits import Split
    from naba.evaluation.predictions import Predictions
    from naba.experiment.job import Job
    from naba.models.classifier import Classifier


MOST_TRAINED_ON = 0.05
"""Largest share of a further data set's test rows that may be in the training part; a few headlines recur anywhere."""
SMALL_CLASS = 20
"""A test class with fewer rows moves its F1 by several points with each example."""


def sections(job: Job, split: Split, model: Classifier) -> dict[str, Section]:
    """Predictions and scores of a fitted model: validation rows, test rows, the test rows of further data sets.

    Raises:
        UserError: a further data set has no test rows, labels of another kind, or rows that were trained on.
    """
    found = {
        name: _section(name, job, job.dataset, indices, model)
        for name, indices in (("validation", split.validation), ("test", split.test))
        if len(indices)
    }
    return found | further_sections(job, split, model, job.settings.evaluation.also)


def check(job: Job, split: Split) -> None:
    """Before a training: what `sections` would refuse after it is refused now, with the commonest label as the answer.

    Raises:
        UserError: as `sections`, or a metric cannot be computed on these rows.
    """
    from naba.evaluation.bootstrap import value
    from naba.evaluation.predictions import Predictions
    from naba.models.baselines import LabelShares

    model = LabelShares().fit(None, job.dataset.gold(split.train))
    parts = [(job.dataset, rows) for rows in (split.validation, split.test) if len(rows)]
    for data, rows in parts + [_further_rows(job, split, name) for name in job.settings.evaluation.also]:
        answering, scored = carry(job.dataset, data, model)
        predictions = Predictions.of(scored, rows, answering)
        for name in _metrics(job, scored):
            value(predictions, name)


def further_sections(job: Job, split: Split, model: Classifier, names: Sequence[str]) -> dict[str, Section]:
    """The test rows of further data sets; of one that comes as folds for cross-validation, all its rows.

    Raises:
        UserError: a further data set has no test rows, labels of another kind, or rows that were trained on.
    """
    return {name: _section(name, job, *_further_rows(job, split, name), model) for name in names}


def _further_rows(job: Job, split: Split, name: str) -> tuple[Dataset, IntArray]:
    from naba.data.dataset import load

    other = load(config.dataset_config(name), job.settings.data)
    indices = other.indices("test")
    if not len(indices) and other.protocol == "official_folds":
        # Each row tests in one of the folds; a model that saw none of them tests on all.
        indices = np.arange(len(other), dtype=np.int64)
    if not len(indices):
        raise UserError(f"evaluation.also: dataset '{name}' has no test rows")
    _refuse_trained_rows(job.dataset, split, other, indices)
    return other, indices


def _refuse_trained_rows(dataset: Dataset, split: Split, other: Dataset, indices: IntArray) -> None:
    def rows(data: Dataset, indices: IntArray) -> list[tuple[str, str]]:
        return list(zip(data.column("text", indices), data.column("target", indices), strict=True))

    trained = set(rows(dataset, split.train))
    tested = rows(other, indices)
    seen = sum(row in trained for row in tested)
    if seen > MOST_TRAINED_ON * len(tested):
        raise UserError(
            f"evaluation.also: {seen} of the {len(tested)} test rows of '{other.name}' are in the training part of "
            f"'{dataset.name}' with split={split.name}",
            "a score on them would say nothing: leave it out, or use the given split",
        )


def _section(name: str, job: Job, data: Dataset, indices: IntArray, model: Classifier) -> Section:
    from naba.evaluation.predictions import Predictions

    answering, scored = carry(job.dataset, data, model)
    with job.watch.phase("predict"):
        predictions = Predictions.of(scored, indices, answering)
    with job.watch.phase("evaluate"):
        return score_section(name, job.settings.evaluation, scored, indices, predictions, _metrics(job, scored))


def _metrics(job: Job, scored: Dataset) -> tuple[str, ...]:
    """What a section is scored by, the primary metric first."""
    judging = job.dataset if scored.labels == job.dataset.labels else scored
    return (judging.primary_metric, *judging.metrics, *job.settings.evaluation.metrics)


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
    if predictions.outcomes is not None:
        columns["outcome"] = predictions.outcomes.tolist()
    return Section(name, predictions, found, rows, dataset.display_names, metrics[0], columns)


def warnings(job: Job, split: Split, scored: Mapping[str, Section]) -> list[str]:
    """What a reader of the scores has to know: who labelled, small classes, classes without training rows."""
    dataset, settings = job.dataset, job.settings
    found = []
    if settings.dataset.label_source == "language_model":
        found.append(f"labels of {dataset.name} were given by language models; no person has checked them")
    for section in (part for name, part in scored.items() if name in settings.evaluation.also):
        counts = section.predictions.confusion().sum(axis=1)
        labels = section.predictions.labels
        small = [f"{label} {count}" for label, count in zip(labels, counts, strict=True) if count < SMALL_CLASS]
        if small:
            found.append(f"{section.name} has few rows of {', '.join(small)}: macro scores swing with them")
    for section in scored.values():
        shares = section.predictions.outcome_shares()
        said = [f"{outcome} {share:.1%}" for outcome, share in shares.items() if share and outcome != ANSWERED]
        if said:
            found.append(f"{section.name}: rows without an answer count as wrong: {', '.join(said)}")
        if shares.get("error"):
            found.append(f"{section.name}: the server failed on some rows; force=true asks those again, and no others")
        if undefined := [score.name for score in section.scores if math.isnan(score.value)]:
            found.append(f"{section.name}: {', '.join(undefined)} not defined on these rows (nan)")
    unseen = sorted(set(dataset.labels) - set(dataset.gold(split.train)))
    if unseen:
        found.append(f"no training rows of {', '.join(unseen)}")
    return found


def carry(trained: Dataset, other: Dataset, model: Classifier) -> tuple[Classifier, Dataset]:
    """The model and the data in one label scheme.

    Where `other`'s labels are, or map to, labels of the training set, its gold labels are carried into that scheme
    (`label_map` of the training set). Otherwise the model's answers are carried into `other`'s scheme (`label_map`
    of `other`): probabilities of labels that become one are added.

    Raises:
        UserError: neither scheme maps into the other; names the labels without a place.
    """
    if other is trained or other.labels == trained.labels:
        return model, other
    homeless = sorted(set(other.column_values("label")) - set(trained.labels) - set(trained.label_map))
    if not homeless:
        return model, other.relabelled(trained)
    predicted = [str(label) for label in model.classes_]
    lost = [label for label in predicted if label not in other.labels and label not in other.label_map]
    if not lost:
        return Relabelled(model, {label: other.label_map.get(label, label) for label in predicted}), other
    raise UserError(
        f"labels of '{other.name}' and '{trained.name}' do not match: {', '.join(homeless)} of {other.name} have no "
        f"place in {trained.name}, {', '.join(lost)} of {trained.name} have none in {other.name}",
        f"add a label_map to the YAML of {trained.name} or {other.name}",
    )


class Relabelled(Wrapper):
    """A fitted classifier whose labels are renamed; labels that become one are added up."""

    def __init__(self, model: Classifier, names: Mapping[str, str]) -> None:
        self.classifier_ = model
        self.names = dict(names)
        self.classes_ = np.array(sorted(set(self.names.values())), dtype=object)
        self.probability_kind_ = model.probability_kind_

    def answer(self, X: pd.DataFrame) -> Answers:
        """See `Classifier`; where the model's label is the most probable one, that of the added probabilities."""
        answers = self.classifier_.answer(X)
        carried = np.zeros((len(answers.labels), len(self.classes_)))
        for column, label in enumerate(self.classifier_.classes_):
            carried[:, list(self.classes_).index(self.names[str(label)])] += answers.probabilities[:, column]
        if self.probability_kind_ == "model":
            labels = self.classes_[carried.argmax(axis=1)]
        else:
            labels = np.array([self.names.get(str(label), "") for label in answers.labels], dtype=object)
        return Answers(labels, carried, answers.withheld, answers.outcomes)

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """(n,) new labels."""
        return self.answer(X).labels

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """(n, k) probabilities of the new labels."""
        return self.answer(X).probabilities
