"""How far people agree beyond chance, with intervals; as tables and as a page.

Each coefficient is a function of sums over rows, so a bootstrap resample is one product of weights and a table. Rows of
a group (a claim) are drawn together.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from naba.annotation.resolve import disputed
from naba.evaluation.bootstrap import Score, codes_of, resampling_weights
from naba.evaluation.page.report import Example, Report, Section
from naba.evaluation.tables import Table, counted, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.annotation.answers import Answers
    from naba.annotation.resolve import Decision
    from naba.data.dataset import IntArray
    from naba.evaluation.metrics import FloatArray

RESAMPLES = 2_000
CONFIDENCE = 0.95

Coefficient = Callable[["FloatArray"], "FloatArray"]
"""(…, d) sums over rows -> (…) values; nan where chance leaves no room, as when a single label was used."""
ONE_LABEL = "where a coefficient is missing, a single label was used, and nothing can be said about chance"
MOST_SHOWN = 200


@dataclass(frozen=True)
class Agreement:
    """What several people's answers to the same rows say.

    Attributes:
        alpha: Krippendorff's, over all rows with two answers or more.
        fleiss: Fleiss' κ, over the rows that everybody answered.
        same: share of the rows with two answers or more on which all say the same.
        by_label: label -> α of "this label or another".
        pairs: (person, person) -> (Cohen's κ, share of equal answers), over the rows that both answered.
    """

    alpha: Score
    fleiss: Score
    same: Score
    by_label: dict[str, Score]
    pairs: dict[tuple[str, str], tuple[Score, Score]]


def measure(answers: Answers, resamples: int = RESAMPLES, seed: int = 0) -> Agreement:
    """The agreement of everybody, by label and by pair of people."""
    codes, labels = answers.codes, list(answers.project.labels)
    groups = [row.group or f"row {row.id}" for row in answers.project.rows]
    units = codes_of(np.array(groups, dtype=object))

    def score(name: str, table: FloatArray, coefficient: Coefficient, rows: int) -> Score:
        return _score(name, table, coefficient, rows, units, resamples, seed)

    counts = label_counts(codes, len(labels))
    several = counts.sum(axis=1) >= 2
    everybody = (codes >= 0).sum(axis=1) == codes.shape[1]
    unanimous = (counts.max(axis=1, initial=0) == counts.sum(axis=1)) & several
    by_label = {
        label: score(label, coincidences(np.stack([counts[:, code], counts.sum(axis=1) - counts[:, code]], axis=1)),
                     krippendorff_alpha, int(several.sum()))
        for code, label in enumerate(labels) if counts[:, code].any()
    }  # fmt: skip
    pairs = {}
    for one, other in itertools.combinations(range(len(answers.people)), 2):
        table = contingency(codes[:, one], codes[:, other], len(labels))
        rows = int(table.sum())
        pairs[answers.people[one], answers.people[other]] = (
            score("cohen", table, cohen_kappa, rows), score("same", table, observed, rows),
        )  # fmt: skip
    return Agreement(
        score("alpha", coincidences(counts), krippendorff_alpha, int(several.sum())),
        score("fleiss", fleiss_table(counts * everybody[:, None]), _fleiss_of(codes.shape[1]), int(everybody.sum())),
        score("same", np.stack([unanimous, several], axis=1).astype(float), _share, int(several.sum())),
        by_label,
        pairs,
    )  # fmt: skip


def label_counts(codes: IntArray, labels: int) -> FloatArray:
    """(n, k) how many people gave each row each label; `codes` is (n, people), -1 for no answer."""
    return np.stack([(codes == code).sum(axis=1) for code in range(labels)], axis=1).astype(np.float64)


def coincidences(counts: FloatArray) -> FloatArray:
    """(n, k * k) each row's part of Krippendorff's coincidence matrix (Krippendorff 2011, computing alpha, C)."""
    people = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :]
    place = np.arange(counts.shape[1])
    pairs[:, place, place] -= counts
    pairs /= np.maximum(people - 1, 1)[:, None, None]
    pairs[people < 2] = 0
    return pairs.reshape(len(counts), -1)


def krippendorff_alpha(sums: FloatArray) -> FloatArray:
    """α for nominal labels from summed coincidences, (…, k * k)."""
    matrix = _square(sums)
    totals = matrix.sum(axis=-1)
    n = totals.sum(axis=-1)
    disagreeing = n - np.trace(matrix, axis1=-2, axis2=-1)
    by_chance = n**2 - (totals**2).sum(axis=-1)
    return 1 - _ratio((n - 1) * disagreeing, by_chance)


def contingency(one: IntArray, other: IntArray, labels: int) -> FloatArray:
    """(n, k * k) one in the cell of the two people's labels, nothing where one of them gave none."""
    table = np.zeros((len(one), labels * labels))
    both = (one >= 0) & (other >= 0)
    table[np.flatnonzero(both), (one * labels + other)[both]] = 1
    return table


def cohen_kappa(sums: FloatArray) -> FloatArray:
    """Cohen's κ (1960) from the counts of two people, (…, k * k)."""
    matrix = _square(sums)
    n = matrix.sum(axis=(-2, -1))
    by_chance = _ratio((matrix.sum(axis=-1) * matrix.sum(axis=-2)).sum(axis=-1), n**2)
    return _ratio(observed(sums) - by_chance, 1 - by_chance)


def observed(sums: FloatArray) -> FloatArray:
    """Share of equal answers of two people, from (…, k * k) counts."""
    matrix = _square(sums)
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def fleiss_table(counts: FloatArray) -> FloatArray:
    """(n, k + 2) what Fleiss' κ sums over rows: counts of labels, equal pairs, rows; rows without answers are zero."""
    equal = (counts * (counts - 1)).sum(axis=1)
    return np.column_stack([counts, equal, counts.any(axis=1)])


def _fleiss_of(people: int) -> Coefficient:
    return lambda sums: fleiss_kappa(sums, people)


def fleiss_kappa(sums: FloatArray, people: int) -> FloatArray:
    """Fleiss' κ (1971) of rows that each of `people` answered, from the sums of `fleiss_table`."""
    rows = sums[..., -1]
    agreeing = _ratio(sums[..., -2], rows * people * (people - 1))
    shares = _ratio(sums[..., :-2], (rows * people)[..., None])
    by_chance = (shares**2).sum(axis=-1)
    return _ratio(agreeing - by_chance, 1 - by_chance)


def _share(sums: FloatArray) -> FloatArray:
    return _ratio(sums[..., 0], sums[..., 1])


def _square(sums: FloatArray) -> FloatArray:
    size = round(sums.shape[-1] ** 0.5)
    return sums.reshape(*sums.shape[:-1], size, size)


def _ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    b = np.where(np.abs(b) < 1e-12, np.nan, b)
    found: FloatArray = np.asarray(a) / b
    return found


def _score(
    name: str, table: FloatArray, coefficient: Coefficient, rows: int, units: IntArray, resamples: int, seed: int
) -> Score:
    """The coefficient of all rows and its percentile interval; resamples on which it is not defined are left out."""
    value = float(coefficient(table.sum(axis=0)))
    if np.isnan(value):
        return Score(name, value, float("nan"), float("nan"), rows)
    # Only units with answers are drawn, or an unanswered row would stand for an answered one.
    used = np.unique(units[table.any(axis=1)])
    sums = np.zeros((int(units.max()) + 1, table.shape[1]))
    np.add.at(sums, units, table)
    weights = resampling_weights(np.zeros(len(used), dtype=np.int64), resamples, np.random.default_rng(seed))
    drawn = np.concatenate([coefficient(chunk.astype(np.float64) @ sums[used]) for chunk in weights])
    drawn = drawn[~np.isnan(drawn)]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail]) if len(drawn) else (float("nan"), float("nan"))
    return Score(name, value, float(low), float(high), rows)


def people_table(answers: Answers) -> Table:
    """How much everybody labelled, and how fast."""
    rows = []
    for person in answers.people:
        given = [one for one in answers.given if one.person == person and one.label and not one.second_round]
        seconds = [one.seconds for one in given if one.seconds > 0]
        took = f"{np.median(seconds):.0f} s" if seconds else ""
        said = Counter(one.label for one in given)
        rows.append([person, f"{len(given)}", took, ", ".join(f"{label} {n}" for label, n in said.most_common())])
    return Table("People", ["person", "rows", "median time", "labels"], rows, numeric=[1, 2])


def agreement_table(found: Agreement) -> Table:
    """The coefficients, over everybody, by label and by pair of people."""
    rows = [
        ["everybody", "Krippendorff's α", *_cells(found.alpha)],
        ["everybody", "Fleiss' κ", *_cells(found.fleiss)],
        ["everybody", "all the same", *_cells(found.same)],
    ]
    rows += [[label, "α, this label or another", *_cells(score)] for label, score in found.by_label.items()]
    for (one, other), (kappa, same) in found.pairs.items():
        rows += [[f"{one}, {other}", "Cohen's κ", *_cells(kappa)], [f"{one}, {other}", "the same", *_cells(same)]]
    missing = any(np.isnan(score.value) for score in [found.alpha, found.fleiss, *found.by_label.values()])
    notes = ["95 % bootstrap intervals; rows of one group are drawn together", *([ONE_LABEL] if missing else [])]
    return Table("Agreement", ["of", "measure", "value", "interval", "rows"], rows, notes, numeric=[2, 4], keys=2)


def decisions_table(decisions: Sequence[Decision]) -> Table:
    """How many rows were decided in what way."""
    counts = Counter(one.way for one in decisions)
    rows = [[way, f"{count}"] for way, count in counts.most_common()]
    return Table("Labels", ["decided by", "rows"], rows, numeric=[1])


def earlier_table(decisions: Sequence[Decision]) -> Table | None:
    """How often people's labels are those the rows had; None where they had none."""
    known = [one for one in decisions if one.label and one.row.label]
    if not known:
        return None
    pairs = Counter((one.row.label, one.label) for one in known)
    rows = [[was, now, f"{count}"] for (was, now), count in sorted(pairs.items(), key=lambda item: -item[1])]
    same = sum(count for (was, now), count in pairs.items() if was == now)
    title = f"The labels that the rows had: {same} of {len(known)} stand"
    return Table(title, ["had", "people say", "rows"], rows, numeric=[2], keys=2)


def page(answers: Answers, found: Agreement | None, decisions: Sequence[Decision]) -> str:
    """One page: who labelled, how far they agree, and the rows on which they differ."""
    names = answers.project.labels
    sections = [Section("People", table=people_table(answers))]
    if found is not None:
        sections.append(Section("Agreement", table=agreement_table(found)))
    sections.append(Section("Labels", table=decisions_table(decisions)))
    if (earlier := earlier_table(decisions)) is not None:
        sections.append(Section("The labels that the rows had", table=earlier))
    comments = {(one.id, one.person): one.comment for one in answers.given if one.comment}
    differing = disputed(decisions)
    examples = [
        Example(
            one.row.text,
            one.row.target,
            f"{one.row.id} · {one.way}",
            [f"{person}: {names[label]}" for person, label in one.said.items()],
            [f"{person}: {comments[one.row.id, person]}" for person in one.said if (one.row.id, person) in comments],
        )
        for one in differing[:MOST_SHOWN]
    ]
    heading = f"People differ on {counted(len(differing), 'row')}"
    sections.append(Section(heading, examples=examples))
    people = f"{len(answers.people)} people" if len(answers.people) > 1 else "1 person"
    given = counted(sum(bool(one.label) for one in answers.given), "answer")
    lead = f"{people}, {given} to {counted(len(decisions), 'row')} of {answers.project.name}."
    return Report(f"{answers.project.name}: what people say", lead, sections).page()


def _cells(score: Score) -> list[str]:
    if np.isnan(score.value):
        return ["—", "", f"{score.n}"]
    return [number(score.value), f"[{number(score.low)}, {number(score.high)}]", f"{score.n}"]
