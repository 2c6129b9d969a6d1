"""Pair features: what a text says about a target, as named and documented numbers for tree models.

Lexical, numeric, place, polarity and cue features need nothing but the two texts (`naba.models.pairs.groups`);
inverse document frequencies and TF-IDF and SVD spaces are fitted on the training texts only. A text longer than a few
sentences is represented by the sentences that match the target best, and adds features of the whole document. For
linear models the features are standardised, beside the words that are and are not aligned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.utils.validation import check_is_fitted

from naba.arabic.normalise import NEWS_1, normalise_all
from naba.arabic.segment import clauses, light_stem, tokens
from naba.arabic.words import CUE_NAMES
from naba.models.classifier import Kept, normalise_texts, text_columns
from naba.models.pairs.alignment import ALIGNED, Texts, codes, ragged, unit
from naba.models.pairs.groups import GROUPS, Batch, Columns, describe
from naba.models.pairs.vectors import SOFT_DESCRIPTIONS, soft_alignment
from naba.models.tfidf.vectoriser import Vectoriser, given_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from naba.arabic.normalise import Profile
    from naba.models.embeddings.features import EmbeddingFeatures
    from naba.models.pairs.alignment import BoolArray, FloatArray, IntArray
    from naba.models.pairs.vectors import WordVectors


LONG_TEXT = 60  # words
KEPT_PASSAGES = 3
_PASSAGE = 30  # words; articles have sentences of over a hundred
DOCUMENT_CUES = ("negation", "refutation", "doubt_verb", "attribution", "hedge", "contrast")
_BLOCK = 2048
_LIMIT = 4.0  # standard deviations; rarer extremes would rule a linear score


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


_SPACE_DESCRIPTIONS = (
    {
        "word_cosine": "cosine of the sides' TF-IDF vectors over light stems",
        "character_cosine": "cosine of their TF-IDF vectors over character 2- to 4-grams within words",
        "word_topic_cosine": "cosine of their vectors in the SVD space of the stem TF-IDF",
        "character_topic_cosine": "cosine of their vectors in the SVD space of the character TF-IDF",
        "document_sentences": "sentences of the text",
        "document_best": "cosine of the target and the best-matching sentence of the text",
        "document_mean": "mean cosine of the target and the sentences of the text",
        "document_first": "cosine of the target and the first sentence of the text",
        "document_matching": "share of the text's sentences whose cosine with the target is at least 0.2",
        "document_best_place": "place of the best-matching sentence: 0 first, 1 last",
        "document_cosine": "cosine of the target and the whole text",
    }
    | {f"document_{cue}": f"cues of {cue} per word of the whole text" for cue in DOCUMENT_CUES}
    | SOFT_DESCRIPTIONS
)


def stems(text: str) -> list[str]:
    """The light stems of a text in `news` normalisation, in order. Saved classifiers name it by this place."""
    return [light_stem(token) for token in tokens(text)]


class PairFeatures(Kept, TransformerMixin, BaseEstimator):
    """Table with `target` and `text` -> (n, k) features; the names are `get_feature_names_out()`.

    Args:
        components: dimensions of the SVD spaces (fewer where the training texts do not span so many).
        kept_sentences: sentences that represent a long text.
        normalisation: applied first; the lexicons and spaces fold further by themselves (the `news` profile).
        seed: of the randomised SVD.
        vectors: of words, learnt from unlabelled texts; None for no features of nearness in meaning.
    """

    features_version: ClassVar[int | None] = 2
    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {stems: (), TruncatedSVD: ("n_components", "random_state")}
    beyond_onnx: ClassVar[str] = (
        "its pair features (light stems, aligned words, cues of lexicons, best-matching sentences)"
    )
    vectors_: WordVectors | None = None

    def __init__(
        self,
        *,
        components: int = 100,
        kept_sentences: int = KEPT_PASSAGES,
        normalisation: Profile | None = None,
        seed: int = 0,
        vectors: WordVectors | None = None,
    ) -> None:
        self.components = components
        self.kept_sentences = kept_sentences
        self.normalisation = normalisation
        self.seed = seed
        self.vectors = vectors

    def fit(self, X: pd.DataFrame, y: Any = None) -> PairFeatures:  # noqa: ARG002
        """Fits the spaces on the distinct texts of the table; labels are not used."""
        self.vectors_ = self.vectors
        targets, texts = self._sides(X)
        ids, raw = codes([*targets, *texts])
        distinct = normalise_all(raw, NEWS_1)
        self.word_space_ = Vectoriser(analyzer=stems, sublinear_tf=True).fit(distinct)
        # The other spaces are of headlines and sentences: what represents an article, not all of it.
        _, shown = self._documents(raw, ids[: len(targets)], ids[len(targets) :])
        chosen = normalise_all(list(dict.fromkeys([*targets, *shown])), NEWS_1)
        self.character_space_ = Vectoriser(
            analyzer="char_wb", ngram_range=(2, 4), lowercase=False, sublinear_tf=True, min_df=min(2, len(chosen))
        )
        self.word_topics_ = self._topics(self.word_space_.transform(chosen))
        self.character_topics_ = self._topics(self.character_space_.fit_transform(chosen))
        self.rarest_ = float(np.log((1 + len(distinct)) / 1) + 1)
        self.names_ = tuple(next(self.batches(X.iloc[:1]))[1])
        return self

    def _topics(self, matrix: sparse.csr_matrix) -> TruncatedSVD:
        span = min(self.components, matrix.shape[1] - 1, matrix.shape[0])
        return TruncatedSVD(max(span, 1), random_state=self.seed).fit(matrix)

    def transform(self, X: pd.DataFrame) -> FloatArray:
        """The features: (n, k) float64."""
        check_is_fitted(self)
        blocks = [np.empty((0, len(self.names_)))]
        blocks += [np.column_stack([columns[name] for name in self.names_]) for _, columns in self.batches(X)]
        return np.vstack(blocks)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002
        """The names of the k features, in order."""
        check_is_fitted(self)
        return np.array(self.names_, dtype=object)

    def feature_descriptions(self) -> dict[str, str]:
        """Name -> what the feature says, in the order of the columns."""
        check_is_fitted(self)
        return {name: _SPACE_DESCRIPTIONS.get(name) or describe(name) for name in self.names_}

    def batches(self, X: pd.DataFrame) -> Iterator[tuple[Batch, Columns]]:
        """The rows in blocks of bounded size: their analysed texts, and their features by name, each (rows,)."""
        for start in range(0, len(X), _BLOCK):
            targets, texts = self._sides(X.iloc[start : start + _BLOCK])
            ids, raw = codes([*targets, *texts])
            target, text = ids[: len(targets)], ids[len(targets) :]
            document, shown = self._documents(raw, target, text)
            rows, chosen = codes([raw[item] for item in target] + shown)
            analysed = Texts.of(chosen)
            batch = Batch(chosen, analysed, rows[: len(target)], rows[len(target) :], self._idf(analysed))
            columns: Columns = {}
            for group in GROUPS:
                columns |= group(batch)
            columns |= self._similarities(batch) | document
            if self.vectors_ is not None:
                columns |= soft_alignment(batch, self.vectors_)
            yield batch, columns

    def _sides(self, X: pd.DataFrame) -> tuple[list[str], list[str]]:
        texts, targets = text_columns(X)
        return normalise_texts(targets, self.normalisation), normalise_texts(texts, self.normalisation)

    def _documents(self, raw: list[str], target: IntArray, text: IntArray) -> tuple[Columns, list[str]]:
        return documents(raw, target, text, self.word_space_, self.kept_sentences)

    def _idf(self, texts: Texts) -> FloatArray:
        by_stem = stem_weights(self.word_space_, texts, missing=self.rarest_)
        return by_stem[texts.words.stem] if len(by_stem) else np.zeros(0)

    def _similarities(self, batch: Batch) -> Columns:
        columns: Columns = {}
        normalised = [" ".join(text) for text in batch.texts.tokens]
        spaces = (
            ("word", self.word_space_, self.word_topics_),
            ("character", self.character_space_, self.character_topics_),
        )
        for name, space, topics in spaces:
            matrix = space.transform(normalised)
            dense = unit(topics.transform(matrix))
            columns[f"{name}_cosine"] = cosines(matrix[batch.target], matrix[batch.text])
            columns[f"{name}_topic_cosine"] = (dense[batch.target] * dense[batch.text]).sum(axis=1)
        return columns


def aligned_words(batch: Batch) -> list[list[str]]:
    """For each row, its words as `target=stem`, `text=stem` (with a counterpart), or `target-stem`, `text-stem`.

    Function words are left out where they have a counterpart.
    """
    found, words = batch.alignment, batch.texts.words
    stems = np.array([words.stems[stem] for stem in words.stem], dtype=object)
    lists: list[list[str]] = [[] for _ in range(batch.rows)]

    def add(side: str, rows: IntArray, ids: IntArray, best: FloatArray) -> None:
        free: BoolArray = best < ALIGNED
        kept = np.flatnonzero(words.content[ids] | free)
        for row, stem, alone in zip(rows[kept], stems[ids[kept]], free[kept], strict=True):
            lists[row].append(f"{side}{'-' if alone else '='}{stem}")

    add("target", found.left_row, found.left_word, found.left_best)
    add("text", found.right_row, found.right_word, found.right_best)
    return lists


class PairMatrix(Kept, TransformerMixin, BaseEstimator):
    """Table with `target` and `text` -> sparse (n, k + w): k standardised pair features, then w TF-IDF word features.

    With `embeddings`, e columns of these follow.

    Args:
        features: the pair features.
        weight: what the standardised features are multiplied by: against TF-IDF values, which are below 1.
        minimum_count: training rows that a word must occur in on its side.
        embeddings: of both texts; None for none.
    """

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {StandardScaler: ()}
    beyond_onnx: ClassVar[str] = "its pair features (light stems, aligned words, cues of lexicons)"

    embeddings: EmbeddingFeatures | None = None
    """Folders of earlier versions do not say it."""

    def __init__(
        self,
        features: PairFeatures,
        *,
        weight: float = 0.1,
        minimum_count: int = 2,
        embeddings: EmbeddingFeatures | None = None,
    ) -> None:
        self.features = features
        self.weight = weight
        self.minimum_count = minimum_count
        self.embeddings = embeddings

    def fit(self, X: pd.DataFrame, y: Any = None) -> PairMatrix:  # noqa: ARG002
        """Fits the features, their scale and the vocabulary; labels are not used."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: pd.DataFrame, y: Any = None, **_: Any) -> sparse.csr_matrix:  # noqa: ARG002
        """`fit`, then `transform` of the same table, with its features computed once."""
        self.features_ = clone(self.features).fit(X)
        dense, words = self._parts(X)
        self.scaler_ = StandardScaler().fit(dense)
        minimum = min(self.minimum_count, len(words))
        self.words_ = Vectoriser(analyzer=given_words, sublinear_tf=True, min_df=minimum).fit(words)
        if self.embeddings is not None:
            self.embeddings_ = clone(self.embeddings).fit(X)
        return self._assemble(X, dense, words)

    @property
    def width(self) -> int:
        """How many of the columns are pair features."""
        return len(self.features_.names_)

    @property
    def embedding_width(self) -> int:
        """How many of the columns, the last ones, are embeddings."""
        return 0 if self.embeddings is None else self.embeddings_.width

    def transform(self, X: pd.DataFrame) -> sparse.csr_matrix:
        """The matrix: (n, k + w) float64."""
        check_is_fitted(self)
        return self._assemble(X, *self._parts(X))

    def _assemble(self, X: pd.DataFrame, dense: FloatArray, words: list[list[str]]) -> sparse.csr_matrix:
        scaled = self.scaler_.transform(dense).clip(-_LIMIT, _LIMIT) * self.weight
        blocks = [sparse.csr_matrix(scaled), self.words_.transform(words)]
        if self.embeddings is not None:
            blocks.append(sparse.csr_matrix(self.embeddings_.transform(X)))
        return sparse.hstack(blocks, format="csr")

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002
        """The names of the columns: the pair features', then `target=stem` and so on."""
        check_is_fitted(self)
        parts = [self.features_, self.words_, *([] if self.embeddings is None else [self.embeddings_])]
        return np.concatenate([part.get_feature_names_out() for part in parts])

    def _parts(self, X: pd.DataFrame) -> tuple[FloatArray, list[list[str]]]:
        dense, words = [np.empty((0, self.width))], []
        for batch, columns in self.features_.batches(X):
            dense.append(np.column_stack([columns[name] for name in self.features_.names_]))
            words += aligned_words(batch)
        return np.vstack(dense), words
