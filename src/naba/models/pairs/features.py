"""Pair features: what a text says about a target, as named and documented numbers for tree models.

Lexical, numeric, place, polarity and cue features need nothing but the two texts (`naba.models.pairs.groups`);
inverse document frequencies and TF-IDF and SVD spaces are fitted on the training texts only. A text longer than a few
sentences is represented by the sentences that match the target best, and adds features of the whole document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.utils.validation import check_is_fitted

from naba.arabic.normalise import NEWS_1, normalise_all
from naba.arabic.segment import light_stem, tokens
from naba.models.classifier import Kept, normalise_texts, text_columns
from naba.models.pairs.alignment import Texts, codes, unit
from naba.models.pairs.documents import DOCUMENT_CUES, cosines, documents, stem_weights
from naba.models.pairs.groups import GROUPS, Batch, Columns, describe
from naba.models.pairs.soft_alignment import SOFT_DESCRIPTIONS, soft_alignment
from naba.models.tfidf.vectoriser import Vectoriser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from scipy import sparse

    from naba.arabic.normalise import Profile
    from naba.models.pairs.alignment import FloatArray, IntArray
    from naba.models.pairs.vectors import WordVectors

_BLOCK = 2048

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
        kept_sentences: int = 3,
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
