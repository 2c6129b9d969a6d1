"""Configurations composed as the jobs of a sweep are, because Hydra takes a tenth of a second for each.

That both ways are equal is shown in `tests/config/test_sweeps.py`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from naba import config
from naba.config import overrides
from naba.config.folders import folders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omegaconf import DictConfig

    from naba.config.schema import TrainConfig

_composition = cache(overrides.Composition)


def compose(given: Sequence[str]) -> DictConfig:
    """As `naba.config.overrides.compose`, and by it where a test has YAML files of its own."""
    return overrides.compose(given) if len(folders()) > 1 else _composition().of(given)


class Composed(NamedTuple):
    """The section `model` as it is composed, and the whole configuration as it is checked."""

    model: dict[str, Any]
    settings: TrainConfig


@cache
def composed(name: str) -> Composed:
    """A model of the catalogue, with a small data set that it can read; not to be changed."""
    dataset = "synthetic_stance" if "pair" in config.section("model", name)["accepts"] else "synthetic_claim_type"
    made = overrides.compose([f"model={name}", f"dataset={dataset}"])
    return Composed(config.plain_dict(made)["model"], config.check(made))
