"""Files of articles and of claims: what can be read is read exactly; the rest is one clear message."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from naba import cli
from naba.analysis.article import Claim
from naba.analysis.reading import Source, read_claims, sources
from naba.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "قال الوزير إن العمل جار.\r\nثم صمت.\n"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1256"])
def test_the_text_is_the_file(tmp_path: Path, encoding: str) -> None:
    file = write(tmp_path / "a.txt", (TEXT * 9).encode(encoding))
    text, about = Source(file, "a").read()
    assert text == TEXT * 9
    assert bool(about.notes) is (encoding == "windows-1256")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "a.txt: the file is empty"),
        ("a.txt", b"\xef\xbb\xbf \n", "a.txt: the file is empty"),
        ("a.txt", ("نص عربي " * 50).encode() + b"\n\xff\xfe\xfa", r"a.txt: line 2: the bytes .* are not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Source(write(tmp_path / name, content), "a").read()


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode())))
    (source,) = sources(["-"])
    assert source.read()[0] == TEXT


def test_folders_are_read_below_and_names_stay_apart(tmp_path: Path) -> None:
    for name in ("in/b.txt", "in/deep/a.html", "in/deep/a.txt", "in/image.png", "b.txt"):
        write(tmp_path / name, TEXT)
    found = sources([str(tmp_path / "in"), str(tmp_path / "b.txt")])
    assert [one.name for one in found] == ["b", "deep/a", "deep/a-2", "b-2"]


@pytest.mark.parametrize(
    ("given", "message"), [("nowhere.txt", "no such file"), (".", "no articles in this folder"), ("- -", "read once")]
)
def test_arguments_that_name_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        sources(given.split())


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("c.csv", "id,text\n7,الأول\n8,الثاني\n", [Claim("7", "الأول"), Claim("8", "الثاني")]),
        ("c.csv", "claim\nالأول\n", [Claim("c1", "الأول")]),
        ("c.csv", "id,text\nc1,الأول\n,الثاني\n", [Claim("c1", "الأول"), Claim("c2", "الثاني")]),
        ("c.jsonl", json.dumps({"id": "a", "text": "نص"}), [Claim("a", "نص")]),
        ("c.txt", "الأول، مع فاصلة\n\nالثاني\n", [Claim("c1", "الأول، مع فاصلة"), Claim("c2", "الثاني")]),
    ],
)
def test_claims_are_read(tmp_path: Path, name: str, content: str, expected: list[Claim]) -> None:
    assert read_claims(write(tmp_path / name, content)) == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.csv", "identity,texts\n1,نص\n", "unknown column 'text'; did you mean 'texts'"),
        ("c.csv", "id,text\n1,\n", "row 1.*the claim has no text"),
        ("c.csv", "id,text\n7,نص\n7,آخر\n", "row 2.*the id '7' is another claim's already"),
        ("c.csv", "", "the file is empty"),
        ("c.jsonl", "{", "c.jsonl"),
    ],
)
def test_claims_that_cannot_be_read(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_claims(write(tmp_path / name, content))


def test_a_hint_about_claims_names_an_option_that_naba_analyse_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], own_home: Path
) -> None:
    article = write(tmp_path / "article.txt", "قال الوزير إن العمل جار.")
    claims = write(tmp_path / "claims.csv", "text;id\nالعمل جار، وبسرعة;1\nالعمل متوقف;2\n")
    command = ["analyse", str(article), "--claim-type", "none", "--stance", "none", "-o", str(tmp_path / "out")]
    assert cli.main([*command, "--claims", str(claims)]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "the delimiter looks like ';' and is read as that; --claims-delimiter ',' says otherwise" in said
    assert cli.main([*command, "--claims", str(claims), "--claims-delimiter", ","]) == 2
    assert "unknown column 'text'" in capsys.readouterr().err
    older = tmp_path / "older.csv"
    older.write_bytes("id,text\n1,العمل جار\n".encode("windows-1256"))
    assert cli.main([*command, "--claims", str(older), "--claims-encoding", "windows-1256"]) == 0
