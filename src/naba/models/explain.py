"""Why a model answered as it did: the features, or the words, that spoke for and against a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from naba.errors import UserError
from naba.models.explain_parts import contributions_for, kind_of


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
    """Is the model of a kind that `explain` knows: linear, Bayes, boosted trees, a stack or mean, an encoder?"""
    inner = _inner(model)
    return hasattr(inner, "tokenizer_") or kind_of(getattr(inner, "classifier_", None)) not in {None, "network"}


def explain(model: Any, X: Any, labels: Any = None, top: int = 10, library: str = "naba") -> list[Explanation]:
    """What decided, one explanation a row.

    Linear models: coefficient times value. Naive Bayes: the same with logarithms of probabilities. Boosted trees: the
    change of the node value along each row's path through each tree, given to the feature that was split (Saabas
    2014; Palczewska et al. 2013, arXiv 1312.1121), or, for LightGBM, Shapley values (Lundberg et al. 2020). Stacks
    and means: all of these carried through the probabilities of the parts (`naba.models.explain_parts`). All
    for the label against the mean of the labels. Encoders: integrated gradients (Sundararajan et al. 2017) of words.

    Args:
        model: a fitted model of naba, or a calibration or abstention wrapper round one.
        X: table of n rows.
        labels: (n,) labels to explain; the predicted ones if None.
        top: contributions to keep.
        library: `captum` for encoders by captum (extra `explain`).
    Raises:
        UserError: the model is of another kind, or does not know a label; captum is not installed, or is asked for
            and the model is no encoder.
    """
    inner = _inner(model)
    chosen = list(model.predict(X) if labels is None else labels)
    codes = _codes(inner, chosen)
    if hasattr(inner, "tokenizer_"):
        from naba.models.encoder.attribution import word_attributions

        found = word_attributions(inner, X, codes, library=library)
        return [_top(str(label), row, top) for label, row in zip(chosen, found, strict=True)]
    if library != "naba":
        raise UserError(f"{library} explains encoders, and this model is none")
    names, matrix = contributions(inner, X, codes)
    return [_top(str(label), _named(names, matrix, row), top) for row, label in enumerate(chosen)]


def explain_classes(model: Any, X: Any, top: int = 20, predicted: Any = None) -> dict[str, Explanation]:
    """For each label, the features with the largest mean contribution over the rows of X that it was predicted for.

    Labels that were never predicted are left out.

    Args:
        predicted: (n,) the model's labels of X, where they are known; it is asked otherwise.
    Raises:
        UserError: see `explain`; an encoder has no features that rows share.
    """
    inner = _inner(model)
    if hasattr(inner, "tokenizer_"):
        raise UserError("an encoder has no features that rows share", "explain its rows one by one")
    predicted = np.asarray(model.predict(X) if predicted is None else predicted, dtype=object)
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
    if kind_of(classifier) in {None, "network"}:
        name = type(classifier if classifier is not None else model).__name__
        raise UserError(
            f"there are no explanations for a {name}", "linear, boosted, stacked and encoder models have them"
        )
    features = model.features_.transform(X)
    names = np.asarray(model.features_.get_feature_names_out(), dtype=object)
    return names, contributions_for(classifier, features, codes)


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


def _named(names: np.ndarray, matrix: scipy.sparse.csr_matrix, row: int) -> list[tuple[str, float]]:
    start, stop = matrix.indptr[row], matrix.indptr[row + 1]
    columns, values = matrix.indices[start:stop], matrix.data[start:stop]
    return [(str(names[column]), float(value)) for column, value in zip(columns, values, strict=True)]


def _top(label: str, found: list[tuple[str, float]], top: int) -> Explanation:
    ordered = sorted((item for item in found if item[1]), key=lambda item: (-abs(item[1]), item[0]))
    return Explanation(label, float(sum(value for _, value in found)), tuple(ordered[:top]))
