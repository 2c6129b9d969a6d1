"""What people's answers say, as tables and as a page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from naba.annotation.resolve import disputed
from naba.evaluation.page.report import Example, Report, Section
from naba.evaluation.tables import Table, counted, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.annotation.agreement import Agreement
    from naba.annotation.answers import Answers
    from naba.annotation.resolve import Decision
    from naba.evaluation.bootstrap import Score

ONE_LABEL = "where a coefficient is missing, a single label was used, and nothing can be said about chance"
MOST_SHOWN = 200


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
