"""Checking an experiment: every problem is found at once, before anything heavy is imported."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import field, make_dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Strict, ValidationError

from naba.arabic.profile import profile_from
from naba.config import builders, packages
from naba.config.folders import names, section, yaml_path
from naba.config.identity import digest
from naba.config.schema import FORBID, DatasetConfig, SplitConfig, TrainConfig, adapter, explain, shown
from naba.errors import Problems, UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from omegaconf import DictConfig

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,79}")
_BOUND = "interval/high//"
_SECTIONS = {
    "train", "validation", "test", "interval", "time", "data", "cost", "size", "epoch", "stress",
}  # fmt: skip
"""Beginnings of the names of a run's numbers that mean something else than a further data set."""
_METRIC_LENGTH = 250
"""Characters of a metric's name that MLflow takes; the longest are those of bounds, `interval/high/SECTION/METRIC`."""
READERS = "naba.data.corpora.readers:READERS"
"""The table that `@reader` fills, which is the one that reads as well."""
PATH_KEYS = (
    "dataset.path",
    "model.checkpoint",
    "model.classifier.checkpoint",
    "model.embeddings",
    "model.classifier.embeddings",
    "model.prompt",
    "model.classifier.prompt",
    "model.prices",
    "model.classifier.prices",
)
"""Where a configuration may name a file or folder of the user's. A name on the Hub is none of them."""


def check(cfg: DictConfig | Mapping[str, Any]) -> TrainConfig:
    """The experiment as typed dataclasses, or every problem it has.

    Checks names of keys, types, ranges, the builder's options, metric names, further data sets, and that the model can
    take the data set's kind of input. Imports no library that is heavy.

    Returns:
        Typed values with every default written out, those of the model as well: equal experiments are equal.
    Raises:
        Problems: one line each for all that is wrong.
    """
    plain = plain_dict(cfg)
    problems: list[str] = []
    settings: TrainConfig | None = None
    try:
        settings = adapter(TrainConfig).validate_python(plain)
    except ValidationError as error:
        problems += explain(error, TrainConfig, "")
    model = plain.get("model")
    if isinstance(model, Mapping):
        model, found = builders.checked(model)
        problems += [*found, *check_input(model, plain.get("dataset") or {})]
    problems += _check_normalisation(plain.get("normalisation"))
    if settings is not None:
        problems += check_dataset(settings.dataset)
        problems += _check_split(settings.split, settings.dataset)
        problems += _check_labels(settings.dataset)
        problems += _check_metrics(settings)
        problems += _check_also(settings)
        problems += _check_kept_names(settings, str((model or {}).get("name", "")))
    if problems or settings is None:
        raise Problems(list(dict.fromkeys(problems)))
    settings.model = dict(model or {})
    return _named_after_its_file(settings)


def model_name(model: Mapping[str, Any]) -> str:
    """What a model is called on boards: as in its YAML, or, with other weights than its YAML's, as these are called.

    `multilingual_e5_base` with `checkpoint=…/marbert` would be untrue: it is `pretrained_marbert`. A YAML
    that leaves the checkpoint open (`embedded`) has none to be called after either: `embedded_marbert`.
    """
    name = str(model["name"])
    key = next((one for one in ("checkpoint", "embeddings") if isinstance(model.get(one), str)), None)
    if key is None or name not in names("model"):
        return name
    usual = section("model", name).get(key)
    if model[key] == usual or (usual is None and key == "embeddings"):
        return name
    given, wanted = (str(one).partition("@")[0].rstrip("/").rpartition("/")[2] for one in (model[key], usual or name))
    if given.lower() in {wanted.lower(), name.lower()}:
        return name
    called = re.sub(r"[^A-Za-z0-9_.\-]+", "_", given).strip("_.-")
    return f"{model['builder']}_{called or digest(given)[:6]}"[:80]


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
    """A composed configuration as plain dicts: interpolations resolved, paths absolute, without Hydra's own section."""
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
    _make_absolute(result)
    return result


def check_input(model: Mapping[str, Any], dataset: Mapping[str, Any]) -> list[str]:
    """The problem that a model cannot take this data set's kind of input, if it is one."""
    pair, accepts = dataset.get("pair"), model.get("accepts")
    needed = "pair" if pair else "single"
    for inner in model.values():
        if isinstance(inner, Mapping) and "builder" in inner and (problems := check_input(inner, dataset)):
            return problems
    if not isinstance(accepts, Sequence) or not isinstance(pair, bool) or needed in accepts:
        return []
    kind = "pairs of texts (text and target)" if pair else "single texts"
    return [
        f"model '{model.get('name')}' takes {', '.join(accepts)} input, but dataset '{dataset.get('name')}' "
        f"holds {kind}: choose one of {', '.join(accepting(needed))}"
    ]


def accepting(kind: str) -> list[str]:
    """The models that can take `single` or `pair` input; one whose YAML cannot be read is none of them."""
    return [name for name in names("model") if kind in _accepts(name)]


def _accepts(name: str) -> Sequence[str]:
    try:
        accepts = section("model", name).get("accepts", [])
    except UserError:
        return []
    return accepts if isinstance(accepts, Sequence) else []


def _check_normalisation(section_: Any) -> list[str]:
    if not isinstance(section_, Mapping):
        return []
    try:
        profile_from(dict(section_))
    except Problems as error:
        return [f"normalisation: {problem}" for problem in error.problems]
    except UserError as error:
        return [f"normalisation: {error.message}"]
    return []


def dataset_config(name: str) -> DatasetConfig:
    """The checked configuration of a data set of the catalogue.

    Raises:
        UserError: no such data set, or its YAML is wrong (all problems at once).
    """
    path = yaml_path("dataset", name)
    try:
        dataset = adapter(DatasetConfig).validate_python(section("dataset", name))
    except ValidationError as error:
        raise Problems(explain(error, DatasetConfig, ""), f"{path} has") from error
    if problems := check_dataset(dataset):
        raise Problems(problems, f"{path} has")
    return dataset


def check_dataset(dataset: DatasetConfig) -> list[str]:
    """What is wrong with a data set's section beyond types: its reader, the reader's options, label names."""
    problems = _check_reader(dataset)
    for value, label in dataset.label_values.items():
        if dataset.labels and label not in dataset.labels:
            problems.append(f"dataset.label_values.{value}: {unknown_name('label', label, dataset.labels)}")
    for label, carried in dataset.label_map.items():
        if dataset.labels and carried not in dataset.labels:
            problems.append(f"dataset.label_map.{label}: {unknown_name('label', carried, dataset.labels)}")
    return problems


def _check_labels(dataset: DatasetConfig) -> list[str]:
    if dataset.columns.label is None:
        return [f"dataset '{dataset.name}' has no labels: nothing can be trained or scored on it"]
    if len(dataset.labels) == 1:
        return [f"dataset.labels: expected at least two, got {', '.join(dataset.labels)}"]
    return []


def _check_split(split: SplitConfig, dataset: DatasetConfig) -> list[str]:
    problems = []
    column = "fold" if split.name == "official_folds" and split.column is None else split.column
    known = ["id", "text", "target", "label", "group", "split", *dataset.columns.slices, *dataset.columns.keep]
    if column is not None and column not in known and not dataset.union:
        place = "split.column" if split.column else f"split=official_folds: dataset '{dataset.name}' has none"
        problems.append(f"{place}: {unknown_name('column', column, known)}")
    if split.name not in names("split"):
        problems.append(unknown_name("split", split.name, names("split")))
    if split.name == "kfold" and split.fold > split.folds:
        problems.append(f"split.fold: expected at most {split.folds} (split.folds), got {split.fold}")
    folds = round(1 / split.validation) if split.validation else 0
    if split.validation_fold > folds:
        expected = f"at most {folds} (1 / split.validation)" if folds else "split.validation beside it, 0.2 for 5 folds"
        problems.append(f"split.validation_fold: expected {expected}, got {split.validation_fold}")
    if split.name == "leave_one_out":
        missing = [key for key in ("column", "held_out") if getattr(split, key) is None]
        problems += [
            f"split.{key}: missing; split=leave_one_out split.column=topic split.held_out=…" for key in missing
        ]
    return problems


def _check_kept_names(settings: TrainConfig, model: str) -> list[str]:
    """Names that MLflow or a file system would refuse at the end of a training."""
    named = {"model.name": model, "normalisation.name": str(settings.normalisation.get("name", ""))}
    problems = [
        f"{place}: expected up to 80 ASCII letters, digits, '_', '-' and '.', got {shown(name)}"
        for place, name in named.items()
        if not _NAME.fullmatch(name)
    ]
    longest = max(map(len, ("validation", *settings.evaluation.also)))
    metrics = (settings.dataset.primary_metric, *settings.dataset.metrics, *settings.evaluation.metrics)
    return problems + [
        f"metric {shown(name)}: a name of {len(name)} characters is too long to be tracked"
        for name in dict.fromkeys(metrics)
        if len(_BOUND) + longest + len(name) > _METRIC_LENGTH
    ]


def _check_metrics(settings: TrainConfig) -> list[str]:
    metric = packages.registry("naba.evaluation.metrics:metric")
    rehearse = packages.registry("naba.evaluation.metrics:rehearse")
    problems = []
    dataset = settings.dataset
    wanted = {
        "dataset.primary_metric": [dataset.primary_metric],
        "dataset.metrics": dataset.metrics,
        "evaluation.metrics": settings.evaluation.metrics,
    }
    for place, metrics in wanted.items():
        for name in metrics:
            try:
                found = metric(name, tuple(dataset.labels) or None)
                if dataset.labels:
                    rehearse(found, tuple(dataset.labels))
            except UserError as error:
                problems.append(f"{place}: {error.message}")
    return problems


def _check_also(settings: TrainConfig) -> list[str]:
    also, dataset = settings.evaluation.also, settings.dataset
    problems = [f"'{name}' stands there twice" for name in dict.fromkeys(also) if also.count(name) > 1]
    for name in dict.fromkeys(also):
        if name == dataset.name:
            continue  # its test rows are scored anyway: a sweep over data sets names them all
        if name in _SECTIONS:
            problems.append(f"numbers on a data set called '{name}' could not be told from others: rename it")
            continue
        try:
            other = dataset_config(name)
        except UserError as error:
            problems.append(error.message)
            continue
        problems += _check_labels(other)
        mapped = set(other.label_map) & set(dataset.labels) or set(dataset.label_map) & set(other.labels)
        if other.task != dataset.task and not mapped:
            problems.append(
                f"'{name}' is a {other.task} data set, '{dataset.name}' a {dataset.task} one, and no label_map of "
                "either says how labels of one are those of the other"
            )
    return [f"evaluation.also: {problem}" for problem in problems]


def _check_reader(dataset: DatasetConfig) -> list[str]:
    """What is wrong with a data set's `reader` and `options`, one line a problem."""
    known: dict[str, Callable[..., Any]] = packages.registry(READERS)
    if dataset.reader not in known:
        packages.load()
    if dataset.reader not in known:
        return [f"dataset.reader: {unknown_name('reader', dataset.reader, known)}"]
    try:
        kind = _reader_options(known[dataset.reader])
    except (NameError, TypeError) as error:
        return [f"dataset.reader: the arguments of '{dataset.reader}' cannot be read: {packages.told(error)}"]
    try:
        adapter(kind).validate_python(dataset.options)
    except ValidationError as error:
        return explain(error, kind, "dataset.options.")
    return []


@cache
def _reader_options(reader: Callable[..., Any]) -> type:
    """The keyword arguments of a reader, after the files, as a dataclass that takes nothing else."""
    parameters = list(inspect.signature(reader, eval_str=True).parameters.values())[1:]
    kinds = {
        one.name: Any if one.annotation is one.empty else Annotated[one.annotation, Strict()] for one in parameters
    }
    required = [(one.name, kinds[one.name]) for one in parameters if one.default is one.empty]
    optional = [
        (one.name, kinds[one.name], field(default_factory=partial(copy.deepcopy, one.default)))
        for one in parameters
        if one.default is not one.empty
    ]
    return make_dataclass("Options", [*required, *optional], namespace={"__pydantic_config__": FORBID}, kw_only=True)


def absolute(value: Any) -> Any:
    """The absolute path, where `value` names a file or folder that exists here; anything else as it is."""
    if not isinstance(value, str) or not value:
        return value
    try:
        path = Path(value).expanduser()
        return str(path.resolve()) if path.exists() else value
    except (OSError, RuntimeError, ValueError):
        # Too long for a file's name, `~nobody`, a null character: no path, then.
        return value


def _make_absolute(config: dict[str, Any]) -> None:
    """Replace the paths of a plain configuration in place; `dataset.path` within a data set of the Hub stays."""
    for key in PATH_KEYS:
        *sections, name = key.split(".")
        section: Any = config
        for part in sections:
            section = section.get(part) if isinstance(section, dict) else None
        if isinstance(section, dict) and name in section and section.get("repo_id") is None:
            section[name] = absolute(section[name])
