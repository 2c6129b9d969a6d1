"""What one reader forgives, every reader does: the same rows in each format are the same table, for training and for
prediction."""

from __future__ import annotations

import io
import json

import pytest

from naba.data.rows import ReadingOptions, Row, open_rows, read_bytes

HEADER = ["\ufeffid ", " text\u200f", "label\u200e"]
ROWS = [["1", "نص أول", "a"], [None, None, None], [None, None, None], ["2", "نص ثان", "b"], [None, None, None]]


def delimited(delimiter: str) -> bytes:
    """Empty lines and lines of delimiters, and a column without a name at the right."""
    lines = [delimiter.join([*HEADER, ""])]
    for number, row in enumerate(ROWS):
        lines.append(delimiter.join([*(value or "" for value in row), ""]) if row[0] or number % 2 else "")
    return ("\n".join(lines) + "\n").encode()


def workbook() -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [[*HEADER, None], *ROWS]:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def objects() -> list[dict[str, str | None]]:
    return [dict(zip(HEADER, row, strict=True)) if row[0] or number % 2 else {} for number, row in enumerate(ROWS)]


def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = io.BytesIO()
    columns = {name: [row[place] for row in ROWS] for place, name in enumerate(HEADER)}
    pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}), content)
    return content.getvalue()


FILES = {
    "f.csv": lambda: delimited(","),
    "f.tsv": lambda: delimited("\t"),
    "f.xlsx": workbook,
    "f.jsonl": lambda: "\n\n".join(json.dumps(row, ensure_ascii=False) for row in objects()).encode(),
    "f.json": lambda: json.dumps(objects()).encode(),
    "f.parquet": parquet,
}


@pytest.mark.parametrize("name", FILES)
def test_empty_rows_invisible_marks_and_unnamed_columns(name: str) -> None:
    content = FILES[name]()
    table = read_bytes(content, name)
    assert table.columns == {"id": ["1", "2"], "text": ["نص أول", "نص ثان"], "label": ["a", "b"]}
    with open_rows(io.BytesIO(content), name, ReadingOptions(spelling="--")) as reader:
        streamed = list(reader)
    assert [dict(row.cells) for row in streamed if isinstance(row, Row)] == [
        {"id": "1", "text": "نص أول", "label": "a"},
        {"id": "2", "text": "نص ثان", "label": "b"},
    ]
    assert len(streamed) == 2


@pytest.mark.parametrize("name", FILES)
def test_a_reader_goes_on_behind_empty_rows(name: str) -> None:
    content = FILES[name]()
    with open_rows(io.BytesIO(content), name) as reader:
        first = next(iter(reader))
        position, names = reader.position, list(reader.names)
    if name == "f.parquet":
        return  # its position is that of a batch, see naba.predict.reading.ParquetSource
    assert isinstance(first, Row)
    with open_rows(io.BytesIO(content), name) as again:
        again.resume(position, names)
        rest = [row.cells["id"] for row in again if isinstance(row, Row)]
    assert rest == ["2"]
