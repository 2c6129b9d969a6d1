"""`naba predict`: what goes in comes out, in its order, with answers; notes name whatever else is there."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from naba import cli
from naba.config import overrides as command_line
from naba.data.dataset import load_named
from naba.errors import UserError
from naba.evaluation.predictions import Predictions
from naba.experiment import run
from naba.predict import job
from naba.predict.locate import open_classifier
from naba.predict.reading import Columns
from store_copies import home_with_store

PAIR = "tfidf_logreg synthetic_stance seed 0"
SINGLE = "tfidf_logreg synthetic_claim_type seed 0"
ABSTAINING = "abstaining synthetic_stance seed 0"
CHOICES = {
    PAIR: ["dataset=synthetic_stance", "model=tfidf_logreg", "model.characters_to=0"],
    SINGLE: ["dataset=synthetic_claim_type", "model=tfidf_logreg", "model.characters_to=0"],
    ABSTAINING: [
        "dataset=synthetic_stance", "model=abstaining", "model.classifier.characters_to=0", "model.risk=0.6"
    ],
}  # fmt: skip
QUICK = ["evaluation.resamples=50", "tracking.figures=false"]


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> dict[str, str]:
    """Name of a run -> its classifier directory."""
    from naba.predict.locate import locate

    home = tmp_path_factory.mktemp("classifiers")
    found = {}
    with home_with_store(empty_store, home):
        for name, overrides in CHOICES.items():
            found[name] = str(locate(run.run(command_line.compose([*overrides, *QUICK])).run))
    return found


def rows_of(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def headlines() -> list[str]:
    return list(dict.fromkeys(load_named("synthetic_claim_type").column_values("text")))


def test_answers_are_those_of_training(classifiers: dict[str, str]) -> None:
    dataset = load_named("synthetic_stance")
    rows = dataset.indices("test")
    for name in (PAIR, ABSTAINING):
        opened = open_classifier(classifiers[name])
        made = opened.predict(dataset.frame(rows))
        expected = Predictions.of(dataset, rows, opened.model)
        assert made["label"].tolist() == expected.predicted.tolist()
        columns = [f"probability_{label}" for label in dataset.labels]
        np.testing.assert_array_equal(made[columns].to_numpy(), expected.probabilities)
        assert list(made.columns) == opened.columns
        if name == ABSTAINING:
            assert made["abstain"].tolist() == opened.model.abstains(dataset.frame(rows)).tolist()
            assert 0 < made["abstain"].sum() < len(made)


def test_csv_keeps_columns_order_and_values(
    classifiers: dict[str, str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = write(tmp_path / "in.csv", 'z,claim,n,headline\n007,"نفط\nوغاز",1.10,"قال ""نعم"", ثم سكت"\nNA,غاز,,None\n')
    assert cli.main(["predict", classifiers[PAIR], file, "--text", "headline", "--target", "claim"]) == 0
    rows = rows_of(capfdbinary.readouterr().out.decode())
    assert list(rows[0])[:5] == ["z", "claim", "n", "headline", "label"]
    assert [row["z"] for row in rows] == ["007", "NA"]
    assert rows[0]["headline"] == 'قال "نعم", ثم سكت'
    assert rows[0]["claim"] == "نفط\nوغاز"
    assert rows[1]["headline"] == "None"
    assert sum(float(value) for name, value in rows[0].items() if name.startswith("probability_")) == pytest.approx(1)


def test_json_lines_stay_byte_for_byte(
    classifiers: dict[str, str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    line = '{"id":12345678901234567890, "x": 1.10, "text" : "ارتفاع \\u0627لنفط","deep":{"a":[1,2]}}'
    assert cli.main(["predict", classifiers[SINGLE], write(tmp_path / "in.jsonl", line + "\n")]) == 0
    out = capfdbinary.readouterr().out.decode()
    assert out.startswith(line[:-1] + ', "label": "')
    assert json.loads(out)["deep"] == {"a": [1, 2]}


def test_all_formats_give_the_same_answers(
    classifiers: dict[str, str], headlines: list[str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    frame = pd.DataFrame({"id": range(50), "text": headlines[:50]})
    frame.to_csv(tmp_path / "in.csv", index=False)
    frame.to_csv(tmp_path / "in.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "in.parquet", row_group_size=7)
    frame.to_json(tmp_path / "in.jsonl", orient="records", lines=True, force_ascii=False)
    (tmp_path / "in.txt").write_text("\n".join(headlines[:50]), encoding="utf-8")
    expected = open_classifier(classifiers[SINGLE]).predict(frame)["label"].tolist()
    for kind in ("csv", "tsv", "parquet", "jsonl", "txt"):
        for written in ("csv", "tsv", "parquet", "jsonl"):
            output = tmp_path / f"{kind}-out.{written}"
            arguments = [classifiers[SINGLE], str(tmp_path / f"in.{kind}"), "-o", str(output), "--batch", "13"]
            assert cli.main(["predict", *arguments]) == 0
            if written == "parquet":
                labels = pd.read_parquet(output)["label"].tolist()
            elif written == "jsonl":
                labels = [json.loads(line)["label"] for line in output.read_text(encoding="utf-8").splitlines()]
            else:
                made = rows_of(output.read_text(encoding="utf-8"), "\t" if written == "tsv" else ",")
                labels = [row["label"] for row in made]
            assert labels == expected, (kind, written)
    assert pd.read_parquet(tmp_path / "parquet-out.parquet")["id"].dtype == frame["id"].dtype
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name and path.suffix != ".lock") == sorted(
        f"{kind}-out.{written}" for kind in ("csv", "tsv", "parquet", "jsonl", "txt")
        for written in ("csv", "tsv", "parquet", "jsonl")
    )  # fmt: skip


def test_texts_from_arguments_and_standard_input(
    classifiers: dict[str, str], capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["predict", classifiers[PAIR], "--example", "ارتفاع النفط", "تراجع النفط"]) == 0
    (row,) = rows_of(capfdbinary.readouterr().out.decode())
    assert (row["text"], row["target"]) == ("ارتفاع النفط", "تراجع النفط")
    command = [sys.executable, "-m", "naba.cli", "predict", classifiers[PAIR]]
    piped = subprocess.run(command, input="ارتفاع النفط\tتراجع النفط\n".encode(), capture_output=True, check=True)
    assert rows_of(piped.stdout.decode()) == [row]
    assert piped.stderr == b""


def test_bad_rows_are_named_by_line_and_kept_aside(
    classifiers: dict[str, str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    content = 'id,text\n1,"سطر\nوسطر"\n2\n3,a,b\n4,"x"y\n5,   \n\n6,نفط\n'.encode() + b"7,\xff\xfe\n8,\xd9\x86\n9,"
    (tmp_path / "in.csv").write_bytes(content)
    output = tmp_path / "out.csv"
    assert cli.main(["predict", classifiers[SINGLE], str(tmp_path / "in.csv"), "-o", str(output)]) == 1
    said = capfdbinary.readouterr().err.decode()
    for expected in (
        "line 4: too few fields", "line 5: too many fields", "line 6: bad quoting", "line 7: column 'text' is empty",
        "line 10: the bytes", "line 12: the file ends right after a delimiter", "6 bad rows",
    ):  # fmt: skip
        assert expected in said
    assert [row["id"] for row in rows_of(output.read_text(encoding="utf-8"))] == ["1", "6", "8"]
    side = [json.loads(line) for line in (tmp_path / "out.csv.bad.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["line"] for row in side] == [4, 5, 6, 7, 10, 12]
    assert side[2]["raw"] == '4,"x"y'
    strict = ["predict", classifiers[SINGLE], str(tmp_path / "in.csv"), "-o", str(tmp_path / "s.csv"), "--strict"]
    assert cli.main(strict) == 2
    assert "line 4: too few fields" in capfdbinary.readouterr().err.decode()
    assert not list(tmp_path.glob("s.csv*"))


@pytest.mark.parametrize(
    ("name", "content", "arguments", "said"),
    [
        ("in.csv", "txt\nx\n", [], "did you mean 'txt'"),
        ("in.csv", "text,text\nx,y\n", [], "names a column twice"),
        ("in.csv", "text,label\nx,y\n", [], "--prefix"),
        ("in.csv", "", [], "the file is empty"),
        ("in.csv", 'text\nx\n"never closed\n\n', [], "line 3"),
        ("in.csv", "text\nx\n".encode("utf-16")[:-1], [], "are not utf-16"),
        ("in.csv", "text\nx\n", ["--delimiter", ";;"], "one character"),
        ("in.jsonl", '{"text": "x"}\n', ["-o", "out.jsonl", "--bom"], "goes with csv and tsv"),
        ("in.doc", "text\nx\n", [], "--format"),
        ("in.parquet", "text\nx\n", [], "not a readable Parquet"),
        ("in.jsonl", '{"txt": "x"}\n', [], "did you mean 'txt'"),
        ("in.csv", "text\nx\n", ["-o", "out.xls"], "ending"),
        ("in.csv", "text\nx\n", ["-o", "no/such/out.csv"], "no folder"),
        ("in.csv", "text\nx\n", ["-o", "in.csv"], "the input itself"),
        ("in.csv", "text\nx\n", ["--batch", "0"], "--batch"),
        ("in.csv", "text\nx\n", ["--overwrit"], "did you mean '--overwrite'"),
    ],
)
def test_wrong_input_gives_one_message(
    name: str, content: str | bytes, arguments: list[str], said: str, classifiers: dict[str, str], tmp_path: Path,
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert cli.main(["predict", classifiers[SINGLE], name, *arguments]) == 2
    error = capfd.readouterr().err
    assert said in error
    assert error.count("naba: ") == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("model", ["no/such/folder", "abcdef", "models:/stance@champion", "models:/stance", "in.csv"])
def test_unknown_models_are_refused(
    model: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.csv", "text\nx\n")
    assert cli.main(["predict", model, "in.csv"]) == 2
    assert model in capfd.readouterr().err


def test_output_that_is_there_is_kept_unless_told(
    classifiers: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, output = write(tmp_path / "in.csv", "text\nنفط\n"), tmp_path / "out.csv"
    output.write_text("my thesis", encoding="utf-8")
    arguments = ["predict", classifiers[SINGLE], file, "-o", str(output)]
    assert cli.main(arguments) == 2
    assert output.read_text(encoding="utf-8") == "my thesis"
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert len(rows_of(output.read_text(encoding="utf-8"))) == 1


def test_random_bytes_never_give_a_traceback(classifiers: dict[str, str], tmp_path: Path) -> None:
    """Tables with bytes changed, cut or doubled are predicted, reported row by row, or refused."""
    chance = random.Random(7)
    opened = open_classifier(classifiers[SINGLE])
    table = 'id,text\n1,"نفط"\n2,"سطر\nوسطر"\n3,غاز\n'.encode()
    lines = b'{"id": 1, "text": "\xd9\x86\xd9\x81\xd8\xb7"}\n{"id": 2, "text": "x", "y": [1, {"z": null}]}\n'
    ends = {"done": 0, "refused": 0}
    for turn in range(120):
        kind, source = ("csv", table) if turn % 2 else ("jsonl", lines)
        content = bytearray(source * 3)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(content))
            content[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        file = tmp_path / f"in.{kind}"
        file.write_bytes(bytes(content))
        output = tmp_path / f"out.{chance.choice(['csv', 'jsonl', 'tsv', 'parquet'])}"
        try:
            job.run(opened, job.Job(file, Columns("text", None), output, overwrite=True))
            ends["done"] += 1
        except UserError:
            ends["refused"] += 1
    assert min(ends.values()) > 10


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8", "utf-16-le", "windows-1256"])
def test_a_mark_of_the_input_is_a_mark_of_the_output(
    encoding: str, classifiers: dict[str, str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file, output = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_bytes("id,text\n1,ارتفاع أسعار النفط\n2,نفط وغاز\n".encode(encoding))
    assert cli.main(["predict", classifiers[SINGLE], str(file), "-o", str(output)]) == 0
    content = output.read_bytes()
    assert content.startswith(b"\xef\xbb\xbfid,text,label") == (encoding in {"utf-8-sig", "utf-16"})
    assert [row["text"] for row in rows_of(content.decode("utf-8-sig"))] == ["ارتفاع أسعار النفط", "نفط وغاز"]
    assert ("looks like" in capfdbinary.readouterr().err.decode()) == (encoding in {"utf-16-le", "windows-1256"})
    assert cli.main(["predict", classifiers[SINGLE], str(file), "--bom"]) == 0
    assert capfdbinary.readouterr().out == (content if content.startswith(b"\xef") else b"\xef\xbb\xbf" + content)


def test_a_file_of_another_delimiter_or_without_a_header(
    classifiers: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    semicolons = "text;id\r\nارتفاع أسعار النفط;7\r\nنفط وغاز;8\r\n"
    file = write(tmp_path / "in.csv", semicolons)
    assert cli.main(["predict", classifiers[SINGLE], file]) == 0
    captured = capfd.readouterr()
    assert [row["text"] for row in rows_of(captured.out)] == ["ارتفاع أسعار النفط", "نفط وغاز"]
    assert "the delimiter looks like ';'" in captured.err
    assert "--delimiter ','" in captured.err
    assert (
        cli.main(["predict", classifiers[SINGLE], file, "--delimiter", ";", "--no-header", "--text", "column_1"]) == 0
    )
    captured = capfd.readouterr()
    assert next(row["column_1"] for row in rows_of(captured.out)) == "text"
    assert captured.err == ""


def test_excel_in_and_out(classifiers: dict[str, str], headlines: list[str], tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["id", "text"])
    texts = [*headlines[:5], "=1+1"]
    for number, text in enumerate(texts):
        book.active.append([f"00{number}", text])
        book.active.cell(number + 2, 2).data_type = "s"
    book.save(tmp_path / "in.xlsx")
    output = tmp_path / "out.xlsx"
    assert cli.main(["predict", classifiers[SINGLE], str(tmp_path / "in.xlsx"), "-o", str(output), "--batch", "4"]) == 0
    rows = list(openpyxl.load_workbook(output).active.iter_rows(values_only=True))
    expected = open_classifier(classifiers[SINGLE]).predict(pd.DataFrame({"text": texts}))
    assert rows[0] == ("id", "text", *expected.columns)
    assert [row[:3] for row in rows[1:]] == [
        (f"00{number}", text, label) for number, (text, label) in enumerate(zip(texts, expected["label"], strict=True))
    ]
    assert rows[1][3] == pytest.approx(expected.iloc[0, 1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.xlsx", "out.xlsx"]


SLOWED = """
import os, sys, time
from naba import cli
from naba.predict.output import Committed
rows, write, fsync, reached = float(sys.argv[1]), Committed.write, os.fsync, []
def slowed_fsync(file):
    # Killed here, a piece is written and not committed.
    time.sleep(0.1 if reached else 0)
    fsync(file)
def slowed_write(self, piece, added):
    write(self, piece, added)
    if self.state["rows"] >= rows:
        reached.append(True)
        time.sleep(0.1)
Committed.write, os.fsync = slowed_write, slowed_fsync
sys.exit(cli.main(sys.argv[2:]))
"""
"""`naba predict`, which dawdles from a number of rows on: it is killed at work however late the kill comes."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_killed_twice_and_resumed_gives_the_undisturbed_output(
    kind: str, classifiers: dict[str, str], headlines: list[str], tmp_path: Path
) -> None:
    rows = 4000
    frame = pd.DataFrame({"id": range(rows), "text": [f"{headlines[i % len(headlines)]} {i}" for i in range(rows)]})
    frame.loc[::97, "text"] = ""
    source, whole, killed = (tmp_path / f"{name}.{kind}" for name in ("in", "whole", "killed"))
    frame.to_csv(source, index=False) if kind == "csv" else frame.to_parquet(source, row_group_size=1000)
    arguments = ["predict", classifiers[SINGLE], str(source), "--batch", "50", "-o"]
    assert cli.main([*arguments, str(whole)]) == 1
    for share in (0.2, 0.5):
        command = [sys.executable, "-c", SLOWED, str(rows * share), *arguments, str(killed)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while committed(killed) < rows * share and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert rows * share <= committed(killed) < rows
        assert not killed.exists()
    assert cli.main([*arguments, str(killed)]) == 1
    assert killed.read_bytes() == whole.read_bytes()
    sides = [path.with_name(path.name + ".bad.jsonl").read_bytes() for path in (whole, killed)]
    assert sides[0] == sides[1]
    assert sides[0].count(b"\n") == len(frame.loc[::97])
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob("*.progress.json"))


@pytest.mark.slow
@pytest.mark.parametrize("written", ["csv", "parquet", "xlsx"])
def test_after_signals_at_any_instant_the_same_command_completes_the_job(
    written: str, classifiers: dict[str, str], headlines: list[str], tmp_path: Path
) -> None:
    """One to three attempts end by SIGINT, SIGTERM or SIGKILL at random instants, from imports to the last step."""
    if written == "xlsx":
        pytest.importorskip("openpyxl", reason="pip install 'naba[excel]'")
    rows, seed = 1000, random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    source, whole, output = tmp_path / "in.csv", tmp_path / f"whole.{written}", tmp_path / f"out.{written}"
    frame = pd.DataFrame({"id": range(rows), "text": [f"{headlines[i % len(headlines)]} {i}" for i in range(rows)]})
    frame.to_csv(source, index=False)
    arguments = ["predict", classifiers[SINGLE], str(source), "--batch", "20", "-o"]
    start = time.monotonic()
    command = [sys.executable, "-m", "naba.cli", *arguments, str(output)]
    assert subprocess.run([*command[:-1], str(whole)], check=True, capture_output=True).returncode == 0
    longest = 1.1 * (time.monotonic() - start)
    wanted = table_of(whole)
    for turn in range(3):
        for attempt in range(chance.randint(1, 3)):
            process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            time.sleep(chance.uniform(0.2, longest))
            sent = signal.SIGINT if not (turn or attempt) else chance.choice(SIGNALS)
            process.send_signal(sent)
            said = process.communicate(timeout=300)[1]
            assert "Traceback" not in said or process.returncode != 0
            # A signal may come between the last step of the job and the end of the process.
            assert output.exists() >= (process.returncode == 0), said
            if output.exists():
                break
        overwrite = ["--overwrite"] if chance.random() < 0.3 else []
        if not output.exists() or overwrite:
            done = subprocess.run([*command, *overwrite], capture_output=True, text=True, check=False, timeout=600)
            assert done.returncode == 0, done.stderr
        assert table_of(output).equals(wanted)
        subprocess.run([*command, "--overwrite"], check=True, capture_output=True, timeout=600)
        output.unlink()
        assert not list(tmp_path.glob(f"{output.name}*"))


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def table_of(path: Path) -> pd.DataFrame:
    """An output as a table of text and numbers; the bytes of a workbook hold the time at which it was made."""
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".xlsx": pd.read_excel}[path.suffix]
    found: pd.DataFrame = read(path)
    return found


@pytest.mark.parametrize("written", ["csv", "parquet"])
def test_killed_between_the_last_two_steps(
    written: str, classifiers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output had its name, the record of progress was left: `--overwrite` failed for ever."""
    source, output = tmp_path / "in.csv", tmp_path / f"out.{written}"
    write(source, "text\n" + "نفط\n" * 30)
    arguments = ["predict", classifiers[SINGLE], str(source), "-o", str(output)]
    unlink = Path.unlink
    with monkeypatch.context() as patch:
        patch.setattr(
            Path,
            "unlink",
            lambda path, **kwargs: _interrupt(path) if "progress" in path.name else unlink(path, **kwargs),
        )
        assert cli.main(arguments) == 130
    assert output.is_file()
    assert cli.main(arguments) == 2
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", output.name]


def test_an_input_changed_in_its_middle_is_another_input(
    classifiers: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size, time, beginning and end are as they were."""
    from naba.predict import output as predict_output

    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    lines = ["نفط وغاز\n"] * 20_000
    write(source, "text\n" + "".join(lines))
    about = source.stat()
    arguments = ["predict", classifiers[SINGLE], str(source), "-o", str(output)]
    with monkeypatch.context() as patch:
        patch.setattr(predict_output.Committed, "finish", _interrupt)
        assert cli.main(arguments) == 130
    lines[10_000] = "غاز ونفط\n"
    write(source, "text\n" + "".join(lines))
    os.utime(source, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert source.stat().st_size == about.st_size
    assert cli.main(arguments) == 2
    assert "begun with another input" in capfd.readouterr().err


def committed(output: Path) -> int:
    record = output.with_name(output.name + ".progress.json")
    try:
        return int(json.loads(record.read_text(encoding="utf-8"))["rows"])
    except FileNotFoundError:  # also of a job that has just ended
        return 0


def test_another_input_does_not_go_on_with_a_job(
    classifiers: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from naba.predict import output as predict_output

    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    write(source, "text\n" + "نفط\n" * 30)
    arguments = ["predict", classifiers[SINGLE], str(source), "-o", str(output), "--batch", "10"]
    with monkeypatch.context() as patch:
        patch.setattr(predict_output.Committed, "finish", _interrupt)
        assert cli.main(arguments) == 130
    write(source, "text\n" + "غاز\n" * 31)
    assert cli.main(arguments) == 2
    assert "begun with another input" in capfd.readouterr().err
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert len(rows_of(output.read_text(encoding="utf-8"))) == 31


def _interrupt(self: object) -> None:
    raise KeyboardInterrupt
