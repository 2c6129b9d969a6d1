"""Vectors of light stems, learnt here from unlabelled news, and how near words are that share no spelling.

Positive pointwise mutual information of stems that stand near one another, reduced by a truncated SVD whose singular
values are damped by a square root (Levy, Goldberg & Dagan 2015, Improving Distributional Similarity with Lessons
Learned from Word Embeddings, TACL 3). The contexts' counts are smoothed by the power .75, as there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from naba import files
from naba.arabic.normalise import NEWS_1, normalise_all
from naba.arabic.segment import light_stem, tokens
from naba.arabic.words import base
from naba.errors import UserError
from naba.machine import one_thread
from naba.models.classifier import DAMAGED, Kept, text_digest
from naba.models.pairs.alignment import ALIGNED, unit
from naba.models.tfidf.vectoriser import pack_terms, unpack_terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from naba.models.pairs.alignment import Alignment, BoolArray, FloatArray, IntArray
    from naba.models.pairs.groups import Batch, Columns

DIMENSIONS = 100
_VERSION = 1  # of the vectors: it enters the name of the cached file
_WINDOW = 5
_LEAST = 8
_TEXTS_AT_ONCE = 500
_SMOOTHING = 0.75
_PAIRS_AT_ONCE = 100_000
_NEUTRAL = 0.5  # where a side has no word left to compare


@dataclass(frozen=True)
class _Corpus:
    """Stem ids of all words end to end (-1: too rare), the document of each, and the stems by id."""

    word: IntArray
    document: IntArray
    stems: list[str]


class WordVectors(Kept, BaseEstimator):
    """Vectors of unit length for the stems of unlabelled texts; `word_vectors` makes them. A clone is the same object.

    Args:
        source: digest of the texts and of how they were learnt from.

    Attributes:
        stems_: v stems, the most frequent first.
        table_: (v, d) float16; the vector of each.
    """

    stored: ClassVar[tuple[str, ...]] = ("packed", "count")
    _by_stem: dict[str, int] | None = None

    def __init__(self, source: str) -> None:
        self.source = source

    def __sklearn_clone__(self) -> WordVectors:
        # They are learnt before a classifier is fitted, from other texts than its own: fitting again must keep them.
        return self

    def of(self, stems: Sequence[str], bases: Sequence[str]) -> tuple[FloatArray, BoolArray]:
        """(n, d) vectors of n words, by stem, else by `naba.arabic.words.base`; zeros and False for unknown ones."""
        places = self._places()
        found = [places.get(stem, places.get(bare, -1)) for stem, bare in zip(stems, bases, strict=True)]
        place = np.array(found, dtype=np.int64)
        known = place >= 0
        vectors = np.zeros((len(place), self.table_.shape[1]))
        vectors[known] = unit(self.table_[place[known]].astype(float))
        return vectors, known

    def _places(self) -> dict[str, int]:
        if self._by_stem is None:
            self._by_stem = {stem: place for place, stem in enumerate(self.stems_)}
        return self._by_stem

    def __getstate__(self) -> dict[str, Any]:
        # The look-up is made again after loading.
        state = {key: value for key, value in super().__getstate__().items() if key != "_by_stem"}
        stems = state.pop("stems_", None)
        return state if stems is None else state | {"packed": pack_terms(stems), "count": len(stems)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        content = dict(state)
        if "packed" in content:
            content["stems_"] = tuple(unpack_terms(content.pop("packed"), content.pop("count", 0)))
        super().__setstate__(content)

    @classmethod
    def check_state(cls, state: Mapping[str, Any]) -> None:
        """See `Kept`: a vector for each stem."""
        stems, table = state.get("stems_", ()), state.get("table_", np.empty((0, 0)))
        if not isinstance(table, np.ndarray) or table.ndim != 2 or len(stems) != len(table):
            raise UserError(
                f"the word vectors of the classifier are {len(table)} rows for {len(stems)} stems, expected one for "
                "each",
                DAMAGED,
            )


def word_vectors(texts: Sequence[str]) -> WordVectors:
    """The vectors of distinct texts, from naba's home, or learnt (about a minute for 30,000 articles) and kept there.

    Raises:
        UserError: too few words repeat to learn from.
    """
    file = cache_file(texts)
    kept = _kept(file)
    vectors = WordVectors(file.stem)
    vectors.stems_, vectors.table_ = kept or learn(texts)
    if kept is None:
        _keep(file, vectors.stems_, vectors.table_)
    return vectors


def cache_file(texts: Sequence[str]) -> Path:
    """Where the vectors of these texts are kept, by their content and by how they are learnt."""
    digest = text_digest(texts, f"{_VERSION} {DIMENSIONS} {_WINDOW} {_LEAST} {_SMOOTHING} {NEWS_1.hash}")
    return files.home() / "vectors" / f"{digest[:24]}.npz"


def learn(texts: Sequence[str], dimensions: int = DIMENSIONS, least: int = _LEAST) -> tuple[tuple[str, ...], Any]:
    """Vectors of the stems that occur at least `least` times: the stems, most frequent first, and (v, d) float16.

    Raises:
        UserError: too few words repeat to learn from.
    """
    corpus = _read(texts, least)
    count = len(corpus.stems)
    if count < 3:
        raise UserError(
            f"only {count} words occur {least} times in {len(texts)} texts, too few for word vectors",
            "Use a larger background set, or model.background=null.",
        )
    with one_thread():
        from sklearn.utils.extmath import randomized_svd

        span = min(dimensions, count - 1)
        left, values, _ = randomized_svd(
            _association(_neighbours(corpus)), span, n_oversamples=20, n_iter=3, random_state=0
        )
    return tuple(corpus.stems), unit(left * np.sqrt(values)).astype(np.float16)


def _read(texts: Sequence[str], least: int) -> _Corpus:
    known: dict[str, int] = {}
    stem_of: dict[str, int] = {}
    rows: list[IntArray] = []
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        for text in normalise_all(texts[start : start + _TEXTS_AT_ONCE], NEWS_1):
            row = []
            for form in tokens(text):
                place = stem_of.get(form)
                if place is None:
                    # Numbers stand for one another: their values say nothing about their neighbours.
                    place = stem_of[form] = known.setdefault("0" if form[0].isdigit() else light_stem(form), len(known))
                row.append(place)
            rows.append(np.array(row, dtype=np.int64))
    word = np.concatenate([np.empty(0, np.int64), *rows])
    count = np.bincount(word, minlength=len(known))
    kept = np.argsort(-count, kind="stable")
    kept = kept[count[kept] >= least]
    place_of = np.full(len(known), -1)
    place_of[kept] = np.arange(len(kept))
    names = list(known)
    return _Corpus(
        place_of[word], np.repeat(np.arange(len(rows)), [len(row) for row in rows]), [names[k] for k in kept]
    )


def _neighbours(corpus: _Corpus) -> sparse.csr_array:
    """(v, v) symmetric counts of stems within the window; a neighbour k words away counts 1 - (k - 1) / window."""
    size = len(corpus.stems)
    total = sparse.csr_array((size, size), dtype=np.float32)
    for step in range(1, _WINDOW + 1):
        left, right = corpus.word[:-step], corpus.word[step:]
        near = (corpus.document[:-step] == corpus.document[step:]) & (left >= 0) & (right >= 0)
        weight = np.full(int(near.sum()), 1 - (step - 1) / _WINDOW, np.float32)
        total = total + sparse.csr_array((weight, (left[near], right[near])), shape=(size, size))
    return sparse.csr_array(total + total.T)


def _association(counts: sparse.csr_array) -> sparse.csr_matrix:
    """Positive pointwise mutual information, with smoothed contexts."""
    by_row = np.asarray(counts.sum(axis=1)).ravel()
    context = by_row**_SMOOTHING
    context /= context.sum()
    entries = counts.tocoo()
    row, column = entries.coords
    value = np.log(entries.data / (by_row[row] * context[column]))
    kept = value > 0
    return sparse.csr_matrix((value[kept].astype(np.float32), (row[kept], column[kept])), shape=counts.shape)


def _kept(file: Path) -> tuple[tuple[str, ...], Any] | None:
    """The vectors that were kept there; None where there are none, or what is there cannot be read."""
    try:
        files.seal(file)
        with np.load(file, allow_pickle=False) as found:
            return tuple(found["stems"].tolist()), found["table"]
    except (OSError, ValueError):
        return None


def _keep(file: Path, stems: Sequence[str], table: Any) -> None:
    with files.sealed(file) as part, part.open("wb") as stream:
        np.savez(stream, stems=np.array(stems), table=table)


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
    for start in range(0, len(one), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        cosine[part] = (table[one[part]] * table[other[part]]).sum(axis=1)
    allowed = comparable[one] & comparable[other]
    return np.where(allowed, np.maximum(cosine, 0.0), 0.0)[found.distinct]


def _mean(batch: Batch, rows: IntArray, ids: IntArray, weight: FloatArray, table: FloatArray) -> FloatArray:
    shape = (batch.rows, len(table))
    return unit(np.asarray(sparse.csr_array((weight, (rows, ids)), shape=shape) @ table))
