"""Why a model answered as it did: the features, or the words, that spoke for and against a label.

What each feature adds to each label's score, for the classifiers that naba's families are made of: linear ones, naive
Bayes, boosted trees, and stacks and means of these and of small networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from sklearn.ensemble import HistGradientBoostingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from naba.errors import UserError
from naba.models.classifier import row_parts, softmax, two_columns
from naba.models.ensembles import ColumnRange, FirstColumns
from naba.models.trees import LightGBMTrees, tree_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naba.models.classifier import Classifier

POINTS = 64
"""Of the quadrature along a path; scores of trees can be far apart."""
NETWORK_POINTS = 256
"""The gradient of a network of rectified units jumps along its path; with these its sum is right to half a percent."""
ROWS = 1024
"""Handled at a time, to bound memory."""


LINEAR = (LogisticRegression, LinearSVC)
BAYES = (MultinomialNB, ComplementNB)
TREES = (HistGradientBoostingClassifier, LightGBMTrees)


@dataclass(frozen=True)
class Explanation:
    """The features of one example that weighed most for a label.

    Attributes:
        label: the label explained.
        score: the sum of all contributions, without what holds for every example (intercept, prior).
        contributions: (feature, contribution), largest absolute value first; positive speaks for the label.
    """

    label: str
    score: float
    contributions: tuple[tuple[str, float], ...]


def explain(model: Classifier, X: Any, labels: Any = None, top: int = 10) -> list[Explanation]:
    """What decided, one explanation a row.

    Linear models: coefficient times value. Naive Bayes: the same with logarithms of probabilities. Boosted trees: the
    change of the node value along each row's path through each tree, given to the feature that was split (Saabas
    2014; Palczewska et al. 2013, arXiv 1312.1121), or, for LightGBM, Shapley values (Lundberg et al. 2020). Stacks
    and means: all of these carried through the probabilities of the parts. All for the label against the mean of the
    labels. Encoders: integrated gradients (Sundararajan et al. 2017) of words.

    Args:
        X: table of n rows.
        labels: (n,) labels to explain; the predicted ones if None.
        top: contributions to keep.
    Raises:
        UserError: the model cannot be explained, or does not know a label.
    """
    chosen = list(model.predict(X) if labels is None else labels)
    found = model.explain(X, _codes(model.inner, chosen))
    return [_top(str(label), row, top) for label, row in zip(chosen, found, strict=True)]


def explain_classes(model: Classifier, X: Any, top: int = 20, predicted: Any = None) -> dict[str, Explanation]:
    """For each label, the features with the largest mean contribution over the rows of X that it was predicted for.

    Labels that were never predicted are left out.

    Args:
        predicted: (n,) the model's labels of X, where they are known; it is asked otherwise.
    Raises:
        UserError: see `explain`; an encoder has no features that rows share.
    """
    predicted = np.asarray(model.predict(X) if predicted is None else predicted, dtype=object)
    names, matrix = model.contributions(X, _codes(model.inner, list(predicted)))
    result = {}
    for label in model.inner.classes_.tolist():
        rows = np.flatnonzero(predicted == label)
        if len(rows):
            mean = scipy.sparse.csr_matrix(matrix[rows].mean(axis=0))
            result[str(label)] = _top(str(label), row_parts(names, mean, 0), top)
    return result


def _codes(model: Any, labels: list[Any]) -> np.ndarray:
    places = {label: place for place, label in enumerate(model.classes_.tolist())}
    unknown = [label for label in labels if label not in places]
    if unknown:
        raise UserError(f"the model does not know label '{unknown[0]}'", f"its labels: {', '.join(map(str, places))}")
    return np.array([places[label] for label in labels], dtype=np.int64)


def _top(label: str, found: list[tuple[str, float]], top: int) -> Explanation:
    ordered = sorted((item for item in found if item[1]), key=lambda item: (-abs(item[1]), item[0]))
    return Explanation(label, float(sum(value for _, value in found)), tuple(ordered[:top]))


def is_known(classifier: Any) -> bool:
    """Is the classifier over the features of a kind that `contributions_for` knows?"""
    if isinstance(classifier, StackingClassifier):
        return isinstance(classifier.final_estimator_, LINEAR) and _known_parts(classifier)
    if isinstance(classifier, VotingClassifier):
        return classifier.voting == "soft" and _known_parts(classifier)
    return isinstance(classifier, (*LINEAR, *BAYES, *TREES))


def unexplained(classifier: Any) -> UserError:
    """The error for a classifier that is not of a known kind."""
    return UserError(
        f"there are no explanations for a {type(classifier).__name__}",
        "linear, boosted, stacked and encoder models have them",
    )


def _known_parts(classifier: Any) -> bool:
    """Are all parts of a kind of their own, behind steps that keep each column in its place?"""
    for part in classifier.estimators_:
        *before, last = _steps(part)
        network = isinstance(last, MLPClassifier) and last.activation == "relu"
        if not network and not isinstance(last, (*LINEAR, *BAYES, *TREES)):
            return False
        if not all(isinstance(step, (StandardScaler, FirstColumns, ColumnRange)) for step in before):
            return False
    return True


def _steps(part: Any) -> list[Any]:
    return [step for _, step in part.steps] if isinstance(part, Pipeline) else [part]


def contributions_for(classifier: Any, features: Any, codes: np.ndarray) -> scipy.sparse.csr_matrix:
    """(n, features) for one label a row, against the mean of the labels.

    Args:
        classifier: one that `is_known`.
        features: (n, features), what the classifier sees.
        codes: (n,) place of each row's label in the classifier's order.
    """
    labels = len(classifier.classes_)
    blocks = [scipy.sparse.csr_matrix((0, features.shape[1]))]
    for start in range(0, len(codes), ROWS):
        rows, chosen = features[start : start + ROWS], codes[start : start + ROWS]
        against = np.eye(labels)[chosen] - 1 / labels
        if isinstance(classifier, (StackingClassifier, VotingClassifier)):
            blocks.append(_of_parts(classifier, rows, _wanted(classifier, chosen)))
        elif isinstance(classifier, (*LINEAR, *BAYES)):
            blocks.append(_linear_parts(_weights(classifier), rows, against))
        else:
            blocks.append(
                scipy.sparse.csr_matrix(np.einsum("nk,nkf->nf", against, tree_parts(classifier, _dense(rows))))
            )
    return scipy.sparse.vstack(blocks, format="csr")


def _weights(classifier: Any) -> np.ndarray:
    """(labels, features): what one unit of a feature adds to each label's score."""
    if isinstance(classifier, BAYES):
        return np.asarray(classifier.feature_log_prob_)
    return np.asarray(two_columns(classifier.coef_[0]).T if len(classifier.coef_) == 1 else classifier.coef_)


def _linear_parts(weights: np.ndarray, features: Any, shares: np.ndarray) -> scipy.sparse.csr_matrix:
    """(n, features): value times the weights of the labels, in the shares (n, labels) of each row."""
    matrix = scipy.sparse.csr_matrix(features)
    parts = (
        scipy.sparse.diags(share) @ matrix @ scipy.sparse.diags(row)
        for share, row in zip(shares.T, weights, strict=True)
    )
    return scipy.sparse.csr_matrix(sum(parts, scipy.sparse.csr_matrix(matrix.shape)))


def _dense(features: Any) -> np.ndarray:
    return np.asarray(features.toarray() if scipy.sparse.issparse(features) else features, dtype=float)


# --- stacks -------------------------------------------------------------------------------------------------------


def _wanted(classifier: Any, codes: np.ndarray) -> list[np.ndarray]:
    """For each part, (n, labels): how much its probabilities add to the label's score, against the mean of the labels.

    A stack's score is its last estimator's; of a mean of parts, it is the probability itself.
    """
    labels, parts = len(classifier.classes_), len(classifier.estimators_)
    if isinstance(classifier, VotingClassifier):
        weights = np.ones(parts) if classifier.weights is None else np.asarray(classifier.weights, dtype=float)
        return [share * (np.eye(labels)[codes] - 1 / labels) for share in weights / weights.sum()]
    last = _weights(classifier.final_estimator_)
    against = np.split((last - last.mean(axis=0))[codes], parts, axis=1)
    # A stack of two labels leaves the first one's probability out.
    return [part if part.shape[1] == labels else np.column_stack([0 * part, part]) for part in against]


def _of_parts(classifier: Any, features: Any, wanted: list[np.ndarray]) -> scipy.sparse.csr_matrix:
    """(n, features) of a stack or a mean: integrated gradients through the probabilities of its parts.

    The score is linear in the probabilities of the parts, and each part's probabilities are the softmax of its
    scores, which are sums over features. Along the straight line from the part's score for an average row to its
    score for this row, the mean gradient of the final score shares the whole difference out to the part's scores,
    and through them to the features (Sundararajan et al. 2017; for sums it is the Aumann-Shapley value). A network's
    features take part in the line themselves. The contributions of a part sum to the final score less what it is
    with the part's average row; what a feature does in several parts is added up.
    """
    result = scipy.sparse.csr_matrix(features.shape)
    for part, share in zip(classifier.estimators_, wanted, strict=True):
        found = _part(part, features, share)
        shape = (found.shape[0], features.shape[1])
        first = next((step.start for step in _steps(part) if isinstance(step, ColumnRange)), 0)
        result = result + scipy.sparse.csr_matrix((found.data, found.indices + first, found.indptr), shape=shape)
    return result


def _part(part: Any, features: Any, wanted: np.ndarray) -> scipy.sparse.csr_matrix:
    """(n, columns of the features that it sees) of one part, where the final score grows by `wanted` (n, labels)."""
    *before, classifier = _steps(part)
    for step in before:
        features = step.transform(features)
    if isinstance(classifier, MLPClassifier):
        return scipy.sparse.csr_matrix(_network(classifier, features, wanted))
    if isinstance(classifier, (*LINEAR, *BAYES)):
        weights = _weights(classifier)
        start = classifier.class_log_prior_ if isinstance(classifier, BAYES) else classifier.intercept_
        start = two_columns(start)[:1] if len(start) < len(weights) else start[None]
        return _linear_parts(weights, features, _mean_gradient(start, start + features @ weights.T, wanted))
    parts = tree_parts(classifier, _dense(features))
    raw = np.log(np.maximum(classifier.predict_proba(features), 1e-300))
    # Whatever the same for all labels is taken off, the softmax does not see it.
    sums = parts.sum(axis=2)
    start = (raw - raw.mean(axis=1, keepdims=True)) - (sums - sums.mean(axis=1, keepdims=True))
    shares = _mean_gradient(start, start + sums, wanted)
    return scipy.sparse.csr_matrix(np.einsum("nk,nkf->nf", shares, parts))


def quadrature(count: int = POINTS) -> Iterator[tuple[float, float]]:
    """(place between 0 and 1, weight) of a Gauss-Legendre quadrature."""
    places, weights = np.polynomial.legendre.leggauss(count)
    return zip(((places + 1) / 2).tolist(), (weights / 2).tolist(), strict=True)


def _gradient(scores: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(n, labels): how `wanted` times the softmax of the scores changes with each score."""
    chances = softmax(scores)
    return chances * (wanted - (chances * wanted).sum(axis=1, keepdims=True))


def _mean_gradient(start: np.ndarray, end: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.asarray(sum(weight * _gradient(start + place * (end - start), wanted) for place, weight in quadrature()))


def _network(network: Any, features: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(n, features) of a network of rectified units, along the line from the standardised average row, which is 0."""
    total = np.zeros(features.shape)
    for place, weight in quadrature(NETWORK_POINTS):
        layers, value = [], features * place
        for matrix, bias in zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True):
            layers.append(value @ matrix + bias)
            value = np.maximum(layers[-1], 0)
        scores = value @ network.coefs_[-1] + network.intercepts_[-1]
        slope = _gradient(two_columns(scores[:, 0]) if scores.shape[1] == 1 else scores, wanted)
        slope = (slope[:, 1:] - slope[:, :1]) / 2 if scores.shape[1] == 1 else slope
        for matrix, layer in zip(network.coefs_[:0:-1], layers[::-1], strict=True):
            slope = (slope @ matrix.T) * (layer > 0)
        total += weight * (slope @ network.coefs_[0].T)
    return np.asarray(total * features)
