"""Sparse TF-IDF features of single texts and of pairs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, TransformerMixin

from naba.errors import UserError
from naba.models.classifier import Kept, normalise_texts, text_columns
from naba.models.tfidf import term_counts
from naba.models.tfidf.term_counts import TOKEN_PATTERN, Split, tfidf_rows
from naba.models.tfidf.vectoriser import Vectoriser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.arabic.normalise import Profile

OVERLAPS = (
    "word_jaccard", "target_words_in_text", "text_words_in_target", "length_ratio", "numbers_shared", "numbers_clash",
    "numbers_on_one_side", "negation_on_one_side",
)  # fmt: skip
"""A handful of numbers that say how much two short texts have in common."""

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,٫]\d+)*")
NEGATIONS = [
    "لا", "لم", "لن", "ليس", "ليست", "ليسوا", "ما", "غير", "دون", "بدون", "عدم", "نفى", "نفت", "ينفي", "تنفي",
    "ينفون", "نفي", "كذب", "تكذب", "يكذب", "تكذيب", "بلا",
]  # fmt: skip


@dataclass(frozen=True)
class _Parts:
    words: frozenset[str]
    numbers: frozenset[str]
    length: int
    negated: bool


def overlap_features(
    texts: Sequence[str], pairs: Sequence[tuple[int, int]], negations: frozenset[str] = frozenset(NEGATIONS)
) -> np.ndarray:
    """Overlap of each pair, shape (number of pairs, len(OVERLAPS)), float32, all in [0, 1].

    Args:
        texts: the distinct texts, normalised already.
        pairs: (place of the text, place of the target) in `texts`, one a row.
        negations: negation words, in the spelling of the texts.
    """
    parts = [_parts(text, negations) for text in texts]
    rows = [_compare(parts[text], parts[target]) for text, target in pairs]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(OVERLAPS))


def _parts(text: str, negations: frozenset[str]) -> _Parts:
    words = frozenset(_WORD.findall(text))
    return _Parts(words, frozenset(_NUMBER.findall(text)), len(text), not words.isdisjoint(negations))


def _compare(text: _Parts, target: _Parts) -> tuple[float, ...]:
    shared = len(text.words & target.words)
    either = len(text.words | target.words)
    both_numbers = bool(text.numbers and target.numbers)
    return (
        shared / max(1, either),
        shared / max(1, len(target.words)),
        shared / max(1, len(text.words)),
        min(text.length, target.length) / max(1, text.length, target.length),
        float(not text.numbers.isdisjoint(target.numbers)),
        float(both_numbers and text.numbers != target.numbers),
        float(bool(text.numbers) != bool(target.numbers)),
        float(text.negated != target.negated),
    )


FEW = 50
"""Fewer texts may have no n-gram that `minimum_count` of them share; all n-grams then stay."""
PAIR_BLOCKS = ("text", "target", "difference", "product")


class TextFeatures(Kept, TransformerMixin, BaseEstimator):
    """TF-IDF of words and of characters; for pairs of both sides, their difference and their product as well.

    Each distinct text is normalised and vectorised once. Both sides share one vocabulary, fitted on the distinct
    texts of the training part. All features are non-negative, so that naive Bayes can use them.

    Args:
        pair: use `target` as well as `text`.
        normalisation: profile applied to both columns; None leaves them as they are.
        words: longest word n-gram; 0 for none.
        characters_to: longest character n-gram inside words (`char_wb`, from 2); 0 for none.
        minimum_count: distinct training texts that a feature must occur in.
        side_weight: weight of each side's own block; the difference and the product have 1.
    """

    def __init__(
        self,
        *,
        pair: bool = False,
        normalisation: Profile | None = None,
        words: int = 2,
        characters_to: int = 4,
        minimum_count: int = 2,
        side_weight: float = 0.5,
    ) -> None:
        self.pair = pair
        self.normalisation = normalisation
        self.words = words
        self.characters_to = characters_to
        self.minimum_count = minimum_count
        self.side_weight = side_weight

    def fit(self, X: Any, y: Any = None) -> TextFeatures:
        """Fit the vocabularies and document frequencies on the texts of table X."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> scipy.sparse.csr_matrix:  # noqa: ARG002
        """Fit on table X of n rows and return its features, (n, number of features) float32 CSR."""
        distinct, texts, targets = self._distinct(X)
        self.vectorisers_ = {name: each for name, each in self._vectorisers().items() if _fit(each, distinct)}
        if not self.vectorisers_:
            raise UserError(
                f"the {len(distinct)} distinct training texts hold no words",
                "look at the text column and at the normalisation profile",
            )
        fitted = list(self.vectorisers_.values())
        if not self.pair:
            return term_counts.stacked_rows(fitted, map(distinct.__getitem__, texts))
        return self._assemble(distinct, [term_counts.stacked_rows([each], distinct) for each in fitted], texts, targets)

    def transform(self, X: Any) -> scipy.sparse.csr_matrix:
        """Features of table X of n rows, (n, number of features) float32 CSR."""
        distinct, texts, targets = self._distinct(X)
        split = Split.of(distinct)
        blocks = [tfidf_rows(vectoriser, distinct, split) for vectoriser in self.vectorisers_.values()]
        return self._assemble(distinct, blocks, texts, targets)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002
        """Names such as `product:word:ارتفاع`, `text:character:ارت` and `overlap:word_jaccard`, (features,) object."""
        terms = [
            f"{kind}:{term}"
            for kind, vectoriser in self.vectorisers_.items()
            for term in vectoriser.get_feature_names_out()
        ]
        if not self.pair:
            return np.array([f"text:{term}" for term in terms], dtype=object)
        scalars = [f"overlap:{name}" for name in (*OVERLAPS, *(f"{kind}_cosine" for kind in self.vectorisers_))]
        return np.array([f"{block}:{term}" for block in PAIR_BLOCKS for term in terms] + scalars, dtype=object)

    def _vectorisers(self) -> dict[str, Vectoriser]:
        common: dict[str, Any] = {"min_df": self.minimum_count, "sublinear_tf": True, "dtype": np.float32}
        vectorisers = {}
        if self.words:
            vectorisers["word"] = Vectoriser(ngram_range=(1, self.words), token_pattern=TOKEN_PATTERN, **common)
        if self.characters_to:
            span = (min(2, self.characters_to), self.characters_to)
            vectorisers["character"] = Vectoriser(analyzer="char_wb", ngram_range=span, **common)
        if not vectorisers:
            raise UserError("words and characters_to are both 0, which leaves no features", "set one above 0")
        return vectorisers

    def _distinct(self, X: Any) -> tuple[list[str], np.ndarray, np.ndarray]:
        """The distinct normalised texts, and the place in them of each row's text and target."""
        texts, targets = text_columns(X)
        columns = (texts, targets) if self.pair else (texts,)
        raw = list(dict.fromkeys(text for column in columns for text in column))
        places: dict[str, int] = {}
        seen = {
            text: places.setdefault(normalised, len(places))
            for text, normalised in zip(raw, normalise_texts(raw, self.normalisation), strict=True)
        }
        indices = [np.array([seen[text] for text in column], dtype=np.int64) for column in columns]
        return list(places), indices[0], indices[-1]

    def _assemble(
        self, distinct: list[str], blocks: list[scipy.sparse.csr_matrix], texts: np.ndarray, targets: np.ndarray
    ) -> scipy.sparse.csr_matrix:
        rows = blocks[0] if len(blocks) == 1 else scipy.sparse.hstack(blocks, format="csr")
        if not self.pair:
            return rows if len(texts) == len(distinct) else rows[texts]
        left, right = rows[texts], rows[targets]
        difference = left - right
        np.abs(difference.data, out=difference.data)
        product = left.multiply(right).tocsr()
        negations = frozenset(normalise_texts(NEGATIONS, self.normalisation))
        overlap = overlap_features(distinct, list(zip(texts.tolist(), targets.tolist(), strict=True)), negations)
        cosines, start = [], 0
        for block in blocks:
            stop = start + block.shape[1]
            cosines.append(np.asarray(product[:, start:stop].sum(axis=1)).reshape(len(texts), 1))
            start = stop
        for side in (left, right):
            side.data *= np.float32(self.side_weight)
        scalars = scipy.sparse.csr_matrix(np.hstack([overlap, *cosines]).astype(np.float32))
        return scipy.sparse.hstack([left, right, difference, product, scalars], format="csr", dtype=np.float32)


def _fit(vectoriser: Vectoriser, texts: list[str]) -> bool:
    """Fit; False when the texts hold no such n-gram at all."""
    if term_counts.fit_terms(vectoriser, texts):
        return True
    if len(texts) >= FEW:
        return False
    vectoriser.set_params(min_df=1)  # a corpus this small repeats nothing
    return term_counts.fit_terms(vectoriser, texts)
