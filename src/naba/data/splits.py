"""Which rows train, validate and test, as index arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from naba.data.dataset import Dataset
    from naba.schema import SplitConfig

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Row numbers of a data set's table, each shape (n,), disjoint."""

    train: IntArray
    validation: IntArray
    test: IntArray
    name: str


def make(dataset: Dataset, config: SplitConfig, seed: int) -> Split:  # noqa: ARG001 - drawn splits use the seed
    """The split that `config` names.

    Raises:
        UserError: there is no such split.
    """
    if config.name != "given":
        raise UserError(unknown_name("split", config.name, ["given"]))
    return Split(*(dataset.indices(part) for part in ("train", "validation", "test")), name="given")
