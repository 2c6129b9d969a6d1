"""Resampling many systems on the same examples at once.

All systems see the same resampled rows, which is what makes a comparison paired. The weights of a chunk of resamples
are drawn once and multiplied with one sparse matrix of all systems' confusion cells, so that the work is one pass
over the rows however many labels there are, and memory does not grow with the number of resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.errors import UserError
from naba.evaluation.bootstrap import apply, codes_of, groups_of, share_groups, units_of
from naba.evaluation.metrics import Array, FloatArray, Metric, metric
from naba.evaluation.predictions import some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from naba.evaluation.predictions import IntArray, Predictions

VALUES_IN_A_CHUNK = 4_000_000
"""Weights held at once (32 MB): a chunk is this many divided by the rows (or groups)."""


@dataclass(frozen=True)
class Systems:
    """Systems that answered the same rows, ready to be resampled together.

    Attributes:
        codes: (s, n) cell of each row in a (t, k, k) table of target, gold and predicted label.
        shape: (t, k, k); t is 1 for metrics that do not look at targets.
        units: (n,) the unit each row is drawn with: itself, or its group.
        labels: the k labels.
    """

    codes: IntArray
    shape: tuple[int, int, int]
    units: IntArray
    labels: tuple[str, ...]

    @classmethod
    def of(cls, systems: Sequence[Predictions], measure: Metric | str, by_group: bool | None = None) -> Systems:
        """Align systems by id with the first of them.

        Args:
            by_group: draw whole groups; by default where `statistics.share_groups` says so.

        Raises:
            UserError: the systems did not predict the same ids, hold other gold labels or another label order, or
                the metric is a ranking one.
        """
        first = systems[0]
        item = metric(measure, first.labels) if isinstance(measure, str) else measure
        if item.needs == "ranking":
            raise UserError(f"'{item.name}' ranks rows and is not a metric of confusion counts; it cannot be paired")
        aligned = aligned_systems(systems)
        size = len(first.labels)
        offset, targets = np.zeros(len(first), dtype=np.int64), 1
        if item.needs == "target_confusion":
            offset = codes_of(groups_of(first))
            targets = int(offset.max()) + 1
        codes = np.stack([offset * size * size + one.cells for one in aligned])
        grouped = share_groups(first, [item]) if by_group is None else by_group
        units = units_of(first) if grouped else np.arange(len(first))
        return cls(codes, (targets, size, size), units, first.labels)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def size(self) -> int:
        """Cells of one system's table."""
        return int(np.prod(self.shape))

    def counts(self) -> IntArray:
        """(s, t, k, k) counts on the rows themselves."""
        return np.stack([np.bincount(row, minlength=self.size).reshape(self.shape) for row in self.codes])

    def matrix(self) -> Any:
        """Sparse (s*t*k*k, u): how many of a unit's rows each system puts in each cell."""
        from scipy.sparse import csr_array

        systems, rows = self.codes.shape
        cells = (self.codes + self.size * np.arange(systems)[:, None]).reshape(-1)
        ones = np.ones(systems * rows, dtype=np.float32)
        shape = (systems * self.size, int(self.units.max()) + 1)
        return csr_array((ones, (cells, np.tile(self.units, systems))), shape=shape)


def aligned_systems(systems: Sequence[Predictions]) -> list[Predictions]:
    """Systems in the row order of the first, with the same gold labels and label order.

    Raises:
        UserError: ids, gold labels or label order differ; the message counts and names some.
    """
    first = systems[0]
    found = [first]
    for place, other in enumerate(systems[1:], start=2):
        if set(other.labels) != set(first.labels):
            raise UserError(
                f"system {place} has labels {', '.join(other.labels)}; the first has {', '.join(first.labels)}"
            )
        if other.labels != first.labels:
            raise UserError(f"system {place} has its labels in another order than the first")
        same = len(other) == len(first) and bool((other.ids == first.ids).all())
        aligned = other if same else other.aligned_to(first.ids, f"system {place}")
        differing = [str(name) for name in first.ids[aligned.gold_codes != first.gold_codes]]
        if differing:
            raise UserError(
                f"system {place} has other gold labels for {len(differing)} ids ({some(differing)}): "
                "it was scored on another version of the data"
            )
        found.append(aligned)
    return found


def resampling_weights(units: int, resamples: int, generator: np.random.Generator) -> Iterator[Array]:
    """Chunks (c, u) of how often each unit is drawn when u units are drawn with replacement."""
    chunk = max(1, VALUES_IN_A_CHUNK // units)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = generator.integers(0, units, size=(size, units))
        drawn += (np.arange(size) * units)[:, None]
        yield np.bincount(drawn.reshape(-1), minlength=size * units).reshape(size, units).astype(np.float32)


def resampled_scores(
    systems: Systems, measure: Metric | str, resamples: int = 10_000, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """A metric of every system on its rows and on shared resamples of them.

    Returns:
        (s,) scores and (s, b) scores on the b resamples, which all systems share.
    """
    item = metric(measure, systems.labels) if isinstance(measure, str) else measure
    matrix = systems.matrix()
    drawn = [
        # Counts of rows are whole numbers below 2^24, which single precision holds exactly.
        apply(item, _tables(matrix @ weights.T, systems), systems.labels)
        for weights in resampling_weights(matrix.shape[1], resamples, np.random.default_rng(seed))
    ]
    return apply(item, systems.counts(), systems.labels), np.concatenate(drawn, axis=1)


def _tables(products: Array, systems: Systems) -> Array:
    # A view with the resamples first: in memory they stay last, where sums over the few labels are fastest.
    tables = products.astype(np.float64).reshape(len(systems), *systems.shape, -1)
    return np.moveaxis(tables, -1, 1)


def swapped_scores(
    systems: Systems, measure: Metric | str, resamples: int = 10_000, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Two systems' scores when their answers are exchanged at random, unit by unit.

    Returns:
        (2,) scores as they are and (2, b) scores after b random exchanges.
    """
    item = metric(measure, systems.labels) if isinstance(measure, str) else measure
    generator = np.random.default_rng(seed)
    a, b = (Systems(row[None], systems.shape, systems.units, systems.labels).matrix() for row in systems.codes)
    # Units on which both systems fall in the same cells cannot change anything.
    change = (b - a).tocsc()
    change.eliminate_zeros()
    change = change[:, np.flatnonzero(np.diff(change.indptr))].tocsr()
    counts = systems.counts().astype(np.float64)
    units = max(1, change.shape[1])
    chunk = max(1, VALUES_IN_A_CHUNK // units)
    drawn = []
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        moved = change @ generator.integers(0, 2, size=(change.shape[1], size)).astype(np.float32)
        moved = np.moveaxis(moved.reshape(*systems.shape, size), -1, 0).astype(np.float64)
        pair = np.stack([counts[0] + moved, counts[1] - moved])
        drawn.append(apply(item, pair, systems.labels))
    return apply(item, counts, systems.labels), np.concatenate(drawn, axis=1)
