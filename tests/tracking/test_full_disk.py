"""A disk that takes no more: one sentence with the path, what was there before stays, and the next call works."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from naba import cli, tracking
from naba.config import overrides as command_line
from naba.experiment import run as train
from store_copies import copy_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPTIONS = ["evaluation.resamples=50", "tracking.figures=false"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("only root can make a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, spare: int = 0) -> Path:
    """Leave `spare` bytes of room."""
    file = folder / "filler"
    with file.open("wb") as stream:
        free = os.statvfs(folder)
        stream.write(b"x" * max(0, free.f_bavail * free.f_frsize - spare))
    return file


def said(capsys: pytest.CaptureFixture[str]) -> str:
    words = capsys.readouterr().err
    for part in ("Traceback", "[SQL", "sqlalche.me", "shutil"):
        assert part not in words
    return words


@pytest.mark.slow
def test_a_store_that_cannot_be_made(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = small_disk / "home"
    monkeypatch.setenv("NABA_HOME", str(home))
    filler = fill(small_disk, 100_000)
    assert cli.main(["train", "model=majority", *OPTIONS]) in {1, 2}
    words = said(capsys)
    assert str(home / "mlflow.db") in words
    assert "full" in words
    assert [path.name for path in home.iterdir() if path.suffix != ".lock" and path.name != "logs"] == []
    filler.unlink()
    assert cli.main(["train", "model=majority", *OPTIONS]) == 0


@pytest.mark.parametrize(
    "spare", [pytest.param(0, marks=pytest.mark.slow), pytest.param(20_000, marks=pytest.mark.slow), 60_000]
)
def test_a_run_that_finds_no_room(
    spare: int, small_disk: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NABA_HOME", str(small_disk))
    copy_store(empty_store, small_disk)
    filler = fill(small_disk, spare)
    command = ["train", "model=tfidf_nb", *OPTIONS]
    assert cli.main(command) in {1, 2}
    words = said(capsys)
    assert str(small_disk) in words
    assert "full" in words or "No space left" in words
    filler.unlink()
    for run in tracking.search(finished=False):
        assert "[SQL" not in run.error
    assert cli.main(command) == 0
    assert [run.status for run in tracking.search(finished=False)].count("RUNNING") == 0
    assert len(tracking.search()) == 1


def test_exports_and_pages(store: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train.run(command_line.compose(["model=tfidf_nb", "model.characters_to=0", *OPTIONS]))
    board = small_disk / "board.html"
    assert cli.main(["compare", "--resamples", "50", "--html", str(board)]) == 0
    before = board.read_bytes()
    fill(small_disk)
    capsys.readouterr()
    assert cli.main(["compare", "--resamples", "50", "--html", str(board)]) == 1
    assert said(capsys) == f"naba: No space left on device: {board}\n"
    assert board.read_bytes() == before
    export = small_disk / "export"
    assert cli.main(["export", run.run, str(export)]) == 1
    words = said(capsys)
    assert words.startswith(f"naba: No space left on device: {small_disk}")
    assert sorted(path.name for path in small_disk.iterdir()) == ["board.html", "filler"]


@pytest.mark.slow
def test_a_result_folder_that_finds_no_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NABA_HOME", str(small_disk))
    filler = fill(small_disk, 30_000)
    command = ["train", "model=tfidf_nb", "tracking=off", *OPTIONS]
    assert cli.main(command) == 1
    assert "No space left on device: " in said(capsys)
    filler.unlink()
    assert cli.main(command) == 0
    shutil.rmtree(small_disk / "results")
