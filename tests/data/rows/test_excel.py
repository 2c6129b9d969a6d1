"""Excel workbooks: each row that is there, as Excel shows it, with a note about the rest."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import TYPE_CHECKING

import pytest
from reading import fails

from naba.data.rows import ReadingOptions, archive, read_bytes

openpyxl = pytest.importorskip("openpyxl")

if TYPE_CHECKING:
    from conftest import Notes


def book_of(*rows: list[object]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def workbook(*rows: list[object]) -> bytes:
    return saved(book_of(*rows))


def test_excel_values() -> None:
    content = workbook(["id", "text", "day"], ["007", "نص", dt.datetime(2020, 1, 2, tzinfo=None)], [8, None, True])  # noqa: DTZ001
    assert read_bytes(content, "f.xlsx").columns == {
        "id": ["007", "8"],
        "text": ["نص", None],
        "day": ["2020-01-02", "TRUE"],
    }


def test_excel_problems() -> None:
    assert "more digits than Excel keeps" in fails(workbook(["id"], [1234567890123456789]), "f.xlsx")
    assert "right of the last named column" in fails(workbook(["id"], ["x", "y"]), "f.xlsx")
    assert "not a readable Excel workbook" in fails(b"not a workbook", "f.xlsx")
    assert "unknown sheet 'Sheet2'; did you mean 'Sheet'?" in fails(workbook(["id"], ["x"]), "f.xlsx", sheet="Sheet2")


def edited(content: bytes, *changes: tuple[str, str]) -> bytes:
    """The workbook with other text in the XML of its sheet, as other programs write it."""
    plain = zipfile.ZipFile(io.BytesIO(content))
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as out:
        for name in plain.namelist():
            text = plain.read(name)
            for old, new in changes if name.endswith("sheet1.xml") else ():
                assert old.encode() in text
                text = text.replace(old.encode(), new.encode())
            out.writestr(name, text)
    return changed.getvalue()


@pytest.mark.parametrize("stored", ["A1:C101", "A1:C11", "A1", "A1:B101"])
def test_all_rows_are_read_whatever_dimension_is_stored(stored: str) -> None:
    rows = [[str(number), f"نص {number}", "a" if number % 2 else "b"] for number in range(100)]
    content = workbook(["id", "text", "label"], *rows)
    changed = edited(content, ('<dimension ref="A1:C101"', f'<dimension ref="{stored}"'))
    table = read_bytes(changed, "x.xlsx")
    assert [list(row) for row in zip(*table.columns.values(), strict=True)] == rows


def test_floats_of_the_file_are_numbers_as_people_see_them() -> None:
    content = workbook(["id", "score"], [101, 202], [303, 404], [505, 606])
    floats = (("<v>101</v>", "<v>1.0</v>"), ("<v>303</v>", "<v>2E3</v>"), ("<v>505</v>", "<v>123456789012345.0</v>"),
              ("<v>202</v>", "<v>0.30000000000000004</v>"), ("<v>404</v>", "<v>-0.0</v>"))  # fmt: skip
    assert read_bytes(edited(content, *floats), "f.xlsx").columns == {
        "id": ["1", "2000", "123456789012345"], "score": ["0.3", "0", "606"],
    }  # fmt: skip


def test_numbers_as_excel_shows_them() -> None:
    content = workbook(["id", "score"], [1.0, 0.1 + 0.2], [7, 2.5], [10**14, 1e-7])
    assert read_bytes(content, "f.xlsx").columns == {
        "id": ["1", "7", "100000000000000"], "score": ["0.3", "2.5", "1e-07"],
    }  # fmt: skip
    times = workbook(["at"], [dt.datetime(2020, 1, 2, 3, 4)], [dt.date(2021, 5, 6)])  # noqa: DTZ001
    assert read_bytes(times, "f.xlsx").columns["at"] == ["2020-01-02T03:04:00", "2021-05-06"]


def test_merged_cells_hidden_rows_and_further_sheets_are_read_and_said(notes: Notes) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["claim", "text"], ["c1", "a"], [None, "b"], ["c2", "c"], [None, "d"], [None, "e"]):
        sheet.append(row)
    sheet.merge_cells("A2:A3")
    sheet.merge_cells("A4:A5")
    sheet.row_dimensions[4].hidden = True
    book.create_sheet("notes").append(["claim"])
    buffer = io.BytesIO()
    book.save(buffer)
    table = read_bytes(buffer.getvalue(), "f.xlsx")
    assert table.columns == {"claim": ["c1", "c1", "c2", "c2", None], "text": ["a", "b", "c", "d", "e"]}
    assert "merged cells hold one value" in notes.text
    assert "A2:A3, A4:A5" in notes.text
    assert "hidden rows are read too: row 4" in notes.text
    assert "of 2 sheets the first, 'Sheet', is read; dataset.options.sheet=NAME reads another: notes" in notes.text


def test_merged_cells_at_the_right_are_filled_and_make_no_rows() -> None:
    book = book_of(["id", "text", "label"], [1, "a", "x"], [2, "b"], [3, "c"])
    book.active.merge_cells("C2:C8")
    assert read_bytes(saved(book), "f.xlsx").columns["label"] == ["x", "x", "x"]


def test_a_formula_without_a_stored_value_is_named() -> None:
    assert "row 2, line 3: cell B3 is a formula whose value is not stored" in fails(
        workbook(["id", "text"], ["1", "x"], ["2", "=A2"]), "f.xlsx"
    )


def test_an_error_is_no_text() -> None:
    content = workbook(["text", "label"], ["a", "x"], ["b", "#N/A"], ["c", "#REF!"])
    assert "row 2, line 3: cell B3 holds the error #N/A, no value" in fails(content, "f.xlsx")
    assert read_bytes(workbook(["label"], ["# N/A"]), "f.xlsx").columns == {"label": ["# N/A"]}


def test_numbers_keep_the_zeros_of_their_format() -> None:
    book = book_of(["id", "score"], [7, 0.5], [1234, 2], ["07", 3], [-7, 4])
    for place in ("A2", "A3", "A4", "A5"):
        book.active[place].number_format = "000"
    assert read_bytes(saved(book), "f.xlsx").columns == {
        "id": ["007", "1234", "07", "-7"], "score": ["0.5", "2", "3", "4"],
    }  # fmt: skip


def test_texts_and_durations_as_excel_shows_them() -> None:
    duration = dt.timedelta(hours=26, minutes=3)
    content = workbook(["a", "b"], ["one_x000D_\ntwo", duration], ["_x005F_x000D_", dt.time(3, 4)])
    assert read_bytes(content, "f.xlsx").columns == {
        "a": ["one\r\ntwo", "_x000D_"], "b": ["26:03:00", "03:04:00"],
    }  # fmt: skip


def test_the_first_sheet_is_the_first_that_is_shown(notes: Notes) -> None:
    book = book_of(["text"], ["hidden"])
    book.active.sheet_state = "hidden"
    shown = book.create_sheet("data")
    for row in (["text", "more"], ["shown", "x"]):
        shown.append(row)
    shown.column_dimensions["B"].hidden = True
    assert read_bytes(saved(book), "f.xlsx").columns == {"text": ["shown"], "more": ["x"]}
    assert "of 2 sheets the first that is not hidden, 'data', is read" in notes.text
    assert "reads another: Sheet" in notes.text
    assert "hidden columns are read too: column B of the sheet" in notes.text
    assert read_bytes(saved(book), "f.xlsx", ReadingOptions(sheet="Sheet")).columns == {"text": ["hidden"]}


def test_empty_rows_and_unnamed_columns_are_treated_as_in_csv(notes: Notes) -> None:
    content = workbook([None], ["id\u200f", "text ", None], ["1", "x"], [None, "  "], ["2", "y", None])
    assert read_bytes(content, "f.xlsx").columns == {"id": ["1", "2"], "text": ["x", "y"]}
    assert "skipped rows without any value: 1" in notes.text
    options = ReadingOptions(header=False)
    assert read_bytes(workbook(["1", "x"]), "f.xlsx", options).columns == {"column_1": ["1"], "column_2": ["x"]}


def test_a_workbook_that_unpacks_beyond_all_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = workbook(["text"], *[["ن" * 30_000]] * 40)
    monkeypatch.setattr(archive, "LARGEST_MEMBER", 2**20)
    assert "unpacks to more than 1 MiB" in fails(content, "f.xlsx")
