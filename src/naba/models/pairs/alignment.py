"""Texts as arrays of word ids, and the alignment of the words of many pairs at once.

Everything is computed per unique word, per unique text, or for all word pairs of a batch together; no Python code
runs per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse

from naba.arabic.normalise import NEWS_1, normalise_all
from naba.arabic.segment import tokens
from naba.arabic.words import CUE_NAMES, analyse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    MaskArray = NDArray[np.uint64]

EXACT, STEM, BASE, SKELETON, PLACE, SYNONYM = 1.0, 0.95, 0.9, 0.85, 0.8, 0.7
SPELLING_SHARE, LEAST_SPELLING = 0.8, 0.6
ALIGNED = 0.6


def codes(values: Sequence[str]) -> tuple[IntArray, list[str]]:
    """Ids of strings by first occurrence, and the strings by id."""
    known: dict[str, int] = {}
    ids = np.fromiter((known.setdefault(value, len(known)) for value in values), np.int64, len(values))
    return ids, list(known)


def ragged(lengths: IntArray) -> tuple[IntArray, IntArray]:
    """For segments of the given lengths laid end to end: the segment of each element, and its place in it."""
    segment = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    return segment, np.arange(len(segment)) - starts[segment]


def unit(vectors: FloatArray) -> FloatArray:
    """The rows of (n, d) divided by their lengths; rows of zeros stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


@dataclass(frozen=True)
class Words:
    """The distinct words of a batch (v of them): ids of stem, base and skeleton, lexicon masks, cue flags (v, cues)."""

    forms: list[str]
    stems: list[str]
    stem: IntArray
    base: IntArray
    skeleton: IntArray
    first_pole: MaskArray
    second_pole: MaskArray
    synonyms: MaskArray
    places: MaskArray
    kinds: MaskArray
    member: IntArray
    cues: FloatArray
    content: BoolArray
    digits: BoolArray

    @classmethod
    def of(cls, forms: list[str]) -> Words:
        """The lexicon entries of the words, as arrays."""
        known = [analyse(form) for form in forms]
        stem, stems = codes([word.stem for word in known])
        masks = {
            name: np.fromiter((getattr(word, name) for word in known), np.uint64, len(known))
            for name in ("first_pole", "second_pole", "synonyms", "places", "kinds", "cues")
        }
        bits = np.arange(len(CUE_NAMES), dtype=np.uint64)
        return cls(
            forms=forms,
            stems=stems,
            stem=stem,
            base=codes([word.base for word in known])[0],
            skeleton=codes([word.skeleton for word in known])[0],
            first_pole=masks["first_pole"],
            second_pole=masks["second_pole"],
            synonyms=masks["synonyms"],
            places=masks["places"],
            kinds=masks["kinds"],
            member=codes([str(word.members) for word in known])[0],
            cues=((masks["cues"][:, None] >> bits) & np.uint64(1)).astype(float),
            content=np.fromiter((not word.stop for word in known), bool, len(known)),
            digits=np.fromiter((form[:1].isdigit() for form in forms), bool, len(forms)),
        )

    def spelling(self) -> sparse.csr_array:
        """Distinct bigrams of each word with its edges marked: a (v, bigrams) indicator matrix."""
        grams = [sorted({f"<{form}>"[at : at + 2] for at in range(len(form) + 1)}) for form in self.forms]
        ids, names = codes([gram for word in grams for gram in word])
        indptr = np.concatenate([[0], np.cumsum([len(word) for word in grams])]).astype(np.int64)
        return sparse.csr_array((np.ones(len(ids)), ids, indptr), shape=(len(grams), max(len(names), 1)))


@dataclass(frozen=True)
class Texts:
    """The distinct texts of a batch: their words end to end (`word`), text t at `start[t]:start[t] + length[t]`."""

    tokens: list[list[str]]
    words: Words
    word: IntArray
    start: IntArray
    length: IntArray

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """Normalises (`news`), tokenises and looks up."""
        split = [tokens(text) for text in normalise_all(texts, NEWS_1)]
        word, forms = codes([token for text in split for token in text])
        length = np.fromiter(map(len, split), np.int64, len(split))
        return cls(split, Words.of(forms), word, np.cumsum(length) - length, length)

    def counts(self, column: IntArray, width: int) -> sparse.csr_array:
        """How often each value of `column` (an id per distinct word) occurs in each text: (texts, width)."""
        segment, _ = ragged(self.length)
        ones = np.ones(len(self.word))
        return sparse.csr_array((ones, (segment, column[self.word])), shape=(len(self.length), width))

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum over the words of each text of `values` (one or a row a distinct word): (texts,) or (texts, k)."""
        return self.counts(np.arange(len(self.words.forms)), len(self.words.forms)) @ values


class Alignment(NamedTuple):
    """All word pairs (p of them) of the rows' two texts, and each word's best counterpart.

    `row`, `left`, `right` (p,): the row, and distinct words of target and text; `level` (p,): how alike, 0 to 1.
    `left_row`, `left_word`, `left_best`, `left_at` (l,): for each target word in place its row, id, best level, and
    the place in the text of that best; `right_…` (r,): the same from the text's side.
    `left_position`, `right_position` (p,): the words' places in their texts.
    `distinct_left`, `distinct_right` (d,): the distinct pairs of words; `distinct` (p,): which of these each pair is.
    """

    row: IntArray
    left: IntArray
    right: IntArray
    left_position: IntArray
    right_position: IntArray
    level: FloatArray
    left_row: IntArray
    left_word: IntArray
    left_best: FloatArray
    left_at: IntArray
    right_row: IntArray
    right_word: IntArray
    right_best: FloatArray
    left_element: IntArray
    right_element: IntArray
    distinct_left: IntArray
    distinct_right: IntArray
    distinct: IntArray


def _levels(words: Words, left: IntArray, right: IntArray) -> FloatArray:
    """How alike two words are, for distinct pairs of word ids."""
    level = np.zeros(len(left))
    both = words.content[left] & words.content[right]
    for value, alike in (
        (SYNONYM, (words.synonyms[left] & words.synonyms[right]) != 0),
        (SYNONYM, (words.first_pole[left] & words.first_pole[right]) != 0),
        (SYNONYM, (words.second_pole[left] & words.second_pole[right]) != 0),
        (PLACE, (words.places[left] & words.places[right]) != 0),
        (SKELETON, words.skeleton[left] == words.skeleton[right]),
        (BASE, words.base[left] == words.base[right]),
        (STEM, words.stem[left] == words.stem[right]),
    ):
        np.maximum(level, np.where(alike & both, value, 0.0), out=level)
    level[left == right] = EXACT
    rest = np.flatnonzero((level == 0) & both & ~words.digits[left] & ~words.digits[right])
    opposed = (words.first_pole[left] & words.second_pole[right]) | (words.second_pole[left] & words.first_pole[right])
    rest = rest[opposed[rest] == 0]
    grams = words.spelling()
    sizes = grams.sum(axis=1)
    for block in np.array_split(rest, max(1, len(rest) // 200_000)):
        a, b = left[block], right[block]
        dice = 2 * (grams[a].multiply(grams[b])).sum(axis=1) / (sizes[a] + sizes[b])
        level[block] = np.where(dice >= LEAST_SPELLING, SPELLING_SHARE * dice, 0.0)
    return level


def align(texts: Texts, left: IntArray, right: IntArray) -> Alignment:
    """Compares every word of the left text of each row with every word of its right text.

    Args:
        left, right: (n,) text ids.
    """
    lengths_left, lengths_right = texts.length[left], texts.length[right]
    row, place = ragged(lengths_left * lengths_right)
    width = lengths_right[row]
    left_position, right_position = place // np.maximum(width, 1), place % np.maximum(width, 1)
    left_word = texts.word[texts.start[left][row] + left_position]
    right_word = texts.word[texts.start[right][row] + right_position]
    vocabulary = max(len(texts.words.forms), 1)
    pairs, distinct = np.unique(left_word * vocabulary + right_word, return_inverse=True)
    distinct_left, distinct_right = pairs // vocabulary, pairs % vocabulary
    level = _levels(texts.words, distinct_left, distinct_right)[distinct]
    left_row, left_place = ragged(lengths_left)
    right_row, right_place = ragged(lengths_right)
    left_element = (np.cumsum(lengths_left) - lengths_left)[row] + left_position
    right_element = (np.cumsum(lengths_right) - lengths_right)[row] + right_position
    left_best, right_best = np.zeros(len(left_row)), np.zeros(len(right_row))
    np.maximum.at(left_best, left_element, level)
    np.maximum.at(right_best, right_element, level)
    left_at = np.full(len(left_row), np.iinfo(np.int64).max)
    best = np.flatnonzero((level == left_best[left_element]) & (level >= ALIGNED))
    np.minimum.at(left_at, left_element[best], right_position[best])
    left_at[left_best < ALIGNED] = -1
    return Alignment(
        row, left_word, right_word, left_position, right_position, level,
        left_row, texts.word[texts.start[left][left_row] + left_place], left_best, left_at,
        right_row, texts.word[texts.start[right][right_row] + right_place], right_best,
        left_element, right_element, distinct_left, distinct_right, distinct,
    )  # fmt: skip
