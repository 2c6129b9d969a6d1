"""Fitting TF-IDF on many texts: the vocabulary and idf of scikit-learn's own `fit`, in less time and memory.

scikit-learn makes a string of each n-gram of each text and keeps all of them until the rare ones are dropped. Here
n-grams are numbers, strings are made of those that stay, and rows are put into one matrix that grows in its place.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import chain, count, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from naba.models.tfidf.term_counts import IntArray, Split, character_grams, tfidf_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from naba.models.tfidf.vectoriser import Vectoriser

BLOCK = 8192
"""Texts whose n-grams are in memory at once."""


def fit(vectoriser: Vectoriser, texts: Sequence[str]) -> bool:
    """Give a vectoriser of words or of `char_wb` its vocabulary and its idf; False where no term is frequent enough."""
    find = _of_characters if vectoriser.analyzer == "char_wb" else _of_tokens
    terms, frequencies = find(vectoriser, texts)
    if not terms:
        return False
    order = sorted(range(len(terms)), key=terms.__getitem__)
    vectoriser.vocabulary_ = {terms[place]: column for column, place in enumerate(order)}
    vectoriser.fixed_vocabulary_ = False
    # As `TfidfTransformer.fit` has it, in the type of the rows.
    smooth = frequencies[order].astype(vectoriser.dtype) + vectoriser.dtype(1)
    vectoriser.idf_ = np.log(np.full_like(smooth, len(texts) + 1) / smooth) + vectoriser.dtype(1)
    return True


def rows(vectorisers: Sequence[Vectoriser], texts: Iterable[str]) -> scipy.sparse.csr_matrix:
    """The rows of fitted vectorisers side by side, (n, all their terms) CSR.

    Arrays that grow keep their place, so that memory holds little more than the matrix.
    """
    data: Any = np.empty(0, dtype=vectorisers[0].dtype)
    indices, ends = np.empty(0, dtype=np.int32), [np.zeros(1, dtype=np.int64)]
    size = 0
    for block in _blocks(texts):
        split = Split.of(block)
        parts = [tfidf_rows(vectoriser, block, split) for vectoriser in vectorisers]
        part = parts[0] if len(parts) == 1 else scipy.sparse.hstack(parts, format="csr")
        for kept in (data, indices):
            kept.resize(size + part.nnz, refcheck=False)
        data[size:], indices[size:] = part.data, part.indices
        ends.append(part.indptr[1:].astype(np.int64) + size)
        size += part.nnz
    places = np.concatenate(ends)
    # Solvers want both kinds of numbers of one size.
    if size > np.iinfo(np.int32).max:
        indices = indices.astype(np.int64)
    shape = (len(places) - 1, sum(len(vectoriser.vocabulary_) for vectoriser in vectorisers))
    return scipy.sparse.csr_matrix((data, indices, places.astype(indices.dtype)), shape=shape)


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    left = iter(texts)
    while block := list(islice(left, BLOCK)):
        yield block


def _of_characters(vectoriser: Vectoriser, texts: Sequence[str]) -> tuple[list[str], IntArray]:
    """Terms that enough texts have, and how many have each; what a word contributes is worked out once."""
    shortest, longest = vectoriser.ngram_range
    grams: defaultdict[str, int] = defaultdict(count().__next__)

    class Known(dict[str, list[int]]):
        def __missing__(self, word: str) -> list[int]:
            found = self[word] = list({grams[gram] for gram in character_grams(word, range(shortest, longest + 1))})
            return found

    known = Known()
    frequencies = np.zeros(0, dtype=np.int64)
    for block in _blocks(texts):
        numbers = [list(chain.from_iterable(map(known.__getitem__, text.lower().split()))) for text in block]
        found = _text_counts(numbers, len(grams))
        found[: len(frequencies)] += frequencies
        frequencies = found
    terms = list(grams)
    stay = np.flatnonzero(frequencies >= vectoriser.min_df)
    return [terms[place] for place in stay], frequencies[stay]


def _text_counts(numbers: Sequence[Sequence[int]], most: int) -> IntArray:
    """(most,) in how many texts each number occurs."""
    lengths = [len(one) for one in numbers]
    flat = np.fromiter(chain.from_iterable(numbers), dtype=np.int32, count=sum(lengths))
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    columns = scipy.sparse.csr_matrix((np.ones(len(flat), np.int8), flat, ends), shape=(len(numbers), most)).tocsc()
    # By column now, and by text within one: what a text has twice stands together.
    new = np.ones(len(flat), dtype=np.int64)
    new[1:] = columns.indices[1:] != columns.indices[:-1]
    new[columns.indptr[:-1][np.diff(columns.indptr) > 0]] = 1
    totals = np.concatenate([[0], np.cumsum(new)])
    return totals[columns.indptr[1:]] - totals[columns.indptr[:-1]]


def _of_tokens(vectoriser: Vectoriser, texts: Sequence[str]) -> tuple[list[str], IntArray]:
    """Terms that enough texts have, and how many have each; a longer one begins with a shorter one that stays."""
    shortest, longest = vectoriser.ngram_range
    tokens, text_of, words = _tokens(vectoriser.token_pattern, texts)
    terms: list[str] = []
    frequencies: list[IntArray] = []
    begun, last, first, names = np.zeros(len(tokens), dtype=np.int64), tokens, text_of, [""]
    for length in range(1, longest + 1):
        if length > 1:
            # An n-gram that begins here goes on with the next token of the same text, if it has one.
            begun, last, first = begun[:-1], last[1:], first[:-1]
            goes_on = (begun >= 0) & (first == text_of[length - 1 :])
        else:
            goes_on = np.ones(len(tokens), dtype=np.bool_)
        places = np.flatnonzero(goes_on)
        keys, counts, numbers = _numbered(begun[places] * len(words) + last[places], first[places])
        stay = counts >= vectoriser.min_df
        of_stay = np.where(stay, np.cumsum(stay) - 1, -1)
        begun = np.full(len(begun), -1, dtype=np.int64)
        begun[places] = of_stay[numbers]
        names = [
            f"{names[before]} {words[token]}" if length > 1 else words[token]
            for before, token in zip(
                *(part.tolist() for part in np.divmod(keys[stay], max(1, len(words)))), strict=True
            )
        ]
        if length >= shortest:
            terms += names
            frequencies.append(counts[stay])
    return terms, np.concatenate(frequencies)


def _tokens(pattern: str, texts: Sequence[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], list[str]]:
    """The number of each token, the place of its text, and the tokens by number."""
    find = re.compile(pattern).findall
    known: defaultdict[str, int] = defaultdict(count().__next__)
    numbers, lengths = [np.zeros(0, dtype=np.int32)], []
    for block in _blocks(texts):
        found = [find(text.lower()) for text in block]
        sizes = [len(one) for one in found]
        flat = map(known.__getitem__, chain.from_iterable(found))
        numbers.append(np.fromiter(flat, dtype=np.int32, count=sum(sizes)))
        lengths += sizes
    return np.concatenate(numbers), np.repeat(np.arange(len(texts), dtype=np.int32), lengths), list(known)


def _numbered(keys: IntArray, text_of: npt.NDArray[np.int32]) -> tuple[IntArray, IntArray, IntArray]:
    """The distinct keys in order, in how many texts each occurs, and the place of each key among them."""
    order = np.argsort(keys, kind="stable")
    ordered, texts = keys[order], text_of[order]
    new = np.ones(len(keys), dtype=np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    other_text = new.copy()
    other_text[1:] |= texts[1:] != texts[:-1]
    numbers = np.empty(len(keys), dtype=np.int64)
    numbers[order] = np.cumsum(new) - 1
    starts = np.flatnonzero(new)
    counts = np.add.reduceat(other_text, starts, dtype=np.int64) if len(starts) else np.zeros(0, dtype=np.int64)
    return ordered[starts], counts, numbers
