"""Stores that were renamed, tagged by hand, moved, damaged or locked: one run's fault is one line, not the end."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mlflow.entities import Dataset, DatasetInput
from mlflow.exceptions import MlflowException
from sqlalchemy import event
from sqlalchemy.orm import Session

from compositions import compose
from naba import cli, files, tracking
from naba.config import overrides as command_line
from naba.errors import UserError, hidden
from naba.experiment import run as train
from naba.experiment import sweep
from naba.tracking import claims, database, folder
from store_copies import copy_store, home_with_store

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = ("evaluation.resamples=50", "tracking.figures=false", "evaluation.worst_errors=2", "tracking.log_model=false")


NB = ("model=tfidf_nb", "model.words=1", "model.characters_to=0")


def run(*overrides: str) -> train.Outcome:
    return train.run(compose([*SMALL, *overrides]), overrides)


@pytest.fixture(scope="module")
def trained(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A home with two finished runs, and their ids."""
    home = tmp_path_factory.mktemp("trained")
    with home_with_store(empty_store, home):
        return home, [run(f"model={model}").run for model in ("majority", "stratified_random")]


@pytest.fixture
def two(trained: tuple[Path, list[str]], own_home: Path) -> list[tracking.Run]:
    """The two runs in a copy of their home, where they may be damaged."""
    shutil.copytree(trained[0], own_home, dirs_exist_ok=True)
    return [tracking.find(one) for one in trained[1]]


def compared(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    capsys.readouterr()
    assert cli.main(["compare", "--resamples", "50"]) == 0
    said = capsys.readouterr()
    return said.out, said.err


def test_one_changed_byte_is_named_and_the_rest_is_compared(
    two: list[tracking.Run], capsys: pytest.CaptureFixture[str]
) -> None:
    file = two[0].file("predictions/test.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    board, said = compared(capsys)
    assert "stratified_random" in board
    assert "majority" not in board
    assert str(file) in said
    assert "damaged" in said
    with pytest.raises(UserError, match="damaged"):
        two[0].predictions()


@pytest.mark.parametrize(
    "damage", ["", pytest.param("{", marks=pytest.mark.slow), pytest.param("[]", marks=pytest.mark.slow),
               '{"name": "x"}', "\x00", "predictions"],
)  # fmt: skip
def test_a_damaged_result_folder_is_named_and_trained_again(
    damage: str, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, said = ("model=majority", "tracking=off"), []
    monkeypatch.setattr(folder.logger, "warning", lambda text, *values: said.append(text % values))
    assert [run(*arguments).status for _ in range(2)] == ["trained", "found"]
    (kept,) = own_home.rglob("run.json")
    file = kept.parent / "predictions" / "test.parquet" if damage == "predictions" else kept
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content) if damage == "predictions" else damage.encode())
    assert run(*arguments).status == "trained"
    assert {str(kept.parent) in one for one in said} == {True}
    assert run(*arguments).status == "found"


def test_a_run_without_its_files_is_named_and_trained_again(
    two: list[tracking.Run], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(two[0].file("predictions"))
    board, said = compared(capsys)
    assert "stratified_random" in board
    assert two[0].id[:12] in said
    assert run("model=majority").status == "trained"
    assert run("model=stratified_random").status == "found"


def test_a_run_without_its_model_is_trained_again_where_one_is_wanted(store: Path) -> None:
    kept = "tracking.log_model=true"
    first = tracking.find(run("model=majority", kept).run)
    assert run("model=majority", kept).status == "found"
    shutil.rmtree(first.model_folder())
    assert run("model=majority").status == "found"
    assert run("model=majority", kept).status == "trained"
    assert run("model=majority", kept).status == "found"


def test_tags_and_names_changed_by_hand(two: list[tracking.Run], capsys: pytest.CaptureFixture[str]) -> None:
    client = two[0].store.client
    client.set_tag(two[0].id, "naba.seed", "x")
    client.update_run(two[1].id, name="the one I like")
    board, said = compared(capsys)
    assert "stratified_random" in board
    assert "naba.seed is no whole number" in said
    assert cli.main(["show", two[0].id]) == 0
    assert cli.main(["show", "the one I like"]) == 0


@pytest.mark.parametrize("copied", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_moved_home_reads_and_writes_beside_its_database(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], copied: bool
) -> None:
    old, new = tmp_path / "old", tmp_path / "new home"
    monkeypatch.setenv("NABA_HOME", str(old))
    shutil.copytree(store.parent, old)
    first = tracking.find(run("model=majority").run)
    (shutil.copytree if copied else shutil.move)(old, new)
    before = sorted(old.rglob("*")) if copied else None
    monkeypatch.setenv("NABA_HOME", str(new))
    moved = tracking.find(first.id)
    assert new in moved.file("predictions/test.parquet").parents
    assert run("model=majority").status == "found"
    again = tracking.find(run("model=stratified_random").run)
    assert new in again.file("predictions/test.parquet").parents
    assert "majority" in compared(capsys)[0]
    assert (sorted(old.rglob("*")) if old.exists() else None) == before


def test_odd_letters_in_the_home_s_name(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "a#b 50%25 done? %41 أخبار"
    home = tmp_path / name
    home.mkdir()
    copy_store(empty_store, home)
    monkeypatch.setenv("NABA_HOME", str(home))
    outcome = run("model=majority")
    assert tracking.find(outcome.run).predictions().labels
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert home in tracking.find(outcome.run).file("config.yaml").parents


def test_a_locked_store_is_waited_for_and_not_called_broken(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(database, "PAUSE_SECONDS", 0.1)
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("pragma locking_mode = exclusive")
        other.execute("begin exclusive")
        assert cli.main(["compare"]) == 2
        said = capsys.readouterr().err
        assert f"the store sqlite:///{store} is locked by another program: waiting" in said
        assert "has not answered for 1 s: database is locked" in said
        assert "move it away" not in said
    assert cli.main(["compare"]) == 2
    assert "there are no finished runs" in capsys.readouterr().err


def test_commands_that_read_make_no_store(own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = f"sqlite:///{tmp_path / 'elsewhere' / 'runs.db'}"
    for arguments in (
        ["compare"],
        ["show", "abc"],
        ["list", "runs"],
        ["reproduce", "abc"],
        ["promote", "abc"],
        ["stress", "abc"],
        ["predict", "abc", str(tmp_path / "x.csv")],
        ["submit", "abc", str(tmp_path / "x.tsv"), "--format", "checkthat2024_task1"],
        ["export", "best:ans_stance", str(tmp_path / "x")],
        ["export", "models:/stance@champion", str(tmp_path / "x")],
        ["serve", "models:/stance@champion"],
        ["predict", "models:/stance@champion", "--example", "نص"],
    ):
        cli.main(arguments)
        cli.main([*arguments, "--uri", nowhere])
    assert not list(own_home.glob("*.db"))
    assert not (tmp_path / "elsewhere").exists()
    assert "Traceback" not in capsys.readouterr().err


def test_a_server_that_is_not_there_is_one_sentence(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert cli.main(["compare", "--uri", "http://desk:s3cret@127.0.0.1:9"]) == 2
    assert capsys.readouterr().err.splitlines()[0] == "naba: no tracking server answers at http://desk:***@127.0.0.1:9"


def test_no_password_of_an_address_stays_anywhere(
    own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = "https://desk:s3cret@runs.example.org/mlflow?password=s3cret"
    arguments = ["train", *NB, "tracking=off", f"tracking.uri='{address}'", *SMALL[:3]]
    assert cli.main(arguments) == 0
    said = capsys.readouterr()
    written = [path for path in own_home.rglob("*") if path.is_file()]
    assert any(path.name == "naba.json" for path in written)
    assert any("***" in path.read_text(encoding="utf-8") for path in written if path.name == "config.yaml")
    assert not [path for path in written if b"s3cret" in path.read_bytes()]
    assert "s3cret" not in said.out + said.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg2://naba:pa$s:w0rd@db/runs", "postgresql+psycopg2://naba:***@db/runs"),
        ("postgresql://naba:p/w@rd@db:5432/runs", "postgresql://naba:***@db:5432/runs"),
        ("http://u:p@ss'1@h/x and http://v:q@h", "http://u:***@h/x and http://v:***@h"),
        ("https://h/x?access_token=abc&api_key=d", "https://h/x?access_token=***&api_key=***"),
        ("mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3Dsecret", "mssql+pyodbc:///?odbc_connect=***"),
        ("postgresql://db:5432/runs", "postgresql://db:5432/runs"),
        ("فيhttp://u:p@h", "فيhttp://u:***@h"),
        ("x" * 200_000, "x" * 200_000),  # in no time
        ("http://u:p" + "@h" * 50_000, "http://u:***@h"),
        ("no store at http://u:p@h:1 today", "no store at http://u:***@h:1 today"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("s3://bucket/key?token=abc&x=1", "s3://bucket/key?token=***&x=1"),
    ],
)
def test_passwords_are_hidden(text: str, shown: str) -> None:
    assert hidden(text) == shown


def test_models_a_and_b_are_chosen_together(two: list[tracking.Run], capsys: pytest.CaptureFixture[str]) -> None:
    run(*NB)
    capsys.readouterr()
    assert cli.main(["compare", "model=majority,stratified_random", "--resamples", "50"]) == 0
    board = capsys.readouterr().out
    assert "majority" in board
    assert "stratified_random" in board
    assert "tfidf_nb" not in board


def test_names_tell_what_differs(store: Path) -> None:
    outcomes = [run(*NB, *more) for more in ([], ["model.alpha=0.5"], ["normalisation=none"])]
    names = [outcome.name for outcome in outcomes]
    assert names[0] == "tfidf_nb words=1 characters_to=0 synthetic_stance seed 0"
    assert "alpha=0.5" in names[1]
    assert "normalisation=none" in names[2]
    assert tracking.find(names[1]).command.endswith("model.alpha=0.5")


@pytest.mark.slow
def test_what_kills_left_behind_is_cleaned(own_home: Path, store: Path, tmp_path: Path) -> None:
    empty = tmp_path / "home"
    (empty / "creating-abc").mkdir(parents=True)
    tracking.client(f"sqlite:///{empty / 'mlflow.db'}")
    assert not (empty / "creating-abc").exists()
    outcome = run("model=majority")
    first = tracking.find(outcome.run)
    gone = subprocess.run(
        [sys.executable, "-c", "from naba import machine; print(machine.process())"], capture_output=True, text=True,
        check=True,
    ).stdout.strip()  # fmt: skip
    tags = {"naba.identity": "other", "naba.process": gone}
    dead = first.store.client.create_run(first.record.experiment_id, tags=tags).info.run_id
    folder = Path(tempfile.gettempdir()) / f"{sweep.PREFIX}{own_home.name}"
    folder.mkdir()
    (folder / sweep.OWNER).write_text(gone, encoding="utf-8")
    claims._looked_through.clear()
    with sweep.folder_of_outcomes(shared=False):
        assert run("model=stratified_random").status == "trained"
    assert not folder.exists()
    assert first.store.client.get_run(dead).info.status == "KILLED"
    half = own_home / "board.html.4711-ab.part"
    half.touch()
    os.utime(half, (0, 0))
    files.write_text(own_home / "board.html", "whole")
    assert not half.exists()


@pytest.mark.slow
def test_others_may_read_what_a_training_writes(own_home: Path, store: Path) -> None:
    before = os.umask(0o022)
    try:
        outcome = train.run(command_line.compose([*NB, *SMALL[:3]]))
        assert cli.main(["export", outcome.run, str(own_home / "export")]) == 0
    finally:
        os.umask(before)
    own = {store, *own_home.glob("*.lock")}
    closed = [path for path in own_home.rglob("*") if path not in own and path.stat().st_mode & 0o004 == 0]
    assert closed == []
    assert [path for path in own_home.rglob("*") if path.is_dir() and path.stat().st_mode & 0o005 != 0o005] == []


def test_two_processes_that_write_the_same_row_at_once(store: Path, request: pytest.FixtureRequest) -> None:
    """Another client does the same between MLflow's look whether the row is there and its writing."""
    client = tracking.client(tracking.default_uri())
    experiment = client.create_experiment("two")
    runs = [client.create_run(experiment).info.run_id for _ in range(2)]
    described = [DatasetInput(Dataset("news", "1a2b", "naba", "{}"), [])]
    first: list[Callable[[], object]] = []

    def come_first(*_: object) -> None:
        if first:
            first.pop()()

    event.listen(Session, "before_flush", come_first)
    request.addfinalizer(lambda: event.remove(Session, "before_flush", come_first))

    first.append(lambda: client.set_experiment_tag(experiment, "words", "theirs"))
    client.set_experiment_tag(experiment, "words", "ours")
    assert client.get_experiment(experiment).tags["words"] == "ours"

    first.append(lambda: client.log_inputs(runs[0], described))
    client.log_inputs(runs[1], described)
    assert [client.get_run(run).inputs.dataset_inputs[0].dataset.digest for run in runs] == ["1a2b", "1a2b"]

    first.append(lambda: client.create_registered_model("model"))
    with pytest.raises(MlflowException, match="already exists"):
        client.create_registered_model("model")
    assert not first
