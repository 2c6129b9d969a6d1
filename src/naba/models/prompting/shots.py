"""Few shots: which rows of the training part are shown before a row, never one of the row's own group."""

from __future__ import annotations

from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from naba.arabic.normalise import normalise_all
from naba.arabic.profile import NEWS
from naba.models.prompting.prompt import Shot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Choice = Literal["fixed", "balanced", "nearest"]
SPARE = 50
"""Further candidates that fixed and balanced shots keep, for rows whose own group is among the first."""
ROWS_AT_ONCE = 512

Rows = dict[str, list[str]]
"""Columns text, target, label and group, equally long."""


def candidates(rows: Rows, choose: Choice, shots: int, seed: int) -> Rows:
    """The training rows that shots come from, in the order in which they are taken.

    Args:
        rows: the training part.
        choose: `fixed` draws rows, `balanced` draws the labels in turn; `nearest` keeps all, in their order.
    """
    count = len(rows["text"])
    if not shots:
        return {name: [] for name in rows}
    if choose == "nearest":
        return rows
    drawn = np.random.default_rng(seed).permutation(count).tolist()
    if choose == "balanced":
        labels = rows["label"]
        of_label = [[row for row in drawn if labels[row] == label] for label in sorted(set(labels))]
        drawn = [row for turn in zip_longest(*of_label) for row in turn if row is not None]
    return {name: [values[row] for row in drawn[: shots + SPARE]] for name, values in rows.items()}


class Chooser:
    """Chooses the shots of rows.

    Args:
        rows: of `candidates`.
        shots: how many; fewer where too few are of other groups.
    """

    def __init__(self, rows: Rows, choose: Choice, shots: int) -> None:
        self.rows, self.choose, self.shots = rows, choose, shots

    def of(self, texts: Sequence[str], targets: Sequence[str], groups: Sequence[str]) -> list[list[Shot]]:
        """The shots of each row, the nearest last."""
        if not self.shots:
            return [[] for _ in texts]
        whole = zip(texts, targets, self._groups(targets, groups), self._orders(texts, targets), strict=True)
        return [self._shots(*one) for one in whole]

    def _groups(self, targets: Sequence[str], groups: Sequence[str]) -> Sequence[str]:
        """The group of each row; where nobody said it (new texts) its target, if that is what groups are here."""
        if any(groups) or self.rows["group"] != self.rows["target"]:
            return groups
        return targets

    def _shots(self, text: str, target: str, group: str, order: Sequence[int]) -> list[Shot]:
        found: list[Shot] = []
        for place in order:
            if len(found) == self.shots:
                break
            mine = {name: values[place] for name, values in self.rows.items()}
            if (group and mine["group"] == group) or (mine["text"] == text and mine["target"] == target):
                continue
            found.append(Shot(mine["text"], mine["target"], mine["label"]))
        return found[::-1]

    def _orders(self, texts: Sequence[str], targets: Sequence[str]) -> Iterator[Sequence[int]]:
        if self.choose != "nearest":
            order = range(len(self.rows["text"]))
            yield from (order for _ in texts)
            return
        vectoriser, matrix = self._vectors
        for start in range(0, len(texts), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            near = (vectoriser.transform(_joined(texts[part], targets[part])) @ matrix.T).toarray()
            yield from np.argsort(-near, axis=1, kind="stable").tolist()

    @cached_property
    def _vectors(self) -> tuple[Any, Any]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectoriser = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        return vectoriser, vectoriser.fit_transform(_joined(self.rows["text"], self.rows["target"]))


def _joined(texts: Sequence[str], targets: Sequence[str]) -> list[str]:
    return normalise_all([f"{target} {text}" for text, target in zip(texts, targets, strict=True)], NEWS)


def as_rows(X: Mapping[str, Any], labels: Sequence[str], groups: Sequence[str] | None) -> Rows:
    """A training table as plain columns."""
    from naba.models.classifier import text_columns

    texts, targets = text_columns(X)
    known = [""] * len(texts) if groups is None else [str(group or "") for group in groups]
    return {"text": texts, "target": targets, "label": [str(label) for label in labels], "group": known}
