"""TF-IDF models as ONNX graphs from text to probabilities.

The graph cuts texts into tokens and characters, counts n-grams, and does what scikit-learn's vectoriser, the linear
classifier and its calibration do. Python's classes of characters are spelled out as ranges, because the regular
expressions of onnxruntime (RE2) know only ASCII letters as `\\w`. What no operator does as Python does it (Unicode
normal forms, lower case) is done before, by `naba.classifier.onnx_predictor` with the standard library alone.

Character n-grams within words need no cutting into words: each word stands between single spaces, and a vocabulary of
`char_wb` has no term with a space inside, so that n-grams over two words count for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.svm import LinearSVC

from naba.errors import UserError
from naba.models.classifier import ELSEWHERE, normalise_texts
from naba.models.onnx import CASED, Graph, encodable, joined, total
from naba.models.tfidf.term_counts import TOKEN_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SPLIT = "com.microsoft"
_EMPTY = ""


def probabilities(graph: Graph, model: Any) -> tuple[list[str], str]:
    """The inputs of the graph and the probabilities of a `SparseClassifier` over `TextFeatures`, float64.

    Raises:
        UserError: the model has a part that no operator computes exactly; says which.
    """
    inputs = ["text", "target", *CASED] if model.features_.pair else ["text"]
    return inputs, _linear(graph, model)


def _linear(graph: Graph, model: Any) -> str:
    """Probabilities before any correction, float64."""
    features = model.features_
    blocks = list(features.vectorisers_.items())
    sides = ["text", "target"] if features.pair else ["text"]
    rows = {side: [_tfidf(graph, name, vectoriser, side) for name, vectoriser in blocks] for side in sides}
    weights, intercept = _weights(model)
    terms = [len(vectoriser.vocabulary_) for _, vectoriser in blocks]
    width = sum(terms)
    sides_joined = {side: joined(graph, parts) for side, parts in rows.items()}
    if not features.pair:
        scores = _product(graph, sides_joined["text"], weights)
    else:
        left, right = sides_joined["text"], sides_joined["target"]
        difference = graph.add("Abs", graph.add("Sub", left, right))
        products = [graph.add("Mul", *both) for both in zip(rows["text"], rows["target"], strict=True)]
        cosines = [total(graph, product) for product in products]
        side = np.float32(features.side_weight)
        parts = [(left, side), (right, side), (difference, 1), (joined(graph, products), 1)]
        scores = _product(graph, joined(graph, [*_overlap(graph, features), *cosines]), weights[:, 4 * width :])
        for at, (part, factor) in enumerate(parts):
            own = _product(graph, part, weights[:, at * width : (at + 1) * width] * factor)
            scores = graph.add("Add", scores, own)
    scores = graph.add("Add", graph.add("Cast", scores, to=11), graph.constant(intercept))
    return _probabilities(graph, model, scores)


def _weights(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Weights (k, features) and intercepts (k,), less their means: a softmax does not see what all classes share."""
    classifier = model.classifier_
    if isinstance(classifier, (LogisticRegression, LinearSVC)):
        weights, intercept = np.asarray(classifier.coef_), np.asarray(classifier.intercept_)
        if len(weights) == 1:
            weights, intercept = np.vstack([-weights, weights]) / 2, np.concatenate([-intercept, intercept]) / 2
    elif isinstance(classifier, MultinomialNB):
        weights, intercept = classifier.feature_log_prob_, classifier.class_log_prior_
    elif isinstance(classifier, ComplementNB):
        weights, intercept = classifier.feature_log_prob_, np.zeros(len(classifier.feature_log_prob_))
    else:
        raise UserError(
            f"this model cannot be exact as ONNX: a {type(classifier).__name__} is not known there", ELSEWHERE
        )
    return weights - weights.mean(axis=0), (intercept - intercept.mean()).astype(np.float64)


def _probabilities(graph: Graph, model: Any, scores: str) -> str:
    if model.probability_kind_ == "one_hot":
        best = graph.add("ArgMax", scores, axis=1, keepdims=0)
        return graph.add("Gather", graph.constant(np.eye(len(model.classes_))), best, axis=0)
    if model.probability_kind_ == "calibrated":
        scores = graph.add("Div", scores, graph.constant(np.float64(model.temperature_)))
    return graph.add("Softmax", scores, axis=1)


def _tfidf(graph: Graph, name: str, vectoriser: Any, side: str) -> str:
    """TF-IDF rows of one block, (n, terms) float32: sublinear counts times idf, of unit length."""
    _require_known(name, vectoriser)
    if name == "word":
        tokens = _tokens(graph, side, python_pattern(TOKEN_PATTERN))
        split: Callable[[str], list[str]] = lambda term: term.split(" ")  # noqa: E731 - two one-line functions
    else:
        space = graph.constant([" "])
        padded = graph.add("StringConcat", graph.add("StringConcat", space, side), space)
        tokens = graph.add("Tokenizer", padded, domain=_SPLIT, mark=0, pad_value=_EMPTY, separators=[""], mincharnum=1)
        split = list
    counts = graph.add("TfIdfVectorizer", tokens, **_pool(vectoriser, split))
    # 1 + log of a count, and 0 where it is 0.
    one = graph.constant(np.float32(1))
    damped = graph.add("Add", graph.add("Log", graph.add("Max", counts, one)), graph.add("Min", counts, one))
    weighed = graph.add("Mul", damped, graph.constant(vectoriser.idf_.astype(np.float32)))
    length = graph.add("ReduceL2", weighed, graph.constant([1], np.int64), keepdims=1)
    return graph.add("Div", weighed, graph.add("Max", length, graph.constant(np.float32(1e-30))))


def _require_known(name: str, vectoriser: Any) -> None:
    known = vectoriser.sublinear_tf and vectoriser.lowercase and vectoriser.norm == "l2" and vectoriser.smooth_idf
    if name == "word":
        known = known and vectoriser.token_pattern == TOKEN_PATTERN and vectoriser.analyzer == "word"
    else:
        # A lone space counts twice a word in scikit-learn, and once here.
        known = known and vectoriser.analyzer == "char_wb" and vectoriser.ngram_range[0] > 1
    if not known:
        raise UserError(f"this model cannot be exact as ONNX: its {name} n-grams are of an unusual kind", ELSEWHERE)


def _pool(vectoriser: Any, split: Callable[[str], list[str]]) -> dict[str, Any]:
    """The vocabulary as `TfIdfVectorizer` takes it: n-grams by length, and the column of each."""
    by_length: dict[int, list[tuple[list[str], int]]] = {}
    for term, column in vectoriser.vocabulary_.items():
        parts = split(encodable(term))
        by_length.setdefault(len(parts), []).append((parts, int(column)))
    longest = max(by_length)
    pool: list[str] = []
    starts, columns = [], []
    for length in range(1, longest + 1):
        starts.append(len(pool))
        for parts, column in by_length.get(length, []):
            pool += parts
            columns.append(column)
    return {
        "mode": "TF",
        "min_gram_length": min(by_length),
        "max_gram_length": longest,
        "max_skip_count": 0,
        "pool_strings": pool,
        "ngram_counts": starts,
        "ngram_indexes": columns,
    }


def _tokens(graph: Graph, text: str, pattern: str) -> str:
    """Matches of a pattern, (n, most matches) text; rows are filled up with empty ones."""
    return graph.add("Tokenizer", text, domain=_SPLIT, mark=0, pad_value=_EMPTY, tokenexp=pattern, mincharnum=1)


def _product(graph: Graph, rows: str, weights: np.ndarray) -> str:
    return graph.add("MatMul", rows, graph.constant(np.ascontiguousarray(weights.T, dtype=np.float32)))


# --- overlap of a pair: `naba.models.tfidf.features` ------------------------------------------------------------------


def _overlap(graph: Graph, features: Any) -> list[str]:
    """The columns of `naba.models.tfidf.features.OVERLAPS`, each (n, 1) float32."""
    from naba.models.tfidf.features import NEGATIONS

    words = [_tokens(graph, side, python_pattern(r"\w+")) for side in CASED]
    numbers = [_tokens(graph, side, python_pattern(r"\d+(?:[.,٫]\d+)*")) for side in CASED]
    either, text, target = _distinct(graph, *words)
    shared = graph.add("Sub", graph.add("Add", text, target), either)
    every, first, second = _distinct(graph, *numbers)
    common = graph.add("Sub", graph.add("Add", first, second), every)
    some_first, some_second = _positive(graph, first), _positive(graph, second)
    unequal = graph.add("Cast", graph.add("Greater", every, common), to=9)
    lengths = [_length(graph, side) for side in CASED]
    negations = sorted(set(normalise_texts(NEGATIONS, features.normalisation)))
    negated = [_holds(graph, side, [encodable(word) for word in negations]) for side in words]
    flags = [
        _positive(graph, common),
        graph.add("And", graph.add("And", some_first, some_second), unequal),
        graph.add("Xor", some_first, some_second),
        graph.add("Xor", *negated),
    ]
    ratios = [
        _ratio(graph, shared, either), _ratio(graph, shared, target), _ratio(graph, shared, text),
        _ratio(graph, graph.add("Min", *lengths), graph.add("Max", *lengths)),
    ]  # fmt: skip
    return [*ratios, *(graph.add("Cast", flag, to=1) for flag in flags)]


def _distinct(graph: Graph, left: str, right: str) -> tuple[str, str, str]:
    """How many distinct tokens two sides have together, and each alone: three times (n, 1) int64."""
    # One empty token more a row, so that no table is without columns.
    rows = graph.add("Shape", "text")
    shape = graph.add("Concat", rows, graph.constant([1], np.int64), axis=0)
    blank = graph.add("Expand", graph.constant([[_EMPTY]]), shape)
    left, right = (graph.add("Concat", blank, side, axis=1) for side in (left, right))
    both = graph.add("Concat", left, right, axis=1)
    flat = graph.add("Reshape", both, graph.constant([-1], np.int64))
    place = graph.name()
    graph.several("Unique", [flat], [graph.name(), "", place], attributes={"sorted": 1})
    numbered = graph.add("Reshape", place, graph.add("Shape", both))
    empty = graph.add("Equal", both, graph.constant([_EMPTY]))
    numbered = graph.add("Where", empty, graph.constant([-1], np.int64), numbered)
    axis, zero = graph.constant([1], np.int64), graph.constant([0], np.int64)
    middle = graph.add("Slice", graph.add("Shape", left), axis, graph.constant([2], np.int64))
    last = graph.add("Slice", graph.add("Shape", both), axis, graph.constant([2], np.int64))
    own = graph.add("Slice", numbered, zero, middle, axis)
    other = graph.add("Slice", numbered, middle, last, axis)
    return _count(graph, numbered), _count(graph, own), _count(graph, other)


def _count(graph: Graph, numbers: str) -> str:
    """Distinct numbers from 0 of each row: sorted, they are those that differ from the one before."""
    axis = graph.constant([1], np.int64)
    width = graph.add("Slice", graph.add("Shape", numbers), axis, graph.constant([2], np.int64))
    ordered = graph.name()
    graph.several("TopK", [numbers, width], [ordered, graph.name()], attributes={"axis": 1, "largest": 1, "sorted": 1})
    before = graph.add("Slice", ordered, graph.constant([0], np.int64), graph.constant([-1], np.int64), axis)
    rows = graph.add("Concat", graph.add("Shape", "text"), axis, axis=0)
    before = graph.add("Concat", graph.add("Expand", graph.constant([[-1]], np.int64), rows), before, axis=1)
    new = graph.add("Not", graph.add("Equal", ordered, before))
    real = graph.add("GreaterOrEqual", ordered, graph.constant([0], np.int64))
    return total(graph, graph.add("Cast", graph.add("And", new, real), to=7))


def _length(graph: Graph, side: str) -> str:
    """Characters of each text, (n, 1) int64."""
    blank = graph.constant([_EMPTY])
    characters = graph.add("Tokenizer", side, domain=_SPLIT, mark=0, pad_value=_EMPTY, separators=[""], mincharnum=1)
    filled = graph.add("Not", graph.add("Equal", characters, blank))
    return total(graph, graph.add("Cast", filled, to=7))


def _holds(graph: Graph, tokens: str, words: Sequence[str]) -> str:
    """Is any of `words` among the tokens of a row? (n, 1) bool."""
    found = graph.add(
        "LabelEncoder", tokens, domain="ai.onnx.ml", keys_strings=list(words), values_int64s=[1] * len(words),
        default_int64=0,
    )  # fmt: skip
    return _positive(graph, total(graph, found))


def _positive(graph: Graph, count: str) -> str:
    return graph.add("Greater", count, graph.constant([0], np.int64))


def _ratio(graph: Graph, part: str, whole: str) -> str:
    whole = graph.add("Max", whole, graph.constant([1], np.int64))
    # Divided as Python does, in 64 bits, then rounded.
    exact = graph.add("Div", graph.add("Cast", part, to=11), graph.add("Cast", whole, to=11))
    return graph.add("Cast", exact, to=1)


# --- Python's classes of characters -------------------------------------------------------------------------------


def python_pattern(pattern: str) -> str:
    """A pattern of Python's `re` for RE2: its classes `\\w`, `\\s` and `\\d` as this Python knows them."""
    classes = {r"\w": _word, r"\s": str.isspace, r"\d": str.isdecimal}
    opened = False
    written = ""
    at = 0
    while at < len(pattern):
        pair = pattern[at : at + 2]
        if pair in classes:
            inner = _ranges(classes[pair])
            written += inner if opened else f"[{inner}]"
            at += 2
            continue
        opened = pattern[at] == "[" or (opened and pattern[at] != "]")
        written += pattern[at]
        at += 1
    return written


def _word(character: str) -> bool:
    return character.isalnum() or character == "_"


_RANGES: dict[Any, str] = {}


def _ranges(test: Callable[[str], bool]) -> str:
    if test not in _RANGES:
        # Surrogates are no characters of UTF-8.
        inside = [code < 0xD800 or code >= 0xE000 for code in range(0x110000)]
        flags = np.array([ok and test(chr(code)) for code, ok in enumerate(inside)] + [False])
        edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0))
        pairs = edges.reshape(-1, 2).tolist()
        _RANGES[test] = "".join(f"\\x{{{first:x}}}-\\x{{{end - 1:x}}}" for first, end in pairs)
    return _RANGES[test]
