"""`naba check` and `naba data` as a person types them."""

from __future__ import annotations

import csv
import functools
import http.server
import io
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from naba import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = "id,text,label,part\n" + "".join(
    f"{number:04d},نص الخبر رقم {number} عن {topic},{label},{part}\n"
    for number, (topic, label, part) in enumerate(
        (topic, label, part)
        for part, count in (("train", 12), ("dev", 4), ("test", 4))
        for _ in range(count)
        for topic, label in (("النفط", "None"), ("الرياضة", "NA"))
    )
)


def test_check_prints_a_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "article_stance"]) in {0, 1}
    output = capsys.readouterr().out
    assert "N01 Readable" in output
    cli.main(["check", "article_stance", "synthetic_stance", "--json", "--quick"])
    reports = json.loads(capsys.readouterr().out)
    assert [report["dataset"] for report in reports] == ["article_stance", "synthetic_stance"]
    assert {"code", "severity", "state", "remedy"} <= set(reports[0]["findings"][0])


@pytest.mark.mirror
def test_check_finds_the_known_faults_of_published_sets(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NABA_MIRROR", str(mirror))
    cli.main(["check", "arentail", "ans_stance"])
    output = " ".join(capsys.readouterr().out.split())
    assert "row parity alone predicts 100 %" in output
    assert "a text seen twice means disagree (184 of 184 rows" in output


def test_check_refuses_unknown_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "ans_stanse"]) == 2
    assert "did you mean 'ans_stance'" in capsys.readouterr().err
    assert cli.main(["check"]) == 2


def test_new_data_set_from_a_file_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my news.csv").write_text(OWN, encoding="utf-8")
    assert cli.main(["data", "new", "my news.csv"]) == 0
    assert "wrote conf/dataset/my_news.yaml" in capsys.readouterr().out
    assert cli.main(["train", "dataset=my_news", "model=tfidf_nb", "tracking=off", "evaluation.resamples=50"]) == 0
    output = capsys.readouterr().out
    assert "f1_None" in output
    assert "f1_NA" in output
    assert cli.main(["data", "new", "my news.csv"]) == 2
    assert "already there" in capsys.readouterr().err


def test_ids_are_printed_for_another_system(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "ids", "article_stance"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 190
    assert set(rows[0]) == {"id", "split", "text", "target"}
    assert cli.main(["data", "ids", "synthetic_stance", "--split", "validation"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["split"] for row in rows} == {"validation"}


@pytest.mark.parametrize("option", [["--text", "x"], ["--delimiter", ";"], ["--no-header"], ["--drop-unlabelled"]])
def test_options_of_new_are_not_dropped_by_other_actions(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "ids", "article_stance", *option]) == 2
    assert f"{option[0]} goes with naba data new" in capsys.readouterr().err


def test_check_takes_the_settings_that_its_remedies_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quotes.csv").write_text('text,label\n"نعم" قال,a\n' + "خبر,a\nنبأ,b\n" * 10, encoding="utf-8")
    assert cli.main(["check", "file", "dataset.path=quotes.csv"]) == 1
    assert "dataset.options.quoting=false" in capsys.readouterr().out
    for way in (["dataset.options.quoting=false"], ["--no-quotes"]):
        assert cli.main(["check", "file", "dataset.path=quotes.csv", *way, "--quick"]) == 0
        assert "21 rows" in capsys.readouterr().out
    assert cli.main(["check", "file", "dataset.path=quotes.csv", "dataset.options.quotin=false"]) == 2
    assert "did you mean 'dataset.options.quoting'" in capsys.readouterr().err
    assert cli.main(["check", "article_stance", "--no-quotes"]) == 2
    assert "quoting" in capsys.readouterr().err
    assert cli.main(["check", "article_stance", "synthetic_stance", "--no-quotes"]) == 2
    assert "for one data set" in capsys.readouterr().err


@pytest.fixture
def server(mirror: Path) -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(mirror))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.mark.mirror
def test_fetch_from_an_http_mirror_then_work_offline(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NABA_MIRROR", server)
    assert cli.main(["data", "fetch", "ans_stance"]) == 0
    assert "3 files" in capsys.readouterr().out
    monkeypatch.delenv("NABA_MIRROR")
    monkeypatch.setenv("NABA_OFFLINE", "1")
    assert cli.main(["data", "stats", "ans_stance"]) == 0
    assert "2652 / 755 / 379" in capsys.readouterr().out
    assert cli.main(["data", "mirror", str(tmp_path / "stick"), "ans_stance"]) == 0
    assert len(list((tmp_path / "stick" / "github" / "latynt").rglob("*.csv"))) == 3
    assert cli.main(["data", "fetch", "arentail"]) == 2
    error = capsys.readouterr().err
    assert "ArEntail" in error
    assert "NABA_MIRROR" in error


@pytest.mark.mirror
def test_statistics_are_those_committed(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NABA_MIRROR", str(mirror))
    assert cli.main(["data", "stats", "ans_stance", "synthetic_stance"]) == 0
    assert "is not what data/statistics.json says" not in capsys.readouterr().err


def test_a_set_that_cannot_be_had_does_not_stop_the_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NABA_MIRROR", str(Path(__file__).parents[1] / "data" / "files"))
    monkeypatch.setenv("NABA_OFFLINE", "1")
    assert cli.main(["data", "mirror", str(tmp_path / "stick"), "arentail", "arastance"]) == 1
    printed, said = capsys.readouterr()
    assert "files of 1 data sets" in printed
    assert "arentail: " in said
    assert any((tmp_path / "stick").rglob("*.json*"))
