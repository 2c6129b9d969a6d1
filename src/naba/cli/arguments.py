"""Command lines of the small commands: argparse with naba's errors, `key=value` filters, places to write to."""

from __future__ import annotations

import argparse
import re
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from naba import cli, files
from naba.errors import UserError, nearest, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.config.schema import DataConfig
    from naba.data.rows import ReadingOptions

LONGEST_NAME = 80
NAME = rf"[A-Za-z0-9][A-Za-z0-9_.\-]{{0,{LONGEST_NAME - 1}}}"


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes become `UserError`, and whose help ends in an example."""

    def __init__(self, command: str, description: str = "") -> None:
        entry = cli.command(command)
        super().__init__(
            prog=f"naba {command}",
            description=description or entry.summary,
            epilog=f"example: {entry.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        if message.startswith("unrecognized arguments: "):
            name = message.split()[2]
            known = [option for action in self._actions for option in action.option_strings]
            guess = nearest(name, known)
            raise UserError(
                f"{self.prog}: unknown argument '{name}'" + (f"; did you mean '{guess}'?" if guess else ""),
                f"{self.prog} --help",
            )
        raise UserError(f"{self.prog}: {message}", f"{self.prog} --help")


def add_reading_options(parser: argparse._ActionsContainer, *, labelled: bool = False, of: str = "") -> None:
    """How a file is to be read, the same in every command that reads one; what is not said is recognised.

    Args:
        labelled: its rows have labels, and those without one may be left out.
        of: begins the names of the options, `claims-`, where a command reads other files too.
    """
    from naba.data.rows import FORMATS

    if labelled:
        parser.add_argument("--drop-unlabelled", action="store_true", help="leave rows without a label out")
    parser.add_argument(f"--{of}format", choices=FORMATS, help="of the file, where its name does not say it")
    parser.add_argument(f"--{of}delimiter", metavar="CHARACTER", help="of CSV and TSV: one character, or tab")
    parser.add_argument(f"--{of}encoding", metavar="NAME", help="of text files: utf-8, utf-16, windows-1256, …")
    parser.add_argument(
        f"--{of}no-header", action="store_true", help="the first line is a row: columns are column_1, …"
    )
    parser.add_argument(f"--{of}no-quotes", action="store_true", help="quotes are ordinary characters (CSV, TSV)")
    parser.add_argument(f"--{of}sheet", metavar="NAME", help="of an Excel workbook (default: the first)")


def reading_options(options: argparse.Namespace, of: str = "") -> ReadingOptions:
    """What `add_reading_options` took."""
    from naba.data.rows import ReadingOptions

    names = ("format", "delimiter", "no_quotes", "encoding", "no_header", "sheet")
    form, delimiter, unquoted, encoding, bare, sheet = (vars(options)[of.replace("-", "_") + name] for name in names)
    return ReadingOptions(form, delimiter, not unquoted, encoding, not bare, sheet, spelling=f"--{of}")


def given_options(options: argparse.Namespace) -> list[str]:
    """The options of `add_reading_options` that the command line has, as they are written there."""
    names = ("format", "delimiter", "encoding", "sheet", "no_header", "no_quotes", "drop_unlabelled")
    return [f"--{name.replace('_', '-')}" for name in names if getattr(options, name, None)]


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got '{text}'")
    return int(text)


def names(text: str) -> list[str]:
    """Names with commas between them, for argparse."""
    return [name.strip() for name in text.split(",") if name.strip()]


def check_name(option: str, value: str | None) -> None:
    """Raises:
    UserError: the value of an option is no name for a model or an alias.
    """
    if value is not None and not re.fullmatch(NAME, value):
        said = value if len(value) <= LONGEST_NAME else f"{value[:LONGEST_NAME]}…"
        raise UserError(f"{option} '{said}': a name is made of up to {LONGEST_NAME} letters, digits, '_', '-' and '.'")


def key_values(arguments: Sequence[str], valid: Sequence[str]) -> dict[str, str]:
    """`["dataset=ans_stance"]` -> `{"dataset": "ans_stance"}`.

    Raises:
        UserError: an argument is no `key=value`, or the key is none of `valid`.
    """
    found = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise UserError(f"'{argument}': expected key=value, with one of: {', '.join(valid)}")
        if key not in valid:
            raise UserError(unknown_name("key", key, valid))
        if not value:
            raise UserError(f"'{argument}': a value is missing after =")
        found[key] = value
    return found


def data_options() -> DataConfig:
    """How commands other than `train` fetch files: as the environment says (NABA_MIRROR, NABA_OFFLINE, NABA_CACHE)."""
    from naba.config.schema import DataConfig

    return DataConfig()


def new_file(text: str) -> Path:
    """A file to be written, for argparse."""
    return _place(text, folder=False)


def new_folder(text: str) -> Path:
    """A folder to be written to, for argparse."""
    return _place(text, folder=True)


def _place(text: str, *, folder: bool) -> Path:
    path = Path(text).expanduser()
    try:
        files.check_place(path, folder=folder)
    except UserError as error:
        raise ArgumentTypeError(error.message) from error
    return path
