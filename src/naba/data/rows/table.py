"""Rows as they are read, the tables made of them, and what can be said about how a file is to be read."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".txt": "lines",
}
FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))
TABLES = {suffix: kind for suffix, kind in SUFFIXES.items() if kind != "lines"}
"""The formats that name their columns."""
SPLIT_NAMES: dict[str, Literal["train", "validation", "test"]] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
SHOWN = 5
LONGEST_RECORD = 32 * 2**20
"""Bytes of one row. More is a quote that is never closed, or no table; a limit keeps memory constant."""

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
