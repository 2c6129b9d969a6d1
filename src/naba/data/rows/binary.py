"""Parquet and Excel files into tables of strings."""

from __future__ import annotations

import datetime as dt
import io
import json
from typing import Any

from naba.data.rows.tables import Place, RawTable, Value, as_text, check_header
from naba.errors import UserError, unknown_name

EXACT_IN_EXCEL = 10**15


def parquet(content: bytes, name: str) -> RawTable:
    """A Parquet file; class indices written by `datasets` become the names of their classes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(content))
        lists = {column: table.column(column).to_pylist() for column in set(table.column_names)}
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise UserError(f"{name}: not a readable Parquet file: {error}") from error
    check_header(table.column_names, name)
    classes = _class_names(table.schema.metadata or {})
    columns = {column: [_cell(value, classes.get(column)) for value in lists[column]] for column in table.column_names}
    return RawTable(columns, [Place(name, number) for number in range(1, table.num_rows + 1)])


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {name: feature["names"] for name, feature in features.items() if "names" in feature}


def _cell(value: Any, classes: list[str] | None = None) -> Value:
    if classes is not None and isinstance(value, int) and 0 <= value < len(classes):
        return classes[value]
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return as_text(value)


def excel(content: bytes, name: str, sheet: str | None = None) -> RawTable:
    """A sheet of an Excel workbook, the first unless named. Formulas give the values Excel last computed.

    Raises:
        UserError: no openpyxl, not a workbook, an unknown sheet, an empty row in the middle, a number so long that
            Excel has rounded it (an id of 19 digits must be a text cell).
    """
    try:
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise UserError(f"{name}: reading Excel files needs openpyxl", "pip install 'naba[excel]'") from error
    import warnings
    import zlib
    from zipfile import BadZipFile

    # openpyxl lets many kinds of error out of a broken workbook; XML errors are SyntaxErrors.
    broken: tuple[type[Exception], ...] = (InvalidFileException, BadZipFile, zlib.error, LookupError, ValueError)
    broken += (TypeError, AttributeError, OSError, EOFError, SyntaxError, RuntimeError, AssertionError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # About styles and extensions that hold no values.
            workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            if sheet is not None and sheet not in workbook.sheetnames:
                raise UserError(f"{name}: {unknown_name('sheet', sheet, workbook.sheetnames)}")
            chosen = workbook[sheet or workbook.sheetnames[0]]
            rows = [list(row) for row in chosen.iter_rows(values_only=True)]
    except broken as error:
        raise UserError(f"{name}: not a readable Excel workbook: {error}") from error
    return _sheet(rows, name)


def _sheet(rows: list[list[Any]], name: str) -> RawTable:
    while rows and all(value is None for value in rows[-1]):
        rows.pop()
    if not rows:
        raise UserError(f"{name}: the sheet is empty")
    header = [_cell(value) for value in rows[0]]
    while header and header[-1] is None:
        header.pop()
    names = [value or "" for value in header]
    check_header(names, name)
    places = [Place(name, number, number + 1) for number in range(1, len(rows))]
    for row, place in zip(rows[1:], places, strict=True):
        _check_cells(row, len(names), place)
    columns = {
        column: [_cell(row[index]) if index < len(row) else None for row in rows[1:]]
        for index, column in enumerate(names)
    }
    return RawTable(columns, places)


def _check_cells(row: list[Any], width: int, place: Place) -> None:
    if all(value is None for value in row):
        raise UserError(f"{place}: the row is empty", "Delete it in Excel, or fill it.")
    if any(value is not None for value in row[width:]):
        raise UserError(f"{place}: a cell stands right of the last named column")
    for value in row:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) >= EXACT_IN_EXCEL:
            raise UserError(
                f"{place}: the number {value} has more digits than Excel keeps, so its last ones may be wrong",
                "Store long ids as text cells, or use CSV.",
            )
