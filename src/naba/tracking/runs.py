"""Tracked runs as the comparison sees them: one value for each section of each finished run."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from naba import tracking
from naba.errors import UserError
from naba.evaluation.leaderboard import TrackedRun
from naba.evaluation.predictions import Predictions
from naba.experiment import result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from naba.data.dataset import Dataset
    from naba.tracking import Run

BOUNDS = ("_low", "_high")


def tracked_runs(
    uri: str | None = None,
    filters: Mapping[str, str] | None = None,
    *,
    section: str | None = None,
    curves: bool = False,
) -> list[TrackedRun]:
    """Finished runs, newest first, once for each section they were scored on.

    Args:
        filters: tags `naba.<name>` and the values they must have.
        section: `validation` for validation rows; by default test rows and further data sets.
        curves: also read learning curves, a question to the store for each metric of each run that has any.
    """
    return [
        replace(_tracked(run, name, uri), curves=_curves(run, uri)) if curves else _tracked(run, name, uri)
        for run in tracking.search(uri, filters or {})
        for name in sections_of(run)
        if name == section or (section is None and name != "validation")
    ]


def _curves(run: Run, uri: str | None) -> dict[str, list[tuple[float, float]]]:
    return {
        name.removeprefix("epoch/"): tracking.history(run, name, uri)
        for name in run.data.metrics
        if name.startswith("epoch/")
    }


def sections_of(run: Run) -> list[str]:
    """The sections a run was scored on."""
    return str(run.data.tags.get("naba.sections", "")).split()


def primary_metrics(run: Run) -> dict[str, str]:
    """Section -> name of its primary metric."""
    return result.primary_metrics(run.data.tags)


def _tracked(run: Run, section: str, uri: str | None) -> TrackedRun:
    tags, metrics = run.data.tags, run.data.metrics
    dataset = tags["naba.dataset"]
    prefix = f"{section}/"
    values = {
        name.removeprefix(prefix): value
        for name, value in metrics.items()
        if name.startswith(prefix) and not name.endswith(BOUNDS)
    }
    return TrackedRun(
        run_id=run.info.run_id,
        identity=tags["naba.identity"],
        cell=tags.get("naba.cell", tags["naba.identity"]),
        dataset=dataset,
        task=tags.get("naba.task", ""),
        model=tags.get("naba.model", ""),
        seed=int(tags.get("naba.seed", "0")),
        metrics=values,
        params=run.data.params,
        tags=tags,
        train_seconds=metrics.get("time/fit_seconds", math.nan),
        predict_seconds=metrics.get("time/predict_seconds", math.nan),
        model_bytes=metrics.get("size/model_bytes", math.nan),
        predictions=partial(read_predictions, run, section, uri),
        scored_on={"test": dataset, "validation": f"{dataset} validation"}.get(section, section),
        primary_metric=primary_metrics(run).get(section, "macro_f1"),
        section=section,
        part=tags.get("naba.part", ""),
    )


def read_predictions(run: Run, section: str = "test", uri: str | None = None) -> Predictions:
    """The predictions a run made on one of its sections."""
    return Predictions.from_parquet(tracking.artifact(run, f"predictions/{section}.parquet", uri))


def scored_datasets(runs: Sequence[TrackedRun]) -> list[str]:
    """The data sets that these runs were scored on."""
    return sorted({run.scored for run in runs})


def run_dataset(run: Run, section: str = "test", uri: str | None = None) -> Dataset:
    """The data set whose rows a section of a run holds, loaded as the run's own configuration says.

    Raises:
        UserError: its files cannot be had, or are no longer those the run used.
    """
    from pydantic import TypeAdapter

    from naba.config.schema import DataConfig, DatasetConfig
    from naba.data.dataset import load

    trained = load(TypeAdapter(DatasetConfig).validate_python(run_config(run, uri)["dataset"]), DataConfig())
    if trained.fingerprint != run.data.tags.get("naba.fingerprint"):
        raise UserError(
            f"data set '{trained.name}' is not what run '{run.info.run_name}' used: its fingerprint is "
            f"{trained.fingerprint[:12]}, the run's {run.data.tags.get('naba.fingerprint', '')[:12]}"
        )
    return section_dataset(trained, section)


def section_dataset(trained: Dataset, section: str) -> Dataset:
    """The data set of a section of a run that was trained on `trained`."""
    from naba.data.dataset import load_named

    return trained if section in {"test", "validation"} else load_named(section)


def run_config(run: Run, uri: str | None = None) -> dict[str, Any]:
    """The resolved configuration of a run, as plain dicts."""
    import yaml

    content = yaml.safe_load(tracking.artifact(run, "config.yaml", uri).read_text(encoding="utf-8"))
    return dict(content)


def section_rows(
    run: Run, section: str = "test", uri: str | None = None, predictions: Predictions | None = None
) -> pd.DataFrame:
    """Ids, texts, targets and slice columns of a section's rows, in the order of its predictions.

    Args:
        predictions: those of the section, where they have been read already.
    """
    import numpy as np
    import pandas as pd

    dataset = run_dataset(run, section, uri)
    wanted = (read_predictions(run, section, uri) if predictions is None else predictions).ids
    position = {name: row for row, name in enumerate(dataset.column_values("id"))}
    indices = np.array([position[name] for name in wanted], dtype=np.int64)
    columns = ("id", "text", "target", *dataset.slices)
    return pd.DataFrame({name: pd.Series(dataset.column(name, indices), dtype=object) for name in columns})
