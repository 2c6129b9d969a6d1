"""The jobs of a sweep that runs here, in Hydra's order and grammar, without composing each of them from its files.

Hydra's application composes every job twice, for its check and for its run, which is most of the time of a sweep whose
runs are finished. Jobs that choose the same files differ in values only: their choices are composed once, by
`naba.config.overrides.Composition`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.config.overrides import compose

if TYPE_CHECKING:
    from collections.abc import Sequence


def jobs(overrides: Sequence[str]) -> list[list[str]] | None:
    """The overrides of each job, as Hydra's sweeper splits them; None where only Hydra can (globs, its own settings).

    Args:
        overrides: of the whole sweep, checked.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import ValueType

    if any(item.lstrip("+~").startswith("hydra") for item in overrides):
        return None
    experiments = [item for item in overrides if item.startswith("+experiment=")]
    params = compose(experiments, with_hydra=True).hydra.sweeper.params if experiments else None
    given = [*(f"{key}={value}" for key, value in (params or {}).items()), *overrides]
    parsed = OverridesParser.create().parse_overrides(given)
    if any(one.value_type is ValueType.GLOB_CHOICE_SWEEP for one in parsed):
        return None
    (found,) = BasicSweeper.split_arguments(parsed, None)
    return found
