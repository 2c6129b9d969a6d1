"""A bar for work whose size may be unknown: on standard error, on a terminal only."""

from __future__ import annotations

import sys
from typing import Any, Self


class Bar:
    """Called with (done, total or None, unit) after each step."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.progress: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            columns = (TextColumn(self.title), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
            self.progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self.task = self.progress.add_task("", total=None)
            self.progress.start()
        return self

    def __call__(self, done: int, total: int | None, unit: str) -> None:  # noqa: ARG002 - bars need no unit
        """Show how far it is."""
        if self.progress is not None:
            self.progress.update(self.task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        if self.progress is not None:
            self.progress.stop()
