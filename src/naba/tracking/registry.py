"""Trained models by the names people give them: a run's id or name, or `models:/stance@champion`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naba import tracking
from naba.errors import UserError
from naba.tracking.pyfunc import model_arguments, without_advice

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlflow.models import Model

    from naba.tracking import Run, Store


def find_trained(name: str, uri: str | None = None) -> Run:
    """The run that `name` stands for: an id, the beginning of one, a run's name, or `models:/stance@champion`.

    Raises:
        UserError: there is none, or several, or it has no model.
    """
    store = tracking.Store(uri)
    run = _by_alias(name, store) if name.startswith("models:/") else store.find(name)
    if not run.finished or not run.has_model:
        raise UserError(
            f"run '{run.name}' ({run.status}) has no model",
            run.facts.why_not_kept
            or "it failed, was trained with tracking.log_model=false, or holds an outside system's predictions",
        )
    return run


def _by_alias(name: str, store: Store) -> Run:
    model, at, alias = name.removeprefix("models:/").partition("@")
    if not at or not model or not alias:
        raise UserError(f"'{name}': expected models:/NAME@ALIAS, such as models:/stance@champion")
    run = store.registered(model, alias)
    if run is None:
        raise UserError(
            f"nothing is registered as '{name}' (registered: {', '.join(store.registered_names()) or 'none'})",
            "naba promote RUN puts a run there",
        )
    return run


def save_mlflow_folder(
    classifier: Path, description: Mapping[str, Any], folder: Path, described: Model | None = None
) -> None:
    """A classifier directory as an MLflow model in a new folder; the classifier is copied.

    Args:
        described: what MLflow knows of it beside; for a model that a run logs.
    """
    import mlflow

    with without_advice():
        mlflow.pyfunc.save_model(path=str(folder), mlflow_model=described, **model_arguments(classifier, description))


def spark_function(spark: Any, folder: Path, columns: Mapping[str, str]) -> Any:
    """The MLflow model in `folder` as a Spark function of one struct with the columns the classifier reads.

    Args:
        columns: output column -> Spark type.
    """
    import mlflow

    fields = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return mlflow.pyfunc.spark_udf(spark, str(folder), result_type=f"struct<{fields}>", env_manager="local")
