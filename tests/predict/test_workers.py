"""`naba predict --workers`: other processes classify, the output is the same, and none of them stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from naba import cli
from naba.config import overrides as command_line
from naba.experiment import run
from store_copies import home_with_store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> str:
    """A classifier directory."""
    from naba.predict.locate import locate

    with home_with_store(empty_store, tmp_path_factory.mktemp("classifier")):
        run.run(command_line.compose(["dataset=synthetic_claim_type", "model=tfidf_svm", "evaluation.resamples=50"]))
        return str(locate("tfidf_svm synthetic_claim_type seed 0"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,200 rows, some of them without a text."""
    frame = pd.DataFrame({"id": range(1200), "text": [f"ارتفاع أسعار النفط {row} ٪ اليوم؟" for row in range(1200)]})
    frame.loc[::97, "text"] = ""
    path = tmp_path_factory.mktemp("table") / "in.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("written", ["csv", "parquet"])
def test_the_bytes_are_those_of_one_process(written: str, classifier: str, table: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / f"{name}.{written}" for name in ("one", "two")]
    for output, workers in zip(outputs, ("1", "2"), strict=True):
        arguments = ["predict", classifier, str(table), "--batch", "100", "-o", str(output), "--workers", workers]
        assert cli.main(arguments) == 1, "there are bad rows"
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    sides = [output.with_name(output.name + ".bad.jsonl").read_bytes() for output in outputs]
    assert sides[0] == sides[1]
    assert sides[0].count(b"\n") == 13


def children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children")
    return [int(one) for one in listed.read_text(encoding="ascii").split()] if listed.exists() else []


def worker_processes(parent: int) -> list[int]:
    return [one for one in children(parent) if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def begun(classifier: str, output: Path) -> subprocess.Popen[str]:
    """A job whose workers are there, and which waits for more of its input."""
    command = [sys.executable, "-m", "naba.cli", "predict", classifier, "--workers", "2", "--batch", "1", "-o",
               str(output)]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdin is not None
    for row in range(12):
        process.stdin.write(f"خبر {row}\n")
        process.stdin.flush()
        time.sleep(0.05)
    deadline = time.monotonic() + 120
    while len(worker_processes(process.pid)) < 2 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    return process


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_the_job(number: int, classifier: str, tmp_path: Path) -> None:
    process = begun(classifier, tmp_path / "out.csv")
    workers = worker_processes(process.pid)
    assert len(workers) == 2
    process.send_signal(number)
    process.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while any(alive(one) for one in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [one for one in workers if alive(one)]


def alive(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    return status.exists() and "State:\tZ" not in status.read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_a_worker_that_is_killed_is_one_clear_error(classifier: str, tmp_path: Path) -> None:
    process = begun(classifier, tmp_path / "out.csv")
    os.kill(worker_processes(process.pid)[0], signal.SIGKILL)
    _, said = process.communicate("خبر\n" * 20, timeout=120)
    assert process.returncode == 2
    assert "a worker process ended before it had answered" in said
    assert "Traceback" not in said
