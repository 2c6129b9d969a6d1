"""`naba stress`: do answers hold when texts are perturbed.

naba stress 4f1c09 --only kept
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba import files
from naba.cli import console
from naba.cli.arguments import Parser, new_file, positive
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.stress import StressReport

DESCRIPTION = """Does a model hold when texts are written in another way? Each perturbation changes the rows a run was
scored on; the share of answers that flip, and what that costs in score, stand in a table and in a page, which the run
keeps (artifact stress/). `naba compare --stress` puts models side by side.

Kinds: kept (the same text in another spelling: no answer may flip), noise (something is lost: an answer may flip),
changed (another meaning, pairs only: the stance should flip)."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba stress`."""
    options = _parser().parse_args(arguments)
    if options.list:
        _list()
        return 0
    if not options.runs:
        raise UserError(
            "naba stress: a run is missing", "name one by its id, its name or best:DATASET; see naba compare"
        )
    if options.html and len(options.runs) > 1:
        problem = f"--html {options.html} is one file, and {len(options.runs)} runs are named"
        raise UserError(problem, "leave it out: each run keeps its own page, stress/page.html")
    from naba.experiment import stress
    from naba.export.run import find_run

    settings = stress.Settings(
        [name.strip() for name in options.only.split(",") if name.strip()],
        options.section,
        options.side,
        options.rows or 0,
        options.seed,
        options.resamples,
    )
    runs = [find_run(name, options.uri) for name in options.runs]
    reports = []
    for run in runs:
        report = stress.stress(run, settings)
        stress.keep(run, report)
        reports.append(report)
        if options.style != "csv":
            _print(report, options.style, by_label=options.by_label)
        if options.html:
            from naba.evaluation.stress.page import page

            files.write_text(options.html, page(report))
        console.note(f"kept with run {run.id[:12]}: {options.html or run.file(stress.PAGE)}")
    if options.style == "csv":
        from naba.evaluation.stress.page import data_table

        print(data_table(reports).render("csv"), end="")
    return 0


def _parser() -> Parser:
    parser = Parser("stress", DESCRIPTION)
    parser.add_argument("runs", nargs="*", metavar="RUN", help="a run with a model: id, name, best:DATASET, models:/…")
    parser.add_argument("--only", default="", metavar="NAME,…", help="perturbations or kinds of them (default: all)")
    parser.add_argument("--list", action="store_true", help="the perturbations, and what each does")
    parser.add_argument("--section", default="", help="test, validation or a further data set of the run")
    parser.add_argument("--side", choices=("text", "target", "both"), default="text", help="what is perturbed of pairs")
    parser.add_argument("--rows", type=positive, help="at most so many rows, drawn at random (models that cost money)")
    parser.add_argument("--seed", type=int, default=0, help="of the perturbations (default 0)")
    parser.add_argument("--resamples", type=positive, default=2_000, help="bootstrap resamples (default 2000)")
    parser.add_argument("--by-label", action="store_true", help="print flips by gold label too (the page has them)")
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write the page here too")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    styles = parser.add_mutually_exclusive_group()
    for style, what in (("markdown", "Markdown"), ("csv", "CSV"), ("latex", "LaTeX")):
        styles.add_argument(f"--{style}", dest="style", action="store_const", const=style, help=f"print {what}")
    parser.set_defaults(style="text")
    return parser


def _list() -> None:
    from naba.arabic.perturb import chosen

    shown = console.table("kind", "perturbation", "what it does", "undone by the rules")
    for one in chosen():
        shown.add_row(one.kind, one.name, one.summary, " ".join(one.undone_by) or "none")
    console.console().print(shown)


def _print(report: StressReport, style: str, *, by_label: bool) -> None:
    from naba.evaluation.stress.page import label_table, notes, stress_tables

    width = console.terminal_width()
    about = f"{report.dataset} ({report.section}, {report.rows} rows), {report.metric} {report.score:.3f}"
    print(f"{report.name} on {about}\n{report.verdict}\n")
    for table in stress_tables(report) + ([label_table(report)] if by_label else []):
        print(table.render(style, width))  # type: ignore[arg-type]
    print("\n".join(f"- {note}" if style == "markdown" else note for note in notes(report)))
