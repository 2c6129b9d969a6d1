"""A stress test of a tracked run: its model answers perturbed texts, and the report is kept with the run."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from naba.arabic import perturb
from naba.errors import UserError, unknown_name
from naba.evaluation.stress import StressReport, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.arabic.perturb import Perturber
    from naba.data.dataset import Dataset
    from naba.evaluation.predictions import FloatArray, ObjectArray, Predictions
    from naba.tracking import Run

REPORT, PAGE = "stress/report.json", "stress/page.html"
FEWEST_ROWS = 30
"""With fewer rows a note says what cannot be concluded."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What is asked of a stress test.

    Attributes:
        only: names or kinds of perturbers; all of them if empty.
        section: of the run whose rows are perturbed; "" for test rows, or validation rows where it has none.
        side: `text`, `target` or `both`.
        rows: at most so many, drawn by `seed`; 0 for all.
        seed: of the perturbations and the draw.
        resamples: of the intervals.
    """

    only: Sequence[str] = ()
    section: str = ""
    side: str = "text"
    rows: int = 0
    seed: int = 0
    resamples: int = 2_000


def stress(run: Run, settings: Settings) -> StressReport:
    """Perturb the rows a run was scored on, and see what its model makes of them.

    Raises:
        UserError: the run has no model or no such section, its data cannot be had, a name is unknown, or nothing can
            be perturbed in this way.
    """
    named = perturb.chosen(settings.only)
    section = _section(run, settings.section)
    dataset = run.dataset(section)
    perturbers, notes = _fitting(named, dataset, settings)
    test = _test(run, section, settings)
    rows = len(test.rows.clean)
    if rows < len(run.predictions(section)):
        notes.append(f"{rows} of {len(run.predictions(section))} rows, drawn with seed {settings.seed}")
    if rows < FEWEST_ROWS:
        notes.append(f"{rows} rows are few: where none of them changes, up to {min(1.0, 3 / rows):.0%} of others may")
    effects, idle = measure.effects(test, perturbers)
    if not effects:
        raise UserError(f"none of these perturbations changes any of the {rows} rows: {', '.join(idle)}")
    return replace(_opening(run, section, settings, test), effects=effects, idle=idle, notes=notes)


def keep(run: Run, report: StressReport) -> None:
    """Write the report and its page into the run, and the flips as its metrics (`stress/flips/NAME`)."""
    from naba.evaluation.stress.page import page
    from naba.tracking.facts import Metric, Text

    flips = [Metric(f"stress/flips/{effect.name}", effect.flips.value) for effect in report.effects]
    run.add([Text(REPORT, report.to_json()), Text(PAGE, page(report)), *flips])


def kept(run: Run) -> StressReport | None:
    """The report that was written into a run; None where there is none.

    Raises:
        UserError: it is damaged.
    """
    return StressReport.read(run.file(REPORT)) if run.has_file(REPORT) else None


def _section(run: Run, name: str) -> str:
    if not name:
        return "test" if "test" in run.sections else run.sections[0]
    if name not in run.sections:
        raise UserError(f"run '{run.name}': {unknown_name('section', name, run.sections)}")
    return name


def _fitting(
    perturbers: Sequence[Perturber], dataset: Dataset, settings: Settings
) -> tuple[list[Perturber], list[str]]:
    """The perturbers that say something about this data, and what a reader must know about them."""
    if dataset.pair:
        return list(perturbers), []
    if settings.side != "text":
        raise UserError(f"--side {settings.side}: '{dataset.name}' holds single texts, which have no target")
    fitting = [one for one in perturbers if one.kind != "changed"]
    if not fitting:
        raise UserError(
            f"--only {','.join(settings.only)}: '{dataset.name}' holds single texts, whose label need not change with "
            "their meaning",
            "these perturbations are for pairs of a text and a target",
        )
    note = "the label of a single text need not change with its meaning: perturbations that change it are left out"
    return fitting, [note] if len(fitting) < len(perturbers) else []


def _test(run: Run, section: str, settings: Settings) -> measure.Stress:
    """The rows, the model and its answers to the clean texts."""
    predictions = run.predictions(section)
    frame = run.rows(section, predictions)
    if 0 < settings.rows < len(predictions):
        chosen = np.sort(np.random.default_rng(settings.seed).permutation(len(predictions))[: settings.rows])
        predictions, frame = predictions.take(chosen), frame.iloc[chosen]
    texts, targets = frame["text"].tolist(), frame["target"].tolist()
    answers = measure.Answers(_answer(run, section, predictions), predictions.labels)
    labels, probabilities = answers.of(texts, targets)
    differing = int((labels != predictions.predicted).sum())
    if differing:
        logger.warning(
            "%s: its model answers %d of %d rows otherwise than the run did (naba reproduce tells why)",
            run.name, differing, len(predictions),
        )  # fmt: skip
    clean = replace(predictions, predicted=labels, probabilities=probabilities)
    rows = measure.Rows(texts, targets, clean)
    metric, confidence = run.facts.primary[section], run.facts.scoring.confidence
    return measure.Stress(rows, answers, metric, settings.side, settings.seed, settings.resamples, confidence)


def _answer(run: Run, section: str, predictions: Predictions) -> measure.Answer:
    """The run's model as a function, in the label scheme in which the section was scored."""
    import pandas as pd

    from naba.classifier import folder as directory
    from naba.evaluation.predictions import answers, objects
    from naba.experiment.scoring import carry

    trained, _ = directory.load(run.classifier_folder())
    model, _ = carry(run.dataset("test"), run.dataset(section), trained)

    def answer(texts: list[str], targets: list[str]) -> tuple[ObjectArray, FloatArray]:
        table = pd.DataFrame({"text": objects(texts), "target": objects(targets)})
        labels, probabilities, _ = answers(model, table, predictions.labels, f"section {section}")
        return labels, probabilities

    return answer


def _opening(run: Run, section: str, settings: Settings, test: measure.Stress) -> StressReport:
    """What the report says of the run, before anything was perturbed."""
    from naba.evaluation.bootstrap import value

    profile = run.config.get("normalisation") or {}
    clean, dataset = test.rows.clean, run.dataset(section)
    return StressReport(
        run=run.id,
        name=run.name,
        model=run.facts.model,
        dataset=dataset.name,
        section=section,
        rows=len(clean),
        profile=f"{profile['name']} version {profile.get('version', 1)}" if profile else "",
        metric=test.paired_metric,
        score=value(clean, test.paired_metric),
        side=settings.side,
        seed=settings.seed,
        confidence=test.confidence,
        clustered=test.clustered,
        labels={label: dataset.display_names.get(label, label) for label in clean.labels},
        effects=[],
    )
