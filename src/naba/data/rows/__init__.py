"""Files as rows, strictly: one streaming reader a format; a row is read whole and in its place, or is a bad row.

Training (`read_bytes`) stops at bad rows and names them; prediction goes on and keeps them aside.
"""

from __future__ import annotations

import io
import logging
import re
import unicodedata
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from naba.data.rows.text import Reader

logger = logging.getLogger(__name__)

SUFFIXES = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".parquet": "parquet", ".xlsx": "xlsx", ".txt": "lines",
}  # fmt: skip
FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))
TABLES = {suffix: kind for suffix, kind in SUFFIXES.items() if kind != "lines"}
"""The formats that name their columns."""
SPLIT_NAMES: dict[str, Literal["train", "validation", "test"]] = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
    "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip
SHOWN = 5
LONGEST_RECORD = 32 * 2**20
"""Bytes of one row. More is a quote that is never closed, or no table; a limit keeps memory constant."""
MOST_CELLS = 20_000_000
"""Of a file that is read whole: some gigabytes of memory. 200 kB of Parquet can hold sixty million."""

Value = str | None


class Written(str):
    """What a file holds that is not text (a number, true, a list), as it is written there."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: its file, its record number (from 1, header not counted) and its line, if it has one."""

    file: str
    record: int
    line: int | None = None

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line is not None else ""
        return f"{self.file}: row {self.record}{line}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number (from 1, header not counted), its line, its cells by column, and a JSON line as it stands."""

    number: int
    line: int | None
    cells: Mapping[str, Value]
    raw: str | None = None

    @property
    def is_empty(self) -> bool:
        """Has it no value at all: `{}`, or null in each column, as an empty line or an empty row of a sheet?"""
        return all(value is None for value in self.cells.values())


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read: its number, its line, what is wrong, and the row as it stands."""

    number: int
    line: int | None
    problem: str
    raw: str

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line is not None else f"row {self.number}"
        return f"{where}: {self.problem}"


@dataclass(frozen=True)
class ReadingOptions:
    """How a file is to be read; what is None is recognised.

    Attributes:
        format: one of FORMATS, where the suffix does not say it.
        delimiter: of CSV and TSV files: one character, or `tab`.
        quoting: false where `"` is an ordinary character.
        encoding: of text files; a byte order mark wins.
        header: false where the first line is a row: columns are then column_1, column_2, …
        sheet: of an Excel workbook.
        spelling: what the names of these options begin with in messages: `dataset.options.`, `--`, `--claims-`.
    """

    format: str | None = None
    delimiter: str | None = None
    quoting: bool = True
    encoding: str | None = None
    header: bool = True
    sheet: str | None = None
    spelling: str = "dataset.options."

    def advice(self, name: str, value: str) -> str:
        """An option as the command at hand takes it: `dataset.options.header=false`, `--no-header`."""
        if self.spelling.startswith("--"):
            flags = {"quoting": "no-quotes", "header": "no-header"}
            return self.spelling + flags.get(name, f"{name} {value}")
        return f"{self.spelling}{name}={value}"

    def given(self) -> dict[str, str | bool]:
        """The options that were given, by name; those left to be recognised are absent."""
        return {option.name: getattr(self, option.name) for option in fields(self)
                if option.name != "spelling" and getattr(self, option.name) != option.default}  # fmt: skip

    def format_of(self, name: str) -> str:
        """The format that was asked for, or that the suffix of a file's name tells.

        Raises:
            UserError: neither says which.
        """
        if self.format is not None:
            if self.format not in FORMATS:
                raise UserError(f"{name}: {unknown_name('format', self.format, FORMATS)}")
            return self.format
        found = SUFFIXES.get(Path(name.rsplit("!", 1)[-1]).suffix.lower())
        if found is None:
            raise UserError(
                f"{name}: cannot tell the format from the name (known: {', '.join(SUFFIXES)})",
                f"Say which it is: {self.advice('format', 'FORMAT')}, with one of {', '.join(FORMATS)}.",
            )
        return found


@dataclass(frozen=True)
class Table:
    """Rows as read: every value is a string, or None where the file says null or leaves a cell empty of any value.

    `columns[name][i]` stands at `places[i]`, and `splits[i]` is the split its file was given in the config, or "".
    """

    columns: dict[str, list[Value]]
    places: list[Place]
    splits: list[str] = field(default_factory=list)
    recognised: dict[str, str] = field(default_factory=dict)
    """Reading options that nobody gave and the file showed."""
    lacking: dict[str, str] = field(default_factory=dict)
    """Columns of some files only, which are left out -> the first file that lacks them."""

    def __len__(self) -> int:
        return len(self.places)

    @property
    def file(self) -> str:
        """The file of the first row, for messages."""
        return self.places[0].file if self.places else "the data"

    def rows(self, chosen: Sequence[int]) -> Table:
        """The rows of these numbers (from 0), in this order."""
        columns = {name: [values[row] for row in chosen] for name, values in self.columns.items()}
        splits = [self.splits[row] for row in chosen] if self.splits else []
        return replace(self, columns=columns, places=[self.places[row] for row in chosen], splits=splits)

    def column(self, name: str, role: str) -> list[Value]:
        """The values of one column; a UserError names the file, what exists and the nearest name."""
        if name in self.columns:
            return self.columns[name]
        hint = f"The {role} is taken from it: dataset.columns.{role}=NAME (naba data new: --{role} NAME) says another."
        if looks_like_row(self.columns):
            hint += " The first line looks like a row: without a header line, set dataset.options.header=false (or "
            hint += "--no-header), and the columns are column_1, column_2, …"
        if name in self.lacking:
            raise UserError(
                f"{self.lacking[name]}: {unknown_name('column', name, self.columns)}",
                f"Other files of the data set have it. {hint}",
            )
        raise UserError(f"{self.file}: {unknown_name('column', name, self.columns)}", hint)


def looks_like_row(columns: Mapping[str, Sequence[Value]]) -> bool:
    """Does a name of a column stand in that column at least twice, as it does where a file has no header line?"""
    return any(len(values) > 2 and sum(value == name for value in values) >= 2 for name, values in columns.items())


def rows_error(problem: str, places: Sequence[Place], hint: str | None = None) -> UserError:
    """One error for all the rows that share a problem: the first is named in full, the next few by number."""
    first = places[0]
    if len(places) == 1:
        return UserError(f"{first}: {problem}", hint)
    rest = ", ".join(str(place.record) for place in places[1:SHOWN])
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return UserError(f"{first}: {problem}; {len(places)} rows have this problem, also row {rest}{more}", hint)


def header_names(header: Iterable[str], name: str) -> list[str]:
    """The names of a header, without invisible marks and the white space around them.

    Raises:
        UserError: two columns have one name, so that one of them would be lost.
    """
    names = [clean_name(column) for column in header]
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        raise UserError(
            f"{name}: the header names a column twice: {', '.join(map(repr, repeated))}",
            f"Columns: {', '.join(map(repr, names[:30]))}. Each needs its own name.",
        )
    return names


def clean_name(column: str) -> str:
    """The name of a column without invisible marks and the white space around it."""
    if column.isascii():
        return column.strip()
    return "".join(each for each in column if unicodedata.category(each) != "Cf").strip()


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
