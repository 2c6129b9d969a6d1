"""Runs in an MLflow store: finished ones are found, new ones written."""

from __future__ import annotations

import getpass
import json
import logging
import re
import tempfile
import time
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files, machine
from naba.errors import UserError, is_interrupt, sentence
from naba.tracking import models
from naba.tracking.claims import SILENT_SECONDS, Claims, TakenError, heartbeat
from naba.tracking.database import STORE_TIMEOUT, patiently, sqlite_file, use
from naba.tracking.facts import (
    HIGH,
    LONGEST_VALUE,
    LOW,
    Input,
    Item,
    Metric,
    Model,
    Param,
    Table,
    Tag,
    check_known,
    write_files,
)
from naba.tracking.run import DIGEST, Run
from naba.tracking.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlflow import MlflowClient
    from mlflow.entities import Experiment

    from naba.config.schema import TrackingConfig
    from naba.tracking.facts import Facts, Wanted

PARAMS_A_BATCH = 100
METRICS_A_BATCH = 1000
TABLES = "mlflow.loggedArtifacts"
"""MLflow's tag with the tables of a run."""

logger = logging.getLogger(__name__)
VIEW = "naba"
"""Key of the saved view: `?viewStateShareKey=naba`."""
PRIMARY = "mlflow.experiment.primaryMetric.name"
"""The tag with the metric that MLflow's charts start with."""
_LEFT_COLUMNS = ("attributes.`Run Name`", "runDateAndNestInfo")
"""Columns that MLflow keeps at the left of its table."""


class _Known:
    """Finished runs of one experiment that this process has read already."""

    def __init__(self) -> None:
        self.asked = 0
        self.runs: dict[str, list[Run]] = {}

    def matching(self, wanted: Wanted) -> Run | None:
        """The newest run that is what is wanted, and whose predictions, and model if it is wanted, are there."""
        for run in self.runs.get(wanted.identity, []):
            if wanted.served_by(run.facts) and run.has_predictions() and not (wanted.model and run.lost_its_model()):
                return run
        return None


@cache
def _known(uri: str, experiment_id: str) -> _Known:  # noqa: ARG001 - the arguments are the key
    return _Known()


class MlflowTracker:
    """Runs in an MLflow store: find finished ones, log new ones."""

    def __init__(self, config: TrackingConfig) -> None:
        self.store = Store(config.uri)
        self.experiment = config.experiment or "naba"
        embedded = self.store.embedded
        if embedded is None or embedded.search({}, status="RUNNING", experiment=self.experiment_id):
            self.claims.end_dead(self.store.uri)

    @property
    def where(self) -> str:
        """The address of the store, without a password."""
        return str(self.store)

    @property
    def client(self) -> MlflowClient:
        """A client of the store."""
        return self.store.client

    @cached_property
    def claims(self) -> Claims:
        """Who trains what in the experiment."""
        return Claims(self.client, self.experiment_id)

    @cached_property
    def experiment_id(self) -> str:
        """The experiment of the runs, which is created first if it does not exist."""
        from filelock import FileLock

        if (embedded := self.store.embedded) is not None:
            known = embedded.experiment(self.experiment)
            if known is not None and known[1]:
                return known[0]
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
        """Where the files of the experiment's runs go; None where a server says."""
        file = sqlite_file(self.store.uri)
        if file is None and not self.store.uri.startswith("postgresql"):
            return None
        # MLflow's own choice for a database is `mlruns` in the current folder, which no other folder finds again.
        folder = files.home() if file is None else file.parent
        return (folder.resolve() / "artifacts" / self.experiment).as_uri()

    def finished(self, wanted: Wanted) -> Run | None:
        """The newest finished run that is what is wanted, or None.

        A sweep asks this for each of its jobs: from the second time on, all finished runs of the experiment are
        known, and the store is asked again only for one that another process may have finished since.
        """
        known = _known(self.store.uri, self.experiment_id)
        known.asked += 1
        if known.asked == 2:
            known.runs = self._finished({})
        return known.matching(wanted) or self._asked(wanted)

    def extendable(self, wanted: Wanted) -> Run | None:
        """The newest finished run that lacks nothing but scores on further data sets, which its kept model can give."""
        runs = _known(self.store.uri, self.experiment_id).runs.get(wanted.identity, [])
        able = (run for run in runs if run.has_model and run.facts.scoring.missing(wanted.facts.scoring))
        return next((run for run in able if not run.lost_its_model()), None)

    def forget(self, identity: str) -> None:
        """Read the runs of an identity again when they are next asked for: one of them was changed."""
        _known(self.store.uri, self.experiment_id).runs.pop(identity, None)

    def _asked(self, wanted: Wanted) -> Run | None:
        known = _known(self.store.uri, self.experiment_id)
        known.runs |= self._finished({"identity": wanted.identity})
        return known.matching(wanted)

    def _finished(self, filters: dict[str, str]) -> dict[str, list[Run]]:
        found: dict[str, list[Run]] = {}
        for run in self.store.search(filters, experiment=self.experiment_id):
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
        use(self.store.uri)
        self.claims.check(wanted.identity)
        begun = time.time()
        run_id = self._begun(wanted)
        try:
            self._settle(run_id, wanted)
            with heartbeat(self.client, run_id):
                yield ActiveRun(self.client, run_id, wanted.name)
        except TakenError:
            self.client.set_terminated(run_id, "KILLED")
            self.client.delete_run(run_id)
            raise
        except BaseException as error:
            self._end_badly(run_id, error)
            raise
        if time.time() - begun > SILENT_SECONDS / 2 and self.client.get_run(run_id).info.status != "RUNNING":
            raise TakenError("a process that saw no sign of life of this one")
        self.client.set_terminated(run_id, "FINISHED")
        _describe(self.client, self.experiment_id, wanted.facts)
        _known(self.store.uri, self.experiment_id).runs.pop(wanted.identity, None)

    def _begun(self, wanted: Wanted) -> str:
        """The id of a new run."""
        facts = wanted.facts
        tags = {
            "naba.identity": wanted.identity,
            "naba.dataset": facts.dataset,
            "naba.process": machine.process(),
            "mlflow.user": getpass.getuser(),
            "mlflow.source.name": "naba train",
            "mlflow.source.type": "LOCAL",
        } | ({"mlflow.source.git.commit": facts.revision} if facts.revision != "none" else {})
        own = f"tags.`naba.identity` = '{wanted.identity}' and tags.`naba.process` = '{machine.process()}'"
        again = False

        def begin() -> str:
            nonlocal again
            # A store that went away while it answered may have made the run: two would wait for each other.
            made = self._running(own) if again else []
            again = True
            return (
                made[0]
                if made
                else self.store.impatient.create_run(self.experiment_id, None, tags, wanted.name).info.run_id
            )

        return patiently(begin, self.where)

    def _running(self, condition: str) -> list[str]:
        runs = self.store.impatient.search_runs(
            [self.experiment_id], filter_string=f"attributes.status = 'RUNNING' and {condition}"
        )
        return [run.info.run_id for run in runs]

    def _settle(self, run_id: str, wanted: Wanted) -> None:
        self.claims.settle(wanted.identity, run_id)
        if not wanted.force and self._asked(wanted):
            raise TakenError("a process that has just finished it")

    def _end_badly(self, run_id: str, error: BaseException) -> None:
        """End a run as FAILED or KILLED; a store that is busy or gone must not hide what went wrong."""
        from mlflow.exceptions import MlflowException

        message = sentence(error)
        status = "KILLED" if is_interrupt(error) or isinstance(error, SystemExit) else "FAILED"
        try:
            self.client.set_tag(run_id, "naba.error", message[:LONGEST_VALUE])
            self.client.set_terminated(run_id, status)
        except (MlflowException, UserError) as failure:
            # Whoever trains this next finds that this process has ended, and ends the run.
            logger.warning("the run could not be ended: %s", sentence(failure))


class ActiveRun:
    """One run being written: performs log items."""

    def __init__(self, client: Any, run_id: str, name: str) -> None:
        self.client = client
        self.id = run_id
        self.name = name
        self.metrics: list[Metric] = []
        self.began = int(time.time() * 1000)

    def log(self, items: Sequence[Item]) -> None:
        """Write all items: params, tags and metrics in as few batches as MLflow takes, files in one copy."""
        check_known(items)
        with tempfile.TemporaryDirectory() as folder:
            digests = write_files(items, Path(folder))
            tags = [Tag(DIGEST + path, digest) for path, digest in digests.items()]
            tags += self._write_tables([item for item in items if isinstance(item, Table)], Path(folder))
            self._log_values([*items, *tags])
            self.client.log_artifacts(self.id, folder)
        for item in items:
            if isinstance(item, Input):
                self._log_input(item)
            elif isinstance(item, Model):
                try:
                    self._log_model(item)
                except UserError as error:
                    # Hours of training are not thrown away because of what only the fitted model showed.
                    logger.warning("the model is not kept: %s", error.message)
                    self.client.set_tag(self.id, "naba.model_kept", f"no: {error.message}"[:LONGEST_VALUE])

    def _write_tables(self, tables: Sequence[Table], folder: Path) -> list[Tag]:
        """Write tables below a folder, as MLflow's `log_table`, which asks the store four times for each of them.

        Returns:
            The tag by which MLflow's UI finds the tables of a run.
        """
        if not tables:
            return []
        listed = json.loads(self.client.get_run(self.id).data.tags.get(TABLES, "[]"))
        for item in tables:
            path = folder / item.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with files.writing(path):
                item.frame.to_json(path, orient="split", index=False, date_format="iso")
            entry = {"path": item.path, "type": "table"}
            listed += [entry] if entry not in listed else []
        return [Tag(TABLES, json.dumps(listed))]

    def _log_values(self, items: Sequence[Item]) -> None:
        from mlflow import entities

        params = [entities.Param(i.name, i.value[:LONGEST_VALUE]) for i in items if isinstance(i, Param)]
        tags = [entities.RunTag(i.name, i.value[:LONGEST_VALUE]) for i in items if isinstance(i, Tag)]
        for start in range(0, max(len(params), len(tags)), PARAMS_A_BATCH):
            window = slice(start, start + PARAMS_A_BATCH)
            self.client.log_batch(self.id, params=params[window], tags=tags[window])
        metrics = [i for i in items if isinstance(i, Metric)]
        self._log_metrics(metrics)
        self.metrics += metrics

    def _log_metrics(self, items: Sequence[Metric], model: str | None = None) -> None:
        """Numbers of the run, or those of its model, which stand with it in the list of models."""
        from mlflow import entities

        metrics = [entities.Metric(i.name, float(i.value), self.began, i.step, model_id=model) for i in items]
        for start in range(0, len(metrics), METRICS_A_BATCH):
            self.client.log_batch(self.id, metrics=metrics[start : start + METRICS_A_BATCH])

    def _log_input(self, item: Input) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = item.dataset
        profile = {"num_rows": len(dataset), **{split: len(dataset.indices(split)) for split in _splits(dataset)}}
        columns = [{"type": "string", "name": name, "required": True} for name in dataset.columns]
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
        from mlflow import entities
        from mlflow.models import Model as Description

        from naba.classifier import folder as directory

        with tempfile.TemporaryDirectory() as folder:
            classifier, written = Path(folder) / "classifier", Path(folder) / "model"
            size = directory.save(item.model, classifier, item.description)
            experiment = self.client.get_run(self.id).info.experiment_id
            logged = self.client.create_logged_model(experiment, model_name(self.name), self.id)
            metadata = {"naba.identity": item.description["identity"], "task": item.description["task"]}
            described = Description(
                logged.artifact_location,
                self.id,
                model_uuid=logged.model_id,
                model_id=logged.model_id,
                metadata=metadata,
            )
            models.save_mlflow_folder(classifier, item.description, written, described)
            self.client.log_model_artifacts(logged.model_id, str(written))
        models.share_weights(logged.artifact_location)
        self.client.finalize_logged_model(logged.model_id, "READY")
        self.client.log_outputs(self.id, [entities.LoggedModelOutput(logged.model_id, 0)])
        self._log_values([Metric("size/model_bytes", size)])
        scores = [one for one in self.metrics if not one.name.startswith(("interval/", "epoch/"))]
        self._log_metrics(scores, logged.model_id)


def model_name(run: str) -> str:
    """A run's name as that of its model, in which MLflow takes no `/ : . % " '`."""
    return re.sub(r"[/:.%\"']+", "_", run)


def _splits(dataset: Any) -> list[str]:
    return [split for split in ("train", "validation", "test") if len(dataset.indices(split))]


def experiment_tags(facts: Facts) -> dict[str, str]:
    """What MLflow's UI shows of an experiment whose runs are like the one with these facts.

    A description, and a view with the columns that matter, sorted. A saved view is a tag of the experiment: MLflow's
    "Share" button makes the same, with a key that is a digest.
    """
    section = "test" if "test" in facts.primary or not facts.primary else next(iter(facts.primary))
    name = f"{section}/{facts.primary.get(section, facts.primary_metric)}"
    columns = [
        f"metrics.`{name}`", f"metrics.`{LOW}{name}`", f"metrics.`{HIGH}{name}`",
        "params.`model`", "params.`seed`", "params.`dataset`", "params.`split`", "metrics.`time/fit_seconds`",
    ]  # fmt: skip
    view = {
        "searchFilter": "", "orderByKey": f"metrics.`{name}`", "orderByAsc": False,
        "startTime": "ALL", "lifecycleFilter": "Active", "datasetsFilter": [], "modelVersionFilter": "All Runs",
        # Charts open on the numbers of rows otherwise: MLflow sorts their sections by name.
        "chartsSearchFilter": f"^{name}",
        "selectedColumns": columns,
        # Without an order MLflow shows them as it lists them: metrics by their names, then parameters by theirs.
        "columnOrder": [*_LEFT_COLUMNS, *columns], "columnWidths": {},
    }  # fmt: skip
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": _experiment_note(facts, name),
        PRIMARY: name,
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view),
    }


def _experiment_note(facts: Facts, name: str) -> str:
    labelled = facts.label_source.replace("_", " ") or "unknown"
    return (
        f"Runs of `naba train` on `{facts.dataset}` (task: {facts.task}; labelled by: {labelled}).\n\n"
        f"Judge them by `{name}`, whose 95 % interval stands under `{LOW}{name}` and `{HIGH}{name}`, "
        f"unless a run says another coverage. Whether two runs differ, `naba compare dataset={facts.dataset}` tells: "
        "a paired test on the same rows."
    )


def _describe(client: MlflowClient, experiment: str, facts: Facts) -> None:
    """Give an experiment what it has not been given yet; what a person has written stays."""
    there: Mapping[str, str] = client.get_experiment(experiment).tags
    for name, value in experiment_tags(facts).items():
        if name not in there:
            client.set_experiment_tag(experiment, name, value)
