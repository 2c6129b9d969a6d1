"""Claim-type features of single sentences, beside TF-IDF: what a fact-checker would look for first.

Numbers and measures, future and modal cues, causal connectives, reporting verbs and who speaks, question and teaser
forms, evaluative words. Nothing in `ClaimFeatures` is fitted.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from naba.arabic.lexicons import RIVALS
from naba.arabic.numbers import dates, quantities
from naba.arabic.words import AXIS_NAMES, CUE_NAMES
from naba.models.classifier import Kept, normalise_texts, text_columns
from naba.models.pairs.alignment import Texts, codes, ragged
from naba.models.tfidf.features import TextFeatures
from naba.models.tfidf.vectoriser import Vectoriser, given_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from naba.arabic.normalise import Profile
    from naba.models.pairs.alignment import FloatArray

Columns = dict[str, "FloatArray"]
_START = 3
_FAR_WEIGHT = 0.5  # chosen on the validation part of ans_claim_type
_UNITS = ("percent", "money", "barrel", "people", "year")
_FUTURE = re.compile(r"و?ف?س[يتنا]\w{3,}")
_MARKS = {"question_mark": "؟?", "colon": ":", "ellipsis": "…", "quotes": '«»“”"', "exclamation": "!"}

_DESCRIPTIONS = {
    "words": "words of the sentence",
    "{cue}": "words that are cues of {cue}",
    "{cue}_first": "the first word is a cue of {cue}",
    "{cue}_early": f"a cue of {{cue}} is among the first {_START} words",
    "{cue}_place": "place of the first cue of {cue}: 0 first word, 1 last or none",
    "axis_{axis}_up": "words at the first pole of the axis {axis}",
    "axis_{axis}_down": "words at the second pole of the axis {axis}",
    "numbers": "numbers, in digits or words",
    "numbers_early": f"a word among the first {_START} starts with a digit",
    "number_magnitude": "decimal logarithm of 1 plus the greatest number",
    "unit_{unit}": "numbers that count {unit}",
    "dates": "years, months and weekdays",
    "future_verbs": "verbs with the future prefix (سيفعل)",
    "verb_first": "the first word has the form of an imperfect verb",
    "definite_first": "the first word has the article",
    "places": "words that name a place, its people or its leader",
    "place_first": "the first word does",
    "office_early": f"an office or a person is named among the first {_START} words",
    "speaker_colon": "a colon after at most five words: who says what",
    "attribution_after_name": "a reporting verb directly after a place, a person or an office",
    "question_mark": "question marks",
    "question_mark_last": "the sentence ends in a question mark",
    "colon": "colons",
    "ellipsis": "ellipses (… or ..)",
    "quotes": "quotation marks",
    "exclamation": "exclamation marks",
}


def _describe(name: str) -> str:
    for pattern, text in _DESCRIPTIONS.items():
        for field, values in (("cue", CUE_NAMES), ("axis", AXIS_NAMES), ("unit", _UNITS)):
            for value in values:
                if name == pattern.replace("{" + field + "}", value):
                    return text.replace("{" + field + "}", value)
    raise KeyError(name)


def _cues(texts: Texts) -> Columns:
    words, count = texts.words, len(texts.length)
    segment, place = ragged(texts.length)
    totals = texts.sums(words.cues)
    flags = words.cues[texts.word] > 0
    relative = place / np.maximum(texts.length[segment] - 1, 1)
    columns: Columns = {}
    for at, cue in enumerate(CUE_NAMES):
        first = np.ones(count)
        np.minimum.at(first, segment[flags[:, at]], relative[flags[:, at]])
        columns[cue] = totals[:, at]
        columns[f"{cue}_first"] = _any(segment, flags[:, at] & (place == 0), count)
        columns[f"{cue}_early"] = _any(segment, flags[:, at] & (place < _START), count)
        columns[f"{cue}_place"] = first
    bits, one = np.arange(len(AXIS_NAMES), dtype=np.uint64), np.uint64(1)
    for name, masks in (("up", words.first_pole), ("down", words.second_pole)):
        sums = texts.sums(((masks[:, None] >> bits) & one).astype(float))
        columns |= {f"axis_{axis}_{name}": sums[:, at] for at, axis in enumerate(AXIS_NAMES)}
    return columns


def _any(segment: np.ndarray, flags: np.ndarray, count: int) -> FloatArray:
    found: FloatArray = (np.bincount(segment, flags, count) > 0).astype(float)
    return found


def _numbers(texts: Texts) -> Columns:
    found = [quantities(text) for text in texts.tokens]
    greatest = np.array([max((item.value for item in items), default=0.0) for items in found])
    segment, place = ragged(texts.length)
    columns: Columns = {
        "numbers": np.array([float(len(items)) for items in found]),
        "numbers_early": _any(segment, texts.words.digits[texts.word] & (place < _START), len(found)),
        "number_magnitude": np.log10(1 + greatest),
        "dates": np.array([float(len(dates(text))) for text in texts.tokens]),
    }
    for unit in _UNITS:
        columns[f"unit_{unit}"] = np.array([float(sum(item.unit == unit for item in items)) for items in found])
    return columns


def _forms(texts: Texts) -> Columns:
    words, count = texts.words, len(texts.length)
    segment, place = ragged(texts.length)
    future = np.array([bool(_FUTURE.fullmatch(form)) for form in words.forms], bool)
    verb = np.array([len(form) >= 4 and form[0] in "يت" for form in words.forms], bool)
    definite = np.array([form.startswith("ال") for form in words.forms], bool)
    named = (words.places != 0) | (words.kinds != 0)
    ids = texts.word
    reporting = words.cues[:, CUE_NAMES.index("attribution")] > 0
    after = np.zeros(len(ids), bool)
    after[1:] = reporting[ids[1:]] & named[ids[:-1]] & (segment[1:] == segment[:-1])
    return {
        "words": texts.length.astype(float),
        "future_verbs": np.bincount(segment, future[ids], count).astype(float),
        "verb_first": _any(segment, verb[ids] & (place == 0), count),
        "definite_first": _any(segment, definite[ids] & (place == 0), count),
        "places": np.bincount(segment, words.places[ids] != 0, count).astype(float),
        "place_first": _any(segment, (words.places[ids] != 0) & (place == 0), count),
        "office_early": _any(segment, (words.kinds[ids] != 0) & (place < _START), count),
        "attribution_after_name": _any(segment, after, count),
    }


def _punctuation(raw: list[str]) -> Columns:
    columns: Columns = {
        name: np.array([float(sum(map(text.count, characters))) for text in raw]) for name, characters in _MARKS.items()
    }
    columns["ellipsis"] += np.array([float(text.count("..")) for text in raw])
    columns["question_mark_last"] = np.array([float(text.rstrip()[-1:] in ("؟", "?")) for text in raw])
    columns["speaker_colon"] = np.array(
        [float(0 < len(text.split(":")[0].split()) <= 5 and ":" in text) for text in raw]
    )
    return columns


class ClaimFeatures(Kept, TransformerMixin, BaseEstimator):
    """Table with `text` -> (n, k) features; the names are `get_feature_names_out()`.

    Args:
        normalisation: applied first; the lexicons fold further by themselves (the `news` profile).
    """

    features_version: ClassVar[int | None] = 2
    beyond_onnx: ClassVar[str] = "its claim cues (lexicons, numbers in words, forms of verbs)"

    def __init__(self, *, normalisation: Profile | None = None) -> None:
        self.normalisation = normalisation

    def fit(self, X: pd.DataFrame, y: Any = None) -> ClaimFeatures:  # noqa: ARG002
        """Nothing to learn but the names."""
        text_columns(X)
        self.names_ = tuple(self._columns([""]))
        return self

    def transform(self, X: pd.DataFrame) -> FloatArray:
        """The features: (n, k) float64."""
        check_is_fitted(self)
        texts, _ = text_columns(X)
        ids, distinct = codes(normalise_texts(texts, self.normalisation))
        if not distinct:
            return np.empty((0, len(self.names_)))
        columns = self._columns(distinct)
        return np.column_stack([columns[name] for name in self.names_])[ids]

    def _columns(self, raw: list[str]) -> Columns:
        texts = Texts.of(raw)
        return _forms(texts) | _cues(texts) | _numbers(texts) | _punctuation(raw)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002
        """The names of the k features, in order."""
        check_is_fitted(self)
        return np.array(self.names_, dtype=object)

    def feature_descriptions(self) -> dict[str, str]:
        """Name -> what the feature says, in the order of the columns."""
        check_is_fitted(self)
        return {name: _describe(name) for name in self.names_}


def word_kinds(texts: Texts, ids: np.ndarray) -> tuple[list[str], list[str]]:
    """The pattern of a sentence of distinct words `ids`, in two lists.

    First: stems, the first two and the last of them marked, and each neighbouring pair of words by kind.
    Second: pairs of kinds in order (`measurable<direction-`), whatever stands between.
    """
    words = texts.words
    kinds = [_kinds_of(texts, int(word)) for word in ids]
    leading = ["START", *(kind[0] if kind else "word" for kind in kinds), "END"]
    stems = [words.stems[words.stem[word]] for word in ids]
    near = [f"{first}>{second}" for first, second in itertools.pairwise(leading)]
    edges = [f"first={stem}" for stem in stems[:2]] + [f"last={stem}" for stem in stems[-1:]]
    far = [f"{a}<{b}" for first, second in itertools.combinations(kinds, 2) for a in first for b in second]
    return [*near, *edges, *stems], far


def _kinds_of(texts: Texts, word: int) -> list[str]:
    words = texts.words
    found = ["NUMBER"] if words.digits[word] else []
    found += [CUE_NAMES[cue] for cue in np.flatnonzero(words.cues[word])]
    for sign, masks in (("+", words.first_pole), ("-", words.second_pole)):
        found += [axis + sign for at, axis in enumerate(AXIS_NAMES) if int(masks[word]) >> at & 1]
    found += [kind for at, kind in enumerate(RIVALS) if int(words.kinds[word]) >> at & 1]
    return found + (["PLACE"] if words.places[word] else [])


class ClaimMatrix(Kept, TransformerMixin, BaseEstimator):
    """Table with `text` -> sparse (n, k + t): k standardised claim features, then TF-IDF of words, kinds, characters.

    Args:
        normalisation: applied first.
        weight: what the standardised features are multiplied by.
        characters_to: longest character n-gram.
    """

    features_version: ClassVar[int | None] = 2
    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {StandardScaler: ()}
    beyond_onnx: ClassVar[str] = "its claim cues (lexicons, numbers in words, forms of verbs)"

    def __init__(self, *, normalisation: Profile | None = None, weight: float = 0.05, characters_to: int = 4) -> None:
        self.normalisation = normalisation
        self.weight = weight
        self.characters_to = characters_to

    def fit(self, X: pd.DataFrame, y: Any = None) -> ClaimMatrix:  # noqa: ARG002
        """Fits the vocabularies and the scale; labels are not used."""
        self.fit_parts(X)
        return self

    def fit_transform(self, X: pd.DataFrame, y: Any = None, **_: Any) -> sparse.csr_matrix:  # noqa: ARG002
        """`fit`, then `transform` of the same table, which is read once."""
        return self.fit_parts(X)[1]

    def fit_parts(self, X: pd.DataFrame) -> tuple[FloatArray, sparse.csr_matrix]:
        """`fit`, then `parts` of the same table."""
        self.features_ = ClaimFeatures(normalisation=self.normalisation).fit(X)
        dense = self.features_.transform(X)
        self.scaler_ = StandardScaler().fit(dense)
        self.text_ = TextFeatures(normalisation=self.normalisation, characters_to=self.characters_to).fit(X)
        near, far = self._kinds(X)
        self.near_ = Vectoriser(analyzer=given_words, sublinear_tf=True, min_df=min(2, len(near))).fit(near)
        # The extra sentences keep the vocabulary from being empty.
        self.far_ = Vectoriser(analyzer=given_words, sublinear_tf=True, min_df=3).fit([*far, *[["none"]] * 3])
        # `fit_transform` of `text_` would order the values of a row in another way, and sums over them go by the order.
        return dense, self._assemble(dense, near, far, self.text_.transform(X))

    @property
    def width(self) -> int:
        """How many of the columns are claim features."""
        return len(self.features_.names_)

    def transform(self, X: pd.DataFrame) -> sparse.csr_matrix:
        """The matrix: (n, k + t) float64."""
        return self.parts(X)[1]

    def parts(self, X: pd.DataFrame) -> tuple[FloatArray, sparse.csr_matrix]:
        """The claim features as they are, (n, k), and the matrix."""
        check_is_fitted(self)
        dense = self.features_.transform(X)
        return dense, self._assemble(dense, *self._kinds(X), self.text_.transform(X))

    def _assemble(
        self, dense: FloatArray, near: list[list[str]], far: list[list[str]], words: sparse.csr_matrix
    ) -> sparse.csr_matrix:
        scaled = self.scaler_.transform(dense).clip(-4, 4) * self.weight
        patterns = [self.near_.transform(near), self.far_.transform(far) * _FAR_WEIGHT]
        blocks = [sparse.csr_matrix(scaled), *patterns, words]
        return sparse.hstack(blocks, format="csr", dtype=np.float64)

    def _kinds(self, X: pd.DataFrame) -> tuple[list[list[str]], list[list[str]]]:
        texts = Texts.of(normalise_texts(text_columns(X)[0], self.normalisation))
        spans = zip(texts.start, texts.length, strict=True)
        both = [word_kinds(texts, texts.word[start : start + length]) for start, length in spans]
        return [near for near, _ in both], [far for _, far in both]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002
        """The names of the columns."""
        check_is_fitted(self)
        near = [f"near:{name}" for name in self.near_.get_feature_names_out()]
        far = [f"far:{name}" for name in self.far_.get_feature_names_out()]
        names = self.features_.get_feature_names_out(), near, far, self.text_.get_feature_names_out()
        return np.concatenate(names)


class ClaimTopics(Kept, TransformerMixin, BaseEstimator):
    """Table with `text` -> dense (n, k + c): the claim features, then c SVD components of a `ClaimMatrix`."""

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {TruncatedSVD: ("n_components", "random_state")}
    beyond_onnx: ClassVar[str] = "its claim cues (lexicons, numbers in words, forms of verbs)"

    def __init__(self, matrix: ClaimMatrix, *, components: int = 100, seed: int = 0) -> None:
        self.matrix = matrix
        self.components = components
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: Any = None) -> ClaimTopics:  # noqa: ARG002
        """Fits the matrix and the SVD; labels are not used."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: pd.DataFrame, y: Any = None, **_: Any) -> FloatArray:  # noqa: ARG002
        """`fit`, then `transform` of the same table, which is read once."""
        self.matrix_ = clone(self.matrix)
        dense, matrix = self.matrix_.fit_parts(X)
        words = matrix[:, self.matrix_.width :]
        span = max(1, min(self.components, words.shape[1] - 1, words.shape[0]))
        self.topics_ = TruncatedSVD(span, random_state=self.seed).fit(words)
        return np.hstack([dense, self.topics_.transform(words)])

    def transform(self, X: pd.DataFrame) -> FloatArray:
        """The features: (n, k + c) float64."""
        check_is_fitted(self)
        dense, matrix = self.matrix_.parts(X)
        return np.hstack([dense, self.topics_.transform(matrix[:, self.matrix_.width :])])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002
        """The claim features' names, then `topic 0` and so on."""
        check_is_fitted(self)
        topics = [f"topic {at}" for at in range(len(self.topics_.components_))]
        return np.concatenate([self.matrix_.features_.get_feature_names_out(), np.array(topics, dtype=object)])
