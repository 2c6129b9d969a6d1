"""`naba predict`: labels and probabilities for texts of a file, of standard input, or of the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from naba.cli import console
from naba.cli.arguments import Parser, add_reading_options, reading_options
from naba.errors import UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from naba.data.rows import BadRow
    from naba.predict.job import Job, Summary
    from naba.predict.locate import Opened

DESCRIPTION = """Add label, probability_<label> … (and abstain, if the classifier withholds answers) to a table.

MODEL is a classifier directory (naba export), or a tracked run: its id, the beginning of one, its name,
models:/stance@champion, or best:ans_stance. FILE is CSV, TSV, JSON, JSON Lines, Parquet, Excel, or text with one
example a line (.txt; for pairs text, tab, target); without it standard input is read, one example a line unless
--format says otherwise. Columns and order of the input stay. Without --output, CSV (TSV, JSON Lines: as the input)
goes to standard output.

With --output the job survives being killed: the same command goes on where it stopped (but for standard input, which
cannot be read again). Rows that cannot be classified are reported by line and go to OUTPUT.bad.jsonl; the exit code is
then 1.

--engine spark and ray read Parquet (a file, a folder, an address) and write a folder; after a kill they start over."""
SHOWN = 20


def main(arguments: Sequence[str]) -> int:
    """Run `naba predict`; returns 0, or 1 if there were bad rows."""
    options = _parse(arguments)
    if options.engine != "local":
        return _distributed(options)
    from naba.predict.locate import open_classifier

    opened = open_classifier(options.model, options.uri)
    if options.example:
        from naba.predict.job import predict_examples

        _write(predict_examples(opened, options.example, options.prefix))
        return 0
    job = _job(options, opened)
    if job.file is None and sys.stdin.isatty():
        raise UserError("naba predict: nothing to read", "name a FILE, --example TEXT, or pipe texts in")
    return _run(opened, job)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser("predict", DESCRIPTION)
    parser.add_argument("model", metavar="MODEL", help="a classifier directory or a tracked run")
    parser.add_argument("file", metavar="FILE", nargs="?", help="the texts; - or nothing for standard input")
    parser.add_argument("--example", nargs="+", action="append", metavar="TEXT",
                        help="a text, or a text and its target, instead of a file; repeatable")  # fmt: skip
    parser.add_argument("--text", default="text", metavar="COLUMN", help="the column to classify (default text)")
    parser.add_argument("--target", default="target", metavar="COLUMN", help="its claim or topic (default target)")
    parser.add_argument("--output", "-o", metavar="FILE", help="a .csv, .tsv, .jsonl, .parquet or .xlsx file")
    add_reading_options(parser)
    parser.add_argument("--bom", action="store_true", help="begin CSV and TSV with a byte order mark, for Excel")
    parser.add_argument("--prefix", default="", help="put before the names of the added columns")
    parser.add_argument("--bad", metavar="FILE", help="the side file for bad rows (default OUTPUT.bad.jsonl)")
    parser.add_argument("--strict", action="store_true", help="stop at the first bad row")
    parser.add_argument("--overwrite", action="store_true", help="replace OUTPUT if it is there")
    parser.add_argument("--batch", type=int, default=2048, metavar="ROWS", help="rows a piece (default 2048)")
    parser.add_argument("--engine", default="local", choices=["local", "spark", "ray"],
                        help="spark and ray: Parquet in, a folder of Parquet out")  # fmt: skip
    parser.add_argument(
        "--cluster",
        "--master",
        "--address",
        metavar="ADDRESS",
        help="with --engine: spark://…, yarn, k8s://…; ray://…, HOST:6379, auto; default this machine",
    )
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    options = parser.parse_args(arguments)
    if options.batch < 1:
        raise UserError(f"naba predict: --batch {options.batch}: expected at least 1")
    if options.example and options.file:
        raise UserError("naba predict: --example and FILE exclude each other")
    if options.example and options.output:
        raise UserError("naba predict: --example writes to standard output", "naba predict … > FILE")
    _check_engine(options)
    if options.overwrite and not options.output:
        raise UserError("naba predict: --overwrite needs --output")
    return options


def _check_engine(options: argparse.Namespace) -> None:
    if options.engine == "local":
        if options.cluster:
            raise UserError("naba predict: --cluster goes with --engine spark or ray")
        return
    if not options.output or options.file in {None, "-"}:
        raise UserError(f"naba predict: --engine {options.engine} needs FILE and --output FOLDER")
    given = {"--strict": options.strict, "--bad": options.bad, "--no-quotes": options.no_quotes, "--bom": options.bom,
             "--delimiter": options.delimiter, "--encoding": options.encoding, "--no-header": options.no_header,
             "--sheet": options.sheet, "--format": options.format not in {None, "parquet"}}  # fmt: skip
    for name in (name for name, value in given.items() if value):
        raise UserError(f"naba predict: {name} goes with --engine local", f"{options.engine} reads and writes Parquet")


def _distributed(options: argparse.Namespace) -> int:
    from naba.classifier.folder import describe
    from naba.predict import engines
    from naba.predict.locate import locate

    folder = locate(options.model, options.uri)
    reads = describe(folder)["input"]
    work = engines.Work(
        model=str(folder),
        file=options.file,
        output=options.output,
        columns={role: getattr(options, role) for role in reads},
        prefix=options.prefix,
        rows=options.batch,
        cluster=options.cluster,
        overwrite=options.overwrite,
    )
    done = engines.run(options.engine, work)
    console.note(f"{done.rows:,} rows: {options.output}")
    if done.bad:
        console.note(f"{done.bad:,} rows without text: {done.side}")
    return 1 if done.bad else 0


def _job(options: argparse.Namespace, opened: Opened) -> Job:
    from naba.predict.job import Job
    from naba.predict.reading import Columns

    file = Path(options.file) if options.file not in {None, "-"} else None
    return Job(
        file=file,
        columns=Columns(options.text, options.target if opened.pair else None),
        output=Path(options.output) if options.output else None,
        reading=reading_options(options),
        bom=options.bom,
        bad=Path(options.bad) if options.bad else None,
        prefix=options.prefix,
        strict=options.strict,
        overwrite=options.overwrite,
        rows=options.batch,
    )


def _run(opened: Opened, job: Job) -> int:
    from naba.predict import job as predict_job

    name = str(job.file or "standard input")
    shown = 0

    def report(row: BadRow) -> None:
        nonlocal shown
        shown += 1
        if shown <= SHOWN:
            console.note(f"{name}: {row}")
        elif shown == SHOWN + 1:
            console.note("more bad rows are not shown")

    with _Bar() as bar:
        summary = predict_job.run(opened, job, bar, report)
    _say(summary, job)
    return 1 if summary.bad else 0


def _say(summary: Summary, job: Job) -> None:
    new = summary.rows - summary.earlier
    went_on = f" ({summary.earlier:,} of them before it was interrupted)" if summary.earlier else ""
    speed = f", {new / summary.seconds:,.0f} a second" if summary.seconds > 1 else ""
    if job.output is not None or summary.bad:
        console.note(f"{_rows(summary.rows)}{went_on} in {summary.seconds:.1f} s{speed}"
                     + (f": {job.output}" if job.output else ""))  # fmt: skip
    if summary.bad:
        side = job.bad or (f"{job.output}.bad.jsonl" if job.output else None)
        console.note(_rows(summary.bad, "bad row") + (f": {side}" if side else "; --bad FILE keeps them"))


def _rows(count: int, noun: str = "row") -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class _Bar:
    """Progress on standard error, on a terminal only."""

    def __enter__(self) -> Self:
        self.progress: Any = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            columns = (TextColumn("predicting"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
            self.progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self.task = self.progress.add_task("", total=None)
            self.progress.start()
        return self

    def __call__(self, done: int, total: int | None, unit: str) -> None:  # noqa: ARG002 - bars need no unit
        if self.progress is not None:
            self.progress.update(self.task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        if self.progress is not None:
            self.progress.stop()


def _write(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
