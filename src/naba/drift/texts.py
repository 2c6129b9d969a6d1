"""Has the text changed? A classifier's answer, unknown words, lengths, words and sources."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from naba.drift import permutation
from naba.drift.part import WORD, blocks_of
from naba.errors import UserError
from naba.evaluation.bootstrap import percentile, resampling_weights

if TYPE_CHECKING:
    from naba.data.dataset import IntArray
    from naba.drift.part import Part
    from naba.evaluation.metrics import FloatArray

MOST_TEXTS = 4_000
"""Texts a side that are looked at; of more, a random choice of whole blocks."""
RESAMPLES = 2_000
PRIOR_WORDS = 100.0
SHOWN_WORDS = 15


@dataclass(frozen=True)
class TwoSample:
    """A classifier that tells old from new texts it has not seen: area .5 is chance."""

    area: float
    p_value: float
    trained: int
    tested: int


@dataclass(frozen=True)
class Change:
    """A quantity on both sides and its difference, with a bootstrap interval over blocks."""

    what: str
    old: float
    new: float
    difference: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Does the interval leave zero out?"""
        return bool(self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Word:
    """A word that one side has more: in how many of a thousand texts (groups), and how sure that is (z)."""

    word: str
    old: float
    new: float
    z: float


@dataclass(frozen=True)
class Source:
    """A value of a column of sources: its share of either side."""

    column: str
    value: str
    old: float
    new: float


def sampled(blocks: IntArray, seed: int, most: int = MOST_TEXTS) -> IntArray:
    """At most `most` places, whole blocks in random order; sorted."""
    if len(blocks) <= most:
        return np.arange(len(blocks), dtype=np.int64)
    codes = np.unique(blocks, return_inverse=True)[1]
    rank = np.random.default_rng(seed).permutation(int(codes.max()) + 1)
    return np.sort(np.argsort(rank[codes], kind="stable")[:most]).astype(np.int64)


def two_sample(old: Part, new: Part, seed: int = 0, permutations: int = 2_000) -> TwoSample:
    """The classifier two-sample test (Lopez-Paz & Oquab 2017), its p-value by permutation of whole blocks.

    A linear model of words learns from one half of the blocks and scores the other; the half is never used to learn,
    so under no change its rows could stand on either side, and permuting their sides is exact.

    Raises:
        UserError: a half of a side has no rows, because nearly all of them are one block.
    """
    from scipy.stats import rankdata
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    own = blocks_of(old, new)
    rows = [sampled(codes, seed) for codes in own]
    texts = [part.texts[row] for part, chosen in zip((old, new), rows, strict=True) for row in chosen]
    side = np.repeat([0, 1], [len(chosen) for chosen in rows])
    blocks = np.unique(np.concatenate([codes[chosen] for codes, chosen in zip(own, rows, strict=True)]),
                       return_inverse=True)[1]  # fmt: skip
    generator = np.random.default_rng(seed)
    learns = generator.permuted(np.arange(int(blocks.max()) + 1) % 2)[blocks] == 0
    counts = [np.bincount(side[half], minlength=2).min() for half in (learns, ~learns)]
    if min(counts) < 5:
        raise UserError(
            f"{old.name} and {new.name} cannot be told apart by a test: rows of one group stay together, and one half "
            f"has only {min(counts)} rows of a side"
        )
    vectors = TfidfVectorizer(analyzer=WORD.findall, sublinear_tf=True, max_features=50_000)
    chosen_texts = [text for text, used in zip(texts, learns, strict=True) if used]
    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000).fit(
        vectors.fit_transform(chosen_texts), side[learns]
    )
    left = [text for text, used in zip(texts, learns, strict=True) if not used]
    ranks = rankdata(model.decision_function(vectors.transform(left)))
    table = np.column_stack([ranks, np.ones(len(ranks))])
    value, p = permutation.p_value(table, blocks[~learns], side[~learns], permutation.area, permutations, seed)
    return TwoSample(value, p, int(learns.sum()), int((~learns).sum()))


def changes(old: Part, new: Part, seed: int = 0) -> list[Change]:
    """Words a text, and the share of words that a half of the old texts does not have.

    The other half of the old texts says what share is usual, so that a small vocabulary is no change.
    """
    words, blocks = [part.words() for part in (old, new)], blocks_of(old, new)
    half = np.random.default_rng(seed).permuted(np.arange(int(blocks[0].max()) + 1) % 2)[blocks[0]] == 0
    known = {word for text, used in zip(words[0], half, strict=True) if used for word in text}
    lengths = [np.array([[len(text), 1] for text in side], dtype=float) for side in words]
    unknown = [
        np.array([[sum(word not in known for word in text), len(text)] for text in side], dtype=float) for side in words
    ]
    return [
        _change("words a text", (lengths[0], blocks[0]), (lengths[1], blocks[1]), seed),
        _change(
            "share of words unknown to half of the old texts",
            (unknown[0][~half], blocks[0][~half]),
            (unknown[1], blocks[1]),
            seed,
        ),
    ]


def _change(what: str, old: tuple[FloatArray, IntArray], new: tuple[FloatArray, IntArray], seed: int) -> Change:
    """Ratios of sums (n, 2) on both sides, and the interval of their difference; blocks are drawn whole."""
    values, drawn = [], []
    for side, (table, blocks) in enumerate((old, new)):
        codes = np.unique(blocks, return_inverse=True)[1]
        sums = np.zeros((int(codes.max()) + 1, 2))
        np.add.at(sums, codes, table)
        generator = np.random.default_rng([seed, side])
        weights = resampling_weights(np.zeros(len(sums), dtype=np.int64), RESAMPLES, generator)
        resampled = np.concatenate([chunk.astype(np.float64) @ sums for chunk in weights])
        values.append(float(sums[:, 0].sum() / max(1.0, sums[:, 1].sum())))
        drawn.append(resampled[:, 0] / np.maximum(resampled[:, 1], 1))
    low, high = percentile(drawn[1] - drawn[0], 0.95)
    return Change(what, values[0], values[1], values[1] - values[0], low, high)


def telling_words(old: Part, new: Part, shown: int = SHOWN_WORDS) -> list[Word]:
    """The words that most surely stand in more of one side, half of them for each.

    Log-odds with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, eq. 15-22), of groups (texts, where
    there are none) that have the word rather than of tokens, so that no long text and no claim of many texts decides.
    """
    counts, blocks = [], []
    for part, own in zip((old, new), blocks_of(old, new), strict=True):
        pairs = {(block, word) for block, text in zip(own.tolist(), part.words(), strict=True) for word in text}
        counts.append(Counter(word for _, word in pairs))
        blocks.append(len(set(own.tolist())))
    names = sorted(word for word, count in (counts[0] + counts[1]).items() if count >= 5)
    if not names:
        return []
    table = np.array([[side[word] for word in names] for side in counts], dtype=float)
    prior = PRIOR_WORDS * table.sum(axis=0) / table.sum()
    total, whole = table.sum(axis=1, keepdims=True), prior.sum()
    odds = np.log(table + prior) - np.log(total + whole - table - prior)
    variance = (1 / (table + prior)).sum(axis=0)
    z = (odds[1] - odds[0]) / np.sqrt(variance)
    order = np.argsort(z, kind="stable")
    chosen = [*order[::-1][:shown], *order[:shown]]
    shares = [1000 * table[side] / blocks[side] for side in range(2)]
    return [Word(names[i], shares[0][i], shares[1][i], float(z[i])) for i in chosen if abs(z[i]) > 1.96]


def telling_sources(old: Part, new: Part) -> list[Source]:
    """The shares of every value of the columns of sources that both sides have, most changed first."""
    found = []
    for column in [name for name in old.sources if name in new.sources]:
        counts = [Counter(part.sources[column].tolist()) for part in (old, new)]
        for value in {*counts[0], *counts[1]}:
            shares = [side[value] / len(part) for side, part in zip(counts, (old, new), strict=True)]
            found.append(Source(column, str(value), *shares))
    return sorted(found, key=lambda one: (-abs(one.new - one.old), one.column, one.value))
