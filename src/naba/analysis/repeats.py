"""Sentences that say what a claim says in nearly its words: near-duplicates after normalisation.

Both sides are normalised and their words cut to light stems, so that spelling, clitics and endings do not count.
A claim is shorter than the sentence that repeats it, so what counts is how much of the claim's wording the sentence
holds (containment; Broder 1997, "On the resemblance and containment of documents") in character 5-grams, the unit of
`naba.data.checks.near_duplicates`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.arabic.normalise import NEWS, normalise_all
from naba.arabic.segment import light_stem, tokens
from naba.data.checks.near_duplicates import containment

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

THRESHOLD = 0.5
"""Share of a claim's 5-grams: finds half of the paraphrased headlines of ANS, and takes one other pair in ten thousand
for one (experiments/analyse.md). A sentence that contradicts a claim in its words repeats it too."""


def repeated(claims: Sequence[str], sentences: Sequence[str]) -> np.ndarray:
    """(claims, sentences) float64: the share of each claim's wording that each sentence holds, between 0 and 1."""
    return containment(_stems(claims), _stems(sentences))


def _stems(texts: Sequence[str]) -> list[str]:
    return [" ".join(light_stem(word) for word in tokens(text)) for text in normalise_all(texts, NEWS)]
