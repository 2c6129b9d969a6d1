"""A prediction job: rows in, the same rows with predictions out, in constant memory, committed piece by piece."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from naba.errors import UserError
from naba.predict import output as predict_output
from naba.predict import reading
from naba.predict.reading import BadRow, Columns, DelimitedSource, JsonSource, LinesSource, Piece
from naba.predict.signals import Interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd

    from naba.predict.locate import Opened
    from naba.predict.output import Output
    from naba.predict.parquet import ParquetSource

PIECE_ROWS = 2048


@dataclass(frozen=True)
class Job:
    """What the user asked for. `file` is None for standard input, `output` None for standard output."""

    file: Path | None
    columns: Columns
    output: Path | None = None
    format: str | None = None
    quoting: bool = True
    bad: Path | None = None
    prefix: str = ""
    strict: bool = False
    overwrite: bool = False
    rows: int = PIECE_ROWS


@dataclass
class Summary:
    """How it went: rows predicted and rows bad (all of them, and those of earlier, killed attempts)."""

    rows: int = 0
    bad: int = 0
    earlier: int = 0
    seconds: float = 0.0


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
    with ExitStack() as stack:
        source = _source(job, kind, added, stack, fixed=written != "jsonl")
        signals = stack.enter_context(Interruption())
        output = _output(opened, job, written, kind)
        if isinstance(output, predict_output.Committed):
            stack.callback(output.close)
        return _copy(opened, job, source, output, signals, progress, report)


def _copy(
    opened: Opened, job: Job, source: Any, output: Output, signals: Interruption, progress: Any,
    report: Callable[[BadRow], None] | None,
) -> Summary:  # fmt: skip
    start, summary = time.perf_counter(), Summary()
    resumed = getattr(output, "resumed", None)
    if resumed:
        source.resume(resumed["position"], resumed["names"])
        summary.rows = summary.earlier = resumed["rows"]
        summary.bad = resumed["bad"]
    total = source.total if hasattr(source, "total") else _size(job)
    pieces = source.pieces(job.rows)
    while True:
        with signals.at_once():
            piece = next(pieces, None)
        if piece is None:
            break
        if job.strict and piece.bad:
            raise UserError(f"{_name(job)}: {piece.bad[0]}", "without --strict, bad rows go to a side file")
        if not (summary.rows or summary.bad):
            _refuse_taken(piece.names, [job.prefix + name for name in opened.columns], _name(job))
        output.write(piece, _predicted(opened, piece, job.prefix))
        summary.rows += len(piece.texts)
        summary.bad += len(piece.bad)
        for row in piece.bad if report is not None else ():
            report(row)  # type: ignore[misc]
        if progress is not None:
            progress(piece.position.get("offset", piece.position["row"]), total, source.unit)
    output.finish()
    summary.seconds = time.perf_counter() - start
    return summary


def _predicted(opened: Opened, piece: Piece, prefix: str) -> pd.DataFrame:
    from naba.classifier.answers import predict_texts

    made = predict_texts(opened.model, opened.description, piece.texts, piece.targets)
    return made.set_axis([prefix + name for name in made.columns], axis=1)


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
        return job.format or "lines"
    return reading.format_of(str(job.file), job.format)


def _stdout_format(kind: str) -> str:
    return {"jsonl": "jsonl", "tsv": "tsv"}.get(kind, "csv")


def _source(job: Job, kind: str, added: Sequence[str], stack: ExitStack, *, fixed: bool) -> Any:
    if kind == "parquet":
        return _parquet(job)
    name = _name(job)
    file: IO[bytes] = sys.stdin.buffer if job.file is None else stack.enter_context(_opened(job.file))
    if kind == "jsonl":
        return JsonSource(file, name, job.columns, added=added, fixed=fixed)
    if kind == "lines":
        return LinesSource(file, name, job.columns)
    return DelimitedSource(file, name, job.columns, delimiter="\t" if kind == "tsv" else ",", quoting=job.quoting)


def _parquet(job: Job) -> ParquetSource:
    from naba.predict.parquet import ParquetSource

    if job.file is None:
        raise UserError(
            "Parquet cannot be read from standard input: its table of contents is at the end", "name a file"
        )
    _opened(job.file).close()
    return ParquetSource(job.file, job.columns)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: {(error.strerror or str(error)).lower()}") from error


def _output(opened: Opened, job: Job, written: str, kind: str) -> Output:
    quoting = job.quoting or written != "tsv" or kind != "tsv"
    if job.output is None:
        if written == "parquet":
            raise UserError("Parquet does not go to standard output", "--output FILE.parquet")
        return predict_output.Stream(sys.stdout.buffer, written, job.bad, _name(job), quoting=quoting)
    if job.file is not None and job.output.exists() and job.file.samefile(job.output):
        raise UserError(f"--output {job.output} is the input itself", "name another file")
    options = [kind, job.columns.text, job.columns.target, job.quoting, job.prefix, job.rows]
    # Standard input cannot be read again from the middle: each attempt is a job of its own.
    read = reading.fingerprint(job.file) if job.file is not None else f"standard input {time.time_ns()}"
    about = {"input": read, "classifier": opened.fingerprint, "options": options}
    bad = job.bad or job.output.with_name(job.output.name + ".bad.jsonl")
    overwrite = job.overwrite
    return predict_output.Committed(job.output, written, bad, _name(job), about, overwrite=overwrite, quoting=quoting)


def _name(job: Job) -> str:
    return str(job.file) if job.file is not None else "standard input"


def _size(job: Job) -> int | None:
    return job.file.stat().st_size if job.file is not None and job.file.is_file() else None


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
    return predict_output.encode(piece, _predicted(opened, piece, prefix), "csv", header=True)
