"""`naba analyse`: files in, a table on the terminal and files out; whatever is wrong is one message."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from naba import cli, tracking
from naba.analysis.article import SCHEMA
from naba.analysis.models import TRAINED
from naba.errors import EXIT_CODE

DATA = Path(__file__).resolve().parents[2] / "data" / "article"
CLAIMS = str(DATA / "claims.jsonl")
BARE = ["--claim-type", "none", "--stance", "none"]


@pytest.fixture
def given(folders: dict[str, str]) -> list[str]:
    return ["--claim-type", folders["claim_type"], "--stance", folders["stance"]]


def test_an_article_gives_a_table_and_every_file(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    article = str(DATA / "article.txt")
    out = tmp_path / "out"
    code = cli.main(["analyse", article, "--claims", CLAIMS, *given, "-o", str(out), "--format", "all",
                     "--claimreview-draft"])  # fmt: skip
    assert code == 0
    printed = capsys.readouterr()
    assert "s19" in printed.out
    assert "c10" in printed.out
    assert "زيلينسكي" in printed.out  # a narrow table breaks his title off
    assert str(out / "article.html") in printed.err
    assert sorted(path.name for path in out.iterdir()) == [
        "article.claimreview.jsonld", "article.html", "article.json", "article.jsonld", "claims.csv", "stances.csv",
    ]  # fmt: skip
    content = json.loads((out / "article.json").read_text(encoding="utf-8"))
    pytest.importorskip("jsonschema").validate(content, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert content["text"] == (DATA / "article.txt").read_text(encoding="utf-8")


def test_a_folder_gives_one_table_of_claims_and_says_what_was_not_read(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("قال الوزير إن العمل جار.\n", encoding="utf-8")
    (folder / "b.txt").write_bytes(b"")
    (folder / "c.txt").write_text("ارتفعت الأسعار 5 بالمئة.\nوأضاف أن الأسعار سترتفع.", encoding="utf-8")
    from naba.predict import locate

    opened: list[str] = []
    original = locate.open_classifier
    monkeypatch.setattr(locate, "open_classifier", lambda name, uri=None: (opened.append(name), original(name, uri))[1])
    assert cli.main(["analyse", str(folder), *given, "-o", str(tmp_path / "out"), "--format", "csv"]) == 1
    assert len(opened) == 1
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "claims.csv").read_text(encoding="utf-8"))))
    assert [(row["article"], row["rank"]) for row in rows] == [("a", "1"), ("c", "1"), ("c", "2")]
    assert "b.txt: the file is empty" in capsys.readouterr().err


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("قال الوزير إن العمل جار.".encode())))
    assert cli.main(["analyse", "-", *BARE, "-o", str(tmp_path), "--format", "json"]) == 0
    content = json.loads((tmp_path / "standard-input.json").read_text(encoding="utf-8"))
    assert content["sentences"][0]["reports"][0]["source"]["text"] == "الوزير"


def test_an_analysis_is_tracked_once_with_its_page(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["analyse", str(DATA / "article.txt"), *BARE, "-o", str(tmp_path), "--track"]
    assert cli.main(command) == 0
    assert cli.main(command) == 0
    (run,) = tracking.search()
    assert run.facts.task == "analysis"
    assert run.number("sentences") == 19
    assert "<!doctype html>" in run.file("article.html").read_text(encoding="utf-8")
    assert run.id[:12] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.txt"], "nowhere.txt: no such file"),
        (["article.txt", "--claims", "claims.csv"], "unknown column 'text'"),
        (["article.txt", "--claims", "nowhere.csv"], "nowhere.csv: no such file"),
        (["article.txt", "--format", "pdf"], "invalid choice"),
        (["article.txt", "-o", "article.txt"], "argument --output/-o: article.txt is there and is no folder"),
        (["long.txt"], "one article may have 1,000,000"),
        (["empty.txt"], "empty.txt: the file is empty"),
    ],
)
def test_bad_input_is_one_message_and_leaves_nothing(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], own_home: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("article.txt").write_text("قال الوزير إن العمل جار.", encoding="utf-8")
    Path("claims.csv").write_text("identity,words\n1,نص\n", encoding="utf-8")
    Path("long.txt").write_text("قال الوزير نعم. " * 160_000, encoding="utf-8")
    Path("empty.txt").touch()
    assert cli.main(["analyse", *arguments, *BARE]) == EXIT_CODE
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert not (own_home / "analysis").exists()


@pytest.mark.slow
def test_without_models_it_trains_two_once_and_finds_them(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["analyse", str(DATA / "article.txt"), "--claims", CLAIMS, "-o", str(tmp_path), "--format", "json"]
    assert cli.main(command) == 0
    first = capsys.readouterr().err
    assert "written and labelled by a language model" in first
    assert first.count("trained once and kept") == len(TRAINED)
    content = json.loads((tmp_path / "article.json").read_text(encoding="utf-8"))
    assert [one["label_source"] for one in content["models"]] == ["language_model"] * 2
    assert all(one["calibrated"] and one["risk"] is not None for one in content["models"])
    assert cli.main(command) == 0
    assert "trained once" not in capsys.readouterr().err
    assert len(tracking.search()) == len(TRAINED)
    again = json.loads((tmp_path / "article.json").read_text(encoding="utf-8"))
    assert again == content


@pytest.mark.mirror
@pytest.mark.slow
def test_the_bars_are_printed_by_one_command(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NABA_MIRROR", str(mirror))
    assert cli.main(["evaluate-attribution"]) == 0
    lines = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines if "[" in line]
    f1 = {row[1]: float(row[4].split()[0]) for row in cells}
    assert f1["sentences"] >= 0.97
    assert f1["contents, overlap"] >= 0.85
    assert f1["contents, exact"] >= 0.60
    assert f1["sources, overlap"] >= 0.85
