"""A classifier over a feature transformer: the table goes in, the same bits come out on any number of threads."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from naba.errors import UserError
from naba.machine import one_thread
from naba.models import shared
from naba.models.classifier import ELSEWHERE, Answers, Classifier, chunks, code_labels, require_classes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import scipy.sparse

    from naba.arabic.normalise import Profile
    from naba.models.embeddings.features import Embedder
    from naba.models.onnx import Graph


LOGISTIC = ("C", "class_weight", "max_iter", "tol")
"""The settings of logistic regressions that naba's families set."""


class FeatureClassifier(Classifier, ClassifierMixin, BaseEstimator):
    """`classifier` over what `features` makes of the columns `text` and `target`.

    Args:
        features: a transformer of the table; fitted on the training rows, without their labels.
        classifier: a scikit-learn classifier with `predict_proba`, for what the transformer gives.

    Attributes:
        classes_: labels in alphabetical order, (k,) object.
        probability_kind_: `model`.
        features_, classifier_: the fitted parts.
    """

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {LogisticRegression: LOGISTIC}

    def __init__(self, features: Any, classifier: Any) -> None:
        self.features = features
        self.classifier = classifier

    def fit(self, X: Any, y: Any) -> FeatureClassifier:
        """Fit on a table X of n rows and their labels y, (n,).

        Raises:
            UserError: only one label in y, a column is missing, or a cell is not text.
        """
        self.classes_, coded = code_labels(y)
        require_classes(self.classes_.tolist(), f"a {type(self.classifier).__name__}")
        # Sums of floating-point numbers depend on how threads share them; one thread makes them repeatable.
        with one_thread(), warnings.catch_warnings():
            # How long a part trains is a setting here, not an accident to be warned of.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.classifier_ = self._fit_classifier(X, self._fit_features(X), coded)
        self.probability_kind_ = "model"
        return self

    @property
    def explained_by(self) -> str | None:  # type: ignore[override]
        """See `Classifier`."""
        from naba.models.explain import is_known

        return "features" if is_known(self.classifier_) else None

    @property
    def profile(self) -> Profile | None:  # type: ignore[override]
        """See `Classifier`."""
        found: Profile | None = vars(self.features_).get("normalisation")
        return found

    @property
    def embedder(self) -> Embedder | None:  # type: ignore[override]
        """See `Classifier`."""
        features = vars(self.features_)
        # Of the features themselves, or of the part of them that embeds.
        found: Embedder | None = vars(features.get("embeddings_", self.features_)).get("embedder_")
        return found

    def _fit_features(self, X: Any) -> Any:
        """Sets `features_`, fitted on X, and returns their matrix of X; jobs of a sweep share both."""
        self.features_, matrix = shared.fitted(self.features, X)
        return matrix

    def _matrix(self, X: Any) -> Any:
        return shared.transformed(self.features_, X)

    def _fit_classifier(self, X: Any, matrix: Any, coded: np.ndarray) -> Any:  # noqa: ARG002
        return clone(self.classifier).fit(matrix, coded)

    def predict(self, X: Any) -> np.ndarray:
        """One label a row, (n,) object; of a long table no more than a chunk's probabilities are kept."""
        parts = [self.answer(part).labels for part in chunks(X)]
        return np.concatenate(parts) if parts else self.classes_[:0]

    def answer(self, X: Any) -> Answers:
        """See `Classifier`: the label is that of the highest probability."""
        probabilities = self.predict_proba(X)
        return Answers(self.classes_[probabilities.argmax(axis=1)], probabilities)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities in the order of `classes_`, (n, k) float64; long tables go through in chunks."""
        parts = [np.empty((0, len(self.classes_)))]
        with one_thread():
            parts += [self._probabilities(self._matrix(part)) for part in chunks(X) if len(part)]
        return np.concatenate(parts)

    def _probabilities(self, matrix: Any) -> np.ndarray:
        return np.asarray(self.classifier_.predict_proba(matrix), dtype=np.float64)

    def contributions(self, X: Any, codes: np.ndarray) -> tuple[np.ndarray, scipy.sparse.csr_matrix]:
        """See `Classifier`."""
        from naba.models.explain import contributions_for, unexplained

        if self.explained_by is None:
            raise unexplained(self.classifier_)
        names = np.asarray(self.features_.get_feature_names_out(), dtype=object)
        return names, contributions_for(self.classifier_, self._matrix(X), codes)

    def onnx(self, graph: Graph) -> tuple[list[str], str]:  # noqa: ARG002
        """Refused: no operator reads texts as these features do."""
        from naba.models.explain import TREES

        trees = " (its trees have one, but nothing to read)" if isinstance(self.classifier_, TREES) else ""
        raise UserError(
            f"this model cannot be exact as ONNX: {self.features_.beyond_onnx} have no operator there that gives the "
            f"same numbers{trees}",
            ELSEWHERE,
        )

    def feature_names(self) -> Sequence[str]:
        """The names of the columns that the classifier sees."""
        return list(self.features_.get_feature_names_out())
