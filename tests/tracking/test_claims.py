"""Processes that share a store train an identity once, and take over what a dead one left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from naba import config, tracking
from naba.config import overrides
from naba.experiment import run as train
from naba.tracking import claims as tracking_claims
from naba.tracking import mlflow as mlflow_tracking
from naba.tracking.claims import Claims, TakenError
from naba.tracking.facts import Facts, Wanted

if TYPE_CHECKING:
    from pathlib import Path

    from naba.tracking import Run

OPTIONS = ("model=majority", "tracking.log_model=false", "evaluation.resamples=50")
IDENTITY = "1234"


@pytest.fixture
def claims(store: Path) -> Claims:
    client = tracking.client(tracking.default_uri())
    return Claims(client, client.create_experiment("claims"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_claims, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(tracking_claims, "SILENT_SECONDS", 1.5)
    monkeypatch.setattr(tracking_claims, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(tracking_claims, "_seen", {})


def flag(claims: Claims, identity: str = IDENTITY, process: str = "desk3/ab12-1 4711 1") -> str:
    """A run as a process of another machine would make it."""
    tags = {"naba.identity": identity, "naba.process": process}
    return str(claims.client.create_run(claims.experiment_id, tags=tags).info.run_id)


def test_of_many_that_begin_at_once_one_trains(claims: Claims) -> None:
    inside: list[str] = []
    most: list[int] = []
    trained: list[str] = []
    refused: list[str] = []
    begin = threading.Barrier(5)

    def contend() -> None:
        begin.wait()
        for _ in range(4):
            own = flag(claims)
            try:
                claims.settle(IDENTITY, own)
            except TakenError as taken:
                refused.append(taken.owner)
                claims.client.set_terminated(own, "KILLED")
                time.sleep(0.02)
                continue
            inside.append(own)
            most.append(len(inside))
            time.sleep(0.05)
            inside.remove(own)
            trained.append(own)
            claims.client.set_terminated(own, "FINISHED")

    threads = [threading.Thread(target=contend) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(trained) + len(refused) == 20
    assert trained
    assert set(most) == {1}
    assert set(refused) <= {"process 4711 on desk3"}


def test_a_machine_that_gives_signs_of_life_is_waited_for(
    claims: Claims, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The signs are written by a thread, into a store that other threads may keep busy.
    monkeypatch.setattr(tracking_claims, "SILENT_SECONDS", 3)
    run = flag(claims)
    with tracking_claims.heartbeat(claims.client, run):
        waiting = threading.Thread(target=claims.wait, args=(IDENTITY,))
        waiting.start()
        waiting.join(4)
        assert waiting.is_alive(), "a living process was taken for dead"
        assert claims.client.get_run(run).info.status == "RUNNING"
        with pytest.raises(TakenError, match="process 4711 on desk3"):
            claims.check(IDENTITY)
    claims.client.set_terminated(run, "FINISHED")
    waiting.join(60)
    assert not waiting.is_alive()
    assert claims.client.get_run(run).info.status == "FINISHED"


def test_a_machine_that_fell_silent_is_replaced(store: Path, impatient: None) -> None:
    first = train.run(overrides.compose(list(OPTIONS)))
    done = tracking.find(first.run)
    claims = Claims(tracking.client(tracking.default_uri()), done.record.experiment_id)
    claims.client.delete_run(done.id)
    silent = flag(claims, done.facts.identity)
    taken = train.run(overrides.compose(list(OPTIONS)), wait=False)
    assert (taken.status, taken.message) == ("taken", "process 4711 on desk3")
    again = train.run(overrides.compose(list(OPTIONS)))
    assert again.status == "trained"
    left = claims.client.get_run(silent)
    assert left.info.status == "KILLED"
    assert "no sign of life of process 4711 on desk3" in left.data.tags["naba.error"]
    assert len(tracking.search(None, {}, finished=False)) == 2


def test_one_that_was_taken_for_dead_does_not_finish_a_second_time(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While this process sleeps, another ends its run and does the work; this one finds that when it wakes."""
    monkeypatch.setattr(mlflow_tracking, "SILENT_SECONDS", 0)
    really = train._train
    other: list[str] = []

    def slept(*arguments: object) -> object:
        monkeypatch.setattr(train, "_train", really)
        (own,) = tracking.search(None, {}, finished=False)
        client = tracking.client(tracking.default_uri())
        client.set_terminated(own.id, "KILLED")
        thread = threading.Thread(
            target=lambda: other.append(train.run(overrides.compose(list(OPTIONS))).run), daemon=True
        )
        thread.start()
        thread.join()
        return really(*arguments)

    monkeypatch.setattr(train, "_train", slept)
    outcome = train.run(overrides.compose(list(OPTIONS)))
    assert (outcome.status, outcome.run) == ("found", other[0])
    assert sorted(run.status for run in tracking.search(None, {}, finished=False)) == ["FINISHED", "KILLED"]


def test_without_a_store_the_folder_is_held(own_home: Path) -> None:
    options = [*OPTIONS, "tracking=off"]
    tracker = tracking.open_tracker(config.check(overrides.compose(options)).tracking)
    wanted = Wanted("one", Facts("abc", dataset="synthetic_stance", model="majority"), model=False)
    with tracker.run(wanted):  # noqa: SIM117
        with pytest.raises(TakenError), tracker.run(wanted):
            pytest.fail("two processes wrote one folder")
    with tracker.run(wanted):
        pass


def sweep(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "naba.cli", "train", *OPTIONS[1:], *arguments, "-m"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", start_new_session=True,
        env={**os.environ, "NABA_HOME": str(home)},
    )  # fmt: skip


def is_held(run: Run, process: int) -> bool:
    return run.status == "RUNNING" and f" {process} " in run.tags["naba.process"]


def counted(output: str) -> tuple[int, int, int]:
    found = re.search(r"runs: (\d+) trained, (\d+) found, (\d+) failed", output)
    assert found, output
    return int(found[1]), int(found[2]), int(found[3])


@pytest.mark.slow
@pytest.mark.parametrize("off", [False, True])
def test_two_sweeps_of_one_grid_share_it(store: Path, own_home: Path, off: bool) -> None:
    grid = ("model=majority,stratified_random", "seed=0,1,2", *(["tracking=off"] if off else []))
    sweeps = [sweep(own_home, *grid) for _ in range(2)]
    outputs = [process.communicate(timeout=240)[0] for process in sweeps]
    assert [process.returncode for process in sweeps] == [0, 0], outputs
    (trained, found, failed), (trained_too, found_too, failed_too) = map(counted, outputs)
    assert (trained + trained_too, found + found_too, failed + failed_too) == (6, 6, 0)
    assert trained + found == 6
    if not off:
        runs = tracking.search(None, {}, finished=False)
        assert [run.status for run in runs] == ["FINISHED"] * 6
        assert len({run.tags["naba.identity"] for run in runs}) == 6


@pytest.mark.slow
def test_a_sweep_does_what_a_killed_one_had_begun(store: Path, own_home: Path) -> None:
    grid = ("model=majority,stratified_random", "seed=0,1,2,3,4,5")
    killed, lives = sweep(own_home, *grid), sweep(own_home, *grid)
    deadline = time.monotonic() + 120
    begun: list[str] = []
    while not begun and time.monotonic() < deadline and killed.poll() is None:
        begun = [run.id for run in tracking.search(None, {}, finished=False) if is_held(run, killed.pid)]
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    output, _ = lives.communicate(timeout=240)
    assert begun, "the first sweep never held a run"
    trained, found, failed = counted(output)
    assert (trained + found, failed) == (12, 0)
    runs = tracking.search(None, {}, finished=False)
    done = [run.tags["naba.identity"] for run in runs if run.status == "FINISHED"]
    assert len(done) == len(set(done)) == 12
    # A flag that was about to come down may stay up; its identity is done by then.
    assert {run.tags["naba.identity"] for run in runs if run.status == "RUNNING"} <= set(done)
