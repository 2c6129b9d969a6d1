"""`naba data suspects`: labels that look wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba import files
from naba.cli import console
from naba.cli.arguments import Parser, new_file, positive
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DESCRIPTION = """Labels that look wrong: rows ranked by the probability that models which have not seen them give to
their label (out of fold, groups kept together), with the reasons: the model, neighbours, repetitions with two labels.

  naba data suspects ans_stance --csv suspects.csv --html suspects.html
  naba data suspects ans_stance --plant 0.05,0.1,0.2    how many planted label errors this way finds here

Training rows only, unless --split says another part. Nothing is ever changed: `naba annotate make DATASET --by
suspects` lets people decide. On test rows in particular it reports, and repairs nothing: a test set that is corrected
by what a model doubts favours that model. key=value are those of naba train (normalisation=none)."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba data suspects`."""
    options = _parser().parse_intermixed_args(arguments)
    from naba.annotation import out_of_fold, suspects
    from naba.data import catalogue

    if options.dataset not in catalogue.names():
        raise UserError(unknown_name("dataset", options.dataset, catalogue.names()))
    job = out_of_fold.job_of(options.dataset, options.model, options.overrides, options.seed)
    dataset, probabilities = out_of_fold.unseen(job, options.split, options.folds)
    found = suspects.find(dataset, probabilities)
    title = f"{options.dataset}, {options.split} rows: labels that {options.model} doubts"
    width = console.terminal_width()
    print(suspects.table(found, options.count, title).render("text", width))
    print(suspects.label_table(found).render("text", width))
    if options.split in {"test", "validation"}:
        console.note(f"these are {options.split} rows: correcting them by a model's doubts would favour that model")
    measured = None
    if options.plant:
        tries = suspects.measure_planted(job, dataset, probabilities, options.plant, options.seeds, options.folds)
        heading = f"Planted label errors found by {options.model} in {options.dataset} ({options.split})"
        measured = suspects.planted_table(list(tries), heading)
        print(measured.render("markdown" if options.markdown else "text", width))
    if options.csv:
        _write(options.csv, suspects.csv_table(found).render("csv"))
    if options.html:
        _write(options.html, suspects.page(found, title, dataset.display_names, options.count, measured))
    return 0


def _parser() -> Parser:
    parser = Parser("data", DESCRIPTION)
    parser.prog = "naba data suspects"
    parser.epilog = "example: naba data suspects ans_stance --html suspects.html"
    parser.add_argument("dataset", metavar="DATASET", help="of `naba list datasets`")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as for naba train")
    parser.add_argument("--model", default="tfidf_logreg", help="of `naba list models` (default tfidf_logreg)")
    parser.add_argument(
        "--split", default="train", choices=["train", "validation", "test", "all"], help="which rows (default train)"
    )
    parser.add_argument("--folds", type=positive, default=5, help="default 5")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-n", "--count", type=positive, default=20, help="rows shown (default 20)")
    parser.add_argument("--csv", type=new_file, metavar="FILE", help="write every suspect with every column")
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write one page to read")
    parser.add_argument("--plant", type=_shares, metavar="SHARE,…", help="plant label errors and look for them")
    parser.add_argument("--seeds", type=positive, default=3, help="plant so often (default 3)")
    parser.add_argument("--markdown", action="store_true", help="print what --plant finds as Markdown")
    return parser


def _shares(text: str) -> list[float]:
    from argparse import ArgumentTypeError

    try:
        shares = [float(each) for each in text.split(",")]
    except ValueError:
        shares = []
    if not shares or not all(0 < share <= 0.5 for share in shares):
        raise ArgumentTypeError(f"expected shares above 0 and at most 0.5, such as 0.05,0.1,0.2; got '{text}'")
    return shares


def _write(path: Path, content: str) -> None:
    files.write_text(path, content)
    print(f"wrote {path}")
