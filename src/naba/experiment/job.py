"""One experiment: a `Job` is checked and loaded, before anything is trained; a `Result` and an `Outcome` come of it."""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from naba import config, machine
from naba.config import builders, packages
from naba.config.identity import IDENTITY_VERSION, USUAL_COLUMN, Identity
from naba.errors import UserError, all_hidden, hidden
from naba.evaluation.bootstrap import Score
from naba.tracking.facts import LONGEST_VALUE, Facts, Scoring, Wanted, scores_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from omegaconf import DictConfig

    from naba.config.schema import SplitConfig, TrainConfig
    from naba.data.checks.findings import Report
    from naba.data.dataset import Dataset
    from naba.evaluation.predictions import Predictions
    from naba.models.classifier import Classifier
    from naba.tracking import Run
    from naba.tracking.folder import KeptFolder

LONGEST_NAME = 200
OUTSIDE = "outside"
"""The kind of systems whose predictions were scored from a file."""


class Stopwatch:
    """Wall seconds by phase: `load`, `check`, `fit`, `predict`, `evaluate`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """The seconds of the block are added to the phase's."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(frozen=True)
class Job:
    """What is to be trained, or was predicted elsewhere, and how it is scored.

    Attributes:
        settings: checked; the split is the one that the data set stands for.
        plain: the resolved configuration as plain dicts, without passwords.
        dataset: the data set trained on.
        identity: what the run is known by.
        scoring: how it is scored.
        overrides: what was said on the command line, without passwords.
        watch: how long each phase took.
        tuned_from: the study that it is a trial of.
    """

    settings: TrainConfig
    plain: Mapping[str, Any]
    dataset: Dataset
    identity: Identity
    scoring: Scoring
    overrides: Sequence[str] = ()
    watch: Stopwatch = field(default_factory=Stopwatch)
    tuned_from: str = ""

    @property
    def name(self) -> str:
        """What a person tells runs apart by: model and what was changed of it, data set, split and its part, seed."""
        settings = self.settings
        split = settings.split
        part = f"{split.fraction:g}" if split.name == "learning_curve" else split_part(split)
        words = [config.model_name(settings.model), *changed_options(settings), settings.dataset.name]
        words += [split.name] if split.name != "given" else []
        words += [part] if part else []
        if settings.normalisation.get("name", "news") != "news":
            words.append(f"normalisation={settings.normalisation['name']}")
        name = " ".join(words)
        return f"{name if len(name) < LONGEST_NAME else name[: LONGEST_NAME - 1] + '…'} seed {settings.seed}"

    @cached_property
    def facts(self) -> Facts:
        """What is known of the run before it begins."""
        settings = self.settings
        commit, dirty = machine.revision()
        return Facts(
            identity=self.identity.run,
            cell=self.identity.cell,
            identity_version=IDENTITY_VERSION,
            fingerprint=self.dataset.fingerprint,
            scoring=self.scoring,
            task=settings.dataset.task,
            dataset=settings.dataset.name,
            model=config.model_name(settings.model),
            split=settings.split.name,
            part=split_part(settings.split),
            seed=settings.seed,
            primary_metric=settings.dataset.primary_metric,
            label_source=settings.dataset.label_source,
            command=command(settings, self.overrides),
            revision=commit or "none",
            dirty=dirty,
            versions=packages.versions() | machine.versions(),
            hardware=machine.hardware(),
            kinds=builders.tags(settings.model) if "builder" in settings.model else (OUTSIDE,),
            tuned_from=self.tuned_from,
        )

    @property
    def wanted(self) -> Wanted:
        """What a tracker is asked for."""
        return Wanted(self.name, self.facts, self.settings.tracking.log_model, self.settings.force)


def prepare(cfg: DictConfig, overrides: Sequence[str] = ()) -> Job:
    """Check a configuration, load its data set, and work out what the run is known by.

    Raises:
        UserError: something the user gave is wrong.
    """
    plain = config.plain_dict(cfg)
    settings = config.check(plain)
    # The test rows of the set that is trained on are the section `test`: a sweep names all sets of a task at once.
    others = [name for name in settings.evaluation.also if name != settings.dataset.name]
    settings = replace(settings, evaluation=replace(settings.evaluation, also=others))
    from naba.data import splits
    from naba.data.dataset import load

    watch = Stopwatch()
    with watch.phase("load"):
        dataset = load(settings.dataset, settings.data)
    settings = replace(settings, split=splits.resolved(dataset, settings.split))
    identity = config.identify(
        settings, dataset.fingerprint, _grouping(dataset, settings.split), _backgrounds(settings)
    )
    said = [hidden(item) for item in overrides]
    return Job(settings, all_hidden(plain), dataset, identity, scoring(settings), said, watch)


def _grouping(dataset: Dataset, split: SplitConfig) -> str:
    """Digest of the columns that keep rows together: the groups, and the column a split goes by."""
    chosen = split.column or USUAL_COLUMN.get(split.name)
    columns = [name for name in ("group", chosen) if name in dataset.columns]
    values = {str(name): dataset.column_values(str(name)).tolist() for name in columns}
    return config.digest(values) if any(any(column) for column in values.values()) else ""


def _backgrounds(settings: TrainConfig) -> dict[str, str]:
    """The fingerprints of the unlabelled data sets that the model learns from."""
    from naba.data.dataset import background

    return {name: background(name, settings.data).fingerprint for name in builders.backgrounds(settings.model)}


def scoring(settings: TrainConfig) -> Scoring:
    """How a run is scored, so that one that was scored in another way is not taken for it.

    Raises:
        UserError: there is more of it than a run can keep.
    """
    from naba.data.dataset import load_named

    evaluation, dataset = settings.evaluation, settings.dataset
    found = Scoring(
        metrics=(*dataset.metrics, *evaluation.metrics),
        also=tuple(f"{name} {load_named(name, settings.data).fingerprint[:16]}" for name in evaluation.also),
        resamples=evaluation.resamples,
        confidence=evaluation.confidence,
        label_map=dict(dataset.label_map),
    )
    if (size := len(found.to_json())) > LONGEST_VALUE:
        raise UserError(
            f"the metrics, further data sets and label_map of '{dataset.name}' have {size} characters together, and a "
            f"run keeps {LONGEST_VALUE}: it would not be found again",
            "name fewer or shorter ones",
        )
    return found


def split_part(split: SplitConfig) -> str:
    """The fold or held-out value that a run of a cross-validation tests on; "" for other splits."""
    if split.name in {"kfold", "official_folds"}:
        return str(split.fold)
    return str(split.held_out or "") if split.name == "leave_one_out" else ""


def command(settings: TrainConfig, overrides: Sequence[str] = ()) -> str:
    """The command that does a run again: what was said on the command line, or else its choices."""
    if "builder" not in settings.model:
        file, name = settings.model["file"], settings.model["name"]
        chosen = [f"dataset={settings.dataset.name}", *_split_words(settings.split), f"seed={settings.seed}"]
        return shlex.join(["naba", "score", file, *chosen, "--track", name])
    if overrides:
        return shlex.join(["naba", "train", *(one for one in overrides if not one.startswith("force="))])
    return shlex.join(["naba", "train", *_choices(settings)])


def _choices(settings: TrainConfig) -> list[str]:
    parts = [f"dataset={settings.dataset.name}", f"model={settings.model['name']}"]
    parts += [f"model.{option}" for option in changed_options(settings)]
    if settings.normalisation.get("name", "news") != "news":
        parts.append(f"normalisation={settings.normalisation['name']}")
    parts += [*_split_words(settings.split), f"seed={settings.seed}"]
    if settings.evaluation.also:
        parts.append(f"evaluation.also=[{','.join(settings.evaluation.also)}]")
    return parts


def _split_words(split: SplitConfig) -> list[str]:
    if split.name == "given":
        return []
    defaults = config.section("split", split.name)
    changed = {key: value for key, value in asdict(split).items() if value is not None and key in defaults}
    return [f"split={split.name}", *(f"split.{key}={v}" for key, v in changed.items() if defaults[key] != v)]


def changed_options(settings: TrainConfig) -> list[str]:
    """`C=0.5`, `training.epochs=1`: the options of a model that are not those of its YAML."""
    model, name = settings.model, str(settings.model["name"])
    if "builder" not in model or name not in config.names("model"):
        return []
    stored, problems = builders.checked(config.section("model", name))
    return [] if problems else list(_differences(model, stored))


def _differences(chosen: Mapping[str, Any], stored: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in chosen.items():
        usual = stored.get(key)
        if key in builders.ABOUT or value == usual:
            continue
        if isinstance(value, dict) and isinstance(usual, dict):
            yield from _differences(value, usual, f"{before}{key}.")
        else:
            yield f"{before}{key}={'null' if value is None else value}"


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
