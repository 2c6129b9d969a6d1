"""A handful of numbers that say how much two short texts have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = (
    "word_jaccard",
    "target_words_in_text",
    "text_words_in_target",
    "length_ratio",
    "numbers_shared",
    "numbers_clash",
    "numbers_on_one_side",
    "negation_on_one_side",
)

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,٫]\d+)*")
NEGATIONS = [
    "لا",
    "لم",
    "لن",
    "ليس",
    "ليست",
    "ليسوا",
    "ما",
    "غير",
    "دون",
    "بدون",
    "عدم",
    "نفى",
    "نفت",
    "ينفي",
    "تنفي",
    "ينفون",
    "نفي",
    "كذب",
    "تكذب",
    "يكذب",
    "تكذيب",
    "بلا",
]


@dataclass(frozen=True)
class _Parts:
    words: frozenset[str]
    numbers: frozenset[str]
    length: int
    negated: bool


def overlap_features(
    texts: Sequence[str], pairs: Sequence[tuple[int, int]], negations: frozenset[str] = frozenset(NEGATIONS)
) -> np.ndarray:
    """Overlap of each pair, shape (number of pairs, len(NAMES)), float32, all in [0, 1].

    Args:
        texts: the distinct texts, normalised already.
        pairs: (place of the text, place of the target) in `texts`, one a row.
        negations: negation words, in the spelling of the texts.
    """
    parts = [_parts(text, negations) for text in texts]
    rows = [_compare(parts[text], parts[target]) for text, target in pairs]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(NAMES))


def _parts(text: str, negations: frozenset[str]) -> _Parts:
    words = frozenset(_WORD.findall(text))
    return _Parts(words, frozenset(_NUMBER.findall(text)), len(text), not words.isdisjoint(negations))


def _compare(text: _Parts, target: _Parts) -> tuple[float, ...]:
    shared = len(text.words & target.words)
    either = len(text.words | target.words)
    both_numbers = bool(text.numbers and target.numbers)
    return (
        shared / max(1, either),
        shared / max(1, len(target.words)),
        shared / max(1, len(text.words)),
        min(text.length, target.length) / max(1, text.length, target.length),
        float(not text.numbers.isdisjoint(target.numbers)),
        float(both_numbers and text.numbers != target.numbers),
        float(bool(text.numbers) != bool(target.numbers)),
        float(text.negated != target.negated),
    )
