"""Jobs of a sweep as tasks of Ray, on this machine or on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naba.experiment import ray_cluster
from naba.experiment.result import Outcome
from naba.experiment.sweep import record_again

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.utils import JobReturn

    from hydra_plugins.naba_plugins.ray_launcher import RayLauncher


def launch(launcher: RayLauncher, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Run the jobs, and leave the outcome of each where the sweep looks for it as soon as it is there.

    Raises:
        UserError: Ray is not installed, or does not start.
    """
    ray = ray_cluster.start(launcher.address, launcher.workers)
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
