"""Composing and checking experiments: every problem is found at once, before anything heavy is imported."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from naba import files
from naba.config import builders
from naba.config.schema import DatasetConfig, SplitConfig, TrainConfig
from naba.config.signatures import INJECTED, function_arguments
from naba.errors import Problems, UserError, unknown_name

if TYPE_CHECKING:
    from omegaconf import DictConfig

GROUPS = ("dataset", "model", "normalisation", "split", "evaluation", "tracking")


def folders() -> list[Path]:
    """The configuration folders: `NABA_CONF` or `./conf` of a user first, then naba's own."""
    own = files.shipped("conf")
    configured = os.environ.get("NABA_CONF")
    candidates = [Path(part).expanduser() for part in configured.split(os.pathsep)] if configured else [Path("conf")]
    extra = [folder.resolve() for folder in candidates if any((folder / group).is_dir() for group in GROUPS)]
    return [*(folder for folder in extra if folder != own.resolve()), own]


def group_folders(group: str) -> list[Path]:
    """The folders that hold the YAML files of a group."""
    return [folder / group for folder in folders()]


def names(group: str) -> list[str]:
    """What can be chosen in a group: `names("model")` -> ["majority", "tfidf_logreg", …]."""
    return sorted({path.stem for folder in group_folders(group) for path in folder.glob("*.yaml")})


def yaml_path(group: str, name: str) -> Path:
    """The YAML file of a choice.

    Raises:
        UserError: there is none; names the nearest one.
    """
    for folder in group_folders(group):
        if (folder / f"{name}.yaml").is_file():
            return folder / f"{name}.yaml"
    raise UserError(unknown_name(group, name, names(group)))


def section(group: str, name: str) -> dict[str, Any]:
    """One YAML file as a plain dict with its interpolations resolved."""
    content = _section(yaml_path(group, name))
    return builders.modern(content) if group == "model" else content


@cache
def _section(path: Path) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        loaded = OmegaConf.load(path)
        content = OmegaConf.to_container(loaded, resolve=True)
    except (YAMLError, OmegaConfBaseException, ValueError, OSError) as error:
        raise UserError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected keys and values")
    return typing.cast("dict[str, Any]", content)


def dataset_config(name: str) -> DatasetConfig:
    """The checked configuration of a data set of the catalogue.

    Raises:
        UserError: no such data set, or its YAML is wrong (all problems at once).
    """
    path = yaml_path("dataset", name)
    adapter = TypeAdapter(DatasetConfig)
    try:
        return adapter.validate_python(section("dataset", name))
    except ValidationError as error:
        raise Problems(_explain(error, DatasetConfig, ""), f"{path} has") from error


# --- checking one composed experiment ---------------------------------------------------------------------------


def check(cfg: DictConfig | Mapping[str, Any]) -> TrainConfig:
    """The experiment as typed dataclasses, or every problem it has.

    Checks names of keys, types, ranges, builder arguments, metric names, further data sets, and that the model can
    take the data set's kind of input. Imports no model, data or tracking library.

    Raises:
        Problems: one line each for all that is wrong.
    """
    plain = plain_dict(cfg)
    if isinstance(plain.get("model"), Mapping):
        plain["model"] = builders.modern(plain["model"])
    problems: list[str] = []
    settings: TrainConfig | None = None
    try:
        settings = TypeAdapter(TrainConfig).validate_python(plain)
    except ValidationError as error:
        problems += _explain(error, TrainConfig, "")
    if isinstance(plain.get("model"), Mapping):
        problems += check_model(plain["model"], plain.get("dataset") or {})
    problems += _check_normalisation(plain.get("normalisation"))
    if settings is not None:
        problems += _check_dataset(settings.dataset)
        problems += _check_split(settings.split)
        problems += _check_names(settings)
    if problems or settings is None:
        raise Problems(list(dict.fromkeys(problems)))
    return _named_after_its_file(settings)


def _named_after_its_file(settings: TrainConfig) -> TrainConfig:
    """Own data given on the command line is called as its file is, so that two files are two data sets."""
    dataset = settings.dataset
    source = dataset.path or dataset.repo_id
    if dataset.name not in {"file", "hub"} or not source:
        return settings
    stem = Path(source).stem if dataset.path else source
    name = re.sub(r"[^A-Za-z0-9_.\-]+", "_", stem).strip("_.-")
    # A name without a Latin letter or digit still needs an id of its own.
    named = name if name and stem.isascii() else f"{name or dataset.name}_{digest(source)[:6]}"
    if settings.tracking.experiment == dataset.name:
        settings.tracking.experiment = named
    settings.dataset = dataclasses.replace(dataset, name=named)
    return settings


def plain_dict(cfg: DictConfig | Mapping[str, Any]) -> dict[str, Any]:
    """A composed configuration as plain dicts, interpolations resolved, without Hydra's own section."""
    from omegaconf import MissingMandatoryValue, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if not OmegaConf.is_config(cfg):
        return dict(cfg)
    try:
        plain = OmegaConf.to_container(typing.cast("DictConfig", cfg), resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        key = str(getattr(error, "full_key", "") or error)
        raise UserError(f"'{key}' has no value: give it on the command line ({key}=…)") from error
    except OmegaConfBaseException as error:
        raise UserError(f"the configuration does not resolve: {str(error).splitlines()[0]}") from error
    result = typing.cast("dict[str, Any]", plain)
    result.pop("hydra", None)
    return result


def check_model(model: Mapping[str, Any], dataset: Mapping[str, Any]) -> list[str]:
    """Problems of a model section: its builder, the builder's arguments, and whether it can take the data."""
    try:
        arguments = function_arguments(builders.table()[builders.builder_of(model)].replace(":", "."), "naba.models")
    except UserError as error:
        return [f"model.builder: {error.message}"]
    given = {key: value for key, value in model.items() if key not in builders.ABOUT}
    problems = _check_arguments("model", given, {k: v for k, v in arguments.items() if k not in INJECTED})
    return problems + check_input(model, dataset)


def check_input(model: Mapping[str, Any], dataset: Mapping[str, Any]) -> list[str]:
    """The problem that a model cannot take this data set's kind of input, if it is one."""
    pair, accepts = dataset.get("pair"), model.get("accepts")
    needed = "pair" if pair else "single"
    if not isinstance(accepts, Sequence) or not isinstance(pair, bool) or needed in accepts:
        return []
    kind = "pairs of texts (text and target)" if pair else "single texts"
    return [
        f"model '{model.get('name')}' takes {', '.join(accepts)} input, but dataset '{dataset.get('name')}' "
        f"holds {kind}: choose one of {', '.join(accepting(needed))}"
    ]


def accepting(kind: str) -> list[str]:
    """The models that can take `single` or `pair` input."""
    return [name for name in names("model") if kind in section("model", name).get("accepts", [])]


def _check_arguments(place: str, given: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[str]:
    problems = []
    for key, value in given.items():
        if key not in arguments:
            problems.append(unknown_name("key", f"{place}.{key}", [f"{place}.{name}" for name in arguments]))
            continue
        group = option_groups().get(key)
        if group is not None and isinstance(value, Mapping):
            problems += _check_group(f"{place}.{key}.", group, value)
            continue
        try:
            TypeAdapter(arguments[key].annotation).validate_python(value)
        except ValidationError as error:
            problems.append(f"{place}.{key}: {_expectation(error.errors()[0])}, got {_shown(value)}")
    missing = [name for name, argument in arguments.items() if argument.required and name not in given]
    return problems + [f"{place}.{name}: missing" for name in missing]


@cache
def option_groups() -> dict[str, type]:
    """Builder arguments that are groups of options, and the dataclass of each."""
    from naba.models.encoder import options as encoder_options

    return {
        "architecture": encoder_options.Architecture,
        "reading": encoder_options.Reading,
        "training": encoder_options.Training,
    }


def _check_group(prefix: str, group: type, value: Mapping[str, Any]) -> list[str]:
    try:
        TypeAdapter(group).validate_python(dict(value))
    except ValidationError as error:
        return _explain(error, group, prefix)
    return []


def _check_normalisation(section_: Any) -> list[str]:
    from naba.arabic.profile import profile_from

    if not isinstance(section_, Mapping):
        return []
    try:
        profile_from(dict(section_))
    except Problems as error:
        return [f"normalisation: {problem}" for problem in error.problems]
    except UserError as error:
        return [f"normalisation: {error.message}"]
    return []


def _check_dataset(dataset: DatasetConfig) -> list[str]:
    problems = []
    try:
        arguments = function_arguments(f"naba.data.corpora.readers.{dataset.reader}", "naba.data")
        own = {"config", "data", "files"}
        options = {name: argument for name, argument in arguments.items() if name not in own}
        problems += _check_arguments("dataset.options", dataset.options, options)
    except UserError as error:
        problems.append(f"dataset.reader: {error.message}")
    for value, label in dataset.label_values.items():
        if dataset.labels and label not in dataset.labels:
            problems.append(f"dataset.label_values.{value}: {unknown_name('label', label, dataset.labels)}")
    for label, carried in dataset.label_map.items():
        if dataset.labels and carried not in dataset.labels:
            problems.append(f"dataset.label_map.{label}: {unknown_name('label', carried, dataset.labels)}")
    return problems


def _check_split(split: SplitConfig) -> list[str]:
    problems = []
    if split.name not in names("split"):
        problems.append(unknown_name("split", split.name, names("split")))
    if split.name == "kfold" and split.fold > split.folds:
        problems.append(f"split.fold: expected at most {split.folds} (split.folds), got {split.fold}")
    if split.name == "leave_one_out":
        missing = [key for key in ("column", "held_out") if getattr(split, key) is None]
        problems += [
            f"split.{key}: missing; split=leave_one_out split.column=topic split.held_out=…" for key in missing
        ]
    return problems


def _check_names(settings: TrainConfig) -> list[str]:
    from naba.evaluation.metrics import metric

    problems = []
    dataset = settings.dataset
    wanted = {"dataset.primary_metric": [dataset.primary_metric], "dataset.metrics": dataset.metrics}
    for place, metrics in (wanted | {"evaluation.metrics": settings.evaluation.metrics}).items():
        for name in metrics:
            try:
                metric(name, tuple(dataset.labels) or None)
            except UserError as error:
                problems.append(f"{place}: {error.message}")
    for name in settings.evaluation.also:
        if name == dataset.name:
            problems.append(
                f"evaluation.also: '{name}' is the data set that is trained on; its test rows are scored anyway"
            )
            continue
        try:
            other = dataset_config(name)
        except UserError as error:
            problems.append(f"evaluation.also: {error.message}")
            continue
        if other.task != dataset.task:
            problems.append(
                f"evaluation.also: '{name}' is a {other.task} data set, '{dataset.name}' a {dataset.task} one"
            )
    return problems


# --- messages -----------------------------------------------------------------------------------------------------


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _expectation(detail: Mapping[str, Any]) -> str:
    message = str(detail["msg"])
    kind, context = str(detail["type"]), detail.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return f"expected text like {context.get('pattern')}"
    if kind == "string_type":
        return "expected text (quote numbers, true, false and null in YAML: '0')"
    return message.replace("Input should be", "expected", 1)


def _explain(error: ValidationError, schema: type, prefix: str) -> list[str]:
    problems = []
    for detail in error.errors():
        where = ".".join(str(part) for part in detail["loc"] if part != "[key]")
        place = f"{prefix}{where}"
        if detail["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
            parent = ".".join(str(part) for part in detail["loc"][:-1])
            valid = [prefix + (f"{parent}.{name}" if parent else name) for name in _fields(schema, detail["loc"][:-1])]
            problems.append(unknown_name("key", place, valid))
        elif detail["type"] in {"missing", "missing_argument"}:
            problems.append(f"{place}: missing")
        else:
            problems.append(f"{place}: {_expectation(detail)}, got {_shown(detail['input'])}")
    return problems


def _fields(schema: type, loc: Iterable[int | str]) -> list[str]:
    """Field names of the dataclass that stands at `loc` below `schema`."""
    current: Any = schema
    for part in loc:
        if not dataclasses.is_dataclass(current):
            return []
        hints = typing.get_type_hints(current)
        current = hints.get(str(part))
        inner = [item for item in typing.get_args(current) if dataclasses.is_dataclass(item)]
        current = inner[0] if inner else current
    return [field.name for field in dataclasses.fields(current)] if dataclasses.is_dataclass(current) else []


# --- identity -----------------------------------------------------------------------------------------------------


PARTS_OF_A_SPLIT = ("fold", "held_out")
"""What differs between the runs of one cross-validation."""


def digest(content: Any) -> str:
    """First 16 hex digits of the SHA-256 of canonical JSON: the same on every machine."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def identity(settings: TrainConfig, fingerprint: str, grouping: str = "") -> tuple[str, str]:
    """The run's identity and its cell (the identity without the seed, and without which fold or topic was tested).

    What decides the trained model and its test predictions: the content of the data set (its fingerprint covers ids,
    texts, targets, labels and splits; `grouping` the columns by which rows are kept together), label order, the model
    with all its arguments, the normalisation, the split and the seed. Titles, licences and file locations are left
    out, so mending a citation redoes nothing.

    Returns:
        `(identity, cell)`, 16 hex digits each.
    """
    model = {key: value for key, value in settings.model.items() if key not in {"description", "accepts"}}
    content: dict[str, Any] = {
        "dataset": {
            "name": settings.dataset.name,
            "task": settings.dataset.task,
            "labels": list(settings.dataset.labels),
            "primary_metric": settings.dataset.primary_metric,
            "fingerprint": fingerprint,
            "grouping": grouping,
        },
        "model": model,
        "normalisation": settings.normalisation,
        "split": dataclasses.asdict(settings.split),
    }
    shared = {key: value for key, value in content["split"].items() if key not in PARTS_OF_A_SPLIT}
    return digest(content | {"seed": settings.seed}), digest(content | {"split": shared})
