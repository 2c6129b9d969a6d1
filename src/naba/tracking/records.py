"""What a store says of a run, before anybody interprets it; and the embedded store asked through SQL.

Importing MLflow takes longer than finding a run. Its sqlite file is therefore read directly where its schema is one of
those that a test has compared with MLflow's own answers; any other store, and all writing, goes through MLflow.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from sys import intern
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mlflow.entities import Run as Entity

SCHEMAS = frozenset({"dc11669786a5"})
"""Versions of MLflow's tables that `Embedded` reads (the one of MLflow 3.17)."""
BUSY_SECONDS, LOCK_SECONDS = 60, 5.0
"""Seconds to wait for another process that writes to the file, and before a person is told that it is locked."""
_TAGS = "select run_uuid, key, value from tags where run_uuid in (select value from json_each(?))"
_PARAMS = "select run_uuid, key, value from params where run_uuid in (select value from json_each(?))"
_METRICS = "select run_uuid, key, value, is_nan from latest_metrics where run_uuid in (select value from json_each(?))"
_MODELS = (
    "select source_id, destination_id from inputs where source_type = 'RUN_OUTPUT' "
    "and destination_type = 'MODEL_OUTPUT' and source_id in (select value from json_each(?))"
)
_RUNS = (
    "select run_uuid, name, status, start_time, artifact_uri, experiment_id, lifecycle_stage from runs "
    "where run_uuid in (select value from json_each(?))"
)


@dataclass(frozen=True)
class Record:
    """One run, as the store has it.

    Attributes:
        begun: milliseconds since 1970.
        place: the address of its files.
        models: ids of the models it logged.
    """

    id: str
    name: str
    status: str
    begun: int
    place: str
    experiment_id: str
    active: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    models: Sequence[str] = ()

    @classmethod
    def of(cls, entity: Entity) -> Record:
        """What MLflow's client returned."""
        info, data, outputs = entity.info, entity.data, entity.outputs
        return cls(
            id=info.run_id,
            name=info.run_name,
            status=info.status,
            begun=info.start_time,
            place=str(info.artifact_uri),
            experiment_id=str(info.experiment_id),
            active=info.lifecycle_stage == "active",
            tags=data.tags,
            params=data.params,
            metrics=data.metrics,
            models=[str(one.model_id) for one in outputs.model_outputs] if outputs else [],
        )


class Embedded:
    """The sqlite file of an MLflow store, for reading."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @contextlib.contextmanager
    def _open(self, seconds: float = BUSY_SECONDS) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(f"{self.file.resolve().as_uri()}?mode=ro", uri=True, timeout=seconds)
        with contextlib.closing(connection):
            yield connection

    def readable(self) -> bool:
        """Is the file there, whole, and of a schema that is known here?"""
        if not self.file.is_file():
            return False
        try:
            with self._open(LOCK_SECONDS) as store:
                return {one for (one,) in store.execute("select version_num from alembic_version")} <= SCHEMAS
        except sqlite3.Error:
            return False  # MLflow, and what naba says before it is asked, know better what is wrong with it.

    def experiment(self, name: str) -> tuple[str, bool] | None:
        """(id, active) of an experiment; None where there is none."""
        with self._open() as store:
            found = store.execute(
                "select experiment_id, lifecycle_stage from experiments where name = ?", (name,)
            ).fetchone()
        return (str(found[0]), found[1] == "active") if found else None

    def search(
        self, tags: Mapping[str, str], *, status: str | None = None, experiment: str | None = None
    ) -> list[Record]:
        """The active runs that have these tags, newest first.

        Args:
            experiment: id of the only experiment that counts; by default all that are not deleted.
        """
        query = (
            "select r.run_uuid from runs r join experiments e on e.experiment_id = r.experiment_id "
            "where r.lifecycle_stage = 'active' "
        )
        values: list[Any] = []
        if experiment is None:
            query += "and e.lifecycle_stage = 'active' "
        else:
            query += "and r.experiment_id = ? "
            values.append(int(experiment))
        if status is not None:
            query += "and r.status = ? "
            values.append(status)
        for key, value in tags.items():
            query += "and exists (select 1 from tags t where t.run_uuid = r.run_uuid and t.key = ? and t.value = ?) "
            values += [key, value]
        with self._open() as store:
            ids = [one for (one,) in store.execute(query + "order by r.start_time desc, r.run_uuid", values)]
            return _records(store, ids)

    def record(self, run_id: str) -> Record | None:
        """A run by its whole id, deleted or not; None where there is none."""
        with self._open() as store:
            return next(iter(_records(store, [run_id])), None)


def _records(store: sqlite3.Connection, ids: Sequence[str]) -> list[Record]:
    """The runs with these ids, in their order."""
    asked = (json.dumps(list(ids)),)
    tags: dict[str, dict[str, str]] = defaultdict(dict)
    params: dict[str, dict[str, str]] = defaultdict(dict)
    metrics: dict[str, dict[str, float]] = defaultdict(dict)
    models: dict[str, list[str]] = defaultdict(list)
    for run, key, value in store.execute(_TAGS, asked):
        tags[run][intern(key)] = value
    for run, key, value in store.execute(_PARAMS, asked):
        params[run][intern(key)] = value
    for run, key, value, is_nan in store.execute(_METRICS, asked):
        metrics[run][intern(key)] = math.nan if is_nan else value
    for run, model in store.execute(_MODELS, asked):
        models[run].append(model)
    found = {
        run: Record(run, name, status, begun, place, str(experiment), stage == "active",
                    tags[run], params[run], metrics[run], models[run])
        for run, name, status, begun, place, experiment, stage in store.execute(_RUNS, asked)
    }  # fmt: skip
    return [found[run] for run in ids if run in found]
