"""A run as a Markdown page: its scores, its warnings, and the command that does it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.experiment.result import Result, Section


def summary(result: Result) -> str:
    """The run as a Markdown page: scores with intervals, per-class table, warnings, how to do it again."""
    settings, dataset = result.job.settings, result.job.dataset
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
    lines += ["Do it again:", "", f"    {result.job.facts.command}", ""]
    if result.kept:
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
