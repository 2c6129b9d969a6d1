"""A further data set is scored only where the model has not seen its rows."""

from __future__ import annotations

import numpy as np
import pytest

from naba.data.splits import Split
from naba.errors import UserError
from naba.experiment.scoring import MOST_TRAINED_ON, _refuse_trained_rows


class Texts:
    """Rows of a data set, as `_refuse_trained_rows` asks for them."""

    def __init__(self, name: str, texts: list[str], targets: list[str] | None = None) -> None:
        self.name = name
        self.columns = {"text": texts, "target": targets or [""] * len(texts)}

    def column(self, name: str, indices: np.ndarray) -> list[str]:
        return [self.columns[name][index] for index in indices]

    def indices(self, part: str) -> np.ndarray:
        return np.arange(len(self.columns["text"]) if part == "test" else 0)


EMPTY = np.empty(0, dtype=np.int64)
TRAINED = Texts("trained", [f"نص {row}" for row in range(300)])
ALL = Split(np.arange(300), EMPTY, EMPTY, "given")


@pytest.mark.parametrize(("seen", "rows", "refused"), [(5, 100, False), (6, 100, True), (1, 20, False), (2, 20, True)])
def test_a_twentieth_of_the_test_rows_may_have_been_trained_on(seen: int, rows: int, refused: bool) -> None:
    assert MOST_TRAINED_ON == 0.05
    other = Texts("other", [f"نص {row}" for row in range(seen)] + [f"خبر {row}" for row in range(rows - seen)])
    if not refused:
        _refuse_trained_rows(TRAINED, ALL, other, other.indices("test"))  # type: ignore[arg-type]
        return
    with pytest.raises(UserError, match=f"{seen} of the {rows} test rows of 'other'"):
        _refuse_trained_rows(TRAINED, ALL, other, other.indices("test"))  # type: ignore[arg-type]


def test_a_text_with_another_claim_is_another_row_and_only_training_rows_count() -> None:
    texts = [f"نص {row}" for row in range(100)]
    paired, single = Texts("other", texts, ["ادعاء"] * 100), Texts("other", texts)
    _refuse_trained_rows(TRAINED, ALL, paired, paired.indices("test"))  # type: ignore[arg-type]
    rest = Split(np.arange(100, 300), EMPTY, EMPTY, "given")
    _refuse_trained_rows(TRAINED, rest, single, single.indices("test"))  # type: ignore[arg-type]
