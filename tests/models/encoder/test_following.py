"""A training while it runs: what is said, who is told, which arithmetic, and when a checkpoint is due."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from naba import files
from naba.models import classifier, from_scratch
from naba.models.encoder import checkpoints, training
from naba.models.encoder.checkpoints import Store

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS: dict[str, Any] = {
    "architecture": {"layers": 1, "hidden": 32, "heads": 2, "vocabulary": 200},
    "reading": {"max_length": 24},
    "training": {"epochs": 3, "batch_size": 32, "threads": 1},
}  # fmt: skip


def fit(headlines: Any, **training_options: Any) -> Any:
    X, y = headlines
    options = OPTIONS | {"training": OPTIONS["training"] | training_options}
    return from_scratch(**options).fit(X, y, validation=(X[::6], y[::6]))


def test_each_epoch_is_told_when_it_ends(headlines: Any) -> None:
    told: list[Any] = []
    with classifier.followed_by(lambda entry: told.append(dict(entry))):
        model = fit(headlines)
    assert told == model.history_
    assert [entry["epoch"] for entry in told] == [1, 2, 3]


def test_a_follower_that_fails_ends_the_training_in_that_epoch(headlines: Any) -> None:
    told: list[int] = []

    def follow(entry: Any) -> None:
        told.append(entry["epoch"])
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), classifier.followed_by(follow):
        fit(headlines)
    assert told == [1, 2]


def test_a_line_for_each_epoch_that_takes_long_and_none_for_others(
    headlines: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(headlines)
    assert not caplog.messages
    monkeypatch.setattr(training, "WORTH_SAYING", 0.0)
    fit(headlines)
    assert [message.partition(":")[0] for message in caplog.messages] == [f"epoch {place} of 3" for place in (1, 2, 3)]
    assert "rows a second" in caplog.messages[0]
    assert "validation macro_f1" in caplog.messages[0]
    assert "are left" in caplog.messages[1]
    assert "are left" not in caplog.messages[2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_a_bar_is_for_a_terminal_alone(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    bar = training.Bar(2, 5, 64)
    bar.bar.delay = 0
    bar.shown -= 5
    bar.advance(32, 0.5)
    bar.bar.refresh()
    bar.close()
    shown = stream.getvalue()
    assert ("epoch 2 of 5" in shown) == stream.isatty()
    assert ("loss 0.500" in shown) == stream.isatty()


def test_large_checkpoints_take_a_twentieth_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now)
    store = Store(tmp_path, "a" * 64)
    assert store.is_due(regular=True)
    assert not store.is_due(regular=False)
    store.took, store.saved = 9.0, now
    now += 179
    assert not store.is_due(regular=True), "a twentieth of 179 seconds is less than nine"
    now += 1
    assert store.is_due(regular=True)
    assert not store.is_due(regular=False)
    now += 420
    assert not store.is_due(regular=False)
    now += 1
    assert store.is_due(regular=False), "ten minutes without one, in an epoch of few steps"
    store.took, store.saved = 0.01, now
    assert store.is_due(regular=True), "small ones cost nothing"


# --- precision -------------------------------------------------------------------------------------------------------


class Processor:
    """One with both arithmetics; `share` is what bfloat16 takes of the time of float32."""

    share = 0.5
    asked = 0

    def seconds(self, *_: Any, fast: bool) -> float:
        self.asked += 1
        return self.share if fast else 1.0


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Processor:
    found = Processor()
    monkeypatch.setattr(training, "has_bfloat16", lambda where: True)
    monkeypatch.setattr(training, "FEWEST_STEPS", 1)
    monkeypatch.setattr(training, "_step_seconds", found.seconds)
    return found


@pytest.mark.parametrize(("share", "chosen"), [(0.5, 1), (0.94, 1), (0.96, 0), (2.0, 0)])
def test_the_faster_arithmetic_is_taken_and_the_choice_is_kept(
    share: float, chosen: int, headlines: Any, processor: Processor
) -> None:
    processor.share = share
    assert fit(headlines).history_[0]["bfloat16"] == chosen
    assert processor.asked == 2
    processor.share = 3 - share
    assert fit(headlines).history_[0]["bfloat16"] == chosen, "done again, it computes as before"
    assert processor.asked == 2
    (file,) = (files.home() / "precision").iterdir()
    assert json.loads(file.read_text(encoding="utf-8")) == {"float32": 1.0, "bfloat16": share}


def test_a_short_training_is_not_measured(
    headlines: Any, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "FEWEST_STEPS", 19)
    assert fit(headlines).history_[0]["bfloat16"] == 0, "18 steps"
    assert not processor.asked


def test_measuring_changes_no_digit_of_the_training(headlines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    X, _ = headlines
    wanted = fit(headlines, precision="float32").predict_proba(X)
    monkeypatch.setattr(training, "has_bfloat16", lambda where: True)
    monkeypatch.setattr(training, "FEWEST_STEPS", 1)
    monkeypatch.setattr(training, "_GAIN", 0.0)
    assert fit(headlines).predict_proba(X).tobytes() == wanted.tobytes()
    assert len(list((files.home() / "precision").iterdir())) == 1


def test_a_choice_that_cannot_be_read_is_made_again(headlines: Any, processor: Processor) -> None:
    fit(headlines)
    (file,) = (files.home() / "precision").iterdir()
    file.write_text("{", encoding="utf-8")
    fit(headlines)
    assert processor.asked == 4


def test_forward_passes_differ_in_their_arithmetic_only(headlines: Any) -> None:
    model = fit(headlines)
    forward = model._forward(training=False)
    tokens = model.tokens(headlines[0][:8])
    fast = dataclasses.replace(forward, autocast=True).scores(tokens, 8)
    np.testing.assert_allclose(fast, forward.scores(tokens, 8), atol=0.05)
