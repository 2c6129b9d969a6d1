"""One experiment, checked and loaded: what a run is to be, before anything is trained."""

from __future__ import annotations

import dataclasses
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from naba import config, machine
from naba.config import builders, packages
from naba.config.identity import IDENTITY_VERSION, USUAL_COLUMN, Identity
from naba.errors import UserError, all_hidden, hidden
from naba.experiment.commands import changed_options, command
from naba.tracking.facts import LONGEST_VALUE, Facts, Scoring, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from omegaconf import DictConfig

    from naba.config.schema import SplitConfig, TrainConfig
    from naba.data.dataset import Dataset

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

    @property
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
    settings = dataclasses.replace(settings, evaluation=dataclasses.replace(settings.evaluation, also=others))
    from naba.data import splits
    from naba.data.dataset import load

    watch = Stopwatch()
    with watch.phase("load"):
        dataset = load(settings.dataset, settings.data)
    settings = dataclasses.replace(settings, split=splits.resolved(dataset, settings.split))
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
