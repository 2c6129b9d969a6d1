"""A tracked run as everything outside this package sees it: typed values, and the files it left."""

from __future__ import annotations

import json
import logging
import math
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from naba import files
from naba.errors import UserError
from naba.tracking.facts import Facts, scores_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from naba.data.dataset import Dataset
    from naba.evaluation.bootstrap import Score
    from naba.evaluation.predictions import Predictions
    from naba.tracking.facts import Item
    from naba.tracking.store import Record, Store

logger = logging.getLogger(__name__)

CLASSIFIER = Path("artifacts") / "classifier"
"""Where the classifier folder lies in a logged MLflow model."""
DIGEST = "sha256."
"""Beginning of the tags that hold the SHA-256 of a run's files: `sha256.predictions/test.parquet`."""


class Run:
    """One run of a store.

    Attributes:
        id, name, status: as MLflow has them; a run that is done is `FINISHED`.
        facts: what the run is; see `Facts`.
        tags, params, metrics: as tracked, for what `facts` and `scores` do not hold.
    """

    def __init__(self, store: Store, record: Record) -> None:
        self.store = store
        self.record = record
        self.id = record.id
        self.name = record.name
        self.status = record.status
        self.tags = record.tags
        self.params = record.params
        self.metrics = record.metrics
        self._downloaded: dict[str, Path] = {}
        self._verified: set[str] = set()

    def __repr__(self) -> str:
        return f"Run({self.id[:12]} {self.name!r} {self.status})"

    def _repr_html_(self) -> str:
        from html import escape

        from naba.evaluation.tables import Table, html, number

        scores = [(section, score) for section in self.sections for score in self.scores(section).values()]
        lines = [
            [section, one.name, number(one.value), f"{number(one.low)} – {number(one.high)}", str(one.n)]
            for section, one in scores
        ]
        title = f"{self.name} · {self.id[:12]} · {self.status}"
        notes = [note for note in (self.error, self.command) if note]
        head = ["rows of", "metric", "value", f"{100 * self.facts.scoring.confidence:g} % interval", "rows"]
        primary = [line for line, (name, one) in zip(lines, scores, strict=True)
                   if one.name == self.facts.primary.get(name)]  # fmt: skip
        shown = html(Table(title, head, primary, notes, (2, 3, 4)))
        rest = html(Table("all metrics", head, lines, (), (2, 3, 4)))
        return f"{shown}<details><summary>{escape(f'{len(lines)} scores')}</summary>{rest}</details>"

    @cached_property
    def facts(self) -> Facts:
        """What the run is."""
        return Facts.from_tags(self.tags)

    @property
    def finished(self) -> bool:
        """Is it done, without an error?"""
        return self.status == "FINISHED"

    @property
    def begun(self) -> datetime:
        """When it was started, in this machine's time zone."""
        return datetime.fromtimestamp(self.record.begun / 1000).astimezone()

    @property
    def sections(self) -> tuple[str, ...]:
        """What the run was scored on."""
        return self.facts.sections

    @property
    def command(self) -> str:
        """The command that does the run again; "" where it is not known."""
        if self.facts.command:
            return self.facts.command
        # Version 0.1 kept it in the run's page only.
        page = self.tags.get("mlflow.note.content", "").splitlines()
        return next((line.strip() for line in page if line.startswith("    naba ")), "")

    @property
    def error(self) -> str:
        """Why the run failed."""
        return self.tags.get("naba.error", "")

    def scores(self, section: str) -> dict[str, Score]:
        """Metric -> score of a section."""
        return scores_of(self.metrics, section)

    def primary(self, section: str) -> Score | None:
        """The score of a section's primary metric."""
        return self.scores(section).get(self.facts.primary.get(section, ""))

    def number(self, name: str) -> float:
        """A tracked number beside the scores, such as `time/fit_seconds`; nan where there is none."""
        return self.metrics.get(name, math.nan)

    def history(self, metric: str) -> list[tuple[float, float]]:
        """(step, value) of a metric that was logged more than once, in the order of the steps."""
        points = self.store.client.get_metric_history(self.id, metric)
        return sorted((float(point.step), float(point.value)) for point in points)

    # --- files ----------------------------------------------------------------------------------------------------

    @property
    def place(self) -> str:
        """The address of the run's files."""
        return self.record.place

    @cached_property
    def _folder(self) -> Path | None:
        return local_folder(self.place)

    def file(self, path: str) -> Path:
        """A file of the run, on this machine (downloaded if the store is remote).

        Raises:
            UserError: the run has no such file.
        """
        if self._folder is not None:
            file = self._folder / path
            if not file.exists():
                raise UserError(f"run '{self.name}' ({self.id[:12]}) has no file {path} in {self._folder}")
            return file
        from mlflow.exceptions import MlflowException

        if path not in self._downloaded:
            try:
                self._downloaded[path] = Path(self.store.client.download_artifacts(self.id, path))
            except (MlflowException, OSError) as error:
                raise UserError(f"run '{self.name}' ({self.id[:12]}): {path} cannot be had: {error}") from error
        return self._downloaded[path]

    def has_file(self, path: str) -> bool:
        """Did the run leave this file? Only names are looked at."""
        if self._folder is not None:
            return (self._folder / path).is_file()
        parent = path.rpartition("/")[0]
        return path in {entry.path for entry in self.store.client.list_artifacts(self.id, parent or None)}

    def add(self, items: Sequence[Item]) -> None:
        """Write something more into a run that is done; files of the same name are replaced."""
        from naba.tracking.mlflow import ActiveRun

        ActiveRun(self.store.client, self.id, self.name).log(items)
        self._downloaded.clear()
        self._verified.clear()

    def has_predictions(self) -> bool:
        """Are the predictions of all its sections there? Only their names are looked at."""
        if self._folder is not None:
            return all((self._folder / predictions_path(section)).is_file() for section in self.sections)
        listed = {entry.path for entry in self.store.client.list_artifacts(self.id, "predictions")}
        return {predictions_path(section) for section in self.sections} <= listed

    def predictions_file(self, section: str) -> Path:
        """The file with what the run answered on a section, as the run wrote it.

        Raises:
            UserError: the file is not there, or is not the one that the run wrote.
        """
        path = predictions_path(section)
        file = self.file(path)
        expected = self.tags.get(DIGEST + path)
        if expected is not None and path not in self._verified and files.sha256(file) != expected:
            raise UserError(
                f"{file} of run '{self.name}' ({self.id[:12]}) is damaged: its SHA-256 is not the one the run kept",
                "the run's own command with force=true makes another",
            )
        self._verified.add(path)
        return file

    def predictions(self, section: str = "test") -> Predictions:
        """What the run answered on one of its sections.

        Raises:
            UserError: the file is not there, cannot be read, or is not the one that the run wrote.
        """
        from naba.evaluation.predictions import Predictions

        return Predictions.from_parquet(self.predictions_file(section))

    def table(self, name: str) -> pd.DataFrame | None:
        """A table that the run kept, such as `test_confusion`; None where it kept none."""
        import pandas as pd

        try:
            content = json.loads(self.file(f"tables/{name}.json").read_text(encoding="utf-8"))
            return pd.DataFrame(content["data"], columns=content["columns"], dtype=object)
        except UserError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("the table %s of run '%s' (%s) cannot be read: %s", name, self.name, self.id[:12], error)
            return None

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, as plain dicts.

        Raises:
            UserError: the file is not there, or cannot be read.
        """
        import yaml

        file = self.file("config.yaml")
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            parts = {name: dict(content[name]) for name in ("dataset", "model")}
        except (ValueError, yaml.YAMLError, TypeError, KeyError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{file} of run '{self.name}' ({self.id[:12]}) cannot be read: {reason}") from error
        return {**content, **parts}

    # --- data -----------------------------------------------------------------------------------------------------

    def dataset(self, section: str = "test") -> Dataset:
        """The data set whose rows a section holds, loaded as the run's own configuration says.

        Raises:
            UserError: its files cannot be had, or are no longer those the run used.
        """
        from naba.config.schema import DataConfig, DatasetConfig, adapter
        from naba.data.dataset import load

        trained = load(adapter(DatasetConfig).validate_python(self.config["dataset"]), DataConfig())
        if trained.fingerprint != self.facts.fingerprint:
            raise UserError(
                f"data set '{trained.name}' is not what run '{self.name}' used: its fingerprint is "
                f"{trained.fingerprint[:12]}, the run's {self.facts.fingerprint[:12]}"
            )
        return section_dataset(trained, section)

    def rows(self, section: str = "test", predictions: Predictions | None = None) -> pd.DataFrame:
        """Ids, texts, targets and slice columns of a section's rows, in the order of its predictions.

        Args:
            predictions: those of the section, where they have been read already.
        """
        import numpy as np
        import pandas as pd

        dataset = self.dataset(section)
        wanted = (self.predictions(section) if predictions is None else predictions).ids
        position = {name: row for row, name in enumerate(dataset.column_values("id"))}
        indices = np.array([position[name] for name in wanted], dtype=np.int64)
        columns = ("id", "text", "target", *dataset.slices)
        return pd.DataFrame({name: pd.Series(dataset.column(name, indices), dtype=object) for name in columns})

    # --- the model ------------------------------------------------------------------------------------------------

    @property
    def has_model(self) -> bool:
        """Did the run keep its model?"""
        return bool(self.record.models) and "size/model_bytes" in self.metrics

    @property
    def model_id(self) -> str:
        """MLflow's name of the kept model."""
        return self.record.models[0]

    def lost_its_model(self) -> bool:
        """Are the files of the kept model gone from this machine? Only names are looked at."""
        folder = local_folder(self.place)
        if not self.has_model or folder is None:
            return False
        if (folder.parents[1] / "models" / self.model_id / "artifacts" / "MLmodel").is_file():
            return False  # where MLflow puts it beside the run's own files
        address = local_folder(self.store.client.get_logged_model(self.model_id).artifact_location)
        return address is not None and not (address / "MLmodel").is_file()

    def model_folder(self) -> Path:
        """The kept MLflow model as a folder on this machine; downloaded once if the artifacts are elsewhere."""
        if not self.has_model:
            reason = (
                self.facts.why_not_kept or "it was trained with tracking.log_model=false, or is an outside system's"
            )
            raise UserError(f"run '{self.name}' has no model: {reason}")
        address = self.store.client.get_logged_model(self.model_id).artifact_location
        folder = local_folder(address)
        if folder is None:
            return self.store.downloaded_model(self.model_id)
        if not (folder / "MLmodel").is_file():
            raise UserError(f"the model of run '{self.name}' is not at {folder}", "were the artifacts removed?")
        return folder

    def classifier_folder(self) -> Path:
        """The kept classifier as a folder on this machine."""
        return self.model_folder() / CLASSIFIER


def predictions_path(section: str) -> str:
    """Where a run keeps the predictions of a section."""
    return f"predictions/{section}.parquet"


def section_dataset(trained: Dataset, section: str) -> Dataset:
    """The data set of a section of a run that was trained on `trained`."""
    from naba.data.dataset import load_named

    return trained if section in {"test", "validation"} else load_named(section)


def local_folder(address: str) -> Path | None:
    """A folder of this machine that an address names; None for one elsewhere."""
    parts = urlparse(address)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme else Path(address)
