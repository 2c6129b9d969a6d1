"""`naba export`: a run's classifier as a folder, checked against the run.

naba export best:ans_stance stance/
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from naba.cli.arguments import Parser
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """Export the classifier of a tracked run to a new folder DIR, with a model card.

RUN is a run's id, the beginning of one, its name, models:/stance@champion, or best:ans_stance (the best primary
metric on the validation rows of that data set). Formats:
{formats}
The export is loaded in a fresh process and compared with the run's own test predictions; where it differs by more
than the tolerance, the command fails and leaves nothing behind.

--push is tested against a local server that speaks the Hub's protocol, large files by Git LFS included; uploads to the
Hub itself, and by Xet (HF_HUB_DISABLE_XET=1 avoids it), are untested."""


def _help() -> str:
    from naba.export.formats import formats

    lines = [
        f"  {form.name if not place else '':<10} {line}"
        for form in formats().values()
        for place, line in enumerate(form.about.splitlines())
    ]
    return DESCRIPTION.format(formats="\n".join(lines))


def main(arguments: Sequence[str]) -> int:
    """Run `naba export`."""
    parser = Parser("export", _help())
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, a name, models:/…@…, or best:DATASET")
    parser.add_argument("folder", metavar="DIR", type=Path, help="the folder to make")
    parser.add_argument("--format", default="directory", dest="kind", metavar="FORMAT",
                        help="one of the above (default directory)")  # fmt: skip
    parser.add_argument("--int8", action="store_true", help="8-bit weights and arithmetic (onnx); at least 99 %% of "
                        "the labels must agree, and macro-F1 within .005")  # fmt: skip
    parser.add_argument("--tolerance", type=float, default=1e-5, metavar="X",
                        help="largest difference of a probability (default 1e-5)")  # fmt: skip
    parser.add_argument("--push", metavar="OWNER/NAME", help="upload the folder to the Hugging Face Hub; needs --yes")
    parser.add_argument("--public", action="store_true", help="with --push: anybody may see it (default: private)")
    parser.add_argument("--yes", action="store_true", help="yes, upload it")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    options = parser.parse_args(arguments)
    if not math.isfinite(options.tolerance) or options.tolerance < 0:
        raise UserError(f"--tolerance {options.tolerance}: expected a number from 0, such as 1e-5")
    _check_push(options.push, public=options.public, yes=options.yes)
    from naba.export import run as run_export

    run = run_export.find_run(options.run, options.uri)
    folder = options.folder.expanduser()
    parity = run_export.export_run(run, folder, options.kind, int8=options.int8, tolerance=options.tolerance)
    print(f"{run.name} ({run.id[:12]}) -> {folder}, format {parity.format if parity else options.kind}")
    print(
        "\n".join(parity.lines())
        if parity
        else "not compared with the run; it loads and repeats its answers to fixed texts"
    )
    print(f"model card: {folder / 'README.md'}")
    if options.push:
        from naba.export.push import push

        print(f"uploaded: {push(folder, options.push, public=options.public)}")
    return 0


def _check_push(name: str | None, *, public: bool, yes: bool) -> None:
    if name is None:
        if yes or public:
            raise UserError("--yes and --public go with --push OWNER/NAME")
        return
    from naba.export.push import check_name

    check_name(name)
    if not yes:
        raise UserError(
            f"--push would upload the export to '{name}' on the Hugging Face Hub, "
            f"{'where anybody can see it' if public else 'as a private repository'}; nothing was done",
            "look at the export first, then give --push and --yes together",
        )
