"""A store of runs: where new ones go, finding them, and the registry of models.

Importing MLflow takes longer than finding a run. Its sqlite file is therefore read directly where its schema is one of
those that a test has compared with MLflow's own answers; any other store, and all writing, goes through MLflow.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import tempfile
from collections import defaultdict
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING, Any, cast

from naba import files
from naba.errors import UserError, hidden, nearest
from naba.tracking import database
from naba.tracking.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlflow import MlflowClient
    from mlflow.entities import Run as Entity

    from naba.config.schema import TrackingConfig
    from naba.tracking.database import PatientClient
    from naba.tracking.folder import FolderTracker
    from naba.tracking.mlflow import MlflowTracker

PAGE = 5000
BUSY_SECONDS = 60
"""Seconds to wait for another process that writes to the file of a store."""
LISTED = 10
"""Runs that a message lists."""
SCHEMAS = frozenset({"dc11669786a5"})
"""Versions of MLflow's tables that `Embedded` reads (the one of MLflow 3.17)."""
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


class Store:
    """The MLflow store at an address; reading from one that does not exist finds nothing, and makes nothing.

    Attributes:
        uri: its address, which may hold a password; `str(store)` does not.
    """

    def __init__(self, uri: str | None = None) -> None:
        self.uri = uri or database.default_uri()

    def __str__(self) -> str:
        return hidden(self.uri)

    @cached_property
    def client(self) -> MlflowClient:
        """A client of the store, which is created first if it does not exist."""
        return database.client(self.uri)

    @property
    def impatient(self) -> MlflowClient:
        """The same client, which does not wait for a store that is away."""
        inner: MlflowClient = cast("PatientClient", self.client).inner
        return inner

    @cached_property
    def embedded(self) -> Embedded | None:
        """The store's file, where it can be read without MLflow."""
        file = database.sqlite_file(self.uri)
        found = Embedded(file) if file is not None else None
        if file is None or found is None or not found.readable():
            return None
        database.mend_addresses(file)
        return found

    def search(
        self, filters: Mapping[str, str] | None = None, *, finished: bool = True, experiment: str | None = None
    ) -> list[Run]:
        """All runs of naba's whose tags `naba.<name>` have these values, newest first.

        Args:
            experiment: id of the only experiment that counts; by default all that are not deleted.
        """
        tags = {f"naba.{name}": value for name, value in (filters or {}).items()}
        odd = [value for value in tags.values() if "'" in value or '"' in value]
        if odd:
            raise UserError(f"a filter cannot hold quotes: {odd[0]}")
        if not database.exists(self.uri):
            return []
        status = "FINISHED" if finished else None
        if self.embedded is not None:
            records = self.embedded.search(tags, status=status, experiment=experiment)
        else:
            records = self._searched(tags, status, experiment)
        return [Run(self, record) for record in records if record.tags.get("naba.identity")]

    def _searched(self, tags: Mapping[str, str], status: str | None, experiment: str | None) -> list[Record]:
        """The same runs, as MLflow finds them."""
        conditions = [f"tags.`{name}` = '{value}'" for name, value in tags.items()]
        if status is not None:
            conditions.append(f"attributes.status = '{status}'")
        experiments = [experiment] if experiment else [one.experiment_id for one in self.client.search_experiments()]
        found: list[Record] = []
        token = None
        while True:
            page = self.client.search_runs(
                experiments,
                filter_string=" and ".join(conditions),
                order_by=["attributes.start_time DESC"],
                max_results=PAGE,
                page_token=token,
            )
            found += map(Record.of, page)
            token = page.token
            if not token:
                return found

    def find(self, name: str) -> Run:
        """The run whose id is, or begins with, `name`, or whose name is `name`.

        Raises:
            UserError: no run, or several, match; some are listed.
        """
        if re.fullmatch("[0-9a-f]{32}", name) and (whole := self._by_id(name)):
            return whole
        runs = self.search(finished=False)
        by_id = [run for run in runs if run.id.startswith(name)]
        matching = by_id or [run for run in runs if run.name == name]
        # Doing a run again (force=true), or failing first, leaves several of one identity: the newest finished one.
        ended = [run for run in matching if run.finished]
        if len({run.facts.identity for run in matching}) == 1 and len(matching) > 1 and ended:
            return ended[0]
        if len(matching) == 1:
            return matching[0]
        listed = "\n".join(f"  {run.id[:12]}  {run.name}  {run.status}" for run in (matching or runs)[:LISTED])
        near = None if matching else nearest(name, [run.name for run in runs])
        what = f"{len(matching)} runs match '{name}'" if matching else f"no run '{name}'"
        what += f" (did you mean '{near}'?)" if near else ""
        raise UserError(f"{what} in {self}", f"runs:\n{listed}" if listed else "there are no runs yet")

    def _by_id(self, name: str) -> Run | None:
        """The run with this whole id, without reading all others."""
        if not database.exists(self.uri):
            return None
        found = self.embedded.record(name) if self.embedded is not None else self._asked(name)
        ours = found is not None and found.active and found.tags.get("naba.identity")
        return Run(self, found) if found is not None and ours else None

    def _asked(self, run_id: str) -> Record | None:
        from mlflow.exceptions import MlflowException

        try:
            return Record.of(self.client.get_run(run_id))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None

    def downloaded_model(self, model: str) -> Path:
        """A kept model from a store elsewhere; downloaded once."""
        import mlflow

        kept = files.cache() / "models" / model
        if kept.is_dir():
            return kept
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{model}", dst_path=folder, tracking_uri=self.uri)
            if not kept.is_dir():
                # A folder for temporary files is its maker's alone; a cache may be shared.
                Path(folder).chmod(0o755)
                Path(folder).rename(kept)
                Path(folder).mkdir()  # TemporaryDirectory removes it again.
        return kept

    # --- registry -------------------------------------------------------------------------------------------------

    def registered(self, name: str, alias: str) -> Run | None:
        """The run behind `models:/name@alias`, or None where nothing holds the alias."""
        from mlflow.exceptions import MlflowException

        if not database.exists(self.uri):
            return None
        try:
            version = self.client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise
        return Run(self, Record.of(self.client.get_run(version.run_id)))

    def registered_names(self) -> list[str]:
        """The names of the registered models."""
        if not database.exists(self.uri):
            return []
        return sorted(found.name for found in self.client.search_registered_models())

    def register(self, run: Run, name: str, alias: str, tags: Mapping[str, str]) -> str:
        """Register a run's model and give it an alias.

        Returns:
            The new version.
        """
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = self.client.create_model_version(
            name, f"models:/{run.model_id}", run_id=run.id, tags=dict(tags), model_id=run.model_id
        )
        self.client.set_registered_model_alias(name, alias, version.version)
        return str(version.version)

    @contextmanager
    def one_promotion(self, name: str) -> Iterator[None]:
        """While the block lasts nobody else changes the aliases of a registered model.

        Of a store in an sqlite file, whatever home they have; of a server, nobody else with this home.
        """
        from filelock import FileLock

        file = database.sqlite_file(self.uri)
        lock = (file.parent if file else files.home()) / "locks" / f"promote-{name}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(lock), timeout=database.STORE_TIMEOUT):
            yield


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

    @contextmanager
    def _open(self, seconds: float = BUSY_SECONDS) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(f"{self.file.resolve().as_uri()}?mode=ro", uri=True, timeout=seconds)
        with closing(connection):
            yield connection

    def readable(self) -> bool:
        """Is the file there, whole, and of a schema that is known here?"""
        if not self.file.is_file():
            return False
        try:
            with self._open(database.LOCK_SECONDS) as store:
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


def open_tracker(config: TrackingConfig) -> MlflowTracker | FolderTracker:
    """Where new runs go: an MLflow store, or a folder when tracking is off."""
    if config.name == "off":
        from naba.tracking.folder import FolderTracker

        return FolderTracker(config)
    from naba.tracking.mlflow import MlflowTracker

    return MlflowTracker(config)


def find(name: str, uri: str | None = None) -> Run:
    """The run whose id is, or begins with, `name`, or whose name is `name`; see `Store.find`."""
    return Store(uri).find(name)


def search(uri: str | None = None, filters: Mapping[str, str] | None = None, *, finished: bool = True) -> list[Run]:
    """All runs whose tags `naba.<name>` have these values, newest first; see `Store.search`."""
    return Store(uri).search(filters, finished=finished)
