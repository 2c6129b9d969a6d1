"""Suspicious labels as tables and as a page."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from naba.annotation.suspects import COLUMNS
from naba.evaluation.page.report import Example, Report, Section
from naba.evaluation.tables import Table, counted, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.annotation.planted import Found
    from naba.annotation.suspects import Suspects

SHORTEST = 60
PLANTED_NOTE = (
    "precision: planted errors among as many of the most suspicious rows as errors were planted, which is recall there "
    "too; errors that were there before count as misses, so it is a lower bound"
)
READING = (
    "A suspicion is no verdict: read the rows. A model is also wrong about rows that are hard or rare, and right "
    "labels of small classes are suspected most."
)


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
    return line if len(line) <= SHORTEST else line[: SHORTEST - 1] + "…"
