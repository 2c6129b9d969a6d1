"""Whatever the bytes: a table that says what the file says, or one `UserError` that names the file."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from naba.config.schema import ColumnsConfig, DatasetConfig
from naba.data.dataset import from_table
from naba.data.rows import FORMATS, ReadingOptions, Table, clean_name, read_bytes
from naba.data.rows.archive import zip_member
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

openpyxl = pytest.importorskip("openpyxl")

MARKS = "\u200f\u202b\u202c\u200b\ufeff\u2028\x85\x0b\x1c"
CELLS = st.text(
    st.one_of(
        st.sampled_from("ابتة ،؛؟ًـ\"',\t;\r\n\0\\=" + MARKS), st.characters(exclude_categories=["Cs"])
    ),
    max_size=12,
)  # fmt: skip
NAMES = st.text(st.sampled_from("abcنص_ \"',\n"), min_size=1, max_size=5)
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def tables(draw: Callable[..., object], least_columns: int = 1) -> tuple[list[str], list[list[str]]]:
    header = draw(st.lists(NAMES.map(clean_name).filter(bool), min_size=least_columns, max_size=4, unique=True))
    width = len(header)  # type: ignore[arg-type]
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6))
    return header, rows  # type: ignore[return-value]


def written(rows: list[list[str]], delimiter: str = ",", ending: str = "\n") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


def cells(table: Table) -> list[list[str | None]]:
    return [list(row) for row in zip(*table.columns.values(), strict=True)]


@FUZZ
@given(tables(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.sampled_from([",", "\t", ";"]),
       st.sampled_from(["\n", "\r\n"]))  # fmt: skip
def test_csv_says_what_was_written(
    table: tuple[list[str], list[list[str]]], encoding: str, delimiter: str, ending: str
) -> None:
    header, rows = table
    content = written([header, *rows], delimiter, ending).encode(encoding)
    read = read_bytes(content, "f.csv", ReadingOptions(delimiter=delimiter))
    assert list(read.columns) == header
    assert cells(read) == rows
    assert [place.record for place in read.places] == list(range(1, len(rows) + 1))


@FUZZ
@given(tables(least_columns=2), st.data())
def test_a_lost_or_doubled_cell_is_an_error_with_its_row(
    table: tuple[list[str], list[list[str]]], data: st.DataObject
) -> None:
    header, rows = table
    row = data.draw(st.integers(0, len(rows) - 1))
    cell = data.draw(st.integers(0, len(header) - 1))
    doubled = data.draw(st.booleans())
    damaged = [list(each) for each in rows]
    if doubled:
        damaged[row].insert(cell, damaged[row][cell])
    else:
        del damaged[row][cell]
    with pytest.raises(UserError, match=rf"f\.csv: row {row + 1}, line \d+: too {'many' if doubled else 'few'} fields"):
        read_bytes(written([header, *damaged]).encode(), "f.csv")


@FUZZ
@given(tables(least_columns=2), st.data())
def test_a_file_cut_anywhere_never_shifts_a_row(table: tuple[list[str], list[list[str]]], data: st.DataObject) -> None:
    header, rows = table
    content = written([header, *rows]).encode()
    cut = content[: data.draw(st.integers(1, len(content)))]
    try:
        read = read_bytes(cut, "f.csv")
    except UserError as error:
        assert "f.csv" in str(error)  # noqa: PT017
    else:
        # Quotes show where the last field ends, so what is left is whole rows; only a cut between the two quotes that
        # stand for one in a cell of the last column looks like an end.
        found, expected = cells(read), rows[: len(read)]
        if found != expected:
            assert expected[-1][-1].startswith(found[-1][-1] + '"')
            found[-1][-1] = expected[-1][-1]
        assert found == expected
        whole = [count for count in range(len(rows) + 1) if cut.startswith(written([header, *rows[:count]]).encode())]
        assert len(read) >= max(whole)


@FUZZ
@given(tables())
def test_json_lines_say_what_was_written(table: tuple[list[str], list[list[str]]]) -> None:
    header, rows = table
    lines = [json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=len(row[0]) % 2 == 0) for row in rows]
    assert cells(read_bytes("\n".join(lines).encode(), "f.jsonl")) == rows
    assert cells(read_bytes(f"[{','.join(lines)}]".encode(), "f.json")) == rows


@FUZZ
@given(tables())
def test_parquet_says_what_was_written(table: tuple[list[str], list[list[str]]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    header, rows = table
    buffer = io.BytesIO()
    pq.write_table(pa.table({name: [row[index] for row in rows] for index, name in enumerate(header)}), buffer)
    assert cells(read_bytes(buffer.getvalue(), "f.parquet")) == rows


@FUZZ
@given(st.binary(max_size=300) | CELLS.map(str.encode), st.sampled_from(FORMATS), st.booleans())
def test_any_bytes_in_any_format(content: bytes, kind: str, quoting: bool) -> None:
    try:
        table = read_bytes(content, f"f.{kind}", ReadingOptions(quoting=quoting))
    except UserError as error:
        assert f"f.{kind}" in str(error)  # noqa: PT017
    else:
        assert all(len(values) == len(table) for values in table.columns.values())


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (["text", "label"], ["نص أول", "نعم"], ["نص ثان", "لا"]):
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": ["نص أول", "نص ثان"], "label": ["نعم", "لا"]}), buffer)
    return buffer.getvalue()


BINARY = {"f.xlsx": workbook(), "f.parquet": parquet()}


@FUZZ
@given(st.sampled_from(sorted(BINARY)), st.data())
def test_damaged_workbooks_and_parquet_files(name: str, data: st.DataObject) -> None:
    content = bytearray(BINARY[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(len(content) // 2, len(content))) :]
    try:
        read_bytes(bytes(content), name)
    except UserError as error:
        assert name in str(error)  # noqa: PT017


@FUZZ
@given(st.binary(max_size=200), st.data())
def test_damaged_archives(inside: bytes, data: st.DataObject) -> None:
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("f.csv", inside)
    content = bytearray(buffer.getvalue())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found, _ = zip_member(bytes(content), "f.zip", None)
    except UserError as error:
        assert "f.zip" in str(error)  # noqa: PT017
    else:
        assert found == inside


@FUZZ
@given(tables(least_columns=2), st.data())
def test_columns_of_one_name_are_refused(table: tuple[list[str], list[list[str]]], data: st.DataObject) -> None:
    header, rows = table
    header[-1] = data.draw(st.sampled_from(header[:-1]))
    with pytest.raises(UserError, match="names a column twice"):
        read_bytes(written([header, *rows]).encode(), "f.csv")


@FUZZ
@given(tables(least_columns=2), st.data())
def test_a_dataset_keeps_every_row_in_its_place(table: tuple[list[str], list[list[str]]], data: st.DataObject) -> None:
    header, rows = table
    text, label = data.draw(st.permutations(header))[:2]
    position = {name: header.index(name) for name in (text, label)}
    values = sorted({row[position[label]] for row in rows})
    assume("" not in values)
    ids = {value: f"l{index}" for index, value in enumerate(values)}
    config = DatasetConfig(
        "fuzz", "own", {each: each for each in ids.values()}, "macro_f1", label_values=ids,
        columns=ColumnsConfig(text=text, label=label),
    )  # fmt: skip
    dataset = from_table(config, read_bytes(written([header, *rows]).encode(), "f.csv"))
    everything = range(len(rows))
    assert dataset.column("text", everything).tolist() == [row[position[text]] for row in rows]
    assert dataset.gold(everything).tolist() == [ids[row[position[label]]] for row in rows]
