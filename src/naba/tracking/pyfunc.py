"""MLflow models on disk, called as any user of MLflow would. Part of the door to MLflow."""

from __future__ import annotations

import warnings
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from naba import files
from naba.tracking.database import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PYFUNC = files.PACKAGE / "classifier" / "pyfunc.py"


def model_arguments(classifier: Path, description: Mapping[str, Any]) -> dict[str, Any]:
    """What MLflow is told of a classifier directory, whether it logs the model or writes a folder."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    outputs = ["label", *(f"probability_{label}" for label in description["labels"])]
    signature = ModelSignature(
        inputs=Schema([ColSpec("string", name) for name in description["input"]]),
        outputs=Schema([ColSpec("string" if name == "label" else "double", name) for name in outputs]),
    )
    return {
        "python_model": str(PYFUNC),
        "artifacts": {"classifier": str(classifier)},
        "signature": signature,
        "pip_requirements": requirements(encoder="tokenizer.json" in description.get("files", {})),
    }


def requirements(*, encoder: bool) -> list[str]:
    """The libraries that decide a classifier's answers, as they are here, for `pip install -r requirements.txt`.

    naba itself is on no package index, so it is not among them: the model card says where its wheel comes from. Builds
    (`+cpu`) are on no index either.
    """
    packages = ["mlflow", "numpy", "pandas", "scikit-learn", "scipy", "skops", "threadpoolctl"]
    packages += ["torch", "transformers"] if encoder else ["lightgbm"]
    found = []
    for package in packages:
        with suppress(PackageNotFoundError):
            found.append(f"{package}=={version(package).partition('+')[0]}")
    return found


_COMPARISON = "warn_dependency_requirement_mismatches"


@contextmanager
def without_advice() -> Iterator[None]:
    """MLflow advises type hints and an input example; the signature says more, and an example loads the model again.

    Nor are the requirements compared with what is installed: they were read from it, and MLflow takes a third of a
    second to list the modules of every package.
    """
    from mlflow.utils import environment

    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.filterwarnings("ignore", category=UserWarning, module="mlflow")
        compare = getattr(environment, _COMPARISON, None)
        if compare is not None:
            setattr(environment, _COMPARISON, lambda _: None)
            stack.callback(setattr, environment, _COMPARISON, compare)
        yield


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
