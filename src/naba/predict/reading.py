"""The rows of a prediction job, read a piece at a time: strictly, in constant memory, from any place a piece ended."""

from __future__ import annotations

import csv
import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from naba.data.rows.tables import as_text, check_header, unique_keys
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FORMATS = ("csv", "tsv", "jsonl", "parquet", "lines")
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "lines",
}
LONGEST_RECORD = 16 * 2**20
"""Bytes of one row. More is a quote that is never closed, or no table; a limit keeps memory constant."""
LONGEST_TEXT = 1_000_000
"""Characters of one text: ten novels. Longer ones are reported, not classified."""
LARGEST_PIECE = 32 * 2**20
"""Bytes of a piece, whatever its rows: memory stays constant with long texts too."""


@dataclass(frozen=True)
class Columns:
    """Which columns of the input hold the text and the target; `target` is None for single-text classifiers."""

    text: str
    target: str | None


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be classified: its number (from 1, header not counted), its line, and what is wrong."""

    row: int
    line: int | None
    problem: str
    raw: str

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line is not None else f"row {self.row}"
        return f"{where}: {self.problem}"


@dataclass
class Piece:
    """Some consecutive rows: those that can be classified, those that cannot, and where the next piece begins."""

    names: list[str]
    texts: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    cells: list[list[Any]] = field(default_factory=list)
    """Each row's values in the order of `names`; empty where `batch` holds them."""
    raw: list[str] | None = None
    """JSON Lines: the rows as they stand in the input."""
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


def format_of(name: str, given: str | None) -> str:
    """The format that was asked for, or that the ending of a file name tells.

    Raises:
        UserError: neither says which.
    """
    if given is not None:
        if given not in FORMATS:
            raise UserError(unknown_name("format", given, FORMATS))
        return given
    found = SUFFIXES.get(Path(name).suffix.lower())
    if found is None:
        raise UserError(
            f"{name}: cannot tell the format from the name (known: {', '.join(SUFFIXES)})",
            f"--format says it: {', '.join(FORMATS)}",
        )
    return found


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, so that a job never goes on with an input that was changed, however its size and time are."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Lines:
    """The lines of a binary file as text, with their number, their offset and the bytes of the record at hand."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.file = file
        self.name = name
        self.number = 0
        self.offset = 0
        self.start()

    def start(self) -> None:
        """A new record begins with the next line."""
        self.record: list[bytes] = []
        self.size = 0
        self.undecodable = ""

    def seek(self, position: dict[str, int]) -> None:
        self.file.seek(position["offset"])
        self.offset, self.number = position["offset"], position["line"]

    @property
    def raw(self) -> str:
        """The record at hand as it stands in the file, without its line break."""
        return b"".join(self.record).decode(errors="backslashreplace").rstrip("\r\n")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.file.readline(LONGEST_RECORD + 1)
        if not line:
            raise StopIteration
        first = self.number + 1 - len(self.record)
        self.size += len(line)
        if self.size > LONGEST_RECORD:
            raise UserError(
                f"{self.name}: line {first}: a row of more than {LONGEST_RECORD // 2**20} MiB",
                "Is a quote never closed, or is this no table? --no-quotes reads quotes as ordinary characters.",
            )
        self.record.append(line)
        self.number += 1
        self.offset += len(line)
        if self.number == 1:
            line = _without_mark(line, self.name)
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            self.undecodable = f"the bytes {line[error.start : error.start + 4]!r} are not UTF-8"
            return line.decode(errors="backslashreplace")


def _without_mark(line: bytes, name: str) -> bytes:
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{name}: the file is UTF-16", "convert it first: iconv -f UTF-16 -t UTF-8")
    return line.removeprefix(b"\xef\xbb\xbf")


class TextSource(ABC):
    """Rows of a text file. Subclasses cut it into records and say what is wrong with one."""

    unit = "bytes"

    def __init__(self, file: IO[bytes], name: str, columns: Columns) -> None:
        self.lines = _Lines(file, name)
        self.name = name
        self.columns = columns
        self.names: list[str] = []
        self.row = 0

    def resume(self, position: dict[str, int], names: Sequence[str]) -> None:
        """Go on where a piece ended."""
        self.lines.seek(position)
        self.row = position["row"]
        self.names = list(names)

    def pieces(self, size: int) -> Iterator[Piece]:
        """The rows, `size` at a time (good and bad together); the last piece is smaller, and may be empty."""
        records = self._records()
        while True:
            piece = self._empty()
            begin, ended = self.lines.offset, True
            for line, values in records:
                self.row += 1
                self._add(piece, line, values)
                if piece.seen >= size or self.lines.offset - begin >= LARGEST_PIECE:
                    ended = False
                    break
            piece.names = self.names
            piece.position = {"row": self.row, "line": self.lines.number, "offset": self.lines.offset}
            yield piece
            if ended:
                return

    def _empty(self) -> Piece:
        return Piece(self.names)

    @abstractmethod
    def _records(self) -> Iterator[tuple[int, Any]]:
        """First line and values of each record; a str instead of values says what is wrong."""

    def _add(self, piece: Piece, line: int, values: Any) -> None:
        text, target = "", ""
        problem = self.lines.undecodable or (values if isinstance(values, str) else None)
        if not problem:
            text = self._value(values, self.columns.text)
            problem = cell_problem(text, self.columns.text)
        if not problem and self.columns.target is not None:
            target = self._value(values, self.columns.target)
            problem = cell_problem(target, self.columns.target)
        if problem:
            piece.bad.append(BadRow(self.row, line, problem, self.lines.raw))
        else:
            piece.texts.append(text)
            piece.targets.append(target)
            self._keep(piece, values)

    def _keep(self, piece: Piece, values: Any) -> None:
        piece.cells.append(values)

    def _value(self, values: Any, name: str) -> Any:
        return values[self.names.index(name)]


class DelimitedSource(TextSource):
    """CSV or TSV with a header line."""

    def __init__(self, file: IO[bytes], name: str, columns: Columns, *, delimiter: str, quoting: bool) -> None:
        super().__init__(file, name, columns)
        csv.field_size_limit(2**31 - 1)
        self.delimiter = delimiter
        self.reader = csv.reader(
            self.lines,
            delimiter=delimiter,
            quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
            quotechar='"' if quoting else None,
            strict=True,
        )
        try:
            header = next(self.reader, [])
        except csv.Error as error:
            raise UserError(f"{name}: line 1: bad quoting in the header: {error}") from error
        if not header:
            raise UserError(f"{name}: the first line is empty", "A table has a header line that names its columns.")
        if self.lines.undecodable:
            raise UserError(f"{name}: line 1: {self.lines.undecodable}", "convert it first: iconv -t UTF-8")
        check_header(header, name)
        require_columns(name, header, columns)
        self.names = header

    def _records(self) -> Iterator[tuple[int, Any]]:
        while True:
            self.lines.start()
            first = self.lines.number + 1
            try:
                values = next(self.reader)
            except StopIteration:
                return
            except csv.Error as error:
                if len(self.lines.record) > 1:
                    raise UserError(
                        f"{self.name}: line {first}: bad quoting, found only at line {self.lines.number}: {error}",
                        "Close the quote of this row, or --no-quotes if quotes are ordinary characters in this file.",
                    ) from error
                yield first, f"bad quoting: {error}"
                continue
            if values:
                yield first, self._checked(values)

    def _checked(self, values: list[str]) -> list[str] | str:
        if len(values) != len(self.names):
            kind = "too few" if len(values) < len(self.names) else "too many"
            return f"{kind} fields: {len(values)} instead of {len(self.names)}"
        if not values[-1] and self.lines.record[-1].endswith(self.delimiter.encode()):
            return "the file ends right after a delimiter, so the row may be cut"
        return values


class LinesSource(TextSource):
    """One text a line; for pairs, text and target with a tab between them."""

    def __init__(self, file: IO[bytes], name: str, columns: Columns) -> None:
        super().__init__(file, name, columns)
        self.names = [columns.text] if columns.target is None else [columns.text, columns.target]

    def _records(self) -> Iterator[tuple[int, Any]]:
        while True:
            self.lines.start()
            line = next(self.lines, None)
            if line is None:
                return
            text = line.rstrip("\r\n")
            values = [text] if self.columns.target is None else text.split("\t")
            wrong = f"expected text, tab, target; the line has {len(values) - 1} tabs"
            yield self.lines.number, values if len(values) == len(self.names) else wrong


class JsonSource(TextSource):
    """JSON Lines; rows are kept as they stand.

    `fixed`: the output has fixed columns, those of the first row; a row with further keys is then a bad row.
    """

    def __init__(
        self, file: IO[bytes], name: str, columns: Columns, *, added: Sequence[str], fixed: bool = False
    ) -> None:
        super().__init__(file, name, columns)
        self.added = set(added)
        self.fixed = fixed

    def _empty(self) -> Piece:
        return Piece(self.names, raw=[])

    def _records(self) -> Iterator[tuple[int, Any]]:
        while True:
            self.lines.start()
            line = next(self.lines, None)
            if line is None:
                return
            if line.strip():
                yield self.lines.number, self._parsed(line)

    def _parsed(self, line: str) -> dict[str, Any] | str:
        try:
            row = json.loads(
                line, object_pairs_hook=unique_keys, parse_int=Written, parse_float=Written, parse_constant=Written
            )
            line.encode()
            if "\\u" in line:
                json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "half of a surrogate pair, which is no character"
        except (ValueError, RecursionError) as error:
            return f"not valid JSON: {error}"
        if not isinstance(row, dict):
            return f"a JSON {type(row).__name__}, where each line should hold one object"
        if not self.names:
            require_columns(self.name, list(row), self.columns)
            self.names = list(row)
        missing = [name for name in (self.columns.text, self.columns.target) if name is not None and name not in row]
        if missing:
            return f"there is no key '{missing[0]}'"
        taken = sorted(self.added.intersection(row))
        if taken and not self.added.intersection(self.names):
            return f"the key '{taken[0]}' is one that naba adds"
        further = [key for key in row if key not in self.names] if self.fixed else []
        return f"the key '{further[0]}' is not one of the first row" if further else row

    def _value(self, values: Any, name: str) -> Any:
        return values[name]

    def _keep(self, piece: Piece, values: Any) -> None:
        raw = self.lines.raw.removeprefix("\ufeff").strip()
        if self.fixed and any(isinstance(value, (list, dict)) for value in values.values()):
            # Numbers inside lists stand as numbers in their JSON text.
            nested = json.loads(raw)
            values = {key: nested[key] if isinstance(value, (list, dict)) else value for key, value in values.items()}
        piece.cells.append([as_text(values.get(name)) for name in self.names])
        if piece.raw is not None:
            piece.raw.append(raw)


class Written(str):
    """A JSON number as it was written: not a text, and never a rounded float."""

    __slots__ = ()


def require_columns(name: str, header: Sequence[str], columns: Columns) -> None:
    """Refuse an input that has not the columns to classify."""
    for option, column in (("--text", columns.text), ("--target", columns.target)):
        if column is not None and column not in header:
            raise UserError(
                f"{name}: {unknown_name('column', column, header)}",
                f"the classifier reads {'the text' if option == '--text' else 'the target'} from it: {option} NAME",
            )
