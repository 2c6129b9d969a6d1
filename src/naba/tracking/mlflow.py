"""Runs in an MLflow store: finished ones are found, new ones written."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files, machine
from naba.errors import UserError, hidden
from naba.tracking import items as item_types
from naba.tracking.claims import SILENT_SECONDS, Claims, TakenError, heartbeat
from naba.tracking.database import STORE_TIMEOUT, sqlite_file, use
from naba.tracking.items import Input, Item, Metric, Model, Param, Table, Tag
from naba.tracking.pyfunc import model_arguments, without_advice
from naba.tracking.run import DIGEST, Run
from naba.tracking.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlflow import MlflowClient
    from mlflow.entities import Experiment

    from naba.config.schema import TrackingConfig
    from naba.tracking.facts import Wanted

PARAM_LIMIT = 6000
PARAMS_A_BATCH = 100
METRICS_A_BATCH = 1000

logger = logging.getLogger(__name__)


class _Known:
    """Finished runs of one experiment that this process has read already."""

    def __init__(self) -> None:
        self.asked = 0
        self.runs: dict[str, list[Run]] = {}

    def matching(self, wanted: Wanted) -> Run | None:
        """The newest run that is what is wanted, and whose predictions are there."""
        runs = self.runs.get(wanted.identity, [])
        return next((run for run in runs if wanted.served_by(run.facts) and run.has_predictions()), None)


@cache
def _known(uri: str, experiment_id: str) -> _Known:  # noqa: ARG001 - the arguments are the key
    return _Known()


class MlflowTracker:
    """Runs in an MLflow store: find finished ones, log new ones."""

    def __init__(self, config: TrackingConfig) -> None:
        self.store = Store(config.uri)
        self.experiment = config.experiment or "naba"
        self.client = self.store.client
        self.experiment_id = self._experiment()
        self.claims = Claims(self.client, self.experiment_id)

    @property
    def where(self) -> str:
        """The address of the store, without a password."""
        return str(self.store)

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
        file = sqlite_file(self.store.uri)
        return (file.parent / "artifacts" / self.experiment).as_uri() if file else None

    def finished(self, wanted: Wanted) -> Run | None:
        """The newest finished run that is what is wanted, or None.

        A sweep asks this for each of its jobs: from the second time on, all finished runs of the experiment are
        known, and the store is asked again only for one that another process may have finished since.
        """
        known = _known(self.store.uri, self.experiment_id)
        known.asked += 1
        if known.asked == 2:
            known.runs = self._finished()
        return known.matching(wanted) or self._asked(wanted)

    def extendable(self, wanted: Wanted) -> Run | None:
        """The newest finished run that lacks nothing but scores on further data sets, which its kept model can give."""
        runs = _known(self.store.uri, self.experiment_id).runs.get(wanted.identity, [])
        return next((run for run in runs if run.has_model and run.facts.scoring.missing(wanted.facts.scoring)), None)

    def forget(self, identity: str) -> None:
        """Read the runs of an identity again when they are next asked for: one of them was changed."""
        _known(self.store.uri, self.experiment_id).runs.pop(identity, None)

    def _asked(self, wanted: Wanted) -> Run | None:
        known = _known(self.store.uri, self.experiment_id)
        known.runs |= self._finished(f" and tags.`naba.identity` = '{wanted.identity}'")
        return known.matching(wanted)

    def _finished(self, condition: str = "") -> dict[str, list[Run]]:
        entities = self.client.search_runs(
            [self.experiment_id],
            filter_string=f"attributes.status = 'FINISHED'{condition}",
            order_by=["attributes.start_time DESC"],
            max_results=50_000,
        )
        found: dict[str, list[Run]] = {}
        for entity in entities:
            run = Run(self.store, entity)
            found.setdefault(run.facts.identity, []).append(run)
        return found

    def wait(self, identity: str) -> None:
        """Until no other process trains this identity."""
        self.claims.wait(identity)

    @contextmanager
    def run(self, wanted: Wanted) -> Iterator[ActiveRun]:
        """A run that ends FINISHED, or FAILED with the message as the tag `naba.error`.

        Raises:
            TakenError: another process trains this identity, or has finished it meanwhile (or took it over while this
                one gave no sign of life for minutes); nothing of this run stays.
        """
        import mlflow

        tags = {
            "naba.identity": wanted.identity,
            "naba.dataset": wanted.facts.dataset,
            "naba.process": machine.process(),
            "mlflow.source.name": "naba train",
        }
        use(self.store.uri)
        self.claims.check(wanted.identity)
        begun = time.time()
        run_id = mlflow.start_run(experiment_id=self.experiment_id, run_name=wanted.name, tags=tags).info.run_id
        try:
            self._settle(run_id, wanted)
            with heartbeat(self.client, run_id):
                yield ActiveRun(self.client, run_id, wanted.name)
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
        _known(self.store.uri, self.experiment_id).runs.pop(wanted.identity, None)

    def _settle(self, run_id: str, wanted: Wanted) -> None:
        self.claims.settle(wanted.identity, run_id)
        if not wanted.force and self._asked(wanted):
            raise TakenError("a process that has just finished it")

    def _end_badly(self, run_id: str, error: BaseException) -> None:
        """End a run as FAILED or KILLED; a store that is busy or gone must not hide what went wrong."""
        import mlflow
        from mlflow.exceptions import MlflowException

        message = error.message if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        status = "KILLED" if isinstance(error, (KeyboardInterrupt, SystemExit)) else "FAILED"
        try:
            self.client.set_tag(run_id, "naba.error", hidden(message)[:PARAM_LIMIT])
        except MlflowException as failure:
            logger.warning("the run's error could not be recorded: %s", failure.message)
        try:
            mlflow.end_run(status)
        except MlflowException as failure:
            logger.warning("the run could not be ended: %s", failure.message)


class ActiveRun:
    """One run being written: performs log items."""

    def __init__(self, client: MlflowClient, run_id: str, name: str) -> None:
        self.client = client
        self.id = run_id
        self.name = name

    def log(self, items: Sequence[Item]) -> None:
        """Write all items: params, tags and metrics in as few batches as MLflow takes, files in one copy."""
        item_types.check_known(items)
        with tempfile.TemporaryDirectory() as folder:
            digests = item_types.write_files(items, Path(folder))
            self._log_values([*items, *(Tag(DIGEST + path, digest) for path, digest in digests.items())])
            self.client.log_artifacts(self.id, folder)
        for item in items:
            if isinstance(item, Input):
                self._log_input(item)
            elif isinstance(item, Table):
                # pandas 3 has a type of its own for text, about which MLflow's table code draws warnings.
                text = {name: object for name in item.frame.columns if item.frame[name].dtype.kind not in "biuf"}
                self.client.log_table(self.id, item.frame.astype(text), item.path)
            elif isinstance(item, Model):
                try:
                    self._log_model(item)
                except UserError as error:
                    # Hours of training are not thrown away because of what only the fitted model showed.
                    logger.warning("the model is not kept: %s", error.message)
                    self.client.set_tag(self.id, "naba.model_kept", f"no: {error.message}"[:PARAM_LIMIT])

    def _log_values(self, items: Sequence[Item]) -> None:
        from mlflow import entities
        from mlflow.utils.time import get_current_time_millis

        now = get_current_time_millis()
        metrics = [entities.Metric(i.name, float(i.value), now, i.step) for i in items if isinstance(i, Metric)]
        params = [entities.Param(i.name, i.value[:PARAM_LIMIT]) for i in items if isinstance(i, Param)]
        tags = [entities.RunTag(i.name, i.value[:PARAM_LIMIT]) for i in items if isinstance(i, Tag)]
        for start in range(0, max(len(params), len(tags)), PARAMS_A_BATCH):
            window = slice(start, start + PARAMS_A_BATCH)
            self.client.log_batch(self.id, params=params[window], tags=tags[window])
        for start in range(0, len(metrics), METRICS_A_BATCH):
            self.client.log_batch(self.id, metrics=metrics[start : start + METRICS_A_BATCH])

    def _log_input(self, item: Input) -> None:
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

    def _log_model(self, item: Model) -> None:
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
