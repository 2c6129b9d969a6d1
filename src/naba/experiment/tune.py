"""Searching a model's options with Optuna: every trial is an ordinary run, and validation rows alone decide.

A study is named by what it searches, and stands in a database of its own: the same command goes on with it, several
processes or machines work on it together, and what a killed one left is tried again.
"""

from __future__ import annotations

import hashlib
import logging
import time
import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import config, files
from naba.config import builders
from naba.config import overrides as command_line
from naba.config.overrides import value_text
from naba.errors import Problems, UserError, hidden, is_interrupt
from naba.evaluation.metrics import metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

    from naba.config.builders import Space
    from naba.config.schema import TrainConfig
    from naba.experiment.job import Outcome

logger = logging.getLogger(__name__)

FOLDS = 5
"""Folds of the training rows, whole groups, of which each seed validates on another one where a data set gives no
validation rows; more where there are more seeds."""
STARTING = 10
"""Trials drawn at random, and never fewer than this before the model of the scores chooses."""
HEARTBEAT, GRACE = 15, 45
"""Seconds between signs of life of a trial, and after which one without them is tried again."""
PER_SEED = 1000
"""Steps of a trial's progress that belong to one seed: its epochs, then its end."""
RUNS = "runs"


@dataclass(frozen=True)
class Search:
    """What is to be searched.

    Attributes:
        overrides: of the training that is tuned, completed for Hydra.
        settings: that training, checked.
        spaces: option -> what it may be.
        trials: of the whole study, pruned ones among them.
        hours: this process starts no trial later than this.
        seeds: of each trial that is not pruned.
        sampler: `tpe` (Bergstra et al. 2011) or `random`.
        storage: address of the study's database.
        study: its name.
        folds: the data set gives no validation rows, so that each seed validates on another fold.
    """

    overrides: tuple[str, ...]
    settings: TrainConfig
    spaces: Mapping[str, Space]
    trials: int = 50
    hours: float | None = None
    seeds: int = 3
    sampler: str = "tpe"
    storage: str = ""
    study: str = ""
    folds: bool = False

    @property
    def primary(self) -> str:
        """The metric that decides."""
        return self.settings.dataset.primary_metric

    @property
    def sign(self) -> int:
        """-1 for a loss."""
        return 1 if metric(self.primary, tuple(self.settings.dataset.labels)).higher_is_better else -1

    @property
    def defaults(self) -> dict[str, Any] | None:
        """The model's own values of the searched options; None where one of them lies outside its space."""
        values = {option: _value(self.settings.model, option) for option in self.spaces}
        return values if all(_holds(space, values[option]) for option, space in self.spaces.items()) else None


@dataclass
class Told:
    """The line about a trial that has ended."""

    number: int
    state: str
    value: float | None
    options: Mapping[str, Any]
    seconds: float
    runs: Sequence[str] = field(default_factory=list)
    message: str = ""


def prepare(
    arguments: Sequence[str], ranges: Mapping[str, Any] | None = None, name: str = "", storage: str = "", **given: Any
) -> Search:
    """Check a search before anything of it is done.

    Args:
        arguments: `dataset=…`, `model=…` and other values of `naba train`, one each.
        ranges: option -> its space, in place of the YAML's; None for one that is not to be searched.
        name, storage: of the study; by default those of what is searched, and a file in naba's home.
        given: trials, hours, seeds, sampler.
    Raises:
        UserError: all that is wrong with the training, or with the ranges; the model has nothing to search.
    """
    wanted = {one.partition("=")[0] for one in arguments}
    if missing := sorted({"dataset", "model"} - wanted):
        raise UserError(f"naba tune: say which {' and which '.join(missing)}", "naba tune dataset=… model=…")
    overrides = command_line.plan(_quiet(arguments, wanted), multirun=False).overrides
    composed = command_line.compose(overrides)
    settings = config.check(composed)
    if settings.tracking.name == "off":
        raise UserError("naba tune keeps every trial as a run, so tracking=off is not for it")
    spaces = _spaces(config.plain_dict(composed)["model"], ranges or {})
    found = Search(tuple(overrides), settings, spaces, **given)
    folds = not _has_validation(found)
    if folds:
        number = max(FOLDS, found.seeds)
        logger.warning(
            "%s has no validation rows: each seed validates on another of %d folds of the training rows (whole groups)",
            settings.dataset.name, number,
        )  # fmt: skip
        overrides = [*overrides, f"split.validation={1 / number}"]
        settings = config.check(command_line.compose(overrides))
    return Search(
        tuple(overrides), settings, spaces, **given, folds=folds, study=name or _name(settings, spaces, found),
        storage=storage or f"sqlite:///{files.home() / 'tune' / 'studies.db'}",
    )  # fmt: skip


def _quiet(arguments: Sequence[str], wanted: set[str]) -> list[str]:
    """Trials keep their answers; pictures and models only where they are asked for."""
    usual = {"tracking.figures": "false", "tracking.log_model": "false"}
    return [*arguments, *(f"{key}={value}" for key, value in usual.items() if key not in wanted)]


def _spaces(model: Mapping[str, Any], ranges: Mapping[str, Any]) -> dict[str, Space]:
    own = {**(model.get(builders.SEARCH) or {}), **ranges}
    changed = {**model, builders.SEARCH: {option: space for option, space in own.items() if space is not None}}
    _, problems = builders.checked(changed)
    if problems:
        raise Problems(problems)
    inside = {option for option, space in ranges.items() if space is None}
    found = {option: space for option, space in builders.spaces(changed).items() if option not in inside}
    if not found:
        raise UserError(
            f"model '{model.get('name')}' has nothing to search: its YAML has no `search:`",
            "give ranges: 'search.C={low: 0.1, high: 10, log: true}' 'search.words=[1, 2]'",
        )
    return found


def _has_validation(found: Search) -> bool:
    from naba.data import splits
    from naba.data.dataset import load

    dataset = load(found.settings.dataset, found.settings.data)
    return len(splits.make(dataset, found.settings.split, found.settings.seed).validation) > 0


def _name(settings: TrainConfig, spaces: Mapping[str, Space], given: Search) -> str:
    content = {
        "dataset": asdict(settings.dataset), "model": builders.content(settings.model), "split": asdict(settings.split),
        "normalisation": settings.normalisation, "spaces": {name: asdict(space) for name, space in spaces.items()},
        "seeds": given.seeds, "seed": settings.seed, "sampler": given.sampler,
    }  # fmt: skip
    return f"{settings.model['name']}-{settings.dataset.name}-{config.digest(content)[:8]}"


def _value(model: Mapping[str, Any], option: str) -> Any:
    for part in option.split("."):
        model = model[part]
    return model


def _holds(space: Space, value: Any) -> bool:
    if space.choices:
        return value in space.choices
    return isinstance(value, (int, float)) and space.low <= value <= space.high  # type: ignore[operator]


# --- the study --------------------------------------------------------------------------------------------------------


@contextmanager
def _library() -> Iterator[Any]:
    """Optuna, whose own messages are naba's to give."""
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise UserError("naba tune needs Optuna", "pip install 'naba[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield optuna


def open_study(wanted: Search) -> Study:
    """The study, made if need be.

    Raises:
        UserError: its database cannot be opened.
    """
    from filelock import FileLock
    from sqlalchemy.exc import SQLAlchemyError

    with _library() as optuna:
        local = wanted.storage.startswith("sqlite:///")
        file = Path(wanted.storage.removeprefix("sqlite:///"))
        if local:
            file.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Two processes that make the tables of one sqlite file at once spoil it.
            with FileLock(f"{file}.lock") if local else nullcontext():
                storage = optuna.storages.RDBStorage(
                    wanted.storage,
                    engine_kwargs={"connect_args": {"timeout": 60}} if local else {"pool_pre_ping": True},
                    heartbeat_interval=HEARTBEAT,
                    grace_period=GRACE,
                    heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=3),
                )
                study: Study = optuna.create_study(
                    storage=storage,
                    study_name=wanted.study,
                    direction="maximize",
                    load_if_exists=True,
                    pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
                )
        except (SQLAlchemyError, ImportError, ValueError) as error:
            said = hidden(" ".join(str(error).split())[:300])
            raise UserError(f"the study's database {hidden(wanted.storage)} cannot be opened: {said}") from error
    return study


def finished(study: Study) -> list[FrozenTrial]:
    """The trials that count: complete and pruned ones."""
    from optuna.trial import TrialState

    return list(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


class Interrupted(Exception):  # noqa: N818 - it is no error
    """Ctrl-C during a trial; the study goes on with its options next time."""


def run(wanted: Search, say: Callable[[Told], None]) -> Study:
    """Work on the study until it has its trials, or the time is over.

    Args:
        say: told of each trial as it ends.
    Raises:
        UserError: the first trial fails, or ten in a row.
        KeyboardInterrupt: after the study has been left as the same command finds it.
    """
    from optuna.trial import TrialState

    study = open_study(wanted)
    trying = _Trying(wanted, study, say)
    if wanted.defaults is not None:
        # The model as it is comes first: what is found is never worse than it on the rows that decide. Where every
        # trial failed, what was wrong has been corrected since.
        failed = all(trial.state == TrialState.FAIL for trial in study.get_trials(deepcopy=False))
        study.enqueue_trial(wanted.defaults, skip_if_exists=not failed)
    until = time.monotonic() + wanted.hours * 3600 if wanted.hours else None
    with _library():
        while len(finished(study)) < wanted.trials and (until is None or time.monotonic() < until):
            study.optimize(trying.objective, n_trials=1, catch=(UserError, Interrupted), callbacks=[trying.after])
            if trying.interrupted:
                raise KeyboardInterrupt
    return study


class _Trying:
    """One process's trials."""

    def __init__(self, wanted: Search, study: Study, say: Callable[[Told], None]) -> None:
        self.wanted, self.study, self.say = wanted, study, say
        self.interrupted = False
        self.failed: list[UserError] = []

    def objective(self, trial: Trial) -> float:
        """The mean over the seeds of the primary metric on validation rows, turned so that more is better."""
        # Every process draws by the study's name and the trial's number, so that no two draw the same.
        seed = int(hashlib.sha256(f"{self.wanted.study} {trial.number}".encode()).hexdigest()[:8], 16)
        self.study.sampler = _sampler(self.wanted.sampler, seed)
        try:
            options = {option: _suggest(trial, option, space) for option, space in self.wanted.spaces.items()}
            value = self._mean(trial, options)
        except BaseException as error:
            if is_interrupt(error):
                self.interrupted = True
                self.study.enqueue_trial(trial.params)
                raise Interrupted from None
            if isinstance(error, UserError):
                self.failed.append(error)
            raise
        self.failed.clear()
        return value

    def _mean(self, trial: Trial, options: Mapping[str, Any]) -> float:
        from optuna import TrialPruned

        values: list[float] = []
        runs: list[str] = []
        first = self.wanted.settings.seed
        for number, seed in enumerate(range(first, first + self.wanted.seeds)):
            outcome = self._train(trial, options, seed, fold=number + 1 if self.wanted.folds else 0, watch=not number)
            score = outcome.score("validation", self.wanted.primary)
            if score is None:
                raise UserError(f"run {outcome.run} has no {self.wanted.primary} on validation rows")
            values.append(self.wanted.sign * score.value)
            runs.append(outcome.run)
            trial.set_user_attr(RUNS, runs)
            mean = sum(values) / len(values)
            trial.report(mean, PER_SEED * (number + 1))
            if number + 1 < self.wanted.seeds and trial.should_prune():
                raise TrialPruned
        return sum(values) / len(values)

    def _train(self, trial: Trial, options: Mapping[str, Any], seed: int, *, fold: int, watch: bool) -> Outcome:
        from optuna import TrialPruned

        from naba.experiment.run import run as train

        overrides = training(self.wanted.overrides, options, seed, fold)

        def after_epoch(epoch: int, value: float) -> None:
            trial.report(value, min(epoch, PER_SEED - 1))
            if trial.should_prune():
                raise TrialPruned(f"trial {trial.number} of {self.wanted.study} is unpromising after epoch {epoch}")

        with _watching(after_epoch) if watch else nullcontext():
            return train(command_line.compose(overrides), overrides, tuned_from=self.wanted.study)

    def after(self, study: Study, trial: FrozenTrial) -> None:
        """Say what became of the trial, and end where all fail."""
        if self.interrupted:
            return
        seconds = trial.duration.total_seconds() if trial.duration is not None else 0.0
        value = None if trial.value is None else self.wanted.sign * trial.value
        runs = trial.user_attrs.get(RUNS, [])
        message = self.failed[-1].message if self.failed else ""
        self.say(Told(trial.number, trial.state.name.lower(), value, trial.params, seconds, runs, message))
        if self.failed and (len(self.failed) >= STARTING or not finished(study)):
            raise self.failed[-1]


@contextmanager
def _watching(watcher: Callable[[int, float], None]) -> Iterator[None]:
    from naba.models.encoder.training import watched_by

    with watched_by(watcher):
        yield


def _sampler(name: str, seed: int) -> Any:
    import optuna

    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTING, constant_liar=True)


def _suggest(trial: Trial, option: str, space: Space) -> Any:
    if space.choices:
        return trial.suggest_categorical(option, space.choices)
    suggest: Any = trial.suggest_int if space.whole else trial.suggest_float
    return suggest(option, space.low, space.high, log=space.log)


def training(overrides: Sequence[str], options: Mapping[str, Any], seed: int, fold: int = 0) -> list[str]:
    """The overrides of one run of a trial, which validates on a fold of the training rows where one is given."""
    chosen = {f"model.{option}": value_text(value) for option, value in options.items()} | {"seed": str(seed)}
    if fold:
        chosen["split.validation_fold"] = str(fold)
    kept = [one for one in overrides if one.lstrip("+").partition("=")[0] not in chosen]
    # `++`: an option of the builder need not stand in the YAML.
    return [*kept, *(f"{'++' if key.startswith('model.') else ''}{key}={value}" for key, value in chosen.items())]
