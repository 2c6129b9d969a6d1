"""Files that are not what they should be: one clear message each, naming file and row, and exit code 2."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from naba import cli

if TYPE_CHECKING:
    from pathlib import Path

STANCE = "github/latynt/ans/9c5f313ab225880b9f60f4e795e6afb4da3352c8/data/stance"
GOOD = "id,headline,claim,label,split\n" + "".join(
    f'{number},"نص رقم {number}","ادعاء {number % 3}",{"agree" if number % 2 else "disagree"},'
    f"{('train', 'train', 'validation', 'test')[number % 4]}\n"
    for number in range(40)
)
YAML = """
name: mine
task: stance
pair: true
labels: {{agree: تأييد, disagree: معارضة}}
primary_metric: macro_f1
source:
  folder: {folder}
  files: [{{path: mine.csv}}]
columns: {{id: id, text: headline, target: claim, label: label, split: split}}
licence: own
citation: own
"""


def train(content: str | bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    file = tmp_path / "mine.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "conf" / "dataset" / "mine.yaml").write_text(YAML.format(folder=tmp_path), encoding="utf-8")
    monkeypatch.setenv("NABA_CONF", str(tmp_path / "conf"))
    return cli.main(["train", "dataset=mine", "model=tfidf_nb", "tracking=off", "evaluation.resamples=50"])


def test_the_good_file_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(GOOD, tmp_path, monkeypatch) == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD[: GOOD.rindex("disagree") - 8], ["mine.csv", "row"]),
        (GOOD.replace(",disagree,", ",disagre,", 1), ["mine.csv", "disagre", "did you mean 'disagree'", "row 1"]),
        (GOOD.replace("headline", "headlin", 1), ["mine.csv", "'headline'", "did you mean 'headlin'"]),
        ("", ["mine.csv", "empty"]),
        (GOOD.replace("5,", "4,", 1), ["mine.csv", "'4'"]),
        (GOOD.encode().replace("نص".encode(), b"\xff\xfe\xfa", 1), ["mine.csv"]),
        (GOOD.splitlines()[0] + "\n", ["mine.csv"]),
    ],
    ids=["truncated row", "unknown label", "missing column", "empty file", "id twice", "bad bytes", "header only"],
)
def test_each_fault_is_named(
    content: str | bytes,
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train(content, tmp_path, monkeypatch) == 2
    error = capsys.readouterr().err
    for part in said:
        assert part in error
    assert "Traceback" not in error


@pytest.mark.mirror
def test_one_changed_byte_in_a_mirror_is_refused(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(mirror / STANCE, tmp_path / STANCE)
    file = tmp_path / STANCE / "test.csv"
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)
    monkeypatch.setenv("NABA_MIRROR", str(tmp_path))
    assert cli.main(["train", "dataset=ans_stance", "model=majority", "tracking=off"]) == 2
    error = capsys.readouterr().err
    assert "test.csv" in error
    assert "d47c360122ebb8da6ca52b07b2796ecfb3cf28dea00a4fbfc8f10d32c54f89cd" in error
    assert bytes(content) == file.read_bytes()
