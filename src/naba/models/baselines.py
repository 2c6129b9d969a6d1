"""Models that read no text: what any other model has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from naba.errors import UserError
from naba.models.classifier import ELSEWHERE, Answers, Classifier, code_labels, text_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.models.onnx import Graph


class LabelShares(Classifier, ClassifierMixin, BaseEstimator):
    """Predicts from the label shares of the training part alone.

    Args:
        strategy: `majority` answers the commonest label (of equals, the first in alphabetical order) with
            probability 1; `stratified` draws labels by their shares and reports the shares as probabilities.
        seed: of the draws; equal seeds draw equal labels for tables of equal length.
    """

    def __init__(self, strategy: str = "majority", seed: int = 0) -> None:
        self.strategy = strategy
        self.seed = seed

    def fit(self, X: Any, y: Any) -> LabelShares:  # noqa: ARG002
        """Count the labels. X: table of n rows (only its length is used); y: (n,) labels."""
        self.classes_, codes = code_labels(y)
        self.shares_ = np.bincount(codes, minlength=len(self.classes_)) / len(codes)
        self.probability_kind_ = "one_hot" if self.strategy == "majority" else "model"
        return self

    def predict(self, X: Any) -> np.ndarray:
        """One label a row, shape (n,)."""
        rows = len(text_columns(X)[0])
        if self.strategy == "majority":
            return np.repeat(self.classes_[[int(self.shares_.argmax())]], rows)
        draws = np.random.default_rng(self.seed).choice(len(self.classes_), size=rows, p=self.shares_)
        return self.classes_[draws]

    def answer(self, X: Any) -> Answers:
        """See `Classifier`: labels are drawn, so the most probable one would be another model, `majority`."""
        return Answers(self.predict(X), self.predict_proba(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """The same probabilities for every row, shape (n, number of classes)."""
        rows = len(text_columns(X)[0])
        shares = np.eye(len(self.shares_))[self.shares_.argmax()] if self.strategy == "majority" else self.shares_
        return np.tile(shares, (rows, 1))

    def onnx(self, graph: Graph) -> tuple[list[str], str]:
        """See `Classifier`: the commonest label, whatever the text is."""
        if self.strategy != "majority":
            raise UserError(
                "this model cannot be exact as ONNX: its labels are drawn by numpy's random generator, which ONNX does "
                "not have",
                ELSEWHERE,
            )
        row = np.eye(len(self.shares_))[[int(self.shares_.argmax())]]
        width = graph.constant([len(self.shares_)], np.int64)
        shape = graph.add("Concat", graph.add("Shape", "text"), width, axis=0)
        return ["text"], graph.add("Expand", graph.constant(row), shape)

    @classmethod
    def check_state(cls, state: Mapping[str, Any]) -> None:
        """See `Kept`."""
        super().check_state(state)
        if state.get("strategy") not in ("majority", "stratified"):
            raise UserError(f"LabelShares.strategy is {state.get('strategy')!r}")


class EchoClassifier(Classifier, ClassifierMixin, BaseEstimator):
    """Answers the label whose id stands first in the text, and the first label of all where none does.

    It learns nothing but the labels, takes no time, and a test that writes its texts knows every answer.
    """

    def fit(self, X: Any, y: Any) -> EchoClassifier:  # noqa: ARG002
        """Note the labels. X: table of n rows; y: (n,) labels."""
        self.classes_, _ = code_labels(y)
        self.probability_kind_ = "one_hot"
        return self

    def predict(self, X: Any) -> np.ndarray:
        """One label a row, shape (n,)."""
        return self.classes_[self._codes(X)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """1 for the answer, shape (n, number of classes)."""
        return np.eye(len(self.classes_))[self._codes(X)]

    def _codes(self, X: Any) -> np.ndarray:
        labels = [str(label) for label in self.classes_]

        def first(text: str) -> int:
            places = {label: text.find(label) for label in labels}
            # The longest of those that begin at the same place: `favor` stands in `favorable`.
            there = [(at, -len(label), labels.index(label)) for label, at in places.items() if at >= 0]
            return min(there)[2] if there else 0

        return np.array([first(text) for text in text_columns(X)[0]], dtype=np.int64)
