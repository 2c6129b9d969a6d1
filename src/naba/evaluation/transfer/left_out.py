"""A target or topic left out of the training, against a model that saw it: what is lost on the same rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from naba.evaluation.bootstrap import interval
from naba.evaluation.significance import Difference, holm, paired_bootstrap
from naba.evaluation.transfer.matrix import METRIC, in_labels_of, options_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.bootstrap import Score
    from naba.evaluation.leaderboard import TrackedRun
    from naba.evaluation.predictions import Predictions


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
    return carried, unseen if carried is None else rows_of(unseen, carried.ids)
