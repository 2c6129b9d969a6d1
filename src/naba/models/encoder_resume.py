"""Checkpoints of a training on disk, so that a killed one goes on where it was."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from naba.models.encoder_training import FineTuning, Progress


class Store:
    """The checkpoint of one training, in one file.

    Args:
        folder: where the file is; made if needed.
        identity: digest of all that the training depends on; another training's checkpoint has another name.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / f"training-{identity[:16]}.pt"

    def save(self, tuning: FineTuning, progress: Progress) -> None:
        """Write weights, optimiser, random state and progress; a kill leaves the old file or the new one."""
        import torch

        if tuning.parallel and not tuning.parallel.is_main_process:
            return
        state = {
            "weights": tuning.forward.model.state_dict(),
            "optimiser": tuning.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "random_gpu": torch.cuda.get_rng_state(tuning.where) if tuning.where.type == "cuda" else None,
            "progress": {item.name: getattr(progress, item.name) for item in dataclasses.fields(progress)},
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        half = self.path.with_suffix(f".{os.getpid()}.half")
        torch.save(state, half)
        half.replace(self.path)

    def restore(self, tuning: FineTuning) -> Progress | None:
        """Put the saved state back; None when there is no checkpoint."""
        import torch

        from naba.models.encoder_training import Progress

        if not self.path.is_file():
            return None
        state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        tuning.forward.model.load_state_dict(state["weights"])
        tuning.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        if state["random_gpu"] is not None and tuning.where.type == "cuda":
            torch.cuda.set_rng_state(state["random_gpu"], tuning.where)
        return Progress(**state["progress"])

    def clear(self) -> None:
        """Delete the checkpoint: the training is done."""
        self.path.unlink(missing_ok=True)
