"""What was found about two sets of texts: the verdict, tables, a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from naba.drift import labels as label_shift
from naba.drift import texts
from naba.drift.part import blocks_of
from naba.evaluation.page.report import Report, Section
from naba.evaluation.significance import holm
from naba.evaluation.tables import Table, number, p_text, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.drift.labels import LabelShift
    from naba.drift.part import Part
    from naba.drift.texts import Change, Source, TwoSample, Word

SHOWN_SOURCES = 12


@dataclass(frozen=True)
class Limits:
    """When a change is called one: Holm-corrected p-values below `alpha`, and an area of at least `area`."""

    alpha: float = 0.01
    area: float = 0.6


@dataclass(frozen=True)
class Drift:
    """Everything that was found about an old and a new set of texts."""

    old: Part
    new: Part
    two_sample: TwoSample
    changes: Sequence[Change]
    words: Sequence[Word]
    sources: Sequence[Source]
    labels: LabelShift | None
    limits: Limits

    @property
    def p_values(self) -> tuple[float, float | None]:
        """Of the text and of the labels, corrected by Holm's method where there are two."""
        if self.labels is None:
            return self.two_sample.p_value, None
        both = holm([self.two_sample.p_value, self.labels.p_value])
        return float(both[0]), float(both[1])

    @property
    def text_changed(self) -> bool:
        """Can the texts be told apart, surely and well enough to matter?"""
        return self.p_values[0] < self.limits.alpha and self.two_sample.area >= self.limits.area

    @property
    def labels_changed(self) -> bool:
        """Have the shares of the labels changed?"""
        return self.p_values[1] is not None and self.p_values[1] < self.limits.alpha

    @property
    def found(self) -> bool:
        """Is there drift?"""
        return self.text_changed or self.labels_changed

    @property
    def verdict(self) -> str:
        """In one line."""
        said = [
            what for what, changed in (("the text", self.text_changed), ("the labels", self.labels_changed)) if changed
        ]
        if said:
            return f"drift: {' and '.join(said)} changed"
        asked = "the text" if self.labels is None else "the text and the labels"
        return f"no drift found in {asked} (alpha {self.limits.alpha:g}, area from {self.limits.area:g})"


def compare(old: Part, new: Part, labels: LabelShift | None, limits: Limits, seed: int = 0) -> Drift:
    """Compare two sets of texts.

    Args:
        labels: what is known of their labels; see `naba.drift.labels`.
    """
    return Drift(
        old, new, texts.two_sample(old, new, seed), texts.changes(old, new, seed), texts.telling_words(old, new),
        texts.telling_sources(old, new), labels, limits,
    )  # fmt: skip


def known_labels(old: Part, new: Part, seed: int = 0) -> LabelShift | None:
    """The change of gold labels; None where one side has none or they share no labels."""
    before, after = old.labels, new.labels
    if before is None or after is None or not set(before) & set(after):
        return None
    names = list(dict.fromkeys([*old.dataset.labels, *new.dataset.labels]))
    place = {label: code for code, label in enumerate(names)}
    codes = [np.array([place[label] for label in side], dtype=np.int64) for side in (before, after)]
    blocks = blocks_of(old, new)
    return label_shift.counted(names, (codes[0], blocks[0]), (codes[1], blocks[1]), seed)


def summary_table(drift: Drift) -> Table:
    """Both sides and the tests."""
    p_text_value, p_labels = drift.p_values
    test = drift.two_sample
    rows = [
        ["different texts", f"{len(drift.old):,}", f"{len(drift.new):,}", "", ""],
        ["repeated, left out", f"{drift.old.repeated:,}", f"{drift.new.repeated:,}", "", ""],
        ["told apart by a classifier (area; .5 is chance)", "", number(test.area), "",
         p_text(p_text_value)],
    ]  # fmt: skip
    for change in drift.changes:
        digits = 1 if change.what.startswith("words") else 3
        interval = f"{signed(change.difference, digits)} [{signed(change.low, digits)}, {signed(change.high, digits)}]"
        rows.append([change.what, number(change.old, digits), number(change.new, digits), interval, ""])
    if p_labels is not None:
        rows.append(["labels", "", "", "", p_text(p_labels)])
    notes = ["95 % intervals by bootstrap; rows of one group stay together"]
    notes += ["p-values are corrected by Holm's method"] if p_labels is not None else []
    title = f"{drift.old.name} to {drift.new.name}: {drift.verdict}"
    return Table(title, ["", "old", "new", "difference", "p"], rows, notes, numeric=[1, 2, 3, 4])


def label_table(shift: LabelShift) -> Table:
    """Shares of the labels; * where the interval leaves the old share out."""
    rows = []
    for one in shift.shares:
        row = [
            one.label,
            number(one.old),
            number(one.new),
            f"[{number(one.low)}, {number(one.high)}]",
            "*" if one.sure else "",
        ]
        rows.append(row if one.predicted is None else [*row[:2], number(one.predicted), *row[2:]])
    header = ["label", "old", "new", "interval", ""]
    header = [*header[:2], "predicted", "estimated", *header[3:]] if shift.estimated else header
    return Table("Labels", header, rows, shift.notes, numeric=range(1, len(header) - 1))


def word_table(words: Sequence[Word]) -> Table:
    """The telling words, those of the new side first."""
    rows = [[one.word, number(one.old, 1), number(one.new, 1), signed(one.z, 1)] for one in words]
    header = ["word", "old: in 1,000", "new", "z"]
    return Table(
        "Words that say so",
        header,
        rows,
        ["texts, or groups of them, that have the word; z above zero: more in the new ones"],
        numeric=[1, 2, 3],
    )


def source_table(sources: Sequence[Source], shown: int = SHOWN_SOURCES) -> Table:
    """The sources whose share changed most."""
    rows = [
        [one.column, one.value, number(one.old), number(one.new), signed(one.new - one.old)] for one in sources[:shown]
    ]
    more = [f"and {len(sources) - shown} more"] if len(sources) > shown else []
    return Table("Sources", ["column", "value", "old", "new", "difference"], rows, more, numeric=[2, 3, 4], keys=2)


def tables(drift: Drift) -> list[Table]:
    """All that have something to show."""
    found = [summary_table(drift)]
    found += [label_table(drift.labels)] if drift.labels is not None else []
    found += [source_table(drift.sources)] if drift.sources else []
    return [*found, word_table(drift.words)] if drift.words else found


def page(drift: Drift) -> str:
    """One page."""
    first, *rest = tables(drift)
    sections = [Section("At a glance", table=first), *(Section(table.title, table=table) for table in rest)]
    return Report(f"{drift.old.name} → {drift.new.name}", drift.verdict.capitalize() + ".", sections).page()
