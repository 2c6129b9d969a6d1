"""What a person is told when a command does not come to its end, and with which exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files, machine
from naba.errors import EXIT_CODE, UserError, hidden, is_full, is_interrupt, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED, INTERRUPTED = 1, 130


def told(error: BaseException, arguments: Sequence[str]) -> tuple[str, int]:
    """The message for an error that ended a command, and the exit code.

    Mistakes of the user's are told as they are (code 2). Everything else is a failure (code 1) of naba, of a library
    or of the machine: its traceback is kept in a file, which the message names.
    """
    if is_interrupt(error):
        return "interrupted", INTERRUPTED
    if (said := _mistake(error, arguments)) is not None:
        return said, EXIT_CODE
    said = sentence(error)
    if is_full(error):
        return said, FAILED
    return f"{said}\n  {machine.keep_traceback(error, ' '.join(['naba', *arguments]))}", FAILED


def _mistake(error: BaseException, arguments: Sequence[str]) -> str | None:
    """What the user gave wrong, or must install; None for other errors."""
    if isinstance(error, UserError):
        return hidden(str(error))
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] != "naba":
        said = f"this command needs the package '{error.name}', which is not installed"
        return f"{said}; an installation of naba with its dependencies has it"
    of_a_library = type(error).__module__.partition(".")[0] in {"hydra", "omegaconf"}
    of_a_path = isinstance(error, OSError) and not is_full(error) and _is_named(error.filename, arguments)
    return sentence(error) if of_a_library or of_a_path else None


def _is_named(path: Any, arguments: Sequence[str]) -> bool:
    """Did the user name this path, or a folder that it lies in, on the command line or as the home?"""
    if not isinstance(path, str):
        return False
    whole = Path.cwd() / path
    values = [Path.cwd() / argument.rpartition("=")[2] for argument in arguments if not argument.startswith("-")]
    return any(value in (whole, *whole.parents) for value in [*values, files.home()] if value != Path.cwd())
