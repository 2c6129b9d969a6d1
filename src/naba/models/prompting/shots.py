"""Few shots: which rows of the training part are shown before a row, never one of the row's own group."""

from __future__ import annotations

from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, clone

from naba.arabic.normalise import normalise_all
from naba.arabic.profile import NEWS
from naba.errors import UserError
from naba.models.classifier import DAMAGED, Kept, text_columns
from naba.models.prompting.prompt import Shot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from naba.models.embeddings.features import EmbeddingFeatures

    Nearness = Callable[[list[str], list[str]], np.ndarray]
    """Texts and targets of n rows -> (n, candidates), higher for what is nearer."""

Choice = Literal["fixed", "balanced", "nearest"]
MOST = 1000
SPARE = 50
"""Further candidates that fixed and balanced shots keep, for rows whose own group is among the first."""
ROWS_AT_ONCE = 512
COLUMNS = ("text", "target", "label")
_DECIMALS = 6


class Shots(Kept, BaseEstimator):
    """Chooses the training rows that are shown before each row.

    Args:
        count: how many; fewer where too few are of other groups.
        choose: `fixed` draws rows, `balanced` draws the labels in turn, `nearest` takes what is nearest to each row.
        embeddings: what is near is told by their cosine, of pairs by the mean of both sides'; None takes the cosine of
            the TF-IDF of letters.
        seed: of the draws.

    Attributes:
        rows_: the candidates by column (text, target, label, group), in the order in which they are taken.
        embeddings_: fitted, where there are any.
        vectors_: of the candidates, (sides, candidates, width) float32.
    """

    def __init__(
        self, count: int = 0, choose: Choice = "balanced", embeddings: EmbeddingFeatures | None = None, seed: int = 0
    ) -> None:
        self.count = count
        self.choose = choose
        self.embeddings = embeddings
        self.seed = seed

    def fit(self, X: Any, y: Sequence[str], groups: Sequence[str] | None = None) -> Shots:
        """Learn the candidates, among the rows of X with labels y and groups.

        Raises:
            UserError: the weights for embeddings cannot be had.
        """
        texts, targets = text_columns(X)
        known = [""] * len(texts) if groups is None else [str(group or "") for group in groups]
        columns = {"text": texts, "target": targets, "label": list(y), "group": known}
        order = self._order(columns["label"])
        self.rows_ = {name: [values[row] for row in order] for name, values in columns.items()}
        if self.embeddings is not None and self.is_nearest:
            self.embeddings_ = clone(self.embeddings).fit(X)
            self.vectors_ = self.embeddings_.vectors(X).astype(np.float32)
        return self

    @property
    def is_nearest(self) -> bool:
        """Does each row have shots of its own?"""
        return self.choose == "nearest" and self.count > 0

    def _order(self, labels: Sequence[str]) -> Sequence[int]:
        """The places of the candidates."""
        if self.is_nearest or not self.count:
            return range(len(labels) if self.count else 0)
        drawn: list[int] = np.random.default_rng(self.seed).permutation(len(labels)).tolist()
        if self.choose == "balanced":
            of_label = [[row for row in drawn if labels[row] == label] for label in sorted(set(labels))]
            drawn = [row for turn in zip_longest(*of_label) for row in turn if row is not None]
        return drawn[: self.count + SPARE]

    def of(self, X: Any) -> list[list[Shot]]:
        """The shots of each row of X, the nearest last; X may have a column `group`."""
        texts, targets = text_columns(X)
        if not self.count:
            return [[] for _ in texts]
        groups = [str(group or "") for group in X["group"]] if "group" in X else [""] * len(texts)
        # Where nobody said the group (new texts) it is the target, if that is what groups are here.
        if not any(groups) and self.rows_["group"] == self.rows_["target"]:
            groups = targets
        whole = zip(texts, targets, groups, self._orders(texts, targets), strict=True)
        return [self._shots(*one) for one in whole]

    def _shots(self, text: str, target: str, group: str, order: Sequence[int]) -> list[Shot]:
        found: list[Shot] = []
        for place in order:
            if len(found) == self.count:
                break
            shot = Shot(*(self.rows_[name][place] for name in COLUMNS))
            own = bool(group) and self.rows_["group"][place] == group
            if not own and (shot.text, shot.target) != (text, target):
                found.append(shot)
        return found[::-1]

    def _orders(self, texts: list[str], targets: list[str]) -> Iterator[Sequence[int]]:
        """The places of the candidates for each row, the best first."""
        if not self.is_nearest:
            yield from [range(len(self.rows_["text"]))] * len(texts)
            return
        for start in range(0, len(texts), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            yield from np.argsort(-self._nearness(texts[part], targets[part]), axis=1, kind="stable").tolist()

    @cached_property
    def _nearness(self) -> Nearness:
        if self.embeddings is None:
            return _by_letters(self.rows_["text"], self.rows_["target"])
        return self._by_embeddings

    def _by_embeddings(self, texts: list[str], targets: list[str]) -> np.ndarray:
        asked = self.embeddings_.vectors({"text": texts, "target": targets})
        # What differs in the last bits of float32 is equal, however many texts were embedded together.
        return np.round(np.matmul(asked, self.vectors_.swapaxes(1, 2)).mean(axis=0), _DECIMALS)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_nearness"}

    @classmethod
    def check_state(cls, state: Mapping[str, Any]) -> None:
        """See `Kept`: a number within bounds, candidates with all columns, and as many vectors as candidates."""
        rows, vectors = state.get("rows_", {}), state.get("vectors_")
        counts = {len(values) for values in rows.values()}
        sound = (
            "_nearness" not in state
            and type(state.get("count")) is int
            and 0 <= state["count"] <= MOST
            and set(rows) <= {*COLUMNS, "group"}
            and len(counts) <= 1
            and (vectors is None or (vectors.ndim == 3 and {vectors.shape[1]} == counts))
        )
        if not sound:
            raise UserError("the examples of the prompt are not as naba writes them", DAMAGED)


def _by_letters(texts: list[str], targets: list[str]) -> Nearness:
    from sklearn.feature_extraction.text import TfidfVectorizer

    def joined(texts: list[str], targets: list[str]) -> list[str]:
        return normalise_all([f"{target} {text}" for text, target in zip(texts, targets, strict=True)], NEWS)

    vectoriser = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    matrix = vectoriser.fit_transform(joined(texts, targets))

    def nearness(texts: list[str], targets: list[str]) -> np.ndarray:
        found: np.ndarray = (vectoriser.transform(joined(texts, targets)) @ matrix.T).toarray()
        return found

    return nearness
