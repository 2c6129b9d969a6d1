"""`naba new`: write a package with a model and a data set of your own.

naba new package mypackage
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from naba.cli.arguments import Parser

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """Write a Python package that brings a model, a metric and a data set to naba: pyproject.toml with the
entry point by which naba finds it, conf/, code, data and a test. It works as it is; change what you need."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba new`."""
    parser = Parser("new", DESCRIPTION)
    parser.add_argument("kind", choices=["package"], help="what to write")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new folder; its name is that of the package")
    options = parser.parse_args(arguments)
    from naba.config.new_package import write

    written = write(options.folder)
    name = options.folder.expanduser().resolve().name
    for path in written:
        print(path)
    print(
        f"next: pip install -e {options.folder}, then naba list packages and naba train dataset={name}_headlines "
        f"model={name}_words"
    )
    return 0
