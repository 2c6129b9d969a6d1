"""The classifiers behind an analysis: any run or folder, or two that are trained once on the embedded corpus."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from naba.analysis.article import Answer, Evidence, Origin, Word
from naba.arabic.normalise import NEWS, normalise
from naba.arabic.segment import Span, light_stem, tokens
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from naba.arabic.profile import Profile
    from naba.experiment.job import Outcome
    from naba.predict.locate import Opened

logger = logging.getLogger(__name__)

RISK, STANCE_RISK = 0.2, 0.4
"""Share of errors allowed among the answers that the default models give, on texts like those of the corpus; for
stances among the answers that a sentence bears on the claim."""
DEFAULT = "default"
"""Stands for the model that is trained on the embedded corpus."""
TRAINED: dict[str, list[str]] = {
    "claim_type": [
        "dataset=synthetic_claim_type",
        "model=abstaining",
        "model@model.classifier=calibrated",
        "model@model.classifier.classifier=claim_guideline",
        "model.classifier.classifier.C=0.1",
        "model.classifier.classifier.order_weight=1",
        f"model.risk={RISK}",
        "model.name=abstaining_claim_guideline",
        "evaluation.also=[article_claim_type]",
    ],
    "stance": [
        "dataset=synthetic_article_stance",
        "model=abstaining",
        "model@model.classifier=calibrated",
        "model@model.classifier.classifier=tfidf_logreg",
        "model.classifier.classifier.class_weight=null",
        f"model.risk={STANCE_RISK}",
        "model.uncounted=[unrelated]",
        "model.name=abstaining_tfidf_logreg",
        "evaluation.also=[article_stance]",
    ],
}
"""Task -> the training, as `naba train` takes it; chosen on validation rows (experiments/analyse.md)."""
FEATURES, WORDS = 8, 6
"""Features and words that are kept as evidence of one answer."""
EXPLAINED_ROWS = 512


@dataclass(frozen=True)
class Labeller:
    """A classifier that answers one task, and where it comes from."""

    opened: Opened
    name: str

    @cached_property
    def origin(self) -> Origin:
        """The note about it."""
        description = self.opened.description
        abstain, labels = description.get("abstain"), description["labels"]
        return Origin(
            task=str(description["task"]),
            name=self.name,
            model=str(description.get("model", "")),
            dataset=str(description.get("dataset", "")),
            label_source=str(description.get("label_source", "")),
            labels={str(label): str(shown) for label, shown in labels.items()},
            calibrated=description.get("calibration") is not None,
            risk=round(float(abstain["risk_bound"]), 4) if abstain and abstain["threshold"] is not None else None,
            uncounted=tuple(abstain.get("uncounted", ())) if abstain else (),
        )

    def answers(self, texts: Sequence[str], targets: Sequence[str]) -> list[Answer]:
        """Labels and probabilities, without evidence."""
        if not texts:
            return []
        made = self._predicted(texts, targets)
        labels = list(self.opened.description["labels"])
        probabilities = made[[f"probability_{label}" for label in labels]].to_numpy(dtype=float)
        withheld = made["abstain"].tolist() if "abstain" in made else [False] * len(texts)
        return [
            Answer(str(label), round(float(row[labels.index(label)]), 4), _rounded(labels, row), bool(doubtful))
            for label, row, doubtful in zip(made["label"], probabilities, withheld, strict=True)
        ]

    def _predicted(self, texts: Sequence[str], targets: Sequence[str]) -> Any:
        from naba.classifier.answers import predict_texts

        return predict_texts(self.opened.model, self.opened.description, list(texts), list(targets))

    def evidence(self, texts: Sequence[str], targets: Sequence[str], labels: Sequence[str], starts: Sequence[int]
                 ) -> list[Evidence] | None:  # fmt: skip
        """Why each label was given; None for a kind of model that cannot be explained.

        Args:
            starts: where each text begins in the article, for the spans of its words.
        """
        import pandas as pd

        from naba.models.explain import explain

        model = self.opened.model
        if model.explained_by is None:
            return None
        found: list[Evidence] = []
        for first in range(0, len(texts), EXPLAINED_ROWS):
            rows = slice(first, first + EXPLAINED_ROWS)
            table = pd.DataFrame({"text": list(texts[rows]), "target": list(targets[rows])}, dtype=object)
            explained = explain(model, table, list(labels[rows]), top=10_000)
            for text, start, one in zip(texts[rows], starts[rows], explained, strict=True):
                top = tuple((name, round(weight, 4)) for name, weight in one.contributions[:FEATURES])
                found.append(Evidence(top, _words(text, start, one.contributions, model.profile or NEWS)))
        return found


def _rounded(labels: Sequence[str], row: np.ndarray) -> dict[str, float]:
    return {label: round(float(value), 4) for label, value in zip(labels, row, strict=True)}


def _words(text: str, start: int, contributions: Sequence[tuple[str, float]], profile: Profile) -> tuple[Word, ...]:
    """The words of a text that features name, with what those features add up to."""
    weights: dict[str, float] = {}
    for feature, weight in contributions:
        parts = _named(feature)
        for part in parts:
            weights[part] = weights.get(part, 0.0) + weight / len(parts)
    found: dict[str, Word] = {}
    place = 0
    for token in tokens(text):
        place = text.index(token, place)
        span = Span(start + place, start + place + len(token))
        place += len(token)
        normal = normalise(token, profile)
        weight = sum(weights.get(form, 0.0) for form in {normal, light_stem(normal)})
        if abs(weight) >= 0.0005 and normal not in found and normal[:1].isalnum():
            found[normal] = Word(span, round(weight, 4))
    return tuple(sorted(found.values(), key=lambda word: (-abs(word.weight), word.span))[:WORDS])


def _named(feature: str) -> list[str]:
    """The words in the name of a feature: `text:word:قال الوزير`, `near:قال`, `text-قال`; none of characters."""
    if "character" in feature:
        return []
    tail = feature.rpartition(":")[2] if ":" in feature else feature.partition("-")[2] or feature
    return [word for word in tail.replace(">", " ").replace("=", " ").replace("<", " ").split()
            if not word.isascii() or word.isdigit()]  # fmt: skip


# --- where they come from -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Models:
    """What answers claim types and stances; None where nothing does."""

    claim_type: Labeller | None = None
    stance: Labeller | None = None

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The note about each."""
        return tuple(one.origin for one in (self.claim_type, self.stance) if one is not None)


def open_models(claim_type: str | None = DEFAULT, stance: str | None = DEFAULT, uri: str | None = None) -> Models:
    """The classifiers of an analysis, loaded once.

    Args:
        claim_type, stance: `default` (trained on the embedded corpus, if it has not been), a tracked run by any of its
            names, a classifier folder, or None for no answers of that task.
        uri: of the MLflow store, for runs.
    Raises:
        UserError: there is no such classifier, or it answers another task.
    """
    return Models(_opened("claim_type", claim_type, uri), _opened("stance", stance, uri))


def _opened(task: str, name: str | None, uri: str | None) -> Labeller | None:
    from naba.predict.locate import open_classifier

    if name is None:
        return None
    if name == DEFAULT:
        outcome = trained(task)
        return Labeller(open_classifier(outcome.run), outcome.run)
    opened = open_classifier(name, uri)
    option = "--claim-type" if task == "claim_type" else "--stance"
    if opened.pair is not (task == "stance"):
        wanted = "pairs of a text and a claim" if task == "stance" else "single texts"
        raise UserError(
            f"{option} {name}: this classifier reads {'pairs' if opened.pair else 'single texts'} and answers "
            f"{opened.description['task']}; {option} needs one for {wanted}",
            f"naba compare lists what was trained; {option} none leaves it out",
        )
    return Labeller(opened, name)


def trained(task: str) -> Outcome:
    """The run of the default model of a task: trained now, or found; said aloud either way.

    Raises:
        UserError: the store cannot be used.
    """
    from naba.config.overrides import compose
    from naba.experiment import run

    overrides = TRAINED[task]
    dataset = overrides[0].partition("=")[2]
    about = "the embedded corpus, written and labelled by a language model; not real news"
    logger.warning("%s: a model of %s (%s); --%s RUN takes another", task, dataset, about, task.replace("_", "-"))
    outcome = run.run(compose(overrides), overrides)
    if outcome.status == "trained":
        score = outcome.score()
        quality = f", test {score.name} {score.value:.2f}" if score else ""
        logger.warning("%s: trained once and kept as run %s%s", task, outcome.run[:12], quality)
    return outcome
