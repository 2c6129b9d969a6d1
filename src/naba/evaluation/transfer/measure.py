"""Trained on one data set and tested on others, or with a target left out: scores, and the loss on the same rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from naba.evaluation.bootstrap import Systems, interval, resampled_scores
from naba.evaluation.leaderboard import EMPTY, Cell, cells_of, leaderboard, what_differs
from naba.evaluation.metrics import metric
from naba.evaluation.predictions import objects
from naba.evaluation.significance import Difference, difference_of, holm, paired_bootstrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from naba.evaluation.bootstrap import Score
    from naba.evaluation.leaderboard import TrackedRun
    from naba.evaluation.predictions import Predictions

Options = tuple[tuple[str, str], ...]

METRIC = "macro_f1"
"""Of all cells of a matrix, so that they can be read side by side; data sets have primary metrics of their own."""


@dataclass(frozen=True)
class Entry:
    """One cell of a matrix.

    Attributes:
        trained_on, tested_on: data sets.
        score: mean over seeds, with the interval over examples and seeds.
        labels: in which it was scored.
        carried: label -> the label it was scored as, where the two sets have different ones.
        drop: the model trained on the tested set minus this one, on the same rows and in the same labels; None on the
            diagonal, and where there is no such model.
        p: of the drop, Holm-corrected over the matrix.
    """

    trained_on: str
    tested_on: str
    score: Score
    labels: tuple[str, ...]
    carried: Mapping[str, str]
    drop: Difference | None = None
    p: float = float("nan")

    @property
    def seen(self) -> bool:
        """Was it trained on the data set that it is tested on?"""
        return self.trained_on == self.tested_on


@dataclass(frozen=True)
class Matrix:
    """All cells of one model and metric.

    Attributes:
        entries: (trained on, tested on) -> cell.
    """

    model: str
    metric: str
    entries: Mapping[tuple[str, str], Entry]

    @property
    def rows(self) -> list[str]:
        """Data sets trained on."""
        return sorted({trained for trained, _ in self.entries})

    @property
    def columns(self) -> list[str]:
        """Data sets tested on: those trained on first."""
        return sorted({tested for _, tested in self.entries}, key=lambda name: (name not in self.rows, name))


def matrices(runs: Sequence[TrackedRun], measure: str | None = None, resamples: int = 2_000) -> list[Matrix]:
    """A matrix for each model that was scored on another data set than its own.

    Args:
        runs: one `TrackedRun` for each run and scored data set; validation rows and runs with a target left out are
            not looked at.
        measure: metric of all cells; macro F1 if None.
    """
    usable = [run for run in runs if run.section != "validation" and run.tags.get("naba.split") != "leave_one_out"]
    by_options: dict[Options, dict[tuple[str, str], Cell]] = defaultdict(dict)
    for cell in cells_of(usable):
        first = cell.runs[0]
        by_options[options_of(first)].setdefault((first.dataset, first.scored), cell)
    names = _names(list(by_options))
    return [
        _matrix(
            names[one], {key: cell for key, cell in cells.items() if set(key) <= together}, measure or METRIC, resamples
        )
        for one, cells in sorted(by_options.items(), key=lambda item: names[item[0]])
        for together in _together(cells)
    ]


def options_of(run: TrackedRun) -> Options:
    """The model and its normalisation: equal for runs that differ in data, split and seed only."""
    about = {name: value for name, value in run.params.items() if name.startswith(("model.", "normalisation"))}
    chosen = {name: value for name, value in about.items() if value not in EMPTY}
    return tuple(sorted({**chosen, "model": run.model}.items()))


def _names(models: Sequence[Options]) -> dict[Options, str]:
    """The model's name, with the options in which it differs from others of that name."""
    found = {}
    for one in models:
        alike = [dict(other) for other in models if dict(other)["model"] == dict(one)["model"]]
        found[one] = f"{dict(one)['model']} {what_differs(dict(one), alike)}".strip()
    return found


def _together(pairs: Iterable[tuple[str, str]]) -> list[set[str]]:
    """Data sets that hang together because models of one were scored on another; a task apart is a matrix apart."""
    groups: list[set[str]] = []
    for pair in pairs:
        joined = set(pair).union(*(group for group in groups if group & set(pair)))
        groups = [group for group in groups if not group & joined] + [joined]
    return [group for group in groups if len(group) > 1]


def _matrix(model: str, cells: Mapping[tuple[str, str], Cell], measure: str, resamples: int) -> Matrix:
    entries = {}
    for (trained, tested), cell in cells.items():
        row = leaderboard([cell], measure, resamples=resamples).rows[0]
        labels = cell.predictions[0].labels
        seen = cells.get((tested, tested))
        drop = None if trained == tested or seen is None else paired_drop(seen, cell, measure, resamples)
        carried = {} if trained == tested else _carried(trained, tested, labels)
        entries[trained, tested] = Entry(trained, tested, row.score, labels, carried, drop)
    tested_drops = {key: entry for key, entry in entries.items() if entry.drop is not None}
    if tested_drops:
        corrected = holm([entry.drop.p_value for entry in tested_drops.values() if entry.drop is not None])
        for (key, entry), p in zip(tested_drops.items(), corrected, strict=True):
            entries[key] = replace(entry, p=float(p))
    return Matrix(model, measure, entries)


def paired_drop(seen: Cell, unseen: Cell, measure: str, resamples: int) -> Difference | None:
    """Seen minus unseen on the rows that both answered, in the labels of `unseen`, means over seeds.

    Rows (or whole groups) are resampled jointly (`significance.paired_bootstrap`); seeds are not. None where the
    two share no rows, or the labels of one do not go into those of the other.
    """
    first = unseen.predictions[0]
    carried = [in_labels_of(first, one) for one in seen.predictions]
    usable = [one for one in carried if one is not None]
    if not usable or len(usable) < len(carried):
        return None
    ids = usable[0].ids
    others = [one.aligned_to(ids) if len(one) == len(ids) else _rows_of(one, ids) for one in unseen.predictions]
    item = metric(measure, first.labels)
    scores, drawn = resampled_scores(Systems.of([*usable, *others], item), item, resamples)
    count = len(usable)
    estimate = float(scores[:count].mean() - scores[count:].mean())
    return difference_of(item, estimate, drawn[:count].mean(axis=0) - drawn[count:].mean(axis=0), 0.95, len(ids))


def _rows_of(predictions: Predictions, ids: np.ndarray) -> Predictions:
    """Some of the rows, by their ids and in their order."""
    position = {name: row for row, name in enumerate(predictions.ids)}
    return predictions.take(np.array([position[name] for name in ids], dtype=np.int64))


def in_labels_of(scheme: Predictions, predictions: Predictions) -> Predictions | None:
    """`predictions` on the rows that `scheme` has too, in its labels and order; None where that cannot be.

    Which label is which is read off the gold labels of the shared rows, that is, from the label map by which the
    runs were scored.
    """
    known = set(predictions.ids)
    shared = [row for row, name in enumerate(scheme.ids) if name in known]
    if not shared:
        return None
    kept = scheme.take(np.array(shared, dtype=np.int64))
    mine = _rows_of(predictions, kept.ids)
    names: dict[str, str] = {}
    for gold, carried in zip(mine.gold, kept.gold, strict=True):
        if names.setdefault(gold, carried) != carried:
            return None
    predicted = objects([names.get(label, label) for label in mine.predicted])
    if not set(predicted) <= set(scheme.labels):
        return None
    certain = np.array([[label == one for one in scheme.labels] for label in predicted], dtype=np.float64)
    return replace(kept, predicted=predicted, probabilities=certain)


def _carried(trained: str, tested: str, labels: tuple[str, ...]) -> dict[str, str]:
    """The label map by which the two schemes met, from their YAMLs; {} where they have one scheme."""
    from naba import config

    if not {trained, tested} <= set(config.names("dataset")):
        return {}
    own, other = config.dataset_config(trained), config.dataset_config(tested)
    if tuple(own.labels) == tuple(other.labels):
        return {}
    source, target = (other, own) if labels == tuple(own.labels) else (own, other)
    return {label: target.label_map[label] for label in source.labels if label in target.label_map}


@dataclass(frozen=True)
class Target:
    """One target left out; `p` is Holm-corrected over the targets."""

    name: str
    seen: Score
    unseen: Score
    drop: Difference
    p: float


@dataclass(frozen=True)
class LeftOut:
    """One model on one data set, each target left out in turn; the greatest loss first."""

    dataset: str
    model: str
    metric: str
    targets: Sequence[Target]

    @property
    def mean_drop(self) -> float:
        """Mean over the targets."""
        return float(np.mean([target.drop.estimate for target in self.targets]))


def leave_one_out(runs: Sequence[TrackedRun], measure: str | None = None, resamples: int = 2_000) -> list[LeftOut]:
    """Runs with `split=leave_one_out` beside runs of the same model and seed that were trained on all targets."""
    wanted = measure or METRIC
    tests = [run for run in runs if run.section == "test"]
    seen = {_key(run): run for run in reversed(tests) if run.tags.get("naba.split") in {"given", "official_folds"}}
    parts: dict[tuple[str, ...], dict[str, TrackedRun]] = defaultdict(dict)
    for run in tests:
        if run.tags.get("naba.split") == "leave_one_out" and _key(run) in seen:
            parts[_key(run)].setdefault(run.part, run)
    found = []
    for key, unseen in parts.items():
        known = seen[key].predictions()
        pairs = [(name, *_pair(known, run.predictions())) for name, run in unseen.items()]
        drops = [
            (name, one, other, paired_bootstrap(one, other, wanted, resamples))
            for name, one, other in pairs
            if one is not None
        ]
        if not drops:
            continue
        corrected = holm([drop.p_value for *_, drop in drops])
        targets = [
            Target(name, interval(one, wanted, resamples), interval(other, wanted, resamples), drop, float(p))
            for (name, one, other, drop), p in zip(drops, corrected, strict=True)
        ]
        targets.sort(key=lambda target: -target.drop.estimate)
        first = next(iter(unseen.values()))
        found.append(LeftOut(first.dataset, first.model, wanted, targets))
    return found


def _key(run: TrackedRun) -> tuple[str, ...]:
    """Equal for runs that differ only in how they were split."""
    return (run.dataset, str(run.seed), *(f"{name}={value}" for name, value in options_of(run)))


def _pair(seen: Predictions, unseen: Predictions) -> tuple[Predictions | None, Predictions]:
    carried = in_labels_of(unseen, seen)
    return carried, unseen if carried is None else _rows_of(unseen, carried.ids)
