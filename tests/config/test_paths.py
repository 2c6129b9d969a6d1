"""Paths of a user's own files are kept whole, so that a run can be done again from another folder."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from naba import config
from naba.cli import main
from naba.config import overrides as command_line

CASE = Path(__file__).resolve().parents[1] / "data" / "cases" / "reproduce-cwd"
QUICK = ["evaluation.resamples=20", "tracking.figures=false"]


@pytest.mark.parametrize("name", ["it's (mine), 100% $x.csv", "أخبار a b/c=d.csv"])
def test_a_path_on_the_command_line_becomes_absolute_whatever_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    shutil.copy(CASE / "minus.csv", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    escaped = name.replace("'", "\\'")
    plan = command_line.plan(["dataset=file", f"dataset.path='{escaped}'"], multirun=False)
    for folder in (tmp_path, Path("/")):
        monkeypatch.chdir(folder)
        assert config.check(command_line.compose(plan.overrides)).dataset.path == str(tmp_path / name)
        again = command_line.plan(plan.overrides, multirun=False)
        assert config.check(command_line.compose(again.overrides)).dataset.path == str(tmp_path / name)


def test_several_files_of_a_sweep_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.csv", "b.csv"):
        shutil.copy(CASE / "minus.csv", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    plan = command_line.plan(["dataset=file", "dataset.path=a.csv,b.csv"], multirun=True)
    assert plan.overrides[-1] == f"dataset.path='{tmp_path / 'a.csv'}','{tmp_path / 'b.csv'}'"


def test_what_is_no_file_here_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("text,label\n", encoding="utf-8")
    hub = ["dataset=hub", "dataset.repo_id=owner/name", f"dataset.revision={'a' * 40}", "+dataset.path=data.csv"]
    assert config.plain_dict(command_line.compose(hub))["dataset"]["path"] == "data.csv"
    assert config.check(command_line.compose(["model=marbert_v2"])).model["checkpoint"] == "UBC-NLP/MARBERTv2"
    (tmp_path / "mine").mkdir()
    composed = command_line.compose(["model=calibrated", "model@model.classifier=marbert_v2"])
    composed.model.classifier.checkpoint = "mine"
    assert config.check(composed).model["classifier"]["checkpoint"] == str(tmp_path / "mine")


@pytest.mark.slow  # more shortly: the case `reproduce-cwd` of tests/test_cases.py
def test_a_run_on_a_relative_path_is_reproduced_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(CASE / "minus.csv", tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["train", "dataset=file", "dataset.path=minus.csv", "model=tfidf_nb", *QUICK]) == 0
    monkeypatch.chdir(tmp_path / "elsewhere")
    capsys.readouterr()
    assert main(["reproduce", "tfidf_nb minus stratified seed 0"]) == 0
    assert "byte-equal" in capsys.readouterr().out
    assert main(["show", "tfidf_nb minus stratified seed 0"]) == 0
    (command,) = (line for line in capsys.readouterr().out.splitlines() if "naba train" in line)
    arguments = shlex.split(command[command.index("naba train") :])[1:]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("found")
    assert not list(Path.cwd().iterdir())
