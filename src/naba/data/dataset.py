"""`Dataset`: texts, labels, splits and provenance, whatever file they came from; and how one is made of rows."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from naba.data import own_files, sources
from naba.data.corpora import readers
from naba.data.own_files import is_missing
from naba.data.rows import SPLIT_NAMES, Place, Table, rows_error
from naba.errors import UserError, nearest, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import datasets
    import pandas as pd

    from naba.config.schema import DataConfig, DatasetConfig
    from naba.data.sources import Fetched

logger = logging.getLogger(__name__)

COLUMNS = ("id", "text", "target", "label", "group")
SPLITS = ("train", "validation", "test")

IntArray = NDArray[np.int64]
ObjectArray = NDArray[np.object_]


@dataclass(frozen=True)
class Dataset:
    """A labelled collection of texts, or of pairs of a text and a target.

    `columns` holds all rows, as strings: id, text, target ("" for single texts), label, group ("" where the set has
    none), split (the given one, "" where it has none), then the slice columns and the kept ones. Each is an array of
    shape (n,) and object dtype, which nobody writes to.
    """

    name: str
    task: str
    pair: bool
    columns: Mapping[str, ObjectArray] = field(repr=False)
    labels: tuple[str, ...]
    display_names: Mapping[str, str]
    primary_metric: str
    metrics: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    label_map: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    description: str = ""
    licence: str = ""
    citation: str = ""
    homepage: str = ""
    label_source: str = "unknown"
    protocol: str = "given"

    def __len__(self) -> int:
        return len(self.columns["id"])

    @cached_property
    def table(self) -> datasets.Dataset:
        """All rows as a table of `datasets`, every column a string."""
        import datasets

        features = datasets.Features({name: datasets.Value("string") for name in self.columns})
        return datasets.Dataset.from_dict(
            {name: values.tolist() for name, values in self.columns.items()}, features=features
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over ids, texts, targets, labels and splits, row by row in the order of the files.

        Each row enters as a JSON array, so that no two different rows can give the same bytes.
        """
        digest = hashlib.sha256()
        columns = [self.column_values(name) for name in ("id", "text", "target", "label", "split")]
        for row in zip(*columns, strict=True):
            digest.update(json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode("ascii"))
            digest.update(b"\n")
        return digest.hexdigest()

    def indices(self, split: str) -> IntArray:
        """Rows whose given split is `split`, in file order, shape (n,)."""
        return np.flatnonzero(self.column_values("split") == split).astype(np.int64)

    def frame(self, indices: Sequence[int] | IntArray) -> pd.DataFrame:
        """What a model sees: columns `text` and `target`, object dtype, index 0 … n-1."""
        import pandas as pd

        chosen = {name: pd.Series(self.column(name, indices), dtype=object) for name in ("text", "target")}
        return pd.DataFrame(chosen)

    def gold(self, indices: Sequence[int] | IntArray) -> ObjectArray:
        """Label ids of the rows, shape (n,)."""
        return self.column("label", indices)

    def ids(self, indices: Sequence[int] | IntArray) -> ObjectArray:
        """Ids of the rows, shape (n,)."""
        return self.column("id", indices)

    def column(self, name: str, indices: Sequence[int] | IntArray) -> ObjectArray:
        """Values of any column at the rows, shape (n,), object dtype."""
        return self.column_values(name)[np.asarray(indices, dtype=np.int64)]

    def to_dict(self) -> datasets.DatasetDict:
        """The given splits that have rows, as a `datasets.DatasetDict`."""
        import datasets

        found = {split: self.indices(split) for split in SPLITS}
        return datasets.DatasetDict({split: self.table.select(rows) for split, rows in found.items() if len(rows)})

    def relabelled(self, scheme: Dataset) -> Dataset:
        """This data under the labels of `scheme`, so that a model trained on `scheme` can be scored on it.

        A label that `scheme` has too stays; others go where `scheme.label_map` says.

        Raises:
            UserError: labels that occur here and have no counterpart; the message names them.
        """
        mapping = {label: label if label in scheme.labels else scheme.label_map.get(label) for label in self.labels}
        values = self.column_values("label")
        lost = [label for label, mapped in mapping.items() if mapped is None and (values == label).any()]
        if lost:
            raise UserError(
                f"the labels {', '.join(lost)} of {self.name} have no counterpart among those of {scheme.name} "
                f"({', '.join(scheme.labels)})",
                f"Add them to label_map in conf/dataset/{scheme.name}.yaml, for example `label_map: "
                f"{{{lost[0]}: {scheme.labels[-1]}}}`.",
            )
        mapped = object_array([(mapping[label] or "") if label else "" for label in values])
        return dataclasses.replace(
            self,
            columns={**self.columns, "label": mapped},
            labels=scheme.labels,
            display_names=scheme.display_names,
            label_map=scheme.label_map,
            primary_metric=scheme.primary_metric,
            metrics=scheme.metrics,
        )

    def column_values(self, name: str) -> ObjectArray:
        """All values of a column, shape (n,), object dtype; do not write to it."""
        if name not in self.columns:
            raise UserError(f"{self.name}: {unknown_name('column', name, list(self.columns))}")
        return self.columns[name]


def object_array(values: Sequence[str]) -> ObjectArray:
    """Strings as an array that cannot be written to, shape (n,), object dtype."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    found.flags.writeable = False
    return found


_LOADED: dict[str, Dataset] = {}


def load(config: DatasetConfig, data: DataConfig | None = None) -> Dataset:
    """The data set a config describes; its files are fetched and verified, its labels checked.

    Kept for the life of the process, by the content of the config and of the files.

    Args:
        data: how files are fetched; None for what `naba.data.sources.fetching` says, else the defaults.

    Raises:
        UserError: anything wrong with the config, the source or the files, with file and row.
    """
    data = data or sources.current()
    if config.union:
        parts = {part: load_named(name, data) for part, name in config.union.items()}
        key = _key(config, [part.fingerprint for part in parts.values()])
        if key not in _LOADED:
            _LOADED[key] = union(config, parts)
        return _LOADED[key]
    config = own_files.resolved(config, data)
    files = sources.fetch_files(config.source, data)
    key = _key(config, [file.sha256 for file in files])
    if key not in _LOADED:
        _LOADED[key] = from_files(config, files)
    return _LOADED[key]


def load_named(name: str, data: DataConfig | None = None) -> Dataset:
    """The data set of `conf/dataset/NAME.yaml`."""
    from naba.config import dataset_config

    return load(dataset_config(name), data)


def background(name: str, data: DataConfig | None = None) -> Dataset:
    """An unlabelled data set that a model learns from beside its rows.

    Raises:
        UserError: it cannot be had; the message says how to do without.
    """
    try:
        return load_named(name, data)
    except UserError as error:
        raise UserError(
            f"model.background={name} needs the data set {name}: {error}",
            "Set NABA_MIRROR or data.mirror, or do without word vectors: model.background=null.",
        ) from error


def background_texts(name: str, data: DataConfig | None = None) -> list[str]:
    """The distinct texts of `background(name)`, in order."""
    return list(dict.fromkeys(background(name, data).column_values("text").tolist()))


def _key(config: DatasetConfig, hashes: Sequence[str]) -> str:
    content: dict[str, Any] = {"config": dataclasses.asdict(config), "files": list(hashes)}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def from_files(config: DatasetConfig, files: Sequence[Fetched]) -> Dataset:
    """Read verified files as the config says. Raises UserError with file and row for anything amiss."""
    read = [readers.SourceFile(file.path, _shown(file), file.config) for file in files]
    raw = readers.read(config.reader, read, config.options)
    return from_table(own_files.with_labels(config, raw), raw)


def _shown(file: Fetched) -> str:
    return str(file.path) if file.origin in {"folder", "mirror"} else file.config.path


def from_table(config: DatasetConfig, raw: Table) -> Dataset:
    """Choose and check columns; every problem is an error that names file and row."""
    chosen = config.columns
    columns: dict[str, list[str]] = {}
    splits = _splits(config, raw)
    ids = _ids(config, raw, splits)
    # Ids that are made count all rows of the file, so that they stay the same when labels are filled in.
    kept = _labelled(config, raw)
    raw, splits, columns["id"] = raw.rows(kept), [splits[row] for row in kept], [ids[row] for row in kept]
    columns["text"] = _required(raw, chosen.text, "text")
    target = _required(raw, chosen.target, "target") if chosen.target else [""] * len(raw)
    if config.pair and chosen.target is None:
        raise UserError(f"dataset {config.name} is a pair task but names no target column", "Set columns.target.")
    if chosen.target is not None and not config.pair:
        raise UserError(f"dataset {config.name} names a target column but pair is false", "Set dataset.pair=true.")
    columns["target"] = target
    columns["label"] = _labels(config, raw)
    columns["group"] = ["" if is_missing(value) else value for value in _optional(raw, chosen.group, "group")]
    columns["split"] = splits
    for name, source in (chosen.slices | chosen.keep).items():
        if name in columns:
            raise UserError(f"dataset.columns.slices: '{name}' is a column every data set has; choose another name")
        columns[name] = _optional(raw, source, "slices")
    return assemble(config, columns, tuple(chosen.slices))


def assemble(config: DatasetConfig, columns: dict[str, list[str]], slices: tuple[str, ...]) -> Dataset:
    """A `Dataset` of checked columns of strings."""
    return Dataset(
        name=config.name,
        task=config.task,
        pair=config.pair,
        columns={name: object_array(values) for name, values in columns.items()},
        labels=tuple(config.labels),
        display_names=dict(config.labels),
        primary_metric=config.primary_metric,
        metrics=tuple(config.metrics),
        slices=slices,
        label_map=dict(config.label_map),
        title=config.title,
        description=config.description,
        licence=config.licence,
        citation=config.citation,
        homepage=config.homepage,
        label_source=config.label_source,
        protocol=config.protocol,
    )


def union(config: DatasetConfig, parts: Mapping[str, Dataset]) -> Dataset:
    """Data sets with one label scheme below one another; ids become `part:id`, a slice `corpus` names the part."""
    columns: dict[str, list[str]] = {name: [] for name in (*COLUMNS, "split", "corpus")}
    for part, dataset in parts.items():
        foreign = [label for label in dataset.labels if label not in config.labels]
        if foreign:
            raise UserError(f"{config.name}: {dataset.name} has labels the union does not know: {', '.join(foreign)}")
        rows = range(len(dataset))
        for name in ("text", "target", "label", "split"):
            columns[name].extend(dataset.column(name, rows))
        columns["id"].extend(f"{part}:{each}" for each in dataset.ids(rows))
        columns["group"].extend(f"{part}:{each}" if each else "" for each in dataset.column("group", rows))
        columns["corpus"].extend([part] * len(dataset))
    return assemble(config, columns, ("corpus",))


def _required(raw: Table, name: str, role: str) -> list[str]:
    values = raw.column(name, role)
    missing = [place for value, place in zip(values, raw.places, strict=True) if value is None]
    if missing:
        raise rows_error(f"the {role} (column '{name}') is missing", missing, "Null and empty Excel cells are missing.")
    return [value for value in values if value is not None]


def _optional(raw: Table, name: str | None, role: str) -> list[str]:
    return [""] * len(raw) if name is None else [value or "" for value in raw.column(name, role)]


def _splits(config: DatasetConfig, raw: Table) -> list[str]:
    name = config.columns.split
    if name is None:
        return raw.splits or [""] * len(raw)
    values = _required(raw, name, "split")
    wrong = [index for index, value in enumerate(values) if value.strip().lower() not in SPLIT_NAMES]
    if wrong:
        problem = unknown_name("split", values[wrong[0]], SPLIT_NAMES)
        raise rows_error(problem, [raw.places[index] for index in wrong])
    return [SPLIT_NAMES[value.strip().lower()] for value in values]


def _ids(config: DatasetConfig, raw: Table, splits: Sequence[str]) -> list[str]:
    name = config.columns.id
    if name is None:
        counts: dict[str, int] = {}
        made = []
        for split in splits:
            counts[split] = counts.get(split, 0) + 1
            made.append(f"{split or 'row'}-{counts[split]:06d}")
        return made
    values = _required(raw, name, "id")
    first: dict[str, Place] = {}
    repeated: list[tuple[str, Place]] = []
    for value, place in zip(values, raw.places, strict=True):
        if value in first:
            repeated.append((value, place))
        first.setdefault(value, place)
    if repeated:
        value, place = repeated[0]
        raise rows_error(
            f"the id '{value}' (column '{name}') is already that of {first[value]}",
            [place for _, place in repeated],
            "Ids must be unique: predictions are joined by them. Without columns.id, naba makes ids.",
        )
    return values


def _labelled(config: DatasetConfig, raw: Table) -> list[int]:
    """The rows that have a label, in their order; all of them where the set has no label column."""
    name = config.columns.label
    values = raw.column(name, "label") if name is not None else []
    missing = {row for row, value in enumerate(values) if is_missing(value) and value not in config.label_values}
    if missing and not config.drop_unlabelled:
        raise rows_error(
            f"there is no label (column '{name}')", [raw.places[row] for row in sorted(missing)],
            "Fill them in, or leave these rows out: dataset.drop_unlabelled=true (naba check and naba data new: "
            "--drop-unlabelled).",
        )  # fmt: skip
    if missing:
        if len(missing) == len(raw):
            raise UserError(f"{raw.file}: no row has a label (column '{name}')")
        logger.warning("%s: %d of %d rows have no label and are left out", config.name, len(missing), len(raw))
    return [row for row in range(len(raw)) if row not in missing]


def _labels(config: DatasetConfig, raw: Table) -> list[str]:
    name = config.columns.label
    if name is None:
        return [""] * len(raw)
    values = _required(raw, name, "label")
    known = {label: label for label in config.labels} | dict(config.label_values)
    for label in known.values():
        if label not in config.labels:
            raise UserError(f"dataset.label_values: {unknown_name('label', label, config.labels)}")
    unknown: dict[str, list[Place]] = {}
    found = []
    for value, place in zip(values, raw.places, strict=True):
        label = known.get(value, "")
        if not label:
            unknown.setdefault(value, []).append(place)
        found.append(label)
    if unknown:
        raise _unknown_labels(name, unknown, known)
    return found


def _unknown_labels(name: str, unknown: Mapping[str, list[Place]], known: Mapping[str, str]) -> UserError:
    value, places = next(iter(unknown.items()))
    guess = nearest(value, known)
    suggestion = f"; did you mean '{guess}'?" if guess else ""
    problem = f"unknown label '{value}' (column '{name}'){suggestion} The config knows {', '.join(known)}"
    others = [each for each in unknown if each != value]
    if others:
        problem += f" (also unknown: {', '.join(repr(each) for each in others[:5])})"
    return rows_error(problem, places, "Correct the file, or map the value to a label with label_values in the YAML.")
