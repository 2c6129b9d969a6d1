"""`naba <command>`: finds the command, imports what it needs and nothing else, and turns errors into one message."""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from naba import __version__
from naba.errors import EXIT_CODE, UserError, hidden, is_full, is_interrupt, sentence, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

# Not list(…) in this file: once `naba list` has been imported, `list` is that module here.
FAILED, INTERRUPTED = 1, 130
_NO_PACKAGES = "--no-packages"
_VALUED = ("--package", "--trust")
"""What every command takes: which packages may bring code, and whose types a kept model may hold."""


class Command(NamedTuple):
    """One command: where its function is, what it does, and a line that shows it."""

    module: str
    summary: str
    example: str


COMMANDS = {
    "train": Command("train", "train and evaluate classifiers", "naba train dataset=ans_stance model=tfidf_svm"),
    "tune": Command("tune", "search a model's options", "naba tune dataset=ans_stance model=pair_boosting hours=1"),
    "compare": Command("compare", "the leaderboard of tracked runs", "naba compare dataset=ans_stance"),
    "stress": Command("stress", "do answers hold when texts are perturbed", "naba stress 4f1c09 --only kept"),
    "show": Command("show", "one run: scores, classes, errors, how to repeat it", "naba show 4f1c09"),
    "score": Command("score", "score another system's predictions", "naba score gpt.csv dataset=ans_stance"),
    "submit": Command(
        "submit", "write a shared task's submission", "naba submit 4f1c09 out.tsv --format checkthat2024_task1"
    ),
    "promote": Command(
        "promote", "put a run into the registry, if it beats the champion", "naba promote 4f1c09 --alias champion"
    ),
    "reproduce": Command("reproduce", "do a run again and compare its predictions", "naba reproduce 4f1c09"),
    "export": Command(
        "export", "a run's classifier as a folder, checked against the run", "naba export best:ans_stance stance/"
    ),
    "predict": Command(
        "predict", "label new texts with a trained classifier", "naba predict 4f1c09 news.csv -o out.csv"
    ),
    "analyse": Command(
        "analyse",
        "articles: what to check, who says it, stance to claims",
        "naba analyse article.txt --claims claims.csv",
    ),
    "evaluate-attribution": Command(
        "evaluate_attribution", "how well who says what is found", "naba evaluate-attribution"
    ),
    "serve": Command("serve", "answer over HTTP, through MLflow's server", "naba serve models:/stance@champion"),
    "check": Command("check", "what is wrong with a data set", "naba check ans_stance"),
    "data": Command("data", "fetch, mirror, pin, describe and add data sets", "naba data fetch ans_stance"),
    "annotate": Command(
        "annotate",
        "choose rows for people to label, and read what they say",
        "naba annotate make ans_stance --out round_1",
    ),
    "drift": Command(
        "drift", "have the texts changed, have the labels?", "naba drift ans_stance:train ans_stance:test"
    ),
    "list": Command("list", "datasets, models, experiments, metrics, packages or runs", "naba list datasets"),
    "new": Command("new", "write a package with a model and a data set of your own", "naba new package mypackage"),
    "cache": Command("cache", "embeddings that are kept for later runs", "naba cache clear"),
    "ui": Command("ui", "open the MLflow UI on naba's runs", "naba ui --port 5000"),
}


def usage() -> str:
    """The text of `naba --help`."""
    lines = [
        "naba: train, evaluate and compare classifiers of Arabic news (stance, claim type)",
        "",
        "usage: naba <command> [arguments]        naba <command> --help",
        "",
    ]
    width = max(len(name) for name in COMMANDS)
    summaries = max(len(command.summary) for command in COMMANDS.values())
    lines += [
        f"  {name:<{width}}  {command.summary:<{summaries}}  e.g. {command.example}"
        for name, command in COMMANDS.items()
    ]
    lines += [
        "",
        "first steps: naba train +experiment=quickstart -m, then naba compare, then naba ui",
        "code of others: --package NAME allows a package, --no-packages none; --trust TYPE loads its models",
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
    if name not in COMMANDS:
        raise UserError(unknown_name("command", name, COMMANDS), "naba --help lists them with an example each")
    if strange := [one for one in given if any("\udc80" <= letter <= "\udcff" for letter in one)]:
        said = f"this system's encoding ({sys.getfilesystemencoding()}) cannot read the argument {strange[0]!a}"
        raise UserError(said, "set PYTHONUTF8=1, or LC_ALL=C.UTF-8")
    # Importing and reading make millions of objects that stay: looking for garbage among them costs a tenth of a run.
    gc.set_threshold(500_000, 50, 100)
    # Nor among all of them when the process ends, which takes as long: the system takes its memory back anyway.
    atexit.register(gc.freeze)
    importlib.import_module("naba.cli.console").listen()
    module = importlib.import_module(f"naba.cli.{COMMANDS[name].module}")
    return int(module.main(rest))


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
    from pathlib import Path

    from naba import files

    whole = Path.cwd() / path
    values = [Path.cwd() / argument.rpartition("=")[2] for argument in arguments if not argument.startswith("-")]
    return any(value in (whole, *whole.parents) for value in [*values, files.home()] if value != Path.cwd())
