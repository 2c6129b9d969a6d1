"""The features of a pair of texts, in groups: each function takes a `Batch` and gives named columns.

A function's columns are described in `DESCRIPTIONS` under the same names; {side} there stands for `target` and `text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer

from naba.arabic.numbers import Quantity, dates, quantities
from naba.arabic.words import AXIS_NAMES, CUE_NAMES
from naba.models.pairs.alignment import ALIGNED, SKELETON, STEM, Alignment, Texts, align, ragged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from naba.models.pairs.alignment import BoolArray, FloatArray, IntArray, MaskArray

Columns = dict[str, "FloatArray"]
PAIR_CUES = (
    "negation", "refutation", "hedge", "attribution", "doubt_verb", "future", "modal", "contrast", "cause", "question",
    "evaluation", "comparison",
)  # fmt: skip

DESCRIPTIONS: dict[str, str] = {
    "{side}_words": "words of the {side}",
    "{side}_characters": "characters of the {side}",
    "length_ratio": "words of the shorter side over words of the longer",
    "length_difference": "words of the text minus words of the target",
    "word_jaccard": "shared words over all words",
    "stem_jaccard": "shared light stems over all light stems",
    "skeleton_jaccard": "shared skeletons over all skeletons",
    "bigram_jaccard": "shared pairs of neighbouring stems over all such pairs",
    "trigram_dice": "twice the shared character trigrams over the trigrams of both sides",
    "{side}_containment": "share of the {side}'s stems found on the other side",
    "same_first_stem": "both sides start with the same stem",
    "same_last_stem": "both sides end with the same stem",
    "order_agreement": "share of neighbouring aligned target words whose counterparts stand in the same order",
    "adjacency": "share of neighbouring aligned target words whose counterparts are neighbours too",
    "{side}_coverage": "idf-weighted mean, over the {side}'s words, of the best counterpart's likeness",
    "{side}_coverage_stem": "idf-weighted share of the {side}'s words whose stem the other side has",
    "{side}_coverage_skeleton": "idf-weighted share of the {side}'s words whose stem or skeleton the other side has",
    "coverage_least": "the lesser of the two coverages",
    "coverage_difference": "target coverage minus text coverage",
    "{side}_unaligned": "content words of the {side} with no counterpart",
    "{side}_unaligned_share": "the same over the {side}'s content words",
    "{side}_unaligned_idf": "sum of their idf",
    "{side}_unaligned_idf_most": "greatest idf among them",
    "unaligned_least": "unaligned content words of the side that has fewer",
    "substitution": "exactly one content word on each side has no counterpart",
    "slots": "unaligned word pairs whose neighbours on one side are aligned with each other: one word put for another",
    "slots_both": "unaligned word pairs whose neighbours on both sides are aligned with each other",
    "slot_opposites": "slots filled by opposites",
    "opposites": "word pairs that stand at opposite poles of an axis",
    "opposites_unaligned": "the same among words with no counterpart",
    "rivals": "word pairs of one kind that exclude one another (gold and oil, sister and brother, two places)",
    "rivals_unaligned": "the same among words with no counterpart",
    "slot_rivals": "slots filled by two such words",
    "axes_clash": "axes on which the two sides stand at opposite poles",
    "axes_agree": "axes on which the two sides stand at the same pole",
    "axis_{axis}": "product of the two sides' poles on the axis {axis}: 1 same, -1 opposite, 0 unknown",
    "axes_balance_negated": "axes agreeing minus axes clashing, its sign turned if just one side is negated",
    "negation_differs": "one side has an odd number of negations and the other an even number",
    "{side}_{cue}": "words of the {side} that are cues of {cue}",
    "{cue}_difference": "cues of {cue} in the text minus those in the target",
    "places_shared": "places named or implied on both sides",
    "{side}_places_only": "places of the {side} that the other side does not have",
    "places_clash": "both sides have a place the other has not",
    "{side}_numbers": "numbers of the {side}",
    "numbers_shared": "numbers with the same value on both sides",
    "numbers_clash": "both sides have a number the other has not",
    "{side}_numbers_only": "numbers of the {side} that the other side does not have",
    "units_clash": "the same unit with different numbers on the two sides",
    "number_distance": "least relative difference between numbers of the two sides; 1 when a side has none",
    "dates_shared": "years, months and weekdays on both sides",
    "dates_clash": "both sides have a date the other has not",
    "{side}_quotes": "quotation marks of the {side}",
    "{side}_question_mark": "the {side} has a question mark",
    "{side}_colon": "the {side} has a colon (who: what)",
}


def describe(name: str) -> str:
    """The description of one feature by its name in `get_feature_names_out`."""
    if name in DESCRIPTIONS:
        return DESCRIPTIONS[name]
    for pattern, text in DESCRIPTIONS.items():
        for side in ("target", "text"):
            for field, values in (("axis", AXIS_NAMES), ("cue", PAIR_CUES), ("none", ("",))):
                for value in values:
                    if name == pattern.replace("{side}", side).replace("{" + field + "}", value):
                        return text.replace("{side}", side).replace("{" + field + "}", value)
    raise KeyError(name)


@dataclass(frozen=True)
class Batch:
    """n pairs over distinct texts: `target` and `text` (n,) index `raw` and `texts`; `idf` is one a distinct word."""

    raw: Sequence[str]
    texts: Texts
    target: IntArray
    text: IntArray
    idf: FloatArray

    @property
    def rows(self) -> int:
        """How many pairs: n."""
        return len(self.target)

    @cached_property
    def alignment(self) -> Alignment:
        """The words of each pair, compared."""
        return align(self.texts, self.target, self.text)

    def per_row(self, rows: IntArray, values: FloatArray | BoolArray) -> FloatArray:
        """Sum of the values of each row: (n,)."""
        return np.bincount(rows, values.astype(float), self.rows).astype(float)


def ratio(above: FloatArray, below: FloatArray, otherwise: float = 0.0) -> FloatArray:
    """Element-wise `above / below`, and `otherwise` where `below` is 0."""
    return np.divide(above, below, out=np.full(len(above), otherwise), where=below != 0)


def jaccard(shared: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
    """Shared over all, from sizes."""
    return ratio(shared, left + right - shared)


def _shared(matrix: sparse.csr_array, batch: Batch) -> tuple[FloatArray, FloatArray, FloatArray]:
    present = matrix.copy()
    present.sum_duplicates()
    present.data = np.ones_like(present.data, dtype=float)
    sizes = np.asarray(present.sum(axis=1)).ravel()
    both = np.asarray(present[batch.target].multiply(present[batch.text]).sum(axis=1)).ravel()
    return both, sizes[batch.target], sizes[batch.text]


def lengths(batch: Batch) -> Columns:
    """How long the sides are."""
    characters = np.fromiter(map(len, batch.raw), float, len(batch.raw))
    words = batch.texts.length.astype(float)
    left, right = words[batch.target], words[batch.text]
    return {
        "target_words": left,
        "text_words": right,
        "target_characters": characters[batch.target],
        "text_characters": characters[batch.text],
        "length_ratio": ratio(np.minimum(left, right), np.maximum(left, right)),
        "length_difference": right - left,
    }


def _bigrams(texts: Texts) -> sparse.csr_array:
    stems = texts.words.stem[texts.word]
    segment, _ = ragged(texts.length)
    inside = np.flatnonzero(segment[1:] == segment[:-1])
    pairs = stems[inside] * (len(texts.words.stems) + 1) + stems[inside + 1]
    _, ids = np.unique(pairs, return_inverse=True)
    width = int(ids.max()) + 1 if len(ids) else 1
    return sparse.csr_array((np.ones(len(ids)), (segment[inside], ids)), shape=(len(texts.length), width))


def overlap(batch: Batch) -> Columns:
    """What the sides share, as sets."""
    texts, words = batch.texts, batch.texts.words
    vocabulary = len(words.forms)
    trigrams = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 3), binary=True, norm=None, alternate_sign=False)
    stems = _shared(texts.counts(words.stem, vocabulary), batch)
    grams = _shared(sparse.csr_array(trigrams.transform([" ".join(text) for text in texts.tokens])), batch)
    ends = np.zeros((2, len(texts.length)), np.int64) - 1
    filled = texts.length > 0
    ends[0, filled] = words.stem[texts.word[texts.start[filled]]]
    ends[1, filled] = words.stem[texts.word[texts.start[filled] + texts.length[filled] - 1]]
    return {
        "word_jaccard": jaccard(*_shared(texts.counts(np.arange(vocabulary), vocabulary), batch)),
        "stem_jaccard": jaccard(*stems),
        "skeleton_jaccard": jaccard(*_shared(texts.counts(words.skeleton, vocabulary), batch)),
        "bigram_jaccard": jaccard(*_shared(_bigrams(texts), batch)),
        "trigram_dice": ratio(2 * grams[0], grams[1] + grams[2]),
        "target_containment": ratio(stems[0], stems[1]),
        "text_containment": ratio(stems[0], stems[2]),
        "same_first_stem": (ends[0, batch.target] == ends[0, batch.text]).astype(float),
        "same_last_stem": (ends[1, batch.target] == ends[1, batch.text]).astype(float),
    }


def order(batch: Batch) -> Columns:
    """Whether aligned words stand in the same order on both sides."""
    found = batch.alignment
    aligned = np.flatnonzero(found.left_at >= 0)
    same_row = found.left_row[aligned[1:]] == found.left_row[aligned[:-1]]
    rows = found.left_row[aligned[1:]][same_row]
    step = (found.left_at[aligned[1:]] - found.left_at[aligned[:-1]])[same_row]
    count = batch.per_row(rows, np.ones(len(rows)))
    return {
        "order_agreement": ratio(batch.per_row(rows, step > 0), count, 0.5),
        "adjacency": ratio(batch.per_row(rows, step == 1), count, 0.0),
    }


def _side(batch: Batch, side: str, rows: IntArray, words: IntArray, best: FloatArray) -> Columns:
    content = batch.texts.words.content[words]
    weight = batch.idf[words] * content
    total = batch.per_row(rows, weight)
    unaligned = content & (best < ALIGNED)
    most = np.zeros(batch.rows)
    np.maximum.at(most, rows, weight * unaligned)
    count = batch.per_row(rows, unaligned)
    return {
        f"{side}_coverage": ratio(batch.per_row(rows, weight * best), total),
        f"{side}_coverage_stem": ratio(batch.per_row(rows, weight * (best >= STEM)), total),
        f"{side}_coverage_skeleton": ratio(batch.per_row(rows, weight * (best >= SKELETON)), total),
        f"{side}_unaligned": count,
        f"{side}_unaligned_share": ratio(count, batch.per_row(rows, content)),
        f"{side}_unaligned_idf": batch.per_row(rows, weight * unaligned),
        f"{side}_unaligned_idf_most": most,
    }


def _neighbours(found: Alignment, widths: IntArray, step: int) -> BoolArray:
    """Whether, for each word pair, the words `step` places further on both sides are alike."""
    heights = np.bincount(found.left_row, minlength=len(widths))
    left, right = found.left_position + step, found.right_position + step
    inside = (left >= 0) & (right >= 0) & (left < heights[found.row]) & (right < widths[found.row])
    at = np.arange(len(found.row)) + step * (widths[found.row] + 1)
    alike = np.zeros(len(found.row), bool)
    alike[inside] = found.level[at[inside]] >= ALIGNED
    return alike


def alignment(batch: Batch) -> Columns:
    """How well, and where, the words of the sides find counterparts."""
    found, words = batch.alignment, batch.texts.words
    left = _side(batch, "target", found.left_row, found.left_word, found.left_best)
    right = _side(batch, "text", found.right_row, found.right_word, found.right_best)
    free = (
        words.content[found.left]
        & words.content[found.right]
        & (found.left_best[found.left_element] < ALIGNED)
        & (found.right_best[found.right_element] < ALIGNED)
    )
    widths = np.bincount(found.right_row, minlength=batch.rows)
    before, after = _neighbours(found, widths, -1), _neighbours(found, widths, 1)
    opposed = opposites(words.first_pole, words.second_pole, found)
    rivals = (words.kinds[found.left] & words.kinds[found.right]) != 0
    rivals &= words.member[found.left] != words.member[found.right]
    rivals |= (words.places[found.left] != 0) & (words.places[found.right] != 0)
    rivals &= found.level < ALIGNED
    return {
        **left,
        **right,
        "coverage_least": np.minimum(left["target_coverage"], right["text_coverage"]),
        "coverage_difference": left["target_coverage"] - right["text_coverage"],
        "unaligned_least": np.minimum(left["target_unaligned"], right["text_unaligned"]),
        "substitution": ((left["target_unaligned"] == 1) & (right["text_unaligned"] == 1)).astype(float),
        "slots": batch.per_row(found.row, free & (before | after)),
        "slots_both": batch.per_row(found.row, free & before & after),
        "slot_opposites": batch.per_row(found.row, free & (before | after) & opposed),
        "opposites": batch.per_row(found.row, opposed),
        "opposites_unaligned": batch.per_row(found.row, opposed & free),
        "rivals": batch.per_row(found.row, rivals),
        "rivals_unaligned": batch.per_row(found.row, rivals & free),
        "slot_rivals": batch.per_row(found.row, rivals & free & (before | after)),
    }


def opposites(first: MaskArray, second: MaskArray, found: Alignment) -> BoolArray:
    """Whether, for each word pair, the words stand at opposite poles of an axis."""
    left, right = found.left, found.right
    crossed = (first[left] & second[right]) | (second[left] & first[right])
    return (crossed != 0) & (found.level < ALIGNED)


def polarity(batch: Batch) -> Columns:
    """Poles, negation and other cues of the sides."""
    texts, words = batch.texts, batch.texts.words
    bits = np.arange(len(AXIS_NAMES), dtype=np.uint64)
    one = np.uint64(1)
    poles = ((words.first_pole[:, None] >> bits) & one).astype(float) - ((words.second_pole[:, None] >> bits) & one)
    sides = np.sign(texts.sums(poles))
    product = sides[batch.target] * sides[batch.text]
    cues = texts.sums(words.cues)
    negations = cues[:, CUE_NAMES.index("negation")] % 2
    differs = np.abs(negations[batch.target] - negations[batch.text])
    clash, agree = (product < 0).sum(axis=1).astype(float), (product > 0).sum(axis=1).astype(float)
    columns: Columns = {
        "axes_clash": clash,
        "axes_agree": agree,
        "axes_balance_negated": (agree - clash) * (1 - 2 * differs),
        "negation_differs": differs,
    }
    columns |= {f"axis_{axis}": product[:, at] for at, axis in enumerate(AXIS_NAMES)}
    for cue in PAIR_CUES:
        counts = cues[:, CUE_NAMES.index(cue)]
        columns[f"target_{cue}"], columns[f"text_{cue}"] = counts[batch.target], counts[batch.text]
        columns[f"{cue}_difference"] = counts[batch.text] - counts[batch.target]
    return columns


def places(batch: Batch) -> Columns:
    """Countries, named by name, people, capital or leader."""
    words, texts = batch.texts.words, batch.texts
    segment, _ = ragged(texts.length)
    masks = np.zeros(len(texts.length), np.uint64)
    np.bitwise_or.at(masks, segment, words.places[texts.word])
    left, right = masks[batch.target], masks[batch.text]
    only_left, only_right = np.bitwise_count(left & ~right), np.bitwise_count(right & ~left)
    return {
        "places_shared": np.bitwise_count(left & right).astype(float),
        "target_places_only": only_left.astype(float),
        "text_places_only": only_right.astype(float),
        "places_clash": ((only_left > 0) & (only_right > 0)).astype(float),
    }


_NUMBER_COLUMNS = (
    "target_numbers", "text_numbers", "numbers_shared", "target_numbers_only", "text_numbers_only", "numbers_clash",
    "units_clash", "number_distance", "dates_shared", "dates_clash",
)  # fmt: skip


def _compare(left: list[Quantity], right: list[Quantity], days: tuple[frozenset[str], frozenset[str]]) -> list[float]:
    values_left, values_right = {item.value for item in left}, {item.value for item in right}
    shared = values_left & values_right
    distances = [abs(a - b) / max(abs(a), abs(b), 1e-9) for a in values_left for b in values_right]
    units = {a.unit for a in left if a.unit and a.value not in shared}
    clash = {b.unit for b in right if b.unit in units and b.value not in shared}
    only_left, only_right = len(values_left - shared), len(values_right - shared)
    return [
        len(left), len(right), len(shared), only_left, only_right, float(only_left > 0 and only_right > 0), len(clash),
        min(distances, default=1.0), len(days[0] & days[1]), float(bool(days[0] - days[1]) and bool(days[1] - days[0])),
    ]  # fmt: skip


def numbers(batch: Batch) -> Columns:
    """Numbers, units and dates that agree or clash."""
    quantity = [quantities(text) for text in batch.texts.tokens]
    days = [dates(text) for text in batch.texts.tokens]
    table = np.tile(np.array([0.0] * 7 + [1.0] + [0.0] * 2), (batch.rows, 1))
    some = np.fromiter((bool(a) or bool(b) for a, b in zip(quantity, days, strict=True)), bool, len(days))
    for row in np.flatnonzero(some[batch.target] | some[batch.text]):
        left, right = batch.target[row], batch.text[row]
        table[row] = _compare(quantity[left], quantity[right], (days[left], days[right]))
    return dict(zip(_NUMBER_COLUMNS, table.T, strict=True))


def marks(batch: Batch) -> Columns:
    """Quotation, questions, and the colon that separates a speaker from the words."""
    columns: Columns = {}
    for name, characters in (("quotes", '«»“”"'), ("question_mark", "؟?"), ("colon", ":")):
        counts = np.fromiter((sum(map(text.count, characters)) for text in batch.raw), float, len(batch.raw))
        values = counts if name == "quotes" else (counts > 0).astype(float)
        columns[f"target_{name}"], columns[f"text_{name}"] = values[batch.target], values[batch.text]
    return columns


GROUPS: tuple[Callable[[Batch], Columns], ...] = (
    lengths, overlap, order, alignment, polarity, places, numbers, marks,
)  # fmt: skip
