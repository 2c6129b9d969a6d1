"""Own YAML files: one order everywhere, a note about a clash, and none of them makes Hydra run code."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from naba import config
from naba.cli import main
from naba.config import overrides as command_line
from naba.errors import UserError

CASE = Path(__file__).resolve().parents[1] / "data" / "cases" / "own-yaml-shadowed"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a `conf`, as an untrusted download may bring one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    return tmp_path / "conf"


def write(folder: Path, name: str, content: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


@pytest.mark.parametrize("named", ["current folder", "NABA_CONF", "--config-dir"])
def test_an_own_yaml_of_a_shipped_name_wins_in_every_command_and_is_said(
    named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from naba.config import folders

    folders._say_replaced.cache_clear()
    monkeypatch.chdir(CASE if named == "current folder" else CASE.parent)
    flags = ["--config-dir", str(CASE / "conf")] if named == "--config-dir" else []
    if named == "NABA_CONF":
        monkeypatch.setenv("NABA_CONF", str(CASE / "conf"))
    elif flags:
        monkeypatch.setenv("NABA_CONF", "")  # restored after the test: the flag sets it
    with caplog.at_level(logging.WARNING):
        assert main(["train", "model=tfidf_logreg", "dataset=ans_stance", "--cfg", "job", *flags]) == 0
    printed = capsys.readouterr()
    assert "C: 99.0" in printed.out
    assert "takes the place of naba's own 'tfidf_logreg'" in printed.err
    assert config.section("model", "tfidf_logreg")["C"] == 99.0
    composed = command_line.compose(["dataset=ans_stance"])
    assert config.check(composed).dataset == config.dataset_config("ans_stance")


def test_a_note_is_given_once_and_none_without_a_clash(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = config.yaml_path("model", "majority").read_text(encoding="utf-8")
    write(folder, "model/mine.yaml", text.replace("name: majority", "name: mine"))
    with caplog.at_level(logging.WARNING):
        config.section("model", "mine")
        command_line.compose(["model=mine"])
        assert not caplog.records
        write(folder, "model/majority.yaml", text)
        for _ in range(2):
            config.section("model", "majority")
            command_line.compose(["model=majority"])
    assert len(caplog.records) == 1


def test_a_train_yaml_of_another_program_is_not_taken_for_ours(folder: Path) -> None:
    write(folder, "train.yaml", "defaults: [nothing]\nhydra: {callbacks: {one: {_target_: os.system}}}\n")
    assert command_line.compose(["model=majority"]).seed == 0


PICKLE = """
import pickle, sys
class Payload:
    def __reduce__(self):
        return (open, (sys.argv[1], "w"))
pickle.dump(Payload(), open(sys.argv[2], "wb"))
"""
CALLBACK = "{ran: {_target_: joblib.load, filename: PAYLOAD}}"
EVIL = {
    "a callback": ("experiment/evil.yaml", "# @package _global_\nhydra:\n  callbacks: CALLBACK\n"),
    "a launcher": (
        "experiment/evil.yaml", "# @package _global_\nhydra:\n  launcher: {_target_: joblib.load, filename: PAYLOAD}\n",
    ),
    "a log handler": (
        "experiment/evil.yaml",
        "# @package _global_\nhydra:\n  job_logging: {handlers: {h: {(): joblib.load, filename: PAYLOAD}}}\n",
    ),
    "a search path": ("experiment/evil.yaml", "# @package _global_\nhydra:\n  searchpath: ['file:///elsewhere']\n"),
    "a sweeper": ("experiment/evil.yaml", "# @package _global_\nhydra:\n  sweeper: {_target_: joblib.load}\n"),
    "a swept callback": (
        "experiment/evil.yaml",
        "# @package _global_\nhydra:\n  sweeper:\n    params: {+hydra.callbacks.ran._target_: joblib.load}\n",
    ),
    "a package": (
        "experiment/evil.yaml", "# @package hydra.callbacks\nran: {_target_: joblib.load, filename: PAYLOAD}\n",
    ),
    "a package on a line of another kind": (
        "experiment/evil.yaml",
        "# @package hydra.job_logging\u2028handlers: {h: {class: logging.FileHandler, filename: PAYLOAD}}\n",
    ),
    "a package before a next line": ("experiment/evil.yaml", "# @package hydra.sweep\x85dir: PAYLOAD\n"),
    "a file for Hydra": (
        "experiment/evil.yaml", "# @package _global_\ndefaults:\n  - override /hydra/launcher: mine\n",
    ),
    "a default elsewhere": (
        "experiment/evil.yaml", "# @package _global_\ndefaults:\n  - /model@hydra.callbacks.ran: mine\n",
    ),
    "a target": ("experiment/evil.yaml", "# @package _global_\nseed: 1\nmodel: {classifier: {_target_: os.system}}\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", EVIL)
def test_yaml_of_the_current_folder_runs_no_code(kind: str, folder: Path, tmp_path: Path) -> None:
    name, content = EVIL[kind]
    ran, payload = tmp_path / "ran", tmp_path / "payload.pkl"
    subprocess.run([sys.executable, "-c", PICKLE, str(ran), str(payload)], check=True)
    write(folder, name, content.replace("CALLBACK", CALLBACK).replace("PAYLOAD", str(payload)))
    write(folder, "hydra/launcher/mine.yaml", f"_target_: joblib.load\nfilename: {payload}\n")
    with pytest.raises(UserError, match="own YAML files describe experiments and cannot do that"):
        command_line.compose(["+experiment=evil"], with_hydra=True)
    done = subprocess.run(
        [sys.executable, "-m", "naba.cli", "train", "+experiment=evil", "model=majority", "tracking=off", "-m"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "NABA_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("cannot do that") == 1
    assert not ran.exists()


def test_a_launcher_of_the_current_folder_is_not_started(folder: Path) -> None:
    write(folder, "hydra/launcher/mine.yaml", "_target_: os.system\n")
    with pytest.raises(UserError, match="a part of Hydra's own configuration"):
        command_line.compose(["hydra/launcher=mine"], with_hydra=True)


def test_a_folder_that_is_named_and_vouched_for_may_set_hydra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "experiment/mine.yaml", "# @package _global_\nhydra: {callbacks: {one: {_target_: my.Callback}}}\n")
    monkeypatch.setenv("NABA_CONF_TRUSTED", "1")
    with pytest.raises(UserError, match=r"hydra\.callbacks\.one"):
        command_line.compose(["+experiment=mine"], with_hydra=True)
    monkeypatch.setenv("NABA_CONF", str(folder))
    composed = command_line.compose(["+experiment=mine"], with_hydra=True)
    assert composed.hydra.callbacks.one._target_ == "my.Callback"
    monkeypatch.delenv("NABA_CONF_TRUSTED")
    with pytest.raises(UserError, match=r"hydra\.callbacks\.one"):
        command_line.compose(["+experiment=mine"], with_hydra=True)


def test_an_own_experiment_may_sweep(folder: Path) -> None:
    sweep = "# @package _global_\nhydra: {sweeper: {params: {model: 'majority,tfidf_nb', seed: '0,1'}}}\n"
    write(folder, "experiment/mine.yaml", sweep)
    assert command_line.plan(["+experiment=mine"], multirun=False).jobs == 4


def test_a_folder_with_experiments_alone_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "conf", "experiment/mine.yaml", "# @package _global_\nseed: 5\n")
    monkeypatch.chdir(tmp_path)
    assert "mine" in config.names("experiment")
    assert command_line.compose(["+experiment=mine"]).seed == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 1000 + "]" * 1000, "nested too deeply"),
        ("a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{new}: &{new} [{','.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
        ), "values"),
        ("a: &a\n  b: *a\n", "alias inside itself"),
        ("name: [unclosed", r"bad\.yaml"),
        ("- a\n- b\n", "expected keys and values"),
        ("name: \"\\ud800\"\nx: !!python/object/apply:os.system [true]\n", r"bad\.yaml"),
    ],
)  # fmt: skip
def test_yaml_that_cannot_be_read_is_one_message_and_stops_only_its_own_line(
    content: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for group in ("model", "dataset", "experiment"):
        write(folder, f"{group}/bad.yaml", content)
    with pytest.raises(UserError, match=message):
        config.section("model", "bad")
    with pytest.raises(UserError, match=r"bad\.yaml"):
        command_line.compose(["model=bad"])
    capsys.readouterr()
    for kind, there in (("models", "tfidf_logreg"), ("datasets", "ans_stance"), ("experiments", "quickstart")):
        assert main(["list", kind]) == 0
        shown = capsys.readouterr()
        assert there in shown.out
        assert "Traceback" not in shown.err
    # What takes pairs can still be named when another model is wrong.
    with pytest.raises(UserError, match="choose one of"):
        command_line.plan(["dataset=synthetic_stance", "model=claim_linear"], multirun=False)
