"""Jobs of a sweep share fitted features, within a limit, and answer as if they did not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from naba.errors import UserError
from naba.models import shared, tfidf_logreg, tfidf_nb
from naba.models.tfidf.features import TextFeatures

TEXTS = [f"{'ارتفاع' if row % 2 else 'هبوط'} أسعار النفط {row % 7}" for row in range(60)]
LABELS = np.array(["rise" if row % 2 else "fall" for row in range(60)], dtype=object)


def table(texts: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"text": texts, "target": ""}, dtype=object)


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each fit of features, while they are shared."""
    counted: list[int] = []
    plain = TextFeatures.fit_transform

    def counting(self: TextFeatures, X: pd.DataFrame, y: Any = None) -> Any:
        counted.append(len(X))
        return plain(self, X, y)

    monkeypatch.setattr(TextFeatures, "fit_transform", counting)
    return counted


def test_models_that_read_the_same_rows_alike_fit_features_once(fits: list[int]) -> None:
    alone = [build().fit(table(TEXTS), LABELS).predict_proba(table(TEXTS[:9])) for build in (tfidf_logreg, tfidf_nb)]
    assert fits == [60, 60]
    shared.share()
    together = [build().fit(table(TEXTS), LABELS).predict_proba(table(TEXTS[:9])) for build in (tfidf_logreg, tfidf_nb)]
    assert fits == [60, 60, 60]
    assert [one.tobytes() for one in alone] == [one.tobytes() for one in together]


def test_other_rows_and_other_settings_are_fitted_by_themselves(fits: list[int]) -> None:
    shared.share()
    for texts, words in ((TEXTS, 2), ([*TEXTS[:-1], "نص آخر"], 2), (TEXTS, 1)):
        tfidf_logreg(words=words).fit(table(texts), LABELS)
    assert fits == [60, 60, 60]


def test_no_more_is_kept_than_there_is_room(fits: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(shared.ROOM, "1")
    shared.share()
    monkeypatch.setattr(shared, "_room", 30_000)  # room for the matrix of one of them
    for texts in (TEXTS, TEXTS[::-1], TEXTS):
        tfidf_nb().fit(table(texts), LABELS)
    assert fits == [60, 60, 60]
    assert 0 < sum(shared._bytes(matrix) for _, matrix in shared._kept.values()) <= 30_000


def test_room_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(shared.ROOM, "viel")
    with pytest.raises(UserError, match="NABA_FEATURES_MB='viel': expected megabytes"):
        shared.share()
