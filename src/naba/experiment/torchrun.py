"""What the processes of torchrun agree on before they train together."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import time
from datetime import timedelta
from functools import cache
from typing import Any

from naba import machine
from naba.errors import UserError

LOOK_SECONDS, HEARD_SECONDS = 0.2, 60
"""Between two looks of a further process; for the first one to be heard by all of them."""
_turns = itertools.count()


class Decision:
    """What the processes of torchrun must agree on before they train together: is there anything to train?

    The first process keeps the run, so it alone learns that the run is finished, or that another process trains the
    same. The others would begin without it, and wait in their first exchange of gradients for ever. Each process makes
    one of these for each training, in the same order.

    Attributes:
        number: of this process; 0 decides, and is alone where nothing started several.
    """

    def __init__(self) -> None:
        self.number, self.count = machine.processes()
        self.key = f"naba/{next(_turns)}"
        self.store = _store() if self.count > 1 else None
        self.said = False

    def say(self, *, train: bool) -> None:
        """As the first process: the others train too, or end; only the first word counts."""
        if self.store is None or self.said:
            return
        from torch.distributed import DistError

        self.said = True
        self.store.set(self.key, "train" if train else "end")
        if not train:
            # The store may live in this process, which ends now.
            with contextlib.suppress(DistError):
                heard = [f"{self.key}/{number}" for number in range(1, self.count)]
                self.store.wait(heard, timedelta(seconds=HEARD_SECONDS))

    def hear(self) -> bool:
        """As any other process: wait for what the first one says. Is there something to train?

        Raises:
            UserError: the first process has ended without a word.
        """
        if self.store is None:
            return True
        from torch.distributed import DistError

        try:
            while not self.store.check([self.key]):
                time.sleep(LOOK_SECONDS)
            train = bool(self.store.get(self.key) == b"train")
            self.store.set(f"{self.key}/{self.number}", "heard")
        except DistError as error:
            raise UserError("the first process of torchrun has ended", "its own message says why") from error
        return train


@cache
def _store() -> Any:
    """The key-value store that torchrun gives its processes; None where something else has set WORLD_SIZE."""
    named = all(name in os.environ for name in ("MASTER_ADDR", "MASTER_PORT", "RANK"))
    if not named or importlib.util.find_spec("torch") is None:
        return None
    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(iter(rendezvous("env://")))
    return store
