"""How well suspects are found: label errors are planted where it is known which they are, and looked for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from naba.annotation.out_of_fold import out_of_fold, with_column
from naba.annotation.suspects import codes, neighbours, off_diagonal, ranking

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from naba.data.dataset import Dataset, IntArray
    from naba.evaluation.metrics import Array, FloatArray
    from naba.experiment.job import Job

Kind = Literal["symmetric", "confusion"]
KINDS: tuple[Kind, ...] = ("symmetric", "confusion")


@dataclass(frozen=True)
class Found:
    """How many planted errors one search found.

    Attributes:
        planted: errors planted.
        precision: share of planted errors among the `planted` most suspicious rows; a lower bound, since errors that
            were there before count as misses. It is also the share of the errors that are found there.
        first: the same among the first tenth of that list.
        flagged: rows that confident learning calls wrong, `flagged_precision` of which are planted errors.
        flagged_recall: share of the planted errors among them.
        average_precision: over the whole ranking.
    """

    kind: Kind
    share: float
    seed: int
    rows: int
    planted: int
    precision: float
    first: float
    average_precision: float
    flagged: int
    flagged_precision: float
    flagged_recall: float


def plant(dataset: Dataset, share: float, kind: Kind, seed: int, probabilities: FloatArray) -> tuple[Dataset, Array]:
    """The data set with wrong labels in a share of its rows, and which rows they are, (n,) bool.

    Args:
        kind: `symmetric` draws any other label; `confusion` draws it as often as a model mistakes the one for it.
        probabilities: (n, k) out of fold, on the labels as they are, for `confusion`.
    """
    generator = np.random.default_rng(seed)
    gold = codes(dataset)
    labels = np.unique(gold)
    chosen = generator.permutation(len(gold))[: max(1, round(share * len(gold)))]
    confusions = np.ones((len(dataset.labels), len(dataset.labels)))
    if kind == "confusion":
        for label in labels:
            confusions[label] = probabilities[gold == label].mean(axis=0) + 1e-9
    np.fill_diagonal(confusions, 0)
    confusions[:, np.setdiff1d(np.arange(len(dataset.labels)), labels)] = 0
    changed = gold.copy()
    for row in chosen:
        weights = confusions[gold[row]]
        changed[row] = generator.choice(len(weights), p=weights / weights.sum())
    values = [dataset.labels[code] for code in changed]
    return with_column(dataset, "label", values), changed != gold


def measure(
    job: Job, dataset: Dataset, probabilities: FloatArray, shares: Sequence[float], seeds: int = 3, folds: int = 5
) -> Iterator[Found]:
    """Plant errors of both kinds and look for them, once for each share and seed.

    Args:
        probabilities: (n, k) out of fold, on the labels as they are.
    """
    near = neighbours(dataset)
    for kind in KINDS:
        for share in shares:
            for seed in range(seeds):
                wrong, planted = plant(dataset, share, kind, seed, probabilities)
                seeded = dataclasses.replace(job, settings=dataclasses.replace(job.settings, seed=seed))
                gold, found = codes(wrong), out_of_fold(seeded, wrong, folds)
                yield score((kind, share, seed), planted, ranking(gold, found, near), off_diagonal(gold, found))


def score(what: tuple[Kind, float, int], planted: Array, order: IntArray, flags: Array) -> Found:
    """What a ranking, (n,) rows, and the flags of confident learning, (n,) bool, find of planted errors, (n,) bool."""
    from sklearn.metrics import average_precision_score

    count = int(planted.sum())
    place = np.empty(len(order))
    place[order] = np.arange(len(order))
    hits = int((flags & planted).sum())
    return Found(
        *what, len(order), count,
        precision=float(planted[order[:count]].mean()),
        first=float(planted[order[: max(1, count // 10)]].mean()),
        average_precision=float(average_precision_score(planted, -place)),
        flagged=int(flags.sum()),
        flagged_precision=hits / max(1, int(flags.sum())),
        flagged_recall=hits / count,
    )  # fmt: skip
