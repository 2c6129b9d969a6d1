"""Scores of parts of the data: where does a classifier fail?

A slice is the rows that share a value of a column: a target, topic or outlet the data set has, or something seen in
the text itself (`text_columns`): its length, a number, a negation, a quotation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.arabic.normalise import normalise, normalise_all
from naba.arabic.numbers import quantities
from naba.arabic.profile import NEWS
from naba.arabic.segment import tokens
from naba.evaluation.bootstrap import scores
from naba.evaluation.metrics import metric
from naba.evaluation.predictions import objects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from naba.evaluation.bootstrap import Score
    from naba.evaluation.metrics import Metric
    from naba.evaluation.predictions import ObjectArray, Predictions

SMALL = 30
"""A slice with fewer rows is marked: its interval is wide, and a bootstrap of so few rows is too narrow besides."""

MOST_VALUES = 60
"""A column with more values (ids, free text) is no slicing."""

SHORT, LONG = 8, 40
"""Words: a headline is short up to the first, an article long from the second on."""

NUMBER = re.compile(r"\d")  # Python's \d has Arabic-Indic and Persian digits too
QUOTATION = re.compile(r"[\"«»“”„‟‹›]")
QUESTION = re.compile(r"[؟?]")
LATIN = re.compile(r"[A-Za-z]")
DIACRITIC = re.compile(r"[\u064b-\u0652]")


def _words(words: str, prefix: str = "") -> re.Pattern[str]:
    """Any of some words, which are compared as the `news` profile writes them."""
    return re.compile(rf"(?<!\w){prefix}(?:{'|'.join(normalise(words, NEWS).split()).replace('_', ' ')})(?!\w)")


NEGATION = _words("لا لم لن ليس ليست ليسوا غير دون بدون ما_زال عدم ينفي نفى نفت تنفي", "[وف]?")
DIALECT = _words("مش ليش ليه وش ايش شو كده كدا هيك عشان علشان اللي دلوقتي هسه بدي عايز عاوز زي احنا مافي وين")


@dataclass(frozen=True)
class Slice:
    """The rows that share a value of a column, and how well they were classified.

    Attributes:
        column, value: what they share.
        score: the metric with its interval; `score.n` rows.
        share: of all rows.
        gap: score minus the score of all rows.
        small: fewer than `SMALL` rows.
    """

    column: str
    value: str
    score: Score
    share: float
    gap: float
    small: bool


def text_columns(texts: Sequence[str], targets: Sequence[str] | None = None) -> dict[str, ObjectArray]:
    """Columns that can be seen in the texts themselves; "yes" or "no", and a band of length in words.

    Negations, dialect words and numbers are looked for in the texts as the `news` profile writes them, so that marks
    and spellings do not matter; numbers may be digits or words. Dialect is a list of some frequent function words:
    "no" means that none was seen, no more.
    """
    patterns = {
        "has number": NUMBER,
        "has quotation": QUOTATION,
        "has question mark": QUESTION,
        "has Latin letters": LATIN,
        "has diacritics": DIACRITIC,
    }
    plain = normalise_all(texts, NEWS)
    columns = {name: _seen(texts, pattern) for name, pattern in patterns.items()}
    columns["has negation"] = _seen(plain, NEGATION)
    columns["has dialect words"] = _seen(plain, DIALECT)
    columns["length"] = _each(texts, _band)
    if targets is not None and any(targets):
        plain_targets = normalise_all(targets, NEWS)
        columns["target has number"] = _seen(targets, NUMBER)
        columns["target has negation"] = _seen(plain_targets, NEGATION)
        columns["numbers clash"] = objects([_clash(*sides) for sides in zip(plain, plain_targets, strict=True)])
    return columns


def _each(texts: Sequence[str], function: Callable[[str], str]) -> ObjectArray:
    return objects([function(text) for text in texts])


def _seen(texts: Sequence[str], pattern: re.Pattern[str]) -> ObjectArray:
    return _each(texts, lambda text: "yes" if pattern.search(text) else "no")


def _band(text: str) -> str:
    words = len(text.split())
    if words <= SHORT:
        return f"up to {SHORT} words"
    return f"from {LONG} words" if words >= LONG else f"{SHORT + 1} to {LONG - 1} words"


def _clash(text: str, target: str) -> str:
    here, there = ({found.value for found in quantities(tokens(side))} for side in (text, target))
    return "no numbers to compare" if not here or not there else "same" if here & there else "yes"


def slice_scores(
    predictions: Predictions,
    columns: Mapping[str, Sequence[Any] | npt.NDArray[Any]],
    measure: Metric | str,
    resamples: int = 2_000,
    seed: int = 0,
) -> list[Slice]:
    """A metric on each value of each column, the worst first; small slices after all others.

    Args:
        columns: name -> (n,) values in the row order of `predictions`. Columns with one value, or more than
            `MOST_VALUES`, are left out.
        measure: a metric of confusion counts; its labels stay those of the whole data.
    """
    whole = scores(predictions, [measure], resamples, seed=seed)[0].value
    found = []
    for column, values in columns.items():
        named = np.array(["" if value is None else str(value) for value in values], dtype=object)
        distinct = sorted(set(named))
        if not 1 < len(distinct) <= MOST_VALUES:
            continue
        for value in distinct:
            part = predictions.take(named == value)
            score = scores(part, [measure], resamples, seed=seed)[0]
            share = len(part) / len(predictions)
            found.append(Slice(column, value or "(none)", score, share, score.value - whole, len(part) < SMALL))
    item = metric(measure, predictions.labels) if isinstance(measure, str) else measure
    direction = 1 if item.higher_is_better else -1
    return sorted(found, key=lambda one: (one.small, direction * one.score.value, one.column, one.value))
