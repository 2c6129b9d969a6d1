"""Shipped models as they compose: several tests look at each of them, and composing one takes a tenth of a second."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from naba import config
from naba.config import overrides

if TYPE_CHECKING:
    from naba.config.schema import TrainConfig


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
