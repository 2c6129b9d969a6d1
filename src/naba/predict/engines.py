"""Prediction on many machines: Spark (through MLflow's own Spark function) and Ray Data, Parquet in and out."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba.errors import UserError, unknown_name
from naba.predict.locate import Opened, open_classifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BLANK = r"(?U)^\s*$"
"""White space as Python sees it too: `(?U)` takes Java beyond ASCII."""


@dataclass(frozen=True)
class Work:
    """What to do: Parquet at `file` (a file, a folder, or an address the cluster can read), a folder at `output`.

    `model` is a classifier directory; `columns` are the input's names of `text` (and `target`); `cluster` is None for
    this machine.
    """

    model: str
    file: str
    output: str
    columns: Mapping[str, str]
    prefix: str = ""
    rows: int = 2048
    cluster: str | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Done:
    """How it went."""

    rows: int
    bad: int
    side: str


def run(engine: str, work: Work) -> Done:
    """Predict with `spark` or `ray`. Rows whose text or target is null or blank go to `OUTPUT.bad`.

    Raises:
        UserError: the extra is not installed, or input, output or classifier are wrong.
    """
    _check_places(work)
    opened = open_classifier(work.model)
    runner: Callable[[Work, Opened], Done] = {"spark": _spark, "ray": _ray}[engine]
    return runner(work, opened)


def _check_places(work: Work) -> None:
    if "://" not in work.file:
        path = Path(work.file)
        if not path.exists():
            raise UserError(f"{work.file}: no such file or folder")
        if path.is_file() and path.suffix.lower() != ".parquet":
            raise UserError(f"{work.file}: Spark and Ray read Parquet", "--engine local reads CSV, TSV and JSON Lines")
    if "://" in work.output:
        return
    for folder in (Path(work.output), Path(work.output + ".bad")):
        if folder.is_file() or (folder.exists() and not work.overwrite):
            raise UserError(f"{folder} is there already", "--overwrite replaces it; --output names another folder")
        if folder.exists():
            if not (folder / "_SUCCESS").is_file():
                raise UserError(f"{folder} was not written by naba predict; it is not replaced", "name another folder")
            shutil.rmtree(folder)


def _check_columns(work: Work, names: Mapping[str, bool], added: list[str]) -> None:
    """`names`: the input's columns, and whether each is text."""
    for role, column in work.columns.items():
        if column not in names:
            raise UserError(f"{work.file}: {unknown_name('column', column, names)}", f"--{role} NAME says which it is")
        if not names[column]:
            raise UserError(f"{work.file}: column '{column}' is not text")
    taken = [name for name in added if name in names]
    if taken:
        raise UserError(f"{work.file}: the input has a column '{taken[0]}' already", "--prefix predicted_ …")


def _spark(work: Work, opened: Opened) -> Done:
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise UserError("--engine spark needs pyspark", "pip install 'naba[spark]' (and Java 17)") from error
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas >= 3")
    # Workers must be this Python, not the one that PATH finds first.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    builder = SparkSession.builder.appName("naba predict").master(work.cluster or "local[2]")
    for key, value in {
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(work.rows),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.executorEnv.OMP_NUM_THREADS": "1",
    }.items():
        builder = builder.config(key, value)
    try:
        spark = builder.getOrCreate()
    except (PySparkException, RuntimeError, OSError) as error:
        raise UserError(f"Spark does not start: {error}", "is Java 17 installed, and the --cluster right?") from error
    with tempfile.TemporaryDirectory(prefix="naba-spark-") as folder:
        try:
            return _with_spark(spark, work, opened, Path(folder))
        except PySparkException as error:
            raise UserError(f"{work.file}: Spark: {str(error).splitlines()[0]}") from error
        finally:
            spark.stop()


def _with_spark(spark: Any, work: Work, opened: Opened, folder: Path) -> Done:
    from pyspark.sql import functions
    from pyspark.sql.types import StringType

    from naba.tracking import models

    table = spark.read.parquet(work.file)
    added = [work.prefix + name for name in opened.columns]
    _check_columns(work, {field.name: isinstance(field.dataType, StringType) for field in table.schema}, added)
    types = {
        name: {"label": "string", "abstain": "boolean", "outcome": "string"}.get(name, "double")
        for name in opened.columns
    }
    model = folder / "model"
    models.save_mlflow_folder(opened.folder, opened.description, model)
    function = models.spark_function(spark, model, types)
    cells = {role: functions.col(f"`{column}`") for role, column in work.columns.items()}
    good = functions.lit(True)
    for cell in cells.values():
        good = good & cell.isNotNull() & ~cell.rlike(BLANK)
    answer = functions.struct(*(cell.alias(role) for role, cell in cells.items()))
    made = table.filter(good).withColumn("naba_answer", function(answer))
    for name in opened.columns:
        made = made.withColumn(work.prefix + name, functions.col(f"naba_answer.{name}"))
    made.drop("naba_answer").write.parquet(work.output)
    bad = table.filter(~good)
    count = bad.count()
    if count:
        bad.write.parquet(work.output + ".bad")
    return Done(spark.read.parquet(work.output).count(), count, work.output + ".bad")


class RayPredictor:
    """Answers Arrow tables in one of Ray's workers."""

    def __init__(self, folder: str, columns: dict[str, str], prefix: str) -> None:
        self.opened = open_classifier(folder)
        self.columns = columns
        self.prefix = prefix

    def __call__(self, table: Any) -> Any:
        """The table with the added columns."""
        import pandas as pd

        from naba.evaluation.predictions import objects
        from naba.predict.formats import append_columns

        frame = pd.DataFrame({role: objects(table.column(name).to_pylist()) for role, name in self.columns.items()})
        made = self.opened.predict(frame)
        return append_columns(table, made.rename(columns={name: self.prefix + name for name in made.columns}))


def keep_rows(table: Any, columns: list[str], good: bool) -> Any:
    """The rows of an Arrow table whose `columns` all hold text, or the others."""
    import pyarrow as pa

    lists = [table.column(name).to_pylist() for name in columns]
    whole = [
        all(isinstance(cell, str) and cell and not cell.isspace() for cell in row) for row in zip(*lists, strict=True)
    ]
    return table.filter(pa.array([found == good for found in whole], pa.bool_()))


def _ray(work: Work, opened: Opened) -> Done:
    from naba.experiment import ray_cluster

    ray = ray_cluster.start(work.cluster, workers=2)
    try:
        return _with_ray(work, opened)
    finally:
        ray.shutdown()


def _on_cluster(work: Work) -> bool:
    return bool(work.cluster or os.environ.get("RAY_ADDRESS"))


def _with_ray(work: Work, opened: Opened) -> Done:
    import pyarrow as pa
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    table = ray.data.read_parquet(work.file)
    schema = table.schema()
    text = {name: pa.types.is_string(kind) or pa.types.is_large_string(kind)
            for name, kind in zip(schema.names, schema.types, strict=True)}  # fmt: skip
    _check_columns(work, text, [work.prefix + name for name in opened.columns])
    names = list(work.columns.values())
    plain: dict[str, Any] = {"batch_format": "pyarrow", "batch_size": work.rows}
    good = table.map_batches(keep_rows, fn_kwargs={"columns": names, "good": True}, **plain)
    made = good.map_batches(
        RayPredictor,
        fn_constructor_kwargs={"folder": str(opened.folder), "columns": dict(work.columns), "prefix": work.prefix},
        # One worker here: a second one would wait for a processor for ever. A cluster grows to what it has.
        compute=ActorPoolStrategy(min_size=1, max_size=None if _on_cluster(work) else 1),
        **plain,
    )
    made.write_parquet(work.output)
    bad = table.map_batches(keep_rows, fn_kwargs={"columns": names, "good": False}, **plain).materialize()
    count = bad.count()
    if count:
        bad.write_parquet(work.output + ".bad")
    for folder in (Path(work.output), *([Path(work.output + ".bad")] if count else [])):
        if folder.is_dir():
            (folder / "_SUCCESS").touch()
    return Done(ray.data.read_parquet(work.output, file_extensions=["parquet"]).count(), count, work.output + ".bad")
