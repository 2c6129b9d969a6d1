"""A shared MLflow server on a real PostgreSQL, as several machines use it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import sqlalchemy

from naba import tracking
from naba.config.schema import TrackingConfig
from naba.errors import UserError
from naba.tracking.facts import Facts, Metric, Param, Tag, Wanted
from naba.tracking.mlflow import MlflowTracker
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("psycopg2") is None, reason="pip install 'naba[postgres]'"),
]
OPEN = "import sys; from naba import tracking; print(len(tracking.client(sys.argv[1]).search_experiments()))"


class Database(NamedTuple):
    """A PostgreSQL of the test's own."""

    address: str
    stop: Callable[[], None]
    start: Callable[[], None]


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """An empty database; PostgreSQL refuses to run as root, so it runs as its own user."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []
    found = shutil.which("pg_ctl", path=os.pathsep.join([*map(str, programs), os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="naba-postgres-"))
    try:
        if as_user:
            shutil.chown(folder, "postgres")
        port, programs_folder = free_port(), Path(found).resolve().parent
        data = folder / "data"

        def run(program: str, *arguments: str) -> None:
            command = [*as_user, str(programs_folder / program), *arguments]
            subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=60)

        run("initdb", "-D", str(data), "-A", "trust", "-U", "naba", "-E", "UTF8", "--no-sync")
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-o", settings, "-w", "start")
        try:
            run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "naba", "runs")

            def stop() -> None:
                run("pg_ctl", "-D", str(data), "-m", "fast", "-w", "stop")

            def start() -> None:
                run("pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-o", settings, "-w", "start")

            yield Database(f"postgresql+psycopg2://naba@127.0.0.1:{port}/runs", stop, start)
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(database: Database, name: str) -> str:
    """The address of an empty database on the same server."""
    engine = sqlalchemy.create_engine(database.address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"create database {name}"))
    engine.dispose()
    return database.address.replace("/runs", f"/{name}")


def test_two_sweeps_on_one_server(database: Database, tmp_path: Path) -> None:
    """A new store opened by four processes at once, then two launchers: no run is lost, none is there twice."""
    empty = new_database(database, "sweeps")
    command = [sys.executable, "-c", OPEN, empty]
    opening = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [process.communicate(timeout=180) for process in opening]
    assert [process.returncode for process in opening] == [0] * 4, answers
    assert sum("Creating the tracking store" in errors for _, errors in answers) == 1
    with served(empty, tmp_path / "artifacts") as address:
        launchers = [
            launch(address, tmp_path / f"machine{number}", seeds) for number, seeds in enumerate(("0,1,2", "3,4,5"))
        ]
        for launcher in launchers:
            output, _ = launcher.communicate(timeout=300)
            assert launcher.returncode == 0, output
            assert "3 runs: 3 trained, 0 found, 0 failed" in output
        runs = tracking.search(address, {})
        assert sorted(run.tags["naba.seed"] for run in runs) == list("012345")
        assert len({run.tags["naba.identity"] for run in runs}) == 6
        again = launch(address, tmp_path / "machine2", "0,1,2,3,4,5")
        output, _ = again.communicate(timeout=300)
        assert "6 runs: 0 trained, 6 found, 0 failed" in output
        assert len(tracking.search(address, {}, finished=False)) == 6
        one_grid_on_three_machines(address, tmp_path)
    assert len(list((tmp_path / "artifacts").rglob("test.parquet"))) >= 18


def one_grid_on_three_machines(address: str, folder: Path) -> None:
    """The same twelve jobs at once, and one machine is killed with a run in its hands: each is trained once."""
    grid = ",".join(map(str, range(10, 22)))
    killed, *others = [launch(address, folder / f"same{number}", grid) for number in range(3)]
    deadline = time.monotonic() + 120
    held: list[str] = []
    while not held and time.monotonic() < deadline and killed.poll() is None:
        runs = tracking.search(address, {}, finished=False)
        mine = [run for run in runs if f" {killed.pid} " in run.tags["naba.process"]]
        held = [run.id for run in mine if run.status == "RUNNING"]
    killed.kill()
    output, _ = killed.communicate()
    assert held, output
    for launcher in others:
        output, _ = launcher.communicate(timeout=300)
        assert launcher.returncode == 0, output
        counts = re.search(r"12 runs: (\d+) trained, (\d+) found, 0 failed", output)
        assert counts, output
    finished = [run for run in tracking.search(address, {}) if int(run.tags["naba.seed"]) >= 10]
    assert sorted(run.tags["naba.seed"] for run in finished) == grid.split(",")
    assert len({run.tags["naba.process"] for run in finished}) >= 2


@contextlib.contextmanager
def served(database: str, artifacts: Path) -> Iterator[str]:
    port = free_port()
    # A file, not a pipe: the server's request log would fill a pipe that nobody reads, and then it would stand still.
    log = artifacts.with_name("server.log")
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "naba.cli", "ui", "--server", "--uri", database, "--port", str(port), "--artifacts",
             str(artifacts)],
            stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while "export MLFLOW_TRACKING_URI=" not in log.read_text(encoding="utf-8"):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def launch(address: str, home: Path, seeds: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "MLFLOW_TRACKING_URI": address, "NABA_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, "-m", "naba.cli", "train", "model=stratified_random", f"seed={seeds}",
         "evaluation.resamples=50", "tracking.log_model=false", "-m"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", env=environment,
    )  # fmt: skip


def test_a_restarted_database_is_waited_for(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes away while a run is being written; the run is one, whole, and finished."""
    monkeypatch.setenv("NABA_HOME", str(tmp_path))
    tracker = MlflowTracker(TrackingConfig(uri=database.address, experiment="restarts"))
    wanted = Wanted("majority", Facts("abc"), model=False)
    database.stop()
    begin = threading.Timer(6, database.start)
    begin.start()
    with tracker.run(wanted) as active:
        begin.join()
        database.stop()
        again = threading.Timer(6, database.start)
        again.start()
        active.log(
            [Param("seed", "1"), Metric("test/macro_f1", 0.5), *(Tag(*one) for one in Facts("abc").to_tags().items())]
        )
        again.join()
    said = [record.getMessage() for record in caplog.records]
    assert f"the store {database.address} does not answer: waiting up to 5 minutes" in said
    assert any("answers again, after" in line for line in said)
    runs = tracking.search(database.address, {"identity": "abc"}, finished=False)
    assert [(run.status, dict(run.params), run.metrics["test/macro_f1"]) for run in runs] == [
        ("FINISHED", {"seed": "1"}, 0.5)
    ]
    assert runs[0].place.startswith((tmp_path / "artifacts" / "restarts").as_uri()), "not `mlruns` where one works"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("/runs", "/none"), 'database "none" does not exist'),
        (("//naba@", "//nobody@"), 'role "nobody" does not exist'),
    ],
)
def test_a_wrong_address_fails_at_once(database: Database, change: tuple[str, str], said: str) -> None:
    tracking.client(database.address)
    begun = time.monotonic()
    with pytest.raises(UserError, match=said):
        tracking.client(database.address.replace(*change))
    assert time.monotonic() - begun < 60


def test_a_database_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(UserError, match="cannot be reached") as caught:
        tracking.client(f"postgresql+psycopg2://naba:secret@127.0.0.1:{free_port()}/runs")
    assert "secret" not in str(caught.value)
