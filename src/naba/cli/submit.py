"""`naba submit`: a run's predictions in the form a shared task's scorer reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from naba import tracking
from naba.cli import console
from naba.cli.arguments import Parser
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run `naba submit`."""
    from naba.evaluation.submission import FORMATS, share_warnings, submission_format, write_submission

    listed = "\n".join(f"  {name:<22} {form.source}" for name, form in FORMATS.items())
    parser = Parser(
        "submit", f"Write a run's test predictions as a submission file, checked by id.\n\nformats:\n{listed}"
    )
    parser.add_argument("run", help="a run id, the beginning of one, or a run's name")
    parser.add_argument("file", help="where to write")
    parser.add_argument("--format", required=True, help="the shared task's format")
    parser.add_argument("--section", default="test", help="which predictions (default test)")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    options = parser.parse_args(arguments)
    form = submission_format(options.format)
    run = tracking.find(options.run, options.uri)
    from naba.tracking.runs import read_predictions, section_rows, sections_of

    if options.section not in sections_of(run):
        raise UserError(f"run '{run.info.run_name}' has no section '{options.section}'", ", ".join(sections_of(run)))
    predictions = read_predictions(run, options.section, options.uri)
    rows = section_rows(run, options.section, options.uri, predictions)
    write_submission(predictions, form, Path(options.file), rows, run=run.info.run_name.replace(" ", "_"))
    print(f"wrote {options.file}: {len(predictions)} rows in the form of {form.name} ({form.source})")
    if "validation" in sections_of(run) and options.section != "validation":
        for warning in share_warnings(predictions, read_predictions(run, "validation", options.uri)):
            console.note(f"warning: {warning}")
    return 0
