"""Jobs that read standard input: they can be interrupted but not resumed, and the message says so."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from naba import cli
from naba.config import overrides
from naba.experiment import run
from naba.predict import output as predict_output
from naba.predict.locate import locate
from store_copies import home_with_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> str:
    home = tmp_path_factory.mktemp("piped")
    with home_with_store(empty_store, home):
        quick = ["evaluation.resamples=50", "tracking.figures=false"]
        run.run(overrides.compose(["dataset=synthetic_claim_type", "model=majority", *quick]))
        return str(locate("majority synthetic_claim_type seed 0"))


def test_a_job_from_standard_input_is_not_gone_on_with(
    classifier: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.csv"
    arguments = ["predict", classifier, "-o", str(output), "--batch", "10"]
    headlines = "".join(f"ارتفاع أسعار النفط {number}\n" for number in range(30))

    def piped() -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(headlines.encode())))

    def interrupted(self: object) -> None:
        raise KeyboardInterrupt

    piped()
    with monkeypatch.context() as patch:
        patch.setattr(predict_output.Committed, "finish", interrupted)
        assert cli.main(arguments) == 130
    assert not output.exists()
    capfd.readouterr()
    piped()
    assert cli.main(arguments) == 2
    said = capfd.readouterr().err
    assert "standard input cannot be read again from where that job stopped" in said
    assert "--overwrite starts again" in said
    piped()
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert len(output.read_text(encoding="utf-8").splitlines()) == 31
