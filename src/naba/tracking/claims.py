"""One training of an identity at a time, whichever processes and machines share the store. Part of the door to MLflow.

A claim is a RUNNING run with the identity as its tag. The store needs no locks for it: each process raises its flag
(makes its run), then looks at the others', and goes on only if there are none. Of any two, the one that looks later
sees the other; of two that see each other, the one with the larger run id takes its flag down. A flag says that its
owner lives: by process number on the same machine, and by a tag that changes every few seconds on others.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from naba import machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient
    from mlflow.entities import Run

HEARTBEAT_SECONDS = 15.0
SILENT_SECONDS = 120.0
"""A process of another machine that gives no sign of life for so long is taken for dead."""
LOOK_SECONDS = 1.0
SETTLE_SECONDS = 3.0

_seen: dict[str, tuple[str, float]] = {}
"""Run -> the last sign of life this process saw, and when, by its own clock: clocks of machines differ."""
_looked_through: set[tuple[str, str]] = set()
"""(Store, experiment) whose dead runs this process has ended."""


class TakenError(Exception):
    """Another process trains this identity now, or has just done so. `owner` names it."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"taken by {owner}")
        self.owner = owner


class Claims:
    """The claims in one experiment of an MLflow store."""

    def __init__(self, client: MlflowClient, experiment_id: str) -> None:
        self.client = client
        self.experiment_id = experiment_id

    def others(self, identity: str, own: str = "") -> list[Run]:
        """Runs of living processes that hold the identity, but for `own`; those of dead ones end as KILLED."""
        runs = self.client.search_runs(
            [self.experiment_id],
            filter_string=f"attributes.status = 'RUNNING' and tags.`naba.identity` = '{identity}'",
        )
        return [run for run in runs if run.info.run_id != own and not self._ended(run)]

    def end_dead(self, store: str) -> None:
        """End the runs that processes of this machine left RUNNING when they were killed, whatever they trained.

        Once in a process for each experiment of a store: later, claims are looked at when their identity is wanted.
        """
        if (store, self.experiment_id) in _looked_through:
            return
        _looked_through.add((store, self.experiment_id))
        for run in self.client.search_runs([self.experiment_id], filter_string="attributes.status = 'RUNNING'"):
            if machine.is_dead(run.data.tags.get("naba.process", "")):
                self._ended(run)

    def check(self, identity: str) -> None:
        """Raises:
        TakenError: somebody holds the identity.
        """
        if found := self.others(identity):
            raise TakenError(owner(found[0]))

    def settle(self, identity: str, own: str) -> None:
        """Once the own flag is up: may training begin?

        Raises:
            TakenError: no; the own flag must come down.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        while found := self.others(identity, own):
            if min(run.info.run_id for run in found) < own or time.monotonic() > deadline:
                raise TakenError(owner(found[0]))
            time.sleep(LOOK_SECONDS / 10)

    def wait(self, identity: str) -> None:
        """Until nobody holds the identity."""
        while self.others(identity):
            time.sleep(LOOK_SECONDS)

    def _ended(self, run: Run) -> bool:
        run_id, process = run.info.run_id, run.data.tags.get("naba.process", "")
        if machine.is_dead(process):
            reason = "the process was killed"
        elif _is_silent(run):
            reason = f"no sign of life of {owner(run)} for {SILENT_SECONDS:g} s"
        else:
            return False
        # It may have come to its end since it was read.
        if self.client.get_run(run_id).info.status == "RUNNING":
            self.client.set_tag(run_id, "naba.error", reason)
            self.client.set_terminated(run_id, "KILLED")
        return True


def owner(run: Run) -> str:
    """The process of a run, for people: `process 4711 on desk3`."""
    host, _, rest = run.data.tags.get("naba.process", "").partition(" ")
    number = rest.partition(" ")[0]
    return f"process {number} on {host.partition('/')[0]}" if number else "another process"


def _is_silent(run: Run) -> bool:
    sign, now = run.data.tags.get("naba.heartbeat", ""), time.monotonic()
    before, since = _seen.get(run.info.run_id, ("", now))
    if before != sign or run.info.run_id not in _seen:
        _seen[run.info.run_id] = (sign, now)
        return False
    return now - since > SILENT_SECONDS


@contextlib.contextmanager
def heartbeat(client: MlflowClient, run_id: str) -> Iterator[None]:
    """Signs of life of a run while the block lasts; a store that cannot be reached for a while costs nothing else."""
    from mlflow.exceptions import MlflowException

    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(MlflowException):
                client.set_tag(run_id, "naba.heartbeat", f"{time.time():.3f}")

    thread = threading.Thread(target=beat, name="naba-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(HEARTBEAT_SECONDS)
