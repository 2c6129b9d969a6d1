"""`naba <command>`: finds the command, imports what it needs and nothing else, and turns errors into one message."""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from naba import __version__
from naba.errors import EXIT_CODE, UserError, hidden, is_full, is_interrupt, sentence, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


FIRST = ("train", "tune", "compare", "stress", "show", "score", "submit", "promote", "reproduce", "export", "predict",
         "analyse", "evaluate-attribution", "serve", "check", "data", "annotate", "drift", "list", "new", "cache",
         "ui")  # fmt: skip
"""The order of `naba --help`; a command that is not named here stands at its end."""
HEAD = re.compile(r'"""`naba ([a-z][a-z0-9-]*)`: (.+?)\.?\s+(naba .+)\n')

# Not list(…) in this file: once `naba list` has been imported, `list` is that module here.
FAILED, INTERRUPTED = 1, 130
_NO_PACKAGES = "--no-packages"
_VALUED = ("--package", "--trust")
"""What every command takes: which packages may bring code, and whose types a kept model may hold."""


class Command(NamedTuple):
    """One command: the module with its `main(arguments)`, what it does, and a line that shows it."""

    module: str
    summary: str
    example: str


@cache
def commands() -> dict[str, Command]:
    """naba's own commands: the modules beside this one whose docstring begins as that of a command does."""
    folder = Path(__file__).parent
    found = commands_of({f"{__name__}.{path.stem}": path for path in sorted(folder.glob("*.py"))})
    return {name: found[name] for name in sorted(found, key=lambda name: (*FIRST, name).index(name))}


def commands_of(modules: Mapping[str, Path]) -> dict[str, Command]:
    """The commands among modules, read from their first lines without importing anything.

    A command is a module whose docstring begins "`naba NAME`: what it does." and goes on, after an empty line, with an
    example: "naba NAME FILE".

    Args:
        modules: the names of modules with their files.
    """
    heads = {}
    for module, file in modules.items():
        with file.open(encoding="utf-8", errors="replace") as source:
            heads[module] = HEAD.match(source.read(500))
    return {head[1]: Command(module, head[2], head[3]) for module, head in heads.items() if head}


def command(name: str) -> Command:
    """The command called `name`, naba's or of a package that the user allows.

    Raises:
        UserError: there is none (says the nearest), or two packages have one.
    """
    if name in commands():
        return commands()[name]
    from naba.config import packages

    brought = [commands_of(packages.module_files(package)) for package in packages.allowed()]
    holders = [found[name] for found in brought if name in found]
    if not holders:
        known = {*commands(), *(one for found in brought for one in found)}
        raise UserError(unknown_name("command", name, known), "naba --help lists them with an example each")
    if len(holders) > 1:
        raise UserError(
            f"two commands are called '{name}': {' and '.join(one.module for one in holders)}", "rename one"
        )
    return holders[0]


def usage() -> str:
    """The text of `naba --help`."""
    lines = [
        "naba: train, evaluate and compare classifiers of Arabic news (stance, claim type)",
        "",
        "usage: naba <command> [arguments]        naba <command> --help",
        "",
    ]
    width = max(len(name) for name in commands())
    summaries = max(len(one.summary) for one in commands().values())
    lines += [f"  {name:<{width}}  {one.summary:<{summaries}}  e.g. {one.example}" for name, one in commands().items()]
    lines += [
        "",
        "first steps: naba train +experiment=quickstart -m, then naba compare, then naba ui",
        "code of others: --package NAME allows a package, --no-packages none; --trust TYPE loads its models;",
        "  naba list packages shows their commands",
        "results: NABA_HOME (default: runs/); data sets without a network: NABA_MIRROR, NABA_OFFLINE=1",
        f"version {__version__}",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 something failed, 2 the input was wrong."""
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    _take_any_letter()
    try:
        return _dispatch(given)
    except BrokenPipeError:
        # The reader of our output went away (`naba list datasets | head`): nothing more to say, to anybody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the traceback is kept in a file that is named
        message, code = told(error, given)
        print(f"naba: {message}", file=sys.stderr)
        return code


def _take_any_letter() -> None:
    """Where the encoding of standard output lacks a letter, a `?` stands for it; nothing ends because of it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _dispatch(given: Sequence[str]) -> int:
    if not given or given[0] in {"-h", "--help", "help"}:
        print(usage())
        return 0
    if given[0] in {"-V", "--version"}:
        print(f"naba {__version__}")
        return 0
    given = _taken(given)
    name, rest = given[0], given[1:]
    module = command(name).module
    if strange := [one for one in given if any("\udc80" <= letter <= "\udcff" for letter in one)]:
        said = f"this system's encoding ({sys.getfilesystemencoding()}) cannot read the argument {strange[0]!a}"
        raise UserError(said, "set PYTHONUTF8=1, or LC_ALL=C.UTF-8")
    # Importing and reading make millions of objects that stay: looking for garbage among them costs a tenth of a run.
    gc.set_threshold(500_000, 50, 100)
    # Nor among all of them when the process ends, which takes as long: the system takes its memory back anyway.
    atexit.register(gc.freeze)
    importlib.import_module("naba.cli.console").listen()
    if module.startswith(__name__):
        return int(importlib.import_module(module).main(rest))
    return _of_a_package(name, module, rest)


def _of_a_package(name: str, module: str, rest: Sequence[str]) -> int:
    """Run a command that is not naba's: a mistake in it is its package's."""
    from naba.config import packages

    with packages.blaming(f"the command '{name}' of {module}"):
        try:
            return int(importlib.import_module(module).main(rest) or 0)
        except SystemExit as end:  # argparse, after --help
            return int(end.code or 0)


def _taken(given: Sequence[str]) -> list[str]:
    """The command line without what every command takes, which holds for this process and all that it starts.

    Raises:
        UserError: one of them has no value.
    """
    left: list[str] = []
    queue = [*given]
    while queue:
        argument = queue.pop(0)
        name, equals, value = argument.partition("=")
        if argument == _NO_PACKAGES:
            os.environ["NABA_NO_PACKAGES"] = "1"
        elif name in _VALUED:
            if not equals and (not queue or queue[0].startswith("-")):
                example = "mypackage" if name == "--package" else "mypackage.models.Model"
                raise UserError(f"{name} needs a value", f"{name} {example}")
            _allow(name, value if equals else queue.pop(0))
        else:
            left.append(argument)
    if not left:
        raise UserError("a command is missing", "naba --help lists them with an example each")
    return left


def _allow(name: str, value: str) -> None:
    from naba.config import packages

    if name == "--package":
        packages.allow(value)
    else:
        packages.trust(value)


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
    from naba import machine

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
    from naba import files

    whole = Path.cwd() / path
    values = [Path.cwd() / argument.rpartition("=")[2] for argument in arguments if not argument.startswith("-")]
    return any(value in (whole, *whole.parents) for value in [*values, files.home()] if value != Path.cwd())
