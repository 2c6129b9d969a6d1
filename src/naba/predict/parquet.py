"""Parquet as input and output of a prediction job: Arrow types are kept, row groups are read one after another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from naba.data.rows.tables import check_header
from naba.errors import UserError
from naba.predict.reading import BadRow, Columns, Piece, cell_problem, require_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

SHOWN_RAW = 2000


class ParquetSource:
    """Rows of a Parquet file."""

    unit = "rows"

    def __init__(self, path: Path, columns: Columns) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self.file = pq.ParquetFile(str(path))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise UserError(f"{path.name}: not a readable Parquet file: {error}") from error
        self.name = path.name
        self.columns = columns
        self.names = list(self.file.schema_arrow.names)
        check_header(self.names, self.name)
        require_columns(self.name, self.names, columns)
        for column in filter(None, (columns.text, columns.target)):
            kind = self.file.schema_arrow.field(column).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
                raise UserError(f"{self.name}: column '{column}' holds {kind}, where text is expected")
        self.position = {"row": 0, "group": 0, "in_group": 0}

    @property
    def total(self) -> int:
        """Rows of the file."""
        return int(self.file.metadata.num_rows)

    def resume(self, position: dict[str, int], names: Sequence[str]) -> None:
        """Go on where a piece ended."""
        self.position = dict(position)
        self.names = list(names)

    def pieces(self, size: int) -> Iterator[Piece]:
        """The rows, `size` at a time; a piece never crosses a row group, so it is the same after a resumption."""
        import pyarrow as pa

        try:
            yield from self._pieces(size)
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"{self.name}: row {self.position['row'] + 1}: cannot be read: {error}") from error

    def _pieces(self, size: int) -> Iterator[Piece]:
        for group in range(self.position["group"], self.file.num_row_groups):
            skip = self.position["in_group"]
            for batch in _exact(self.file.iter_batches(batch_size=size, row_groups=[group]), size):
                if skip >= batch.num_rows:
                    skip -= batch.num_rows
                    continue
                first = self.position["row"] + 1
                self.position["row"] += batch.num_rows
                self.position["in_group"] += batch.num_rows
                yield self._piece(batch, first)
            self.position |= {"group": group + 1, "in_group": 0}
        yield self._piece(self.file.schema_arrow.empty_table(), self.position["row"] + 1)

    def _piece(self, batch: Any, first: int) -> Piece:
        texts = batch.column(self.columns.text).to_pylist()
        paired = self.columns.target is not None
        targets = batch.column(self.columns.target).to_pylist() if paired else [""] * len(texts)
        piece = Piece(self.names, position=dict(self.position))
        good = []
        for index, (text, target) in enumerate(zip(texts, targets, strict=True)):
            problem = cell_problem(text, self.columns.text)
            if problem is None and self.columns.target is not None:
                problem = cell_problem(target, self.columns.target)
            if problem is None:
                good.append(index)
                continue
            raw = json.dumps(batch.slice(index, 1).to_pylist()[0], ensure_ascii=False, default=str)
            piece.bad.append(BadRow(first + index, None, problem, raw[:SHOWN_RAW]))
        piece.texts = [texts[index] for index in good]
        piece.targets = [targets[index] for index in good]
        piece.batch = batch.take(good) if piece.bad else batch
        return piece


def _exact(batches: Iterator[Any], size: int) -> Iterator[Any]:
    """Tables of exactly `size` rows but for the last, however Arrow cuts its batches."""
    import pyarrow as pa

    held: list[Any] = []
    for batch in batches:
        held.append(pa.Table.from_batches([batch]))
        while sum(table.num_rows for table in held) >= size:
            joined = pa.concat_tables(held)
            yield joined.slice(0, size)
            held = [joined.slice(size)] if joined.num_rows > size else []
    if held:
        yield pa.concat_tables(held)


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
