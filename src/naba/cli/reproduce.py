"""`naba reproduce`: does a run again from what it stored, and says whether the answers are the same."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from naba import machine, tracking
from naba.cli.arguments import Parser
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.predictions import Predictions
    from naba.tracking import Run


def main(arguments: Sequence[str]) -> int:
    """Run `naba reproduce`; returns 0 if all predicted labels are the same, else 1."""
    parser = Parser("reproduce", "Train a run again from its stored configuration and compare the predictions.")
    parser.add_argument("run", help="a run id, the beginning of one, or a run's name")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    options = parser.parse_args(arguments)
    run = tracking.find(options.run, options.uri)
    if run.info.status != "FINISHED":
        raise UserError(f"run '{run.info.run_name}' is {run.info.status}: there is nothing to compare with")
    from naba.evaluation.significance import agreement
    from naba.tracking.runs import read_predictions, run_dataset, sections_of

    run_dataset(run, "test", options.uri)
    for change in _changes(run):
        print(f"changed since: {change}")
    same = True
    with tempfile.TemporaryDirectory() as folder:
        again = _train(run, Path(folder), options.uri)
        for section in sections_of(run):
            found = agreement(read_predictions(run, section, options.uri), again[section])
            print(f"{section}: {found}")
            same = same and found.verdict != "different"
    return 0 if same else 1


def _train(run: Run, folder: Path, uri: str | None) -> dict[str, Predictions]:
    from omegaconf import OmegaConf

    from naba.evaluation.predictions import Predictions
    from naba.experiment import run as train
    from naba.tracking.runs import run_config, sections_of

    config = run_config(run, uri)
    if "file" in config["model"]:
        raise UserError(f"run '{run.info.run_name}' holds an outside system's predictions: there is no model to train")
    config["tracking"] = {"name": "off", "uri": None, "experiment": None, "log_model": False, "folder": str(folder)}
    # Where files come from is this machine's matter, not the run's.
    config["data"] = {}
    train.run(OmegaConf.create(config))
    (made,) = folder.glob("*/*/predictions")
    return {section: Predictions.from_parquet(made / f"{section}.parquet") for section in sections_of(run)}


def _changes(run: Run) -> list[str]:
    tags = run.data.tags
    commit, dirty = machine.revision()
    found = []
    if tags.get("naba.revision", "none") != (commit or "none"):
        found.append(f"code revision {tags.get('naba.revision', 'none')[:12]} -> {commit[:12] or 'none'}")
    if tags.get("naba.dirty") == "true" or dirty:
        found.append("code with uncommitted changes (then or now)")
    for name, version in machine.versions().items():
        before = tags.get(f"version.{name}")
        if before is not None and before != version:
            found.append(f"{name} {before} -> {version}")
    for name, value in machine.hardware().items():
        before = tags.get(f"hardware.{name}")
        if name != "memory_gib" and before is not None and before != value:
            found.append(f"{name} {before} -> {value}")
    return found
