"""Arithmetic on one thread: how several share a sum decides its last bits."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


def one_thread() -> Any:
    """A context in which libraries for arithmetic use one thread."""
    return _libraries(len(sys.modules)).limit(limits=1)


@lru_cache(1)
def _libraries(modules: int) -> ThreadpoolController:  # noqa: ARG001 - a module may have loaded another library
    """What is loaded; to look for it takes milliseconds, as long as a piece of a prediction job."""
    return ThreadpoolController()
