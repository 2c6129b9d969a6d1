"""The command as a person types it: fast help, clear refusals, no traceback."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from naba import cli
from naba.errors import Problems, UserError, nearest, unknown_name

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ["mlflow", "torch", "transformers", "sklearn", "datasets", "pandas", "numpy", "hydra", "pydantic", "rich"]


def naba(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "naba.cli", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


def test_help_imports_nothing_heavy() -> None:
    program = "import sys; from naba.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = eval(done.stderr)
    assert [name for name in HEAVY if name in loaded] == []


def test_help_shows_every_command_with_an_example() -> None:
    text = cli.usage()
    for name, command in cli.commands().items():
        assert f"  {name} " in text
        assert command.example in text
        assert command.example.startswith(f"naba {name}")


@pytest.mark.parametrize("command", sorted(cli.commands()))
def test_each_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = cli.main([command, "--help"])
    except SystemExit as stop:
        code = int(stop.code or 0)
    assert code == 0
    assert f"example: naba {command}" in capsys.readouterr().out


def test_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["trian"]) == 2
    assert "did you mean 'train'" in capsys.readouterr().err


def test_unknown_flags_and_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--multrun"]) == 2
    assert "did you mean '--multirun'" in capsys.readouterr().err
    assert cli.main(["ui", "--prot", "1"]) == 2
    assert "did you mean '--port'" in capsys.readouterr().err
    assert cli.main(["list", "modles"]) == 2
    assert "models" in capsys.readouterr().err


def test_three_mistakes_are_reported_at_once_without_traceback() -> None:
    done = naba("train", "dataset=ans_stanse", "model.C=hello", "split.foo=1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "did you mean 'ans_stance'" in done.stderr
    assert "model.C: expected a valid number, got 'hello'" in done.stderr
    assert "unknown key 'split.foo'" in done.stderr
    assert "3 problems" in done.stderr


def test_cfg_job_shows_the_composed_configuration() -> None:
    done = naba("train", "dataset=article_stance", "--cfg", "job")
    assert done.returncode == 0, done.stderr
    assert "name: article_stance" in done.stdout
    assert "تأييد" in done.stdout


def test_no_colour_in_a_pipe_or_with_no_color() -> None:
    done = naba("list", "models", NO_COLOR="1")
    assert done.returncode == 0
    assert "\x1b[" not in done.stdout
    kinds = {name: re.search(rf"^ {name} .*?\b(\w+_weights|that of)\b", done.stdout, re.MULTILINE) for name in
             ("tfidf_logreg", "arabert_v02_base", "calibrated")}  # fmt: skip
    assert [found and found[1] for found in kinds.values()] == ["no_weights", "open_weights", "that of"]


def test_errors_suggest_only_what_is_alike() -> None:
    assert nearest("tfidf_logref", ["majority", "tfidf_logreg"]) == "tfidf_logreg"
    assert nearest("zzz", ["majority"]) is None
    assert "did you mean" not in unknown_name("model", "zzz", ["majority"])


@pytest.mark.parametrize("error", [UserError("what", "hint"), UserError("what"), Problems(["a", "b"])])
def test_errors_survive_pickling(error: UserError) -> None:
    import pickle

    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "+seed=1", "+model=nothing"], "unknown model 'nothing'"),
        (["train", "seed=interval(0,1)", "-m"], "cannot go through an interval"),
        (["train", "split=kfold", "split.fold=9"], "split.fold: expected at most 5"),
        (["train", "split.validation=0.2", "split.validation_fold=6"], "split.validation_fold: expected at most 5"),
        (["train", "split.validation_fold=1"], "split.validation_fold: expected split.validation beside it"),
        (["train", "split=leave_one_out"], "split.column: missing"),
        (["train", "tracking.uri=foo"], "naba: "),
        (["train", "hydra.sweeper.foo=1", "-m"], "naba: "),
        (["compare", "--resamples", "0"], "whole number from 1"),
        (["compare", "model=a'b"], "quotes"),
        (["compare", "metric="], "a value is missing"),
        (["promote", "x", "--alias", "a b"], "a name is made of up to 80 letters"),
        (["score", "x.csv", "dataset=ans_stance", "model=tfidf_nb"], "not model=tfidf_nb"),
        (["show", ""], "no run"),
    ],
)
def test_wrong_input_gets_one_message(
    arguments: list[str], said: str, store: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert said in capsys.readouterr().err


def test_globs_choose_among_what_exists() -> None:
    from naba.config import overrides

    assert overrides.plan(["model=glob(tfidf_*)"], multirun=True).jobs == 3


@pytest.mark.parametrize(
    "error", [FileNotFoundError(2, "No such file or directory", "a file of naba's"), KeyError("x")]
)
def test_a_defect_is_a_failure_whose_traceback_is_kept(
    error: Exception, own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise error

    commands = importlib.import_module("naba.cli.list")
    monkeypatch.setitem(commands.KINDS, "metrics", broken)
    assert cli.main(["list", "metrics"]) == 1
    (log,) = (own_home / "logs").iterdir()
    said = capsys.readouterr().err
    assert f"this was not expected; the traceback is in {log}" in said
    assert "Traceback" not in said
    kept = log.read_text(encoding="utf-8")
    assert kept.startswith("naba list metrics\n")
    assert "in broken" in kept
    assert type(error).__name__ in kept


def test_without_a_place_for_logs_the_traceback_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NABA_HOME", "/proc/nowhere")
    message, code = cli.told(KeyError("x"), ["list"])
    assert code == 1
    assert "no log could be written to /proc/nowhere" in message
    assert "KeyError: 'x'" in message


def test_a_path_that_the_user_named_is_the_user_s_mistake(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "board.html")
    error = PermissionError(13, "Permission denied", path)
    assert cli.told(error, ["compare", "--html", path]) == (f"Permission denied: {path}", 2)
    assert cli.told(error, ["compare", "--html", "other.html"])[1] == 1
    assert cli.told(OSError(28, "No space left on device", path), ["compare", "--html", path]) == (
        f"No space left on device: {path}",
        1,
    )


def test_a_home_that_cannot_be_written_is_named(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NABA_HOME", "/proc/nowhere")
    done = naba("train", "model=majority", "evaluation.resamples=50", NABA_HOME="/proc/nowhere")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "/proc/nowhere" in done.stderr


OLD = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
"""A system without UTF-8, for standard output and for files that name no encoding."""


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"PYTHONIOENCODING": "cp1252"}, id="windows"),
        pytest.param({"PYTHONIOENCODING": "iso-8859-6"}, id="arabic", marks=pytest.mark.slow),
        pytest.param(OLD, id="C", marks=pytest.mark.slow),
    ],
)
def test_standard_output_that_lacks_letters(environment: dict[str, str], tmp_path: Path) -> None:
    """The first training of a home says "…", names are Arabic, and boards draw lines."""
    texts = tmp_path / "texts.csv"
    rows = [f"{text} {number},{label}" for number in range(12) for text, label in (("خبر", "نعم"), ("رأي", "لا"))]
    texts.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    program = (
        "import sys; from naba import cli; path = sys.argv[1]\n"
        "train = ['train', 'dataset=file', f\"dataset.path='{path}'\", 'model=tfidf_nb', 'evaluation.resamples=50',\n"
        "         'tracking.figures=false']\n"
        "codes = [cli.main(one) for one in (['train', '--help'], train, ['list', 'datasets'], ['list', 'runs'],\n"
        "         ['compare', '--resamples', '50'], ['compare', '--markdown', '--resamples', '50'])]\n"
        "sys.exit(max(codes))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(texts)],
        capture_output=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    output = (done.stdout + done.stderr).decode(environment.get("PYTHONIOENCODING", "ascii"), errors="replace")
    assert done.returncode == 0, output
    assert "Traceback" not in output
    assert "Creating the tracking store" in output


def test_an_argument_that_the_system_cannot_read_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "naba.cli", "train", "dataset=file", "dataset.path='نصوص.csv'"],
        capture_output=True, check=False, env={**os.environ, **OLD},
    )  # fmt: skip
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"PYTHONUTF8=1" in done.stderr


def test_names_are_whole_at_80_columns() -> None:
    """What stands first in a table is there to be copied."""
    import io

    from rich.console import Console

    from naba import config
    from naba.cli import console

    shown = console.table("dataset", "task", "labels", "licence", "labelled by")
    for name in config.names("dataset"):
        shown.add_row(name, "claim_type", "agree, disagree, discuss, unrelated", "CC BY-NC-SA 4.0", "language models")
    stream = io.StringIO()
    Console(file=stream, width=80).print(shown)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert [name for name in config.names("dataset") if not any(name in line.split() for line in lines)] == []


def test_an_error_that_a_library_made_of_ctrl_c_is_ctrl_c() -> None:
    """As omegaconf does, which tidies up a half-made value with an error of its own."""

    def tidied_up() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            {}["half-made"]

    with pytest.raises(KeyError) as caught:
        tidied_up()
    assert cli.told(caught.value, ["tune"]) == ("interrupted", 130)
    wrapped = UserError("a configuration that cannot be composed")
    wrapped.__cause__ = caught.value
    assert cli.told(wrapped, ["train"]) == ("interrupted", 130)
    assert cli.told(UserError("a mistake"), ["train"]) == ("a mistake", 2)
