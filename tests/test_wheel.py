"""An installed wheel works outside the repository: its configurations and embedded corpora travel with it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_wheel_trains_outside_the_repository(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path / "dist"),
        str(ROOT),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    shipped = [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("naba/shipped/")]
    assert "naba/shipped/conf/experiment/quickstart.yaml" in shipped
    assert {Path(name).suffix for name in shipped if name.startswith("naba/shipped/conf/")} == {".yaml"}
    assert not [name for name in shipped if name.endswith(".py")]
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "NABA_HOME"}
    environment["PYTHONPATH"] = str(installed)

    def naba(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "naba.cli", *arguments],
            cwd=elsewhere, env=environment, capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = subprocess.run(
        [sys.executable, "-c", "import naba; print(naba.__file__)"],
        cwd=elsewhere, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(installed) in where.stdout
    assert "ans_stance" in naba("list", "datasets")
    assert "quickstart" in naba("list", "experiments")
    assert "article_${dataset.task}" in naba("train", "+experiment=quickstart", "--cfg", "job")
    said = naba(
        "train", "model=majority", "tracking=off", "evaluation.also=[article_stance]", "evaluation.resamples=50"
    )
    assert "article_stance" in said
    assert list((elsewhere / "runs" / "results").glob("*/*/run.json"))
