"""Would choosing rows have paid? Labels that are known are revealed in rounds, as if people gave them."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from naba.annotation import selection
from naba.annotation.out_of_fold import fitted, part
from naba.data import splits
from naba.errors import UserError
from naba.evaluation import bootstrap
from naba.evaluation.page.report import Chart, Line, Report, Section
from naba.evaluation.predictions import Predictions, objects
from naba.evaluation.tables import Table, number, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from naba.data.dataset import Dataset, IntArray
    from naba.evaluation.metrics import FloatArray
    from naba.experiment.job import Job

CONFIDENCE = 0.95
BASELINE = "random"


@dataclass(frozen=True)
class Plan:
    """How labels are revealed: `start` random rows, then `batch` chosen ones `rounds` times, for each of `seeds`."""

    by: Sequence[str]
    start: int = 100
    batch: int = 100
    rounds: int = 5
    seeds: int = 5


@dataclass(frozen=True)
class Curves:
    """Learning curves by way of choosing.

    Attributes:
        sizes: (r + 1,) labelled rows.
        scores: way -> (seeds, r + 1) values of `metric` on `scored` rows that are never labelled.
        everything: the score when all `pool` rows are labelled.
    """

    dataset: str
    models: str
    metric: str
    sizes: Sequence[int]
    scores: Mapping[str, FloatArray]
    everything: float
    pool: int
    scored: int


def simulate(jobs: Sequence[Job], plan: Plan, progress: Callable[[str], None] = lambda _: None) -> Curves:
    """Reveal the labels of the training rows in rounds, and score on the validation rows (else the test rows).

    Args:
        jobs: the model; a second one is asked beside it by `disagree`.
    Raises:
        UserError: `disagree` without a second model, or too few rows.
    """
    if "disagree" in plan.by and len(jobs) < 2:
        raise UserError("--by disagree needs two models", "--model tfidf_logreg,tfidf_nb")
    job = jobs[0]
    dataset, pool, scored = _parts(job)
    sizes = [plan.start + number * plan.batch for number in range(plan.rounds + 1)]
    if sizes[-1] >= len(pool):
        raise UserError(
            f"{job.dataset.name} has {len(pool)} rows to label, and {sizes[-1]} are to be labelled in the last round",
            "fewer or smaller rounds: --start, --batch, --rounds",
        )
    found: dict[str, list[list[float]]] = defaultdict(list)
    for seed in range(plan.seeds):
        seeded = [dataclasses.replace(one, settings=dataclasses.replace(one.settings, seed=seed)) for one in jobs]
        order = pool[selection.shuffled(part(dataset, pool), seed)]
        for way in plan.by:
            found[way].append(_curve(seeded, (dataset, order, scored), way, plan, seed))
            progress(f"{way}, seed {seed}: {found[way][-1][-1]:.3f}")
    whole = _score(dataset, scored, fitted(job, dataset, splits.Split(pool, splits.EMPTY, scored, "everything")), job)
    names = ", ".join(str(one.settings.model["name"]) for one in jobs)
    scores = {way: np.array(curves) for way, curves in found.items()}
    return Curves(job.dataset.name, names, _metric(job), sizes, scores, whole, len(pool), len(scored))


def _parts(job: Job) -> tuple[Dataset, IntArray, IntArray]:
    """The rows that take part, and among them those to label and those to score on; they share no group."""
    split = splits.make(job.dataset, job.settings.split, job.settings.seed)
    scored = split.validation if len(split.validation) else split.test
    if not len(split.train) or not len(scored):
        raise UserError(f"{job.dataset.name} has no rows to train and score on", "split=stratified makes some")
    dataset = part(job.dataset, np.concatenate([split.train, scored]))
    rows = np.arange(len(dataset), dtype=np.int64)
    return dataset, rows[: len(split.train)], rows[len(split.train) :]


def _curve(
    jobs: Sequence[Job], rows: tuple[Dataset, IntArray, IntArray], way: str, plan: Plan, seed: int
) -> list[float]:
    dataset, order, scored = rows
    labelled, rest, curve = order[: plan.start], order[plan.start :], []
    for number_ in range(plan.rounds + 1):
        asked = np.concatenate([scored, rest])
        split = splits.Split(labelled, splits.EMPTY, asked, way)
        answers = [fitted(job, dataset, split) for job in (jobs if way == "disagree" else jobs[:1])]
        curve.append(_score(dataset, scored, answers[0][: len(scored)], jobs[0]))
        if number_ < plan.rounds:
            probabilities = [each[len(scored) :] for each in answers]
            # The order of `rest` is random already, so the baseline takes the next rows.
            chosen = (
                np.arange(plan.batch, dtype=np.int64)
                if way == BASELINE
                else selection.choose(part(dataset, rest), way, plan.batch, probabilities, seed)
            )
            labelled = np.concatenate([labelled, rest[chosen]])
            rest = np.delete(rest, chosen)
    return curve


def _metric(job: Job) -> str:
    return job.settings.dataset.primary_metric


def _score(dataset: Dataset, rows: IntArray, probabilities: FloatArray, job: Job) -> float:
    labels = np.array(dataset.labels, dtype=object)
    predicted = objects(labels[probabilities.argmax(axis=1)])
    said = Predictions(dataset.ids(rows), dataset.gold(rows), predicted, probabilities, dataset.labels)
    return bootstrap.value(said, _metric(job))


def interval(values: FloatArray) -> tuple[float, float, float]:
    """Mean of values over seeds and its 95 % interval by Student's t; (s,) -> (mean, low, high)."""
    from scipy import stats

    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)
    return mean, mean - reach, mean + reach


def curve_table(curves: Curves) -> Table:
    """Mean scores over seeds, with intervals, a line for each number of labelled rows."""
    rows = [
        [f"{size:,}", *(_shown(interval(scores[:, place])) for scores in curves.scores.values())]
        for place, size in enumerate(curves.sizes)
    ]
    rows.append([f"{curves.pool:,} (all)", *([number(curves.everything)] * len(curves.scores))])
    title = f"{curves.dataset}, {curves.models}: {curves.metric} on {curves.scored} rows"
    return Table(title, ["labelled", *curves.scores], rows, numeric=range(len(curves.scores) + 1))


def difference_table(curves: Curves) -> Table | None:
    """Each way less random choice, seed by seed; None where random choice was not tried."""
    if BASELINE not in curves.scores or len(curves.scores) < 2:
        return None
    base = curves.scores[BASELINE]
    rows = []
    for way, scores in curves.scores.items():
        if way != BASELINE:
            mean = interval((scores - base)[:, 1:].mean(axis=1))
            last = interval((scores - base)[:, -1])
            rows.append([way, _shown(mean, signs=True), _shown(last, signs=True), verdict(mean)])
    header = ["way", "mean over the rounds", "last round", "verdict"]
    return Table("Less random choice", header, rows, ["pairs of seeds; 95 % intervals by Student's t"], numeric=[1, 2])


def verdict(difference: tuple[float, float, float]) -> str:
    """What an interval says, in words."""
    _, low, high = difference
    if np.isnan(low):
        return "one seed says nothing"
    return (
        "better than random"
        if low > 0
        else "worse than random"
        if high < 0
        else "no better than random, as far as seen"
    )


def page(curves: Curves) -> str:
    """The curves, their table, and what they say."""
    lines = []
    for way, scores in curves.scores.items():
        found = [interval(scores[:, place]) for place in range(len(curves.sizes))]
        points = list(zip(map(float, curves.sizes), (mean for mean, _, _ in found), strict=True))
        bounds = [] if np.isnan(found[0][1]) else [(low, high) for _, low, high in found]
        lines.append(Line(way, points, bounds))
    sections = [
        Section("Learning curves", chart=Chart("labelled rows", curves.metric, lines), table=curve_table(curves))
    ]
    if (differences := difference_table(curves)) is not None:
        sections.append(Section("Less random choice", table=differences))
    seeds = len(next(iter(curves.scores.values())))
    lead = (
        f"{curves.models} on {curves.pool:,} rows whose labels are revealed in rounds, {seeds} seeds; all labels give "
        f"{curves.everything:.3f}."
    )
    return Report(f"{curves.dataset}: does choosing what to label pay?", lead, sections).page()


def _shown(found: tuple[float, float, float], *, signs: bool = False) -> str:
    form = signed if signs else number
    mean, low, high = found
    return form(mean) if np.isnan(low) else f"{form(mean)} [{form(low)}, {form(high)}]"
