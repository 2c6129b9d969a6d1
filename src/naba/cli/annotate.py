"""`naba annotate`: choose rows for people to label, and read what they say.

naba annotate make ans_stance --out round_1
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from naba import files
from naba.cli import console
from naba.cli.arguments import Parser, new_file, new_folder, positive
from naba.errors import UserError, nearest, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ACTIONS = ("make", "read", "simulate")
DESCRIPTION = """People in the loop, by files:

  naba annotate make DATASET|FILE -n 200 --by uncertain --out DIR
      choose rows and write DIR: annotate.html (one page to label on by keyboard, offline), a Label Studio project
      (label_studio.xml, label_studio_tasks.json) and project.json
  naba annotate read FILE… --project DIR [--name NAME]
      what people saved on the page, or exported from Label Studio (JSON, JSON-MIN): agreement, labels, the rows to
      adjudicate, and a data set with --name
  naba annotate simulate DATASET --by uncertain,random
      would choosing have paid? labels are revealed in rounds, and learning curves compared"""


def main(arguments: Sequence[str]) -> int:
    """Run `naba annotate ACTION`."""
    action, *rest = [*arguments] or ["--help"]
    if action in {"-h", "--help"}:
        Parser("annotate", DESCRIPTION + "\n\nnaba annotate ACTION --help lists the arguments of each.").print_help()
        return 0
    if action not in ACTIONS:
        guess = nearest(action, ACTIONS)
        raise UserError(
            unknown_name("action", action, ACTIONS), f"naba annotate {guess or 'make'} …; naba annotate --help"
        )
    runs: dict[str, Callable[[Sequence[str]], int]] = {"make": _make, "read": _read, "simulate": _simulate}
    return runs[action](rest)


def _parser(action: str, example: str) -> Parser:
    parser = Parser("annotate", DESCRIPTION)
    parser.prog, parser.epilog = f"naba annotate {action}", f"example: {example}"
    return parser


def _make(arguments: Sequence[str]) -> int:
    from naba.annotation import project, resolve, selection
    from naba.cli.annotate_rows import add_arguments, rows_of

    parser = _parser("make", "naba annotate make ans_stance -n 200 --by uncertain --out round_1")
    add_arguments(parser)
    parser.add_argument("-n", "--count", type=positive, default=200, help="rows to label (default 200)")
    parser.add_argument("--by", default="uncertain", metavar="WAY", help=", ".join(selection.STRATEGIES))
    parser.add_argument("--out", type=new_folder, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--guideline", type=Path, metavar="FILE", help="Markdown (default: naba's, where it has one)")
    parser.add_argument("--suggest", action="store_true", help="show a model's answers on the page; people follow them")
    options = parser.parse_intermixed_args(arguments)
    if (options.out / project.FILE).exists():
        raise UserError(f"{options.out} already holds a project", "name another folder: --out DIR")
    given = project.guideline_of("", (), options.guideline) if options.guideline else None
    dataset, probabilities, models = rows_of(options)
    rows = selection.choose(dataset, options.by, options.count, probabilities, options.seed)
    by = f"{options.by} ({', '.join(models)})" if models else options.by
    guideline = project.guideline_of(dataset.task, dataset.labels) if given is None else given
    made = project.of(dataset, rows, by, guideline, probabilities[0] if probabilities else None)
    written = resolve.make(made, options.out, suggest=options.suggest)
    print(f"{options.out}: {len(made.rows)} of {len(dataset)} rows of {dataset.name}, chosen by {by}")
    for file in written:
        print(f"  {file.name}")
    if len(rows) < options.count:
        console.note(f"there are only {len(rows)} different rows to choose from")
    print(f"next: open {options.out / 'annotate.html'}, then naba annotate read FILE… --project {options.out}")
    return 0


def _read(arguments: Sequence[str]) -> int:
    from naba.annotation import agreement, answers, project, resolve

    parser = _parser("read", "naba annotate read answers-*.json --project round_1 --name stance_by_people")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="of the page, or exports of Label Studio")
    parser.add_argument("--project", type=Path, default=Path(), metavar="DIR", help="with project.json (default: here)")
    parser.add_argument("--out", type=new_folder, metavar="DIR", help="where to write (default: the project's folder)")
    parser.add_argument("--name", help="write a data set of the decided rows, and conf/dataset/NAME.yaml")
    parser.add_argument(
        "--html", type=new_file, metavar="FILE", help="write one page, with the rows on which people differ"
    )
    options = parser.parse_intermixed_args(arguments)
    found = answers.read(options.files, project.read(options.project))
    decisions = resolve.decide(found)
    measured = agreement.measure(found) if len(found.people) > 1 else None
    folder = options.out or options.project
    made = resolve.dataset(found.project, decisions, options.name, folder) if options.name else ()
    tables = [agreement.people_table(found)]
    tables += [agreement.agreement_table(measured)] if measured else []
    tables += [agreement.decisions_table(decisions), agreement.earlier_table(decisions)]  # type: ignore[list-item]
    for table in tables:
        if table is not None:
            print(table.render("text", console.terminal_width()))
    written = [*resolve.write(found, decisions, folder), *made]
    if options.html:
        files.write_text(options.html, agreement.page(found, measured, decisions))
        written.append(options.html)
    print("wrote " + ", ".join(map(str, written)))
    return 0


def _simulate(arguments: Sequence[str]) -> int:
    from naba.cli.annotate_simulation import main as simulate

    return simulate(_parser("simulate", "naba annotate simulate ans_claim_type --by uncertain,random"), arguments)
