"""What one training leaves: predictions and scores for each section, the model, and its description."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from naba.evaluation.bootstrap import Score
from naba.tracking.facts import scores_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from naba.data.checks.findings import Report
    from naba.evaluation.predictions import Predictions
    from naba.experiment.job import Job
    from naba.models.classifier import Classifier
    from naba.tracking import Run
    from naba.tracking.facts import Facts
    from naba.tracking.folder import KeptFolder


@dataclass(frozen=True)
class Section:
    """One set of rows a model was scored on: `validation`, `test`, or the name of a further data set."""

    name: str
    predictions: Predictions
    scores: list[Score]
    rows: pd.DataFrame
    """Columns text and target, in the order of the predictions."""
    display_names: Mapping[str, str]
    primary_metric: str
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Columns to slice by, in the order of the predictions: those of the data set and what the texts show."""

    @property
    def primary(self) -> Score:
        """The score of the primary metric."""
        return next(score for score in self.scores if score.name == self.primary_metric)


@dataclass(frozen=True)
class Result:
    """A finished training, before anything of it is written down.

    Attributes:
        model: the fitted classifier; None for predictions made elsewhere.
        rows: how many rows each of `train`, `validation` and `test` has.
        checked: what the data checks before the training found.
        why_not_kept: the reason that this kind of model cannot be kept.
    """

    job: Job
    model: Classifier | None
    sections: Mapping[str, Section]
    rows: Mapping[str, int]
    warnings: Sequence[str] = ()
    checked: Report | None = None
    why_not_kept: str = ""

    @property
    def kept(self) -> bool:
        """Is the model to be kept?"""
        return self.model is not None and self.job.settings.tracking.log_model and not self.why_not_kept

    @property
    def facts(self) -> Facts:
        """What is known of the run at its end."""
        return replace(
            self.job.facts,
            primary={name: section.primary_metric for name, section in self.sections.items()},
            kept=self.kept,
            why_not_kept=self.why_not_kept,
            warnings=len(self.warnings),
            probabilities=self.model.probability_kind_ if self.model is not None else "",
        )

    @property
    def main(self) -> Section:
        """The section a run is judged by: test, or validation where a data set has no test rows."""
        return self.sections.get("test") or self.sections["validation"]


@dataclass(frozen=True)
class Outcome:
    """What `naba train` says about one job, new or found.

    Attributes:
        status: `trained`, `found`, `taken`, `failed`, or `unknown` for a job of a queue without an outcome so far.
        scores: section -> its scores.
        primary: section -> name of its primary metric.
        confidence: coverage of the intervals.
        part: the fold or held-out value of a cross-validation that was tested.
        split: the kind of split.
    """

    status: str
    name: str
    run: str = ""
    where: str = ""
    scores: Mapping[str, Sequence[Score]] = field(default_factory=dict)
    primary: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    warnings: Sequence[str] = ()
    confidence: float = 0.95
    part: str = ""
    split: str = ""

    def score(self, section: str = "test", metric: str = "") -> Score | None:
        """A score of a section; of its primary metric where none is named."""
        wanted = metric or self.primary.get(section, "macro_f1")
        return next((score for score in self.scores.get(section, ()) if score.name == wanted), None)

    @property
    def alone(self) -> str:
        """What there is to say where one part of a cross-validation was tested; "" otherwise."""
        parts = "split.held_out=…,…" if self.split == "leave_one_out" else "split.fold=1,2,3,…"
        return (
            f"one part of a cross-validation was tested ({self.part}); for all of them: {parts} -m" if self.part else ""
        )

    @classmethod
    def found(cls, run: Run | KeptFolder, where: str) -> Outcome:
        """Of a run that was finished before."""
        facts = run.facts
        scores = {section: list(scores_of(run.metrics, section).values()) for section in facts.sections}
        return cls(
            "found", run.name, run.id, where, scores, facts.primary,
            confidence=facts.scoring.confidence, part=facts.part, split=facts.split,
        )  # fmt: skip

    @classmethod
    def trained(cls, result: Result, run: str, where: str) -> Outcome:
        """Of a run that has just been written."""
        return cls(
            "trained",
            result.job.name,
            run,
            where,
            scores={name: list(section.scores) for name, section in result.sections.items()},
            primary=result.facts.primary,
            warnings=result.warnings,
            confidence=result.job.settings.evaluation.confidence,
            part=result.facts.part,
            split=result.facts.split,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Outcome:
        """What `to_dict` gave."""
        scores = {section: [Score(**one) for one in found] for section, found in content["scores"].items()}
        return cls(**{**content, "scores": scores})
