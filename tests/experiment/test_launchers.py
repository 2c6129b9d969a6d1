"""Sweeps with other launchers leave the runs that Hydra's own leaves."""

from __future__ import annotations

import importlib.util
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from naba import config, tracking
from naba.cli.console import SweepWatcher
from naba.cli.train import main
from naba.config import overrides as command_line
from naba.errors import UserError
from naba.evaluation.bootstrap import Score
from naba.experiment import sweep as sweeps
from naba.experiment.job import Outcome
from store_copies import copy_store

if TYPE_CHECKING:
    from pathlib import Path

GRID = ("model=tfidf_nb,stratified_random", "seed=0,1", "evaluation.resamples=50", "tracking.log_model=false", "-m")
DONE = Outcome(
    "trained", "majority", scores={"test": [Score("macro_f1", 0.5, 0.4, 0.6, 10)]}, primary={"test": "macro_f1"}
)
no_submitit = pytest.mark.skipif(importlib.util.find_spec("submitit") is None, reason="pip install 'naba[slurm]'")


def sweep(home: Path, *arguments: str, path: str = "") -> str:
    environment = {**os.environ, "NABA_HOME": str(home)}
    if path:
        environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "naba.cli", "train", *GRID, *arguments],
        capture_output=True, text=True, encoding="utf-8", check=False, timeout=400, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def scores(home: Path) -> dict[str, dict[str, float]]:
    """What each identity scored, without what is a matter of time."""
    runs = tracking.search(f"sqlite:///{home / 'mlflow.db'}", {})
    timed = ("time/", "carbon", "memory", "size/")
    found = {
        run.tags["naba.identity"]: {k: v for k, v in run.metrics.items() if not k.startswith(timed)} for run in runs
    }
    assert len(found) == len(runs) == 4
    return found


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    home = tmp_path_factory.mktemp("basic")
    copy_store(empty_store, home)
    assert "4 runs: 4 trained, 0 found, 0 failed" in sweep(home)
    return home


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="pip install 'naba[ray]'")
def test_ray_trains_what_the_basic_launcher_trains(basic: Path, empty_store: Path, tmp_path: Path) -> None:
    copy_store(empty_store, tmp_path)
    options = ("hydra/launcher=ray", "hydra.launcher.workers=2")
    assert "4 runs: 4 trained, 0 found, 0 failed" in sweep(tmp_path, *options)
    assert scores(tmp_path) == scores(basic)
    assert "4 runs: 0 trained, 4 found, 0 failed" in sweep(tmp_path, *options)


@pytest.mark.slow
@no_submitit
def test_submitit_on_this_machine_trains_the_same(basic: Path, empty_store: Path, tmp_path: Path) -> None:
    copy_store(empty_store, tmp_path)
    assert "4 runs: 4 trained, 0 found, 0 failed" in sweep(tmp_path, "hydra/launcher=submitit_local")
    assert scores(tmp_path) == scores(basic)
    assert list((tmp_path / "sweeps").iterdir()) == []


SBATCH = """#!{python}
import os, pathlib, re, subprocess, sys
script = pathlib.Path(sys.argv[-1])
text = script.read_text()
pathlib.Path(os.environ["NABA_HOME"], "sbatch.txt").write_text(text)
print("Submitted batch job 99", flush=True)
if os.fork():
    sys.exit()
os.close(1), os.close(2)
for number in range(int(re.search(r"--array=0-(\\d+)", text)[1]) + 1):
    job = {{"SLURM_JOB_ID": str(100 + number), "SLURM_ARRAY_JOB_ID": "99", "SLURM_ARRAY_TASK_ID": str(number),
            "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NTASKS": "1", "SLURM_NNODES": "1",
            "SLURM_JOB_NODELIST": "localhost"}}
    quiet = {{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}}
    subprocess.run(["bash", str(script)], env={{**os.environ, **job}}, **quiet)
    pathlib.Path(os.environ["NABA_HOME"], f"ended{{number}}").touch()
"""
SRUN = """#!{python}
import os, sys
command = sys.argv[1:]
while command[0].startswith("-"):
    option = command.pop(0)
    if option in ("--output", "--error"):
        command.pop(0)
os.execvp(command[0], command)
"""
SACCT = """#!{python}
import os, pathlib
print("JobID|State|NodeList")
for number in range(4):
    ended = pathlib.Path(os.environ["NABA_HOME"], f"ended{{number}}").exists()
    print(f"99_{{number}}|{{'COMPLETED' if ended else 'RUNNING'}}|node1")
"""


@pytest.mark.slow
@no_submitit
def test_slurm_gets_an_array_with_what_was_asked_for(basic: Path, empty_store: Path, tmp_path: Path) -> None:
    """No Slurm here: programs of its names run the array that submitit writes, one job after the other."""
    home = tmp_path / "home"
    home.mkdir()
    copy_store(empty_store, home)
    for name, text in {
        "sbatch": SBATCH,
        "srun": SRUN,
        "sacct": SACCT,
        "squeue": SACCT,
        "scancel": "#!/bin/sh\n",
    }.items():
        program = tmp_path / name
        program.write_text(text.format(python=sys.executable), encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    options = ("hydra.launcher.partition=short", "hydra.launcher.array_parallelism=3", "hydra.launcher.timeout_min=30")
    said = sweep(home, "hydra/launcher=slurm", *options, path=str(tmp_path))
    assert "4 runs: 4 trained, 0 found, 0 failed" in said
    asked = (home / "sbatch.txt").read_text(encoding="utf-8")
    for line in (
        "--partition=short",
        "--array=0-3%3",
        "--time=30",
        "--mem=8GB",
        "--cpus-per-task=1",
        "--job-name=naba",
    ):
        assert f"#SBATCH {line}" in asked, asked
    assert scores(home) == scores(basic)


@no_submitit
def test_without_slurm_one_message_says_so(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # where no Slurm is
    with pytest.raises(UserError, match="no Slurm on this machine"):
        main([*GRID, "hydra/launcher=slurm"])


def test_a_job_that_left_no_outcome_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sweeps.FOLDER, str(tmp_path))
    with SweepWatcher(tmp_path, 2) as watcher:
        sweeps.record(1, DONE, 1.0)
        sweeps.note_lost(tmp_path, 2, all_ended=True)
    assert {outcome.status: outcome.name for outcome in watcher.outcomes} == {"trained": "majority", "failed": "job 0"}
    assert watcher.summarise() == 1


def in_a_queue(monkeypatch: pytest.MonkeyPatch, hydra: Any) -> None:
    """A sweep with submitit whose jobs are what `hydra` does instead of Hydra."""
    monkeypatch.setattr(sweeps, "launcher", lambda overrides: "hydra_plugins.submitit.LocalLauncher")
    monkeypatch.setattr(sweeps, "hydra", hydra)


@no_submitit
def test_jobs_that_may_still_run_have_not_failed(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from submitit.core.utils import UncompletedJobError

    def hydra(flags: Any, overrides: Any) -> int:
        sweeps.record(0, DONE, 1.0)
        raise UncompletedJobError("Job 99_1 (task: 0) has not produced any output (state: OUT_OF_MEMORY)")

    in_a_queue(monkeypatch, hydra)
    assert main(["model=majority", "seed=0,1,2", "hydra/launcher=submitit_local", "-m"]) == 1
    said = capsys.readouterr()
    assert "3 runs: 1 trained, 0 found, 0 failed, 2 unknown" in said.out
    assert " ".join(said.out.split()).count("no outcome so far: it still runs or waits") == 2
    assert "99_1" in said.err
    (kept,) = (own_home / "sweeps").iterdir()
    assert sorted(path.name for path in kept.glob("*.json")) == [f"{number:06d}.json" for number in range(3)]


@no_submitit
@pytest.mark.slow
def test_taken_jobs_of_a_queue_are_said_to_run_here(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["model=majority", "tracking.log_model=false", "evaluation.resamples=50"]

    def hydra(flags: Any, overrides: Any) -> int:
        sweeps.record(0, Outcome("taken", "majority"), 0.1, [*options, "seed=0"])
        return 0

    in_a_queue(monkeypatch, hydra)
    assert main([*options, "seed=0", "hydra/launcher=submitit_local", "-m"]) == 0
    said = capsys.readouterr()
    assert "1 run: 1 trained, 0 found, 0 failed" in said.out
    assert "jobs that other processes were training: 1; waited for here" in " ".join(said.err.split())


def test_launchers_are_composed_and_named() -> None:
    composed = command_line.compose(["hydra/launcher=ray", "hydra.launcher.address=auto"], with_hydra=True)
    assert (composed.hydra.launcher.address, composed.hydra.launcher.cpus) == ("auto", 1)
    assert {"ray", "slurm"} <= set(config.names("hydra/launcher"))
    with pytest.raises(UserError, match="did you mean 'ray'"):
        main([*GRID, "hydra/launcher=rey"])
