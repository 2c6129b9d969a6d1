"""TF-IDF of many texts, the same bits as scikit-learn's own `fit` and `transform`, in a fraction of time and memory.

scikit-learn cuts every text into character n-grams again. News repeats its words, and an n-gram of `char_wb` never
crosses a blank, so what a word contributes is worked out once, kept as numbers, and put together by numpy for many
texts at a time; an n-gram of words is found by the numbers of its tokens, without making its string.

To fit, scikit-learn makes a string of each n-gram of each text and keeps all of them until the rare ones are dropped.
Here n-grams are numbers, strings are made of those that stay, and rows are put into one matrix that grows in its place.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain, count, islice
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.utils.sparsefuncs_fast import inplace_csr_row_normalize_l2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sklearn.feature_extraction.text import TfidfVectorizer

    from naba.models.tfidf.vectoriser import Vectoriser

IntArray = npt.NDArray[np.int64]

TOKEN_PATTERN = r"\w+|[^\w\s]"  # noqa: S105 - punctuation is a token: a question mark decides claim types
LARGEST_CACHE = 100_000
"""Words kept for each vectoriser; then they are dropped, so that memory stays bounded."""
LARGEST_NUMBERS = 10_000_000
"""Numbers that the kept words may have in all (40 MB)."""
BLOCK = 8192
"""Texts whose n-grams are in memory at once."""


@dataclass(frozen=True)
class Split:
    """The words of n texts.

    Attributes:
        words: of all texts, one after the other, in lower case.
        ends: (n + 1,) how many words stand before each text, and in all.
    """

    words: list[str]
    ends: IntArray

    @classmethod
    def of(cls, texts: Sequence[str]) -> Split:
        """Cut texts at white space."""
        parts = [text.lower().split() for text in texts]
        ends = np.zeros(len(parts) + 1, dtype=np.int64)
        np.cumsum([len(part) for part in parts], out=ends[1:])
        return cls(list(chain.from_iterable(parts)), ends)


def character_grams(word: str, span: range) -> list[str]:
    """The n-grams of a word with a blank on either side, as `char_wb` has them: one shorter than n counts once."""
    padded, found = f" {word} ", []
    for length in span:
        found += [padded[start : start + length] for start in range(max(1, len(padded) - length + 1))]
        if length >= len(padded):
            break
    return found


class _Known(dict[str, int]):
    """Word -> its place; the numbers of word p are `numbers[starts[p] : starts[p + 1]]`. Asking for a word adds it.

    Several threads may ask: what a place stands for never changes, and arrays that grow are new ones.
    """

    def __init__(self, contribute: Callable[[str], list[int]]) -> None:
        self.contribute = contribute
        self.lock = Lock()
        self.starts = np.zeros(1024, dtype=np.int64)
        self.numbers = np.empty(8192, dtype=np.int32)

    def __missing__(self, word: str) -> int:
        found = self.contribute(word)
        with self.lock:
            place = len(self)
            begin = self.starts[place]
            end = begin + len(found)
            if end > len(self.numbers):
                self.numbers = np.concatenate([self.numbers, np.empty(end, dtype=np.int32)])
            if place + 2 > len(self.starts):
                self.starts = np.concatenate([self.starts, np.empty(place, dtype=np.int64)])
            self.numbers[begin:end] = found
            self.starts[place + 1] = end
            return self.setdefault(word, place)

    def of(self, split: Split) -> tuple[npt.NDArray[np.int32], IntArray]:
        """The numbers of all words of texts, and the (n + 1,) ends of each text's."""
        places = np.fromiter(map(self.__getitem__, split.words), dtype=np.int64, count=len(split.words))
        starts, numbers = self.starts, self.numbers
        begins = starts[places]
        lengths = starts[places + 1] - begins
        ends = np.zeros(len(places) + 1, dtype=np.int64)
        np.cumsum(lengths, out=ends[1:])
        taken = np.arange(ends[-1])
        taken += np.repeat(begins - ends[:-1], lengths)
        return numbers[taken], ends[split.ends]


class _Terms:
    """The columns of the terms of texts, for one fitted vectoriser."""

    def __init__(self, vectoriser: TfidfVectorizer) -> None:
        self.vocabulary: dict[str, int] = vectoriser.vocabulary_
        self.span = range(vectoriser.ngram_range[0], vectoriser.ngram_range[1] + 1)
        self.characters = vectoriser.analyzer == "char_wb"
        self.tokens = re.compile(vectoriser.token_pattern).findall
        if not self.characters:
            self.numbers, self.levels = _levels(self.vocabulary, self.span[-1])
        self.known = _Known(self._contribute)

    def counts(self, split: Split, dtype: Any) -> scipy.sparse.csr_matrix:
        """(n, terms) how often each text has each term."""
        known = self.known
        numbers, ends = known.of(split)
        if len(known) > LARGEST_CACHE or known.starts[len(known)] > LARGEST_NUMBERS:
            self.known = _Known(self._contribute)
        shape = (len(ends) - 1, len(self.vocabulary))
        if not self.characters:
            rows, numbers = self._of_tokens(numbers, np.repeat(np.arange(shape[0]), np.diff(ends)))
            ends = np.searchsorted(rows, np.arange(shape[0] + 1))
        ones = np.ones(len(numbers), dtype)
        found = scipy.sparse.csr_matrix((ones, numbers, ends.astype(np.int32)), shape=shape)
        if found.nnz > shape[1]:
            found = found.tocsc().tocsr()  # sorts by counting, which many rows at once make faster than comparing
        found.sum_duplicates()
        return found

    def _contribute(self, word: str) -> list[int]:
        """Columns of the n-grams of a word; or the numbers of its tokens, -1 for one that no term has."""
        if not self.characters:
            return [self.numbers.get(token, -1) for token in self.tokens(word)]
        vocabulary = self.vocabulary
        return [vocabulary[term] for term in character_grams(word, self.span) if term in vocabulary]

    def _of_tokens(self, tokens: npt.NDArray[np.int32], rows: IntArray) -> tuple[IntArray, npt.NDArray[np.int32]]:
        """Row and column of each n-gram that is a term, by row."""
        found: list[tuple[IntArray, npt.NDArray[np.int32]]] = []
        begun = np.zeros(len(tokens), dtype=np.int64)  # the number of the n-gram that begins at each token
        for length, level in enumerate(self.levels, start=1):
            last = tokens[length - 1 :]
            begun = level.longer(begun[: len(last)], last, rows[: len(last)] == rows[length - 1 :])
            columns = level.columns[begun]
            there = columns >= 0 if length >= self.span[0] else np.zeros(len(columns), dtype=np.bool_)
            found.append((rows[: len(columns)][there], columns[there]))
        at, columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.argsort(at, kind="stable")
        return at[order], columns[order]


@dataclass(frozen=True)
class _Level:
    """The n-grams of one length that are terms, or with which longer ones begin, by number.

    Attributes:
        keys: (m,) sorted: the number of the n-gram without its last token, times `tokens`, plus the last token's.
        columns: (m + 1,) the column of each; -1 for one that is no term, and at the end for none.
        tokens: how many tokens have numbers.
    """

    keys: IntArray
    columns: npt.NDArray[np.int32]
    tokens: int

    def longer(self, begun: IntArray, tokens: npt.NDArray[np.int32], together: npt.NDArray[np.bool_]) -> IntArray:
        """The numbers of the n-grams that are one token longer; -1 where there is none."""
        known = np.flatnonzero((begun >= 0) & (tokens >= 0) & together)
        wanted = begun[known] * self.tokens + tokens[known]
        places = np.searchsorted(self.keys, wanted)
        places[places == len(self.keys)] = 0
        found = np.full(len(tokens), -1, dtype=np.int64)
        if len(self.keys):
            same = self.keys[places] == wanted
            found[known[same]] = places[same]
        return found


def _levels(vocabulary: dict[str, int], longest: int) -> tuple[dict[str, int], list[_Level]]:
    """The number of each token, and the n-grams of each length from 1."""
    split = [term.split(" ") for term in vocabulary]
    numbers: dict[str, int] = {}
    tokens = [[numbers.setdefault(token, len(numbers)) for token in parts] for parts in split]
    lengths = np.array([len(parts) for parts in tokens])
    columns = np.fromiter(vocabulary.values(), dtype=np.int32, count=len(vocabulary))
    begun, levels = np.zeros(len(tokens), dtype=np.int64), []
    for length in range(1, longest + 1):
        there = np.flatnonzero(lengths >= length)
        last = np.array([tokens[term][length - 1] for term in there], dtype=np.int64)
        keys, places = np.unique(begun[there] * len(numbers) + last, return_inverse=True)
        begun[there] = places
        of_keys = np.full(len(keys) + 1, -1, dtype=np.int32)
        whole = lengths[there] == length
        of_keys[places[whole]] = columns[there[whole]]
        levels.append(_Level(keys, of_keys, len(numbers)))
    return numbers, levels


_KEPT: WeakKeyDictionary[TfidfVectorizer, _Terms] = WeakKeyDictionary()


def tfidf_rows(
    vectoriser: TfidfVectorizer, texts: Sequence[str], split: Split | None = None
) -> scipy.sparse.csr_matrix:
    """`vectoriser.transform(texts)`, (n, terms) CSR.

    Args:
        vectoriser: fitted; one whose settings are not known here transforms the texts itself.
        split: the words of the texts, where they are known.
    """
    if not _is_known(vectoriser):
        return vectoriser.transform(texts)
    terms = _KEPT.get(vectoriser)
    if terms is None or terms.vocabulary is not vectoriser.vocabulary_:
        terms = _KEPT[vectoriser] = _Terms(vectoriser)
    counts = terms.counts(Split.of(texts) if split is None else split, vectoriser.dtype)
    if not (vectoriser.use_idf and vectoriser.norm == "l2"):
        return vectoriser._tfidf.transform(counts, copy=False)  # noqa: SLF001 - its second half, as it calls it itself
    return _weigh(counts, vectoriser.idf_, sublinear=vectoriser.sublinear_tf)


def _weigh(counts: scipy.sparse.csr_matrix, idf: npt.NDArray[Any], *, sublinear: bool) -> scipy.sparse.csr_matrix:
    """`TfidfTransformer.transform` in place, without its checks, which take longer than the rows of one request."""
    if sublinear:
        np.log(counts.data, counts.data)
        counts.data += 1
    counts.data *= idf[counts.indices]
    inplace_csr_row_normalize_l2(counts)
    return counts


def _is_known(vectoriser: TfidfVectorizer) -> bool:
    plain = vectoriser.lowercase and not vectoriser.binary and vectoriser.strip_accents is None
    plain = plain and vectoriser.preprocessor is None and vectoriser.tokenizer is None and not vectoriser.stop_words
    # A token that spans blanks, or looks round itself, would not be that of a word alone.
    return plain and (
        vectoriser.analyzer == "char_wb"
        or (vectoriser.analyzer == "word" and vectoriser.token_pattern == TOKEN_PATTERN)
    )


def fit_terms(vectoriser: Vectoriser, texts: Sequence[str]) -> bool:
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


def stacked_rows(vectorisers: Sequence[Vectoriser], texts: Iterable[str]) -> scipy.sparse.csr_matrix:
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
