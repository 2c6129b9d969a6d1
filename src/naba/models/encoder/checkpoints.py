"""Checkpoints of a training on disk, so that a killed one goes on where it was."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pickle
import time
import warnings
from typing import TYPE_CHECKING, Any

from naba import files

if TYPE_CHECKING:
    from pathlib import Path

    from naba.models.encoder.training import FineTuning, Progress

logger = logging.getLogger(__name__)

SHARE = 1 / 20
"""Of the time of a training that checkpoints may take."""
WORTH_SPARING = 1.0
"""Seconds that a checkpoint takes, from which on it is left out at times."""
LONGEST = 600.0
"""Seconds between two checkpoints within an epoch, however many steps there are."""
_PARTS = ("weights", "optimiser", "random", "random_gpu", "progress")


class Store:
    """The checkpoint of one training, in one file.

    Args:
        folder: where the file is; made if needed.
        identity: digest of all that the training depends on; another training's checkpoint has another name.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / f"training-{identity[:16]}.pt"
        self.took = 0.0
        self.saved = time.monotonic()

    def is_due(self, *, regular: bool) -> bool:
        """Is it time for a checkpoint?

        Args:
            regular: it is one of those that come after an epoch or so many steps. Those of a large model are left out
                where saving would take more than `SHARE` of the time; between them there is one every `LONGEST`.
        """
        passed = time.monotonic() - self.saved
        if self.took > WORTH_SPARING and passed * SHARE < self.took:
            return False
        return regular or passed > LONGEST

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
        begun = time.monotonic()
        with files.sealed(self.path) as part:
            torch.save(state, part)
        first, self.saved = not self.took, time.monotonic()
        self.took = self.saved - begun
        if first and self.took > WORTH_SPARING:
            logger.warning(
                "a checkpoint, to go on from after a kill: %s, %.1f GB; it is replaced as the training goes on, takes "
                "a twentieth of the time at most, and is deleted at the end", self.path, self.path.stat().st_size / 1e9,
            )  # fmt: skip

    def restore(self, tuning: FineTuning) -> Progress | None:
        """Put the saved state back; None when there is no checkpoint.

        One that cannot be read (damaged, or of other weights) is named and left aside: the training starts again. So it
        does where processes that train together do not all have the same checkpoint.
        """
        seal, state, problem = self._found(tuning)
        if tuning.parallel:
            from accelerate.utils import gather_object

            # Here a slower process has read the file, too; the first one deletes it when all is done.
            found: list[tuple[str, str]] = gather_object([(seal, problem)])
            problem = next((other for _, other in found if other), "")
            if len({other for other, _ in found}) > 1:
                state, problem = None, problem or "is not the same for every process"
        if problem and (not tuning.parallel or tuning.parallel.is_main_process):
            logger.warning("the training starts again from the beginning: checkpoint %s %s", self.path, problem)
        return None if state is None else self._apply(state, tuning)

    def _found(self, tuning: FineTuning) -> tuple[str, dict[str, Any] | None, str]:
        """(seal of the file, saved state, ""), or ("", None, what is wrong with the file, if there is one)."""
        try:
            return *self._read(tuning), ""
        except FileNotFoundError:
            return "", None, ""
        except (RuntimeError, ValueError, TypeError, KeyError, AttributeError, EOFError, OSError,
                pickle.UnpicklingError) as error:  # fmt: skip
            return "", None, f"cannot be read ({str(error).partition(chr(10))[0][:100] or type(error).__name__})"

    def _read(self, tuning: FineTuning) -> tuple[str, dict[str, Any]]:
        """The seal of the file and the saved state, looked at before anything of the training is changed."""
        import torch

        from naba.models.encoder.training import Progress

        seal = files.seal(self.path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about files that are none of ours
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        wanted = {name: value.shape for name, value in tuning.forward.model.state_dict().items()}
        if {name: value.shape for name, value in state["weights"].items()} != wanted:
            raise ValueError("it holds weights of another model")
        progress = {item.name for item in dataclasses.fields(Progress)}
        if state.keys() != {*_PARTS} or state["progress"].keys() != progress:
            raise ValueError("it holds other parts than a checkpoint of this version")
        return seal, state

    def _apply(self, state: dict[str, Any], tuning: FineTuning) -> Progress:
        import torch

        from naba.models.encoder.training import Progress

        tuning.forward.model.load_state_dict(state["weights"])
        tuning.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        if state["random_gpu"] is not None and tuning.where.type == "cuda":
            torch.cuda.set_rng_state(state["random_gpu"], tuning.where)
        return Progress(**state["progress"])

    def clear(self, tuning: FineTuning) -> None:
        """Delete the checkpoint, what killed saves left beside it, and the folder if it is empty then."""
        if tuning.parallel and not tuning.parallel.is_main_process:
            return
        folder = self.path.parent
        for path in (self.path, *files.parts(self.path)):
            path.unlink(missing_ok=True)
        # Another training may keep its checkpoint there.
        with contextlib.suppress(OSError):
            folder.rmdir()
