"""Where sentences and a whole article stand on claims, and which sentences repeat one in nearly its words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from naba.analysis.article import Answer, Claim, ClaimStance, Repeat, Sentence, SentenceStance
from naba.arabic.normalise import NEWS, normalise_all
from naba.arabic.segment import light_stem, tokens
from naba.data.checks.near_duplicates import containment

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from naba.analysis.models import Labeller

SIDES = ("agree", "disagree")
NOTHING = frozenset({"unrelated", "other"})
"""Labels for a text that has nothing to do with the claim, or takes no side in a set without `discuss`."""
LEAST = 0.5
"""Probability from which a sentence speaks for the whole article, whatever the model withholds."""
EXPLAINED = 8
"""Sentences of each claim whose stance is explained, the most probable first."""
TOGETHER = 4096
"""Pairs of a claim and a sentence that are asked in one call."""
THRESHOLD = 0.5
"""Share of a claim's 5-grams: finds half of the paraphrased headlines of ANS, and takes one other pair in ten thousand
for one (experiments/analyse.md). A sentence that contradicts a claim in its words repeats it too."""


def overall(stances: Sequence[SentenceStance]) -> tuple[str, bool]:
    """The stance of an article to a claim, from those of its sentences.

    Only sentences speak whose answer was not withheld and has a probability of at least `LEAST`. If some agree and some
    disagree, the article discusses the claim; if all that take a side take the same one, that is the article's; if none
    takes a side but some discuss it, it discusses it. Where no sentence speaks that bears on the claim, but doubtful
    ones might, the most probable of these is taken, and withheld. Where there are none, the article is `unrelated`.

    Returns:
        (label, is it to be withheld?)
    """
    related = [one for one in stances if one.answer.label not in NOTHING]
    speaking = {one.answer.label for one in related if one.answer.probability >= LEAST and not one.answer.withheld}
    sides = [side for side in SIDES if side in speaking]
    if speaking:
        return (sides or sorted(speaking))[0] if len(sides) < 2 else "discuss", False
    if related:
        return max(related, key=lambda one: one.answer.probability).answer.label, True
    return "unrelated", False


def claim_stances(
    claims: Sequence[Claim], sentences: Sequence[Sentence], labeller: Labeller | None, *, explain: bool = True
) -> tuple[list[ClaimStance], list[Sentence]]:
    """The article's stance to each claim, and its sentences with the claims that they repeat.

    Args:
        labeller: without one, only repeats are looked for.
        explain: look for what decided; costs about as much as the answers.
    """
    shares = repeated([claim.text for claim in claims], [sentence.text for sentence in sentences])
    asked = _answered(claims, sentences, labeller, explain=explain) if labeller else [[] for _ in claims]
    found = []
    for claim, row, answered in zip(claims, shares, asked, strict=True):
        again = tuple(one.id for one, share in zip(sentences, row, strict=True) if share >= THRESHOLD)
        stance, withheld = overall(answered) if labeller else (None, False)
        found.append(ClaimStance(claim, stance, tuple(answered), again, withheld))
    return found, [
        _with_repeats(sentence, claims, column) for sentence, column in zip(sentences, shares.T, strict=True)
    ]


def _with_repeats(sentence: Sentence, claims: Sequence[Claim], shares: Sequence[float]) -> Sentence:
    again = [
        Repeat(claim.id, round(float(share), 4))
        for claim, share in zip(claims, shares, strict=True)
        if share >= THRESHOLD
    ]
    return replace(sentence, repeats=tuple(again)) if again else sentence


def _answered(
    claims: Sequence[Claim], sentences: Sequence[Sentence], labeller: Labeller, *, explain: bool
) -> list[list[SentenceStance]]:
    """For each claim the stances of all sentences; many claims are asked together, since each call has its price."""
    found: list[list[SentenceStance]] = []
    size = max(1, TOGETHER // max(1, len(sentences)))
    for first in range(0, len(claims), size):
        some = claims[first : first + size]
        pairs = [(sentence, claim) for claim in some for sentence in sentences]
        answers = labeller.answers([one.text for one, _ in pairs], [claim.text for _, claim in pairs])
        if explain:
            _explained(pairs, answers, labeller)
        stances = [SentenceStance(one.id, answer) for (one, _), answer in zip(pairs, answers, strict=True)]
        found += [stances[at : at + len(sentences)] for at in range(0, len(some) * len(sentences), len(sentences) or 1)]
    return found or [[] for _ in claims]


def _explained(pairs: Sequence[tuple[Sentence, Claim]], answers: list[Answer], labeller: Labeller) -> None:
    """Adds the evidence of the most probable answers to each claim."""
    related: dict[str, list[int]] = {}
    for at, ((_, claim), answer) in enumerate(zip(pairs, answers, strict=True)):
        if answer.label not in NOTHING:
            related.setdefault(claim.id, []).append(at)
    chosen = [at for places in related.values()
              for at in sorted(sorted(places, key=lambda at: -answers[at].probability)[:EXPLAINED])]  # fmt: skip
    evidence = labeller.evidence(
        [pairs[at][0].text for at in chosen],
        [pairs[at][1].text for at in chosen],
        [answers[at].label for at in chosen],
        [pairs[at][0].span.start for at in chosen],
    )
    for at, one in zip(chosen, evidence or [], strict=False):
        answers[at] = replace(answers[at], evidence=one)


def repeated(claims: Sequence[str], sentences: Sequence[str]) -> np.ndarray:
    """(claims, sentences) float64: the share of each claim's wording that each sentence holds, between 0 and 1.

    Both sides are normalised and their words cut to light stems, so that spelling, clitics and endings do not count. A
    claim is shorter than the sentence that repeats it, so what counts is how much of the claim's wording the sentence
    holds (containment; Broder 1997, "On the resemblance and containment of documents") in character 5-grams, the unit
    of `naba.data.checks.near_duplicates`.
    """
    return containment(_stems(claims), _stems(sentences))


def _stems(texts: Sequence[str]) -> list[str]:
    return [" ".join(light_stem(word) for word in tokens(text)) for text in normalise_all(texts, NEWS)]
