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
from typing import TYPE_CHECKING, NamedTuple

from naba import __version__
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


FIRST = ("train", "tune", "compare", "stress", "show", "score", "submit", "promote", "reproduce", "export", "predict",
         "analyse", "evaluate-attribution", "serve", "check", "data", "annotate", "drift", "list", "new", "cache",
         "ui")  # fmt: skip
"""The order of `naba --help`; a command that is not named here stands at its end."""
HEAD = re.compile(r'"""`naba ([a-z][a-z0-9-]*)`: (.+?)\.?\s+(naba .+)\n')


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
    # Not list(…): once `naba list` has been imported, `list` is that module here.
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    _take_any_letter()
    try:
        return _dispatch(given)
    except BrokenPipeError:
        # The reader of our output went away (`naba list datasets | head`): nothing more to say, to anybody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the traceback is kept in a file that is named
        message, code = importlib.import_module("naba.cli.failures").told(error, given)
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
    given = importlib.import_module("naba.cli.allowing").taken(given)
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
