"""The Dockerfile's steps, replayed in a folder and a virtual environment of their own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def instructions() -> list[tuple[str, str]]:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    return [(line.split()[0], line.partition(" ")[2]) for line in lines if line and not line.startswith("#")]


@pytest.mark.slow
def test_the_steps_of_the_dockerfile_give_a_working_naba(tmp_path: Path) -> None:
    work, home = tmp_path / "work", tmp_path / "runs"
    work.mkdir()
    venv.create(tmp_path / "venv", with_pip=True)
    # What naba depends on is taken from the environment of the tests, so that nothing is downloaded again.
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    (site / "shared.pth").write_text(str(Path(pytest.__file__).parents[1]), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NABA_", "PYTHON"))}
    environment |= {"PATH": f"{tmp_path / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}", "NABA_HOME": str(home)}
    entry: list[str] = []
    for name, arguments in instructions():
        if name == "COPY":
            *sources, target = shlex.split(arguments)
            for source in sources:
                place = work / target if len(sources) == 1 else work / target / source
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                copy(ROOT / source, place)
        elif name == "RUN":
            command = arguments.replace("pip install", "pip install --no-build-isolation --no-deps --quiet")
            run = {"cwd": work, "env": environment, "capture_output": True, "text": True}
            done = subprocess.run(command, shell=True, check=False, **run)
            assert done.returncode == 0, done.stderr
        elif name == "ENTRYPOINT":
            entry = json.loads(arguments)
        else:
            assert name in {"FROM", "ARG", "WORKDIR", "ENV", "EXPOSE", "CMD"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [*entry, "train", "model=majority", "tracking=off", "evaluation.resamples=50"]
    done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "macro_f1" in done.stdout
    where = ["python", "-c", "import naba; print(naba.__file__)"]
    found = subprocess.run(where, cwd=elsewhere, env=environment, capture_output=True, text=True, check=True).stdout
    assert str(tmp_path / "venv") in found
