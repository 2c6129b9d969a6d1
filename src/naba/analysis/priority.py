"""What to check first: an order of sentences, with its reasons. It is no verdict, and no estimate of truth.

The points are a convention, written here so that a desk can read and change them. They follow what fact-checkers say
they look at first (a claim that can be checked, figures, somebody who can be asked; Full Fact's types, arXiv
1809.08193): the type counts by its probabilities, so a doubtful type counts as a mixture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from naba.analysis.article import Answer, Priority, Reason
from naba.arabic.normalise import NEWS, normalise
from naba.arabic.numbers import quantities
from naba.arabic.segment import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.analysis.attribution import Report

TYPE_POINTS: Mapping[str, float] = {
    "quantity": 0.60,
    "causal": 0.50,
    "rule": 0.45,
    "statement": 0.45,
    "event": 0.40,
    "prediction": 0.20,  # can be checked later only
    "opinion": 0.0,
    "no_claim": 0.0,
}
UNKNOWN_TYPE = 0.40
"""Of a sentence without a claim type, and of labels that are not naba's."""
NUMBER_POINTS, MORE_NUMBERS, MOST_NUMBERS = 0.15, 0.03, 0.21
SOURCE_POINTS = 0.10
DOUBT_POINTS = 0.09
"""For a type of which the model knows nothing (all labels equally probable): somebody should look."""


@dataclass(frozen=True)
class Seen:
    """What is known of a sentence when its priority is worked out."""

    text: str
    claim_type: Answer | None
    reports: Sequence[Report]


def priorities(article: str, sentences: Sequence[Seen]) -> list[Priority]:
    """The priority of each sentence, in the order of the sentences.

    Args:
        article: the text that the reports' spans belong to.
    """
    reasons = [_reasons(article, one) for one in sentences]
    scores = [round(sum(reason.points for reason in found), 4) for found in reasons]
    order = sorted(range(len(sentences)), key=lambda at: -scores[at])
    ranks = {at: rank for rank, at in enumerate(order, start=1)}
    return [Priority(ranks[at], scores[at], tuple(found)) for at, found in enumerate(reasons)]


def _reasons(article: str, sentence: Seen) -> list[Reason]:
    found = [_type(sentence.claim_type)]
    checkable = 1.0 if sentence.claim_type is None else 1 - _share(sentence.claim_type, ("opinion", "no_claim"))
    count = len(quantities(tokens(normalise(sentence.text, NEWS))))
    if count:
        points = min(NUMBER_POINTS + MORE_NUMBERS * (count - 1), MOST_NUMBERS)
        found.append(Reason("numbers", _rounded(points * checkable), str(count)))
    named = next((one.source or one.antecedent for one in sentence.reports if one.source or one.antecedent), None)
    if named is not None:
        found.append(Reason("named_source", _rounded(SOURCE_POINTS * checkable), named.of(article)))
    if sentence.claim_type is not None:
        doubt = _doubt(sentence.claim_type)
        found.append(Reason("doubt", _rounded(DOUBT_POINTS * doubt), f"{doubt:.2f}"))
    return found


def _type(answer: Answer | None) -> Reason:
    if answer is None:
        return Reason("type", UNKNOWN_TYPE, "")
    points = sum(share * TYPE_POINTS.get(label, UNKNOWN_TYPE) for label, share in answer.probabilities.items())
    return Reason("type", _rounded(points), answer.label)


def _share(answer: Answer, labels: Sequence[str]) -> float:
    return sum(answer.probabilities.get(label, 0.0) for label in labels)


def _doubt(answer: Answer) -> float:
    """Entropy of the probabilities, of the largest there could be: 0 is sure, 1 knows nothing."""
    shares = [share for share in answer.probabilities.values() if share > 0]
    if len(answer.probabilities) < 2:
        return 0.0
    return -sum(share * math.log(share) for share in shares) / math.log(len(answer.probabilities))


def _rounded(points: float) -> float:
    return round(points, 4)
