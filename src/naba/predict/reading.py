"""The rows of a prediction job, a piece at a time: those that can be classified and those that cannot."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from naba import files
from naba.data.rows import BadRow, Row
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from naba.data.rows.parquet import ParquetReader
    from naba.data.rows.text import Reader

LONGEST_TEXT = 1_000_000
"""Characters of one text: ten novels. Longer ones are reported, not classified."""
LARGEST_PIECE = 32 * 2**20
"""Bytes of a piece, whatever its rows: memory stays constant with long texts too."""
SHOWN_RAW = 2000


@dataclass(frozen=True)
class Columns:
    """Which columns of the input hold the text and the target; `target` is None for single-text classifiers."""

    text: str
    target: str | None

    @property
    def names(self) -> list[str]:
        """The columns that are read."""
        return [self.text] if self.target is None else [self.text, self.target]


@dataclass
class Piece:
    """Some consecutive rows: those that can be classified, those that cannot, and where the next piece begins."""

    names: list[str]
    texts: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    cells: list[list[Any]] = field(default_factory=list)
    """Each row's values in the order of `names`; empty where `batch` holds them."""
    raw: list[str] | None = None
    """JSON: the rows as they stand in the input."""
    batch: Any = None
    """Parquet: the rows as an Arrow table."""
    bad: list[BadRow] = field(default_factory=list)
    position: dict[str, int] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        """Rows read, good and bad."""
        return len(self.texts) + len(self.bad)


def cell_problem(value: Any, name: str) -> str | None:
    """What keeps a cell from being classified, or None."""
    if value is None:
        return f"column '{name}' is null"
    if type(value) is not str:
        return f"column '{name}': expected text, got {str(value)[:40]}"
    if not value or value.isspace():
        return f"column '{name}' is empty"
    if len(value) > LONGEST_TEXT:
        return f"column '{name}' has {len(value):,} characters; at most {LONGEST_TEXT:,} are read"
    return None


def _can_be_classified(column: Sequence[Any]) -> bool:
    """Has no cell of a column a `cell_problem`?"""
    return all(type(value) is str and value and len(value) <= LONGEST_TEXT and not value.isspace() for value in column)


def _is_full(piece: Piece, size: int, weight: int) -> bool:
    return piece.seen >= size or 2 * weight >= LARGEST_PIECE


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, so that a job never goes on with an input that was changed, however its size and time are."""
    return files.sha256(path)


def require_columns(name: str, header: Sequence[str], columns: Columns) -> None:
    """Refuse an input that has not the columns to classify."""
    for option, column in (("--text", columns.text), ("--target", columns.target)):
        if column is not None and column not in header:
            raise UserError(
                f"{name}: {unknown_name('column', column, header)}",
                f"the classifier reads {'the text' if option == '--text' else 'the target'} from it: {option} NAME",
            )


class Source(ABC):
    """The rows of an input, `size` at a time (good and bad together); the last piece is smaller, and may be empty."""

    def __init__(self, reader: Reader, columns: Columns) -> None:
        self.reader, self.columns = reader, columns

    def resume(self, position: dict[str, int], names: Sequence[str]) -> None:
        """Go on where a piece ended."""
        self.reader.resume(position, names)

    @abstractmethod
    def pieces(self, size: int) -> Iterator[Piece]:
        """The pieces from here on."""


class RowSource(Source):
    """Rows one by one, of any format.

    Args:
        added: the columns that are put behind; a later JSON row that has one is bad.
        fixed: the output has fixed columns, those of the first row; a JSON row with further keys is then bad.
    """

    def __init__(self, reader: Reader, columns: Columns, *, added: Sequence[str] = (), fixed: bool = True) -> None:
        super().__init__(reader, columns)
        self.added, self.fixed, self.read = set(added), fixed, columns.names
        self.names = list(reader.names)
        if self.names:
            require_columns(reader.name, self.names, columns)

    def resume(self, position: dict[str, int], names: Sequence[str]) -> None:
        """Go on where a piece ended."""
        super().resume(position, names)
        self.names = list(names)

    def pieces(self, size: int) -> Iterator[Piece]:
        """The pieces from here on."""
        rows = iter(self.reader)
        ended = False
        while not ended:
            piece = Piece(self.names)
            weight = self._add_blocks(piece, size)
            ended = not _is_full(piece, size, weight)
            for row in rows if ended else ():
                self._add(piece, row)
                weight += len(row.raw) if isinstance(row, BadRow) else sum(map(len, filter(None, row.cells.values())))
                if _is_full(piece, size, weight):
                    ended = False
                    break
            piece.names = self.names
            piece.position = self.reader.position
            yield piece

    def _add_blocks(self, piece: Piece, size: int) -> int:
        """Add the next rows while all of a block can be classified; returns the characters."""
        places = [self.names.index(name) for name in self.read] if self.names else []
        weight = 0
        while not _is_full(piece, size, weight):
            before = self.reader.position
            rows = self.reader.block(size - piece.seen)
            if not rows:
                break
            read = [[row[place] for row in rows] for place in places]
            if not all(map(_can_be_classified, read)):
                self.reader.resume(before, self.names)
                break
            piece.texts += read[0]
            piece.targets += read[1] if len(read) > 1 else [""] * len(rows)
            piece.cells += rows
            weight += sum(map(len, chain.from_iterable(rows)))
        return weight

    def _add(self, piece: Piece, row: Row | BadRow) -> None:
        if isinstance(row, BadRow):
            piece.bad.append(row)
            return
        if not self.names:
            self.names = list(row.cells)
            require_columns(self.reader.name, self.names, self.columns)
        problem = self._problem(row)
        if problem:
            raw = row.raw if row.raw is not None else " | ".join(value or "" for value in row.cells.values())
            piece.bad.append(BadRow(row.number, row.line, problem, raw))
            return
        cells = row.cells
        piece.texts.append(str(cells[self.columns.text]))
        piece.targets.append(str(cells[self.columns.target]) if self.columns.target is not None else "")
        piece.cells.append(
            list(cells.values()) if list(cells) == self.names else [cells.get(one) for one in self.names]
        )
        if row.raw is not None:
            piece.raw = piece.raw if piece.raw is not None else []
            piece.raw.append(row.raw)

    def _problem(self, row: Row) -> str | None:
        for name in self.read:
            if name not in row.cells:
                return f"there is no key '{name}'"
        for name in self.read:
            problem = cell_problem(row.cells[name], name)
            if problem:
                return problem
        if list(row.cells) == self.names:
            return None
        taken = sorted(self.added.intersection(row.cells))
        if taken and not self.added.intersection(self.names):
            return f"the key '{taken[0]}' is one that naba adds"
        further = [key for key in row.cells if key not in self.names] if self.fixed else []
        return f"the key '{further[0]}' is not one of the first row" if further else None


class ParquetSource(Source):
    """Rows of a Parquet file as Arrow tables, so that their types are kept; a piece never crosses a row group."""

    def __init__(self, reader: ParquetReader, columns: Columns) -> None:
        import pyarrow as pa

        super().__init__(reader, columns)
        self.parquet, self.names = reader, reader.names
        require_columns(reader.name, reader.names, columns)
        for column in columns.names:
            kind = reader.schema.field(reader.names.index(column)).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
                raise UserError(f"{reader.name}: column '{column}' holds {kind}, where text is expected")

    def pieces(self, size: int) -> Iterator[Piece]:
        """The pieces from here on."""
        for batch in self.parquet.batches(size):
            yield self._piece(batch)
        yield self._piece(self.parquet.schema.empty_table())

    def _piece(self, batch: Any) -> Piece:
        import pyarrow as pa

        first = self.parquet.number - batch.num_rows + 1
        read = [self.parquet.texts(batch, self.names.index(name)) for name in self.columns.names]
        piece = Piece(self.names, position=self.parquet.position)
        good = list(range(batch.num_rows)) if all(map(_can_be_classified, read)) else []
        for index, values in enumerate(zip(*read, strict=True)) if not good else ():
            named = zip(values, self.columns.names, strict=True)
            problem = next(filter(None, (cell_problem(value, name) for value, name in named)), None)
            if problem is None:
                good.append(index)
                continue
            whole = batch.slice(index, 1).to_pylist()[0]
            if all(value is None for value in whole.values()):
                continue  # as an empty line of a text file
            raw = json.dumps(whole, ensure_ascii=False, default=str)
            piece.bad.append(BadRow(first + index, None, problem, raw[:SHOWN_RAW]))
        piece.texts = [str(read[0][index]) for index in good]
        piece.targets = [str(read[1][index]) if len(read) > 1 else "" for index in good]
        # Of no rows at all, Arrow cannot tell that their positions are whole numbers.
        piece.batch = batch.take(pa.array(good, pa.int64())) if len(good) < batch.num_rows else batch
        return piece
