"""Scoring a model of one label scheme on data of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from naba.errors import UserError
from naba.models.classifier import Answers, Wrapper

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from naba.data.dataset import Dataset
    from naba.models.classifier import Classifier


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
            labels = np.array([self.names[str(label)] for label in answers.labels], dtype=object)
        return Answers(labels, carried, answers.withheld)

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """(n,) new labels."""
        return self.answer(X).labels

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """(n, k) probabilities of the new labels."""
        return self.answer(X).probabilities
