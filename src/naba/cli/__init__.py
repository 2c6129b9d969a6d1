"""`naba <command>`: finds the command, imports what it needs and nothing else, and turns errors into one message."""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from naba import __version__
from naba.errors import EXIT_CODE, UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence


class Command(NamedTuple):
    """One command: where its function is, what it does, and a line that shows it."""

    module: str
    summary: str
    example: str


COMMANDS = {
    "train": Command("train", "train and evaluate classifiers", "naba train dataset=ans_stance model=tfidf_svm"),
    "compare": Command("compare", "the leaderboard of tracked runs", "naba compare dataset=ans_stance"),
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
    "serve": Command("serve", "answer over HTTP, through MLflow's server", "naba serve models:/stance@champion"),
    "check": Command("check", "what is wrong with a data set", "naba check ans_stance"),
    "data": Command("data", "fetch, mirror, pin, describe and add data sets", "naba data fetch ans_stance"),
    "list": Command("list", "datasets, models, experiments or metrics", "naba list datasets"),
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
    except UserError as error:
        print(f"naba: {error}", file=sys.stderr)
        return EXIT_CODE
    except KeyboardInterrupt:
        print("naba: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`naba list datasets | head`): nothing more to say, to anybody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        said = _said_by_a_library(error)
        if said is None:
            raise
        print(f"naba: {said}", file=sys.stderr)
        return EXIT_CODE


def _take_any_letter() -> None:
    """Where the encoding of standard output lacks a letter, a `?` stands for it; nothing ends because of it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _said_by_a_library(error: Exception) -> str | None:
    """The message of a library or of the system about what the user gave; None for what is a mistake of naba's."""
    family = type(error).__module__.partition(".")[0]
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] != "naba":
        return (
            f"this command needs the package '{error.name}', which is not installed; "
            "an installation of naba with its dependencies has it"
        )
    if family in {"hydra", "omegaconf", "mlflow", "filelock"}:
        return " ".join(str(error).split())[:600]
    return None


def _dispatch(given: Sequence[str]) -> int:
    if not given or given[0] in {"-h", "--help", "help"}:
        print(usage())
        return 0
    if given[0] in {"-V", "--version"}:
        print(f"naba {__version__}")
        return 0
    name, rest = given[0], given[1:]
    if name not in COMMANDS:
        raise UserError(unknown_name("command", name, COMMANDS), "naba --help lists them with an example each")
    # Importing and reading make millions of objects that stay: looking for garbage among them costs a tenth of a run.
    gc.set_threshold(500_000, 50, 100)
    importlib.import_module("naba.cli.console").listen()
    module = importlib.import_module(f"naba.cli.{COMMANDS[name].module}")
    return int(module.main(rest))


if __name__ == "__main__":
    sys.exit(main())
