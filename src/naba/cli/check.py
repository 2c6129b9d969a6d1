"""`naba check`: what is wrong with a data set.

naba check ans_stance
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from naba import files
from naba.cli import console
from naba.cli.arguments import Parser, add_reading_options, data_options, new_file, reading_options
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.data.catalogue import Changes
    from naba.data.checks.findings import Report

COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
DESCRIPTION = """Numbered checks of a data set: duplicates after Arabic normalisation, the same text with two labels,
leaks through order, pairs or one side alone, groups across splits, odd characters, drift. Exit code 1 if a check
found an error.

  naba check my_set dataset.options.quoting=false       with the settings that naba train takes, for one data set
  naba check file dataset.path=my.csv --delimiter ';'   a file that has no YAML"""


def main(arguments: Sequence[str]) -> int:
    """Run `naba check`."""
    parser = Parser("check", DESCRIPTION)
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help="names of `naba list datasets`, or key=value")
    parser.add_argument("--all", action="store_true", help="every data set whose files are here or in the mirror")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--markdown", type=new_file, metavar="FILE", help="write one Markdown page, without example texts"
    )
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write one page with examples")
    parser.add_argument("--quick", action="store_true", help="only the checks that run before every training")
    add_reading_options(parser, labelled=True)
    options = parser.parse_intermixed_args(arguments)
    data = data_options()
    from naba.data import catalogue

    changes = catalogue.Changes(
        tuple(each for each in options.datasets if "=" in each), reading_options(options), options.drop_unlabelled
    )
    names = _names([each for each in options.datasets if "=" not in each], changes, everything=options.all)
    if options.markdown:
        files.write_text(options.markdown, catalogue.quality_report(names, data))
        print(f"wrote {options.markdown}")
        return 0
    reports = []
    for name in names:
        reports.append(catalogue.check(name, data, slow=not options.quick, changes=changes))
        if not options.json:
            _print(reports[-1])
    if options.json:
        print(json.dumps([report.to_dict() for report in reports], ensure_ascii=False, indent=1))
    if options.html:
        files.write_text(options.html, "\n".join(report.to_html() for report in reports))
    return 1 if any(report.errors for report in reports) else 0


def _names(wanted: Sequence[str], changes: Changes, *, everything: bool) -> list[str]:
    from naba.data import catalogue

    known = catalogue.names()
    if changes.any and (everything or len(wanted) != 1):
        raise UserError("naba check: key=value and reading options are for one data set", "naba check NAME key=value")
    if changes.overrides:
        known = [*known, *catalogue.TEMPLATES]
    for name in wanted:
        if name not in known:
            raise UserError(unknown_name("dataset", name, known))
    if everything:
        here = catalogue.here(data_options())
        absent = [name for name in known if name not in here]
        if absent:
            console.note(f"not here (naba data fetch NAME, or NABA_MIRROR): {', '.join(absent)}")
        return here
    if not wanted:
        raise UserError("naba check: name a data set, or --all", "naba check --help")
    return list(wanted)


def _print(report: Report) -> None:
    from rich.markup import escape

    out = console.console()
    out.print(f"[bold]{escape(report.dataset)}[/]  {report.rows} rows  {report.fingerprint[:12]}")
    shown = console.table("check", "", "finding")
    for code, state, title, message in report.table():
        colour = COLOURS.get(state)
        marked = f"[{colour}]{state}[/]" if colour else f"[dim]{state}[/]"
        shown.add_row(f"{code} {title}", marked, escape(message))
    out.print(shown)
    for finding in [*report.errors, *report.warnings]:
        out.print(f"[bold]{finding.code} {finding.title}[/]: {escape(finding.remedy)}")
        for example in finding.examples[:3]:
            out.print(f"    {escape(example)}")
