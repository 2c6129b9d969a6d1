"""The store: made once whoever comes first, and never half-made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from naba import cli, tracking
from naba.errors import UserError

OPEN = "from naba import tracking; print(len(tracking.client(tracking.default_uri()).search_experiments()))"
SWEEP = ("model=majority,stratified_random", "seed=0,1,2,3,4,5,6,7,8,9,10,11", "evaluation.resamples=50", "-m")


def naba(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "naba.cli", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
def test_four_processes_open_a_new_store_at_once(own_home: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", OPEN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0] * 4, answers
    assert sum("Creating the tracking store" in errors for _, errors in answers) == 1
    assert list(own_home.glob("creating-*")) == []


def test_a_file_that_is_no_store_is_refused_and_kept(own_home: Path) -> None:
    file = own_home / "mlflow.db"
    file.write_bytes(b"my thesis, not a database" * 100)
    with pytest.raises(UserError, match="not an MLflow store"):
        tracking.client(tracking.default_uri())
    assert file.read_bytes().startswith(b"my thesis")


def test_unknown_run_lists_what_exists(store: Path) -> None:
    with pytest.raises(UserError, match="no run 'abc'"):
        tracking.find("abc")


def test_a_run_is_found_by_its_whole_id_while_it_is_there(store: Path) -> None:
    client = tracking.client(tracking.default_uri())
    experiment = client.create_experiment("by hand")
    made = [client.create_run(experiment, tags=tags).info.run_id for tags in ({"naba.identity": "1"}, {"other": "2"})]
    assert tracking.find(made[0]).id == tracking.find(made[0][:20]).id == made[0]
    client.delete_run(made[0])
    for unknown in (*made, "0" * 32):
        with pytest.raises(UserError, match=f"no run '{unknown}'"):
            tracking.find(unknown)


@pytest.mark.slow
def test_killed_sweep_is_completed_by_the_same_command(own_home: Path, empty_store: Path) -> None:
    """`kill -9` of the parent of a parallel sweep on a new store, then the same command.

    `empty_store` only imports MLflow here: where the first look at the sweep takes seconds for it, all may be done.
    """
    command = ("train", *SWEEP, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    killed = naba(*command)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not _finished() and killed.poll() is None:
        time.sleep(0.2)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    done_before = _finished()
    assert 1 <= done_before < 24
    again = naba(*command)
    output, _ = again.communicate(timeout=180)
    assert again.returncode == 0, output
    assert f"24 runs: {24 - done_before} trained, {done_before} found, 0 failed" in output
    runs = tracking.search(None, {})
    assert len({run.facts.identity for run in runs}) == len(runs) == 24


def _finished() -> int:
    return len(tracking.search(None, {})) if (Path(os.environ["NABA_HOME"]) / "mlflow.db").is_file() else 0


def test_a_failing_job_does_not_stop_a_sweep(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["train", "dataset=article_stance,synthetic_stance", "model=majority", "evaluation.resamples=50"]
    assert cli.main([*command, "tracking.figures=false", "-m"]) == 1
    output = "".join(capfd.readouterr())
    assert "failed  majority article_stance seed 0: dataset 'article_stance' has no training rows" in output
    assert "trained majority synthetic_stance seed 0" in output
    assert "Traceback" not in output
    assert "2 runs: 1 trained, 0 found, 1 failed" in output
