"""What a person sees on the terminal: outcome lines, tables, progress. Bars only on a terminal; NO_COLOR is obeyed."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from naba.errors import UserError, hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table

    from naba.evaluation.bootstrap import Score
    from naba.experiment.job import Outcome

MARKS = {"trained": "[green]trained[/]", "found": "[cyan]found[/]  ", "failed": "[red]failed[/] ",
         "unknown": "[yellow]unknown[/]"}  # fmt: skip
POLL_SECONDS = 0.1
LONGEST_WARNING = 220


@cache
def console() -> Console:
    """The one console; width 120 in a pipe, so that tables are not cut."""
    import shutil

    from rich.console import Console

    width = None if sys.stdout.isatty() else max(120, shutil.get_terminal_size((160, 24)).columns)
    return Console(highlight=False, width=width, soft_wrap=not sys.stdout.isatty())


def terminal_width() -> int | None:
    """Columns of the terminal (or of COLUMNS, where that is set); None in a pipe, which has no edge."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else None


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table in naba's style; columns named in `right` hold numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        # What stands first is a name or an id that people copy.
        justify: Literal["left", "right"] = "right" if column in right else "left"
        made.add_column(column, justify=justify, overflow="fold", no_wrap=number == 0)
    return made


def note(message: str) -> None:
    """A remark beside the output proper: on standard error, so that a pipe stays clean."""
    print(f"naba: {hidden(message)}", file=sys.stderr)


def notes(messages: Iterable[str]) -> None:
    """Several remarks, a line each."""
    for message in messages:
        note(message)


def each(work: Callable[[str], None], names: Sequence[str]) -> int:
    """A command's work for each of several things; an error of one of several is a note, and the rest goes on.

    Returns:
        1 if there was such an error, else 0.
    """
    code = 0
    for name in names:
        try:
            work(name)
        except UserError as error:
            if len(names) == 1:
                raise
            note(f"{name}: {error}")
            code = 1
    return code


class _Notes(logging.Handler):
    """What the rest of naba says through `logging`, as notes; each once, however often it is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record, if it is new."""
        message = record.getMessage()
        if message not in self.said:
            self.said.add(message)
            note(message)


def listen() -> None:
    """Print what naba's modules say through `logging` as notes."""
    logger = logging.getLogger("naba")
    logger.handlers[:] = [_Notes()]
    logger.propagate = False


def interval(score: Score) -> str:
    """`0.701 [0.655, 0.745]`."""
    bounds = "" if math.isnan(score.low) or math.isnan(score.high) else f" [{score.low:.3f}, {score.high:.3f}]"
    return f"{score.value:.3f}{bounds}"


def print_scores(scores: Mapping[str, Sequence[Score]], primary: Mapping[str, str], confidence: float = 0.95) -> None:
    """Each section's metrics that somebody asked for (they come first), accuracy and per-class F1, with intervals."""
    from rich.markup import escape

    shown = table("section", "metric", f"value [{100 * confidence:g} % interval]", "rows", right=("rows",))
    for section, found in scores.items():
        by_name = {score.name: score for score in found}
        asked = takewhile(lambda name: name != "balanced_accuracy", by_name)
        names = [primary.get(section, "macro_f1"), *asked, "macro_f1", "accuracy"]
        names += sorted(name for name in by_name if name.startswith("f1_"))
        said = section
        for name in (name for name in dict.fromkeys(names) if name in by_name):
            rows = f"{by_name[name].n}" if said else ""
            shown.add_row(said, name, escape(interval(by_name[name])), rows)
            said = ""
    console().print(shown)


def print_outcome(outcome: Outcome) -> None:
    """What `naba train` says at the end of a single run."""
    from rich.markup import escape

    out = console()
    out.print(outcome_line(outcome))
    print_scores(outcome.scores, outcome.primary, outcome.confidence)
    _print_warnings(outcome.warnings)
    if outcome.alone:
        note(outcome.alone)
    out.print(f"run {outcome.run} in {escape(outcome.where)}")
    if not Path(outcome.where).is_dir():
        out.print("next: naba show " + outcome.run[:12] + ", naba compare, naba ui")


def _print_warnings(warnings: Iterable[str]) -> None:
    """Each warning in at most two lines; the run holds them whole."""
    from rich.markup import escape

    for warning in warnings:
        shown = warning if len(warning) <= LONGEST_WARNING else warning[: LONGEST_WARNING - 1] + "…"
        console().print(f"[yellow]warning[/] {escape(shown)}")


def outcome_line(outcome: Outcome, seconds: float | None = None) -> str:
    """One job in one line, as rich markup."""
    from rich.markup import escape

    if outcome.status in {"failed", "unknown"}:
        return f"{MARKS[outcome.status]} {escape(outcome.name)}: {escape(outcome.message)}"
    section = "test" if "test" in outcome.scores or not outcome.scores else list(outcome.scores)[-1]
    score = outcome.score(section)
    value = f"  {section}/{score.name} {escape(interval(score))}" if score is not None else ""
    took = f"  {seconds:.1f} s" if seconds is not None and outcome.status == "trained" else ""
    return f"{MARKS[outcome.status]} {escape(outcome.name)}{value}{took}"


class SweepWatcher:
    """Prints each job of a sweep as it ends, whichever process ran it, with a progress bar on a terminal."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self.folder = folder
        self.jobs = jobs
        self.outcomes: list[Outcome] = []
        self.start = time.perf_counter()
        self.seen: set[str] = set()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.progress: Progress | None = None
        self.task: TaskID | None = None

    def __enter__(self) -> Self:
        out = console()
        if out.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self.progress = Progress(*columns, console=out, transient=True)
            self.task = self.progress.add_task("training", total=self.jobs or None)
            self.progress.start()
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        self.thread.join()
        self._collect()
        if self.progress is not None:
            self.progress.stop()

    def _watch(self) -> None:
        while not self.stop.wait(POLL_SECONDS):
            self._collect()

    def _collect(self) -> None:
        from naba.experiment.sweep import recorded

        for path in sorted(self.folder.glob("*.json")):
            if path.name in self.seen:
                continue
            self.seen.add(path.name)
            outcome, seconds = recorded(path)
            self.outcomes.append(outcome)
            console().print(outcome_line(outcome, seconds))
            if self.progress is not None and self.task is not None:
                self.progress.advance(self.task)

    def summarise(self) -> int:
        """Print how many jobs were trained, found, failed; returns the exit code: 1 unless all are known to be fine."""
        out = console()
        _print_warnings(dict.fromkeys(warning for outcome in self.outcomes for warning in outcome.warnings))
        counts = {status: sum(o.status == status for o in self.outcomes) for status in MARKS}
        unknown = counts.pop("unknown")
        seconds = time.perf_counter() - self.start
        said = ", ".join(f"{count} {status}" for status, count in counts.items())
        said += f", {unknown} unknown" if unknown else ""
        out.print(f"{len(self.outcomes)} run{'s' if len(self.outcomes) != 1 else ''}: {said}, in {seconds:.1f} s")
        out.print("next: naba compare, naba ui")
        return 1 if counts["failed"] or unknown else 0


class Bar:
    """A progress bar on a terminal; it is called with (done, total or None, unit) after each step."""

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
