"""What is said at the end of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from naba.cli import console
from naba.experiment.job import Outcome

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("where", ["sqlite:////home/mlflow.db", "http://host:5000", "mysql://host/runs", "databricks"])
def test_a_run_in_a_store_is_shown_next(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    console.print_outcome(Outcome("trained", "a model", "0123456789abcdef", where))
    assert "next: naba show 0123456789ab, naba compare, naba ui" in capsys.readouterr().out


def test_a_result_folder_is_not_read_by_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console.print_outcome(Outcome("trained", "a model", "0123456789abcdef", str(tmp_path)))
    assert "next:" not in capsys.readouterr().out
