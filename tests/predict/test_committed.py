"""Where a job writes: whole pieces only, gone on with behind the last commit, and by nobody else."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from naba.data.rows import BadRow
from naba.errors import UserError
from naba.evaluation.predictions import objects
from naba.predict import output
from naba.predict.output import Committed, Stream, Style, encode
from naba.predict.reading import Piece

if TYPE_CHECKING:
    from pathlib import Path

JOB = {"input": "aa", "classifier": "bb", "options": ["x", 1]}


def piece(first: int, rows: int = 2, bad: int = 0) -> tuple[Piece, pd.DataFrame]:
    """Rows from a number on, and what is added to them."""
    numbers = range(first, first + rows)
    made = Piece(
        ["id", "text"], [f"نص {row}" for row in numbers], [""] * rows, [[str(row), f"نص {row}"] for row in numbers],
        bad=[BadRow(row, row + 1, "empty", "") for row in range(bad)], position={"row": first + rows + bad},
    )  # fmt: skip
    return made, pd.DataFrame({"label": objects(["a"] * rows), "p": np.full(rows, 0.5)})


class Clock:
    """The time that commits go by."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(output, "time", found)
    return found


def opened(path: Path, kind: str = "csv", job: dict[str, Any] | None = None, overwrite: bool = False) -> Committed:
    side = path.with_name(path.name + ".bad.jsonl")
    return Committed(path, Style(kind), side, "in.csv", JOB if job is None else job, overwrite=overwrite)


def killed(one: Committed) -> None:
    """As a process that is killed leaves it: what was written is in the files, nothing is committed any more."""
    for file in (one.bad_file, *([] if one.kind == "parquet" else [one.file])):
        file.flush()
        file.close()
    one.lock.release()


def rows_of(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        return [str(one) for one in pd.read_parquet(path)["id"]]
    return [line.split(",")[0] for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_job_goes_on_behind_its_last_commit(kind: str, clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / f"out.{kind}"
    one = opened(path, kind)
    assert one.resumed is None
    one.write(*piece(0, bad=1))  # the first piece is committed, others after a second
    clock.now = 0.9
    one.write(*piece(2, bad=2))
    killed(one)
    assert not path.exists()
    two = opened(path, kind)
    assert two.resumed is not None
    assert {name: two.resumed[name] for name in ("rows", "bad", "position", "names")} == {
        "rows": 2, "bad": 1, "position": {"row": 3}, "names": ["id", "text"],
    }  # fmt: skip
    if kind == "parquet":
        assert [part.name for part in two.partial.iterdir()] == ["00000000.parquet"], "the uncommitted part is gone"
    else:
        assert two.partial.stat().st_size == two.state["bytes"], "the uncommitted rows are gone"
    assert two.bad.stat().st_size == two.state["bad_bytes"]
    two.write(*piece(2, bad=2))
    two.finish()
    header = ["id"] if kind == "csv" else []
    assert rows_of(path) == [*header, "0", "1", "2", "3"]
    assert two.bad.read_text(encoding="utf-8").count("\n") == 3
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, two.bad.name]


@pytest.mark.parametrize(("passed", "kept"), [(0.99, 2), (1.0, 4)])
def test_commits_are_a_second_apart(passed: float, kept: int, clock: Clock, tmp_path: Path) -> None:
    clock.now = 50.0
    one = opened(tmp_path / "out.csv")
    one.write(*piece(0))
    clock.now += passed
    one.write(*piece(2))
    killed(one)
    assert json.loads(one.record.read_text(encoding="utf-8"))["rows"] == kept


def test_an_orderly_end_commits_what_is_whole(clock: Clock, tmp_path: Path) -> None:
    one = opened(tmp_path / "out.csv")
    one.write(*piece(0))
    one.write(*piece(2))
    one.close()
    assert not one.lock.is_locked
    two = opened(tmp_path / "out.csv")
    assert two.state["rows"] == 4
    killed(two)


def test_a_job_that_wrote_nothing_leaves_nothing_and_one_without_bad_rows_no_side_file(tmp_path: Path) -> None:
    opened(tmp_path / "out.csv").close()
    opened(tmp_path / "out.parquet", "parquet").close()
    assert list(tmp_path.iterdir()) == []
    one = opened(tmp_path / "out.csv")
    one.write(*piece(0))
    one.finish()
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]
    two = opened(tmp_path / "other.csv")
    two.write(*piece(0, bad=1))
    two.finish()
    assert (tmp_path / "other.csv.bad.jsonl").read_text(encoding="utf-8").count("\n") == 1


def test_a_job_of_which_only_bad_rows_were_read_is_gone_on_with_too(tmp_path: Path) -> None:
    one = opened(tmp_path / "out.csv")
    one.write(*piece(0, rows=0, bad=2))
    killed(one)
    two = opened(tmp_path / "out.csv")
    assert two.resumed is not None
    assert (two.resumed["rows"], two.resumed["bad"], two.resumed["position"]) == (0, 2, {"row": 2})
    two.write(*piece(0))
    two.finish()
    assert rows_of(tmp_path / "out.csv") == ["id", "0", "1"]


CHANGED = [
    ({"input": "zz"}, "was begun with another input"),
    ({"classifier": "zz"}, "was begun with another classifier"),
    ({"options": ["x", 2]}, "was begun with another options"),
    ({"input": "zz", "options": []}, "was begun with another input and options"),
    ({"input": "standard input 7"}, "was begun before, and standard input cannot be read again"),
]


@pytest.mark.parametrize(("change", "said"), CHANGED)
def test_another_job_does_not_go_on_with_it(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    one = opened(path)
    one.write(*piece(0, bad=1))
    killed(one)
    with pytest.raises(UserError, match=said) as refused:
        opened(path, job=JOB | change)
    assert "--overwrite starts again" in str(refused.value.hint)
    assert not one.lock.is_locked
    other = opened(path, job=JOB | change, overwrite=True)
    assert (other.resumed, other.state["bad_bytes"], other.partial.stat().st_size) == (None, 0, 0)
    other.close()


def test_a_record_of_another_version_or_of_no_job_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    one = opened(path)
    one.write(*piece(0))
    killed(one)
    state = json.loads(one.record.read_text(encoding="utf-8"))
    del state["parts"]
    one.record.write_text(json.dumps(state), encoding="utf-8")
    with pytest.raises(UserError, match="was begun with another version of naba"):
        opened(path)
    other = opened(path, overwrite=True)
    assert other.resumed is None
    killed(other)
    for content in ("{", "[]", '{"rows": 1}', '{"job": 3}'):
        one.record.write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match="is not a record of progress"):
            opened(path)


@pytest.mark.parametrize(
    ("kind", "lost"),
    [("csv", "out.csv.partial"), ("csv", "out.csv.bad.jsonl"), ("parquet", "out.parquet.partial/00000000.parquet"),
     ("parquet", "out.parquet.bad.jsonl")],
)  # fmt: skip
def test_what_was_committed_and_is_lost_is_said_or_written_again(kind: str, lost: str, tmp_path: Path) -> None:
    """A lost part of Parquet was missed only when the whole was put together."""
    path, file = tmp_path / f"out.{kind}", tmp_path / lost
    one = opened(path, kind)
    one.write(*piece(0, bad=1))
    killed(one)
    if file.suffix == ".parquet":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match=f"{lost} has lost what was written to it"):
        opened(path, kind)
    again = opened(path, kind, overwrite=True)
    assert again.resumed is None
    again.write(*piece(0))
    again.finish()
    assert rows_of(path)[-2:] == ["0", "1"]


def test_the_same_job_is_gone_on_with_although_it_may_overwrite(tmp_path: Path) -> None:
    one = opened(tmp_path / "out.csv")
    one.write(*piece(0))
    killed(one)
    two = opened(tmp_path / "out.csv", overwrite=True)
    assert two.resumed is not None
    assert two.resumed["rows"] == 2
    killed(two)


def test_files_that_are_there_are_kept_unless_told(tmp_path: Path) -> None:
    path, side = tmp_path / "out.csv", tmp_path / "out.csv.bad.jsonl"
    for there, said in ((path, "is there already"), (side, "the side file .* is there already")):
        there.write_text("mine", encoding="utf-8")
        with pytest.raises(UserError, match=said):
            opened(path)
        assert there.read_text(encoding="utf-8") == "mine"
        assert list(tmp_path.iterdir()) == [there]
        opened(path, overwrite=True).close()
        there.unlink(missing_ok=True)


def test_one_process_writes_at_a_time_and_only_where_there_is_a_folder(tmp_path: Path) -> None:
    one = opened(tmp_path / "out.csv")
    with pytest.raises(UserError, match="is being written by another naba predict"):
        opened(tmp_path / "out.csv")
    one.close()
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match="is a folder; expected a file"):
        opened(tmp_path / "folder.csv")
    with pytest.raises(UserError, match="there is no folder"):
        opened(tmp_path / "none" / "out.csv")


def test_a_part_of_parquet_is_written_for_good_rows_alone_but_for_the_first(clock: Clock, tmp_path: Path) -> None:
    """The first one has the columns, whatever rows follow."""
    path = tmp_path / "out.parquet"
    one = opened(path, "parquet")
    one.write(*piece(0, rows=0, bad=2))
    one.write(*piece(0, rows=0, bad=1))
    assert one.state["parts"] == 1
    one.write(*piece(0))
    assert (one.state["parts"], one.state["rows"], one.state["bad"]) == (2, 2, 3)
    one.finish()
    assert rows_of(path) == ["0", "1"]


def test_a_workbook_has_room_for_a_header_and_1048575_rows(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl", reason="pip install 'naba[excel]'")
    one = opened(tmp_path / "out.xlsx", "xlsx")
    one.write(*piece(0))
    one.state["rows"] = 1_048_575 - 2
    one.write(*piece(0))
    with pytest.raises(UserError, match="more than the 1,048,576 rows"):
        one.write(*piece(0, rows=1))
    killed(one)


def test_standard_output_has_one_header_and_a_side_file(tmp_path: Path) -> None:
    written = io.BytesIO()
    stream = Stream(written, Style("csv", mark=True), tmp_path / "bad.jsonl", "standard input")
    stream.write(*piece(0, rows=1))
    stream.write(*piece(1, rows=1, bad=1))
    stream.finish()
    assert written.getvalue().decode() == "\ufeffid,text,label,p\n0,نص 0,a,0.5\n1,نص 1,a,0.5\n"
    side = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text(encoding="utf-8").splitlines()]
    assert side == [{"file": "standard input", "row": 0, "line": 1, "problem": "empty", "raw": ""}]
    Stream(written, Style("csv"), None, "").finish()


ROW = Piece(["id", "text"], ["a,b"], [""], [["1", "a,b"]])
ADDED = pd.DataFrame({"label": ["x"], "p": [1 / 3], "abstain": [True]})
LISTED = Piece(["id", "text"], ["a,b"], [""], [["1", "a,b"]], raw=['{"id": 01 }'])


@pytest.mark.parametrize(
    ("style", "header", "given", "expected"),
    [
        (Style("csv"), True, ROW, 'id,text,label,p,abstain\n1,"a,b",x,0.333333333,true\n'),
        (Style("csv"), False, ROW, '1,"a,b",x,0.333333333,true\n'),
        (Style("csv", mark=True), False, ROW, '1,"a,b",x,0.333333333,true\n'),
        (Style("csv", mark=True), True, ROW, '\ufeffid,text,label,p,abstain\n1,"a,b",x,0.333333333,true\n'),
        (Style("tsv"), True, ROW, "id\ttext\tlabel\tp\tabstain\n1\ta,b\tx\t0.333333333\ttrue\n"),
        (Style("jsonl"), True, ROW, '{"id": "1", "text": "a,b", "label": "x", "p": 0.333333333, "abstain": true}\n'),
        (Style("jsonl"), True, LISTED, '{"id": 01, "label": "x", "p": 0.333333333, "abstain": true}\n'),
    ],
)
def test_a_piece_as_it_is_written(style: Style, header: bool, given: Piece, expected: str) -> None:
    assert encode(given, ADDED, style, header=header).decode() == expected


def test_without_quoting_quotes_are_letters() -> None:
    quoted = Piece(["text"], ['"x'], [""], [['"x']])
    assert encode(quoted, ADDED[["label"]], Style("tsv", quoting=False), header=False) == b'"x\tx\n'
    assert encode(quoted, ADDED[["label"]], Style("tsv"), header=False) == b'"""x"\tx\n'


@pytest.mark.parametrize(
    ("name", "kind"),
    [("o.csv", "csv"), ("o.TSV", "tsv"), ("o.tab", "tsv"), ("o.jsonl", "jsonl"), ("o.parquet", "parquet"),
     ("o.xlsx", "xlsx"), ("o.json", None), ("o.txt", None), ("o", None)],
)  # fmt: skip
def test_an_output_s_ending_says_its_format(name: str, kind: str | None) -> None:
    if kind:
        assert output.format_of(name) == kind
        return
    with pytest.raises(UserError, match="unknown ending"):
        output.format_of(name)


def test_a_job_that_replaces_an_output_goes_on_too_and_the_old_one_stays_until_then(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old", encoding="utf-8")
    one = opened(path, overwrite=True)
    one.write(*piece(0))
    killed(one)
    assert path.read_text(encoding="utf-8") == "old"
    two = opened(path, overwrite=True)
    assert two.resumed is not None
    assert two.resumed["rows"] == 2
    two.write(*piece(2))
    two.finish()
    assert rows_of(path) == ["id", "0", "1", "2", "3"]


def test_a_record_without_what_it_counts_is_said(tmp_path: Path) -> None:
    one = opened(tmp_path / "out.csv")
    one.write(*piece(0))
    killed(one)
    one.partial.unlink()
    with pytest.raises(UserError, match=r"out\.csv\.partial has lost what was written to it"):
        opened(tmp_path / "out.csv")


def test_bad_rows_are_kept_in_their_own_letters() -> None:
    said = output.bad_lines([BadRow(3, 4, "column 'النص' is empty", "عنوان,")], "أخبار.csv").decode()
    assert said == (
        '{"file": "أخبار.csv", "row": 3, "line": 4, "problem": "column \'النص\' is empty", "raw": "عنوان,"}\n'
    )
