"""Hydra overrides: checked together before Hydra sees them, so that one run shows every mistake; composed; split."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import itertools
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import config
from naba.config.check import PATH_KEYS, absolute
from naba.config.folders import folders, read_yaml
from naba.errors import Problems, UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

DEEPEST = 20
"""Lists and mappings inside one another, in one value."""
MOST_JOBS = 100_000


@dataclass
class Plan:
    """What the command line asks for."""

    overrides: list[str]
    """Overrides for Hydra, completed (`++` where the schema allows a key YAML leaves out)."""
    multirun: bool
    jobs: int
    """How many trainings a sweep has; 0 if it cannot be told."""
    composition: Composition
    """What was composed for the check, so that the jobs need not compose it again."""


def value_text(value: Any) -> str:
    """A value in Hydra's grammar.

    >>> value_text(["agree", 0.5, None])
    "['agree',0.5,null]"
    """
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(value_text, value))}]"
    if not isinstance(value, (str, Path)):
        # Numbers of numpy among them.
        return value_text(value.item()) if hasattr(value, "item") else value_text(str(value))
    text = str(value).replace("\\'", "\\\\'").replace("'", "\\'")
    return f"'{text}{chr(92) if text.endswith(chr(92)) else ''}'"


@dataclass
class _Parsed:
    choices: dict[str, list[str]] = field(default_factory=dict)
    values: list[tuple[str, list[Any]]] = field(default_factory=list)
    hydra: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)


def plan(arguments: Sequence[str], *, multirun: bool) -> Plan:
    """Check the overrides of `naba train` and complete them for Hydra.

    Raises:
        Problems: all that is wrong with them and with every combination of choices they ask for.
    """
    parsed = _parse(arguments)
    sweep = _experiment_sweep(parsed)
    multirun = multirun or bool(sweep)
    if len(parsed.choices.get("experiment", [])) > 1:
        parsed.problems.append("experiment: one at a time (each has a sweep of its own)")
    if parsed.swept and not multirun:
        parsed.problems.append(f"several values ({', '.join(parsed.swept)}) need -m: naba train … -m")
    jobs = math.prod(len(values) for values in (*parsed.choices.values(), *(options for _, options in parsed.values)))
    if jobs > MOST_JOBS:
        raise Problems([*parsed.problems, f"{', '.join(parsed.swept)}: more than {MOST_JOBS:,} jobs in one sweep"])
    composition = Composition()
    keys = _check_combinations(parsed, composition)
    if parsed.problems:
        raise Problems(list(dict.fromkeys(parsed.problems)))
    return Plan([_completed(argument, keys) for argument in arguments], multirun, jobs, composition)


def _completed(argument: str, known: set[str]) -> str:
    argument = _plain(argument)
    key = argument.partition("=")[0]
    if key in PATH_KEYS:
        # The run keeps its command, which is to work from any folder.
        argument = _with_absolute_paths(argument, key)
    if key == "experiment":
        return "+" + argument
    plain = "=" in argument and key and key[0] not in "+~" and "@" not in key and not key.startswith("hydra")
    return "++" + argument if plain and key not in known and key not in config.GROUPS else argument


def _with_absolute_paths(argument: str, key: str) -> str:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    given = _values(OverridesParser.create().parse_override(argument), key)
    made = [absolute(value) for value in given]
    if made == given:
        return argument
    quoted = [str(value).replace("\\", "\\\\").replace("'", "\\'") for value in made]
    return f"{key}=" + ",".join(f"'{value}'" for value in quoted)


def _plain(argument: str) -> str:
    """`+seed=1` and `++seed=1` mean `seed=1`: what may be added is what the schema allows, with or without a plus."""
    return argument.lstrip("+") if not argument.startswith(("+hydra", "++hydra")) else argument


def _depth(value: Any) -> int:
    """How many lists and mappings are inside one another."""
    depth, inside = 0, [value]
    while inside := [one for one in inside if isinstance(one, list | dict)]:
        depth += 1
        inside = [part for one in inside for part in (one.values() if isinstance(one, dict) else one)]
    return depth


def _parse(arguments: Sequence[str]) -> _Parsed:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser, parsed = OverridesParser.create(), _Parsed()
    for argument in map(_plain, arguments):
        try:
            override = parser.parse_override(argument)
            too_deep = _depth(override.value()) > DEEPEST
        except HydraException as error:
            parsed.problems.append(_unreadable(argument, str(error)))
            continue
        except RecursionError:
            too_deep = True
        if too_deep:
            parsed.problems.append(f"{argument[:60]}…: nested too deeply")
            continue
        key = override.key_or_group
        if key.startswith("hydra"):
            _parse_hydra(key, argument, parsed)
            continue
        if override.is_delete():
            parsed.problems.append(f"{argument}: nothing can be removed from an experiment")
            continue
        if override.package:
            # `model@model.classifier=tfidf_svm`: a choice inside another; Hydra composes it, each job checks it.
            parsed.hydra.append(argument)
            continue
        values = _values(override, key)
        if override.is_interval_sweep():
            parsed.problems.append(f"{argument}: a grid cannot go through an interval; list values: {key}=1,2,3")
            continue
        if override.is_sweep_override():
            parsed.swept.append(argument)
        if key in {*config.GROUPS, "experiment"}:
            parsed.choices[key] = [choice for choice in map(str, values) if _is_choice(key, choice, parsed)]
        else:
            parsed.values.append((key, values))
    return parsed


def _parse_hydra(key: str, argument: str, parsed: _Parsed) -> None:
    value = argument.partition("=")[2]
    if key == "hydra/launcher" and value not in (available := _launchers()):
        extra = "parallel" if value == "joblib" else "slurm" if value in {"slurm", "submitit_slurm"} else ""
        hint = f"; it needs: pip install 'naba[{extra}]'" if extra else ""
        parsed.problems.append(unknown_name(key, value, available) + hint)
    elif key == "hydra/sweeper" and value != "basic":
        parsed.problems.append(f"{unknown_name(key, value, ['basic'])}; list values instead: model.C=0.1,1,10")
    else:
        # What was said to be wrong is not given to Hydra, which would say it again.
        parsed.hydra.append(argument)


def _launchers() -> list[str]:
    from hydra.core.plugins import Plugins
    from hydra.plugins.launcher import Launcher

    plugins = Plugins.instance().discover(Launcher)
    available = {plugin.__name__.removesuffix("Launcher").lower() for plugin in plugins}
    available = {*available, *config.names("hydra/launcher")} - {"local", "slurm"}
    if importlib.util.find_spec("submitit") is not None:
        available |= {"slurm", "submitit_local", "submitit_slurm"}
    return sorted(available)


def _unreadable(argument: str, reason: str) -> str:
    key, equals, value = argument.partition("=")
    if equals and not argument.isascii():
        inner = value.strip("'\"").replace("'", "\\'")
        return f"{argument}: Hydra reads Arabic only in quotes: \"{key}='{inner}'\" (double quotes for the shell)"
    if not equals:
        return f"{argument}: expected key=value, such as dataset=ans_stance or model.C=0.5"
    return f"{argument}: {reason.splitlines()[0]} (quote values with special characters: \"{key}='{value}'\")"


def _values(override: Override, key: str) -> list[Any]:
    from hydra.core.override_parser.types import Glob, QuotedString

    if override.is_sweep_override():
        if override.is_interval_sweep():
            return []
        value = override.value()
        listed = value.filter(config.names(key)) if isinstance(value, Glob) else override.sweep_iterator()
        found = list(itertools.islice(listed, MOST_JOBS + 1))
    else:
        found = [override.value()]
    return [value.text if isinstance(value, QuotedString) else value for value in found]


def _is_choice(group: str, choice: str, parsed: _Parsed) -> bool:
    if choice in config.names(group):
        return True
    parsed.problems.append(unknown_name(group, choice, config.names(group)))
    return False


def _experiment_sweep(parsed: _Parsed) -> bool:
    """Adds what the chosen experiments sweep over, where the command line does not say otherwise."""
    sweep = False
    for name in parsed.choices.get("experiment", []):
        try:
            composed = compose([f"+experiment={name}"], with_hydra=True)
        except UserError as error:
            parsed.problems.append(error.message)
            continue
        params = composed.hydra.sweeper.params or {}
        found = _parse([f"{key}={value}" for key, value in params.items()])
        parsed.problems += found.problems
        given = {key for key, _ in parsed.values}
        parsed.values += [item for item in found.values if item[0] not in given]
        parsed.choices = found.choices | parsed.choices
        sweep = sweep or bool(params)
    return sweep


def _check_combinations(parsed: _Parsed, composition: Composition) -> set[str]:
    """Checks the values with each choice of each group, and every model with every data set.

    Choices are varied one at a time from the first of each group: composing all combinations of a large sweep would
    take longer than finding out that its runs are done. Each job checks its own combination again.
    Returns the keys that YAML has.
    """
    experiments = [f"+experiment={name}" for name in parsed.choices.pop("experiment", [])[:1]]
    choices = {group: found for group, found in parsed.choices.items() if found}
    first = {group: found[0] for group, found in choices.items()}
    combinations = [first, *({**first, group: name} for group, found in choices.items() for name in found[1:])]
    known: set[str] = set()
    sections: dict[str, dict[str, Any]] = {"dataset": {}, "model": {}}
    for index, combination in enumerate(combinations):
        overrides = [f"{group}={choice}" for group, choice in combination.items()]
        try:
            composed = composition.of([*experiments, *overrides, *parsed.hydra])
        except UserError as error:
            parsed.problems.append(error.message)
            continue
        known |= _keys(composed)
        for group, found in sections.items():
            found[combination.get(group, "")] = composed[group]
        # Every value is tried once; later choices only need one value of each key.
        for values in _value_sets(parsed.values, every=index == 0):
            _check_values(composed, values, parsed)
    for model, dataset in itertools.product(sections["model"].values(), sections["dataset"].values()):
        parsed.problems += config.check_input(model, dataset)
    return known


def _value_sets(values: list[tuple[str, list[Any]]], *, every: bool) -> list[dict[str, Any]]:
    depth = max((len(options) for _, options in values), default=1) if every else 1
    return [
        {key: options[min(step, len(options) - 1)] for key, options in values if options}
        for step in range(max(depth, 1))
    ]


def _check_values(composed: DictConfig, values: dict[str, Any], parsed: _Parsed) -> None:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    changed = composed.copy()
    OmegaConf.set_struct(changed, False)
    for key, value in values.items():
        try:
            OmegaConf.update(changed, key, value, merge=True, force_add=True)
        except OmegaConfBaseException as error:
            parsed.problems.append(f"{key}: {str(error).splitlines()[0]}")
    try:
        config.check(changed)
    except Problems as error:
        parsed.problems += error.problems
    except UserError as error:
        parsed.problems.append(error.message)


def _keys(composed: DictConfig) -> set[str]:
    found: set[str] = set()

    def walk(node: Any, prefix: str) -> None:
        for key, value in node.items():
            found.add(f"{prefix}{key}")
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")

    from omegaconf import OmegaConf

    walk(OmegaConf.to_container(composed, resolve=False), "")
    return found


def defaults() -> dict[str, str]:
    """What is chosen where the command line says nothing: group -> choice."""
    entries = read_yaml(folders()[-1] / "train.yaml")["defaults"]
    return {
        group: name
        for entry in entries
        if isinstance(entry, dict)
        for group, name in entry.items()
        if group in config.GROUPS
    }


def compose(overrides: Sequence[str], *, with_hydra: bool = False) -> DictConfig:
    """The experiment that these overrides compose, as Hydra would.

    Raises:
        UserError: a file is missing or wrong; Hydra's first line is the message.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    own = str(Path(folders()[-1]).resolve())
    with _one_sentence(), initialize_config_dir(own, version_base="1.3", job_name="naba"):
        return hydra_compose("train", overrides=list(overrides), return_hydra_config=with_hydra)


@contextlib.contextmanager
def _one_sentence() -> Iterator[None]:
    """What Hydra finds wrong, as a message."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        yield
    except UnicodeDecodeError as error:
        # Hydra reads a file as text and does not say which one.
        raise UserError(f"a YAML file of the configuration is not UTF-8: {error.reason}: {_not_utf8()}") from error
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError, OSError) as error:
        raise UserError(next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)) from error


class Composition:
    """The configurations of the jobs of one command; the files of equal choices are composed once."""

    def __init__(self) -> None:
        self._composed: dict[frozenset[tuple[str, str]], DictConfig] = {}
        self._plain: dict[frozenset[tuple[str, str]], dict[str, Any]] = {}

    def of(self, overrides: Sequence[str]) -> DictConfig:
        """What `compose` gives for a job.

        Raises:
            UserError: a file is missing or wrong.
        """
        from hydra._internal.config_loader_impl import ConfigLoaderImpl
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parsed = OverridesParser.create().parse_overrides(list(overrides))
        chosen = {one.get_key_element(): str(one.input_line) for one in parsed if _chooses(one)}
        if sum(map(_chooses, parsed)) > len(chosen) or any(one.key_or_group.startswith("hydra") for one in parsed):
            return compose(overrides)
        key = frozenset(chosen.items())
        if key not in self._composed:
            self._composed[key] = self._combined(chosen) or compose(list(chosen.values()))
        found: Any = copy.deepcopy(self._composed[key])
        with _one_sentence():
            # After the files are composed, so that the values of the command line win.
            ConfigLoaderImpl._apply_overrides_to_config([one for one in parsed if not _chooses(one)], found)  # noqa: SLF001
        return found

    def _combined(self, chosen: Mapping[str, str]) -> DictConfig | None:
        """Sections of what was composed for the check, where each choice was varied from the first one by itself.

        Only where each of them changed its own section and nothing else.
        """
        first = dict(next(iter(self._composed), ()))
        changed = {group: choice for group, choice in chosen.items() if first.get(group) != choice}
        alone = {group: frozenset({**first, group: choice}.items()) for group, choice in changed.items()}
        if (
            len(changed) < 2
            or first.keys() != chosen.keys()
            or any(key not in self._composed for key in alone.values())
        ):
            return None
        usual = self._without(frozenset(first.items()), "")
        for group, key in alone.items():
            there = self._without(key, group)
            if list(there) != [name for name in usual if name != group] or any(
                there[one] != usual[one] for one in there
            ):
                return None
        found: Any = copy.deepcopy(self._composed[frozenset(first.items())])
        for group, key in alone.items():
            found[group] = copy.deepcopy(self._composed[key][group])
        return found

    def _without(self, key: frozenset[tuple[str, str]], group: str) -> dict[str, Any]:
        from omegaconf import OmegaConf

        if key not in self._plain:
            self._plain[key] = OmegaConf.to_container(self._composed[key], resolve=False)  # type: ignore[assignment]
        return {name: value for name, value in self._plain[key].items() if name != group}


def _chooses(override: Override) -> bool:
    key = override.key_or_group
    return key == "experiment" or key in config.GROUPS or override.package is not None or "/" in key


def _not_utf8() -> str:
    """The YAML files that are not UTF-8."""
    wrong = []
    for path in (path for folder in folders() for path in sorted(folder.rglob("*.yaml")) if path.is_file()):
        try:
            path.read_bytes().decode()
        except UnicodeDecodeError:
            wrong.append(str(path))
    return ", ".join(wrong)


def jobs(overrides: Sequence[str]) -> list[list[str]] | None:
    """The overrides of each job, as Hydra's sweeper splits them; None where only Hydra can (globs, its own settings).

    Hydra's application composes every job twice, for its check and for its run, which is most of the time of a sweep
    whose runs are finished. Jobs that choose the same files differ in values only: `Composition` composes those once.

    Args:
        overrides: of the whole sweep, checked.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import ValueType

    if any(item.lstrip("+~").startswith("hydra") for item in overrides):
        return None
    experiments = [item for item in overrides if item.startswith("+experiment=")]
    params = compose(experiments, with_hydra=True).hydra.sweeper.params if experiments else None
    given = [*(f"{key}={value}" for key, value in (params or {}).items()), *overrides]
    parsed = OverridesParser.create().parse_overrides(given)
    if any(one.value_type is ValueType.GLOB_CHOICE_SWEEP for one in parsed):
        return None
    (found,) = BasicSweeper.split_arguments(parsed, None)
    return found
