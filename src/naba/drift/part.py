"""The two things compared: a data set of the catalogue or a part of it, or a file of texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from naba.arabic.normalise import NEWS, normalise_all
from naba.config.schema import ColumnsConfig, DatasetConfig
from naba.data import catalogue
from naba.data.dataset import load, load_named
from naba.errors import UserError, unknown_name
from naba.evaluation.bootstrap import codes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.config.schema import DataConfig
    from naba.data.dataset import Dataset, IntArray, ObjectArray

SPLITS = ("train", "validation", "test")
RANGE = ".."
FEWEST_TEXTS = 40
"""Different texts a side; with fewer nothing can be learned from one half and tested on the other."""
OWN = {"id", "text", "target", "label", "group", "split"}
MOST_SOURCES = 50
"""Different values up to which a column is one of sources."""
WORD = re.compile(r"[^\W_]{2,}")


@dataclass(frozen=True)
class Columns:
    """Which columns of a file hold what; a data set of the catalogue has its own."""

    text: str = "text"
    target: str | None = None
    label: str | None = None
    sources: Sequence[str] = ()


@dataclass(frozen=True)
class Part:
    """Texts to compare; of texts that are equal after normalisation, and are of one label, only the first counts.

    Attributes:
        name: as the user named it.
        dataset: what it is a part of.
        rows: (n,) its rows there.
        texts: n normalised texts; the target stands before the text.
        blocks: (n,) what rows belong together (claim, topic), as codes; a row without a group is alone.
        sources: column -> (n,) values (outlet, topic, domain).
        repeated: rows left out because they repeat others.
    """

    name: str
    dataset: Dataset = field(repr=False)
    rows: IntArray
    texts: Sequence[str] = field(repr=False)
    blocks: IntArray = field(repr=False)
    sources: Mapping[str, ObjectArray] = field(repr=False)
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> ObjectArray | None:
        """(n,) gold labels; None where rows have none."""
        values = self.dataset.column("label", self.rows)
        return values if all(values) else None

    def words(self) -> list[list[str]]:
        """The words of each text: two letters or figures or more."""
        return [WORD.findall(text) for text in self.texts]


def read(name: str, columns: Columns, data: DataConfig) -> Part:
    """The part that a person names.

    Args:
        name: `NAME`, `NAME:train`, `NAME:column=value`, `NAME:column=from..to` (both bounds included, by as many
            letters as each has), several of them with commas between; or a file.
    Raises:
        UserError: no such file, data set, split, column or value; or too few texts.
    """
    base, _, said = name.partition(":")
    if Path(name).is_file():
        dataset = _file(Path(name), columns, data)
        said = ""
    elif base in catalogue.names():
        dataset = load_named(base, data)
    else:
        raise UserError(f"{name}: no such file, and {unknown_name('dataset', base, catalogue.names())}")
    rows = np.arange(len(dataset), dtype=np.int64)
    for condition in filter(None, said.split(",")):
        rows = rows[np.isin(rows, _chosen(dataset, condition, name))]
    return of(name, dataset, rows, columns.sources)


def of(name: str, dataset: Dataset, rows: IntArray, sources: Sequence[str] = ()) -> Part:
    """Some rows of a data set as a part; `sources` names the columns of sources, where they are not to be found."""
    frame = dataset.frame(rows)
    joined = [f"{target} {text}".strip() for target, text in zip(frame["target"], frame["text"], strict=True)]
    texts = normalise_all(joined, NEWS)
    first: dict[tuple[str, str], int] = {}
    for place, key in enumerate(zip(texts, dataset.gold(rows), strict=True)):
        first.setdefault(key, place)
    kept = np.fromiter(first.values(), dtype=np.int64, count=len(first))
    if len(kept) < FEWEST_TEXTS:
        raise UserError(f"{name} has {len(kept)} different texts; at least {FEWEST_TEXTS} are needed to tell a change")
    groups = dataset.column("group", rows[kept])
    keys = [group or f"row {row}" for group, row in zip(groups, rows[kept].tolist(), strict=True)]
    named = {column: dataset.column(column, rows[kept]) for column in _sources(dataset, sources)}
    return Part(name, dataset, rows[kept], [texts[place] for place in kept], codes_of(np.array(keys, dtype=object)),
                named, len(rows) - len(kept))  # fmt: skip


def blocks_of(old: Part, new: Part) -> tuple[IntArray, IntArray]:
    """What changes sides or is drawn as a whole, as codes over both sides: the rows of a group that one side has.

    Of a group that both sides have (a topic that goes on) each row counts alone: within it texts of either side could
    have been the other's, and whether they could is the question.
    """
    groups = [part.dataset.column("group", part.rows) for part in (old, new)]
    shared = set(groups[0]) & set(groups[1]) | {""}
    keys = np.empty(len(old) + len(new), dtype=object)
    keys[:] = [
        (side, row) if group in shared else group for side, own in enumerate(groups) for row, group in enumerate(own)
    ]
    codes = codes_of(keys)
    return codes[: len(old)], codes[len(old) :]


def _sources(dataset: Dataset, wanted: Sequence[str]) -> list[str]:
    """The named columns; else those with more than one and at most `MOST_SOURCES` values."""
    for name in wanted:
        if name not in dataset.columns:
            raise UserError(f"--source: {unknown_name('column', name, dataset.columns)}")
    others = [name for name in dataset.columns if name not in OWN]
    return [*wanted] or [name for name in others if 1 < len(set(dataset.column_values(name))) <= MOST_SOURCES]


def _chosen(dataset: Dataset, condition: str, name: str) -> IntArray:
    """The rows that one condition names."""
    column, equals, value = condition.partition("=")
    if not equals:
        if condition not in SPLITS:
            raise UserError(f"{name}: {unknown_name('split', condition, SPLITS)}", "or COLUMN=VALUE, COLUMN=FROM..TO")
        rows = dataset.indices(condition)
    else:
        values = dataset.column_values(column)
        low, between, high = value.partition(RANGE)
        chosen = [
            low <= each[: len(low)] and each[: len(high)] <= high if between else each == value for each in values
        ]
        rows = np.flatnonzero(chosen).astype(np.int64)
    if not len(rows):
        known = sorted(set(dataset.column_values(column if equals else "split")) - {""})
        raise UserError(f"{name}: no row of {dataset.name} has {condition}", f"there are: {', '.join(known[:12])}")
    return rows


def _file(path: Path, columns: Columns, data: DataConfig) -> Dataset:
    keep = {name: name for name in columns.sources}
    config = DatasetConfig(
        name="file", task="own", labels={}, primary_metric="macro_f1", path=str(path.resolve()),
        pair=columns.target is not None,
        columns=ColumnsConfig(text=columns.text, target=columns.target, label=columns.label, keep=keep),
    )  # fmt: skip
    return load(config, data)
