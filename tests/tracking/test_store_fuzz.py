"""Homes with odd names, stores that somebody has changed, and signals at random instants. Seeds are printed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from naba import cli, tracking
from naba.config import overrides as command_line
from naba.experiment import run as train
from naba.tracking.database import default_uri, sqlite_file
from store_copies import copy_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("NABA_TEST_SEED", time.time_ns() % 100_000))
SMALL = ["evaluation.resamples=50", "tracking.figures=false", "tracking.log_model=false"]
ODD = " #%?&=+;,'@!()[]{}~$^`|:.-_aA1éأخ漢🙂"
ROUNDS = 12


def names(chance: random.Random) -> str:
    made = "".join(chance.choice(ODD) for _ in range(chance.randint(1, 12))).strip(". ")
    return made or "x"


@pytest.mark.parametrize("number", range(ROUNDS))
def test_homes_with_odd_names(
    number: int, empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(SEED + number)
    name = names(chance)
    print(f"seed {SEED + number}: {name!r}")
    home = tmp_path / name / names(chance)
    home.mkdir(parents=True)
    copy_store(empty_store, home)
    monkeypatch.setenv("NABA_HOME", str(home))
    assert sqlite_file(default_uri()) == home / "mlflow.db"
    assert cli.main(["train", "model=majority", *SMALL]) == 0, capsys.readouterr().err
    (run,) = tracking.search()
    assert home in run.file("config.yaml").parents
    assert cli.main(["compare", "--resamples", "50"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]


def changes(chance: random.Random, run: tracking.Run) -> tuple[str, Callable[[], object]]:
    """Something that a person, a disk or a clean-up may do to a run."""
    client = run.store.client
    tag = chance.choice(sorted(run.tags))
    value = chance.choice(["", "x", "-1", "[]", "no: ", "é" * 50, "1e999", "test validation", "=", "{"])
    folder = run.file("config.yaml").parent
    file = chance.choice(sorted(path for path in folder.rglob("*") if path.is_file()))

    def flip() -> None:
        content = bytearray(file.read_bytes())
        for _ in range(8):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(bytes(content))

    return chance.choice(
        [
            (f"tag {tag} = {value!r}", lambda: client.set_tag(run.id, tag, value)),
            (f"no tag {tag}", lambda: client.delete_tag(run.id, tag)),
            (f"flipped {file.name}", flip),
            (f"cut {file.name}", lambda: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])),
            (f"no {file.name}", file.unlink),
            (f"no {file.parent.name}", lambda: shutil.rmtree(file.parent)),
            ("another name", lambda: client.update_run(run.id, name=value or "x")),
            ("ended badly", lambda: client.set_terminated(run.id, chance.choice(["FAILED", "KILLED"]))),
            ("deleted", lambda: client.delete_run(run.id)),
        ]
    )


@pytest.mark.parametrize("number", range(3 * ROUNDS))
def test_what_happens_to_one_run_stops_no_other(
    number: int, two_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(SEED + number)
    home = tmp_path / "home"
    shutil.copytree(two_runs, home)
    monkeypatch.setenv("NABA_HOME", str(home))
    victim, other = chance.sample(sorted(tracking.search(), key=lambda run: run.facts.model), 2)
    what, change = changes(chance, victim)
    change()
    print(f"seed {SEED + number}: {what}")
    capsys.readouterr()
    commands = [
        ["compare", "--resamples", "50"], ["compare", "--resamples", "50", "--html", str(tmp_path / "board.html")],
        ["list", "runs"], ["show", other.id], ["show", victim.id], ["export", victim.id, str(tmp_path / "export")],
    ]  # fmt: skip
    for command in commands:
        code = cli.main(command)
        said = capsys.readouterr()
        assert code in {0, 2}, (what, command, said.err)
        assert "Traceback" not in said.err + said.out
        if command[0] in {"compare", "list"} or command == ["show", other.id]:
            assert code == 0, (what, command, said.err)
        if command == commands[0]:
            assert other.facts.model in said.out, (what, said)


@pytest.fixture(scope="module")
def two_runs(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("two")
    copy_store(empty_store, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NABA_HOME", str(home))
        for model in ("majority", "stratified_random"):
            train.run(command_line.compose([f"model={model}", *SMALL]))
    return home


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda kind: kind.name)
@pytest.mark.parametrize("number", range(3))
def test_signals_at_random_instants(number: int, kind: signal.Signals, tmp_path: Path) -> None:
    """A training is ended at any instant, also while its store is made: the same command then completes it."""
    chance = random.Random(SEED + number)
    command = [sys.executable, "-m", "naba.cli", "train", "model=tfidf_logreg", *SMALL]
    environment = {**os.environ, "NABA_HOME": str(tmp_path)}
    wait = chance.uniform(0, 20)
    print(f"seed {SEED + number}: {kind.name} after {wait:.2f} s")
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=wait)
    except subprocess.TimeoutExpired:
        process.send_signal(kind)
        output, _ = process.communicate(timeout=60)
    assert "Traceback" not in output or kind == signal.SIGKILL, output
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    found = tracking.search(f"sqlite:///{tmp_path / 'mlflow.db'}", finished=False)
    assert [run.status for run in found].count("FINISHED") == 1
    assert "RUNNING" not in [run.status for run in found]
    left = [path.name for path in tmp_path.rglob("*") if path.name.startswith("creating-") or path.suffix == ".part"]
    assert left == []
