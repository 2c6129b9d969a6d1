"""`naba analyse`: articles: what to check, who says it, stance to claims.

naba analyse article.txt --claims claims.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from naba.cli import console
from naba.cli.arguments import Parser, add_reading_options, new_folder, reading_options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from naba.analysis.article import Article
    from naba.analysis.job import Job

DESCRIPTION = """Read articles: which sentences hold something to check, of what kind, who says it, and where the
article stands on given claims. No verdict is given on anything.

FILE is a text, a page saved from a browser (HTML, MHTML; extra: html), - for standard input, or a folder of them.
--claims names a CSV, JSON Lines or Excel file with a column text (and id), or a .txt file with one claim a line.

--claim-type and --stance take a tracked run by any of its names, a folder (naba export), or none. Without them, two
models are trained once on the embedded corpus, whose labels come from a language model: good for a first look, and
weak on real news. `naba train dataset=claim_type model=claim_guideline` makes a better one where the data is at hand.

Files go to --output: NAME.html (a page), NAME.json, NAME.jsonld (schema.org claims, without a rating), and one
claims.csv and stances.csv for all articles. Without --format csv or all, pages only. Many articles also get a page
that lists them, index.html."""
SHOWN = 60
"""Sentences in the table."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba analyse`; returns 0, or 1 if some of several files could not be read."""
    options = _parse(arguments)
    from naba.analysis import job as analysis
    from naba.analysis import records

    wanted = _job(options)
    many = len(wanted.sources) > 1
    noted: set[str] = set()

    def each(article: Article, written: Sequence[Path], run: str | None) -> None:
        if many:
            console.console().print(records.summary_line(article), markup=False)
        else:
            _show(article)
        for note in [*article.notes, *(f"written: {path}" for path in written if not many)]:
            if note not in noted:  # what holds for many articles is said once
                console.note(note)
            noted.add(note)
        if run:
            console.note(f"{article.name}: run {run[:12]}")

    done = analysis.run(wanted, each)
    for path in done.written:
        console.note(f"written: {path}")
    if many:
        console.note(
            f"{done.articles} articles in {wanted.folder}" + (f"; {len(done.bad)} not read" if done.bad else "")
        )
    return 1 if done.bad else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    from naba.analysis.job import FORMATS
    from naba.analysis.models import DEFAULT

    parser = Parser("analyse", DESCRIPTION)
    parser.add_argument("files", nargs="+", metavar="FILE", help="a text, saved HTML, - or a folder")
    parser.add_argument("--claims", type=Path, metavar="FILE", help="claims to compare with")
    add_reading_options(
        parser.add_argument_group("how the file of claims is read, where that is not seen"), of="claims-"
    )
    parser.add_argument("--claim-type", default=DEFAULT, metavar="RUN", help="the model of claim types, or none")
    parser.add_argument("--stance", default=DEFAULT, metavar="RUN", help="the model of stances, or none")
    parser.add_argument(
        "--output", "-o", type=new_folder, metavar="DIR", help="default: analysis in naba's home (NABA_HOME)"
    )
    parser.add_argument("--format", default="html", choices=FORMATS, help="what is written (default html)")
    parser.add_argument("--claimreview-draft", action="store_true",
                        help="also NAME.claimreview.jsonld: ClaimReview records for a desk to fill in")  # fmt: skip
    parser.add_argument("--track", action="store_true", help="keep each analysis as an MLflow run, with its page")
    parser.add_argument("--encoding", metavar="NAME", help="of text files: utf-8, windows-1256, …; else recognised")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    return parser.parse_args(arguments)


def _job(options: argparse.Namespace) -> Job:
    from naba import files
    from naba.analysis import reading
    from naba.analysis.job import Job

    return Job(
        sources=reading.sources(options.files),
        claims=reading.read_claims(options.claims, reading_options(options, "claims-")) if options.claims else (),
        claim_type=None if options.claim_type == "none" else options.claim_type,
        stance=None if options.stance == "none" else options.stance,
        folder=options.output or files.home() / "analysis",
        form=options.format,
        drafts=options.claimreview_draft,
        track=options.track,
        encoding=options.encoding,
        uri=options.uri,
    )


def _show(article: Article) -> None:
    from rich.markup import escape

    from naba.analysis import records

    made: list[tuple[tuple[str, ...], list[list[str]]]]
    made = [
        (records.SENTENCE_LINES if article.claims else records.SENTENCE_LINES[:-1], records.sentence_lines(article))
    ]
    if article.claims:
        made.append((records.CLAIM_LINES, records.claim_lines(article)))
    for columns, rows in made:
        shown = console.table(*columns)
        for row in rows[:SHOWN]:
            shown.add_row(*map(escape, row[: len(columns)]))
        console.console().print(shown)
        if len(rows) > SHOWN:
            console.note(f"{len(rows) - SHOWN} more rows are in the files")
