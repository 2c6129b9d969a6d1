"""The MLflow model that the run logged."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from naba import __version__
from naba.classifier import folder as directory
from naba.classifier.formats import Format, example_table
from naba.tracking.run import CLASSIFIER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from naba.models.classifier import Classifier


def write(source: Path, folder: Path, int8: str) -> None:  # noqa: ARG001
    """The whole MLflow model round the classifier directory; one that cannot be loaded is refused."""
    directory.load(source)
    model = source
    for _ in CLASSIFIER.parts:
        model = model.parent
    shutil.copytree(model, folder)


def load(folder: Path, description: Mapping[str, Any]) -> Classifier:  # noqa: ARG001
    """The classifier inside."""
    return directory.load(folder)[0]


def predict(folder: Path) -> Callable[[Any], Any]:
    """Asked as any user of MLflow asks it."""
    from naba.tracking import models

    return models.predictor(folder)


def card(description: Mapping[str, Any]) -> list[str]:
    """See `Format`."""
    return [
        "```python",
        "import mlflow",
        "import pandas as pd",
        "",
        'model = mlflow.pyfunc.load_model("FOLDER")  # MLflow runs the Python file in the folder',
        f"model.predict(pd.DataFrame({example_table(description)}))",
        "```",
        "",
        "or `naba predict FOLDER news.csv`, which loads the classifier inside and runs no code from the files.",
        "",
        f"Both need naba {__version__}, which is on no package index: `python -m build --wheel` in its repository "
        "makes a wheel, and `pip install naba-*.whl` installs it. `pip install -r FOLDER/requirements.txt` then brings "
        "the versions of the libraries with which the model was made.",
    ]


FORMAT = Format(
    "mlflow",
    "the MLflow model the run logged, for mlflow models serve, spark_udf and the like",
    True,
    write,
    load,
    card,
    inside=str(CLASSIFIER),
    predict=predict,
)
