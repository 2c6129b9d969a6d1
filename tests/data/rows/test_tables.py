"""Reading is strict: a row arrives whole and in its place, or one error names it."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile

import pytest

from naba.data.rows.tables import Options, RawTable, read_bytes, zip_member
from naba.errors import UserError

openpyxl = pytest.importorskip("openpyxl")


def csv(text: str, **options: object) -> RawTable:
    return read_bytes(text.encode(), "file.csv", Options(**options))  # type: ignore[arg-type]


def fails(text: str | bytes, name: str = "file.csv", **options: object) -> str:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(UserError) as caught:
        read_bytes(content, name, Options(**options))  # type: ignore[arg-type]
    assert name in str(caught.value)
    return str(caught.value)


def test_values_stay_strings() -> None:
    table = csv("id,label\n007,None\n1234567890123456789,NA\n1.0,nan\n,true\n")
    assert table.columns == {
        "id": ["007", "1234567890123456789", "1.0", ""],
        "label": ["None", "NA", "nan", "true"],
    }


def test_quotes_line_breaks_and_nul_in_cells() -> None:
    table = csv('a,b\n"x,""y""","one\r\ntwo"\n\0,3\n')
    assert table.columns == {"a": ['x,"y"', "\0"], "b": ["one\r\ntwo", "3"]}
    assert [place.line for place in table.places] == [2, 4]


def test_a_truncated_row_is_named_by_record_and_line() -> None:
    message = fails('a,b\n"one\ntwo",2\n3\n')
    assert "row 2, line 4: too few fields (1 instead of the 2" in message


def test_rows_with_one_problem_are_counted() -> None:
    message = fails("a,b\n" + "1,2,3\n" * 7)
    assert "too many fields (3 instead of the 2" in message
    assert "7 rows have this problem, also row 2, 3, 4, 5 and 2 more" in message


@pytest.mark.parametrize("text", ['a,b\n1,"open\n', 'a,b\n1,"x"y\n', 'a,b\n"1,2\n3,4\n'])
def test_bad_quotes(text: str) -> None:
    assert "row 1, line 2: bad quoting" in fails(text)


def test_quotes_are_ordinary_characters_where_the_option_says_so() -> None:
    table = read_bytes(b'a\tb\n"x\ty"z\n', "file.tsv", Options(quoting=False))
    assert table.columns == {"a": ['"x'], "b": ['y"z']}


def test_an_empty_line_in_the_middle_is_a_short_row_and_at_the_end_is_nothing() -> None:
    assert "row 2, line 3: too few fields (0" in fails("a,b\n1,2\n\n3,4\n")
    assert len(csv("a,b\n1,2\n\n\n")) == 1


@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xef\xbb\xbf"])
def test_an_empty_file(content: bytes) -> None:
    assert "empty" in fails(content) or "no rows" in fails(content)


def test_a_header_without_rows() -> None:
    assert "no rows" in fails("a,b\n")


def test_a_column_named_twice() -> None:
    assert "'text'" in fails("text,label,text\n1,2,3\n")


def test_undecodable_bytes_name_the_line() -> None:
    assert "line 3" in fails("a\nنص\n".encode() + b"\xff\xd8\n")
    assert read_bytes("a\nنص\n".encode("windows-1256"), "f.csv", Options(encoding="windows-1256")).columns["a"] == [
        "نص"
    ]
    assert "unknown encoding" in fails("a\n1\n", encoding="utf-9")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(encoding: str) -> None:
    assert read_bytes("text,b\nنص,2\n".encode(encoding), "f.csv").columns["text"] == ["نص"]


def test_a_cell_of_ten_megabytes() -> None:
    assert len(csv("a,b\n" + "ن" * 10_000_000 + ",2\n").columns["a"][0] or "") == 10_000_000


def test_unknown_formats() -> None:
    assert "cannot tell the format" in fails("a\n1\n", "file.dat")
    assert "did you mean 'csv'" in fails("a\n1\n", "file.dat", format="cvs")


def lines(*rows: str) -> RawTable:
    return read_bytes("\n".join(rows).encode(), "f.jsonl")


def test_json_lines_values() -> None:
    table = lines(
        '{"id": 1234567890123456789, "label": true, "score": 1.0}',
        "",
        '{"id": "007", "label": null, "score": NaN, "more": [1, {"a": "ب"}]}',
    )
    assert table.columns == {
        "id": ["1234567890123456789", "007"],
        "label": ["true", None],
        "score": ["1.0", "NaN"],
        "more": [None, '[1, {"a": "ب"}]'],
    }
    assert [place.line for place in table.places] == [1, 3]


def test_a_line_separator_inside_a_json_string_is_text() -> None:
    assert lines('{"a": "one\u2028two\x85three"}').columns["a"] == ["one\u2028two\x85three"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('{"a": 1', "not valid JSON"),
        ("[1]", "a JSON list"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ('{"a": "\\ud800"}', "surrogate"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_bad_json_lines(row: str, problem: str) -> None:
    message = fails('{"a": 0}\n' + row, "f.jsonl")
    assert "row 2, line 2" in message
    assert problem in message


def test_parquet_with_numbers_dates_and_class_names() -> None:
    import datasets

    features = datasets.Features(
        {"id": datasets.Value("int64"), "label": datasets.ClassLabel(names=["no", "yes"]), "ok": datasets.Value("bool")}
    )
    buffer = io.BytesIO()
    rows = {"id": [10**18 + 1, None], "label": [1, 0], "ok": [True, False]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(buffer)
    table = read_bytes(buffer.getvalue(), "f.parquet")
    assert table.columns == {"id": ["1000000000000000001", None], "label": ["yes", "no"], "ok": ["true", "false"]}
    assert "not a readable Parquet" in fails(buffer.getvalue()[:-8], "f.parquet")


def workbook(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_excel_values() -> None:
    content = workbook(["id", "text", "day"], ["007", "نص", dt.datetime(2020, 1, 2, tzinfo=None)], [8, None, True])  # noqa: DTZ001
    assert read_bytes(content, "f.xlsx").columns == {
        "id": ["007", "8"],
        "text": ["نص", None],
        "day": ["2020-01-02T00:00:00", "true"],
    }


def test_excel_problems() -> None:
    assert "more digits than Excel keeps" in fails(workbook(["id"], [1234567890123456789]), "f.xlsx")
    assert "row 1, line 2: the row is empty" in fails(workbook(["id"], [None], ["x"]), "f.xlsx")
    assert "right of the last named column" in fails(workbook(["id"], ["x", "y"]), "f.xlsx")
    assert "not a readable Excel workbook" in fails(b"not a workbook", "f.xlsx")
    assert "unknown sheet 'Sheet2'; did you mean 'Sheet'?" in fails(workbook(["id"], ["x"]), "f.xlsx", sheet="Sheet2")


def archive(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def test_zip_members() -> None:
    one = archive(**{"data.csv": "a\n1\n", "__MACOSX/._data.csv": "junk"})
    assert zip_member(one, "z.zip", None) == (b"a\n1\n", "z.zip!data.csv")
    with pytest.raises(UserError, match=r"unknown member 'dta\.csv'; did you mean 'data\.csv'\?"):
        zip_member(one, "z.zip", "dta.csv")
    with pytest.raises(UserError, match=r"holds 2 files: a\.csv, b\.csv"):
        zip_member(archive(**{"a.csv": "", "b.csv": ""}), "z.zip", None)
    with pytest.raises(UserError, match=r"z\.zip: the archive cannot be read"):
        zip_member(one[:-30], "z.zip", None)
    broken = one.replace(b"a\n1\n", b"a\n2\n", 1)
    with pytest.raises(UserError, match="cannot be read: Bad CRC"):
        zip_member(broken, "z.zip", None)


def test_json_of_numbers_inside_lists_is_kept() -> None:
    assert json.loads(lines('{"a": {"start": 3}}').columns["a"][0] or "") == {"start": 3}
