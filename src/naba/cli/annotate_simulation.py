"""`naba annotate simulate`: would choosing what to label have paid?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba import files
from naba.cli import console
from naba.cli.annotate_rows import COMMITTEES, names
from naba.cli.arguments import new_file, positive
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.cli.arguments import Parser


def main(parser: Parser, arguments: Sequence[str]) -> int:
    """Run the simulation and print its curves."""
    parser.add_argument("dataset", metavar="DATASET", help="of `naba list datasets`, with labels")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as for naba train (split=stratified)")
    parser.add_argument("--by", type=names, default=["uncertain", "random"], metavar="WAY,…")
    parser.add_argument("--model", type=names, default=[], metavar="NAME,…", help="of the catalogue; two for disagree")
    parser.add_argument("--start", type=positive, default=100, help="random rows at the beginning (default 100)")
    parser.add_argument("--batch", type=positive, default=100, help="rows a round (default 100)")
    parser.add_argument("--rounds", type=positive, default=5, help="default 5")
    parser.add_argument("--seeds", type=positive, default=5, help="default 5")
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write one page with the curves")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    options = parser.parse_intermixed_args(arguments)
    from naba.annotation import out_of_fold, selection, simulation
    from naba.config import dataset_config

    for way in options.by:
        if way not in selection.STRATEGIES or way == "suspects":
            ways = [each for each in selection.STRATEGIES if each != "suspects"]
            raise UserError(f"--by: {unknown_name('way to choose', way, ways)}")
    committee = COMMITTEES[dataset_config(options.dataset).pair]
    models = options.model or committee[: 2 if "disagree" in options.by else 1]
    jobs = [out_of_fold.job_of(options.dataset, model, options.overrides) for model in models]
    plan = simulation.Plan(options.by, options.start, options.batch, options.rounds, options.seeds)
    curves = simulation.simulate(jobs, plan, console.note)
    for table in (simulation.curve_table(curves), simulation.difference_table(curves)):
        if table is not None:
            print(table.render("markdown" if options.markdown else "text", console.terminal_width()))
    if options.html:
        files.write_text(options.html, simulation.page(curves))
        print(f"wrote {options.html}")
    return 0
