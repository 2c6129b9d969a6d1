"""Pair features from word vectors: how near in meaning the words are that share no spelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from naba.arabic.words import base
from naba.models.pairs.alignment import ALIGNED, unit

if TYPE_CHECKING:
    from naba.models.pairs.alignment import Alignment, FloatArray, IntArray
    from naba.models.pairs.groups import Batch, Columns
    from naba.models.pairs.vectors import WordVectors

_BLOCK = 100_000
_NEUTRAL = 0.5  # where a side has no word left to compare

SOFT_DESCRIPTIONS = {
    f"{side}_{name}": text.replace("{side}", side)
    for side in ("target", "text")
    for name, text in {
        "soft_coverage": "idf-weighted mean, over the {side}'s content words, of the best likeness or cosine",
        "soft_free": "idf-weighted mean, over the {side}'s unaligned words, of the greatest cosine",
        "soft_least": "the least of these greatest cosines: the {side}'s word that is farthest from the other side",
        "soft_lack": "sum over the {side}'s unaligned words of idf times one minus the greatest cosine: what is added",
        "no_vector": "unaligned content words of the {side} that have no vector",
    }.items()
} | {
    "soft_cosine": "cosine of the sides' idf-weighted mean vectors",
    "soft_cosine_free": "the same over the unaligned words of both sides",
    "target_soft_rest": "cosine of the target's mean vector and that of the text's unaligned words",
    "text_soft_rest": "cosine of the text's mean vector and that of the target's unaligned words",
}


def soft_alignment(batch: Batch, vectors: WordVectors) -> Columns:
    """The features of `SOFT_DESCRIPTIONS`, each (rows,); cosines below 0 count as 0 where words are compared."""
    found, words = batch.alignment, batch.texts.words
    stems = [words.stems[stem] for stem in words.stem]
    table, known = vectors.of(stems, [base(form) for form in words.forms])
    comparable = words.content & ~words.digits
    cosine = _cosines(table, comparable, found)
    likeness = np.maximum(cosine, np.where(found.level >= ALIGNED, found.level, 0.0))
    columns: Columns = {}
    means: dict[str, tuple[FloatArray, FloatArray]] = {}
    for side, rows, ids, best, element in (
        ("target", found.left_row, found.left_word, found.left_best, found.left_element),
        ("text", found.right_row, found.right_word, found.right_best, found.right_element),
    ):
        nearest, alike = np.zeros(len(rows)), np.zeros(len(rows))
        np.maximum.at(nearest, element, cosine)
        np.maximum.at(alike, element, likeness)
        weight = batch.idf[ids] * comparable[ids]
        alone = comparable[ids] & (best < ALIGNED)
        free = alone & known[ids]
        total, rest = batch.per_row(rows, weight), batch.per_row(rows, weight * free)
        least = np.ones(batch.rows)
        np.minimum.at(least, rows[free], nearest[free])
        met = batch.per_row(rows, weight * free * nearest)
        columns |= {
            f"{side}_soft_coverage": batch.per_row(rows, weight * alike) / np.maximum(total, 1e-9),
            f"{side}_soft_free": np.where(rest > 0, met / np.maximum(rest, 1e-9), _NEUTRAL),
            f"{side}_soft_least": least,
            f"{side}_soft_lack": rest - met,
            f"{side}_no_vector": batch.per_row(rows, alone & ~known[ids]),
        }
        means[side] = (_mean(batch, rows, ids, weight, table), _mean(batch, rows, ids, weight * free, table))
    (target, target_rest), (text, text_rest) = means["target"], means["text"]
    return columns | {
        "soft_cosine": (target * text).sum(axis=1),
        "soft_cosine_free": (target_rest * text_rest).sum(axis=1),
        "target_soft_rest": (target * text_rest).sum(axis=1),
        "text_soft_rest": (text * target_rest).sum(axis=1),
    }


def _cosines(table: FloatArray, comparable: np.ndarray, found: Alignment) -> FloatArray:
    """The cosine of each word pair, each distinct pair computed once; 0 where a word is no content word."""
    one, other = found.distinct_left, found.distinct_right
    cosine = np.zeros(len(one))
    for start in range(0, len(one), _BLOCK):
        part = slice(start, start + _BLOCK)
        cosine[part] = (table[one[part]] * table[other[part]]).sum(axis=1)
    allowed = comparable[one] & comparable[other]
    return np.where(allowed, np.maximum(cosine, 0.0), 0.0)[found.distinct]


def _mean(batch: Batch, rows: IntArray, ids: IntArray, weight: FloatArray, table: FloatArray) -> FloatArray:
    shape = (batch.rows, len(table))
    return unit(np.asarray(sparse.csr_array((weight, (rows, ids)), shape=shape) @ table))
