"""Which rows train, validate and test, as index arrays.

Everything random is an order by SHA-256 of the seed and the row's id: it depends neither on the machine, nor on the
Python hash seed, nor on the order of the rows in their files.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.config.schema import SplitConfig
    from naba.data.dataset import Dataset, IntArray, ObjectArray

SHOWN = 5
EMPTY: IntArray = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Split:
    """Rows by their index, each part in file order; `name` says which split it is, fold or held-out value included."""

    train: IntArray
    validation: IntArray
    test: IntArray
    name: str


def make(dataset: Dataset, config: SplitConfig, seed: int) -> Split:
    """Split a data set as configured.

    Args:
        config: `name` is given, stratified, grouped, kfold, official_folds, leave_one_out, learning_curve or
            latest.
        seed: chooses among splits of one kind; `given` and `official_folds` need none but for `validation`.
    Returns:
        Three disjoint index arrays, shapes (a,), (b,), (c,); a part may be empty where the data set gives none.
    Raises:
        UserError: an unknown name or value, a label without training rows, or (in splits naba makes; a published
            split is used as it is) a group in two parts. The message names the label, or counts and names groups.
    """
    if not dataset.labels:
        raise UserError(f"the data set {dataset.name} has no labels, so nothing can be trained on it")
    if config.name not in SPLITTERS:
        raise UserError(f"split: {unknown_name('name', config.name, SPLITTERS)}")
    config = resolved(dataset, config)
    split = SPLITTERS[config.name](dataset, config, seed)
    if not len(split.validation) and config.validation:
        split = _carve(dataset, split, config, seed)
    if config.name not in {"given", "official_folds", "learning_curve"}:
        _check_groups(dataset, split)
    _check_labels(dataset, split)
    return split


def resolved(dataset: Dataset, config: SplitConfig) -> SplitConfig:
    """The split that `given` stands for where a data set has no given parts but a protocol, such as official folds."""
    if config.name != "given" or dataset.protocol == "given" or (dataset.column_values("split") != "").any():
        return config
    validation = config.validation or DEFAULT_VALIDATION.get(dataset.protocol, 0.0)
    return dataclasses.replace(config, name=dataset.protocol, validation=validation)


DEFAULT_VALIDATION = {"official_folds": 0.1, "kfold": 0.1, "stratified": 0.1, "grouped": 0.1, "leave_one_out": 0.1}


def held_out_values(dataset: Dataset, column: str) -> list[str]:
    """The values that `leave_one_out` over `column` can hold out, in order of first appearance."""
    return [value for value in dict.fromkeys(dataset.column_values(column)) if value]


def _given(dataset: Dataset, config: SplitConfig, seed: int) -> Split:  # noqa: ARG001
    parts = [dataset.indices(part) for part in ("train", "validation", "test")]
    if not any(len(part) for part in parts):
        raise UserError(
            f"the data set {dataset.name} comes without a split",
            "Choose one: split=stratified, split=grouped, or split=kfold.",
        )
    return Split(parts[0], parts[1], parts[2], "given")


def _stratified(dataset: Dataset, config: SplitConfig, seed: int) -> Split:
    rows = np.arange(len(dataset), dtype=np.int64)
    test = _share(dataset, rows, _alone(dataset), config.test, seed, "test")
    train = np.setdiff1d(rows, test)
    return Split(train, EMPTY, test, "stratified")


def _grouped(dataset: Dataset, config: SplitConfig, seed: int) -> Split:
    rows = np.arange(len(dataset), dtype=np.int64)
    test = _share(dataset, rows, _groups(dataset, config.column), config.test, seed, "test")
    return Split(np.setdiff1d(rows, test), EMPTY, test, f"grouped by {config.column or 'group'}")


def _kfold(dataset: Dataset, config: SplitConfig, seed: int) -> Split:
    if config.fold > config.folds:
        raise UserError(f"split.fold is {config.fold}, but there are {config.folds} folds", "Folds count from 1.")
    rows = np.arange(len(dataset), dtype=np.int64)
    groups = _groups(dataset, config.column)
    if len(set(groups)) < config.folds:
        raise UserError(f"{dataset.name} has {len(set(groups))} groups, too few for {config.folds} folds")
    folds = _deal(dataset, rows, groups, [1 / config.folds] * config.folds, seed, "fold")
    chosen = folds == config.fold - 1
    return Split(rows[~chosen], EMPTY, rows[chosen], f"fold {config.fold} of {config.folds}")


def _official_folds(dataset: Dataset, config: SplitConfig, seed: int) -> Split:  # noqa: ARG001
    column = config.column or "fold"
    if column not in dataset.columns:
        raise UserError(
            f"the data set {dataset.name} has no official folds (no column '{column}')", "split=kfold makes some."
        )
    values = dataset.column_values(column)
    known = sorted(set(values))
    if str(config.fold) not in known:
        raise UserError(f"split.fold: {unknown_name('fold', str(config.fold), known)}")
    chosen = values == str(config.fold)
    name = f"official fold {config.fold} of {len(known)}"
    return Split(np.flatnonzero(~chosen).astype(np.int64), EMPTY, np.flatnonzero(chosen).astype(np.int64), name)


def _leave_one_out(dataset: Dataset, config: SplitConfig, seed: int) -> Split:  # noqa: ARG001
    """Where rows have a given split, its test rows test and its other rows train, so that figures compare with it."""
    if config.column is None:
        raise UserError("split=leave_one_out needs split.column", f"One of {', '.join(dataset.columns)}.")
    values = dataset.column_values(config.column)
    known = held_out_values(dataset, config.column)
    if config.held_out is None:
        raise UserError(
            "split=leave_one_out needs split.held_out", f"One of {', '.join(known[:30])}; -m takes several."
        )
    if config.held_out not in known:
        raise UserError(f"split.held_out: {unknown_name(config.column, config.held_out, known)}")
    chosen = values == config.held_out
    given = dataset.column_values("split")
    if (given != "").any():
        parts = [np.flatnonzero(~chosen & (given == part)).astype(np.int64) for part in ("train", "validation")]
        test = np.flatnonzero(chosen & (given == "test")).astype(np.int64)
    else:
        parts, test = [np.flatnonzero(~chosen).astype(np.int64), EMPTY], np.flatnonzero(chosen).astype(np.int64)
    if not len(test):
        raise UserError(f"{dataset.name} has no test rows with {config.column} = {config.held_out}")
    return Split(parts[0], parts[1], test, f"without {config.column} {config.held_out}")


def _learning_curve(dataset: Dataset, config: SplitConfig, seed: int) -> Split:
    """A share of each label's training rows; a smaller share is always part of a larger one of the same seed."""
    base = make(dataset, dataclasses.replace(config, name="given"), seed)
    labels = dataset.gold(base.train)
    kept = []
    for label in dataset.labels:
        rows = base.train[labels == label]
        count = int(np.ceil(config.fraction * len(rows) - 1e-9))
        kept.append(rows[_order(dataset.ids(rows), seed, "learning curve")][:count])
    return dataclasses.replace(base, train=np.sort(np.concatenate(kept)), name=f"{config.fraction:g} of {base.name}")


def _latest(dataset: Dataset, config: SplitConfig, seed: int) -> Split:  # noqa: ARG001
    """The latest groups of the published training rows, for files in order of time, where data drift.

    The very latest validate, and then nothing tests; without validation the published rows test. Both shares are of
    all training groups, so that the same rows validate whatever share is used.
    """
    if config.fraction <= config.validation:
        raise UserError(
            f"split.fraction={config.fraction:g} leaves no training rows beside split.validation={config.validation:g}",
            "both are shares of all training groups: let fraction be the greater",
        )
    rows, test = dataset.indices("train"), dataset.indices("test")
    if not len(rows) or not len(test):
        raise UserError(f"split=latest needs published train and test rows, which {dataset.name} lacks")
    names = _groups(dataset, config.column)[rows]
    place = {name: position for position, name in enumerate(dict.fromkeys(names))}
    groups = np.array([place[name] for name in names], dtype=np.int64)
    if config.validation and not round(len(place) * config.validation):
        raise UserError(
            f"split.validation={config.validation:g} of the {len(place)} training groups of {dataset.name} "
            "is no group, so the published test rows would be tested on",
            f"at least {1 / len(place):.2g} validates one group; split.validation=0 tests on the published test rows",
        )
    start = round(len(place) * (1 - config.fraction))
    middle = len(place) - round(len(place) * config.validation)
    train, validation = rows[(groups >= start) & (groups < middle)], rows[groups >= middle]
    name = f"latest {config.fraction:g} of train"
    return Split(train, validation, EMPTY if len(validation) else test, name)


Splitter = Callable[["Dataset", "SplitConfig", int], Split]

SPLITTERS: dict[str, Splitter] = {
    "given": _given,
    "stratified": _stratified,
    "grouped": _grouped,
    "kfold": _kfold,
    "official_folds": _official_folds,
    "leave_one_out": _leave_one_out,
    "learning_curve": _learning_curve,
    "latest": _latest,
}


def _carve(dataset: Dataset, split: Split, config: SplitConfig, seed: int) -> Split:
    groups = _groups(dataset, None)
    shared = np.isin(groups[split.test].astype(str), groups[split.train].astype(str))
    if len(split.test) and shared.mean() > 0.5:
        # A published split whose test groups are mostly trained on: validation must be like the test, not harder.
        groups = _alone(dataset)
    groups = groups[split.train]
    if config.validation_fold:
        validation = _validation_fold(dataset, split.train, groups, config)
    else:
        validation = _share(dataset, split.train, groups, config.validation, seed, "validation")
    return dataclasses.replace(split, train=np.setdiff1d(split.train, validation), validation=validation)


def _validation_fold(dataset: Dataset, rows: IntArray, groups: ObjectArray, config: SplitConfig) -> IntArray:
    """One of the folds that every seed shares, so that the folds of several runs have no row in common."""
    folds = round(1 / config.validation)
    if (count := len(set(groups))) < folds:
        raise UserError(f"the training rows of {dataset.name} have {count} groups, too few for {folds} folds")
    return rows[_deal(dataset, rows, groups, [1 / folds] * folds, 0, "validation fold") == config.validation_fold - 1]


def _alone(dataset: Dataset) -> ObjectArray:
    return np.array([f"row {index}" for index in range(len(dataset))], dtype=object)


def _groups(dataset: Dataset, column: str | None) -> ObjectArray:
    values = dataset.column_values(column or "group")
    if column is not None and not (values != "").any():
        raise UserError(f"the column '{column}' of {dataset.name} is empty, so there is nothing to group by")
    return np.where(values == "", _alone(dataset), "group " + values).astype(object)


def _order(keys: Sequence[str] | ObjectArray, seed: int, purpose: str) -> IntArray:
    digests = [hashlib.sha256(f"{purpose}\0{seed}\0{key}".encode()).digest() for key in keys]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)


def _share(dataset: Dataset, rows: IntArray, groups: ObjectArray, share: float, seed: int, purpose: str) -> IntArray:
    part = _deal(dataset, rows, groups, [1 - share, share], seed, purpose)
    return rows[part == 1]


def _deal(
    dataset: Dataset, rows: IntArray, groups: ObjectArray, shares: list[float], seed: int, purpose: str
) -> IntArray:
    """The part of each row, shape (n,), so that groups stay whole and every label is spread by `shares`.

    Greedy: groups from the largest to the smallest, equal ones in seeded order, each to the part that lacks most of
    its labels; a rare label weighs as much as a frequent one.
    """
    label_position = {label: index for index, label in enumerate(dataset.labels)}
    names, membership = np.unique(groups.astype(str), return_inverse=True)
    counts = np.zeros((len(names), len(dataset.labels)))
    positions = np.array([label_position.get(label, 0) for label in dataset.gold(rows)], dtype=np.int64)
    np.add.at(counts, (membership, positions), 1)
    weights = counts / np.maximum(counts.sum(axis=0), 1)
    rank = np.empty(len(names), dtype=np.int64)
    # A group is known by its first row's id: names of groups may change with the order of files, ids do not.
    first = np.full(len(names), len(rows))
    np.minimum.at(first, membership, np.arange(len(rows)))
    rank[_order(dataset.ids(rows[first]), seed, purpose)] = np.arange(len(names))
    lacking = np.outer(shares, weights.sum(axis=0))
    part = np.empty(len(names), dtype=np.int64)
    for group in np.lexsort((rank, -counts.sum(axis=1))):
        gain = (weights[group] * lacking).sum(axis=1) / np.asarray(shares)
        chosen = int(np.argmax(gain))
        part[group] = chosen
        lacking[chosen] -= weights[group]
    return part[membership]


def _check_groups(dataset: Dataset, split: Split) -> None:
    groups = dataset.column_values("group")
    parts = {"training": split.train, "validation": split.validation, "test": split.test}
    found = {name: {group for group in groups[rows] if group} for name, rows in parts.items()}
    for one, other in (("training", "test"), ("training", "validation"), ("validation", "test")):
        shared = sorted(found[one] & found[other])
        if shared:
            names = "; ".join(repr(group[:80]) for group in shared[:SHOWN])
            raise UserError(
                f"split '{split.name}' of {dataset.name} puts {len(shared)} groups in both {one} and {other}: {names}",
                "Rows of a group are not independent: use split=grouped or split=kfold.",
            )


def _check_labels(dataset: Dataset, split: Split) -> None:
    if not len(split.train):
        return
    everywhere = np.concatenate([split.train, split.validation, split.test])
    occurring, trained = set(dataset.gold(everywhere)), set(dataset.gold(split.train))
    missing = [label for label in dataset.labels if label in occurring and label not in trained]
    if missing:
        raise UserError(
            f"split '{split.name}' of {dataset.name} leaves no training rows of {', '.join(missing)}",
            "A model cannot learn a label it never sees: choose another split, seed, fold or fraction.",
        )
