"""Outputs of a prediction job that are no text: Excel (lines while it runs, then a workbook) and Parquet."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from naba.data.rows.excel import LAST_ROW
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pandas as pd

    from naba.predict.reading import Piece

LONGEST_CELL = 32_767
"""Characters; Excel cuts off what is longer."""


def require_room(rows: int) -> None:
    """Refuse to begin or go on with what no workbook can hold.

    Raises:
        UserError: no openpyxl, or more rows than Excel has.
    """
    if find_spec("openpyxl") is None:
        raise UserError("writing Excel files needs openpyxl", "pip install 'naba[excel]'")
    if rows >= LAST_ROW:
        raise UserError(f"more than the {LAST_ROW:,} rows that an Excel workbook has", "--output FILE.csv")


def lines(header: Sequence[str] | None, cells: Iterable[Sequence[Any]], added: pd.DataFrame) -> bytes:
    """Rows as JSON lists, one a line: the cells as text, then the added values as they are.

    Raises:
        UserError: a cell is longer than Excel keeps.
    """
    rows = [[*row, *values] for row, values in zip(cells, added.itertuples(index=False), strict=True)]
    for row in rows:
        long = max((len(value) for value in row if isinstance(value, str)), default=0)
        if long > LONGEST_CELL:
            raise UserError(
                f"a cell of {long:,} characters does not go into an Excel workbook (at most {LONGEST_CELL:,})",
                "--output FILE.csv or FILE.jsonl keeps it whole",
            )
    rows = rows if header is None else [[*header, *added.columns], *rows]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def workbook(source: Path, target: Path) -> None:
    """A workbook of what `lines` wrote; text stays text, whatever it looks like."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils.escape import escape

    book = Workbook(write_only=True)
    sheet = book.create_sheet("predictions")
    with source.open(encoding="utf-8") as file:
        for line in file:
            row = []
            for value in json.loads(line):
                cell = WriteOnlyCell(sheet, value=escape(value) if isinstance(value, str) else value)
                if isinstance(value, str):
                    cell.data_type = "s"  # "=1+1" is a text here, not a formula
                row.append(cell)
            sheet.append(row)
    book.save(target)


def write_part(path: Path, piece: Piece, added: pd.DataFrame) -> None:
    """One piece as a Parquet file: its own columns (strings, where the input was text), then the added ones."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if piece.batch is not None:
        table = piece.batch
    else:
        values = {name: [row[index] for row in piece.cells] for index, name in enumerate(piece.names)}
        table = pa.table({name: pa.array(column, pa.string()) for name, column in values.items()})
    pq.write_table(append_columns(table, added), str(path))


def append_columns(table: Any, added: pd.DataFrame) -> Any:
    """An Arrow table with the columns of a DataFrame behind its own: text, booleans or 64-bit numbers."""
    import pyarrow as pa

    for name in added.columns:
        kind = {"O": pa.string(), "b": pa.bool_()}.get(added[name].dtype.kind, pa.float64())
        table = table.append_column(name, pa.array(added[name].tolist(), kind))
    return table


def join_parts(parts: Sequence[Path], target: Path) -> None:
    """Parts into one file, a row group a part, in constant memory."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(str(target), pq.read_schema(str(parts[0]))) as writer:
        for part in parts:
            writer.write_table(pq.read_table(str(part)))
