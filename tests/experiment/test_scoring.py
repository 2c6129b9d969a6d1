"""A model of one label scheme on data of another: what it says, and how often it reads the data for that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from calls import rows_given
from naba.experiment.scoring import Relabelled
from naba.models import tfidf_nb, tfidf_svm
from naba.models.calibration import Calibrated
from naba.models.tfidf.features import TextFeatures

NAMES = {"agree": "true", "discuss": "other", "unrelated": "other"}


def table() -> tuple[pd.DataFrame, np.ndarray]:
    words = {"agree": "ارتفاع صعود زيادة", "discuss": "انخفاض هبوط زيادة", "unrelated": "مباراة هدف صعود"}
    places = ["مصر", "الأردن", "تونس", "المغرب", "العراق", "لبنان"]
    rows = [(f"{word} {place}", label) for label, three in words.items() for word in three.split() for place in places]
    texts, labels = zip(*rows, strict=True)
    return pd.DataFrame({"text": texts, "target": [""] * len(texts)}, dtype=object), np.array(labels, dtype=object)


@pytest.mark.parametrize(
    ("model", "validated", "kind"),
    [
        (tfidf_svm(), False, "calibrated"),
        (Calibrated(tfidf_nb()), True, "calibrated"),
        (Calibrated(tfidf_nb(), "isotonic"), True, "calibrated"),
        (tfidf_nb(), False, "model"),
    ],
)
def test_one_reading_gives_the_renamed_labels_and_the_added_probabilities(
    model: Any, validated: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = table()
    model.fit(X, y, **({"validation": (X[::2], y[::2])} if validated else {}))
    carried = Relabelled(model, NAMES)
    assert carried.probability_kind_ == kind
    given = model.predict_proba(X)
    expected = np.column_stack([given[:, 1] + given[:, 2], given[:, 0]])
    labels = np.array([NAMES[label] for label in model.predict(X)], dtype=object)
    assert carried.predict(X).tolist() == labels.tolist()
    if kind == "model":
        # Two labels that become one may together be the most probable one.
        labels = np.array(["other", "true"], dtype=object)[expected.argmax(axis=1)]
    read = rows_given(monkeypatch, TextFeatures, "transform")
    said = carried.answer(X)
    found, probabilities = said.labels, said.probabilities
    assert read == [len(X)]
    assert found.tolist() == labels.tolist()
    assert probabilities.tobytes() == expected.tobytes()
    assert len(set(labels)) == 2
