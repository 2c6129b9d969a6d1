"""`naba <command>`: finds the command, imports what it needs and nothing else, and turns errors into one message."""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from naba import __version__
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence


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


if __name__ == "__main__":
    sys.exit(main())
