"""What MLflow's UI shows of an experiment: a description, and a view with the columns that matter, sorted.

A saved view is a tag of the experiment: MLflow's "Share" button makes the same, with a key that is a digest.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from naba.tracking.facts import HIGH, LOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient

    from naba.tracking.facts import Facts

VIEW = "naba"
"""Key of the saved view: `?viewStateShareKey=naba`."""
PRIMARY = "mlflow.experiment.primaryMetric.name"
"""The tag with the metric that MLflow's charts start with."""
_FIRST = ("attributes.`Run Name`", "runDateAndNestInfo")
"""Columns that MLflow keeps at the left of its table."""


def experiment_tags(facts: Facts) -> dict[str, str]:
    """The tags of an experiment whose runs are like the one with these facts."""
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
        "columnOrder": [*_FIRST, *columns], "columnWidths": {},
    }  # fmt: skip
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": _description(facts, name),
        PRIMARY: name,
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view),
    }


def _description(facts: Facts, name: str) -> str:
    labelled = facts.label_source.replace("_", " ") or "unknown"
    return (
        f"Runs of `naba train` on `{facts.dataset}` (task: {facts.task}; labelled by: {labelled}).\n\n"
        f"Judge them by `{name}`, whose 95 % interval stands under `{LOW}{name}` and `{HIGH}{name}`, "
        f"unless a run says another coverage. Whether two runs differ, `naba compare dataset={facts.dataset}` tells: "
        "a paired test on the same rows."
    )


def describe(client: MlflowClient, experiment: str, facts: Facts) -> None:
    """Give an experiment what it has not been given yet; what a person has written stays."""
    there: Mapping[str, str] = client.get_experiment(experiment).tags
    for name, value in experiment_tags(facts).items():
        if name not in there:
            client.set_experiment_tag(experiment, name, value)


def runs_address(experiment: str, mode: str = "TABLE") -> str:
    """Where MLflow's UI has the runs of an experiment, from the root of its server."""
    return (
        f"#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}&compareRunsMode={mode}"
    )
