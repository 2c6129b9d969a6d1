"""How often answers change when texts are perturbed, with clustered intervals, and what that costs in score."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from naba.arabic.normalise import NEWS, normalise_all
from naba.evaluation.bootstrap import interval, share_groups
from naba.evaluation.metrics import metric
from naba.evaluation.predictions import Predictions, objects
from naba.evaluation.significance import paired_bootstrap
from naba.evaluation.stress import Drop, Effect, Example, Share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from naba.arabic.perturb import Perturber
    from naba.evaluation.predictions import FloatArray, IntArray, ObjectArray

    Answer: TypeAlias = Callable[[list[str], list[str]], tuple[ObjectArray, FloatArray]]
    """Texts and targets -> (n,) labels and (n, k) probabilities."""

SIDES = ("text", "target", "both")
EXAMPLES = 25

# What a change of meaning must overturn: an answer for or against. Another number, or the roles swapped, make agreement
# untrue, but not disagreement.
_FOR = frozenset(("agree", "entails"))
_AGAINST = frozenset(("disagree", "favor", "against"))
_OVERTURNED = {"number": _FOR, "swapped_roles": _FOR}


@dataclass(frozen=True)
class Rows:
    """The clean rows: texts and targets in the order of the predictions made on them."""

    texts: Sequence[str]
    targets: Sequence[str]
    clean: Predictions


class Answers:
    """A classifier's answers, each pair of text and target asked once: most perturbed texts leave most rows alone."""

    def __init__(self, answer: Answer, labels: Sequence[str]) -> None:
        self._answer = answer
        self._labels = tuple(labels)
        self._known: dict[tuple[str, str], tuple[str, FloatArray]] = {}

    def of(self, texts: Sequence[str], targets: Sequence[str]) -> tuple[ObjectArray, FloatArray]:
        """(n,) labels and (n, k) probabilities."""
        pairs = list(zip(texts, targets, strict=True))
        unknown = [pair for pair in dict.fromkeys(pairs) if pair not in self._known]
        if unknown:
            labels, probabilities = self._answer([text for text, _ in unknown], [target for _, target in unknown])
            self._known |= dict(zip(unknown, zip(labels, probabilities, strict=True), strict=True))
        rows = [self._known[pair] for pair in pairs]
        probabilities = np.array([row for _, row in rows]).reshape(len(rows), len(self._labels))
        return objects([label for label, _ in rows]), probabilities


@dataclass(frozen=True)
class Stress:
    """One stress test of one classifier.

    Attributes:
        rows: clean texts and the answers to them.
        answers: of the classifier.
        metric: whose drop is measured; a ranking metric cannot be paired, and macro F1 stands in for it.
        side: which column is perturbed, one of `SIDES`.
        seed, resamples, confidence: of the perturbations; of the intervals.
    """

    rows: Rows
    answers: Answers
    metric: str
    side: str = "text"
    seed: int = 0
    resamples: int = 2_000
    confidence: float = 0.95

    @property
    def paired_metric(self) -> str:
        """The metric that is compared."""
        return "macro_f1" if metric(self.metric, self.rows.clean.labels).needs == "ranking" else self.metric

    @property
    def clustered(self) -> bool:
        """Are whole groups drawn for the intervals?"""
        return share_groups(self.rows.clean, [metric("accuracy", self.rows.clean.labels)])

    def effect(self, perturber: Perturber) -> Effect | None:
        """What a perturbation does; None where there is no row that it changes."""
        texts, targets = (
            [perturber(value, self.seed) for value in values] if self.side in (side, "both") else list(values)
            for side, values in (("text", self.rows.texts), ("target", self.rows.targets))
        )
        changed = self._changed(texts, targets)
        if perturber.kind == "changed":
            changed = changed[self._overturned(perturber.name)[changed]]
        if not len(changed):
            return None
        labels, probabilities = self.answers.of(texts, targets)
        perturbed = replace(self.rows.clean, predicted=labels, probabilities=probabilities)
        survives, after = self._behind(texts, targets, changed)
        return Effect(
            name=perturber.name,
            kind=perturber.kind,
            summary=perturber.summary,
            rows=len(changed),
            flips=self._flips(perturbed, changed),
            drop=None if perturber.kind == "changed" else self._drop(perturbed),
            survives=survives,
            flips_after=after,
            labels=self._labels(perturbed, changed),
            moves=self._moves(perturbed, changed),
            examples=self._examples(texts, targets, perturbed, self._telling(perturber, perturbed, changed)),
        )

    def _changed(self, texts: Sequence[str], targets: Sequence[str]) -> IntArray:
        clean = zip(self.rows.texts, self.rows.targets, strict=True)
        pairs = zip(clean, zip(texts, targets, strict=True), strict=True)
        return np.array([row for row, (before, after) in enumerate(pairs) if before != after], dtype=np.int64)

    def _overturned(self, name: str) -> np.ndarray:
        """(n,) rows answered rightly, with a label that this change of meaning makes untrue."""
        clean = self.rows.clean
        labels = _OVERTURNED.get(name, _FOR | _AGAINST)
        stood = np.array([label in labels for label in clean.gold], dtype=bool)
        return stood & (clean.gold_codes == clean.predicted_codes)

    def _flips(self, perturbed: Predictions, changed: IntArray) -> Share:
        """1 - agreement of the answers before and after, with the interval of any share of right rows."""
        clean = self.rows.clean
        agreement = replace(perturbed, gold=clean.predicted).take(changed)
        score = interval(agreement, "accuracy", self.resamples, self.confidence, by_group=self._grouped(agreement))
        count = int((agreement.gold_codes != agreement.predicted_codes).sum())
        return Share(count / len(changed), 1 - score.high, 1 - score.low, count, len(changed))

    def _grouped(self, rows: Predictions) -> bool:
        return self.clustered and rows.groups is not None

    def _drop(self, perturbed: Predictions) -> Drop:
        found = paired_bootstrap(self.rows.clean, perturbed, self.paired_metric, self.resamples, self.confidence)
        return Drop(found.estimate, found.low, found.high, found.p_value)

    def _behind(
        self, texts: Sequence[str], targets: Sequence[str], changed: IntArray
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Shares of changed rows whose text, and whose answer, still differs when both texts go through NFKC first,
        or through the `news` profile."""
        survives, after = {}, {}
        for name, clean_up in (("nfkc", _nfkc), ("profile", lambda values: normalise_all(values, NEWS))):
            sides = (self.rows.texts, self.rows.targets, texts, targets)
            cleaned = [clean_up([values[row] for row in changed]) for values in sides]
            before, perturbed = list(zip(*cleaned[:2], strict=True)), list(zip(*cleaned[2:], strict=True))
            survives[name] = float(np.mean([one != other for one, other in zip(before, perturbed, strict=True)]))
            answered = [self.answers.of(*pair)[0] for pair in (cleaned[:2], cleaned[2:])]
            after[name] = float(np.mean(answered[0] != answered[1]))
        return survives, after

    def _labels(self, perturbed: Predictions, changed: IntArray) -> dict[str, tuple[int, int]]:
        clean = self.rows.clean
        flipped = clean.predicted_codes[changed] != perturbed.predicted_codes[changed]
        found = {}
        for code, label in enumerate(clean.labels):
            here = clean.gold_codes[changed] == code
            if here.any():
                found[label] = (int(flipped[here].sum()), int(here.sum()))
        return found

    def _moves(self, perturbed: Predictions, changed: IntArray) -> list[tuple[str, str, int]]:
        pairs = zip(self.rows.clean.predicted[changed], perturbed.predicted[changed], strict=True)
        counts = Counter(pair for pair in pairs if pair[0] != pair[1])
        return [(before, after, count) for (before, after), count in counts.most_common()]

    def _telling(self, perturber: Perturber, perturbed: Predictions, changed: IntArray) -> IntArray:
        """The rows to read: answers that changed, or, after a change of meaning, those that did not."""
        flipped = self.rows.clean.predicted_codes[changed] != perturbed.predicted_codes[changed]
        return changed[~flipped if perturber.kind == "changed" else flipped]

    def _examples(
        self, texts: Sequence[str], targets: Sequence[str], perturbed: Predictions, telling: IntArray
    ) -> list[Example]:
        clean = self.rows.clean
        sure = clean.probabilities[telling, clean.predicted_codes[telling]]
        found = []
        for row in telling[np.argsort(-sure, kind="stable")][:EXAMPLES]:
            before, after = clean.predicted_codes[row], perturbed.predicted_codes[row]
            found.append(
                Example(
                    id=str(clean.ids[row]),
                    text=self.rows.texts[row],
                    target=self.rows.targets[row],
                    perturbed_text=texts[row],
                    perturbed_target=targets[row],
                    gold=str(clean.gold[row]),
                    before=clean.labels[before],
                    after=clean.labels[after],
                    sure_before=round(float(clean.probabilities[row, before]), 4),
                    sure_after=round(float(perturbed.probabilities[row, after]), 4),
                )
            )
        return found


def _nfkc(values: Sequence[str]) -> list[str]:
    return [unicodedata.normalize("NFKC", value) for value in values]


def effects(stress: Stress, perturbers: Sequence[Perturber]) -> tuple[list[Effect], list[str]]:
    """The effects of perturbers that change a row, and the names of those that change none."""
    found: Mapping[str, Effect | None] = {one.name: stress.effect(one) for one in perturbers}
    return [effect for effect in found.values() if effect], [name for name, effect in found.items() if not effect]
