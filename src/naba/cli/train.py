"""`naba train`: checks the command line, hands it to Hydra, and says what each job did."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files, machine
from naba.cli import console
from naba.config import overrides as command_line
from naba.errors import UserError, nearest
from naba.experiment.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omegaconf import DictConfig

HELP = """usage: naba train [group=choice …] [key=value …] [-m]

Train and evaluate a classifier; leaves a run in MLflow. A run that is finished already is found, not done again.

  groups      dataset, model, normalisation, split, evaluation, tracking, +experiment   (naba list …)
  values      model.C=0.5  seed=3  evaluation.also=[article_stance]  tracking.uri=http://…  force=true
  Arabic      in quotes: "dataset.labels.agree='مؤيد'"

  -m, --multirun      every combination of comma-separated values: model=tfidf_nb,tfidf_svm seed=0,1,2 -m
                      (two at a time: hydra/launcher=joblib hydra.launcher.n_jobs=2; also ray, slurm)
  several GPUs        torchrun --nproc-per-node 4 --no-python naba train model=xlm_roberta_large …
  --cfg job           print the composed configuration and stop
  --config-dir DIR    a folder with your own dataset/, model/ … YAML files (also: ./conf, or NABA_CONF)
  --help

example: naba train dataset=ans_stance model=tfidf_logreg,tfidf_svm seed=0,1,2 -m"""

SWITCHES = {"-m": "--multirun", "--multirun": "--multirun", "--resolve": "--resolve", "--run": "", "-r": ""}
VALUED = {"--cfg": "--cfg", "-c": "--cfg", "--config-dir": "", "-cd": "", "--info": "--info", "-i": "--info",
          "--package": "--package", "-p": "--package"}  # fmt: skip
SWEEP_FOLDER = "NABA_SWEEP_FOLDER"
KEPT = "kept"
"""A file that keeps the folder of a sweep when the sweep is over."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba train`; returns 0, 1 if a job of a sweep failed or may still run, 2 if the input was wrong."""
    if any(argument in {"-h", "--help"} for argument in arguments):
        print(HELP)
        return 0
    flags, overrides = _split(arguments)
    informing = "--cfg" in flags or "--info" in flags
    plan = command_line.plan(overrides, multirun="--multirun" in flags)
    if not overrides and not informing:
        chosen = " ".join(f"{group}={name}" for group, name in command_line.defaults().items())
        console.note(f"nothing was chosen, so these are the defaults: {chosen} (naba train --help)")
    _environment(parallel=any(item.startswith("hydra/launcher=") for item in overrides))
    if informing:
        return _hydra([flag for flag in flags if flag != "--multirun"], plan.overrides)
    if not plan.multirun:
        return _one(plan.overrides)
    if machine.processes()[1] > 1:
        raise UserError("torchrun shares one training among its processes; -m is for many", "leave one of them out")
    target = _launcher(plan.overrides)
    queued = "submitit" in target
    folder = _sweep_folder(shared=queued)
    os.environ[SWEEP_FOLDER] = str(folder)
    try:
        with console.SweepWatcher(folder, plan.jobs) as watcher:
            all_ended = _launch(queued, [*dict.fromkeys([*flags, "--multirun"])], plan.overrides)
            search = [item for item in plan.overrides if item.startswith("hydra.searchpath")]
            _taken(folder, search, elsewhere=queued or target.endswith(".RayLauncher"))
            if target:
                _lost(folder, plan.jobs, all_ended=all_ended)
    finally:
        del os.environ[SWEEP_FOLDER]
        if not (folder / KEPT).exists():
            shutil.rmtree(folder, ignore_errors=True)
    return watcher.summarise()


def _launcher(overrides: Sequence[str]) -> str:
    """The class that starts the jobs; empty for Hydra's own, which does one after the other here."""
    hydra = [item for item in overrides if item.startswith("hydra")]
    if not any(item.startswith("hydra/launcher=") for item in hydra):
        return ""
    target = str(command_line.compose(hydra, with_hydra=True).hydra.launcher.get("_target_"))
    if target.endswith(".SlurmLauncher") and shutil.which("srun") is None:
        raise UserError("there is no Slurm on this machine: srun is not on PATH", "start the sweep on a login node")
    return target


def _sweep_folder(*, shared: bool) -> Path:
    """Where jobs leave their outcomes; for a queue where all nodes see it."""
    within = files.home() / "sweeps" if shared else None
    if within is not None:
        within.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="naba-sweep-", dir=within))


def _launch(queued: bool, flags: Sequence[str], overrides: Sequence[str]) -> bool:
    """Start the jobs and wait for them. Have all ended? Those of a queue may go on after one of them was lost."""
    if not queued:
        _hydra(flags, overrides)
        return True
    from submitit.core.utils import FailedSubmissionError, UncompletedJobError

    folder = Path(os.environ[SWEEP_FOLDER])
    try:
        _hydra(flags, overrides)
    except UncompletedJobError as error:
        # Its other jobs have ended, or go on; what each printed is in the folder.
        (folder / KEPT).touch()
        console.note(f"{' '.join(str(error).split())[:300]}; what the jobs printed: {folder / '.submitit'}")
        return False
    except FailedSubmissionError as error:
        raise UserError(
            f"the queue takes no jobs: {' '.join(str(error).split())[:300]}", "are sbatch and srun on PATH?"
        ) from error
    return True


def _lost(folder: Path, jobs: int, *, all_ended: bool) -> None:
    """Jobs that left no outcome have failed, because their process was killed, if they do not run still."""
    status, message = "failed", "it left no outcome: was its process killed?"
    if not all_ended:
        status, message = "unknown", "no outcome so far: it still runs or waits, or its process was killed"
    for number in range(jobs):
        if not (folder / f"{number:06d}.json").exists():
            outcome = Outcome(status, f"job {number}", message=message)
            record(number, {"outcome": asdict(outcome), "seconds": 0.0})


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    flags: list[str] = []
    overrides: list[str] = []
    queue = list(arguments)
    while queue:
        argument = queue.pop(0)
        name, equals, inline = argument.partition("=")
        if name in SWITCHES and not equals:
            flags += [SWITCHES[name]] if SWITCHES[name] else []
        elif name in VALUED:
            if not equals and not queue:
                raise UserError(f"naba train: {name} needs a value", "naba train --help")
            value = inline if equals else queue.pop(0)
            if name in {"--config-dir", "-cd"}:
                _use_folder(value)
            else:
                flags += [VALUED[name], value]
        elif argument.startswith("-"):
            guess = nearest(argument, [*SWITCHES, *VALUED])
            raise UserError(
                f"naba train: unknown flag '{argument}'" + (f"; did you mean '{guess}'?" if guess else ""),
                "naba train --help",
            )
        else:
            overrides.append(argument)
    return flags, overrides


def _use_folder(value: str) -> None:
    if not Path(value).is_dir():
        raise UserError(f"--config-dir: there is no folder '{value}'")
    os.environ["NABA_CONF"] = os.pathsep.join([value, *filter(None, [os.environ.get("NABA_CONF")])])


def _environment(*, parallel: bool) -> None:
    # Hydra prints its own half of a traceback otherwise; errors reach `cli.main` whole.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    if parallel:
        # One thread a worker: two trainings with two threads each run at a quarter of the speed of one.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")


def _hydra(flags: Sequence[str], overrides: Sequence[str]) -> int:
    import hydra

    argv = sys.argv
    sys.argv = ["naba-train", *flags, *overrides]
    try:
        folder = str(files.shipped("conf").resolve())
        hydra.main(version_base="1.3", config_path=folder, config_name="train")(job)()
    finally:
        sys.argv = argv
    return 0


def _one(overrides: Sequence[str]) -> int:
    """A single run. Hydra composes it; its application, which would compose it twice more, has nothing to add."""
    from naba.experiment import run

    said = [item for item in overrides if not item.startswith("hydra")]
    outcome = run.run(command_line.compose(overrides), said)
    if machine.processes()[0] == 0:
        console.print_outcome(outcome)
    return 0


def job(cfg: DictConfig) -> dict[str, Any]:
    """One training of a sweep; a failure is recorded and the next job goes on."""
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    said = list(hydra.overrides.task)
    return record(int(hydra.job.num), {"overrides": said} | _attempt(cfg, said, wait=False))


def _attempt(cfg: DictConfig, overrides: Sequence[str], *, wait: bool) -> dict[str, Any]:
    """The outcome of a training and its seconds, as plain values; an error is an outcome."""
    from naba.experiment import run

    start = time.time()
    try:
        outcome = run.run(cfg, overrides, wait=wait)
    except UserError as error:
        outcome = Outcome("failed", _job_name(cfg), message=str(error))
    except Exception as error:  # noqa: BLE001 - a sweep goes on; the traceback is printed and the exit code is 1
        message = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        outcome = Outcome("failed", _job_name(cfg), message=message)
    return {"outcome": asdict(outcome), "seconds": time.time() - start}


def _job_name(cfg: DictConfig) -> str:
    return f"{cfg.model.name} {cfg.dataset.name} seed {cfg.seed}"


def record(number: int, done: dict[str, Any]) -> dict[str, Any]:
    """Leave what became of a job where the process that began the sweep finds it; jobs of others for later."""
    folder = Path(os.environ.get(SWEEP_FOLDER, ""))
    if SWEEP_FOLDER in os.environ and folder.is_dir():
        taken = done["outcome"]["status"] == "taken"
        path = folder / f"{number:06d}.{'taken' if taken else 'json'}"
        content = done["overrides"] if taken else done["outcome"] | {"seconds": done["seconds"]}
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(content), encoding="utf-8")
        unfinished.replace(path)
    return done


def _taken(folder: Path, extra: Sequence[str], *, elsewhere: bool) -> None:
    """Jobs that another process was training when their turn came: found by now, waited for, or done in its place."""
    left = sorted(folder.glob("*.taken"))
    if left and elsewhere:
        console.note(
            f"jobs that other processes were training: {len(left)}; waited for here, and trained on this machine, not "
            "through the launcher, if those do not finish them (Ctrl-C, then the same command, hands them out again)"
        )
    for path in left:
        overrides = json.loads(path.read_text(encoding="utf-8"))
        cfg = command_line.compose([*extra, *overrides])
        record(int(path.stem), _attempt(cfg, overrides, wait=True))
