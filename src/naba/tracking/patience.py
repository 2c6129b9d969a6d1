"""Waiting for a store that is away for a while: a database that is restarted, a file that others write to."""

from __future__ import annotations

import logging
import sqlite3
import time
from typing import TYPE_CHECKING, Any, TypeVar

from naba.errors import UserError, is_full, sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow import MlflowClient

T = TypeVar("T")

PATIENCE_SECONDS = 300.0
"""How long a store may be away before a job fails."""
PAUSE_SECONDS = 2.0
BUSY = ("database is locked", "database system is starting up", "database system is in recovery")
"""Parts of messages, in small letters, of a store that is certainly there."""
AWAY = (
    "connection refused", "connection reset", "connection aborted", "connection timed out", "timeout expired",
    "no route to host", "server closed the connection", "terminating connection", "database system is shutting down",
    "ssl connection has been closed", "max retries exceeded", "503 server error", "error code 503", "error code 502",
)  # fmt: skip
"""Parts of messages of a store that does not answer: it is away, or was never at this address."""
TWICE = ("unique constraint failed", "duplicate key value")
"""Parts of messages of a database into which two processes wrote the same new row at once."""
REPEATS = 5
logger = logging.getLogger(__name__)

_answered: set[str] = set()
"""Stores that have answered this process, so that no wrong address is waited for."""


def is_away(error: BaseException, what: str) -> bool:
    """Does an error say that a store which was there, or is, cannot answer now?"""
    message = str(error).lower()
    return any(words in message for words in BUSY) or (what in _answered and any(words in message for words in AWAY))


def _lost_race(error: BaseException) -> bool:
    """Did another process write the row of this call first?

    MLflow reads whether a tag or data set is there, then inserts it: asked again, it finds it. Where a name must be
    new, MLflow gives the same message the code of a resource that exists, which is an answer.
    """
    message = str(error).lower()
    return getattr(error, "error_code", "") == "BAD_REQUEST" and any(words in message for words in TWICE)


def patiently(call: Callable[[], T], what: str) -> T:
    """The value of a question to a store, asked again for some minutes while the store is away.

    It is asked again at once where another process wrote the same row first.

    Only a store that has answered this process before, or that says itself that it is busy, is waited for: a wrong
    address, password or database fails at once.

    Args:
        what: the store's address, without a password.
    Raises:
        UserError: the store did not come back, or its disk is full.
        MlflowException: anything else it said.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import OperationalError

    begun, said, repeats = time.monotonic(), False, 0
    while True:
        try:
            value = call()
        except (MlflowException, OperationalError, sqlite3.OperationalError) as error:
            if is_full(error):
                raise UserError(
                    f"the disk of the store {what} is full", "make room, then repeat the command"
                ) from error
            if _lost_race(error) and repeats < REPEATS:
                repeats += 1
                continue
            if not is_away(error, what):
                raise
            if time.monotonic() - begun > PATIENCE_SECONDS:
                _answered.discard(what)
                raise UserError(
                    f"the store {what} has not answered for {_minutes(PATIENCE_SECONDS)}: {sentence(error)}",
                    "when it answers, repeat the command: what is finished is found",
                ) from error
            if not said:
                state = "is locked by another program" if "locked" in str(error) else "does not answer"
                logger.warning("the store %s %s: waiting up to %s", what, state, _minutes(PATIENCE_SECONDS))
                said = True
            time.sleep(PAUSE_SECONDS)
        else:
            _answered.add(what)
            if said:
                logger.warning("the store %s answers again, after %.0f s", what, time.monotonic() - begun)
            return value


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:g} s"


class PatientClient:
    """MLflow's client, each of whose methods waits while the store is away; see `patiently`.

    Attributes:
        inner: the client itself, which does not wait.
    """

    def __init__(self, client: MlflowClient, what: str) -> None:
        self.inner = client
        self._what = what

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        def patient(*arguments: Any, **named: Any) -> Any:
            return patiently(lambda: method(*arguments, **named), self._what)

        return patient
