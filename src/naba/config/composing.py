"""What the choices of a command compose: by Hydra, and once where several jobs choose the same files."""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import config
from naba.config.folders import folders
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig


def compose(overrides: Sequence[str], *, with_hydra: bool = False) -> DictConfig:
    """The experiment that these overrides compose, as Hydra would.

    Raises:
        UserError: a file is missing or wrong; Hydra's first line is the message.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    own = str(Path(folders()[-1]).resolve())
    with _one_sentence(), initialize_config_dir(own, version_base="1.3", job_name="naba"):
        return hydra_compose("train", overrides=list(overrides), return_hydra_config=with_hydra)


@contextlib.contextmanager
def _one_sentence() -> Iterator[None]:
    """What Hydra finds wrong, as a message."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        yield
    except UnicodeDecodeError as error:
        # Hydra reads a file as text and does not say which one.
        raise UserError(f"a YAML file of the configuration is not UTF-8: {error.reason}: {_not_utf8()}") from error
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError, OSError) as error:
        raise UserError(next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)) from error


class Composition:
    """The configurations of the jobs of one command; the files of equal choices are composed once."""

    def __init__(self) -> None:
        self._composed: dict[frozenset[tuple[str, str]], DictConfig] = {}
        self._plain: dict[frozenset[tuple[str, str]], dict[str, Any]] = {}

    def of(self, overrides: Sequence[str]) -> DictConfig:
        """What `compose` gives for a job.

        Raises:
            UserError: a file is missing or wrong.
        """
        from hydra._internal.config_loader_impl import ConfigLoaderImpl
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parsed = OverridesParser.create().parse_overrides(list(overrides))
        chosen = {one.get_key_element(): str(one.input_line) for one in parsed if _chooses(one)}
        if sum(map(_chooses, parsed)) > len(chosen) or any(one.key_or_group.startswith("hydra") for one in parsed):
            return compose(overrides)
        key = frozenset(chosen.items())
        if key not in self._composed:
            self._composed[key] = self._combined(chosen) or compose(list(chosen.values()))
        found: Any = copy.deepcopy(self._composed[key])
        with _one_sentence():
            # After the files are composed, so that the values of the command line win.
            ConfigLoaderImpl._apply_overrides_to_config([one for one in parsed if not _chooses(one)], found)  # noqa: SLF001
        return found

    def _combined(self, chosen: Mapping[str, str]) -> DictConfig | None:
        """Sections of what was composed for the check, where each choice was varied from the first one by itself.

        Only where each of them changed its own section and nothing else.
        """
        first = dict(next(iter(self._composed), ()))
        changed = {group: choice for group, choice in chosen.items() if first.get(group) != choice}
        alone = {group: frozenset({**first, group: choice}.items()) for group, choice in changed.items()}
        if (
            len(changed) < 2
            or first.keys() != chosen.keys()
            or any(key not in self._composed for key in alone.values())
        ):
            return None
        usual = self._without(frozenset(first.items()), "")
        for group, key in alone.items():
            there = self._without(key, group)
            if list(there) != [name for name in usual if name != group] or any(
                there[one] != usual[one] for one in there
            ):
                return None
        found: Any = copy.deepcopy(self._composed[frozenset(first.items())])
        for group, key in alone.items():
            found[group] = copy.deepcopy(self._composed[key][group])
        return found

    def _without(self, key: frozenset[tuple[str, str]], group: str) -> dict[str, Any]:
        from omegaconf import OmegaConf

        if key not in self._plain:
            self._plain[key] = OmegaConf.to_container(self._composed[key], resolve=False)  # type: ignore[assignment]
        return {name: value for name, value in self._plain[key].items() if name != group}


def _chooses(override: Override) -> bool:
    key = override.key_or_group
    return key == "experiment" or key in config.GROUPS or override.package is not None or "/" in key


def _not_utf8() -> str:
    """The YAML files that are not UTF-8."""
    wrong = []
    for path in (path for folder in folders() for path in sorted(folder.rglob("*.yaml")) if path.is_file()):
        try:
            path.read_bytes().decode()
        except UnicodeDecodeError:
            wrong.append(str(path))
    return ", ".join(wrong)
