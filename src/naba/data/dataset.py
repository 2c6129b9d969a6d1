"""`Dataset`: texts, labels, splits and provenance, whatever file they came from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import datasets
    import pandas as pd

    from naba.config.schema import DataConfig, DatasetConfig

COLUMNS = ("id", "text", "target", "label", "group")
SPLITS = ("train", "validation", "test")

IntArray = NDArray[np.int64]
ObjectArray = NDArray[np.object_]


@dataclass(frozen=True)
class Dataset:
    """A labelled collection of texts, or of pairs of a text and a target.

    `table` holds all rows, as strings: id, text, target ("" for single texts), label, group ("" where the set has
    none), split (the given one, "" where it has none), then the slice columns and the kept ones.
    """

    name: str
    task: str
    pair: bool
    table: datasets.Dataset = field(repr=False)
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
        return len(self.table)

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
        mapped = [mapping[label] if label else "" for label in values]
        table = self.table.remove_columns("label").add_column("label", mapped)
        return dataclasses.replace(
            self,
            table=table.select_columns(self.table.column_names),
            labels=scheme.labels,
            display_names=scheme.display_names,
            label_map=scheme.label_map,
            primary_metric=scheme.primary_metric,
            metrics=scheme.metrics,
        )

    @cached_property
    def _columns(self) -> dict[str, ObjectArray]:
        return {}

    def column_values(self, name: str) -> ObjectArray:
        """All values of a column, shape (n,), object dtype; do not write to it."""
        if name not in self._columns:
            if name not in self.table.column_names:
                from naba.errors import unknown_name

                raise UserError(f"{self.name}: {unknown_name('column', name, self.table.column_names)}")
            values = np.empty(len(self.table), dtype=object)
            # As an Arrow column: row by row, datasets takes a hundred times as long.
            values[:] = self.table.with_format("arrow")[:][name].to_pylist()
            self._columns[name] = values
        return self._columns[name]


_LOADED: dict[str, Dataset] = {}


def load(config: DatasetConfig, data: DataConfig | None = None) -> Dataset:
    """The data set a config describes; its files are fetched and verified, its labels checked.

    Kept for the life of the process, by the content of the config and of the files.

    Args:
        data: how files are fetched; None for what `naba.data.sources.fetching` says, else the defaults.

    Raises:
        UserError: anything wrong with the config, the source or the files, with file and row.
    """
    from naba.data import building, own_files, sources

    data = data or sources.current()
    if config.union:
        parts = {part: load_named(name, data) for part, name in config.union.items()}
        key = _key(config, [part.fingerprint for part in parts.values()])
        if key not in _LOADED:
            _LOADED[key] = building.union(config, parts)
        return _LOADED[key]
    config = own_files.resolved(config, data)
    files = sources.fetch_files(config.source, data)
    key = _key(config, [file.sha256 for file in files])
    if key not in _LOADED:
        _LOADED[key] = building.from_files(config, files)
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
