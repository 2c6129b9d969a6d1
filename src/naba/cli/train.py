"""`naba train`: train and evaluate classifiers.

naba train dataset=ans_stance model=tfidf_svm
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from naba import machine
from naba.cli import console
from naba.config import overrides as command_line
from naba.errors import UserError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = """usage: naba train [group=choice …] [key=value …] [-m]

Train and evaluate a classifier; leaves a run in MLflow. A run that is finished already is found, not done again.

  groups      dataset, model, normalisation, split, evaluation, tracking, +experiment   (naba list …)
  values      model.C=0.5  seed=3  evaluation.also=[article_stance]  tracking.uri=http://…  force=true
  Arabic      in quotes: "dataset.labels.agree='مؤيد'"

  -m, --multirun      every combination of comma-separated values: model=tfidf_nb,tfidf_svm seed=0,1,2 -m
                      (two at a time: hydra/launcher=joblib hydra.launcher.n_jobs=2; also ray, slurm)
  several GPUs        torchrun --nproc-per-node 4 --no-python naba train model=xlm_roberta_large …
  --dry-run           say how many rows, tokens and how much money it would take; train and ask nothing
  --cfg job           print the composed configuration and stop
  --config-dir DIR    a folder with your own dataset/, model/ … YAML files (also: ./conf, or NABA_CONF)
  --help

example: naba train dataset=ans_stance model=tfidf_logreg,tfidf_svm seed=0,1,2 -m"""

SWITCHES = {"--dry-run": "--dry-run", "-m": "--multirun", "--multirun": "--multirun", "--resolve": "--resolve",
            "--run": "", "-r": ""}  # fmt: skip
VALUED = {"--cfg": "--cfg", "-c": "--cfg", "--config-dir": "", "-cd": "", "--info": "--info", "-i": "--info",
          "-p": "--package"}  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Run `naba train`; returns 0, 1 if a job of a sweep failed or may still run, 2 if the input was wrong."""
    if any(argument in {"-h", "--help"} for argument in arguments):
        print(HELP)
        return 0
    if threading.current_thread() is threading.main_thread():
        # A run that a queue or a shutdown ends is KILLED, not RUNNING for ever.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    flags, overrides = _split(arguments)
    informing = "--cfg" in flags or "--info" in flags
    plan = command_line.plan(overrides, multirun="--multirun" in flags)
    if not overrides and not informing:
        chosen = " ".join(f"{group}={name}" for group, name in command_line.defaults().items())
        console.note(f"nothing was chosen, so these are the defaults: {chosen} (naba train --help)")
    _environment(parallel=any(item.startswith("hydra/launcher=") for item in overrides))
    if "--dry-run" in flags:
        from naba.experiment import planning

        return planning.run(plan)
    from naba.experiment import sweep

    if informing:
        return sweep.hydra([flag for flag in flags if flag != "--multirun"], plan.overrides)
    if not plan.multirun:
        return _one(plan)
    if machine.processes()[1] > 1:
        raise UserError("torchrun shares one training among its processes; -m is for many", "leave one of them out")
    target = sweep.launcher(plan.overrides)
    with (
        sweep.folder_of_outcomes(shared="submitit" in target) as folder,
        console.SweepWatcher(folder, plan.jobs) as watcher,
    ):
        sweep.run(folder, plan, target, flags)
    return watcher.summarise()


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    flags, overrides, queue = list[str](), list[str](), list(arguments)
    while queue:
        argument = queue.pop(0)
        name, equals, inline = argument.partition("=")
        if name in SWITCHES and not equals:
            flags += [SWITCHES[name]] if SWITCHES[name] else []
        elif name in VALUED:
            if not equals and not queue:
                raise UserError(f"naba train: {name} needs a value", "naba train --help")
            value = inline if equals else queue.pop(0)
            if VALUED[name]:
                flags += [VALUED[name], value]
                continue
            if not Path(value).is_dir():
                raise UserError(f"--config-dir: there is no folder '{value}'")
            os.environ["NABA_CONF"] = os.pathsep.join([value, *filter(None, [os.environ.get("NABA_CONF")])])
        elif argument.startswith("-"):
            guess = nearest(argument, [*SWITCHES, *VALUED])
            raise UserError(
                f"naba train: unknown flag '{argument}'" + (f"; did you mean '{guess}'?" if guess else ""),
                "naba train --help",
            )
        else:
            overrides.append(argument)
    return flags, overrides


def _environment(*, parallel: bool) -> None:
    # Hydra prints its own half of a traceback otherwise; errors reach `cli.main` whole.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    if parallel:
        # One thread a worker: two trainings with two threads each run at a quarter of the speed of one.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")


def _one(plan: command_line.Plan) -> int:
    """A single run. Its files were composed for the check; Hydra's application would compose them twice more."""
    from naba.experiment import run

    said = [item for item in plan.overrides if not item.startswith("hydra")]
    outcome = run.run(plan.composition.of(plan.overrides), said)
    if machine.processes()[0] == 0:
        console.print_outcome(outcome)
    return 0
