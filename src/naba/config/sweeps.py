"""The jobs of a sweep that runs here, in Hydra's order and grammar, without composing each of them from its files.

Hydra's application composes every job twice, for its check and for its run, which is most of the time of a sweep whose
runs are finished. Jobs that choose the same files differ in values only: their choices are composed once.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from naba import config
from naba.config.overrides import compose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig


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


class Composition:
    """The configurations of the jobs of one sweep."""

    def __init__(self) -> None:
        self._chosen: dict[tuple[str, ...], DictConfig] = {}

    def of(self, overrides: Sequence[str]) -> DictConfig:
        """What `naba.config.overrides.compose` gives for a job.

        Raises:
            UserError: a file is missing or wrong.
        """
        from hydra._internal.config_loader_impl import ConfigLoaderImpl
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parsed = OverridesParser.create().parse_overrides(list(overrides))
        choices = tuple(str(one.input_line) for one in parsed if _is_choice(one))
        if choices not in self._chosen:
            self._chosen[choices] = compose(choices)
        found: Any = copy.deepcopy(self._chosen[choices])
        # After the files are composed, so that the values of the command line win.
        ConfigLoaderImpl._apply_overrides_to_config([one for one in parsed if not _is_choice(one)], found)  # noqa: SLF001
        return found


def _is_choice(override: Override) -> bool:
    key = override.key_or_group
    return key == "experiment" or key in config.GROUPS or override.package is not None or "/" in key
