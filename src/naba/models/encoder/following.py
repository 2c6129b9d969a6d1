"""A training that takes minutes, while it runs: a bar on a terminal, a line an epoch, the curves to whoever asks."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

logger = logging.getLogger(__name__)

WORTH_SAYING = 20.0
"""Seconds an epoch takes before its end is reported; shorter trainings are over before one could read it."""

_FOLLOWER: ContextVar[Callable[[Mapping[str, Any]], None] | None] = ContextVar("follower", default=None)


@contextmanager
def followed_by(follower: Callable[[Mapping[str, Any]], None]) -> Iterator[None]:
    """Give `follower` what is known of each epoch when it ends, as it will stand in `history_`."""
    token = _FOLLOWER.set(follower)
    try:
        yield
    finally:
        _FOLLOWER.reset(token)


def told(history: Sequence[Mapping[str, Any]], epochs: int, rows: int) -> None:
    """Say that an epoch has ended.

    Args:
        history: of the epochs so far.
        epochs: of the training at most.
        rows: of one epoch.
    """
    last = history[-1]
    if follower := _FOLLOWER.get():
        follower(last)
    seconds = float(last["train_seconds"])
    if seconds < WORTH_SAYING:
        return
    scores = [f"{name.removeprefix('validation_')} {value:.3f}" for name, value in last.items()
              if name.startswith("validation_") and name != "validation_loss"]  # fmt: skip
    left = (epochs - len(history)) * sum(float(one["train_seconds"]) for one in history) / len(history)
    logger.warning(
        "epoch %d of %d: %s%.0f rows a second%s", len(history), epochs,
        "".join(f"{item}, " for item in [f"loss {last['train_loss']:.3f}", *(f"validation {one}" for one in scores)]),
        rows / seconds, f", {left / 60:.0f} minutes at most are left" if left else "",
    )  # fmt: skip


class Bar:
    """Rows, loss and remaining time of one epoch, on a terminal and nowhere else."""

    def __init__(self, epoch: int, epochs: int, rows: int) -> None:
        from tqdm import tqdm  # type: ignore[import-untyped]

        # None: not where standard error is a file or a pipe. A short epoch needs no bar.
        self.bar = tqdm(total=rows, desc=f"epoch {epoch} of {epochs}", unit=" rows", leave=False, disable=None, delay=3)
        self.loss = 0.0
        self.steps = 0
        self.shown = time.monotonic()

    def advance(self, rows: int, loss: float) -> None:
        """One step of the optimiser is done."""
        self.loss += loss
        self.steps += 1
        self.bar.update(rows)
        if time.monotonic() - self.shown > 1:
            self.shown = time.monotonic()
            self.bar.set_postfix_str(f"loss {self.loss / self.steps:.3f}")

    def close(self) -> None:
        """The epoch is over."""
        self.bar.close()
