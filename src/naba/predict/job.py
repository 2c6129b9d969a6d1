"""A prediction job: rows in, the same rows with predictions out, in constant memory, committed piece by piece."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections import deque
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, Self

from naba.data.rows import ReadingOptions, open_rows
from naba.data.rows.parquet import ParquetReader
from naba.errors import UserError
from naba.predict import formats, reading
from naba.predict import output as predict_output
from naba.predict.reading import Columns, ParquetSource, Piece, RowSource, Source
from naba.predict.workers import Here, Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from naba.data.rows import BadRow
    from naba.predict.locate import Opened
    from naba.predict.output import Output
    from naba.predict.workers import Answers, Workers

logger = logging.getLogger(__name__)
SHOWN = 20
MARKED = ("csv", "tsv")
"""The formats that may begin with a byte order mark, as Excel on Windows wants it for Arabic."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Job:
    """What the user asked for.

    Attributes:
        file: None for standard input.
        output: None for standard output.
        bom: begin the output with a byte order mark, which it has anyway if the input has one.
        rows: of a piece; where it is None, as many as the classifier likes.
    """

    file: Path | None
    columns: Columns
    output: Path | None = None
    reading: ReadingOptions = field(default_factory=lambda: ReadingOptions(spelling="--"))
    bom: bool = False
    bad: Path | None = None
    prefix: str = ""
    strict: bool = False
    overwrite: bool = False
    rows: int | None = None
    workers: int = 1


@dataclass
class Summary:
    """How it went: rows predicted and rows bad (all of them, and those of earlier, killed attempts)."""

    rows: int = 0
    bad: int = 0
    earlier: int = 0
    seconds: float = 0.0

    def lines(self, job: Job) -> list[str]:
        """What there is to say at the end; nothing, where all went to standard output and was good."""
        went_on = f" ({self.earlier:,} of them before it was interrupted)" if self.earlier else ""
        speed = f", {(self.rows - self.earlier) / self.seconds:,.0f} a second" if self.seconds > 1 else ""
        where = f": {job.output}" if job.output else ""
        said = [f"{_counted(self.rows, 'row')}{went_on} in {self.seconds:.1f} s{speed}{where}"]
        if self.bad:
            side = job.bad or (f"{job.output}.bad.jsonl" if job.output else None)
            said.append(_counted(self.bad, "bad row") + (f": {side}" if side else "; --bad FILE keeps them"))
        return said if job.output is not None or self.bad else []


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class Reported:
    """Says the first bad rows of a job, one by one."""

    def __init__(self, job: Job, say: Callable[[str], None]) -> None:
        self.name, self.say, self.count = _name(job), say, 0

    def __call__(self, row: BadRow) -> None:
        """Say one row."""
        self.count += 1
        if self.count <= SHOWN:
            self.say(f"{self.name}: {row}")
        elif self.count == SHOWN + 1:
            self.say("more bad rows are not shown")


def run(opened: Opened, job: Job, progress: Any = None, report: Callable[[BadRow], None] | None = None) -> Summary:
    """Do a job, or go on with it where it was killed.

    Args:
        progress: called after each piece with (done, total or None, unit).
        report: called with each bad row.
    Raises:
        UserError: the input, the output or, with `strict`, a row is wrong.
    """
    added = [job.prefix + name for name in opened.columns]
    kind = job_format(job)
    written = predict_output.format_of(str(job.output)) if job.output is not None else _stdout_format(kind)
    if job.bom and written not in MARKED:
        raise UserError(f"--bom: a byte order mark goes with {' and '.join(MARKED)} output, not with {written}")
    with ExitStack() as stack:
        source = _source(job, kind, added, stack, fixed=written != "jsonl")
        for note in source.reader.notes:
            logger.warning(note)
        signals = stack.enter_context(Interruption())
        output = _output(opened, job, written, kind, mark=written in MARKED and (job.bom or source.reader.mark))
        if isinstance(output, predict_output.Committed):
            stack.callback(output.close)
        workers: Workers = Here(opened)
        if job.workers > 1:
            workers = Processes(opened.folder, job.workers)
            stack.callback(workers.close)
        return _copy(opened, job, source, output, workers, signals, progress, report)


def _copy(
    opened: Opened, job: Job, source: Source, output: Output, workers: Workers, signals: Interruption, progress: Any,
    report: Callable[[BadRow], None] | None,
) -> Summary:  # fmt: skip
    start, summary = time.perf_counter(), Summary()
    resumed = getattr(output, "resumed", None)
    if resumed:
        source.resume(resumed["position"], resumed["names"])
        summary.rows = summary.earlier = resumed["rows"]
        summary.bad = resumed["bad"]
    reader = source.reader
    for piece, answers in _asked(workers, source.pieces(job.rows or opened.model.inner.piece_rows), signals):
        if job.strict and piece.bad:
            raise UserError(f"{_name(job)}: {piece.bad[0]}", "without --strict, bad rows go to a side file")
        if not (summary.rows or summary.bad):
            _refuse_taken(piece.names, [job.prefix + name for name in opened.columns], _name(job))
        output.write(piece, answers().add_prefix(job.prefix))
        summary.rows += len(piece.texts)
        summary.bad += len(piece.bad)
        for row in piece.bad if report is not None else ():
            report(row)  # type: ignore[misc]
        if progress is not None:
            progress(reader.progress, reader.total, reader.unit)
    output.finish()
    summary.seconds = time.perf_counter() - start
    return summary


def _asked(workers: Workers, pieces: Iterator[Piece], signals: Interruption) -> Iterator[tuple[Piece, Answers]]:
    """The pieces in their order, each with what waits for its answers; workers have further ones by then."""
    asked: deque[tuple[Piece, Answers]] = deque()
    while True:
        with signals.at_once():
            piece = next(pieces, None)
        if piece is not None:
            asked.append((piece, workers.ask(piece)))
        while asked and (piece is None or len(asked) > workers.ahead):
            signals.check()
            yield asked.popleft()
        if piece is None:
            return


def _refuse_taken(names: Sequence[str], added: Sequence[str], file: str) -> None:
    taken = [name for name in added if name in names]
    if taken:
        raise UserError(
            f"{file}: the input has a column '{taken[0]}' already, which is one that naba adds",
            "--prefix predicted_ calls the added ones predicted_label …",
        )


def job_format(job: Job) -> str:
    """The format of a job's input; standard input is one text a line unless `--format` says otherwise."""
    if job.file is None:
        return job.reading.format or "lines"
    return job.reading.format_of(str(job.file))


def _stdout_format(kind: str) -> str:
    return {"jsonl": "jsonl", "json": "jsonl", "tsv": "tsv"}.get(kind, "csv")


def _source(job: Job, kind: str, added: Sequence[str], stack: ExitStack, *, fixed: bool) -> Source:
    if job.file is None and kind in {"parquet", "xlsx"}:
        raise UserError(
            f"{kind} cannot be read from standard input: its table of contents is at the end", "name a file"
        )
    file: IO[bytes] = sys.stdin.buffer if job.file is None else stack.enter_context(_opened(job.file))
    options = replace(job.reading, format=kind)
    reader = stack.enter_context(open_rows(file, _name(job), options, job.columns.names))
    if isinstance(reader, ParquetReader):
        return ParquetSource(reader, job.columns)
    return RowSource(reader, job.columns, added=added, fixed=fixed)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: {(error.strerror or str(error)).lower()}") from error


def _output(opened: Opened, job: Job, written: str, kind: str, *, mark: bool) -> Output:
    quoting = job.reading.quoting or written != "tsv" or kind != "tsv"
    if written == "xlsx":
        formats.require_room(0)
    style = predict_output.Style(written, quoting=quoting, mark=mark)
    if job.output is None:
        return predict_output.Stream(sys.stdout.buffer, style, job.bad, _name(job))
    if job.file is not None and job.output.exists() and job.file.samefile(job.output):
        raise UserError(f"--output {job.output} is the input itself", "name another file")
    options = [asdict(job.reading), job.columns.text, job.columns.target, job.bom, job.prefix, job.rows]
    # Standard input cannot be read again from the middle: each attempt is a job of its own.
    read = reading.fingerprint(job.file) if job.file is not None else f"standard input {time.time_ns()}"
    about = {"input": read, "classifier": opened.fingerprint, "options": options}
    bad = job.bad or job.output.with_name(job.output.name + ".bad.jsonl")
    return predict_output.Committed(job.output, style, bad, _name(job), about, overwrite=job.overwrite)


def _name(job: Job) -> str:
    return str(job.file) if job.file is not None else "standard input"


def predict_examples(opened: Opened, examples: Sequence[Sequence[str]], prefix: str = "") -> bytes:
    """Texts given on the command line, with their predictions, as CSV.

    Raises:
        UserError: an example has no target where the classifier reads pairs, or one where it does not, or is empty.
    """
    names = ["text", "target"] if opened.pair else ["text"]
    piece = Piece(names)
    for example in examples:
        if len(example) != len(names):
            expected = "TEXT TARGET" if opened.pair else "TEXT"
            raise UserError(f"--example {' '.join(map(repr, example))}: this classifier reads {expected}")
        for name, value in zip(names, example, strict=True):
            problem = reading.cell_problem(value, name)
            if problem:
                raise UserError(f"--example {value!r}: {problem}")
        piece.texts.append(example[0])
        piece.targets.append(example[1] if opened.pair else "")
        piece.cells.append(list(example))
    added = Here(opened).ask(piece)().add_prefix(prefix)
    return predict_output.encode(piece, added, predict_output.Style("csv"), header=True)


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
