"""CSV and TSV: a row arrives whole and in its place, or one error names it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from reading import csv, fails

from naba.data.rows import ReadingOptions, read_bytes
from naba.errors import UserError

if TYPE_CHECKING:
    from conftest import Notes


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
    table = read_bytes(b'a\tb\n"x\ty"z\n', "file.tsv", ReadingOptions(quoting=False))
    assert table.columns == {"a": ['"x'], "b": ['y"z']}


@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xef\xbb\xbf"])
def test_an_empty_file(content: bytes) -> None:
    assert "empty" in fails(content) or "no rows" in fails(content)


def test_a_header_without_rows() -> None:
    assert "no rows" in fails("a,b\n")


def test_a_column_named_twice() -> None:
    assert "'text'" in fails("text,label,text\n1,2,3\n")


def test_undecodable_bytes_name_the_line() -> None:
    assert "line 3" in fails("a\nنص\n".encode() + b"\xff\xd8\n")
    options = ReadingOptions(encoding="windows-1256")
    assert read_bytes("a\nنص\n".encode("windows-1256"), "f.csv", options).columns["a"] == ["نص"]
    assert "unknown encoding" in fails("a\n1\n", encoding="utf-9")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(encoding: str) -> None:
    assert read_bytes("text,b\nنص,2\n".encode(encoding), "f.csv").columns["text"] == ["نص"]


def test_a_cell_of_ten_megabytes() -> None:
    assert len(csv("a,b\n" + "ن" * 10_000_000 + ",2\n").columns["a"][0] or "") == 10_000_000


def test_unknown_formats() -> None:
    assert "cannot tell the format" in fails("a\n1\n", "file.dat")
    assert "did you mean 'csv'" in fails("a\n1\n", "file.dat", format="cvs")


def test_lines_without_a_value_are_passed_over(notes: Notes) -> None:
    table = csv("\na,b\n1,2\n\n  \n,\n3,4\n , \n")
    assert table.columns == {"a": ["1", "3"], "b": ["2", "4"]}
    assert [(place.record, place.line) for place in table.places] == [(1, 3), (2, 7)]
    assert "skipped rows without any value: 2" in notes.text
    assert csv('a\n1\n""\n').columns == {"a": ["1", ""]}


def test_unnamed_columns_at_the_right_are_left_out_while_they_are_empty() -> None:
    assert csv("a,b,,\n1,2,,\n3,4,,\n").columns == {"a": ["1", "3"], "b": ["2", "4"]}
    assert "row 2, line 3: a cell stands right of the last named column" in fails("a,b,\n1,2,\n3,4,5\n")
    assert "row 1, line 2: too many fields (3 instead of the 2" in fails("a,b\n1,2,\n")


def test_invisible_marks_and_white_space_are_no_part_of_a_column() -> None:
    assert list(csv("\u200ftext\u200e,\u202aالنص \u202c, label\ufeff\nx,y,z\n").columns) == ["text", "النص", "label"]
    assert "names a column twice: 'text'" in fails("text,\u200ftext\nx,y\n")


def test_a_file_cut_after_a_delimiter_is_refused_and_an_empty_last_cell_is_not() -> None:
    assert "row 2, line 3: the file ends right after a delimiter" in fails("a,b\n1,2\n3,")
    assert csv("a,b\n1,2\n3,\n").columns["b"] == ["2", ""]
    assert "row 1, line 2" in fails("a\tb\n1\t", "file.tsv")


CASES = Path(__file__).parents[1] / "cases"


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("csv-semicolon/semi.csv", "the delimiter looks like ';' and is read as that"),
        ("csv-semicolon/sepline.csv", "the delimiter is ';', as its first line says"),
        ("csv-semicolon/tab.csv", "the delimiter looks like a tab and is read as that"),
        ("tab-delimiter/tab.csv", "the delimiter looks like a tab"),
        ("utf16-no-bom/utf16nobom.csv", "the file looks like utf-16-le and is read as that"),
        ("data-new-encoding/win1256.csv", "the file looks like windows-1256 and is read as that"),
    ],
)
def test_what_a_file_is_written_with_is_recognised_and_said(case: str, said: str, notes: Notes) -> None:
    table = read_bytes((CASES / case).read_bytes(), case)
    assert list(table.columns) == ["id", "text", "claim", "label"]
    assert all(re.search(r"[\u0621-\u064a]{3}", text or "") for text in table.columns["text"])
    assert said in notes.text
    assert notes.text.count("dataset.options.") == ("first line says" not in said)


def test_a_delimiter_that_was_said_is_taken() -> None:
    tab = (CASES / "tab-delimiter/tab.csv").read_bytes()
    for written in ("\t", "\\t", "tab"):
        assert "claim" in read_bytes(tab, "f.csv", ReadingOptions(delimiter=written)).columns
    assert list(read_bytes(tab, "f.csv", ReadingOptions(delimiter=",")).columns) == ["id\ttext\tclaim\tlabel"]
    assert "the delimiter must be one character, or 'tab', not ';;'" in fails("a\n1\n", delimiter=";;")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("text\na;b\nc;d\n", ["text"]),  # one column, whose name has no delimiter
        ("a,b;c\n1,2;3\n", ["a", "b;c"]),  # the usual delimiter makes a table
        ("a;b,c\n1;2,3\n4;5;6\n", ["a;b", "c"]),  # neither makes one
        ('a;b\n"x;y";2\n', ["a", "b"]),
    ],
)
def test_a_delimiter_is_recognised_only_where_it_makes_a_table(text: str, columns: list[str]) -> None:
    try:
        found = list(csv(text).columns)
    except UserError as error:
        assert "header: a;b, c)" in str(error)  # noqa: PT017
    else:
        assert found == columns


def test_files_without_a_header_line(notes: Notes) -> None:
    content = (CASES / "headerless/headerless.tsv").read_bytes()
    read_bytes(content, "f.tsv")
    assert "the first line looks like a row" in notes.text
    assert "dataset.options.header=false" in notes.text
    table = read_bytes(content, "f.tsv", ReadingOptions(header=False))
    assert list(table.columns) == ["column_1", "column_2"]
    assert len(table) == len(content.decode().splitlines())
    assert table.columns["column_2"][0] == "OBJ"
    assert (table.places[0].record, table.places[0].line, table.places[1].line) == (1, 1, 2)
    with pytest.raises(UserError, match="--no-header"):
        read_bytes(content, "f.tsv").column("text", "text")


def test_encodings_are_recognised_only_where_the_bytes_say_so() -> None:
    arabic = "text\n" + "نص عربي\n" * 5
    assert csv_bytes(arabic.encode() + b"\xff\n").startswith(
        "f.csv: row 6, line 7: the bytes b'\\xff\\n' are not UTF-8"
    )
    assert "are not UTF-8" in csv_bytes("text\nété à la plage\n".encode("latin-1"))
    assert read_bytes(arabic.encode("utf-16-be"), "f.csv").columns["text"] == ["نص عربي"] * 5
    assert read_bytes(arabic.replace("\n", "\r").encode(), "f.csv").columns["text"] == ["نص عربي"] * 5
    assert "line 2" in csv_bytes("a\nنص\n".encode("utf-16")[:-3])


def csv_bytes(content: bytes) -> str:
    return fails(content, "f.csv")
