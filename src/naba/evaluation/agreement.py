"""How far two sets of predictions for the same rows agree: a run done again, an export against its run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from naba.errors import UserError
from naba.evaluation.metrics import f1s

if TYPE_CHECKING:
    from naba.evaluation.predictions import Predictions

Verdict = Literal["byte-equal", "equal labels", "different"]


@dataclass(frozen=True)
class Agreement:
    """What differs between two sets of predictions.

    Attributes:
        verdict: "byte-equal" (labels and every bit of the probabilities), "equal labels", or "different".
        rows: rows compared.
        differing: rows whose predicted labels differ.
        examples: the ids of the first of them, at most five.
        largest_probability: the largest |difference| of two probabilities.
        f1_changes: label -> F1 of the second minus the first.
    """

    verdict: Verdict
    rows: int
    differing: int
    examples: tuple[str, ...]
    largest_probability: float
    f1_changes: dict[str, float]

    @property
    def share(self) -> float:
        """Share of rows with equal labels; 1 for no rows."""
        return 1 - self.differing / self.rows if self.rows else 1.0

    def __str__(self) -> str:
        if self.verdict == "byte-equal":
            return f"byte-equal on {self.rows} rows"
        said = f"probabilities differ by up to {self.largest_probability:.2g}"
        if self.verdict == "equal labels":
            return f"equal labels on {self.rows} rows; {said}"
        return f"{self.differing} of {self.rows} labels differ (ids {', '.join(self.examples)}); {said}"


def agreement(first: Predictions, second: Predictions) -> Agreement:
    """Compare two sets of predictions row by row, aligned by id.

    Raises:
        UserError: ids or labels are not the same.
    """
    if set(first.labels) != set(second.labels):
        raise UserError(
            f"predictions over {', '.join(first.labels)} cannot be compared with those over {', '.join(second.labels)}"
        )
    second = second.aligned_to(first.ids)
    order = [second.labels.index(label) for label in first.labels]
    probabilities = second.probabilities[:, order]
    wrong = first.predicted != second.predicted
    equal = not wrong.any()
    same_bits = first.probabilities.tobytes() == np.ascontiguousarray(probabilities).tobytes()
    apart = np.abs(first.probabilities - probabilities)
    changes = f1s(second.confusion()[np.ix_(order, order)]) - f1s(first.confusion())
    return Agreement(
        verdict="different" if not equal else "byte-equal" if same_bits else "equal labels",
        rows=len(first),
        differing=int(wrong.sum()),
        examples=tuple(str(name) for name in first.ids[wrong][:5]),
        largest_probability=float(apart.max()) if apart.size else 0.0,
        f1_changes={label: float(change) for label, change in zip(first.labels, changes, strict=True)},
    )
