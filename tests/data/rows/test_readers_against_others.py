"""The readers against Python's csv and json, pyarrow and openpyxl; the way of a label from its file to an answer.

Where the other library reads a table, naba reads the same cells in the same places, or says why it does not.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from naba.config import dataset_config
from naba.config.schema import FileConfig
from naba.data import own_yaml
from naba.data.corpora.readers import SourceFile
from naba.data.dataset import load, load_named
from naba.data.own_files import is_missing
from naba.data.rows import ReadingOptions, Table, clean_name, read_bytes
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow
FUZZ = settings(
    max_examples=150,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('مع ضد،\u200f\u064b",;\n'), max_size=10)
NAME = st.text("abcنص_ 1", min_size=1, max_size=4).map(clean_name).filter(bool)


def cells(table: Table) -> list[list[str | None]]:
    return [list(row) for row in zip(*table.columns.values(), strict=True)]


FIELD = st.sampled_from(
    ["a", "نص", "", " ", '"a"', '"a,b"', '"a;\tb"', '"a""b"', '"a\nb"', 'a"b', '"a"b', '"', "،", "a,b"]
)


@st.composite
def raw_tables(draw: Callable[..., Any]) -> str:
    """Lines of two fields or, now and then, of another number; the end of the file anywhere."""
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    widths = st.sampled_from([2] * 8 + [1, 3])
    rows = [[draw(FIELD) for _ in range(draw(widths))] for _ in range(draw(st.integers(1, 5)))]
    ending = draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
    text = ending.join(delimiter.join(row) for row in [["x", "y"], *rows])
    return delimiter + text + draw(st.sampled_from(["", ending]))


@FUZZ
@given(raw_tables(), st.booleans())
def test_delimited_files_are_read_as_csv_reads_them(drawn: str, quoting: bool) -> None:
    """Raw characters, not files that csv wrote: quotes in the wrong place, lines of another width, no end of line."""
    delimiter, text = drawn[0], drawn[1:]
    given_dialect: dict[str, Any] = {"delimiter": delimiter, "strict": True}
    if not quoting:
        given_dialect |= {"quoting": csv.QUOTE_NONE, "quotechar": None}
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), **given_dialect))
    except csv.Error:
        rows = []
    try:
        found = read_bytes(text.encode(), "f.csv", ReadingOptions(delimiter=delimiter, quoting=quoting))
    except UserError as error:
        assert "f.csv" in str(error)  # noqa: PT017
        header = [clean_name(name) for name in rows[0]] if rows and rows[0] else []
        widths = {len(row) for row in rows if any(cell.strip() for cell in row)}
        regular = len(rows) > 1 and len(widths) == 1 and widths == {len(header)} and all(rows)
        plain = regular and all(header) and len(set(header)) == len(header) and text.endswith("\n")
        readable = plain and all(any(cell.strip() for cell in row) for row in rows) and not text.startswith("sep=")
        assert not readable, str(error)  # noqa: PT017
    else:
        assert rows, "csv refuses what naba reads"
        header = [clean_name(name) for name in next(row for row in rows if row)]
        names = list(found.columns)
        assert names == header[: len(names)]
        assert not any(header[len(names) :])
        body = rows[rows.index(next(row for row in rows if row)) + 1 :]
        expected = [row[: len(names)] for row in body if any(cell.strip(f" {delimiter}") for cell in row)]
        kept = [row for row in cells(found) if any((cell or "").strip(f" {delimiter}") for cell in row)]
        assert kept == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(TEXT, inside, max_size=3),
    max_leaves=6,
)


@FUZZ
@given(st.lists(st.dictionaries(NAME, JSON, min_size=1, max_size=3), min_size=1, max_size=4), st.booleans())
def test_json_is_read_as_json_reads_it(rows: list[dict[str, Any]], ascii_only: bool) -> None:
    lines = [json.dumps(row, ensure_ascii=ascii_only) for row in rows]
    rows = [row for row in rows if any(value is not None for value in row.values())]
    assume(rows)  # a file without any value is refused
    for name, content in (("f.jsonl", "\n".join(lines)), ("f.json", f"[{', '.join(lines)}]")):
        found = read_bytes(content.encode(), name)
        for place, row in enumerate(rows):
            for column, values in found.columns.items():
                value, read = row.get(column), values[place]
                if value is None or isinstance(value, str):
                    assert read == value
                else:
                    assert read is not None
                    assert json.loads(read) == value


@FUZZ
@given(
    st.lists(
        st.tuples(TEXT | st.none(), st.integers(-(2**63), 2**63 - 1) | st.none(), st.booleans() | st.none(),
                  st.floats(allow_nan=False, allow_infinity=False) | st.none(), st.dates() | st.none()),
        min_size=1, max_size=5,
    ),
    st.booleans(),
)  # fmt: skip
def test_parquet_is_read_as_pyarrow_reads_it(rows: list[tuple[Any, ...]], coded: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    assume(any(value is not None for row in rows for value in row))  # a file without any value is refused
    text, whole, true, number, date = (list(column) for column in zip(*rows, strict=True))
    kinds = {"text": pa.string(), "whole": pa.int64(), "true": pa.bool_(), "number": pa.float64(), "date": pa.date32()}
    columns = dict(zip(kinds, (text, whole, true, number, date), strict=True))
    table = pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})
    if coded:
        table = table.set_column(0, "text", table.column("text").dictionary_encode())
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    try:
        found = read_bytes(buffer.getvalue(), "f.parquet").columns
    except UserError as error:
        pytest.fail(str(error))
    kept = [row for row in rows if any(value is not None for value in row)]
    text, whole, true, number, date = (list(column) for column in zip(*kept, strict=True))
    assert found["text"] == text
    assert found["whole"] == [None if value is None else str(value) for value in whole]
    assert [None if value is None else value.lower() == "true" for value in found["true"]] == true
    assert [None if value is None else float(value) for value in found["number"]] == number
    assert found["date"] == [None if value is None else value.isoformat() for value in date]


EXCEL = (
    st.none() | st.booleans() | st.integers(-(10**14), 10**14) | st.floats(-1e9, 1e9).map(lambda value: round(value, 4))
    | st.dates(dt.date(1950, 1, 1), dt.date(2100, 1, 1)) | st.text("abcنص مع1-=", max_size=6)
)  # fmt: skip


def as_excel_shows(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, dt.date) else str(value)


@FUZZ
@given(st.lists(st.lists(EXCEL, min_size=3, max_size=3), min_size=1, max_size=6))
def test_excel_is_read_as_openpyxl_reads_it(rows: list[list[Any]]) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["a", "b", "c"])
    for line, row in enumerate(rows, start=2):
        for column, value in enumerate(row, start=1):
            cell = book.active.cell(line, column, value)
            if isinstance(value, str):
                cell.data_type = "s"
    buffer = io.BytesIO()
    book.save(buffer)
    expected = [[as_excel_shows(value) for value in row] for row in rows]
    filled = [row for row in expected if any(value is not None and value.strip() for value in row)]
    if not filled:
        with pytest.raises(UserError, match="no rows"):
            read_bytes(buffer.getvalue(), "f.xlsx")
        return
    found = cells(read_bytes(buffer.getvalue(), "f.xlsx"))
    for read, wanted in zip(found, filled, strict=True):
        for one, other in zip(read, wanted, strict=True):
            assert one == other or (one and other and math.isclose(float(one), float(other), rel_tol=1e-12)), rows


LABEL = st.one_of(
    st.sampled_from(["مع", "ضد", "-1", "1", "label_1", "label_2", "not entail", "a/b", "A", "a", "None", "no", "1e3",
                     "~", "${x}", "'", " x", "x ", "مَع", "ｘ", "0x1", "true"]),
    TEXT.filter(lambda value: not is_missing(value) and "\n" not in value),
)  # fmt: skip


@FUZZ
@given(st.lists(LABEL, min_size=2, max_size=12))
def test_a_label_keeps_what_stands_in_the_file(tmp_path: Path, values: list[str]) -> None:
    """File value -> id -> display name, one to one, by the command line and by the YAML that is written for it."""
    assume(len(set(values)) > 1)
    file = tmp_path / "own.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["text", "label"])
        writer.writerows((f"نص {number}", value) for number, value in enumerate(values))
    config = dataset_config("file")
    config.path = str(file)
    sets = [load(config)]
    yaml = tmp_path / "conf" / "dataset" / "own.yaml"
    yaml.unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        own_yaml.new(file, "own", {"label": "label", "text": "text"})
        sets.append(load_named("own"))
    read = read_bytes(*SourceFile(file, "own.csv", FileConfig(path="own.csv")).read()).columns["label"]
    assert read == values
    for made in sets:
        gold = made.column_values("label").tolist()
        assert [made.display_names[label] for label in gold] == values
        assert len(made.labels) == len(set(values)) == len(set(made.display_names.values()))
        assert all(label.isascii() for label in made.labels)
