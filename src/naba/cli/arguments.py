"""Command lines of the small commands: argparse with naba's errors, plus `key=value` filters."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, NoReturn

from naba.cli import COMMANDS
from naba.errors import UserError, nearest, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.config.schema import DataConfig

NAME = r"[A-Za-z0-9][A-Za-z0-9_.\-]*"


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes become `UserError`, and whose help ends in an example."""

    def __init__(self, command: str, description: str = "") -> None:
        entry = COMMANDS[command]
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


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got '{text}'")
    return int(text)


def check_name(option: str, value: str | None) -> None:
    """Raises:
    UserError: the value of an option is no name for a model or an alias.
    """
    if value is not None and not re.fullmatch(NAME, value):
        raise UserError(f"{option} '{value}': a name is made of letters, digits, '_', '-' and '.'")


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
