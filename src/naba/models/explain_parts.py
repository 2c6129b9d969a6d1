"""What each feature adds to each label's score, for the kinds of classifiers that naba explains and stacks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse

from naba.models.temperature import softmax, two_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

POINTS = 64
"""Of the quadrature along a path; scores of trees can be far apart."""
NETWORK_POINTS = 256
"""The gradient of a network of rectified units jumps along its path; with these its sum is right to half a percent."""
ROWS = 1024
"""Handled at a time, to bound memory."""


def kind_of(classifier: Any) -> str | None:
    """`linear`, `bayes`, `trees`, `network`, `stack`, `mean` (of parts), or None for what cannot be explained."""
    if hasattr(classifier, "final_estimator_"):
        known = kind_of(classifier.final_estimator_) == "linear" and _known_parts(classifier)
        return "stack" if known else None
    if getattr(classifier, "voting", "") == "soft":
        return "mean" if _known_parts(classifier) else None
    marks = {"coef_": "linear", "feature_log_prob_": "bayes", "_predictors": "trees", "feature_parts": "trees"}
    if hasattr(classifier, "coefs_") and getattr(classifier, "activation", "") == "relu":
        return "network"
    return next((kind for mark, kind in marks.items() if hasattr(classifier, mark)), None)


def _known_parts(classifier: Any) -> bool:
    """Are all parts of a kind of their own, behind steps that keep each column in its place?"""
    for part in classifier.estimators_:
        *before, last = _steps(part)
        if kind_of(last) not in {"linear", "bayes", "trees", "network"}:
            return False
        if not all(hasattr(step, "width") or hasattr(step, "scale_") for step in before):
            return False
    return True


def _steps(part: Any) -> list[Any]:
    return [step for _, step in part.steps] if hasattr(part, "steps") else [part]


def contributions_for(classifier: Any, features: Any, codes: np.ndarray) -> scipy.sparse.csr_matrix:
    """(n, features) for one label a row, against the mean of the labels.

    Args:
        classifier: of a kind that `kind_of` knows, other than `network`.
        features: (n, features), what the classifier sees.
        codes: (n,) place of each row's label in the classifier's order.
    """
    kind = kind_of(classifier)
    labels = len(classifier.classes_)
    blocks = [scipy.sparse.csr_matrix((0, features.shape[1]))]
    for start in range(0, len(codes), ROWS):
        rows, chosen = features[start : start + ROWS], codes[start : start + ROWS]
        against = np.eye(labels)[chosen] - 1 / labels
        if kind in {"stack", "mean"}:
            blocks.append(_of_parts(classifier, rows, _wanted(classifier, chosen)))
        elif kind in {"linear", "bayes"}:
            blocks.append(_linear_parts(_weights(classifier), rows, against))
        else:
            blocks.append(scipy.sparse.csr_matrix(np.einsum("nk,nkf->nf", against, _tree_parts(classifier, rows))))
    return scipy.sparse.vstack(blocks, format="csr")


def _weights(classifier: Any) -> np.ndarray:
    """(labels, features): what one unit of a feature adds to each label's score."""
    if hasattr(classifier, "feature_log_prob_"):
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


def _tree_parts(classifier: Any, features: Any) -> np.ndarray:
    """(n, labels, features) of boosted trees.

    LightGBM: Shapley values. scikit-learn: along the path through every tree, the change of the node value goes to
    the feature that was split (Saabas 2014). Two labels share one score: half of it speaks against the first.
    """
    matrix = np.asarray(features.toarray() if scipy.sparse.issparse(features) else features, dtype=float)
    if hasattr(classifier, "feature_parts"):
        return np.asarray(classifier.feature_parts(matrix))
    stages = classifier._predictors  # noqa: SLF001 - scikit-learn shows its trees nowhere else
    parts = np.zeros((len(stages[0]), *matrix.shape))
    for stage in stages:
        for place, tree in enumerate(stage):
            _walk(tree.nodes, matrix, parts[place])
    both = np.concatenate([-parts / 2, parts / 2]) if len(parts) == 1 else parts
    return both.transpose(1, 0, 2)


def _walk(nodes: np.ndarray, features: np.ndarray, result: np.ndarray) -> None:
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
        result[rows, split] += nodes["value"][child] - nodes["value"][here]
        here = child


# --- stacks -------------------------------------------------------------------------------------------------------


def _wanted(classifier: Any, codes: np.ndarray) -> list[np.ndarray]:
    """For each part, (n, labels): how much its probabilities add to the label's score, against the mean of the labels.

    A stack's score is its last estimator's; of a mean of parts, it is the probability itself.
    """
    labels, parts = len(classifier.classes_), len(classifier.estimators_)
    if not hasattr(classifier, "final_estimator_"):
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
        result = result + scipy.sparse.csr_matrix((found.data, found.indices, found.indptr), shape=shape)
    return result


def _part(part: Any, features: Any, wanted: np.ndarray) -> scipy.sparse.csr_matrix:
    """(n, first columns of the features) of one part, where the final score grows by `wanted` (n, labels)."""
    *before, classifier = _steps(part)
    for step in before:
        features = step.transform(features)
    kind = kind_of(classifier)
    if kind == "network":
        return scipy.sparse.csr_matrix(_network(classifier, features, wanted))
    if kind in {"linear", "bayes"}:
        weights = _weights(classifier)
        start = classifier.class_log_prior_ if kind == "bayes" else classifier.intercept_
        start = two_columns(start)[:1] if len(start) < len(weights) else start[None]
        return _linear_parts(weights, features, _mean_gradient(start, start + features @ weights.T, wanted))
    parts = _tree_parts(classifier, features)
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
