"""Parquet: row groups one after another, as Arrow tables or as rows of strings."""

from __future__ import annotations

import datetime as dt
import json
from typing import IO, TYPE_CHECKING, Any

from naba.data.rows import LONGEST_RECORD, BadRow, ReadingOptions, Row, Value, Written, header_names
from naba.data.rows.json import as_text
from naba.data.rows.text import Reader
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BATCH = 2048


class ParquetReader(Reader):
    """Rows of a Parquet file; class indices written by `datasets` become the names of their classes."""

    def __init__(self, file: IO[bytes], name: str, options: ReadingOptions) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        super().__init__(name, options)
        try:
            self.file = pq.ParquetFile(file)
            self.schema = self.file.schema_arrow
        except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
            raise UserError(f"{name}: not a readable Parquet file: {error}") from error
        self.names = header_names(self.schema.names, name)
        self.classes = _class_names(self.schema.metadata or {})
        self.group = self.in_group = 0

    @property
    def position(self) -> dict[str, int]:
        """Where the next row begins."""
        return {"row": self.number, "group": self.group, "in_group": self.in_group}

    def resume(self, position: dict[str, int], names: Sequence[str]) -> None:
        """Go on at a position."""
        super().resume(position, names)
        self.group, self.in_group = position["group"], position["in_group"]

    @property
    def total(self) -> int | None:
        """Rows of the file."""
        return int(self.file.metadata.num_rows)

    def batches(self, size: int) -> Iterator[Any]:
        """The rows as Arrow tables of `size` rows, the last of a row group smaller: the same after a resumption."""
        import pyarrow as pa

        try:
            for group in range(self.group, self.file.num_row_groups):
                skip = self.in_group
                for batch in _exact(self.file.iter_batches(batch_size=size, row_groups=[group]), size):
                    if skip >= batch.num_rows:
                        skip -= batch.num_rows
                        continue
                    self.number += batch.num_rows
                    self.in_group += batch.num_rows
                    yield batch
                self.group, self.in_group = group + 1, 0
        except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
            raise UserError(f"{self.name}: row {self.number + 1}: cannot be read: {error}") from error

    def __iter__(self) -> Iterator[Row | BadRow]:
        for batch in self.batches(BATCH):
            first = self.number - batch.num_rows + 1
            columns = [self.texts(batch, place) for place in range(len(self.names))]
            for offset in range(batch.num_rows):
                row = self._row(first + offset, [column[offset] for column in columns])
                if isinstance(row, Row) and row.is_empty:
                    self.empty += 1
                else:
                    yield row

    def texts(self, batch: Any, place: int) -> list[Value]:
        """The values of a column as strings; what is no text is `Written`.

        Raises:
            UserError: bytes declared as text that are not.
        """
        classes = self.classes.get(self.schema.names[place])
        try:
            return [cell(value, classes) for value in batch.column(place).to_pylist()]
        except (ValueError, OverflowError) as error:
            raise UserError(f"{self.name}: column '{self.names[place]}': cannot be read: {error}") from error

    def _row(self, number: int, values: list[Value]) -> Row | BadRow:
        if sum(len(value or "") for value in values) > LONGEST_RECORD:
            problem = f"a row of more than {LONGEST_RECORD // 2**20} Mi characters"
            return BadRow(number, None, problem, "")
        return Row(number, None, dict(zip(self.names, values, strict=True)))


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {name: feature["names"] for name, feature in features.items() if "names" in feature}


def cell(value: Any, classes: Sequence[str] | None = None) -> Value:
    """A value of Arrow as a string: dates as ISO 8601, lists and structures as JSON, bytes as text."""
    if classes is not None and isinstance(value, int) and 0 <= value < len(classes):
        return classes[value]
    if isinstance(value, (dt.date, dt.time)):
        return Written(value.isoformat())
    if isinstance(value, bytes):
        return Written(value.decode(errors="backslashreplace"))
    if isinstance(value, (list, dict)):
        return Written(json.dumps(value, ensure_ascii=False, default=str))
    return as_text(value)


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
