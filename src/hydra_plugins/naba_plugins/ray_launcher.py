"""`hydra/launcher=ray`. Hydra takes launchers only from this namespace and imports all of it at each start: not Ray.

The published Ray launcher asks for an old cloudpickle and for boto3, and gives its results at the very end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydra.plugins.launcher import Launcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig


class RayLauncher(Launcher):
    """Jobs of a sweep as Ray tasks; the keys are those of `conf/hydra/launcher/ray.yaml`."""

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        cpus: float = 1,
        gpus: float = 0,
        memory_gib: float | None = None,
    ) -> None:
        self.address = address
        self.workers = workers
        self.cpus = cpus
        self.gpus = gpus
        self.memory_gib = memory_gib

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """What Hydra gives a launcher."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one job for each list of overrides."""
        from naba.experiment import ray_cluster

        return ray_cluster.launch(self, job_overrides, initial_job_idx)
