"""Labels that look wrong: rows ranked by how little a model that has not seen them believes in their label.

The score is the self-confidence of confident learning, the out-of-fold probability of the given label (Northcutt,
Jiang & Chuang 2021, Confident Learning, JAIR 70), less a little where the nearest texts have another label. What else
speaks against a label (confident learning's own flag, repetitions with two labels) is told beside it.
How well this finds errors is measured by planting some where it is known which they are.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import numpy as np

from naba.annotation.out_of_fold import keys, out_of_fold, with_column
from naba.evaluation.page.report import Example, Report, Section
from naba.evaluation.tables import Table, counted, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from naba.data.dataset import Dataset, IntArray
    from naba.evaluation.metrics import Array, FloatArray
    from naba.experiment.job import Job

NEIGHBOURS = 5
LEAST_ALIKE = 0.3
"""Cosine below which the nearest text says nothing about a label."""
NEIGHBOURS_COUNT = 0.1
"""What neighbours take from a label that all of them contradict; measured in experiments/label_errors.md."""
BLOCK_ROWS = 512
LONGEST_SHOWN = 60
"""Characters of a text on the terminal."""
PLANTED_NOTE = (
    "precision: planted errors among as many of the most suspicious rows as errors were planted, which is recall there "
    "too; errors that were there before count as misses, so it is a lower bound"
)
READING = (
    "A suspicion is no verdict: read the rows. A model is also wrong about rows that are hard or rare, and right "
    "labels of small classes are suspected most."
)
Kind = Literal["symmetric", "confusion"]
KINDS: tuple[Kind, ...] = ("symmetric", "confusion")
"""Of planted errors; see `plant`."""


@dataclass(frozen=True)
class Suspect:
    """A row whose label looks wrong.

    Attributes:
        rank: 1 is the most suspicious.
        suggested: the label the model would give.
        confidence: the model's probability of the given label, that of `suggested` in `suggested_confidence`.
        confident: does confident learning, with a threshold for each label, call the label wrong?
        against: neighbours among the nearest five that have another label; `neighbours` says how many were near.
        reasons: what speaks against the label, in words.
    """

    rank: int
    id: str
    label: str
    suggested: str
    confidence: float
    suggested_confidence: float
    confident: bool
    against: int
    neighbours: int
    duplicate: bool
    reasons: tuple[str, ...]
    text: str
    target: str

    def cells(self) -> list[str]:
        """The values in the order of `COLUMNS`, as text; numbers in full."""
        values = [getattr(self, name) for name in COLUMNS]
        return ["; ".join(value) if isinstance(value, tuple) else str(value) for value in values]


COLUMNS = tuple(field.name for field in fields(Suspect))


@dataclass(frozen=True)
class Suspects:
    """All rows of a part of a data set, the most suspicious first.

    Attributes:
        ranked: one entry a row whose label is doubted for any reason.
        rows: how many rows were looked at.
        by_label: label -> (rows, called wrong by confident learning).
    """

    ranked: tuple[Suspect, ...]
    rows: int
    by_label: Mapping[str, tuple[int, int]]


def find(dataset: Dataset, probabilities: FloatArray) -> Suspects:
    """The rows whose label is doubted: by the model, by confident learning, by neighbours, or by their repetitions.

    Args:
        dataset: n labelled rows.
        probabilities: (n, k) by models that have not seen the row, in the order of `dataset.labels`.
    """
    gold = codes(dataset)
    confident = off_diagonal(gold, probabilities)
    neighbouring = neighbours(dataset)
    against, near = neighbouring.against(gold), neighbouring.counts
    repeated = conflicts(dataset)
    order = ranking(gold, probabilities, neighbouring)
    best = probabilities.argmax(axis=1)
    doubted = (best != gold) | confident | ((near > 0) & (against == near)) | np.isin(np.arange(len(gold)), [*repeated])
    columns = {name: dataset.column_values(name) for name in ("id", "text", "target")}
    ranked: list[Suspect] = []
    for row in order[doubted[order]].tolist():
        label, suggested = dataset.labels[gold[row]], dataset.labels[best[row]]
        own, other = float(probabilities[row, gold[row]]), float(probabilities[row, best[row]])
        reasons = []
        if suggested != label:
            reasons.append(f"the model says {suggested} ({other:.2f}) and gives {label} {own:.2f}")
        if near[row] and against[row] == near[row]:
            reasons.append(f"all {near[row]} near texts have another label")
        if row in repeated:
            reasons.append(f"the same text also stands as {repeated[row]}")
        if confident[row] and not reasons:
            reasons.append("below what the model usually gives its label")
        shown = {name: str(values[row]) for name, values in columns.items()}
        ranked.append(
            Suspect(
                len(ranked) + 1, label=label, suggested=suggested, confidence=own, suggested_confidence=other,
                confident=bool(confident[row]), against=int(against[row]), neighbours=int(near[row]),
                duplicate=row in repeated, reasons=tuple(reasons), **shown,
            )
        )  # fmt: skip
    counts, wrong = Counter(gold.tolist()), Counter(gold[confident].tolist())
    by_label = {label: (counts[code], wrong[code]) for code, label in enumerate(dataset.labels) if counts[code]}
    return Suspects(tuple(ranked), len(gold), by_label)


def codes(dataset: Dataset) -> IntArray:
    """(n,) each row's label as its place in `dataset.labels`."""
    place = {label: code for code, label in enumerate(dataset.labels)}
    values = dataset.column_values("label")
    return np.fromiter((place[label] for label in values), dtype=np.int64, count=len(values))


def ranking(gold: IntArray, probabilities: FloatArray, near: Neighbours) -> IntArray:
    """(n,) rows from the most suspicious: by the probability of the given label, less what neighbours take from it.

    Neighbours take `NEIGHBOURS_COUNT` times the share of the near ones that have another label.
    """
    own = probabilities[np.arange(len(gold)), gold]
    belief = own - NEIGHBOURS_COUNT * near.against(gold) / np.maximum(near.counts, 1)
    return np.argsort(belief, kind="stable").astype(np.int64)


def off_diagonal(gold: IntArray, probabilities: FloatArray) -> Array:
    """(n,) bool: rows that confident learning counts off the diagonal of its joint (Northcutt et al. 2021, eq. 1).

    A label's threshold is its mean probability over the rows that have it; a row belongs to the most probable of the
    labels whose threshold it reaches, and is off the diagonal where that is not its own.
    """
    size = probabilities.shape[1]
    present = [code for code in range(size) if (gold == code).any()]
    thresholds = np.full(size, np.inf)
    for code in present:
        thresholds[code] = probabilities[gold == code, code].mean()
    # Without the rounding a probability that equals the mean may miss it by an error of the last digit.
    reached = np.where(probabilities >= thresholds - 1e-6, probabilities, -1.0)
    best = reached.argmax(axis=1)
    wrong: Array = (reached.max(axis=1) >= 0) & (best != gold)
    return wrong


@dataclass(frozen=True)
class Neighbours:
    """The nearest texts of each row: (n, c) rows, and (n, c) whether each is near; labels play no part."""

    rows: IntArray
    near: Array

    @property
    def counts(self) -> IntArray:
        """(n,) how many are near."""
        counts: IntArray = self.near.sum(axis=1)
        return counts

    def against(self, gold: IntArray) -> IntArray:
        """(n,) how many near texts have another label than the row."""
        counts: IntArray = (self.near & (gold[self.rows] != gold[:, None])).sum(axis=1)
        return counts


def neighbours(dataset: Dataset) -> Neighbours:
    """The nearest `NEIGHBOURS` texts of each row: near is a cosine of at least `LEAST_ALIKE` of TF-IDF of characters.

    Pairs have none: the text that is nearest to another about the same claim is often the one that contradicts it
    (experiments/label_errors.md).
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    count = min(NEIGHBOURS, len(dataset) - 1)
    rows, near = np.zeros((len(dataset), count), dtype=np.int64), np.zeros((len(dataset), count), dtype=bool)
    if dataset.pair or not count:
        return Neighbours(rows, near)
    texts = [key.partition("\0")[2] for key in keys(dataset)]
    try:
        vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit_transform(texts)
    except ValueError:  # no text has three characters
        return Neighbours(rows, near)
    for start in range(0, len(texts), BLOCK_ROWS):
        alike = np.asarray((vectors[start : start + BLOCK_ROWS] @ vectors.T).todense())
        own = np.arange(len(alike))
        alike[own, start + own] = -1.0
        closest = np.argpartition(-alike, count - 1, axis=1)[:, :count]
        rows[start : start + BLOCK_ROWS] = closest
        near[start : start + BLOCK_ROWS] = np.take_along_axis(alike, closest, axis=1) >= LEAST_ALIKE
    return Neighbours(rows, near)


def conflicts(dataset: Dataset) -> dict[int, str]:
    """Row -> the other labels of rows that are the same to a model, after Arabic normalisation."""
    places: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys(dataset)):
        places[key].append(row)
    labels = dataset.column_values("label")
    found: dict[int, str] = {}
    for rows in places.values():
        kinds = {str(labels[row]) for row in rows}
        if len(kinds) > 1:
            found |= {row: ", ".join(sorted(kinds - {str(labels[row])})) for row in rows}
    return found


def table(found: Suspects, count: int, title: str) -> Table:
    """The first suspects, for a terminal."""
    rows = [
        [str(one.rank), one.id, one.label, one.suggested, number(one.confidence, 2), "; ".join(one.reasons),
         _short(one.text)]
        for one in found.ranked[:count]
    ]  # fmt: skip
    header = ["", "id", "label", "suggested", "p(label)", "why", "text"]
    return Table(title, header, rows, numeric=[0, 4], keys=2)


def csv_table(found: Suspects) -> Table:
    """Every suspect with every column."""
    return Table("", COLUMNS, [one.cells() for one in found.ranked])


def label_table(found: Suspects) -> Table:
    """Rows of each label and how many of them confident learning calls wrong."""
    rows = [
        [label, f"{rows:,}", f"{wrong:,}", f"{100 * wrong / rows:.1f} %"]
        for label, (rows, wrong) in found.by_label.items()
    ]
    return Table("By label", ["label", "rows", "called wrong", "share"], rows, numeric=[1, 2, 3])


def planted_table(found: Sequence[Found], title: str) -> Table:
    """Means over seeds, with the lowest and highest in brackets, a line for each kind and share of planted errors."""
    cells: dict[tuple[str, float], list[Found]] = defaultdict(list)
    for one in found:
        cells[one.kind, one.share].append(one)
    names = ("precision", "first", "average_precision", "flagged_precision", "flagged_recall")
    rows = []
    for (kind, share), seeds in cells.items():
        planted = float(np.mean([one.planted / one.rows for one in seeds]))
        values = [[getattr(one, name) for one in seeds] for name in names]
        rows.append([kind, f"{100 * share:g} %", f"{len(seeds)}", number(planted), *map(_spread, values)])
    header = ["errors", "planted", "seeds", "by chance", "precision", "in the first tenth", "average precision",
              "flagged: precision", "flagged: recall"]  # fmt: skip
    return Table(title, header, rows, (PLANTED_NOTE,), numeric=range(2, 9), keys=2)


def page(found: Suspects, title: str, names: Mapping[str, str], count: int, planted: Table | None = None) -> str:
    """One page: how many by label, the first `count` suspects to read, and what a search for planted errors found."""
    sections = [Section("By label", table=label_table(found))]
    if planted is not None:
        sections.append(Section("Planted errors found", table=planted))
    examples = [
        Example(
            one.text,
            one.target,
            f"{one.rank}. {one.id}",
            [names.get(one.label, one.label), f"? {names.get(one.suggested, one.suggested)}"],
            one.reasons,
        )
        for one in found.ranked[:count]
    ]
    heading = f"The {counted(len(examples), 'most suspicious row')}"
    sections.append(
        Section(heading, [READING, "First chip: the label it has; second: the model's."], None, None, examples)
    )
    lead = f"{counted(found.rows, 'row')} looked at, {counted(len(found.ranked), 'label')} doubted for any reason."
    return Report(title, lead, sections).page()


def _spread(values: Sequence[float]) -> str:
    mean = number(float(np.mean(values)))
    return mean if len(values) == 1 else f"{mean} [{number(min(values))}, {number(max(values))}]"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"


@dataclass(frozen=True)
class Found:
    """How many planted errors one search found.

    Attributes:
        planted: errors planted.
        precision: share of planted errors among the `planted` most suspicious rows; a lower bound, since errors that
            were there before count as misses. It is also the share of the errors that are found there.
        first: the same among the first tenth of that list.
        flagged: rows that confident learning calls wrong, `flagged_precision` of which are planted errors.
        flagged_recall: share of the planted errors among them.
        average_precision: over the whole ranking.
    """

    kind: Kind
    share: float
    seed: int
    rows: int
    planted: int
    precision: float
    first: float
    average_precision: float
    flagged: int
    flagged_precision: float
    flagged_recall: float


def plant(dataset: Dataset, share: float, kind: Kind, seed: int, probabilities: FloatArray) -> tuple[Dataset, Array]:
    """The data set with wrong labels in a share of its rows, and which rows they are, (n,) bool.

    Args:
        kind: `symmetric` draws any other label; `confusion` draws it as often as a model mistakes the one for it.
        probabilities: (n, k) out of fold, on the labels as they are, for `confusion`.
    """
    generator = np.random.default_rng(seed)
    gold = codes(dataset)
    labels = np.unique(gold)
    chosen = generator.permutation(len(gold))[: max(1, round(share * len(gold)))]
    confusions = np.ones((len(dataset.labels), len(dataset.labels)))
    if kind == "confusion":
        for label in labels:
            confusions[label] = probabilities[gold == label].mean(axis=0) + 1e-9
    np.fill_diagonal(confusions, 0)
    confusions[:, np.setdiff1d(np.arange(len(dataset.labels)), labels)] = 0
    changed = gold.copy()
    for row in chosen:
        weights = confusions[gold[row]]
        changed[row] = generator.choice(len(weights), p=weights / weights.sum())
    values = [dataset.labels[code] for code in changed]
    return with_column(dataset, "label", values), changed != gold


def measure_planted(
    job: Job, dataset: Dataset, probabilities: FloatArray, shares: Sequence[float], seeds: int = 3, folds: int = 5
) -> Iterator[Found]:
    """Plant errors of both kinds and look for them, once for each share and seed.

    Args:
        probabilities: (n, k) out of fold, on the labels as they are.
    """
    near = neighbours(dataset)
    for kind in KINDS:
        for share in shares:
            for seed in range(seeds):
                wrong, planted = plant(dataset, share, kind, seed, probabilities)
                seeded = dataclasses.replace(job, settings=dataclasses.replace(job.settings, seed=seed))
                gold, found = codes(wrong), out_of_fold(seeded, wrong, folds)
                yield score((kind, share, seed), planted, ranking(gold, found, near), off_diagonal(gold, found))


def score(what: tuple[Kind, float, int], planted: Array, order: IntArray, flags: Array) -> Found:
    """What a ranking, (n,) rows, and the flags of confident learning, (n,) bool, find of planted errors, (n,) bool."""
    from sklearn.metrics import average_precision_score

    count = int(planted.sum())
    place = np.empty(len(order))
    place[order] = np.arange(len(order))
    hits = int((flags & planted).sum())
    return Found(
        *what, len(order), count,
        precision=float(planted[order[:count]].mean()),
        first=float(planted[order[: max(1, count // 10)]].mean()),
        average_precision=float(average_precision_score(planted, -place)),
        flagged=int(flags.sum()),
        flagged_precision=hits / max(1, int(flags.sum())),
        flagged_recall=hits / count,
    )  # fmt: skip
