"""Trained models: by the names people give them, as MLflow models on disk, their frozen weights once on the disk."""

from __future__ import annotations

import os
import warnings
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from naba import files
from naba.classifier.encoders import EMBEDDER
from naba.errors import UserError
from naba.tracking.database import quiet
from naba.tracking.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlflow.models import Model

    from naba.tracking.run import Run

PYFUNC = files.PACKAGE / "classifier" / "pyfunc.py"
_COMPARISON = "warn_dependency_requirement_mismatches"
WEIGHTS = EMBEDDER[1]
LARGE_WEIGHTS = 1 << 20
"""Bytes from which on a file is shared."""


def find_trained(name: str, uri: str | None = None) -> Run:
    """The run that `name` stands for: an id, the beginning of one, a run's name, or `models:/stance@champion`.

    Raises:
        UserError: there is none, or several, or it has no model.
    """
    store = Store(uri)
    return with_model(_by_alias(name, store) if name.startswith("models:/") else store.find(name))


def with_model(run: Run) -> Run:
    """The run, if it has a model.

    Raises:
        UserError: it has none, with the reason.
    """
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


def share_weights(location: str) -> None:
    """Make the frozen weights of a run's model, and those of other runs with the same bytes, one file.

    They are hard links to one another, and to one in naba's home, by which the next run finds them: each run has its
    own name for them, and nothing is lost with another run. Exports are copies. Where the file system has no links, or
    the store is elsewhere, each run has its own.

    Args:
        location: of the model's files, as MLflow says it: an address or a path.
    """
    address = urlsplit(location)
    if address.scheme not in {"", "file"}:
        return
    kept = files.home() / "weights"
    for path in Path(unquote(address.path)).rglob(WEIGHTS):
        if path.stat().st_size < LARGE_WEIGHTS:
            continue
        try:
            _link_weights(path, kept / f"{files.sha256(path)}.safetensors")
            for other in kept.iterdir():
                if other.stat().st_nlink == 1:  # The last run that had it is gone.
                    other.unlink()
        except OSError:
            return


def _link_weights(path: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    if kept.exists() and files.sha256(kept) == kept.stem:
        old, new = kept, path
    else:
        old, new = path, kept
    with files.replaced(new) as part:
        os.link(old, part)
