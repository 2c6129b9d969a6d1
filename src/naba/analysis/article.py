"""An analysed article: its sentences, what they claim, who says it, and where it stands on given claims.

All spans are characters of `Article.text`: `text[span.start:span.end]`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from naba.analysis.attribution import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.arabic.segment import Span

__all__ = ["Answer", "Article", "Claim", "ClaimStance", "Evidence", "Origin", "Priority", "Reason", "Repeat", "Report",
           "Sentence", "SentenceStance", "Word"]  # fmt: skip

FORMAT = 1
"""Version of the JSON that `Article.to_dict` gives; `article.schema.json` describes it."""

ReasonKind = Literal["type", "numbers", "named_source", "doubt"]


@dataclass(frozen=True)
class Word:
    """A word of a sentence that spoke for (positive) or against the answer.

    Attributes:
        span: where it stands in the article.
        weight: its part of the score of the answer, summed over the features that name the word.
    """

    span: Span
    weight: float


@dataclass(frozen=True)
class Evidence:
    """What decided an answer, by `naba.models.explain`.

    Attributes:
        features: (feature, part of the score), the largest first.
        words: those of the sentence that features name, the largest first.
    """

    features: tuple[tuple[str, float], ...] = ()
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a classifier says about a sentence.

    Attributes:
        label: the most probable label, or the one the classifier decided for.
        probability: of `label`, between 0 and 1; calibrated where `Origin.calibrated` says so.
        probabilities: label -> probability; they sum to 1.
        withheld: is the answer too doubtful to be given, at the risk that `Origin.risk` states?
        evidence: None where it was not asked for, or the model cannot explain.
    """

    label: str
    probability: float
    probabilities: Mapping[str, float]
    withheld: bool = False
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Reason:
    """One part of a priority: `points` are added up; `value` says what was seen (a type, a count, a speaker)."""

    kind: ReasonKind
    points: float
    value: str


@dataclass(frozen=True)
class Priority:
    """How early a sentence should be looked at. It says nothing about whether the sentence is true.

    Attributes:
        rank: from 1, the first to check; sentences of equal score in their order.
        score: the sum of the points of the reasons, between 0 and 1.
        reasons: why.
    """

    rank: int
    score: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Claim:
    """A claim that articles are compared with; ids are unique among the claims given."""

    id: str
    text: str


@dataclass(frozen=True)
class Repeat:
    """A sentence that says what a claim says, in nearly its words.

    Attributes:
        claim: the claim's id.
        similarity: share of the claim's wording that the sentence has, between 0 and 1; see
            `naba.analysis.stances`.
    """

    claim: str
    similarity: float


@dataclass(frozen=True)
class Sentence:
    """One sentence.

    Attributes:
        id: `s1`, `s2`, … in the order of the text.
        span: where it stands.
        text: `span.of(article.text)`.
        claim_type: what a fact-checker would have to check in it; None without a claim-type model.
        priority: its place in the order of checking.
        reports: who says what in it, in order.
        repeats: the given claims that it repeats.
    """

    id: str
    span: Span
    text: str
    claim_type: Answer | None
    priority: Priority
    reports: tuple[Report, ...] = ()
    repeats: tuple[Repeat, ...] = ()


@dataclass(frozen=True)
class SentenceStance:
    """The stance of a sentence, read alone, to a claim."""

    sentence: str
    answer: Answer


@dataclass(frozen=True)
class ClaimStance:
    """Where an article stands on a claim.

    Attributes:
        claim: the claim.
        stance: of the whole article: agree, disagree, discuss or unrelated (the model's own labels where it has
            others); see `naba.analysis.stances.overall`. None without a stance model.
        sentences: all sentences, in order; empty without a stance model.
        repeated: ids of the sentences that repeat the claim.
        withheld: is `stance` too doubtful to be given, since only doubtful sentences bear on the claim?
    """

    claim: Claim
    stance: str | None
    sentences: tuple[SentenceStance, ...] = ()
    repeated: tuple[str, ...] = ()
    withheld: bool = False

    def with_stance(self, stance: str) -> list[SentenceStance]:
        """The sentences of one stance, the most probable first."""
        found = [one for one in self.sentences if one.answer.label == stance]
        return sorted(found, key=lambda one: -one.answer.probability)


@dataclass(frozen=True)
class Origin:
    """The model behind the answers to one task, and the labels behind the model.

    Attributes:
        task: `claim_type` or `stance`.
        name: what the user called it, or the run's id.
        model, dataset: names of the configuration; "" where a folder does not say.
        label_source: who labelled the training data: `person`, `language_model`, `construction`, …
        labels: label -> Arabic name, in the order of the model.
        calibrated: were the probabilities corrected on rows the model was not trained on?
        risk: bound on the share of errors among the answers that are not withheld, on rows like the validation rows
            of the training; None where nothing is withheld.
        uncounted: labels whose answers `risk` leaves out.
    """

    task: str
    name: str
    model: str
    dataset: str
    label_source: str
    labels: Mapping[str, str]
    calibrated: bool
    risk: float | None = None
    uncounted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Article:
    """An analysed text.

    Attributes:
        text: as all spans count it.
        name: of the file, or what the caller calls it.
        title, url, date: where the source says them; "" elsewhere. `date` is as it was found, ISO 8601 from HTML.
        sentences: in order.
        claims: one for each claim given, in their order.
        origins: the models behind it.
        notes: what a reader must know, such as a text without Arabic.
    """

    text: str
    sentences: tuple[Sentence, ...]
    claims: tuple[ClaimStance, ...] = ()
    origins: tuple[Origin, ...] = ()
    name: str = ""
    title: str = ""
    url: str = ""
    date: str = ""
    notes: tuple[str, ...] = ()
    quotations: tuple[Span, ...] = field(default=(), repr=False)

    @property
    def reports(self) -> list[Report]:
        """Every act of reporting, in the order of the text."""
        return [report for sentence in self.sentences for report in sentence.reports]

    @cached_property
    def by_id(self) -> dict[str, Sentence]:
        """Sentence id -> sentence."""
        return {sentence.id: sentence for sentence in self.sentences}

    def in_order_of_checking(self) -> list[Sentence]:
        """The sentences, the first to check first."""
        return sorted(self.sentences, key=lambda sentence: sentence.priority.rank)

    def origin(self, task: str) -> Origin | None:
        """The model that answered a task (`claim_type`, `stance`); None where none did."""
        return next((origin for origin in self.origins if origin.task == task), None)

    # --- as other formats -----------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, as `naba/analysis/article.schema.json` describes them."""
        from naba.analysis.records import article_dict

        return article_dict(self)

    def to_json(self) -> str:
        """The same as a string, indented, with Arabic as it is."""
        from naba.analysis.records import dumps

        return dumps(self.to_dict())

    def to_jsonld(self) -> dict[str, Any]:
        """schema.org `Claim` records of what there is to check, without any rating; see `naba.analysis.records`."""
        from naba.analysis.records import claims

        return claims(self)

    def to_html(self) -> str:
        """The page: one self-contained HTML document."""
        from naba.analysis.page import page

        return page(self)

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the text as UTF-8; a lone surrogate counts as `?`."""
        return hashlib.sha256(self.text.encode("utf-8", "replace")).hexdigest()


SCHEMA = Path(__file__).with_name("article.schema.json")
"""The JSON Schema of `Article.to_dict`."""
