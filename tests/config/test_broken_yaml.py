"""One file that cannot be read stops its own line only, and whoever chooses it gets one message with its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from naba import cli
from naba.data import catalogue

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = {
    "cut": b"name: [",
    "bytes": b"\xe2\x28\xa1 name: x\n",
    "list": b"- a\n- b\n",
    "bomb": b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (new, new, b",".join([b"*%c" % old] * 10))
        for old, new in zip(b"abcde", b"bcdef", strict=True)
    )
    + b"g: *f\n",
    "deep": b"a: " + b"[" * 1000 + b"]" * 1000 + b"\n",
    "itself": b"a: &a [*a]\n",
    "nothing": b"",
}
"""Name -> content; the bomb stands for a million values, and a parser that follows it takes gigabytes."""


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for group in ("dataset", "model", "experiment"):
        (tmp_path / "conf" / group).mkdir(parents=True)
        for name, content in BROKEN.items():
            (tmp_path / "conf" / group / f"{name}.yaml").write_bytes(content)
        (tmp_path / "conf" / group / "leads_nowhere.yaml").symlink_to("/nowhere")
        (tmp_path / "conf" / group / "a_folder.yaml").mkdir()
        (tmp_path / "conf" / group / "kinds.yaml").write_text("name: kinds\naccepts: 5\nlabels: [a]\ndescription: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "conf"


@pytest.mark.parametrize("kind", ["datasets", "models", "experiments"])
def test_lists_go_on(kind: str, conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", kind]) == 0
    printed, said = capsys.readouterr()
    assert {"datasets": "synthetic_stance", "models": "tfidf_nb", "experiments": "quickstart"}[kind] in printed
    unread = {"experiments": ["leads_nowhere"]}.get(kind, [*BROKEN, "leads_nowhere", "kinds"])
    assert [name for name in unread if f"{name}.yaml" not in said] == []
    assert "a_folder" not in printed + said


def test_data_sets_that_are_here_and_checks_go_on(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "synthetic_stance" in catalogue.here()
    assert not set(BROKEN).intersection(catalogue.here())
    assert cli.main(["check", "bomb", "synthetic_claim_type", "--quick"]) == 1
    printed = capsys.readouterr().out
    # A table breaks the long path of the file wherever its column ends.
    assert re.search(r"N01Readableerror.*bomb\.yaml", re.sub(r"\s+", "", printed))
    assert "synthetic_claim_type  " in printed
    assert cli.main(["data", "stats", "deep", "synthetic_claim_type"]) == 1
    printed, said = capsys.readouterr()
    assert "synthetic_claim_type" in printed
    assert "deep.yaml" in said


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("choice", ["dataset={}", "model={}", "+experiment={}"])
def test_a_choice_of_one_is_one_message(name: str, choice: str, conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", choice.format(name), "--cfg", "job"]) == 2
    said = capsys.readouterr().err
    assert f"{name}.yaml" in said
    assert "Traceback" not in said
    assert len(said) < 1500
