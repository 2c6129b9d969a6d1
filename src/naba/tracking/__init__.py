"""The door to MLflow: the one module that imports it (beside `export/pyfunc.py`, which MLflow loads by itself)."""

from __future__ import annotations

import re
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from naba import files, machine
from naba.cli import console
from naba.errors import UserError, nearest
from naba.experiment import report
from naba.experiment.result import Found
from naba.tracking.claims import SILENT_SECONDS, Claims, TakenError, heartbeat
from naba.tracking.folder import write_files
from naba.tracking.pyfunc import model_arguments, without_advice
from naba.tracking.store import STORE_TIMEOUT, client, default_uri, quiet, sqlite_file, use

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.entities import Run as Run

    from naba.config.schema import TrackingConfig, TrainConfig

__all__ = ["client", "default_uri", "quiet"]

PARAM_LIMIT = 6000
PARAMS_A_BATCH = 100
METRICS_A_BATCH = 1000


@dataclass
class _Known:
    """Finished runs of one experiment that this process has read already."""

    asked: int = 0
    runs: dict[str, list[Found]] = field(default_factory=dict)


@cache
def _known(uri: str, experiment_id: str) -> _Known:  # noqa: ARG001 - the arguments are the key
    return _Known()


def _matching(known: _Known, identity: str, evaluation: str, *, model: bool) -> Found | None:
    return next((one for one in known.runs.get(identity, []) if one.matches(evaluation, model=model)), None)


class MlflowTracker:
    """Runs in an MLflow store: find finished ones, log new ones."""

    def __init__(self, config: TrackingConfig) -> None:
        self.uri = config.uri or default_uri()
        self.experiment = config.experiment or "naba"
        self.client = client(self.uri)
        self.experiment_id = self._experiment()
        self.claims = Claims(self.client, self.experiment_id)

    @property
    def where(self) -> str:
        """The address of the store."""
        return self.uri

    def _experiment(self) -> str:
        from filelock import FileLock

        found = self.client.get_experiment_by_name(self.experiment)
        if found is None:
            lock = files.home() / "experiments.lock"
            lock.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(str(lock), timeout=STORE_TIMEOUT):
                found = self.client.get_experiment_by_name(self.experiment)
                if found is None:
                    found = self._created()
        if found.lifecycle_stage == "deleted":
            raise UserError(
                f"the MLflow experiment '{self.experiment}' was deleted",
                "restore it in the UI, or choose another name: tracking.experiment=…",
            )
        return str(found.experiment_id)

    def _created(self) -> Experiment:
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_experiment(self.experiment, self._artifacts())
        except MlflowException as error:
            # On a shared server another machine, which our lock does not hold, may have been first.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        return self.client.get_experiment_by_name(self.experiment)

    def _artifacts(self) -> str | None:
        file = sqlite_file(self.uri)
        return (file.parent / "artifacts" / self.experiment).as_uri() if file else None

    def finished(self, identity: str, evaluation: str, *, model: bool) -> Found | None:
        """The newest FINISHED run of this identity that was scored in this way (and kept its model), or None.

        A sweep asks this for each of its jobs: from the second time on, all finished runs of the experiment are
        known, and the store is asked again only for one that another process may have finished since.
        """
        known = _known(self.uri, self.experiment_id)
        known.asked += 1
        if known.asked == 2:
            known.runs = self._finished()
        return _matching(known, identity, evaluation, model=model) or self._asked(identity, evaluation, model=model)

    def _asked(self, identity: str, evaluation: str, *, model: bool) -> Found | None:
        known = _known(self.uri, self.experiment_id)
        known.runs |= self._finished(f" and tags.`naba.identity` = '{identity}'")
        return _matching(known, identity, evaluation, model=model)

    def _finished(self, condition: str = "") -> dict[str, list[Found]]:
        runs = self.client.search_runs(
            [self.experiment_id],
            filter_string=f"attributes.status = 'FINISHED'{condition}",
            order_by=["attributes.start_time DESC"],
            max_results=50_000,
        )
        found: dict[str, list[Found]] = {}
        for run in runs:
            one = Found(run.info.run_id, run.info.run_name, run.data.metrics, run.data.tags, self.uri)
            found.setdefault(run.data.tags.get("naba.identity", ""), []).append(one)
        return found

    def wait(self, identity: str) -> None:
        """Until no other process trains this identity."""
        self.claims.wait(identity)

    @contextmanager
    def run(self, name: str, settings: TrainConfig, identity: str, evaluation: str) -> Iterator[MlflowRun]:
        """A run that ends FINISHED, or FAILED with the message as the tag `naba.error`.

        Raises:
            TakenError: another process trains this identity, or has finished it meanwhile (or took it over while this
                one gave no sign of life for minutes); nothing of this run stays.
        """
        import mlflow

        tags = {
            "naba.identity": identity,
            "naba.dataset": settings.dataset.name,
            "naba.process": machine.process(),
            "mlflow.source.name": "naba train",
        }
        use(self.uri)
        self.claims.check(identity)
        begun = time.time()
        run_id = mlflow.start_run(experiment_id=self.experiment_id, run_name=name, tags=tags).info.run_id
        try:
            self._settle(run_id, settings, identity, evaluation)
            with heartbeat(self.client, run_id):
                yield MlflowRun(self.client, run_id)
        except TakenError:
            mlflow.end_run("KILLED")
            self.client.delete_run(run_id)
            raise
        except BaseException as error:
            self._end_badly(run_id, error)
            raise
        if time.time() - begun > SILENT_SECONDS / 2 and self.client.get_run(run_id).info.status != "RUNNING":
            mlflow.end_run("KILLED")
            raise TakenError("a process that saw no sign of life of this one")
        mlflow.end_run("FINISHED")
        _known(self.uri, self.experiment_id).runs.pop(identity, None)

    def _settle(self, run_id: str, settings: TrainConfig, identity: str, evaluation: str) -> None:
        self.claims.settle(identity, run_id)
        if not settings.force and self._asked(identity, evaluation, model=settings.tracking.log_model):
            raise TakenError("a process that has just finished it")

    def _end_badly(self, run_id: str, error: BaseException) -> None:
        """End a run as FAILED or KILLED; a store that is busy or gone must not hide what went wrong."""
        import mlflow
        from mlflow.exceptions import MlflowException

        message = error.message if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
        try:
            self.client.set_tag(run_id, "naba.error", message[:PARAM_LIMIT])
        except MlflowException as failure:
            console.note(f"the run's error could not be recorded: {failure.message}")
        try:
            mlflow.end_run(status)
        except MlflowException as failure:
            console.note(f"the run could not be ended: {failure.message}")


class MlflowRun:
    """One active run: performs log items."""

    def __init__(self, client_: MlflowClient, run_id: str) -> None:
        self.client = client_
        self.id = run_id

    def log(self, items: Sequence[report.Item]) -> None:
        """Write all items: params, tags and metrics in as few batches as MLflow takes, files in one copy."""
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.utils.time import get_current_time_millis

        now = get_current_time_millis()
        metrics = [Metric(i.name, float(i.value), now, i.step) for i in items if isinstance(i, report.Metric)]
        params = [Param(i.name, i.value[:PARAM_LIMIT]) for i in items if isinstance(i, report.Param)]
        tags = [RunTag(i.name, i.value[:PARAM_LIMIT]) for i in items if isinstance(i, report.Tag)]
        for start in range(0, max(len(params), len(tags)), PARAMS_A_BATCH):
            window = slice(start, start + PARAMS_A_BATCH)
            self.client.log_batch(self.id, params=params[window], tags=tags[window])
        for start in range(0, len(metrics), METRICS_A_BATCH):
            self.client.log_batch(self.id, metrics=metrics[start : start + METRICS_A_BATCH])
        for item in items:
            if isinstance(item, report.Input):
                self._log_input(item)
            elif isinstance(item, report.Table):
                # pandas 3 has a type of its own for text, about which MLflow's table code draws warnings.
                text = {name: object for name in item.frame.columns if item.frame[name].dtype.kind not in "biuf"}
                self.client.log_table(self.id, item.frame.astype(text), item.path)
            elif isinstance(item, report.Model):
                try:
                    self._log_model(item)
                except UserError as error:
                    # Hours of training are not thrown away because a model has no safe form on disk.
                    console.note(f"the model is not kept: {error.message}")
                    self.client.set_tag(self.id, "naba.model_kept", "false")
        with tempfile.TemporaryDirectory() as folder:
            write_files([i for i in items if isinstance(i, (report.Text, report.Figure, report.File))], Path(folder))
            self.client.log_artifacts(self.id, folder)

    def _log_input(self, item: report.Input) -> None:
        import json

        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = item.dataset
        profile = {"num_rows": len(dataset.table), **{split: len(dataset.indices(split)) for split in _splits(dataset)}}
        columns = [{"type": "string", "name": name, "required": True} for name in dataset.table.column_names]
        described = Dataset(
            name=dataset.name,
            digest=dataset.fingerprint[:16],
            source_type="naba",
            source=json.dumps({"homepage": dataset.homepage, "licence": dataset.licence}),
            schema=json.dumps({"mlflow_colspec": columns}),
            profile=json.dumps(profile),
        )
        tags = [InputTag("mlflow.data.context", item.role)]
        self.client.log_inputs(self.id, [DatasetInput(described, tags)])

    def _log_model(self, item: report.Model) -> None:
        import mlflow

        from naba.classifier import folder as directory

        with tempfile.TemporaryDirectory() as folder, without_advice():
            classifier = Path(folder) / "classifier"
            size = directory.save(item.model, classifier, item.description)
            mlflow.pyfunc.log_model(
                name="model",
                metadata={"naba.identity": item.description["identity"], "task": item.description["task"]},
                **model_arguments(classifier, item.description),
            )
        self.client.log_metric(self.id, "size/model_bytes", size)


def _splits(dataset: Any) -> list[str]:
    return [split for split in ("train", "validation", "test") if len(dataset.indices(split))]


# --- reading back -------------------------------------------------------------------------------------------------


def search(uri: str | None, filters: Mapping[str, str], finished: bool = True) -> list[Run]:
    """All naba runs whose tags `naba.<name>` have these values, newest first."""
    odd = [value for value in filters.values() if "'" in value or '"' in value]
    if odd:
        raise UserError(f"a filter cannot hold quotes: {odd[0]}")
    store = client(uri or default_uri())
    experiments = [experiment.experiment_id for experiment in store.search_experiments()]
    conditions = [f"tags.`naba.{name}` = '{value}'" for name, value in filters.items()]
    if finished:
        conditions.append("attributes.status = 'FINISHED'")
    found: list[Run] = []
    token = None
    while True:
        page = store.search_runs(
            experiments,
            filter_string=" and ".join(conditions),
            order_by=["attributes.start_time DESC"],
            max_results=5000,
            page_token=token,
        )
        found += [run for run in page if "naba.identity" in run.data.tags]
        token = page.token
        if not token:
            return found


def find(run: str, uri: str | None = None) -> Run:
    """The run whose id is, or begins with, `run`, or whose name is `run`.

    Raises:
        UserError: no run, or several, match; some are listed.
    """
    if re.fullmatch("[0-9a-f]{32}", run) and (whole := _by_id(run, uri)):
        return whole
    runs = search(uri, {}, finished=False)
    by_id = [found for found in runs if found.info.run_id.startswith(run)]
    matching = by_id or [found for found in runs if found.info.run_name == run]
    # Doing a run again (force=true), or failing first, leaves several of one identity: the newest finished one counts.
    ended = [found for found in matching if found.info.status == "FINISHED"]
    if len({found.data.tags["naba.identity"] for found in matching}) == 1 and len(matching) > 1 and ended:
        return ended[0]
    if len(matching) == 1:
        return matching[0]
    listed = "\n".join(f"  {r.info.run_id[:12]}  {r.info.run_name}  {r.info.status}" for r in (matching or runs)[:10])
    near = None if matching else nearest(run, [other.info.run_name for other in runs])
    what = f"{len(matching)} runs match '{run}'" if matching else f"no run '{run}'"
    what += f" (did you mean '{near}'?)" if near else ""
    raise UserError(f"{what} in {uri or default_uri()}", f"runs:\n{listed}" if listed else "there are no runs yet")


def _by_id(run: str, uri: str | None) -> Run | None:
    """The run with this whole id, without reading all others."""
    from mlflow.exceptions import MlflowException

    try:
        found = client(uri or default_uri()).get_run(run)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return found if found.info.lifecycle_stage == "active" and "naba.identity" in found.data.tags else None


def history(run: Run, metric: str, uri: str | None = None) -> list[tuple[float, float]]:
    """(step, value) of a metric that was logged more than once, in the order of the steps."""
    points = client(uri or default_uri()).get_metric_history(run.info.run_id, metric)
    return sorted((float(point.step), float(point.value)) for point in points)


def artifact(run: Run, path: str, uri: str | None = None) -> Path:
    """A file of a run, on this machine (downloaded if the store is remote)."""
    local = local_artifact(run, path)
    if local is not None:
        return local
    return Path(client(uri or default_uri()).download_artifacts(run.info.run_id, path))


def local_artifact(run: Run, path: str) -> Path | None:
    """A file of a run where the artifacts lie on this machine, without asking the store; None elsewhere."""
    address = urlparse(run.info.artifact_uri)
    if address.scheme not in {"", "file"}:
        return None
    local = Path(unquote(address.path)) / path
    return local if local.exists() else None


# --- registry -----------------------------------------------------------------------------------------------------


def registered(name: str, alias: str, uri: str | None = None) -> Run | None:
    """The run behind `models:/name@alias`, or None where nothing holds the alias."""
    from mlflow.exceptions import MlflowException

    store = client(uri or default_uri())
    try:
        version = store.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise
    return store.get_run(version.run_id)


def register(run: Run, name: str, alias: str, tags: Mapping[str, str], uri: str | None = None) -> str:
    """Register a run's model and give it an alias.

    Returns:
        The new version.
    """
    from mlflow.exceptions import MlflowException

    store = client(uri or default_uri())
    try:
        store.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    model = run.outputs.model_outputs[0].model_id
    version = store.create_model_version(
        name, f"models:/{model}", run_id=run.info.run_id, tags=dict(tags), model_id=model
    )
    store.set_registered_model_alias(name, alias, version.version)
    return str(version.version)
