"""What naba says through `logging`, for the tests of data."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Notes(logging.Handler):
    """Messages, one after another, as `text`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += record.getMessage() + "\n"

    def clear(self) -> None:
        self.text = ""


@pytest.fixture
def notes() -> Iterator[Notes]:
    """Not pytest's `caplog`: after a command has run, naba's messages do not reach the root logger."""
    handler = Notes()
    logger = logging.getLogger("naba")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
