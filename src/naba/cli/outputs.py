"""Arguments that name what a command writes at its end: places that cannot be written to are refused at its start."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

from naba import files
from naba.errors import UserError


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
