"""`naba predict`: label new texts with a trained classifier.

naba predict 4f1c09 news.csv -o out.csv
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from naba import files
from naba.cli import console
from naba.cli.arguments import Parser, add_reading_options, given_options, new_file, positive, reading_options
from naba.errors import UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

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


def main(arguments: Sequence[str]) -> int:
    """Run `naba predict`; returns 0, or 1 if there were bad rows."""
    options = _parse(arguments)
    if options.engine != "local":
        return _distributed(options)
    from naba.predict import job as predict_job
    from naba.predict.locate import open_classifier
    from naba.predict.reading import Columns

    opened = open_classifier(options.model, options.uri)
    if options.example:
        sys.stdout.buffer.write(predict_job.predict_examples(opened, options.example, options.prefix))
        sys.stdout.buffer.flush()
        return 0
    job = predict_job.Job(
        None if options.file in {None, "-"} else Path(options.file),
        Columns(options.text, options.target if opened.pair else None),
        Path(options.output) if options.output else None,
        reading_options(options), options.bom, options.bad, options.prefix, options.strict,
        options.overwrite, options.batch, options.workers,
    )  # fmt: skip
    if job.file is None and sys.stdin.isatty():
        raise UserError("naba predict: nothing to read", "name a FILE, --example TEXT, or pipe texts in")
    with console.Bar("predicting") as bar:
        summary = predict_job.run(opened, job, bar, predict_job.Reported(job, console.note))
    console.notes(summary.lines(job))
    return 1 if summary.bad else 0


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
    parser.add_argument("--bad", type=new_file, metavar="FILE", help="where bad rows go (default OUTPUT.bad.jsonl)")
    parser.add_argument("--strict", action="store_true", help="stop at the first bad row")
    parser.add_argument("--overwrite", action="store_true", help="replace OUTPUT if it is there")
    parser.add_argument("--batch", type=positive, metavar="ROWS", help="rows a piece (default 2048, TF-IDF 8192)")
    parser.add_argument("--workers", type=positive, default=1, metavar="N",
                        help="processes that classify while this one reads and writes (default 1)")  # fmt: skip
    parser.add_argument("--engine", default="local", choices=["local", "spark", "ray"],
                        help="spark and ray: Parquet in, a folder of Parquet out")  # fmt: skip
    parser.add_argument("--cluster", "--master", "--address", metavar="ADDRESS",
                        help="of --engine: spark://…, yarn, k8s://…; ray://…, HOST:6379 or auto")  # fmt: skip
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    options = parser.parse_args(arguments)
    for wrong, problem, hint in (
        (options.example and options.file, "--example and FILE exclude each other", None),
        (options.example and options.output, "--example writes to standard output", "naba predict … > FILE"),
        (options.overwrite and not options.output, "--overwrite needs --output", None),
    ):
        if wrong:
            raise UserError(f"naba predict: {problem}", hint)
    _check_engine(options)
    if options.output and "://" not in options.output:
        files.check_place(Path(options.output), folder=options.engine != "local")
    return options


def _check_engine(options: argparse.Namespace) -> None:
    if options.engine == "local":
        if options.cluster:
            raise UserError("naba predict: --cluster goes with --engine spark or ray")
        return
    if not options.output or options.file in {None, "-"}:
        raise UserError(f"naba predict: --engine {options.engine} needs FILE and --output FOLDER")
    alone = [f"--{one}" for one in ("strict", "bad", "bom") if getattr(options, one)]
    alone += ["--workers"] if options.workers > 1 else []
    read = [name for name in given_options(options) if (name, options.format) != ("--format", "parquet")]
    for name in [*alone, *read]:
        raise UserError(f"naba predict: {name} goes with --engine local", f"{options.engine} reads and writes Parquet")


def _distributed(options: argparse.Namespace) -> int:
    from naba.classifier.folder import describe
    from naba.predict import engines
    from naba.predict.locate import locate

    folder = locate(options.model, options.uri)
    columns = {role: getattr(options, role) for role in describe(folder)["input"]}
    given = {name: getattr(options, name) for name in ("file", "output", "prefix", "cluster", "overwrite")}
    given |= {"rows": options.batch} if options.batch else {}
    done = engines.run(options.engine, engines.Work(str(folder), columns=columns, **given))
    bad = [f"{done.bad:,} rows without text: {done.side}"] if done.bad else []
    console.notes([f"{done.rows:,} rows: {options.output}", *bad])
    return 1 if done.bad else 0
