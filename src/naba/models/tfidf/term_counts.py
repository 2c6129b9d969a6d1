"""TF-IDF rows of a fitted vectoriser, the same bits as its own `transform`, in a fraction of the time.

scikit-learn cuts every text into character n-grams again. News repeats its words, and an n-gram of `char_wb` never
crosses a blank, so what a word contributes is looked up once and kept.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.feature_extraction.text import TfidfVectorizer

TOKEN_PATTERN = r"\w+|[^\w\s]"  # noqa: S105 - punctuation is a token: a question mark decides claim types
LARGEST_CACHE = 100_000
"""Words kept for each vectoriser; then they are dropped, so that memory stays bounded."""


class _Terms:
    """The columns of the terms of texts, for one fitted vectoriser."""

    def __init__(self, vectoriser: TfidfVectorizer) -> None:
        self.vocabulary: dict[str, int] = vectoriser.vocabulary_
        self.span = range(vectoriser.ngram_range[0], vectoriser.ngram_range[1] + 1)
        self.characters = vectoriser.analyzer == "char_wb"
        self.tokens = re.compile(vectoriser.token_pattern).findall
        self.known: dict[str, list[Any]] = {}

    def columns(self, text: str) -> list[int]:
        """The column of each term of a text that is in the vocabulary; a term that occurs twice stands there twice."""
        known, parts = self.known, []
        for word in text.lower().split():
            part = known.get(word)
            if part is None:
                if len(known) >= LARGEST_CACHE:
                    known.clear()
                part = known[word] = self._of_characters(word) if self.characters else self.tokens(word)
            parts.append(part)
        found = list(chain.from_iterable(parts))
        return found if self.characters else self._of_tokens(found)

    def _of_characters(self, word: str) -> list[int]:
        """Columns of the n-grams of a word with a blank on either side; a word shorter than n counts once."""
        padded, found = f" {word} ", []
        for length in self.span:
            found += [padded[start : start + length] for start in range(max(1, len(padded) - length + 1))]
            if length >= len(padded):
                break
        return self._looked_up(found)

    def _of_tokens(self, tokens: list[str]) -> list[int]:
        terms: list[str] = []
        for length in self.span:
            shifted = [tokens[start:] for start in range(length)]
            terms += tokens if length == 1 else map(" ".join, zip(*shifted, strict=False))
        return self._looked_up(terms)

    def _looked_up(self, terms: list[str]) -> list[int]:
        vocabulary = self.vocabulary
        return [vocabulary[term] for term in terms if term in vocabulary]


_KEPT: WeakKeyDictionary[TfidfVectorizer, _Terms] = WeakKeyDictionary()


def tfidf_rows(vectoriser: TfidfVectorizer, texts: Sequence[str]) -> scipy.sparse.csr_matrix:
    """`vectoriser.transform(texts)`, (n, terms) CSR.

    Args:
        vectoriser: fitted; one whose settings are not known here transforms the texts itself.
    """
    if not _is_known(vectoriser):
        return vectoriser.transform(texts)
    terms = _KEPT.get(vectoriser)
    if terms is None or terms.vocabulary is not vectoriser.vocabulary_:
        terms = _KEPT[vectoriser] = _Terms(vectoriser)
    rows = [terms.columns(text) for text in texts]
    ends = np.zeros(len(rows) + 1, dtype=np.int32)
    np.cumsum([len(row) for row in rows], out=ends[1:])
    columns = np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(ends[-1]))
    shape = (len(rows), len(terms.vocabulary))
    counts = scipy.sparse.csr_matrix((np.ones(len(columns), vectoriser.dtype), columns, ends), shape=shape)
    counts.sum_duplicates()
    return vectoriser._tfidf.transform(counts, copy=False)  # noqa: SLF001 - its second half, as it calls it itself


def _is_known(vectoriser: TfidfVectorizer) -> bool:
    plain = vectoriser.lowercase and not vectoriser.binary and vectoriser.strip_accents is None
    plain = plain and vectoriser.preprocessor is None and vectoriser.tokenizer is None and not vectoriser.stop_words
    # A token that spans blanks, or looks round itself, would not be that of a word alone.
    return plain and (
        vectoriser.analyzer == "char_wb"
        or (vectoriser.analyzer == "word" and vectoriser.token_pattern == TOKEN_PATTERN)
    )
