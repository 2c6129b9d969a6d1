"""The schema of an experiment: what `conf/` may say, with types, ranges and defaults.

Plain dataclasses, checked by pydantic so that every problem is reported at once, in naba's words: the key, what was
expected, and the nearest valid name. Light on purpose: this module
is imported before anything is known to be right, so it imports no library that takes a second.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, Strict, StringConstraints, TypeAdapter

from naba.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import ValidationError
FORBID = ConfigDict(extra="forbid")


def _folder_name(name: str) -> str:
    if not name or name.startswith(".") or any(sign in "/\\" or not sign.isprintable() for sign in name):
        raise ValueError("expected a name that a folder can have: no slashes, and no dot at its start")
    if len(name.encode("utf-8", "surrogateescape")) > 240:
        raise ValueError("expected a name of at most 240 bytes (120 Arabic letters), which a folder can have")
    return name


# Types for configuration values; model builders annotate their arguments with them.
Text = Annotated[str, Strict()]
Flag = Annotated[bool, Strict()]
Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
PositiveInteger = Annotated[int, Strict(), Field(gt=0)]
CountInteger = Annotated[int, Strict(), Field(ge=0)]
PositiveNumber = Annotated[float, Strict(), Field(gt=0)]
Fraction = Annotated[float, Strict(), Field(gt=0, lt=1)]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]
Name = Annotated[str, Strict(), StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", max_length=80)]
MetricName = Annotated[str, Strict(), StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")]
FolderName = Annotated[str, Strict(), StringConstraints(max_length=120), AfterValidator(_folder_name)]
"""Of an MLflow experiment, whose files are in a folder of that name."""
Label = Annotated[
    str, Strict(), StringConstraints(max_length=80, pattern=r"^[A-Za-z0-9_.\-]*[A-Za-z0-9][A-Za-z0-9_.\-]*$")
]
Sha256 = Annotated[str, Strict(), StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Strict(), StringConstraints(pattern=r"^[0-9a-f]{40}$")]


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """The validator of a type. Making one takes milliseconds, and a sweep checks thousands of jobs."""
    return TypeAdapter(kind)


@dataclass
class FileConfig:
    """One file of a data set."""

    __pydantic_config__ = FORBID
    path: Text
    sha256: Sha256 | None = None
    split: Literal["train", "validation", "test"] | None = None
    member: Text | None = None
    """Path inside the file, if it is a zip archive."""
    columns: dict[Text, Text] = field(default_factory=dict)
    """Constant columns added to each row read from the file (`topic: Aramco`)."""


@dataclass
class SourceConfig:
    """Where the files of a data set are: GitHub, the Hugging Face Hub, or a local folder."""

    __pydantic_config__ = FORBID
    repository: Text | None = None
    commit: Commit | None = None
    repo_id: Text | None = None
    revision: Text | None = None
    folder: Text | None = None
    """A local folder; a relative one is below naba's own `data/`, `${oc.env:PWD}/…` is below yours, and
    `package:mypackage/data` in an allowed package."""
    files: list[FileConfig] = field(default_factory=list)
    manifest: Text | None = None
    """Further files: a list as `sha256sum` writes it (hash, two spaces, path), below naba's own `data/`."""


@dataclass
class ColumnsConfig:
    """Which columns of the files hold what. Without `id`, ids are made of split and row number."""

    __pydantic_config__ = FORBID
    text: Text = "text"
    label: Text | None = "label"
    target: Text | None = None
    id: Text | None = None
    group: Text | None = None
    split: Text | None = None
    slices: dict[Text, Text] = field(default_factory=dict)
    """Further columns to report scores by: name in naba -> name in the file."""
    keep: dict[Text, Text] = field(default_factory=dict)
    """Further columns to keep, without scores by them: name in naba -> name in the file."""


@dataclass
class DatasetConfig:
    """A data set: its files, columns, labels, official metric and provenance."""

    __pydantic_config__ = FORBID
    name: Name
    task: Name
    labels: dict[Label, Text]
    """Label id -> display name, in the order in which labels are always shown."""
    primary_metric: MetricName
    pair: Flag = False
    """Does a row have a `target` (claim, topic, other headline) beside its text?"""
    title: Text = ""
    description: Text = ""
    metrics: list[MetricName] = field(default_factory=list)
    source: SourceConfig = field(default_factory=SourceConfig)
    union: dict[Name, Name] = field(default_factory=dict)
    """Instead of a source: part -> data set. The union of data sets with one label scheme, with a slice `corpus`."""
    reader: Name = "table"
    """A function of `naba.data.corpora.readers`."""
    options: dict[Text, Any] = field(default_factory=dict)
    """Arguments of the reader."""
    columns: ColumnsConfig = field(default_factory=ColumnsConfig)
    label_values: dict[Text, Label] = field(default_factory=dict)
    """Value in the file -> label id, where they differ."""
    drop_unlabelled: Flag = False
    """Leave rows without a label out, instead of refusing the file."""
    label_map: dict[Label, Label] = field(default_factory=dict)
    """Labels of other schemes -> labels of this one, so that a model of one scheme is scored on another."""
    licence: Text = ""
    citation: Text = ""
    homepage: Text = ""
    protocol: Name = "given"
    """The split that `split=given` stands for where the rows carry none: `official_folds`, `kfold`, `stratified`, …"""
    path: Text | None = None
    """Own data, instead of a source: a file, or a folder with train, validation (dev) and test files."""
    repo_id: Text | None = None
    """Own data on the Hugging Face Hub: `owner/name`; `path` may then name a file or folder in it."""
    revision: Text | None = None
    label_source: Literal["human", "language_model", "construction", "unknown"] = "unknown"
    """Who labelled it: people, language models, or the way it was built (corrupted headlines)."""


@dataclass
class DataConfig:
    """How files are fetched; see `naba.data.sources`."""

    __pydantic_config__ = FORBID
    mirror: Text | None = None
    cache: Text | None = None
    offline: Flag = False
    timeout: PositiveNumber = 30.0
    """Seconds a server may stay silent."""
    retries: CountInteger = 2
    """Further attempts after a dropped connection, a time-out or a server's own error."""


@dataclass
class SplitConfig:
    """Which rows train, validate and test; see `naba.data.splits`."""

    __pydantic_config__ = FORBID
    name: Name = "given"
    validation: Annotated[float, Strict(), Field(ge=0, lt=1)] = 0.0
    """Share of the training rows that validate, where the data set gives no validation rows."""
    validation_fold: CountInteger = 0
    """Which of the 1 / `validation` folds of the training rows validates, from 1; 0: a share that the seed draws."""
    test: Fraction = 0.2
    """Share of all rows that test, in `stratified` and `grouped`."""
    folds: Annotated[int, Strict(), Field(ge=2)] = 5
    fold: PositiveInteger = 1
    """Which fold tests, from 1, in `kfold` and `official_folds`."""
    column: Text | None = None
    """The column whose values stay together (`grouped`, `kfold`: `group`) or are left out (`leave_one_out`)."""
    held_out: Text | None = None
    """The value of `column` that tests, in `leave_one_out`."""
    fraction: Annotated[float, Strict(), Field(gt=0, le=1)] = 1.0
    """Share of the training rows that are used, in `learning_curve`; of the latest groups, in `latest`."""


@dataclass
class EvaluationConfig:
    """What is computed from the predictions."""

    __pydantic_config__ = FORBID
    also: list[Name] = field(default_factory=list)
    """Further data sets whose test split the model is scored on."""
    metrics: list[MetricName] = field(default_factory=list)
    """Metrics beside those the data set names."""
    resamples: PositiveInteger = 10_000
    confidence: Fraction = 0.95
    worst_errors: CountInteger = 50


@dataclass
class TrackingConfig:
    """Where results go."""

    __pydantic_config__ = FORBID
    name: Literal["mlflow", "off"] = "mlflow"
    uri: Text | None = None
    experiment: FolderName | None = None
    log_model: Flag = True
    figures: Flag = True
    """Draw figures and say which features decided the worst errors; both can be made later from what is kept."""
    folder: Text | None = None


@dataclass
class NormalisationConfig:
    """Rules of `naba.arabic.normalise.Profile`, by name; see there."""

    __pydantic_config__ = ConfigDict(extra="allow")
    name: Name = "news"


@dataclass
class TrainConfig:
    """A whole experiment: one training run."""

    __pydantic_config__ = FORBID
    dataset: DatasetConfig
    model: dict[Text, Any]
    split: SplitConfig
    evaluation: EvaluationConfig
    tracking: TrackingConfig
    normalisation: dict[Text, Any]
    data: DataConfig = field(default_factory=DataConfig)
    seed: CountInteger = 0
    force: Flag = False


def explain(error: ValidationError, schema: type, prefix: str) -> list[str]:
    """One line a problem, with the place of each below `prefix` (`model.`).

    Args:
        schema: the dataclass that was validated, for the names it has.
    """
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
            problems.append(f"{place}: {_expectation(detail)}, got {shown(detail['input'])}")
    return problems


def shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _expectation(detail: Mapping[str, Any]) -> str:
    message = str(detail["msg"])
    kind, context = str(detail["type"]), detail.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return f"expected text like {context.get('pattern')}"
    if kind == "string_type":
        return "expected text (quote numbers, true, false and null in YAML: '0')"
    if kind == "string_too_long":
        return f"expected at most {context.get('max_length')} characters"
    return message.removeprefix("Value error, ").replace("Input should be", "expected", 1)


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
