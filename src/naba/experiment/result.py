"""What one training leaves: predictions and scores for each section, the model, timings and provenance."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from naba.config.schema import TrainConfig
    from naba.data.dataset import Dataset
    from naba.evaluation.bootstrap import Score
    from naba.evaluation.predictions import Predictions


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
    """A finished training, before anything of it is written down."""

    settings: TrainConfig
    config: Mapping[str, Any]
    """The resolved configuration as plain dicts: what the run can be made from again."""
    identity: str
    cell: str
    dataset: Dataset
    model: Any
    sections: dict[str, Section]
    seconds: dict[str, float]
    """Wall seconds of `load`, `fit`, `predict` and `evaluate`."""
    rows: dict[str, int]
    """Rows of `train`, `validation` and `test`."""
    warnings: list[str] = field(default_factory=list)
    overrides: Sequence[str] = ()
    """What was said on the command line, if the run came from one."""
    evaluation: str = ""
    """How it was scored, as JSON: metrics, resamples, further data sets with their content."""

    @property
    def main(self) -> Section:
        """The section a run is judged by: test, or validation where a data set has no test rows."""
        return self.sections.get("test") or self.sections["validation"]


@dataclass(frozen=True)
class Outcome:
    """What `naba train` says about one job, new or found."""

    status: str
    """`trained`, `found`, `taken`, `failed`, or `unknown` for a job of a queue that has left no outcome so far."""
    name: str
    run: str = ""
    where: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """As they are tracked: `test/macro_f1`, `test/macro_f1_low`, …"""
    sections: Sequence[str] = ()
    primary: Mapping[str, str] = field(default_factory=dict)
    """Section -> name of its primary metric."""
    message: str = ""
    warnings: Sequence[str] = ()
    confidence: float = 0.95
    """Coverage of the intervals in `metrics`."""


def primary_metrics(tags: Mapping[str, str]) -> dict[str, str]:
    """Section -> name of its primary metric, from the tags of a run."""
    return dict(pair.split("=") for pair in tags.get("naba.primary_metrics", "").split())


@dataclass(frozen=True)
class Found:
    """A finished run that is what was asked for."""

    run: str
    name: str
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    where: str

    def matches(self, evaluation: str, *, model: bool) -> bool:
        """Was it scored in this way or on more, and, where one is wanted, was its model kept?"""
        kept = self.tags.get("naba.model_kept") == "true"
        try:
            wanted, had = json.loads(evaluation), json.loads(self.tags.get("naba.evaluation", "{}"))
        except json.JSONDecodeError:
            return False
        more = all(set(wanted[key]) <= set(had.get(key, [])) for key in ("metrics", "also"))
        same = all(had.get(key) == value for key, value in wanted.items() if key not in {"metrics", "also"})
        return more and same and (kept or not model)
