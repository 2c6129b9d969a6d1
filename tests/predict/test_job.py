"""What a prediction job refuses, what it takes for the same job, and what it says of itself."""

from __future__ import annotations

import dataclasses
import io
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from naba import models
from naba.arabic.profile import NEWS
from naba.classifier import folder
from naba.data.rows import BadRow, ReadingOptions
from naba.errors import UserError
from naba.predict import job as predict_job
from naba.predict import output as predict_output
from naba.predict.job import Interruption, Job, Reported, Summary, predict_examples
from naba.predict.locate import Opened, open_classifier
from naba.predict.reading import Columns, Piece

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = [f"{verb} أسعار النفط {row}" for row in range(10) for verb in ("ارتفاع", "انخفاض")]


def trained(place: Path, pair: bool, alpha: float = 1.0) -> Opened:
    X = pd.DataFrame({"text": TEXTS, "target": ["النفط" if pair else ""] * 20}, dtype=object)
    model = models.tfidf_nb(pair=pair, alpha=alpha).fit(X, np.array(["up", "down"] * 10, dtype=object))
    about = {"task": "stance", "labels": {"down": "هبوط", "up": "صعود"}, "normalisation": NEWS.to_dict(), "metrics": {},
             "input": ["text", "target"] if pair else ["text"]}  # fmt: skip
    folder.save(model, place, about)
    return open_classifier(str(place))


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return trained(tmp_path_factory.mktemp("models") / "single", pair=False)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return trained(tmp_path_factory.mktemp("models") / "pair", pair=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("id,text,title\n" + "".join(f"{row},{TEXTS[row]},عنوان\n" for row in range(9)), encoding="utf-8")
    return path


SINGLE = Columns("text", None)


def interrupted(opened: Opened, job: Job, pieces: int) -> None:
    """The job ends by Ctrl-C after some pieces, at its end after all."""

    def stop(*_: object) -> None:
        nonlocal pieces
        pieces -= 1
        if pieces == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_job.run(opened, job, progress=stop)


CHANGES: list[dict[str, Any]] = [
    {"rows": 4},
    {"prefix": "p_"},
    {"columns": Columns("title", None)},
    {"columns": Columns("text", "title")},
    {"bom": True},
    {"reading": ReadingOptions(spelling="--", delimiter=",")},
    {"reading": ReadingOptions(spelling="--", quoting=False)},
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_option_that_changes_the_output_makes_another_job(
    change: dict[str, Any], single: Opened, file: Path, tmp_path: Path
) -> None:
    job = Job(file, SINGLE, tmp_path / "out.csv", rows=3)
    interrupted(single, job, 2)
    with pytest.raises(UserError, match="was begun with another options"):
        predict_job.run(single, dataclasses.replace(job, **change))
    # Nor is what was begun touched: the same job goes on.
    assert predict_job.run(single, job).earlier == 6


def test_another_input_or_classifier_is_another_job_and_more_workers_are_not(
    single: Opened, file: Path, tmp_path: Path
) -> None:
    job = Job(file, SINGLE, tmp_path / "out.csv", rows=3)
    interrupted(single, job, 2)
    with pytest.raises(UserError, match="was begun with another classifier"):
        predict_job.run(trained(tmp_path / "other", pair=False, alpha=0.5), job)
    content = file.read_bytes()
    file.write_bytes(content.replace(b"8", b"7"))
    with pytest.raises(UserError, match="was begun with another input"):
        predict_job.run(single, job)
    file.write_bytes(content)
    summary = predict_job.run(single, dataclasses.replace(job, strict=True, overwrite=True))
    assert (summary.rows, summary.earlier, summary.bad) == (9, 6, 0)
    alone = tmp_path / "alone.csv"
    predict_job.run(single, Job(file, SINGLE, alone))
    assert alone.read_bytes() == (tmp_path / "out.csv").read_bytes()


def test_rows_bad_before_an_interruption_are_counted_and_reported_once(single: Opened, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id,text\n0,\n1,نفط\n2,\n3,غاز\n4,نفط\n5,\n", encoding="utf-8")
    job, said = Job(source, SINGLE, tmp_path / "out.csv", rows=2), []
    interrupted(single, job, 2)
    summary = predict_job.run(single, job, report=said.append)
    assert (summary.rows, summary.bad, summary.earlier) == (3, 3, 2)
    assert [row.line for row in said] == [7]
    assert (tmp_path / "out.csv.bad.jsonl").read_text(encoding="utf-8").count("\n") == 3


@pytest.mark.parametrize("written", ["csv", "parquet"])
def test_pieces_without_a_good_row_leave_the_columns(written: str, single: Opened, tmp_path: Path) -> None:
    """A Parquet file of which no row could be classified was a traceback."""
    for kind in ("csv", "parquet"):
        source, output = tmp_path / f"in.{kind}", tmp_path / f"{kind}.{written}"
        frame = pd.DataFrame({"id": ["1", "2", "3"], "text": ["", " ", "نفط"]})
        frame.to_csv(source, index=False) if kind == "csv" else frame.to_parquet(source)
        summary = predict_job.run(single, Job(source, SINGLE, output, rows=2, bad=tmp_path / f"{kind}.bad"))
        assert (summary.rows, summary.bad) == (1, 2)
        table = pd.read_csv(output, dtype=str) if written == "csv" else pd.read_parquet(output)
        assert list(table.columns) == ["id", "text", "label", "probability_down", "probability_up"]
        assert table["id"].tolist() == ["3"]


def test_strict_jobs_end_at_the_first_bad_row(single: Opened, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id,text\n0,نفط\n1,\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 3: column 'text' is empty"):
        predict_job.run(single, Job(source, SINGLE, tmp_path / "out.csv", strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    ("header", "prefix", "taken"),
    [
        ("label,text", "", "label"),
        ("text,probability_up", "", "probability_up"),
        ("p_label,text", "p_", "p_label"),
        ("label,text", "p_", None),
        ("labels,text", "", None),
    ],
)
def test_a_column_that_naba_adds_is_not_there_already(
    header: str, prefix: str, taken: str | None, single: Opened, tmp_path: Path
) -> None:
    source = tmp_path / "in.csv"
    source.write_text(f"{header}\nنفط,غاز\n", encoding="utf-8")
    job = Job(source, SINGLE, tmp_path / "out.csv", prefix=prefix)
    if taken is None:
        predict_job.run(single, job)
        assert (tmp_path / "out.csv").read_text(encoding="utf-8").startswith(f"{header},{prefix}label,")
        return
    with pytest.raises(UserError, match=f"has a column '{taken}' already"):
        predict_job.run(single, job)


@pytest.mark.parametrize(
    ("output", "kind", "bom", "refused"),
    [("o.csv", "csv", True, False), ("o.tsv", "csv", True, False), ("o.jsonl", "csv", True, True),
     ("o.parquet", "csv", True, True), (None, "jsonl", True, True), (None, "csv", True, False),
     (None, "tsv", True, False), ("o.jsonl", "csv", False, False)],
)  # fmt: skip
def test_a_mark_goes_with_tables_of_text(
    output: str | None, kind: str, bom: bool, refused: bool, single: Opened, tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:  # fmt: skip
    source = tmp_path / f"in.{kind}"
    source.write_text('{"text": "x"}\n' if kind == "jsonl" else "text\nx\n", encoding="utf-8")
    job = Job(source, SINGLE, tmp_path / output if output else None, bom=bom)
    if refused:
        with pytest.raises(UserError, match="--bom: a byte order mark goes with csv and tsv output"):
            predict_job.run(single, job)
        return
    predict_job.run(single, job)
    content = (tmp_path / output).read_bytes() if output else capfdbinary.readouterr().out
    assert content.startswith(b"\xef\xbb\xbf") is bom


@pytest.mark.parametrize(
    ("name", "given", "kind", "written"),
    [
        ("a.csv", None, "csv", "csv"),
        ("a.tsv", None, "tsv", "tsv"),
        ("a.jsonl", None, "jsonl", "jsonl"),
        ("a.json", None, "json", "jsonl"),
        ("a.parquet", None, "parquet", "csv"),
        ("a.txt", None, "lines", "csv"),
        ("a.txt", "tsv", "tsv", "tsv"),
        (None, None, "lines", "csv"),
        (None, "jsonl", "jsonl", "jsonl"),
    ],
)
def test_what_is_read_and_what_standard_output_gets(
    name: str | None, given: str | None, kind: str, written: str
) -> None:
    job = Job(Path(name) if name else None, SINGLE, reading=ReadingOptions(format=given, spelling="--"))
    assert predict_job.job_format(job) == kind
    assert predict_job._stdout_format(kind) == written


@pytest.mark.parametrize(("kind", "refused"), [("parquet", True), ("xlsx", True), ("csv", False), ("lines", False)])
def test_tables_with_their_contents_at_the_end_are_no_stream(
    kind: str, refused: bool, single: Opened, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("text\nنفط\n".encode())))
    job = Job(None, SINGLE, reading=ReadingOptions(format=kind, spelling="--"))
    if refused:
        with pytest.raises(UserError, match=f"{kind} cannot be read from standard input"):
            predict_job.run(single, job)
    else:
        predict_job.run(single, job)
        assert capfd.readouterr().out.startswith("text,label")


def test_the_input_is_not_the_output(single: Opened, file: Path) -> None:
    link = file.with_name("link.csv")
    link.symlink_to(file)
    for output in (file, link):
        with pytest.raises(UserError, match="is the input itself"):
            predict_job.run(single, Job(file, SINGLE, output, overwrite=True))


def test_tsv_stays_without_quotes_where_it_came_without(single: Opened, tmp_path: Path) -> None:
    source, made = tmp_path / "in.tsv", tmp_path / "out.tsv"
    source.write_text('text\n"نفط\n', encoding="utf-8")
    bare = ReadingOptions(spelling="--", quoting=False)
    predict_job.run(single, Job(source, SINGLE, made, bare))
    assert made.read_text(encoding="utf-8").splitlines()[1].startswith('"نفط\t')
    predict_job.run(single, Job(source, SINGLE, tmp_path / "out.csv", bare))
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[1].startswith('"""نفط",')


# --- what is said


@pytest.mark.parametrize(
    ("summary", "output", "bad", "said"),
    [
        (Summary(1, 0, 0, 0.5), "o.csv", None, ["1 row in 0.5 s: o.csv"]),
        (Summary(1200, 0, 0, 1.0), "o.csv", None, ["1,200 rows in 1.0 s: o.csv"]),
        (Summary(1200, 0, 200, 2.0), "o.csv", None,
         ["1,200 rows (200 of them before it was interrupted) in 2.0 s, 500 a second: o.csv"]),
        (Summary(2, 1, 0, 0.5), "o.csv", None, ["2 rows in 0.5 s: o.csv", "1 bad row: o.csv.bad.jsonl"]),
        (Summary(2, 3, 0, 0.5), "o.csv", "b.jsonl", ["2 rows in 0.5 s: o.csv", "3 bad rows: b.jsonl"]),
        (Summary(2, 3, 0, 0.5), None, None, ["2 rows in 0.5 s", "3 bad rows; --bad FILE keeps them"]),
        (Summary(2, 3, 0, 0.5), None, "b.jsonl", ["2 rows in 0.5 s", "3 bad rows: b.jsonl"]),
        (Summary(2, 0, 0, 0.5), None, None, []),
    ],
)  # fmt: skip
def test_what_a_job_says_at_its_end(summary: Summary, output: str | None, bad: str | None, said: list[str]) -> None:
    job = Job(Path("in.csv"), SINGLE, Path(output) if output else None, bad=Path(bad) if bad else None)
    assert summary.lines(job) == said


@pytest.mark.parametrize(("rows", "more"), [(20, 0), (21, 1), (25, 1)])
def test_the_first_twenty_bad_rows_are_said(rows: int, more: int) -> None:
    said: list[str] = []
    report = Reported(Job(Path("in.csv"), SINGLE), said.append)
    for row in range(rows):
        report(BadRow(row, row + 1, "is empty", ""))
    shown = [f"in.csv: line {row + 1}: is empty" for row in range(20)]
    assert said == [*shown, *["more bad rows are not shown"] * more]


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        ([["خبر"]], "this classifier reads TEXT TARGET"),
        ([["خبر", "ادعاء", "آخر"]], "this classifier reads TEXT TARGET"),
        ([["خبر", "ادعاء"], ["خبر", " "]], "column 'target' is empty"),
        ([["", "ادعاء"]], "column 'text' is empty"),
    ],
)
def test_examples_of_pairs_are_checked(examples: list[list[str]], said: str, pair: Opened) -> None:
    with pytest.raises(UserError, match=said):
        predict_examples(pair, examples)


def test_examples_are_answered_as_a_file_would_be(single: Opened, pair: Opened) -> None:
    with pytest.raises(UserError, match=r"this classifier reads TEXT$"):
        predict_examples(single, [["خبر", "ادعاء"]])
    made = pd.read_csv(io.BytesIO(predict_examples(pair, [[TEXTS[0], "النفط"], [TEXTS[1], "غاز"]], "p_")))
    expected = pair.predict(pd.DataFrame({"text": TEXTS[:2], "target": ["النفط", "غاز"]}))
    assert made["target"].tolist() == ["النفط", "غاز"]
    assert made["p_label"].tolist() == expected["label"].tolist() == ["up", "down"]
    assert made["p_probability_up"].to_numpy() == pytest.approx(expected["probability_up"].to_numpy(), abs=1e-9)


# --- the order of pieces


class Counting:
    """Workers that note how many pieces wait."""

    def __init__(self, ahead: int) -> None:
        self.ahead, self.waiting, self.most = ahead, 0, 0

    def ask(self, piece: Piece) -> Callable[[], Any]:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        return partial(self._answer, piece)

    def _answer(self, piece: Piece) -> Piece:
        self.waiting -= 1
        return piece


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_pieces_come_back_in_their_order_while_so_many_are_worked_on(ahead: int) -> None:
    pieces, workers = [Piece([str(number)]) for number in range(8)], Counting(ahead)
    found = [answers() for _, answers in predict_job._asked(workers, iter(pieces), Interruption())]
    assert [id(one) for one in found] == [id(one) for one in pieces]
    assert workers.most == ahead + 1


@pytest.mark.parametrize(("workers", "asked"), [(1, []), (2, [2])])
def test_more_than_one_worker_is_as_many_processes(
    workers: int, asked: list[int], single: Opened, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []

    class Processes(predict_job.Here):
        def __init__(self, folder: Path, count: int) -> None:
            super().__init__(open_classifier(str(folder)))
            found.append(count)

        def close(self) -> None:
            found.append(0)

    monkeypatch.setattr(predict_job, "Processes", Processes)
    predict_job.run(single, Job(file, SINGLE, tmp_path / "out.csv", workers=workers))
    assert found == [*asked, *([0] if asked else [])]


def test_a_signal_ends_a_job_between_two_pieces(single: Opened, file: Path, tmp_path: Path) -> None:
    """What was written by then is committed, and the same command goes on behind it."""
    job = Job(file, SINGLE, tmp_path / "out.csv", rows=3)
    write, signals = predict_output.Committed.write, Interruption()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict_job, "Interruption", lambda: signals)
        patch.setattr(predict_output.Committed, "write", lambda *args: (write(*args), signals._handle()))
        with pytest.raises(KeyboardInterrupt):
            predict_job.run(single, job)
    assert predict_job.run(single, job).earlier == 3
