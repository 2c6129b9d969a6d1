"""`naba score`: score another system's predictions.

naba score gpt.csv dataset=ans_stance
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from naba.cli import console
from naba.cli.arguments import Parser, add_reading_options, check_name, reading_options
from naba.config import overrides
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """Score a file of predictions (CSV, TSV, JSON Lines, Parquet, Excel) made by any other system.

The file has a column id, a column label, and may have a column probability_<label> for each label, and a column outcome
(answered, refused, unparsed, truncated, empty, error) where some rows have no answer. Ids must be those of the split:
`naba data ids NAME` prints them with their texts. key=value are those of naba train (dataset=, seed=,
evaluation.metrics=)."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba score`."""
    parser = Parser("score", DESCRIPTION)
    parser.add_argument("file", help="the predictions")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="dataset=ans_stance …")
    parser.add_argument("--split", default="test", choices=["test", "validation"])
    parser.add_argument(
        "--labels-decide", action="store_true", help="take labels that are not the most probable ones as they are"
    )
    parser.add_argument(
        "--unanswered", action="store_true", help="rows without a label were not answered: wrong, never filled"
    )
    parser.add_argument("--id", default="id", metavar="COLUMN", help="the column of the ids (default id)")
    parser.add_argument("--label", metavar="COLUMN", help="the column of the labels (default label)")
    add_reading_options(parser)
    parser.add_argument("--track", metavar="NAME", help="keep it as a run under this model name")
    options = parser.parse_intermixed_args(arguments)
    check_name("--track", options.track)
    wrong = [item for item in options.overrides if not item.startswith(("dataset", "seed=", "evaluation.", "split"))]
    if wrong:
        raise UserError(f"naba score takes dataset=, split=, seed= and evaluation.…, not {wrong[0]}")
    if not any(item.startswith("dataset=") for item in options.overrides):
        raise UserError("naba score: say which data set: dataset=NAME", "naba list datasets")
    plan = overrides.plan(options.overrides, multirun=False)
    from naba.evaluation.outside import PredictionsFile
    from naba.experiment import outside

    result = outside.score(
        PredictionsFile(Path(options.file), reading_options(options), options.id, options.label),
        plan.overrides,
        options.split,
        options.track or "outside",
        labels_decide=options.labels_decide,
        unanswered=options.unanswered,
    )
    scores = {name: section.scores for name, section in result.sections.items()}
    console.print_scores(scores, result.facts.primary, result.job.settings.evaluation.confidence)
    if options.track:
        outcome = outside.track(result)
        kept = "kept" if outcome.status == "trained" else "already there"
        print(f"{kept}: run {outcome.run} in {outcome.where}; next: naba compare dataset={result.job.dataset.name}")
    return 0
