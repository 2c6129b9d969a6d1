"""`naba reproduce`: do a run again and compare its predictions.

naba reproduce 4f1c09
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from naba import machine, tracking
from naba.cli.arguments import Parser
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.evaluation.predictions import Predictions
    from naba.tracking import Run


def main(arguments: Sequence[str]) -> int:
    """Run `naba reproduce`; returns 0 if all predicted labels are the same, else 1."""
    parser = Parser("reproduce", "Train a run again from its stored configuration and compare the predictions.")
    parser.add_argument("run", help="a run id, the beginning of one, or a run's name")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    options = parser.parse_args(arguments)
    run = tracking.find(options.run, options.uri)
    if not run.finished:
        raise UserError(f"run '{run.name}' is {run.status}: there is nothing to compare with")
    from naba.evaluation.significance import agreement

    run.dataset()
    for change in _changes(run):
        print(f"changed since: {change}")
    same = True
    with tempfile.TemporaryDirectory() as folder:
        again = _train(run, Path(folder))
        for section in run.sections:
            found = agreement(run.predictions(section), again[section])
            print(f"{section}: {found}")
            same = same and found.verdict != "different"
    return 0 if same else 1


def _train(run: Run, folder: Path) -> dict[str, Predictions]:
    from omegaconf import OmegaConf

    from naba.evaluation.predictions import Predictions
    from naba.experiment import run as train

    config = dict(run.config)
    if "file" in config["model"]:
        raise UserError(f"run '{run.name}' holds an outside system's predictions: there is no model to train")
    config["tracking"] = {"name": "off", "uri": None, "experiment": None, "log_model": False, "folder": str(folder)}
    # Where files come from is this machine's matter, not the run's.
    config["data"] = {}
    train.run(OmegaConf.create(config))
    (made,) = folder.glob("*/*/predictions")
    return {section: Predictions.from_parquet(made / f"{section}.parquet") for section in run.sections}


def _changes(run: Run) -> list[str]:
    facts = run.facts
    commit, dirty = machine.revision()
    found = []
    if facts.revision != (commit or "none"):
        found.append(f"code revision {facts.revision[:12]} -> {commit[:12] or 'none'}")
    if facts.dirty or dirty:
        found.append("code with uncommitted changes (then or now)")
    found += _differences(facts.versions, machine.versions())
    hardware = {name: value for name, value in machine.hardware().items() if name != "memory_gib"}
    return found + _differences(facts.hardware, hardware)


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [f"{name} {before[name]} -> {value}" for name, value in now.items() if before.get(name, value) != value]
