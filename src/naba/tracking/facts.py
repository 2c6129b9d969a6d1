"""What is known of a run, as typed values, and the items by which it is written down.

`Facts` are written as tags by `to_tags` and read back by `from_tags`. Items are small values that a report yields and a
tracker performs.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from naba import files
from naba.errors import UserError
from naba.evaluation.bootstrap import Score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure as MatplotlibFigure

    from naba.data.dataset import Dataset

LONGEST_VALUE = 6000
"""Characters of a tag or a parameter; more are cut off."""
LOW, HIGH = "interval/low/", "interval/high/"
"""Beginnings of the names under which bounds of intervals are kept: `interval/low/test/macro_f1`."""


@dataclass(frozen=True)
class Scoring:
    """How a run is scored.

    Attributes:
        metrics: names, the data set's and further ones.
        also: further data sets, each with the beginning of its fingerprint.
        resamples: bootstrap draws of an interval.
        confidence: coverage of an interval.
        label_map: label of another data set -> label of this one.
    """

    metrics: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    resamples: int = 0
    confidence: float = 0.95
    label_map: Mapping[str, str] = field(default_factory=dict)

    def covers(self, wanted: Scoring) -> bool:
        """Was a run that was scored in this way scored as `wanted`, or on more?"""
        more = set(wanted.metrics) <= set(self.metrics) and set(wanted.also) <= set(self.also)
        settings = (self.resamples, self.confidence, dict(self.label_map))
        return more and settings == (wanted.resamples, wanted.confidence, dict(wanted.label_map))

    def missing(self, wanted: Scoring) -> tuple[str, ...] | None:
        """The further data sets that a run scored in this way lacks for `wanted`; None where more than that differs."""
        lacking = tuple(one for one in wanted.also if one not in self.also)
        return lacking if replace(self, also=wanted.also).covers(wanted) else None

    def to_json(self) -> str:
        """As the tag `naba.evaluation` has it."""
        content = {
            "also": list(self.also),
            "metrics": list(self.metrics),
            "resamples": self.resamples,
            "confidence": self.confidence,
            "label_map": dict(self.label_map),
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Scoring:
        """What `to_json` wrote; what cannot be read covers nothing."""
        try:
            content = json.loads(text)
            return cls(
                tuple(content["metrics"]),
                tuple(content["also"]),
                int(content["resamples"]),
                float(content["confidence"]),
                dict(content["label_map"]),
            )
        except (ValueError, KeyError, TypeError):
            return cls(resamples=-1)


@dataclass(frozen=True)
class Facts:
    """What a run is, and, at its end, what it was scored on.

    Attributes:
        identity, cell: see `config.identity.Identity`.
        identity_version: of the way identities are worked out; 1 for runs of version 0.1.
        fingerprint: of the data set trained on.
        seed: None where somebody has changed the tag into something that is no number.
        part: the fold or held-out value that a run of a cross-validation tests on.
        command: does the run again; "" for runs of version 0.1, which kept it in their note.
        revision: of naba's code; "none" where it is not known.
        dirty: had the code uncommitted changes?
        versions, hardware: name -> value.
        primary: section -> its primary metric, for each section scored.
        kept: is the model kept?
        why_not_kept: the reason that this kind of model cannot be kept at all.
        warnings: how many the run ended with.
        kinds: what kind of model it is, for pools of a board; () for runs of versions that did not say.
        probabilities: where its probabilities come from; see `Classifier.probability_kind_`.
        tuned_from: the study that the run is a trial of.
    """

    identity: str
    cell: str = ""
    identity_version: int = 1
    fingerprint: str = ""
    scoring: Scoring = field(default_factory=Scoring)
    task: str = ""
    dataset: str = ""
    model: str = ""
    split: str = ""
    part: str = ""
    seed: int | None = 0
    primary_metric: str = "macro_f1"
    label_source: str = ""
    command: str = ""
    revision: str = "none"
    dirty: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, str] = field(default_factory=dict)
    primary: Mapping[str, str] = field(default_factory=dict)
    kept: bool = False
    why_not_kept: str = ""
    warnings: int = 0
    kinds: tuple[str, ...] = ()
    probabilities: str = ""
    tuned_from: str = ""

    @property
    def sections(self) -> tuple[str, ...]:
        """What the run was scored on: `validation`, `test`, further data sets."""
        return tuple(self.primary)

    def answers(self, wanted: Scoring, *, model: bool) -> bool:
        """Does a finished run serve: scored in this way or on more, and its model kept where one is wanted?

        One whose kind of model cannot be kept serves too: to train it once more would keep no model either.
        """
        return self.scoring.covers(wanted) and (self.kept or bool(self.why_not_kept) or not model)

    def to_tags(self) -> dict[str, str]:
        """The tags of a run."""
        kept = f"no: {self.why_not_kept}" if self.why_not_kept else str(self.kept).lower()
        known = {
            "identity": self.identity,
            "cell": self.cell,
            "identity_version": str(self.identity_version),
            "fingerprint": self.fingerprint,
            "evaluation": self.scoring.to_json(),
            "confidence": str(self.scoring.confidence),
            "task": self.task,
            "dataset": self.dataset,
            "model": self.model,
            "split": self.split,
            "part": self.part,
            "seed": "" if self.seed is None else str(self.seed),
            "primary_metric": self.primary_metric,
            "label_source": self.label_source,
            "command": self.command,
            "revision": self.revision,
            "dirty": str(self.dirty).lower(),
            "sections": " ".join(self.primary),
            "primary_metrics": " ".join(f"{section}={metric}" for section, metric in self.primary.items()),
            "model_kept": kept,
            "warnings": str(self.warnings),
            "kinds": " ".join(self.kinds),
            "probabilities": self.probabilities,
        } | ({"tuned_from": self.tuned_from} if self.tuned_from else {})
        return (
            {f"naba.{name}": value for name, value in known.items()}
            | {f"version.{name}": value for name, value in self.versions.items()}
            | {f"hardware.{name}": value for name, value in self.hardware.items()}
        )

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> Facts:
        """What `to_tags` wrote, version 0.1 wrote, or somebody has changed since; what is missing has its default."""

        def tag(name: str, default: str = "") -> str:
            return tags.get(f"naba.{name}", default)

        def starting(prefix: str) -> dict[str, str]:
            return {name.removeprefix(prefix): value for name, value in tags.items() if name.startswith(prefix)}

        given = (pair.partition("=") for pair in tag("primary_metrics").split())
        primary = {section: metric for section, equals, metric in given if equals}
        kept = tag("model_kept", "false")
        return cls(
            identity=tag("identity"),
            cell=tag("cell") or tag("identity"),
            identity_version=_whole(tag("identity_version", "1")) or 1,
            fingerprint=tag("fingerprint"),
            scoring=Scoring.from_json(tag("evaluation")),
            task=tag("task"),
            dataset=tag("dataset"),
            model=tag("model"),
            split=tag("split"),
            part=tag("part"),
            seed=_whole(tag("seed", "0")),
            primary_metric=tag("primary_metric", "macro_f1"),
            label_source=tag("label_source"),
            command=tag("command"),
            revision=tag("revision", "none"),
            dirty=tag("dirty") == "true",
            versions=starting("version."),
            hardware=starting("hardware."),
            primary={section: primary.get(section, "macro_f1") for section in tag("sections").split()},
            kept=kept == "true",
            why_not_kept=kept.removeprefix("no: ") if kept.startswith("no: ") else "",
            warnings=_whole(tag("warnings", "0")) or 0,
            kinds=tuple(tag("kinds").split()),
            probabilities=tag("probabilities"),
            tuned_from=tag("tuned_from"),
        )


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def score_metrics(section: str, scores: list[Score]) -> dict[str, float]:
    """Scores of a section as tracked numbers: `test/macro_f1`, `interval/low/test/macro_f1`, …"""
    found: dict[str, float] = {}
    for score in scores:
        name = f"{section}/{score.name}"
        found |= {name: score.value, f"{LOW}{name}": score.low, f"{HIGH}{name}": score.high}
    return found


def scores_of(metrics: Mapping[str, float], section: str) -> dict[str, Score]:
    """Tracked numbers of a section as scores; bounds are nan where a number has none.

    Version 0.1 kept bounds as `test/macro_f1_low`. There a name is a bound if it has none itself: `f1_low` of a label
    called `low` has.
    """
    prefix = f"{section}/"
    values = {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}
    apart = any(name.startswith(LOW + prefix) for name in metrics)
    rows = int(values.pop("rows", 0))
    found = {}
    for name, value in values.items():
        if apart:
            low, high = metrics.get(f"{LOW}{prefix}{name}"), metrics.get(f"{HIGH}{prefix}{name}")
        elif _is_old_bound(name, values):
            continue
        else:
            low, high = values.get(f"{name}_low"), values.get(f"{name}_high")
        found[name] = Score(name, value, math.nan if low is None else low, math.nan if high is None else high, rows)
    return found


def _is_old_bound(name: str, values: Mapping[str, float]) -> bool:
    base, _, end = name.rpartition("_")
    return end in {"low", "high"} and base in values and not {f"{name}_low", f"{name}_high"} <= set(values)


def checked_seed(run: str, seed: int | None) -> int:
    """Raises:
    UserError: somebody has changed the tag `naba.seed` of a run into something that is no number.
    """
    if seed is None:
        raise UserError(f"run '{run}': its tag naba.seed is no whole number", "set it to the seed of its command")
    return seed


@dataclass(frozen=True)
class Wanted:
    """What a job asks a tracker for: a finished run, or a place for a new one.

    Attributes:
        name: of a new run.
        facts: what is known before it begins.
        model: must its model be kept?
        force: is a finished run of no use?
    """

    name: str
    facts: Facts
    model: bool
    force: bool = False

    @property
    def identity(self) -> str:
        """Of the run."""
        return self.facts.identity

    def served_by(self, facts: Facts) -> bool:
        """Is a finished run with these facts what is wanted? A trial of a search serves searches alone.

        Boards of test rows leave trials out, so one that was trained as what it is must be a run of its own.
        """
        trial = bool(facts.tuned_from) and not self.facts.tuned_from
        return facts.identity == self.identity and not trial and facts.answers(self.facts.scoring, model=self.model)


@dataclass(frozen=True)
class Param:
    """A choice that made the run what it is."""

    name: str
    value: str


@dataclass(frozen=True)
class Metric:
    """A number; names are ASCII and `/` makes sections (`test/macro_f1`)."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class Tag:
    """A searchable fact about a run."""

    name: str
    value: str


@dataclass(frozen=True)
class Text:
    """A text file."""

    path: str
    content: str


@dataclass(frozen=True)
class Table:
    """A table of text and numbers."""

    path: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Figure:
    """A matplotlib figure."""

    path: str
    figure: MatplotlibFigure


@dataclass(frozen=True)
class File:
    """A file that a function writes; the run keeps its SHA-256."""

    path: str
    write: Callable[[Path], None]


@dataclass(frozen=True)
class Input:
    """The data set a run used, in the role (`train`, `test`) it played."""

    dataset: Dataset
    role: str


@dataclass(frozen=True)
class Model:
    """The trained classifier."""

    model: Any
    description: Mapping[str, Any]


Item = Param | Metric | Tag | Text | Table | Figure | File | Input | Model


def write_files(items: Sequence[Item], folder: Path) -> dict[str, str]:
    """Write texts, figures and files below `folder`.

    Returns:
        Path -> SHA-256 of each `File`.
    """
    digests = {}
    for item in items:
        if not isinstance(item, (Text, Figure, File)):
            continue
        path = folder / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.writing(path):
            if isinstance(item, Text):
                path.write_text(item.content, encoding="utf-8")
            elif isinstance(item, Figure):
                item.figure.savefig(path, dpi=110)
            else:
                item.write(path)
                digests[item.path] = files.sha256(path)
    return digests


def check_known(items: Sequence[Item]) -> None:
    """Raises:
    TypeError: something is no item, so that no tracker would write it.
    """
    for item in items:
        if not isinstance(item, Item):
            raise TypeError(f"{type(item).__name__} is no item that a tracker can write")
