"""Excel workbooks: every row that is there, as Excel shows it.

A note says what a reader of the sheet may not see.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
import zipfile
import zlib
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import IO, TYPE_CHECKING, Any

from naba.data.rows import BadRow, ReadingOptions, Row, Value, archive, header_names
from naba.data.rows.text import Reader
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator

EXACT_IN_EXCEL = 10**15
LAST_ROW = 2**20
"""Excel has no more rows."""
SHOWN = 5
_PADDED = re.compile("0{2,}")
"""Number formats that show 7 as 007."""
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@dataclass
class _Sheet:
    """What the file of a sheet says beside its values."""

    hidden: list[str] = field(default_factory=list)
    """`row 4`, `column C` or `columns C to F`."""
    merged: list[str] = field(default_factory=list)
    without_value: dict[int, str] = field(default_factory=dict)
    """Row -> what is wrong with the first of its cells whose formula has no value or gave an error."""


class ExcelReader(Reader):
    """Rows of one sheet, the first that is shown unless the options name another.

    Formulas give the values Excel stored last; a row with one that has none or an error (#N/A) is bad, as is a number
    so long that Excel has rounded it. A cell merged over several rows is the value of each. Empty rows are skipped;
    hidden ones are read. Whole numbers have no `.0` and keep the zeros of a format such as 000, dates without a time
    are dates, truth values are TRUE and FALSE.
    """

    def __init__(self, file: IO[bytes], name: str, options: ReadingOptions) -> None:
        super().__init__(name, options)
        content = file.read()
        self._open(content, options.sheet)
        self.merged = _down(self.about.merged)
        rows = self._rows()
        first = next(rows, None)
        if first is None:
            raise UserError(f"{name}: the sheet is empty")
        self.first_line, header = first
        while header and header[-1] is None:
            header.pop()
        if options.header:
            self.names = header_names([value or "" for value in header], name)
        else:
            self.names = [f"column_{number}" for number in range(1, len(header) + 1)]
            self.first_line -= 1
        self._remark()

    def _open(self, content: bytes, sheet: str | None) -> None:
        try:
            import openpyxl
            from openpyxl.utils.exceptions import InvalidFileException
        except ImportError as error:
            raise UserError(f"{self.name}: reading Excel files needs openpyxl", "pip install 'naba[excel]'") from error
        # openpyxl lets many kinds of error out of a broken workbook; XML errors are SyntaxErrors.
        self.broken: tuple[type[Exception], ...] = (
            InvalidFileException, zipfile.BadZipFile, zlib.error, LookupError, ValueError, TypeError, AttributeError,
            OSError, EOFError, SyntaxError, RuntimeError, AssertionError,
        )  # fmt: skip
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                if sum(entry.file_size for entry in packed.infolist()) > archive.LARGEST_MEMBER:
                    raise UserError(f"{self.name}: the workbook {archive.too_large()}")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # About styles and extensions that hold no values.
                    self.book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
                    self.sheets = [each.title for each in self.book.worksheets]
                    if sheet is not None and sheet not in self.sheets:
                        raise UserError(f"{self.name}: {unknown_name('sheet', sheet, self.sheets)}")
                    shown = [each.title for each in self.book.worksheets if each.sheet_state == "visible"]
                    self.sheet = self.book[sheet or (shown or self.sheets)[0]]
                    # Some programs write dimensions smaller than their rows; like Excel, this reads all rows.
                    self.sheet.reset_dimensions()
                self.about = _about(packed, self.sheet._worksheet_path)  # noqa: SLF001 - it has no public name
        except self.broken as error:
            raise UserError(f"{self.name}: not a readable Excel workbook: {error}") from error

    def _remark(self) -> None:
        about = self.about
        others = [title for title in self.sheets if title != self.sheet.title]
        if others and self.options.sheet is None:
            first = "the first" if self.sheet.title == self.sheets[0] else "the first that is not hidden"
            self.notes.append(
                f"{self.name}: of {len(self.sheets)} sheets {first}, '{self.sheet.title}', is read; "
                f"{self.options.advice('sheet', 'NAME')} reads another: {', '.join(others[:5])}"
            )
        for kind in ("row", "column"):
            if hidden := [each for each in about.hidden if each.startswith(kind)]:
                self.notes.append(f"{self.name}: hidden {kind}s are read too: {_some(hidden)} of the sheet")
        if about.merged:
            self.notes.append(
                f"{self.name}: merged cells hold one value; it is that of each of their rows, in their first column: "
                f"{_some(sorted(about.merged, key=_place))}"
            )

    def _rows(self) -> Iterator[tuple[int, list[Value]]]:
        """Line and values of each row that is not empty, merged cells filled down."""
        above: dict[int, Value] = {}
        padded = any(map(_PADDED.fullmatch, self.book._number_formats))  # noqa: SLF001 - it has no public name
        try:
            for line, row in enumerate(self.sheet.iter_rows(values_only=not padded), start=1):
                if line > LAST_ROW:
                    raise UserError(f"{self.name}: a row beyond number {LAST_ROW:,}, the last that Excel has")
                values = [_padded(cell) if padded else _cell(cell) for cell in row]
                if all(value is None or not value.strip() for value in values) and line not in self.about.without_value:
                    continue
                for column, tops in self.merged.items():
                    if line in tops:
                        values += [None] * (column + 1 - len(values))  # the file may leave cells below the first out
                        if line == tops[line]:
                            above[column] = values[column]
                        values[column] = above.get(column)
                yield line, values
        except self.broken as error:
            raise UserError(f"{self.name}: not a readable Excel workbook: {error}") from error

    def __iter__(self) -> Iterator[Row | BadRow]:
        done, number, before = self.number, 0, self.first_line
        for line, values in self._rows():
            if line <= self.first_line:
                continue
            number += 1
            self.empty += line - before - 1
            before = line
            if number <= done:
                continue
            self.number = number
            problem = self._problem(line, values)
            if problem:
                yield BadRow(number, line, problem, " | ".join(value or "" for value in values))
            else:
                yield Row(number, line, dict(zip_longest(self.names, values[: len(self.names)])))

    def _problem(self, line: int, values: list[Value]) -> str | None:
        if line in self.about.without_value:
            return self.about.without_value[line]
        if any(value is not None and value.strip() for value in values[len(self.names) :]):
            return "a cell stands right of the last named column"
        long = next((value for value in values if isinstance(value, _Rounded)), None)
        if long is not None:
            return (
                f"the number {long} has more digits than Excel keeps, so its last ones may be wrong; store it as text"
            )
        return None


class _Rounded(str):
    """A number that Excel may have rounded."""

    __slots__ = ()


def _number(value: float) -> str:
    if abs(value) >= EXACT_IN_EXCEL:
        return _Rounded(f"{value:.0f}" if abs(value) < 10**30 else str(value))
    # Excel shows 15 digits; the binary number behind 0.3 has more.
    return str(int(value)) if value == int(value) else f"{value:.15g}"


def _padded(cell: Any) -> Value:
    """The value of a cell whose number format may show leading zeros."""
    value = _cell(cell.value)
    if value is None or isinstance(cell.value, str) or not _PADDED.fullmatch(cell.number_format):
        return value
    return value.zfill(len(cell.number_format)) if value.isdigit() else value


def _cell(value: Any) -> Value:
    if value is None or isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    if isinstance(value, dt.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)


def _text(value: Value) -> Value:
    """A text of the workbook, where a carriage return stands as `_x000D_`."""
    if value is None or "_x" not in value:
        return value
    from openpyxl.utils.escape import unescape

    return str(unescape(value))


def _about(packed: zipfile.ZipFile, member: str) -> _Sheet:
    """Hidden rows and columns, merged ranges and cells without a value, from the XML of a sheet."""
    from xml.etree.ElementTree import iterparse

    from openpyxl.utils import get_column_letter

    found = _Sheet()
    with packed.open(member.lstrip("/")) as file:
        for _, element in iterparse(file):  # noqa: S314
            if element.tag == f"{_MAIN}row":
                if element.get("hidden") in {"1", "true"}:
                    found.hidden.append(f"row {element.get('r', '?')}")
                for cell in element.iterfind(f"{_MAIN}c"):
                    place, value = cell.get("r", "?"), cell.findtext(f"{_MAIN}v")
                    line = int(element.get("r") or "".join(filter(str.isdigit, place)) or "0")
                    if cell.get("t") == "e":
                        found.without_value.setdefault(line, f"cell {place} holds the error {value or ''}, no value")
                    elif cell.find(f"{_MAIN}f") is not None and not value and cell.get("t") != "str":
                        found.without_value.setdefault(
                            line, f"cell {place} is a formula whose value is not stored; open the workbook in Excel "
                            "and save it",
                        )  # fmt: skip
                element.clear()
            elif element.tag == f"{_MAIN}col" and element.get("hidden") in {"1", "true"}:
                first, last = (get_column_letter(int(element.get(end, "1"))) for end in ("min", "max"))
                found.hidden.append(f"column {first}" if first == last else f"columns {first} to {last}")
            elif element.tag == f"{_MAIN}mergeCell":
                found.merged.append(element.get("ref", ""))
    return found


def _down(ranges: list[str]) -> dict[int, dict[int, int]]:
    """Column (from 0) -> row -> the first row of its range, for ranges that begin in the column and span rows."""
    from openpyxl.utils import range_boundaries

    found: dict[int, dict[int, int]] = {}
    for each in ranges:
        left, top, _, bottom = range_boundaries(each)
        if bottom > top:
            found.setdefault(left - 1, {}).update(dict.fromkeys(range(top, min(bottom, LAST_ROW) + 1), top))
    return found


def _place(reference: str) -> tuple[int, ...]:
    from openpyxl.utils import range_boundaries

    left, top, *_ = range_boundaries(reference)
    return (top, left)


def _some(values: list[Any]) -> str:
    rest = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return ", ".join(map(str, values[:SHOWN])) + rest
