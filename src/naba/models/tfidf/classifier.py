"""TF-IDF models: a linear classifier or naive Bayes over sparse features of one text or a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.svm import LinearSVC

from naba.machine import one_thread
from naba.models.calibration import fit_temperature
from naba.models.classifier import code_labels, require_classes, softmax, two_columns
from naba.models.feature_classifier import LOGISTIC, FeatureClassifier
from naba.models.tfidf.features import TextFeatures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.models.onnx import Graph

STEEPEST_LEFT = 0.2


class SparseClassifier(FeatureClassifier):
    """A scikit-learn classifier over `TextFeatures`.

    A classifier without `predict_proba` gets probabilities from its decision scores by temperature scaling
    (Guo et al. 2017), with the temperature fitted on scores of left-out folds; they never change its decision.
    The features are not refitted for the folds: they see the texts of the left-out rows, never their labels.

    Args:
        features: the feature transformer.
        classifier: an estimator for sparse matrices.
        folds: folds for the temperature; 0 gives one-hot probabilities. Unused where the classifier has its own.
        seed: of the folds.

    Attributes:
        classes_: labels in alphabetical order, (k,) object.
        probability_kind_: `model`, `calibrated` or `one_hot`: where the probabilities come from.
        temperature_: of calibrated probabilities.
    """

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {
        LogisticRegression: LOGISTIC,
        LinearSVC: ("C", "class_weight", "max_iter", "random_state"),
        MultinomialNB: ("alpha",),
        ComplementNB: ("alpha",),
    }
    piece_rows: ClassVar[int] = 8192

    def __init__(self, features: Any, classifier: Any, folds: int = 3, seed: int = 0) -> None:
        super().__init__(features, classifier)
        self.folds = folds
        self.seed = seed

    def fit(self, X: Any, y: Any) -> SparseClassifier:
        """Fit on a table X of n rows with columns text and target, and their labels y, (n,).

        Raises:
            UserError: only one label, or no text with a word in it.
        """
        self.classes_, codes = code_labels(y)
        require_classes(self.classes_.tolist(), "a TF-IDF model")
        matrix = self._fit_features(X)
        # Sums depend on how threads share them; one thread makes them repeatable, and sparse fits gain nothing by more.
        with one_thread():
            self._fit_on(matrix, codes)
        return self

    def _fit_on(self, matrix: Any, codes: np.ndarray) -> None:
        self.classifier_ = clone(self.classifier)
        if isinstance(self.classifier_, LogisticRegression):
            _stop_by_scale(self.classifier_, matrix, codes)
        self.classifier_.fit(matrix, codes)
        if hasattr(self.classifier_, "predict_proba"):
            self.probability_kind_ = "model"
        elif self.folds < 2 or len(codes) < 2 * self.folds:
            self.probability_kind_ = "one_hot"
        else:
            self.probability_kind_ = "calibrated"
            self.temperature_ = fit_temperature(*self._left_out_scores(matrix, codes))

    def facts(self) -> dict[str, Any]:
        """See `Classifier`."""
        by = {"method": "temperature", "temperature": float(self.temperature_)} if self._is_calibrated() else None
        return super().facts() | {"calibration": by}

    def _is_calibrated(self) -> bool:
        return self.probability_kind_ == "calibrated"

    def onnx(self, graph: Graph) -> tuple[list[str], str]:
        """See `Classifier`: exact where the features are `TextFeatures`."""
        if not isinstance(self.features_, TextFeatures):
            return super().onnx(graph)
        from naba.models.tfidf.onnx import probabilities

        return probabilities(graph, self)

    def _probabilities(self, matrix: Any) -> np.ndarray:
        if self.probability_kind_ == "model":
            return self.classifier_.predict_proba(matrix).astype(np.float64)
        scores = two_columns(self.classifier_.decision_function(matrix))
        if self.probability_kind_ == "calibrated":
            return softmax(scores / self.temperature_)
        return np.eye(scores.shape[1])[scores.argmax(axis=1)]

    def _left_out_scores(self, matrix: Any, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores of each row from a classifier that was not fitted on it, and the row's class.

        A class too rare to stand in every fold keeps its rows out: its score would be made up.
        """
        order = np.random.default_rng(self.seed).permutation(len(codes))
        order = order[np.argsort(codes[order], kind="stable")]
        fold = np.empty(len(codes), dtype=np.int64)
        fold[order] = np.arange(len(codes)) % self.folds
        scores = np.zeros((len(codes), len(self.classes_)))
        usable = np.bincount(codes, minlength=len(self.classes_))[codes] >= self.folds
        for index in range(self.folds):
            rest, out = fold != index, np.flatnonzero((fold == index) & usable)
            if not len(out) or len(np.unique(codes[rest])) < len(self.classes_):
                usable &= fold != index
                continue
            partial = clone(self.classifier).fit(matrix[rest], codes[rest])
            scores[out] = two_columns(partial.decision_function(matrix[out]))
        if not usable.any():
            return two_columns(self.classifier_.decision_function(matrix)), codes
        return scores[usable], codes[usable]


def _stop_by_scale(classifier: LogisticRegression, matrix: Any, codes: np.ndarray) -> None:
    """Let a regression end when its steepest slope is `STEEPEST_LEFT` of that at its start, or at its `tol` if sooner.

    `tol` is the slope of the mean loss itself. Where words are many and each is rare no slope is ever above it, and
    the regression would end where it begins, with one answer for every text.
    """
    classes = np.eye(codes.max() + 1)[codes]
    weights = np.ones(len(codes))
    if classifier.class_weight == "balanced":
        weights = (1 / classes.sum(axis=0))[codes]
    # In the matrix's own type, or all of it would be copied to the wider one.
    apart = ((classes - 1 / classes.shape[1]) * (weights / weights.sum())[:, None]).astype(matrix.dtype)
    slopes = matrix.T @ apart
    steepest = float(np.abs(slopes).max(initial=0))
    classifier.set_params(tol=min(classifier.tol, STEEPEST_LEFT * steepest) or classifier.tol)
