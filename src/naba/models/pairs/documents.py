"""Long texts: the passages that match the target best stand for them, and what is said of the whole document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

from naba.arabic.segment import clauses
from naba.arabic.words import CUE_NAMES
from naba.models.pairs.alignment import Texts, ragged

if TYPE_CHECKING:
    from naba.models.pairs.alignment import FloatArray, IntArray
    from naba.models.pairs.groups import Columns
    from naba.models.tfidf.vectoriser import Vectoriser

LONG_TEXT = 60
KEPT_PASSAGES = 3
_PASSAGE = 30  # words; articles have sentences of over a hundred
DOCUMENT_CUES = ("negation", "refutation", "doubt_verb", "attribution", "hedge", "contrast")


def cosines(left: sparse.csr_matrix, right: sparse.csr_matrix) -> FloatArray:
    """(n,) products of the rows of two matrices of unit rows."""
    return np.asarray(left.multiply(right).sum(axis=1)).ravel()


def stem_weights(space: Vectoriser, texts: Texts, missing: float) -> FloatArray:
    """The idf of each distinct stem; `missing` for those that training did not have."""
    known, weights = space.vocabulary_, space.idf_
    return np.array([weights[known[stem]] if stem in known else missing for stem in texts.words.stems])


def passages(text: str) -> list[str]:
    """The sentences of a long text, the longest ones cut; a headline stays whole even with a full stop in it."""
    if text.count(" ") <= LONG_TEXT:
        return [text]
    found = []
    for clause in clauses(text):
        words = clause.split()
        pieces = max(1, round(len(words) / _PASSAGE))
        size = -(-len(words) // pieces)
        found += [" ".join(words[at : at + size]) for at in range(0, len(words), size)]
    return found or [text]


def _weighed(counts: sparse.csr_array, idf: FloatArray) -> sparse.csr_array:
    """TF-IDF rows of unit length from counts of stems."""
    matrix = sparse.csr_array(counts)
    matrix.sum_duplicates()
    matrix.data = (1 + np.log(matrix.data)) * idf[matrix.indices]
    return normalize(matrix)


def documents(
    raw: list[str], target: IntArray, text: IntArray, space: Vectoriser, kept: int = KEPT_PASSAGES
) -> tuple[Columns, list[str]]:
    """Features of the whole documents, and what represents each row's text: itself or its best passages.

    Args:
        raw: distinct texts.
        target, text: (n,) places in them.
        space: TF-IDF over stems, fitted.
        kept: passages that represent a long text, in their order.
    """
    parts = [passages(item) for item in raw]
    count = np.fromiter(map(len, parts), np.int64, len(parts))
    start = np.cumsum(count) - count
    flat = [passage for found in parts for passage in found]
    analysed = Texts.of(flat)
    belongs = sparse.csr_array((np.ones(len(flat)), (np.repeat(np.arange(len(raw)), count), np.arange(len(flat)))))
    counts = analysed.counts(analysed.words.stem, max(len(analysed.words.stems), 1))
    idf = stem_weights(space, analysed, missing=0.0)
    pieces, whole = _weighed(counts, idf), _weighed(belongs @ counts, idf)
    row, place = ragged(count[text])
    score = cosines(whole[target[row]], pieces[start[text[row]] + place])
    # The passages of each row, the best first: the first, the second … of them stand where the row's own do.
    best = np.lexsort((place, -score, row))
    first = best[place == 0]
    shown = np.sort(best[place < kept])
    chosen: list[list[str]] = [[] for _ in text]
    for element in shown:
        chosen[row[element]].append(flat[start[text[row[element]]] + place[element]])
    size = count[text].astype(float)
    columns = {
        "document_sentences": size,
        "document_best": score[first],
        "document_mean": np.bincount(row, score, len(text)) / size,
        "document_first": score[place == 0],
        "document_matching": np.bincount(row, score >= 0.2, len(text)) / size,
        "document_best_place": place[first] / np.maximum(size - 1, 1),
        "document_cosine": cosines(whole[target], whole[text]),
    }
    length = np.maximum(belongs @ analysed.length, 1)[:, None]
    rates = (belongs @ analysed.sums(analysed.words.cues)) / length
    columns |= {f"document_{cue}": rates[text, CUE_NAMES.index(cue)] for cue in DOCUMENT_CUES}
    return columns, [" ".join(sentences) for sentences in chosen]
