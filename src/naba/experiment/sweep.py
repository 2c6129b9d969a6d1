"""Many trainings: started by one of Hydra's launchers, their outcomes gathered in a folder as they end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files, machine
from naba.config import overrides as command_line
from naba.errors import UserError, hidden, is_interrupt, sentence
from naba.experiment.job import Outcome
from naba.models import shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from omegaconf import DictConfig

    from naba.config.overrides import Composition, Plan

FOLDER = "NABA_SWEEP_FOLDER"
"""The variable that tells jobs, in processes of their own, where their outcomes go."""
PREFIX, OWNER = "naba-sweep-", "owner"
KEPT = "kept"
"""A file that keeps the folder of a sweep when the sweep is over."""

logger = logging.getLogger(__name__)


def launcher(overrides: Sequence[str]) -> str:
    """The class that starts the jobs; empty for Hydra's own, which does one after the other here."""
    hydra = [item for item in overrides if item.startswith("hydra")]
    if not any(item.startswith("hydra/launcher=") for item in hydra):
        return ""
    target = str(command_line.compose(hydra, with_hydra=True).hydra.launcher.get("_target_"))
    if target.endswith(".SlurmLauncher") and shutil.which("srun") is None:
        raise UserError("there is no Slurm on this machine: srun is not on PATH", "start the sweep on a login node")
    return target


@contextmanager
def folder_of_outcomes(*, shared: bool) -> Iterator[Path]:
    """Where jobs leave their outcomes, while the block lasts; for a queue where all nodes see it."""
    within = files.home() / "sweeps" if shared else None
    if within is not None:
        within.mkdir(parents=True, exist_ok=True)
    remove_left(within or Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=within))
    (folder / OWNER).write_text(machine.process(), encoding="utf-8")
    os.environ[FOLDER] = str(folder)
    try:
        yield folder
    finally:
        del os.environ[FOLDER]
        if not (folder / KEPT).exists():
            shutil.rmtree(folder, ignore_errors=True)


def remove_left(within: Path) -> None:
    """Remove the folders of sweeps whose process was killed; those with a file `kept` stay."""
    for owner in within.glob(f"{PREFIX}*/{OWNER}"):
        with contextlib.suppress(OSError):
            if machine.is_dead(owner.read_text(encoding="utf-8")) and not (owner.parent / KEPT).exists():
                shutil.rmtree(owner.parent, ignore_errors=True)


def run(folder: Path, plan: Plan, target: str, flags: Sequence[str]) -> None:
    """Start all jobs and wait for them; each leaves its outcome in `folder` as it ends.

    Args:
        target: the launcher's class, as `launcher` names it.
    """
    overrides = plan.overrides
    queued = "submitit" in target
    here = None if target else command_line.jobs(overrides)
    if here is not None:
        _run_here(here, plan.composition)
        all_ended = True
    else:
        all_ended = _launch(folder, queued, [*dict.fromkeys([*flags, "--multirun"])], overrides)
    search = [item for item in overrides if item.startswith("hydra.searchpath")]
    _finish_taken(folder, search, elsewhere=queued or target.endswith(".RayLauncher"))
    if target:
        note_lost(folder, plan.jobs, all_ended=all_ended)


def _run_here(jobs: Sequence[Sequence[str]], composition: Composition) -> None:
    """One job after the other, in this process."""
    for number, overrides in enumerate(jobs):
        outcome, seconds = _attempt(partial(composition.of, overrides), overrides, wait=False)
        record(number, outcome, seconds, overrides)


def _launch(folder: Path, queued: bool, flags: Sequence[str], overrides: Sequence[str]) -> bool:
    """Start the jobs and wait for them. Have all ended? Those of a queue may go on after one of them was lost."""
    if not queued:
        hydra(flags, overrides)
        return True
    from submitit.core.utils import FailedSubmissionError, UncompletedJobError

    try:
        hydra(flags, overrides)
    except UncompletedJobError as error:
        # Its other jobs have ended, or go on; what each printed is in the folder.
        (folder / KEPT).touch()
        said = " ".join(str(error).split())[:300]
        logger.warning("%s; what the jobs printed: %s", said, folder / ".submitit")
        return False
    except FailedSubmissionError as error:
        raise UserError(
            f"the queue takes no jobs: {' '.join(str(error).split())[:300]}", "are sbatch and srun on PATH?"
        ) from error
    return True


def note_lost(folder: Path, jobs: int, *, all_ended: bool) -> None:
    """Jobs that left no outcome have failed, because their process was killed, if they do not run still."""
    status, message = "failed", "it left no outcome: was its process killed?"
    if not all_ended:
        status, message = "unknown", "no outcome so far: it still runs or waits, or its process was killed"
    for number in range(jobs):
        if not (folder / f"{number:06d}.json").exists():
            outcome = Outcome(status, f"job {number}", message=message)
            record(number, outcome)


def hydra(flags: Sequence[str], overrides: Sequence[str]) -> int:
    """Run Hydra's own application with these arguments."""
    import hydra as application

    argv = sys.argv
    sys.argv = ["naba-train", *flags, *overrides]
    try:
        folder = str(files.shipped("conf").resolve())
        application.main(version_base="1.3", config_path=folder, config_name="train")(job)()
    finally:
        sys.argv = argv
    return 0


def job(cfg: DictConfig) -> dict[str, Any]:
    """One training of a sweep; a failure is recorded and the next job goes on."""
    from hydra.core.hydra_config import HydraConfig

    hydra_config = HydraConfig.get()
    overrides = list(hydra_config.overrides.task)
    outcome, seconds = _attempt(lambda: cfg, overrides, wait=False)
    return record(int(hydra_config.job.num), outcome, seconds, overrides)


def _attempt(composed: Callable[[], DictConfig], overrides: Sequence[str], *, wait: bool) -> tuple[Outcome, float]:
    """The outcome of a training and its seconds; an error is an outcome."""
    from naba.experiment import run as training

    start = time.time()
    name = hidden(" ".join(overrides))
    try:
        shared.share()
        cfg = composed()
        name = f"{cfg.model.name} {cfg.dataset.name} seed {cfg.seed}"
        outcome = training.run(cfg, overrides, wait=wait)
    except Exception as error:  # a sweep goes on; the traceback is kept and the exit code is 1
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        if isinstance(error, UserError):
            message = hidden(str(error))
        else:
            kept = machine.keep_traceback(error, shlex.join(["naba", "train", *overrides]))
            message = f"{sentence(error)}\n  {kept}"
        outcome = Outcome("failed", name, message=message)
    return outcome, time.time() - start


def record(number: int, outcome: Outcome, seconds: float = 0.0, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Leave what became of a job where the process that began the sweep finds it; jobs of others for later.

    Returns:
        The same as plain values, for a launcher that carries it from another machine; see `record_again`.
    """
    done = {"outcome": outcome.to_dict(), "seconds": seconds, "overrides": list(overrides)}
    folder = Path(os.environ.get(FOLDER, ""))
    if FOLDER in os.environ and folder.is_dir():
        taken = outcome.status == "taken"
        path = folder / f"{number:06d}.{'taken' if taken else 'json'}"
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(done["overrides"] if taken else done), encoding="utf-8")
        unfinished.replace(path)
    return done


def record_again(number: int, done: dict[str, Any]) -> dict[str, Any]:
    """`record` what a job on another machine returned."""
    return record(number, Outcome.from_dict(done["outcome"]), done["seconds"], done["overrides"])


def recorded(path: Path) -> tuple[Outcome, float]:
    """The outcome and the seconds that `record` left in a file."""
    done = json.loads(path.read_text(encoding="utf-8"))
    return Outcome.from_dict(done["outcome"]), float(done["seconds"])


def _finish_taken(folder: Path, extra: Sequence[str], *, elsewhere: bool) -> None:
    """Jobs that another process was training when their turn came: found by now, waited for, or done in its place."""
    left = sorted(folder.glob("*.taken"))
    if left and elsewhere:
        logger.warning(
            "jobs that other processes were training: %d; waited for here, and trained on this machine, not "
            "through the launcher, if those do not finish them (Ctrl-C, then the same command, hands them out again)",
            len(left),
        )
    for path in left:
        overrides = json.loads(path.read_text(encoding="utf-8"))
        outcome, seconds = _attempt(partial(command_line.compose, [*extra, *overrides]), overrides, wait=True)
        record(int(path.stem), outcome, seconds, overrides)
