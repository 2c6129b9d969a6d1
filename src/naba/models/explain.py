"""Why a model answered as it did: the features, or the words, that spoke for and against a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from naba.errors import UserError


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


def explainable(model: Any) -> bool:
    """Is the model of a kind that `explain` knows: linear, naive Bayes, boosted trees, or an encoder?"""
    inner = _inner(model)
    return hasattr(inner, "tokenizer_") or _kind(getattr(inner, "classifier_", None)) is not None


def explain(model: Any, X: Any, labels: Any = None, top: int = 10) -> list[Explanation]:
    """What decided, one explanation a row.

    Linear models: coefficient times value. Naive Bayes: the same with logarithms of probabilities. Boosted trees: the
    change of the node value along each row's path through each tree, given to the feature that was split (Saabas
    2014; Palczewska et al. 2013, arXiv 1312.1121). All three for the label against the mean of the labels. Encoders:
    integrated gradients (Sundararajan et al. 2017) of whole words.

    Args:
        model: a fitted model of naba, or a calibration or abstention wrapper round one.
        X: table of n rows.
        labels: (n,) labels to explain; the predicted ones if None.
        top: contributions to keep.
    Raises:
        UserError: the model is of another kind, or does not know a label.
    """
    inner = _inner(model)
    chosen = list(model.predict(X) if labels is None else labels)
    codes = _codes(inner, chosen)
    if hasattr(inner, "tokenizer_"):
        from naba.models.encoder_attribution import word_attributions

        found = word_attributions(inner, X, codes)
        return [_top(str(label), row, top) for label, row in zip(chosen, found, strict=True)]
    names, matrix = contributions(inner, X, codes)
    return [_top(str(label), _named(names, matrix, row), top) for row, label in enumerate(chosen)]


def explain_classes(model: Any, X: Any, top: int = 20) -> dict[str, Explanation]:
    """For each label, the features with the largest mean contribution over the rows of X that it was predicted for.

    Labels that were never predicted are left out.

    Raises:
        UserError: see `explain`; an encoder has no features that rows share.
    """
    inner = _inner(model)
    if hasattr(inner, "tokenizer_"):
        raise UserError("an encoder has no features that rows share", "explain its rows one by one")
    predicted = model.predict(X)
    names, matrix = contributions(inner, X, _codes(inner, list(predicted)))
    result = {}
    for label in inner.classes_.tolist():
        rows = np.flatnonzero(predicted == label)
        if len(rows):
            mean = scipy.sparse.csr_matrix(matrix[rows].mean(axis=0))
            result[str(label)] = _top(str(label), _named(names, mean, 0), top)
    return result


def contributions(model: Any, X: Any, codes: np.ndarray) -> tuple[np.ndarray, scipy.sparse.csr_matrix]:
    """(names, values) of the features of each row for one label each: (features,) and (n, features) CSR.

    Args:
        model: has `features_` (with `transform` and `get_feature_names_out`) and `classifier_`.
        codes: (n,) place of each row's label in `model.classes_`.
    """
    classifier = getattr(model, "classifier_", None)
    kind = _kind(classifier)
    if kind is None:
        name = type(classifier if classifier is not None else model).__name__
        raise UserError(f"there are no explanations for a {name}", "linear, boosted and encoder models have them")
    features = model.features_.transform(X)
    names = np.asarray(model.features_.get_feature_names_out(), dtype=object)
    if kind == "trees":
        return names, scipy.sparse.csr_matrix(_tree_contributions(classifier, np.asarray(features, dtype=float), codes))
    weights = _weights(classifier, kind, len(model.classes_))
    return names, scipy.sparse.csr_matrix(scipy.sparse.csr_matrix(features).multiply(weights[codes]))


def _inner(model: Any) -> Any:
    """The model inside wrappers that hold one as `classifier_` or `model`."""
    while not hasattr(model, "features_") and not hasattr(model, "tokenizer_"):
        wrapped = getattr(model, "classifier_", None) or getattr(model, "model", None)
        if wrapped is None:
            break
        model = wrapped
    return model


def _codes(model: Any, labels: list[Any]) -> np.ndarray:
    places = {label: place for place, label in enumerate(model.classes_.tolist())}
    unknown = [label for label in labels if label not in places]
    if unknown:
        raise UserError(f"the model does not know label '{unknown[0]}'", f"its labels: {', '.join(map(str, places))}")
    return np.array([places[label] for label in labels], dtype=np.int64)


def _kind(classifier: Any) -> str | None:
    if hasattr(classifier, "coef_"):
        return "linear"
    if hasattr(classifier, "feature_log_prob_"):
        return "bayes"
    return "trees" if hasattr(classifier, "_predictors") else None


def _weights(classifier: Any, kind: str, labels: int) -> np.ndarray:
    """(labels, features): how much one unit of a feature speaks for a label against the mean of the labels."""
    if kind == "bayes":
        weights = classifier.feature_log_prob_
    elif labels == 2 and len(classifier.coef_) == 1:
        weights = np.vstack([-classifier.coef_ / 2, classifier.coef_ / 2])
    else:
        weights = classifier.coef_
    return np.asarray(weights - weights.mean(axis=0))


def _tree_contributions(classifier: Any, features: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(n, features): along the path through every tree, the change of value goes to the feature that was split."""
    result = np.zeros(features.shape)
    for stage in classifier._predictors:  # noqa: SLF001 - scikit-learn shows its trees nowhere else
        for place, tree in enumerate(stage):
            # Against the mean of the labels, as in linear models; two labels share one tree, which is the second's.
            shares = codes - 0.5 if len(stage) == 1 else (codes == place) - 1 / len(stage)
            _walk(tree.nodes, features, shares, result)
    return result


def _walk(nodes: np.ndarray, features: np.ndarray, shares: np.ndarray, result: np.ndarray) -> None:
    rows = np.arange(len(features))
    here = np.zeros(len(rows), dtype=np.int64)
    while True:
        moving = nodes["is_leaf"][here] == 0
        rows, here = rows[moving], here[moving]
        if not len(rows):
            return
        split = nodes["feature_idx"][here]
        values = features[rows, split]
        left = (values <= nodes["num_threshold"][here]) | (np.isnan(values) & (nodes["missing_go_to_left"][here] == 1))
        child = np.where(left, nodes["left"][here], nodes["right"][here]).astype(np.int64)
        result[rows, split] += shares[rows] * (nodes["value"][child] - nodes["value"][here])
        here = child


def _named(names: np.ndarray, matrix: scipy.sparse.csr_matrix, row: int) -> list[tuple[str, float]]:
    start, stop = matrix.indptr[row], matrix.indptr[row + 1]
    columns, values = matrix.indices[start:stop], matrix.data[start:stop]
    return [(str(names[column]), float(value)) for column, value in zip(columns, values, strict=True)]


def _top(label: str, found: list[tuple[str, float]], top: int) -> Explanation:
    ordered = sorted((item for item in found if item[1]), key=lambda item: (-abs(item[1]), item[0]))
    return Explanation(label, float(sum(value for _, value in found)), tuple(ordered[:top]))
