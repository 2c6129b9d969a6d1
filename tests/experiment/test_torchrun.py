"""Processes of torchrun train together, or end together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from naba import machine
from naba.errors import UserError
from naba.experiment.torchrun import Decision
from naba.models.encoder import training
from torchrun import run_two

if TYPE_CHECKING:
    from pathlib import Path

SHARED = """
import json, pathlib, sys
from naba.config import overrides as command_line
from naba.experiment import run as train
from naba.tracking.claims import TakenError
folder, rank = pathlib.Path(sys.argv[1]), int(sys.argv[2])
chosen = ["dataset=synthetic_claim_type", "model=majority", "tracking=off", "evaluation.resamples=50"]
cfg = command_line.compose(chosen)
fits, statuses, tracked, fit = [], [], train._train, train.fit
def counted(*given):
    fits.append(len(statuses))
    fit(*given)
def taken(*given):
    raise TakenError("process 4711 on desk3")
train.fit = counted
for function in (taken, tracked, tracked):
    train._train = function
    statuses.append(train.run(cfg, wait=False).status)
(folder / f"said{rank}.json").write_text(json.dumps([statuses, fits]))
"""


@pytest.mark.slow
def test_what_the_first_process_does_not_train_no_other_trains(tmp_path: Path) -> None:
    """Taken by another process, then trained, then found: the second process fits the second time alone."""
    run_two(SHARED, tmp_path, NABA_HOME=str(tmp_path))
    said = [json.loads((tmp_path / f"said{rank}.json").read_text()) for rank in range(2)]
    assert said == [[["taken", "trained", "found"], [1]], [["found", "trained", "found"], [1]]]
    assert len(list(tmp_path.glob("results/*/*/run.json"))) == 1


def test_a_number_of_processes_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "two")
    for counts in (machine.processes, training._parallel):
        with pytest.raises(UserError, match="WORLD_SIZE is 'two', expected a whole number"):
            counts()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "")
    with pytest.raises(UserError, match="RANK is ''"):
        machine.processes()


def test_a_process_alone_needs_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    decision = Decision()
    decision.say(train=False)
    assert (decision.number, decision.store, decision.hear()) == (0, None, True)
