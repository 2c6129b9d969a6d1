"""The embedded store asked through SQL says what MLflow says of it."""

from __future__ import annotations

import math
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import pandas as pd
import pytest
from mlflow.entities import LoggedModelOutput

from naba import cli, tracking
from naba.tracking import database
from naba.tracking.facts import Table
from naba.tracking.mlflow import ActiveRun
from naba.tracking.store import Embedded, Record

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a store."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture(scope="module")
def client(uri: str) -> MlflowClient:
    """A client of the store, in which there are runs of many kinds."""
    client = tracking.client(uri)
    shown = client.create_experiment("one")
    other = client.create_experiment("two")
    gone = client.create_experiment("gone")
    for number in range(30):
        run = client.create_run(
            (shown, other, gone)[number % 3],
            start_time=1000 + number // 4,  # several began in one millisecond
            tags={"naba.identity": f"i{number % 5}", "naba.seed": str(number), "mlflow.note.content": "سطر\nsecond"},
        ).info.run_id
        client.log_metric(run, "test/macro_f1", math.nan if number % 4 == 0 else number / 7, step=1)
        client.log_metric(run, "test/macro_f1", number / 11, step=0)
        client.log_metric(run, "endless", math.inf)
        client.log_param(run, "model.C", f"{number}'\"")
        if number % 6 == 0:
            model = client.create_logged_model((shown, other, gone)[number % 3], name="model", source_run_id=run)
            client.log_outputs(run, [LoggedModelOutput(model.model_id, 0)])
        if number % 2:
            client.set_terminated(run, "FINISHED" if number % 3 else "FAILED")
        if number % 7 == 0:
            client.delete_run(run)
    client.delete_experiment(gone)
    return client


@pytest.mark.parametrize("status", ["FINISHED", "RUNNING", None])
@pytest.mark.parametrize("tags", [{}, {"naba.identity": "i1"}, {"naba.identity": "i2", "naba.seed": "7"}])
@pytest.mark.parametrize("within", [None, "two"])
def test_the_answers_are_those_of_mlflow(
    client: MlflowClient, uri: str, status: str | None, tags: dict[str, str], within: str | None
) -> None:
    store = tracking.Store(uri)
    experiment = client.get_experiment_by_name(within).experiment_id if within else None
    assert store.embedded is not None
    found = store.embedded.search(tags, status=status, experiment=experiment)
    expected = store._searched(tags, status, experiment)
    assert [one.id for one in found] == [one.id for one in expected]
    # nan is unlike itself, but equal as text
    assert list(map(repr, map(_plain, found))) == list(map(repr, map(_plain, expected)))


def _plain(record: Record) -> list[object]:
    parts = (record.tags, record.params, record.metrics)
    return [*(sorted(part.items()) for part in parts), *record.models, record.name, record.begun, record.place,
            record.status, record.active, record.experiment_id]  # fmt: skip


def test_a_run_by_its_id(client: MlflowClient, uri: str) -> None:
    embedded = tracking.Store(uri).embedded
    assert embedded is not None
    (run, *_) = client.search_runs([client.get_experiment_by_name("one").experiment_id])
    deleted = client.search_runs(
        [client.get_experiment_by_name("one").experiment_id], run_view_type=mlflow.entities.ViewType.DELETED_ONLY
    )[0]
    for each in (run, deleted):
        found = embedded.record(each.info.run_id)
        assert found is not None
        assert repr(_plain(found)) == repr(_plain(Record.of(client.get_run(each.info.run_id))))
    assert embedded.record("0" * 32) is None
    assert embedded.experiment("one") == (run.info.experiment_id, True)
    assert embedded.experiment("gone") == (client.get_experiment_by_name("gone").experiment_id, False)
    assert embedded.experiment("none") is None


@pytest.mark.usefixtures("client")
def test_a_schema_nobody_has_compared_is_left_to_mlflow(uri: str, tmp_path: Path) -> None:
    kept = database.sqlite_file(uri)
    assert kept is not None
    file = Path(shutil.copy(kept, tmp_path))
    assert Embedded(file).readable()
    with sqlite3.connect(file) as store:
        store.execute("update alembic_version set version_num = 'later'")
    assert not Embedded(file).readable()
    assert not Embedded(file.with_name("none.db")).readable()
    file.with_name("noise.db").write_bytes(b"noise" * 999)
    assert not Embedded(file.with_name("noise.db")).readable()


@pytest.mark.usefixtures("client")
def test_this_mlflow_makes_a_schema_that_is_read(uri: str) -> None:
    """Where a new version of MLflow fails here: compare, then add its schema to SCHEMAS."""
    assert tracking.Store(uri).embedded is not None


def test_tables_are_those_that_mlflow_writes(client: MlflowClient, tmp_path: Path) -> None:
    rows = {"text": ['خبر \u2028 "نعم"', "/"], "count": [1, 2], "share": [0.1 + 0.2, math.nan], "right": [True, False]}
    tables = {f"tables/{name}.json": pd.DataFrame(rows).head(count) for name, count in (("all", 2), ("none", 0))}
    experiment = client.create_experiment("tables", tmp_path.as_uri())
    theirs, ours = (client.create_run(experiment).info.run_id for _ in range(2))
    for path, frame in tables.items():
        text = {name: object for name in frame.columns if frame[name].dtype.kind not in "biuf"}
        client.log_table(theirs, frame.astype(text), path)
    active = ActiveRun(client, ours, "ours")
    active.log([Table(path, frame) for path, frame in tables.items()])
    active.log([Table(path, frame) for path, frame in tables.items()])
    for path in tables:
        left, right = (Path(client.download_artifacts(run, path)).read_bytes() for run in (theirs, ours))
        assert left == right
    left, right = (client.get_run(run).data.tags["mlflow.loggedArtifacts"] for run in (theirs, ours))
    assert left == right


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_a_finished_run_is_found_without_mlflow_and_datasets() -> None:
    command = ["train", "dataset=synthetic_stance", "model=majority", "evaluation.resamples=50"]
    program = (
        f"import sys; from naba.cli import main; code = main({command})\n"
        "print('loaded:', *({'mlflow', 'datasets', 'pandas', 'torch', 'sklearn'} & set(sys.modules)))\n"
        "sys.exit(code)"
    )
    assert cli.main(command) == 0
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300)
    assert "found" in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["loaded:"]
