"""MLflow models on disk, called as any user of MLflow would. Part of the door to MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naba.tracking_store import quiet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def predictor(folder: Path) -> Callable[[Any], Any]:
    """The `predict` of the MLflow model in a folder: a table in, a table out.

    The table is given the columns of the model's signature, and no others: MLflow warns of the rest.
    """
    quiet()
    import mlflow

    model = mlflow.pyfunc.load_model(str(folder))
    columns = model.metadata.get_input_schema().input_names()

    def predict(table: Any) -> Any:
        return model.predict(table[columns])

    return predict


def scoring_application(model: str) -> Any:
    """The application that `mlflow models serve` runs, for a model's address or folder, built as MLflow builds it."""
    from mlflow.pyfunc import scoring_server

    return scoring_server.init(scoring_server.load_model_with_mlflow_config(model))
