"""A run as a Markdown page: its scores, its warnings, and the command that does it again."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING

from naba import config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.experiment.result import Result, Section


def summary(result: Result) -> str:
    """The run as a Markdown page: scores with intervals, per-class table, warnings, how to do it again."""
    settings, dataset = result.settings, result.dataset
    lines = [f"**{settings.model['name']}** on **{dataset.name}**, seed {settings.seed}", ""]
    for section in result.sections.values():
        primary = section.primary
        lines.append(
            f"- {section.name}: {primary.name} {primary.value:.3f} "
            f"[{primary.low:.3f}, {primary.high:.3f}], {primary.n} rows"
        )
    lines.append(f"\nIntervals cover {100 * settings.evaluation.confidence:g} %.")
    lines += ["", *_class_table(result.main, dataset.display_names), ""]
    if settings.dataset.label_source == "language_model":
        lines += ["Labels were given by language models; no person has checked them.", ""]
    lines += [f"Probabilities: {result.model.probability_kind_ if result.model is not None else 'model'}.", ""]
    if result.warnings:
        lines += ["Warnings:", "", *(f"- {warning}" for warning in result.warnings), ""]
    lines += ["Do it again:", "", f"    {command(result)}", ""]
    if result.model is not None and settings.tracking.log_model:
        lines += ["Export it (RUN is this run's id):", "", "    naba export RUN my_classifier", ""]
    return "\n".join(lines)


def _class_table(section: Section, display_names: Mapping[str, str]) -> list[str]:
    values = {score.name: score.value for score in section.scores}
    lines = [f"| {section.name} | | precision | recall | f1 | rows |", "|---|---|---|---|---|---|"]
    for label, count in zip(section.predictions.labels, section.predictions.confusion().sum(axis=1), strict=True):
        cells = " | ".join(
            f"{values.get(f'{kind}_{label}', float('nan')):.3f}" for kind in ("precision", "recall", "f1")
        )
        lines.append(f"| {label} | {display_names.get(label, '')} | {cells} | {count} |")
    return lines


def command(result: Result) -> str:
    """The command that does this run again: what was said on the command line, or else its choices."""
    settings = result.settings
    if "builder" not in settings.model:
        file, name = settings.model["file"], settings.model["name"]
        chosen = [f"dataset={settings.dataset.name}", *_split(result), f"seed={settings.seed}"]
        return shlex.join(["naba", "score", file, *chosen, "--track", name])
    if result.overrides:
        return shlex.join(["naba", "train", *(one for one in result.overrides if not one.startswith("force="))])
    return shlex.join(["naba", "train", *_choices(result)])


def _choices(result: Result) -> list[str]:
    settings = result.settings
    model = str(settings.model["name"])
    parts = [f"dataset={settings.dataset.name}", f"model={model}"]
    stored = config.section("model", model) if model in config.names("model") else {}
    parts += [
        f"model.{key}={'null' if value is None else value}"
        for key, value in settings.model.items()
        if stored and stored.get(key) != value and not isinstance(value, (dict, list))
    ]
    if settings.normalisation.get("name", "news") != "news":
        parts.append(f"normalisation={settings.normalisation['name']}")
    parts += [*_split(result), f"seed={settings.seed}"]
    if settings.evaluation.also:
        parts.append(f"evaluation.also=[{','.join(settings.evaluation.also)}]")
    return parts


def _split(result: Result) -> list[str]:
    split = result.settings.split
    if split.name == "given":
        return []
    defaults = config.section("split", split.name)
    changed = {key: value for key, value in asdict(split).items() if value is not None and key in defaults}
    return [f"split={split.name}", *(f"split.{key}={v}" for key, v in changed.items() if defaults[key] != v)]
