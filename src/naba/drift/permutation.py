"""Permutation tests between two sides whose rows come in blocks: whole blocks change sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from naba.data.dataset import IntArray
    from naba.evaluation.metrics import FloatArray

CHUNK_VALUES = 4_000_000


def p_value(
    table: FloatArray,
    blocks: IntArray,
    new: IntArray,
    statistic: Callable[[FloatArray, FloatArray], FloatArray],
    permutations: int = 2_000,
    seed: int = 0,
) -> tuple[float, float]:
    """A statistic of sums over the two sides, and how often it is as great when blocks change sides at random.

    Args:
        table: (n, d) what is summed.
        blocks: (n,) rows that change sides together.
        new: (n,) 1 on the new side, 0 on the old; a block with rows on both sides counts as two.
        statistic: (…, d) sums of the old and of the new side -> (…) values; greater speaks for a change.
    Returns:
        the value and (1 + permutations as great) / (1 + permutations) (Phipson & Smyth 2010).
    """
    units = np.unique(np.column_stack([blocks, new]), axis=0, return_inverse=True)
    sums = np.zeros((len(units[0]), table.shape[1]))
    np.add.at(sums, units[1].ravel(), table)
    sides = units[0][:, 1].astype(np.float64)
    total = sums.sum(axis=0)
    value = float(statistic(total - sides @ sums, sides @ sums))
    generator = np.random.default_rng(seed)
    as_great, left = 0, permutations
    while left:
        size = min(left, max(1, CHUNK_VALUES // len(sides)))
        drawn = generator.permuted(np.tile(sides, (size, 1)), axis=1) @ sums
        as_great += int((statistic(total - drawn, drawn) >= value - 1e-12).sum())
        left -= size
    return value, (1 + as_great) / (1 + permutations)


def chi_squared(old: FloatArray, new: FloatArray) -> FloatArray:
    """Pearson's statistic of a table of two lines, (…, k) counts each."""
    both = old + new
    n = both.sum(axis=-1, keepdims=True)
    total = np.zeros(np.broadcast_shapes(old.shape, new.shape)[:-1])
    for side in (old, new):
        expected = both * side.sum(axis=-1, keepdims=True) / n
        total = total + ((side - expected) ** 2 / np.where(expected > 0, expected, 1)).sum(axis=-1)
    return total


def area(old: FloatArray, new: FloatArray) -> FloatArray:
    """Area under the ROC curve from sums of (rank, 1): how often a new row is scored above an old one."""
    rows_old, rows_new = old[..., 1], new[..., 1]
    wins: FloatArray = (new[..., 0] - rows_new * (rows_new + 1) / 2) / np.maximum(rows_old * rows_new, 1)
    return wins
