"""Trained models in the MLflow store: the run a name stands for, and its files on this machine. Part of the door."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from naba import files, tracking
from naba.errors import UserError
from naba.tracking.pyfunc import model_arguments, without_advice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow.entities import Run

CLASSIFIER = Path("artifacts") / "classifier"
"""Where the classifier directory lies in a logged MLflow model."""


def find_trained(name: str, uri: str | None = None) -> Run:
    """The run that `name` stands for: an id, the beginning of one, a run's name, or `models:/stance@champion`.

    Raises:
        UserError: there is none, or several, or it has no model.
    """
    run = _by_alias(name, uri) if name.startswith("models:/") else tracking.find(name, uri)
    if run.info.status != "FINISHED" or not has_model(run):
        raise UserError(
            f"run '{run.info.run_name}' ({run.info.status}) has no model",
            "it failed, was trained with tracking.log_model=false, or holds an outside system's predictions",
        )
    return run


def _by_alias(name: str, uri: str | None) -> Run:
    model, at, alias = name.removeprefix("models:/").partition("@")
    if not at or not model or not alias:
        raise UserError(f"'{name}': expected models:/NAME@ALIAS, such as models:/stance@champion")
    run = tracking.registered(model, alias, uri)
    if run is None:
        names = sorted(
            found.name for found in tracking.client(uri or tracking.default_uri()).search_registered_models()
        )
        raise UserError(
            f"nothing is registered as '{name}' (registered: {', '.join(names) or 'none'})",
            "naba promote RUN puts a run there",
        )
    return run


def has_model(run: Run) -> bool:
    """Did the run keep its model?"""
    return bool(run.outputs and run.outputs.model_outputs) and "size/model_bytes" in run.data.metrics


def mlflow_model_folder(run: Run, uri: str | None = None) -> Path:
    """The MLflow model a run logged, as a folder on this machine; downloaded once if its artifacts are elsewhere."""
    store = tracking.client(uri or tracking.default_uri())
    model = run.outputs.model_outputs[0].model_id
    address = urlparse(store.get_logged_model(model).artifact_location)
    if address.scheme in {"", "file"}:
        folder = Path(unquote(address.path))
        if not (folder / "MLmodel").is_file():
            raise UserError(f"the model of run '{run.info.run_name}' is not at {folder}", "were the artifacts removed?")
        return folder
    return _downloaded(model, uri or tracking.default_uri())


def _downloaded(model: str, uri: str) -> Path:
    import mlflow

    kept = files.cache() / "models" / model
    if kept.is_dir():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{model}", dst_path=folder, tracking_uri=uri)
        if not kept.is_dir():
            Path(folder).rename(kept)
            Path(folder).mkdir()  # TemporaryDirectory removes it again.
    return kept


def save_mlflow_folder(classifier: Path, description: Mapping[str, Any], folder: Path) -> None:
    """A classifier directory as an MLflow model in a new folder, such as a run logs; the classifier is copied."""
    import mlflow

    with without_advice():
        mlflow.pyfunc.save_model(path=str(folder), **model_arguments(classifier, description))


def spark_function(spark: Any, folder: Path, columns: Mapping[str, str]) -> Any:
    """The MLflow model in `folder` as a Spark function of one struct with the columns the classifier reads.

    Args:
        columns: output column -> Spark type.
    """
    import mlflow

    fields = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return mlflow.pyfunc.spark_udf(spark, str(folder), result_type=f"struct<{fields}>", env_manager="local")
