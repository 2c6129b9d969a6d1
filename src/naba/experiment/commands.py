"""What was chosen, in the words of the command line: options that differ, and the command that does a run again."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from naba import config
from naba.config import builders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from naba.config.schema import SplitConfig, TrainConfig


def command(settings: TrainConfig, overrides: Sequence[str] = ()) -> str:
    """The command that does a run again: what was said on the command line, or else its choices."""
    if "builder" not in settings.model:
        file, name = settings.model["file"], settings.model["name"]
        chosen = [f"dataset={settings.dataset.name}", *_split(settings.split), f"seed={settings.seed}"]
        return shlex.join(["naba", "score", file, *chosen, "--track", name])
    if overrides:
        return shlex.join(["naba", "train", *(one for one in overrides if not one.startswith("force="))])
    return shlex.join(["naba", "train", *_choices(settings)])


def _choices(settings: TrainConfig) -> list[str]:
    parts = [f"dataset={settings.dataset.name}", f"model={settings.model['name']}"]
    parts += [f"model.{option}" for option in changed_options(settings)]
    if settings.normalisation.get("name", "news") != "news":
        parts.append(f"normalisation={settings.normalisation['name']}")
    parts += [*_split(settings.split), f"seed={settings.seed}"]
    if settings.evaluation.also:
        parts.append(f"evaluation.also=[{','.join(settings.evaluation.also)}]")
    return parts


def _split(split: SplitConfig) -> list[str]:
    if split.name == "given":
        return []
    defaults = config.section("split", split.name)
    changed = {key: value for key, value in asdict(split).items() if value is not None and key in defaults}
    return [f"split={split.name}", *(f"split.{key}={v}" for key, v in changed.items() if defaults[key] != v)]


def changed_options(settings: TrainConfig) -> list[str]:
    """`C=0.5`, `training.epochs=1`: the options of a model that are not those of its YAML."""
    model, name = settings.model, str(settings.model["name"])
    if "builder" not in model or name not in config.names("model"):
        return []
    stored, problems = builders.checked(config.section("model", name))
    return [] if problems else list(_differences(model, stored))


def _differences(chosen: Mapping[str, Any], stored: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in chosen.items():
        usual = stored.get(key)
        if key in builders.ABOUT or value == usual:
            continue
        if isinstance(value, dict) and isinstance(usual, dict):
            yield from _differences(value, usual, f"{before}{key}.")
        else:
            yield f"{before}{key}={'null' if value is None else value}"
