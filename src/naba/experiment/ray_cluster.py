"""Ray for sweeps and for predictions: begun on this machine, or a cluster that is there; jobs as its tasks."""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Any

from naba import machine
from naba.errors import UserError
from naba.experiment.job import Outcome
from naba.experiment.sweep import record_again

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hydra.core.utils import JobReturn

    from hydra_plugins.naba_plugins.ray_launcher import RayLauncher

PASSED_ON = ("NABA_", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MLFLOW_TRACKING_URI", "HF_HUB_")
"""Beginnings of the names of variables that workers on other machines get; passwords stay where they are."""
REACH_SECONDS = 10


def start(address: str | None, workers: int | None) -> Any:
    """Ray, connected to the cluster at `address` (or `RAY_ADDRESS`), or begun on this machine with `workers` cores.

    Returns:
        The module `ray`.
    Raises:
        UserError: it is not installed, or does not start.
    """
    # Read by Ray when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        import ray
    except ImportError as error:
        raise UserError("Ray is not installed", "pip install 'naba[ray]'") from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    address = address or os.environ.get("RAY_ADDRESS")
    if address is None:
        options: dict[str, Any] = {
            "address": "local",
            "num_cpus": workers or machine.cores(),
            "include_dashboard": False,
        }
    else:
        _check_reachable(address)
        options = {"address": address, "runtime_env": {"env_vars": passed_on(os.environ)}}
    try:
        ray.init(**options, logging_level="ERROR", log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        what = f"Ray at {address}" if address else "Ray"
        raise UserError(
            f"{what} does not start: {' '.join(str(error).split())[:300]}", "is its address right?"
        ) from error
    return ray


def _check_reachable(address: str) -> None:
    """Ray itself tries for more than ten minutes before it says that nobody is there."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"no Ray answers at {address}: {error}", "is its address right?") from error


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a worker on another machine needs to do what this one would."""
    return {name: value for name, value in environment.items() if name.startswith(PASSED_ON)}


def launch(launcher: RayLauncher, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Run the jobs, and leave the outcome of each where the sweep looks for it as soon as it is there.

    Raises:
        UserError: Ray is not installed, or does not start.
    """
    ray = start(launcher.address, launcher.workers)
    from hydra.core.singleton import Singleton
    from hydra.core.utils import setup_globals
    from omegaconf import open_dict

    setup_globals()
    memory = {} if launcher.memory_gib is None else {"memory": int(launcher.memory_gib * 2**30)}
    # A task whose machine was lost is done once more, on another.
    task = ray.remote(num_cpus=launcher.cpus, num_gpus=launcher.gpus, max_retries=1, **memory)(_job)
    try:
        running: dict[Any, tuple[int, Sequence[str]]] = {}
        shared = ray.put((launcher.hydra_context, launcher.task_function, Singleton.get_state()))
        for number, overrides in enumerate(job_overrides, first):
            config = launcher.hydra_context.config_loader.load_sweep_config(launcher.config, list(overrides))
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = number
            running[task.remote(shared, config)] = (number, overrides)
        returned: dict[int, JobReturn] = {}
        while running:
            (reference,), _ = ray.wait(list(running))
            number, overrides = running.pop(reference)
            returned[number] = _returned(ray, reference, number, overrides)
    finally:
        ray.shutdown()
    return [returned[number] for number in sorted(returned)]


def _returned(ray: Any, reference: Any, number: int, overrides: Sequence[str]) -> JobReturn:
    """What a task gave; it has left its outcome here by itself only where it ran on this machine."""
    from hydra.core.utils import JobReturn, JobStatus

    try:
        found: JobReturn = ray.get(reference)
        done = found.return_value
    except ray.exceptions.RayError as error:
        outcome = Outcome("failed", " ".join(overrides), message=f"Ray: {' '.join(str(error).split())[:600]}")
        done = {"outcome": outcome.to_dict(), "seconds": 0.0, "overrides": list(overrides)}
        found = JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED)
        found.return_value = done
    record_again(number, done)
    return found


def _job(shared: tuple[Any, Any, Any], config: Any) -> JobReturn:
    """In a worker of Ray: what Hydra's own launcher does in a process of its own."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.singleton import Singleton
    from hydra.core.utils import run_job, setup_globals

    context, function, state = shared
    setup_globals()
    Singleton.set_state(state)
    HydraConfig.instance().set_config(config)
    return run_job(
        hydra_context=context,
        task_function=function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
