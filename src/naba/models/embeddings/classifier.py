"""Frozen embeddings and a small head: what a fine-tuned encoder has to beat, at a hundredth of its cost."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from naba.machine import one_thread
from naba.models.classifier import code_labels, require_classes, text_columns
from naba.models.feature_classifier import LOGISTIC, FeatureClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""Inverse strengths of regularisation to choose from; the features are standardised, and more than the rows."""
_FOLDS = 4
_WORD = re.compile(r"\S+")


class EmbeddedClassifier(FeatureClassifier):
    """`classifier` over embeddings; its strength of regularisation is chosen where none is given.

    Args:
        features: `EmbeddingFeatures`, or `TunedFeatures`, which learn from the labels as well.
        classifier: a scikit-learn classifier with `predict_proba`.
        strength: the parameter of `classifier` to choose (`logistic__C`); None chooses none.
        metric: what it is chosen by: on the validation rows, or, without any or with `shots`, on left-out folds.
        shots: training rows of each label that are used, drawn by `seed`; None uses all. Then nothing is learnt from
            validation rows: they would be more than the training rows (Perez et al. 2021).
        seed: of the rows drawn and of the folds.

    Attributes:
        strength_: what was chosen, or None.
    """

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {
        Pipeline: ("steps",), StandardScaler: (), LogisticRegression: LOGISTIC,
    }  # fmt: skip
    explained_by = "words"

    def __init__(
        self,
        features: Any,
        classifier: Any,
        strength: str | None = None,
        metric: str | None = None,
        shots: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(features, classifier)
        self.strength = strength
        self.metric = metric
        self.shots = shots
        self.seed = seed

    def fit(self, X: Any, y: Any, validation: tuple[Any, Any] | None = None) -> EmbeddedClassifier:
        """Fit on a table X of n rows and their labels y, (n,).

        Args:
            validation: (X, y) to choose the strength of regularisation on.
        Raises:
            UserError: only one label in y, or weights that cannot be loaded.
        """
        self.classes_, coded = code_labels(y)
        require_classes(self.classes_.tolist(), "a model over embeddings")
        self.probability_kind_ = "model"
        if self.shots is not None:
            kept = few(coded, self.shots, self.seed)
            X, coded, validation = X.iloc[kept], coded[kept], None
        with one_thread(), warnings.catch_warnings():
            # How long a part trains is a setting here, not an accident to be warned of.
            warnings.simplefilter("ignore", ConvergenceWarning)
            # torch has threads of its own, which this does not limit.
            self.features_ = clone(self.features)
            matrix = self.features_.fit_transform(X, coded)
            self.strength_ = self._chosen(matrix, coded, validation)
            self.classifier_ = self._head(self.strength_).fit(matrix, coded)
        return self

    def _head(self, strength: float | None) -> Any:
        head = clone(self.classifier)
        return head if strength is None or self.strength is None else head.set_params(**{self.strength: strength})

    def _chosen(self, matrix: np.ndarray, coded: np.ndarray, validation: tuple[Any, Any] | None) -> float | None:
        """The strength with the best score; of equals, the one that regularises most."""
        if self.strength is None:
            return None
        parts = list(self._parts(matrix, coded, validation))
        if not parts:
            return STRENGTHS[len(STRENGTHS) // 2]
        scores = [
            np.mean([self._score(self._head(one).fit(*train), *held) for train, held in parts]) for one in STRENGTHS
        ]
        return STRENGTHS[int(np.argmax(scores))]

    def _parts(
        self, matrix: np.ndarray, coded: np.ndarray, validation: tuple[Any, Any] | None
    ) -> Iterator[tuple[tuple[Any, Any], tuple[Any, Any]]]:
        """((features, labels) to fit on, those to score on); none where a label has a single row."""
        if validation is not None and len(validation[1]):
            yield (matrix, coded), (self._matrix(validation[0]), np.asarray(validation[1], dtype=object))
            return
        folds = min(_FOLDS, int(np.bincount(coded).min()))
        if folds < 2:
            return
        names = self.classes_[coded]
        for train, held in StratifiedKFold(folds, shuffle=True, random_state=self.seed).split(matrix, coded):
            yield (matrix[train], coded[train]), (matrix[held], names[held])

    def _score(self, head: Any, matrix: np.ndarray, gold: np.ndarray) -> float:
        from naba.evaluation.metrics import metric

        watched = metric(self.metric or "macro_f1")
        if watched.needs != "confusion":
            watched = metric("macro_f1")
        labels = [str(label) for label in self.classes_]
        labels += sorted({str(label) for label in gold} - set(labels))
        counts = np.zeros((len(labels), len(labels)))
        places = [labels.index(str(label)) for label in gold]
        np.add.at(counts, (places, head.predict_proba(matrix).argmax(axis=1)), 1)
        value = float(watched.function(counts, labels))
        return value if watched.higher_is_better else -value

    def explain(self, X: Any, codes: np.ndarray) -> list[list[tuple[str, float]]]:
        """For each row, its words as `text:…` and `target:…`, with what the label's probability loses without each."""
        texts, targets = text_columns(X)
        names: list[list[str]] = []
        rows: list[tuple[str, str]] = []
        for text, target in zip(texts, targets, strict=True):
            variants = [("", text, target)]
            variants += [(f"text:{word}", rest, target) for word, rest in _without(text)]
            if self.features_.pair:
                variants += [(f"target:{word}", text, rest) for word, rest in _without(target)]
            names.append([name for name, _, _ in variants])
            rows += [(text, target) for _, text, target in variants]
        table = pd.DataFrame(rows, columns=["text", "target"], dtype=object)
        chances = self.predict_proba(table)
        found, start = [], 0
        for row, code in zip(names, codes, strict=True):
            whole, *parts = chances[start : start + len(row), code].tolist()
            found.append([(name, whole - part) for name, part in zip(row[1:], parts, strict=True)])
            start += len(row)
        return found


def _without(text: str) -> list[tuple[str, str]]:
    """Each word, and the text without it."""
    spans = [(one.group(), one.start(), one.end()) for one in _WORD.finditer(text)]
    return [(word, " ".join(f"{text[:start]} {text[stop:]}".split())) for word, start, stop in spans]


def few(coded: np.ndarray, shots: int, seed: int) -> np.ndarray:
    """Places of at most `shots` rows of each label, drawn by `seed`, in the order of the rows."""
    order = np.random.default_rng(seed).permutation(len(coded))
    chosen = [order[coded[order] == label][:shots] for label in np.unique(coded)]
    return np.sort(np.concatenate(chosen))
