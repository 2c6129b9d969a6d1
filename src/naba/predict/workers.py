"""Who answers the pieces of a job: this process, or several others that work ahead while this one reads and writes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TYPE_CHECKING, Protocol

from naba.errors import UserError
from naba.machine import cores

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from naba.predict.locate import Opened
    from naba.predict.reading import Piece

    Answers = Callable[[], pd.DataFrame]


class Workers(Protocol):
    """Attributes:
    ahead: pieces that may be asked for before the first is waited for.
    """

    ahead: int

    def ask(self, piece: Piece) -> Answers:
        """Hand a piece over; what is returned waits for its predictions."""


class Here:
    """This process, when it is waited for."""

    ahead = 0

    def __init__(self, opened: Opened) -> None:
        self.opened = opened

    def ask(self, piece: Piece) -> Answers:
        """See `Workers`."""
        return partial(_predicted, self.opened, piece.texts, piece.targets)


class Processes:
    """Processes that have each opened the classifier; a piece is answered as a whole, so the bits are the same.

    They end with this one, however it ends. Ctrl-C is this one's matter.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.ahead = 2 * count
        context = multiprocessing.get_context("spawn")
        threads = str(max(1, cores() // count))
        self.pool = ProcessPoolExecutor(count, context, initializer=_open, initargs=(str(folder), threads))

    def ask(self, piece: Piece) -> Answers:
        """See `Workers`."""
        future = self.pool.submit(_answer, piece.texts, piece.targets)

        def wait() -> pd.DataFrame:
            try:
                return future.result()
            except BrokenProcessPool as error:
                raise UserError(
                    "a worker process ended before it had answered",
                    "was memory short? fewer --workers, or a smaller --batch, take less",
                ) from error

        return wait

    def close(self) -> None:
        """Drop what nobody waits for any more."""
        self.pool.shutdown(cancel_futures=True)


def _predicted(opened: Opened, texts: list[str], targets: list[str]) -> pd.DataFrame:
    from naba.classifier.answers import predict_texts

    return predict_texts(opened.model, opened.description, texts, targets)


_HERE: list[Opened] = []


def _open(folder: str, threads: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.setdefault("OMP_NUM_THREADS", threads)
    from naba.predict.locate import open_classifier

    _HERE.append(open_classifier(folder))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _answer(texts: list[str], targets: list[str]) -> pd.DataFrame:
    return _predicted(_HERE[0], texts, targets)
