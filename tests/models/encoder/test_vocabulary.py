"""Training with the token vectors that the texts ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from naba.models import pretrained
from naba.models.encoder import layers
from naba.models.encoder.weights import load_pretrained

if TYPE_CHECKING:
    from pathlib import Path

TRAINING = {"epochs": 3, "learning_rate": 5e-3, "batch_size": 8, "threads": 1, "precision": "float32",
            "weight_decay": 0.1}  # fmt: skip


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of a tiny checkpoint counts as a large one."""
    monkeypatch.setattr(layers, "LARGE", 0)


def fitted(checkpoint: Path, headlines: Any, **training: Any) -> Any:
    """Trained on headlines of one place and scored on those of another: most tokens are not asked for."""
    X, y = headlines
    train, held = (X["text"].str.endswith(place).to_numpy() for place in ("مصر", "تونس"))
    model = pretrained(checkpoint=str(checkpoint), reading={"max_length": 24}, training=TRAINING | training)
    return model.fit(X[train], y[train], validation=(X[held], y[held]))


@pytest.mark.parametrize("kind", ["checkpoint", "roberta_checkpoint"])
def test_what_is_trained_is_the_same(
    kind: str, headlines: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = request.getfixturevalue(kind)
    tables = []
    read = layers._part
    monkeypatch.setattr(layers, "_part", lambda whole, ids: tables.append(len(ids)) or read(whole, ids))
    ours = fitted(folder, headlines)
    started = load_pretrained(str(folder), ["fall", "rise"])[1]
    whole, start = (model.get_input_embeddings().weight.detach() for model in (ours.model_, started))
    assert 0 < tables[0] < 0.5 * len(whole)
    changed = (whole != start).any(dim=1).numpy()
    assert 5 < changed.sum() <= tables[0]
    monkeypatch.setattr(layers, "WORTH_IT", 0.0)
    plain = fitted(folder, headlines)
    assert len(tables) == 1
    for one, other in zip(ours.history_, plain.history_, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], abs=1e-4)
    X, _ = headlines
    seen = X[X["text"].str.endswith(("مصر", "تونس"))]
    np.testing.assert_allclose(ours.predict_proba(seen), plain.predict_proba(seen), atol=2e-3)


def test_the_table_is_whole_after_a_training_that_fails(checkpoint: Path, headlines: Any) -> None:
    from naba.models.encoder.training import watched_by

    def stop(epoch: int, score: float) -> None:
        raise KeyboardInterrupt

    model = pretrained(checkpoint=str(checkpoint), reading={"max_length": 24}, training=TRAINING)
    X, y = headlines
    with pytest.raises(KeyboardInterrupt), watched_by(stop):
        model.fit(X[::9], y[::9], validation=(X[:9], y[:9]))
    table = model.model_.get_input_embeddings()
    assert table.num_embeddings == model.model_.config.vocab_size
    assert type(table).__name__ == "Embedding"
