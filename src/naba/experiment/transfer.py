"""Scoring a model of one label scheme on data of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from naba.errors import UserError
from naba.models.outputs import labels_and_probabilities

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from naba.data.dataset import Dataset


def carry(trained: Dataset, other: Dataset, model: Any) -> tuple[Any, Dataset]:
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


class Relabelled:
    """A fitted classifier whose labels are renamed; labels that become one are added up."""

    def __init__(self, model: Any, names: Mapping[str, str]) -> None:
        self.model = model
        self.names = dict(names)
        self.classes_ = np.array(sorted(set(self.names.values())), dtype=object)
        self.probability_kind_ = getattr(model, "probability_kind_", "model")

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """(n, k) probabilities of the new labels."""
        return self._carried(np.asarray(self.model.predict_proba(X)))

    def _carried(self, given: np.ndarray) -> np.ndarray:
        carried = np.zeros((len(given), len(self.classes_)))
        for column, label in enumerate(self.model.classes_):
            carried[:, list(self.classes_).index(self.names[str(label)])] += given[:, column]
        return carried

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """(n,) the new name of each predicted label."""
        return self._renamed(self.model.predict(X))

    def labels_and_probabilities(self, X: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Both from one run of the model; where its label is the most probable one, that of the added probabilities."""
        if self.probability_kind_ == "model":
            carried = self.predict_proba(X)
            return self.classes_[carried.argmax(axis=1)], carried
        labels, given = labels_and_probabilities(self.model, X)
        return self._renamed(labels), self._carried(given)

    def _renamed(self, labels: np.ndarray) -> np.ndarray:
        return np.array([self.names[str(label)] for label in labels], dtype=object)
