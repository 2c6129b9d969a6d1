"""Files as rows, strictly: one streaming reader a format; a row is read whole and in its place, or is a bad row.

Training (`read_bytes`) stops at bad rows and names them; prediction goes on and keeps them aside.
"""

from __future__ import annotations

import io
import logging
import re
from typing import IO, TYPE_CHECKING

from naba.data.rows.excel import zip_member
from naba.data.rows.table import (
    FORMATS,
    SPLIT_NAMES,
    SUFFIXES,
    TABLES,
    BadRow,
    Place,
    ReadingOptions,
    Row,
    Table,
    Value,
    Written,
    rows_error,
)
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.data.rows.text import Reader

__all__ = [
    "FORMATS",
    "SPLIT_NAMES",
    "SUFFIXES",
    "TABLES",
    "BadRow",
    "Place",
    "ReadingOptions",
    "Row",
    "Table",
    "Value",
    "Written",
    "open_rows",
    "read_bytes",
    "rows_error",
    "zip_member",
]

logger = logging.getLogger(__name__)
MOST_CELLS = 20_000_000
"""Of a file that is read whole: some gigabytes of memory. 200 kB of Parquet can hold sixty million."""


def open_rows(
    file: IO[bytes], name: str, options: ReadingOptions | None = None, names: Sequence[str] = ("text",)
) -> Reader:
    """The rows of a file in any format.

    Args:
        file: open for reading, at its beginning; all but text files must be seekable.
        name: what messages call it; its suffix tells the format where the options do not.
        names: the columns of text lines, which name none themselves.
    Raises:
        UserError: it cannot be read at all: no such format, an unreadable header, a broken workbook.
    """
    options = options or ReadingOptions()
    kind = options.format_of(name)
    if kind == "lines":
        from naba.data.rows.text import TextLines

        return TextLines(file, name, options, names)
    if kind in {"csv", "tsv"}:
        from naba.data.rows.delimited import DelimitedReader

        return DelimitedReader(file, name, options)
    if kind in {"jsonl", "json"}:
        from naba.data.rows.json import JsonLinesReader, JsonReader

        return (JsonLinesReader if kind == "jsonl" else JsonReader)(file, name, options)
    if kind == "parquet":
        from naba.data.rows.parquet import ParquetReader

        return ParquetReader(file, name, options)
    from naba.data.rows.excel import ExcelReader

    return ExcelReader(file, name, options)


def read_bytes(content: bytes, name: str, options: ReadingOptions | None = None) -> Table:
    """Read one file, given as bytes, whole; what was recognised about it is logged.

    Raises:
        UserError: it cannot be read, has no rows, is too large, or rows are bad: those with the first problem are
            named.
    """
    options = options or ReadingOptions()
    kind = options.format_of(name)
    if not content.lstrip(b"\xef\xbb\xbf").strip():
        raise UserError(f"{name}: the file is empty", "A data file has a header line and at least one row.")
    places: list[Place] = []
    bad: list[BadRow] = []
    cells = 0
    with open_rows(io.BytesIO(content), name, options) as reader:
        # Rows of JSON name their columns themselves.
        columns: dict[str, list[Value]] = {} if kind in {"json", "jsonl"} else {column: [] for column in reader.names}
        for row in reader:
            cells += len(row.cells) if isinstance(row, Row) else 1
            if cells > MOST_CELLS:
                raise UserError(
                    f"{name}: more than {MOST_CELLS:,} cells, which is more than is read into memory",
                    "Leave columns and rows out that are not needed; naba predict reads files of any size.",
                )
            if isinstance(row, BadRow):
                bad.append(row)
                continue
            for column in row.cells:
                if column not in columns:
                    columns[column] = [None] * len(places)
            for column, values in columns.items():
                values.append(_plain(row.cells.get(column)))
            places.append(Place(name, row.number, row.line))
    for note in reader.notes:
        logger.warning(note)
    if reader.empty:
        logger.warning("%s: skipped rows without any value: %d", name, reader.empty)
    if bad:
        problem = bad[0].problem
        alike = [row for row in bad if _kind(row.problem) == _kind(problem)]
        raise rows_error(problem, [Place(name, row.number, row.line) for row in alike], _hint(problem, options))
    if not places:
        raise UserError(f"{name}: the file has a header but no rows")
    return Table(columns, places, recognised=reader.recognised)


def _plain(value: Value) -> Value:
    return value if value is None else str(value)


def _kind(problem: str) -> str:
    return re.split(r"[(:]", problem)[0]


def _hint(problem: str, options: ReadingOptions) -> str | None:
    from naba.data.rows.delimited import quotes_hint
    from naba.data.rows.text import encoding_hint

    if "not UTF-8" in problem:
        return encoding_hint(options)
    if problem.startswith("bad quoting"):
        return quotes_hint(options)
    if problem.startswith("the file ends right after"):
        return "If the last cell is meant to be empty, end the file with a line break."
    return None
