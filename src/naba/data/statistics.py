"""Statistics of the catalogue, committed as `data/statistics.json` so that a change of any set shows."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from naba import files
from naba.data.dataset import SPLITS, Dataset

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from naba.data.dataset import ObjectArray


def describe(dataset: Dataset) -> dict[str, Any]:
    """Rows, labels, lengths in words and fingerprint of a data set, as plain values for JSON.

    Lengths are numbers of parts between spaces: smallest, median, 95th percentile, largest.
    """
    given = {split: dataset.indices(split) for split in SPLITS}
    parts = {split: rows for split, rows in given.items() if len(rows)} or {"all": np.arange(len(dataset))}
    groups = set(dataset.column_values("group")) - {""}
    content: dict[str, Any] = {
        "fingerprint": dataset.fingerprint,
        "task": dataset.task,
        "pair": dataset.pair,
        "rows": {split: len(rows) for split, rows in parts.items()},
        "labels": {split: _labels(dataset, dataset.gold(rows)) for split, rows in parts.items()},
        "groups": len(groups),
        "text_words": _lengths(dataset.column_values("text")),
    }
    if dataset.pair:
        content["target_words"] = _lengths(dataset.column_values("target"))
        content["targets"] = len(set(dataset.column_values("target")))
    return content


def _labels(dataset: Dataset, labels: ObjectArray) -> dict[str, int]:
    counts = Counter(labels)
    return {label: counts[label] for label in dataset.labels}


def _lengths(texts: ObjectArray) -> list[int]:
    words = np.array([len(text.split()) for text in texts])
    return [int(value) for value in np.percentile(words, [0, 50, 95, 100], method="lower")]


def committed() -> dict[str, Any]:
    """What `data/statistics.json` says, by data set."""
    path = statistics_path()
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content


def statistics_path() -> Path:
    """Where the committed statistics are."""
    return files.shipped("data") / "statistics.json"


def updated(datasets: Iterable[Dataset]) -> dict[str, Any]:
    """The committed statistics with those of `datasets` in place of theirs; sets not given keep what they had."""
    content = committed() | {dataset.name: describe(dataset) for dataset in datasets}
    return dict(sorted(content.items()))


def changes(dataset: Dataset) -> list[str]:
    """How a data set differs from the committed statistics: `key: before -> now`; none if it is the same or new."""
    before = committed().get(dataset.name)
    now = describe(dataset)
    if before is None:
        return []
    return [f"{key}: {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key]]


def line(dataset: Dataset) -> tuple[str, str, str, str]:
    """Name, rows of each split, labels and the beginning of the fingerprint, for a table."""
    rows = " / ".join(str(count) for count in describe(dataset)["rows"].values())
    return dataset.name, rows, ", ".join(dataset.labels), dataset.fingerprint[:12]


def write(content: dict[str, Any]) -> Path:
    """Write the statistics file, one data set a line group, and return its path."""
    path = statistics_path()
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path
