"""`naba drift`: have the texts changed, have the labels?

naba drift ans_stance:train ans_stance:test
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files
from naba.cli import console
from naba.cli.arguments import Parser, data_options, new_file
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.drift.labels import LabelShift
    from naba.drift.part import Part

FOUND = 3
DESCRIPTION = """Compare old and new texts: can a classifier tell them apart (two-sample test, p-value by permutation),
how many words are unknown, how long are they, which words and sources changed; and the labels: counted where both
sides have them, estimated from a trained classifier's answers with --model (black-box shift estimation).

  OLD and NEW: a data set, a part of it, or a file
      ans_stance:train      saudinewsnet:date=2015-07-21..2015-07-27      unifiedfc_stance:fold=1      july.csv

For a cron job, exit code 3 means drift, 0 none found, 2 that the input was wrong:
      naba drift old.csv new.csv || mail …"""


def main(arguments: Sequence[str]) -> int:
    """Run `naba drift`."""
    options = _parser().parse_args(arguments)
    from naba.drift import part, report

    columns = part.Columns(options.text, options.target, options.label, options.source)
    old, new = (part.read(name, columns, data_options()) for name in (options.old, options.new))
    labels = _labels(options.model, options.uri, old, new, options.seed)
    limits = report.Limits(options.alpha, options.area)
    found = report.compare(old, new, labels, limits, options.seed)
    for table in report.tables(found):
        print(table.render("markdown" if options.markdown else "text", console.terminal_width()))
    if options.html:
        files.write_text(options.html, report.page(found))
        print(f"wrote {options.html}")
    print(found.verdict)
    return FOUND if found.found else 0


def _parser() -> Parser:
    parser = Parser("drift", DESCRIPTION)
    parser.add_argument("old", metavar="OLD", help="the texts that everything was made for")
    parser.add_argument("new", metavar="NEW", help="the texts of today")
    parser.add_argument("--model", metavar="RUN", help="a classifier folder or a run, to estimate the labels of NEW")
    parser.add_argument("--uri", help="the MLflow store of the run (default: naba's own)")
    parser.add_argument("--text", default="text", metavar="COLUMN", help="of a file (default text)")
    parser.add_argument("--target", metavar="COLUMN", help="of a file of pairs: the claim")
    parser.add_argument("--label", metavar="COLUMN", help="of a file with labels")
    parser.add_argument("--source", type=_names, default=[], metavar="COLUMN,…",
                        help="such as outlet (default: those of few values; of a file: none)")  # fmt: skip
    parser.add_argument("--alpha", type=_share, default=0.01, help="p-value below which a change is one (default 0.01)")
    parser.add_argument("--area", type=_share, default=0.6,
                        help="area under the ROC curve from which a change of text matters (default 0.6)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write one page")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    return parser


def _labels(model: str | None, uri: str | None, old: Part, new: Part, seed: int) -> LabelShift | None:
    from naba.drift import report
    from naba.drift.labels import shift

    if model is None:
        return report.known_labels(old, new, seed)
    from naba.predict.locate import open_classifier

    opened = open_classifier(model, uri)
    for side in (old, new):
        if opened.pair != side.dataset.pair:
            reads = "pairs of a text and a claim (a file: --target COLUMN)" if opened.pair else "single texts"
            raise UserError(f"--model {model} reads {reads}, and {side.name} holds others")
    return shift(opened.model, old, new, _run(model, uri), seed)


def _run(model: str, uri: str | None) -> Any:
    """The tracked run that the name stands for; None for a folder."""
    from naba.export.run import find_run

    return None if Path(model).expanduser().is_dir() else find_run(model, uri)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _share(text: str) -> float:
    from argparse import ArgumentTypeError

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise ArgumentTypeError(f"expected a number between 0 and 1, got '{text}'")
    return value
