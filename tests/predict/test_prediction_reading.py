"""Rows of a prediction job: which can be classified, how they fall into pieces, and what is said of the others."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from naba.data.rows import ReadingOptions, open_rows
from naba.errors import UserError
from naba.predict import reading
from naba.predict.reading import Columns, ParquetSource, Piece, RowSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PAIR = Columns("text", "target")
SINGLE = Columns("text", None)
CELLS = [
    ("خبر", None),
    (" ا ", None),
    ("x" * 1_000_000, None),
    (None, "column 'text' is null"),
    (5, "column 'text': expected text, got 5"),
    ("", "column 'text' is empty"),
    (" \u2003\n", "column 'text' is empty"),
    ("x" * 1_000_001, "column 'text' has 1,000,001 characters; at most 1,000,000 are read"),
]


@pytest.mark.parametrize(("cell", "problem"), CELLS, ids=[str(place) for place in range(len(CELLS))])
def test_a_cell_is_classified_or_its_problem_is_named_however_it_is_read(cell: Any, problem: str | None) -> None:
    assert reading.cell_problem(cell, "text") == problem
    assert reading._can_be_classified(["خبر", cell]) is (problem is None)


def source(kind: str, content: bytes, columns: Columns = SINGLE, **options: Any) -> RowSource:
    reader = open_rows(io.BytesIO(content), f"in.{kind}", ReadingOptions(), columns.names)
    return RowSource(reader, columns, **options)


def table(texts: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in ["id,text", *(f"{row},{text}" for row, text in enumerate(texts))]).encode()


def seen(pieces: list[Piece]) -> list[tuple[int, int]]:
    return [(len(piece.texts), len(piece.bad)) for piece in pieces]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["خبر"] * 6, [(3, 0), (3, 0), (0, 0)]),
        (["خبر"] * 7, [(3, 0), (3, 0), (1, 0)]),
        (["خبر", "", "خبر", "خبر", "خبر", " ", ""], [(2, 1), (2, 1), (0, 1)]),
        ([""] * 4, [(0, 3), (0, 1)]),
        ([], [(0, 0)]),
    ],
)
def test_a_piece_is_full_by_its_rows_good_and_bad(texts: list[str], expected: list[tuple[int, int]]) -> None:
    assert seen(list(source("csv", table(texts)).pieces(3))) == expected


@pytest.mark.parametrize("odd", [False, True], ids=["blocks", "single rows"])
def test_a_piece_is_full_by_half_of_its_bytes_too(odd: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows of 11 characters with the id: five of them are 55, and twice that is beyond 100; four are 44."""
    monkeypatch.setattr(reading, "LARGEST_PIECE", 100)
    texts = ["x" * 10 for _ in range(10)]
    if odd:
        texts[0] = '"xxxx\nxxxxx"'
    found = list(source("csv", table(texts)).pieces(8 if odd else 5))
    assert [len(piece.texts) for piece in found] == [5, 5, 0]
    bad = b"".join(b'{"txt": "%s"}\n' % (b"x" * 36) for _ in range(2)) + b'{"text": "x"}\n'
    # One character, then 47 and 47 of bad rows as they stand: twice 48 is below 100, twice 95 is not.
    assert seen(list(source("jsonl", b'{"text": "x"}\n' + bad).pieces(9))) == [(1, 2), (1, 0)]


def test_pairs_have_the_cell_of_each_column() -> None:
    content = "target,id,text\nادعاء,1,خبر\nآخر,2,نص\n".encode()
    first, *_ = source("csv", content, PAIR).pieces(9)
    assert (first.texts, first.targets) == (["خبر", "نص"], ["ادعاء", "آخر"])
    lines = b'{"target": "t1", "text": "x1"}\n{"text": "x2", "target": "t2"}\n'
    first, *_ = source("jsonl", lines, PAIR).pieces(9)
    assert (first.texts, first.targets) == (["x1", "x2"], ["t1", "t2"])
    assert first.cells == [["t1", "x1"], ["t2", "x2"]], "in the order of the first row's keys"
    single, *_ = source("csv", content).pieces(9)
    assert single.targets == ["", ""]


def test_a_piece_says_where_the_next_one_begins() -> None:
    content = table(["خبر", "", "نص", "ثالث", "رابع"])
    whole = list(source("csv", content).pieces(2))
    assert len(whole) == 3
    for place in (0, 1):
        again = source("csv", content)
        again.resume(whole[place].position, whole[place].names)
        assert list(again.pieces(2)) == whole[place + 1 :]


@pytest.mark.parametrize(
    ("line", "options", "problem"),
    [
        ('{"text": "x", "id": 2}', {}, None),
        ('{"id": 2, "text": "x"}', {}, None),
        ('{"text": "x"}', {}, None),
        ('{"id": 2}', {}, "there is no key 'text'"),
        ('{"id": 2, "text": null}', {}, "column 'text' is null"),
        ('{"id": 2, "text": 7}', {}, "column 'text': expected text, got 7"),
        ('{"id": 2, "text": "x", "more": 1}', {}, "the key 'more' is not one of the first row"),
        ('{"id": 2, "text": "x", "more": 1}', {"fixed": False}, None),
        ('{"id": 2, "text": "x", "label": 1}', {"added": ["label"]}, "the key 'label' is one that naba adds"),
        (
            '{"id": 2, "text": "x", "label": 1}',
            {"added": ["label"], "fixed": False},
            "the key 'label' is one that naba adds",
        ),
    ],
)
def test_a_later_json_row_is_like_the_first_or_bad(line: str, options: dict[str, Any], problem: str | None) -> None:
    first, *_ = source("jsonl", f'{{"id": 1, "text": "x"}}\n{line}\n'.encode(), **options).pieces(9)
    assert [row.problem for row in first.bad] == ([problem] if problem else [])
    assert len(first.texts) == (1 if problem else 2)
    assert json.loads((first.raw or [""])[0]) == {"id": 1, "text": "x"}
    if problem:
        assert (first.bad[0].number, first.bad[0].line, first.bad[0].raw) == (2, 2, line)


def test_a_key_that_naba_adds_is_refused_by_the_job_where_the_first_row_has_it() -> None:
    """Then it is no matter of single rows."""
    lines = b'{"text": "x", "label": 1}\n{"text": "y", "label": 2}\n'
    first, *_ = source("jsonl", lines, added=["label"]).pieces(9)
    assert (len(first.texts), first.bad) == (2, [])


@pytest.mark.parametrize(
    ("header", "columns", "said", "hint"),
    [
        ("txt,target", PAIR, "unknown column 'text'", "reads the text from it: --text NAME"),
        ("text,targt", PAIR, "unknown column 'target'", "reads the target from it: --target NAME"),
        ("text,targt", SINGLE, None, None),
    ],
)
def test_the_columns_to_classify_must_be_there(header: str, columns: Columns, said: str, hint: str) -> None:
    content = f"{header}\na,b\n".encode()
    if said is None:
        assert source("csv", content, columns).names == ["text", "targt"]
        return
    with pytest.raises(UserError, match=said) as refused:
        source("csv", content, columns)
    assert hint in str(refused.value.hint)


def parquet(path: Path, columns: dict[str, Any], rows: int = 100) -> Any:
    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return path.open("rb")


def test_rows_of_parquet_are_good_bad_or_empty_each_with_its_number(tmp_path: Path) -> None:
    columns = {"id": [1, 2, 3, None, 5, 6], "text": ["خبر", None, "نص", None, " ", "x" * 3000]}
    with parquet(tmp_path / "in.parquet", columns, 4) as file:
        reader = open_rows(file, "in.parquet", ReadingOptions(), ["text"])
        assert not isinstance(reader, RowSource)
        pieces = list(ParquetSource(reader, SINGLE).pieces(3))  # type: ignore[arg-type]
    assert [piece.texts for piece in pieces] == [["خبر", "نص"], [], ["x" * 3000], []]
    assert [row.number for piece in pieces for row in piece.bad] == [2, 5], "an empty row is none"
    assert [row.problem for piece in pieces for row in piece.bad] == ["column 'text' is null", "column 'text' is empty"]
    assert pieces[0].bad[0].raw == '{"id": 2, "text": null}'
    assert [piece.batch["id"].to_pylist() for piece in pieces] == [[1, 3], [], [6], []]
    assert [piece.position for piece in pieces[:2]] == [
        {"row": 3, "group": 0, "in_group": 3}, {"row": 4, "group": 0, "in_group": 4},
    ]  # fmt: skip


def test_pairs_of_parquet_and_columns_that_are_no_text(tmp_path: Path) -> None:
    kinds = {
        "text": pa.array(["a", "b", "a"]).dictionary_encode(),
        "target": pa.array(["x", "y", None], pa.large_string()),
        "number": pa.array([1, 2, 3]),
    }
    with parquet(tmp_path / "in.parquet", kinds) as file:
        reader: Any = open_rows(file, "in.parquet", ReadingOptions(), ["text"])
        first, *_ = ParquetSource(reader, PAIR).pieces(9)
        assert (first.texts, first.targets) == (["a", "b"], ["x", "y"])
        assert [row.problem for row in first.bad] == ["column 'target' is null"]
        for columns in (Columns("number", None), Columns("text", "number")):
            with pytest.raises(UserError, match="column 'number' holds int64, where text is expected"):
                ParquetSource(reader, columns)


def test_a_long_bad_row_of_parquet_is_kept_by_its_beginning(tmp_path: Path) -> None:
    with parquet(tmp_path / "in.parquet", {"text": [None, "x"], "more": ["ي" * 5000, "z"]}) as file:
        reader: Any = open_rows(file, "in.parquet", ReadingOptions(), ["text"])
        first, *_ = ParquetSource(reader, SINGLE).pieces(9)
    assert reading.SHOWN_RAW == 2000
    assert first.bad[0].raw == ('{"text": null, "more": "' + "ي" * 5000)[:2000]


def test_the_fingerprint_of_an_input_is_its_sha256(tmp_path: Path) -> None:
    for content in (b"text\nx\n", b"text\n" + b"x\n" * 200_000 + b"y\n"):
        (tmp_path / "in.csv").write_bytes(content)
        assert reading.fingerprint(tmp_path / "in.csv") == hashlib.sha256(content).hexdigest()
