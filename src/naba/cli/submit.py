"""`naba submit`: write a shared task's submission.

naba submit 4f1c09 out.tsv --format checkthat2024_task1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba import tracking
from naba.cli import console
from naba.cli.arguments import Parser, new_file
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
    parser.add_argument("file", type=new_file, help="where to write")
    parser.add_argument("--format", required=True, help="the shared task's format")
    parser.add_argument("--section", default="test", help="which predictions (default test)")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    options = parser.parse_args(arguments)
    form = submission_format(options.format)
    run = tracking.find(options.run, options.uri)
    if options.section not in run.sections:
        raise UserError(f"run '{run.name}' has no section '{options.section}'", ", ".join(run.sections))
    predictions = run.predictions(options.section)
    rows = run.rows(options.section, predictions)
    write_submission(predictions, form, options.file, rows, run=run.name.replace(" ", "_"))
    print(f"wrote {options.file}: {len(predictions)} rows in the form of {form.name} ({form.source})")
    if "validation" in run.sections and options.section != "validation":
        for warning in share_warnings(predictions, run.predictions("validation")):
            console.note(f"warning: {warning}")
    return 0
