"""Ctrl-C and SIGTERM during a job: it ends between two pieces, where everything that was written counts."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Holds signals back until `check`, or until the job waits for input.

    Python raises KeyboardInterrupt wherever it happens to be: inside a destructor it is swallowed and the job goes on;
    between two steps that belong together it leaves half of them.
    """

    def __init__(self) -> None:
        self.asked = False
        self.waiting = False
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _handle(self, *_: object) -> None:
        if self.waiting or self.asked:  # a second Ctrl-C does not wait for the end of the piece
            raise KeyboardInterrupt
        self.asked = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has come."""
        if self.asked:
            raise KeyboardInterrupt

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A signal ends what stands in here immediately: reading, which may wait for ever and changes nothing."""
        self.check()
        self.waiting = True
        try:
            yield
        finally:
            self.waiting = False
