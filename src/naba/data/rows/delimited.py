"""CSV and TSV: a row is read whole and in its place, or it is a bad row that says why."""

from __future__ import annotations

import csv
import re
from typing import IO, TYPE_CHECKING

from naba.data.rows import BadRow, ReadingOptions, Row, header_names, looks_like_row
from naba.data.rows.text import LineReader, encoding_hint
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
COMMON = (",", ";", "\t", "|")
SAMPLED = 50
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)


class DelimitedReader(LineReader):
    """Rows of a CSV or TSV file, with a header line unless the options say otherwise.

    Lines without a value are skipped. Where no delimiter is given and the usual one does not make a table of the
    first lines, another that does is taken, and said. Unnamed columns at the right are left out while they are empty.
    """

    def __init__(self, file: IO[bytes], name: str, options: ReadingOptions) -> None:
        super().__init__(file, name, options)
        csv.field_size_limit(2**31 - 1)
        usual = "\t" if options.format_of(name) == "tsv" else ","
        self.sample = self.text.head
        self.first: list[str] | None = None
        self.delimiter = self._delimiter(usual)
        self.reader = self._parser(self.lines, self.delimiter)
        self._read_header()

    def _parser(self, lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
        quoting = self.options.quoting
        return csv.reader(
            lines,
            delimiter=delimiter,
            quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
            quotechar='"' if quoting else None,
            strict=True,
        )

    def _delimiter(self, usual: str) -> str:
        stated = _SEPARATOR.match(self.sample)
        if stated:
            next(self.lines)
            self.sample = self.sample[stated.end() :]
        if self.options.delimiter is not None:
            delimiter = NAMED.get(self.options.delimiter, self.options.delimiter)
            if len(delimiter) != 1 or delimiter in '\r\n"':
                raise UserError(
                    f"{self.name}: the delimiter must be one character, or 'tab', not {self.options.delimiter!r}"
                )
            return delimiter
        if stated:
            self.notes.append(f"{self.name}: the delimiter is {stated[1]!r}, as its first line says")
            self.recognised["delimiter"] = stated[1]
            return stated[1]
        first = self._sample(usual)
        if _is_table(first) or first == []:
            return usual
        for delimiter in COMMON:
            rows = self._sample(delimiter)
            if delimiter != usual and _is_table(rows):
                advice = self.options.advice("delimiter", "tab" if usual == "\t" else f"'{usual}'")
                self.recognised["delimiter"] = delimiter
                shown = "a tab" if delimiter == "\t" else repr(delimiter)
                self.notes.append(f"{self.name}: the delimiter looks like {shown} and is read as that; {advice} "
                                  "says otherwise")  # fmt: skip
                return delimiter
        return usual

    def _sample(self, delimiter: str) -> list[list[str]] | None:
        """The first rows as the delimiter makes them; None where its quotes do not fit."""
        rows: list[list[str]] = []
        try:
            for row in self._parser(iter(_LINE.findall(self.sample)), delimiter):
                if row:
                    rows.append(row)
                if len(rows) == SAMPLED:
                    break
        except csv.Error as error:
            # The sample may end within a quoted cell.
            return rows if "unexpected end of data" in str(error) else None
        return rows

    def _read_header(self) -> None:
        while True:
            self.lines.start()
            line = self.lines.number + 1
            try:
                header = next(self.reader, None)
            except csv.Error as error:
                raise UserError(
                    f"{self.name}: the header, line {line}: bad quoting: {error}", quotes_hint(self.options)
                ) from error
            if header is None:
                raise UserError(f"{self.name}: the file is empty", "A table has a header line and at least one row.")
            if header:
                break
        if self.lines.undecodable:
            raise UserError(f"{self.name}: line {line}: {self.lines.undecodable}", encoding_hint(self.options))
        self.width = len(header)
        if not self.options.header:
            self.names = [f"column_{number}" for number in range(1, len(header) + 1)]
            self.first = header
            return
        while len(header) > 1 and not header[-1].strip():
            header.pop()
        self.names = header_names(header, self.name)
        rows = [row for row in (self._sample(self.delimiter) or [])[1:] if len(row) == self.width]
        if looks_like_row({column: [row[place] for row in rows] for place, column in enumerate(self.names)}):
            self.notes.append(
                f"{self.name}: the first line looks like a row, and is read as the header; if the file has none: "
                f"{self.options.advice('header', 'false')}"
            )

    def resume(self, position: dict[str, int], names: list[str]) -> None:  # type: ignore[override]
        """Go on at a position."""
        super().resume(position, names)
        self.first = None

    def block(self, count: int) -> list[list[str]]:
        """See `Reader`: rows of one line each."""
        lines = [] if self.first is not None or self.width != len(self.names) else self.lines.whole(count)
        try:
            rows = list(self._parser(iter(lines), self.delimiter))
        except csv.Error:
            return []
        # A row of several lines leaves fewer rows than lines.
        if len(rows) != len(lines) or any(len(row) != self.width for row in rows):
            return []
        self.lines.passed(lines)
        self.number += len(rows)
        return rows

    def __iter__(self) -> Iterator[Row | BadRow]:
        while True:
            values, self.first = self.first, None
            if values is None:
                self.lines.start()
            line = self.lines.number + 1 - len(self.lines.record)
            try:
                values = values or next(self.reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.number += 1
                if len(self.lines.record) > 1:
                    raise UserError(
                        f"{self.name}: row {self.number}, line {line}: bad quoting, found only at line "
                        f"{self.lines.number}: {error}", quotes_hint(self.options),
                    ) from error  # fmt: skip
                yield self.bad(line, f"bad quoting: {error}")
                continue
            raw = self.lines.raw.strip(" \r\n")
            if not raw.strip(f" {self.delimiter}"):
                self.empty += bool(raw)
                continue
            self.number += 1
            problem = self.lines.undecodable or self._problem(values)
            if problem:
                yield self.bad(line, problem)
            else:
                yield Row(self.number, line, dict(zip(self.names, values, strict=False)))

    def _problem(self, values: list[str]) -> str | None:
        if len(values) != self.width:
            kind = "too few" if len(values) < self.width else "too many"
            columns = ", ".join(self.names[:10])
            return f"{kind} fields ({len(values)} instead of the {self.width} of the header: {columns})"
        if any(value.strip() for value in values[len(self.names) :]):
            return "a cell stands right of the last named column"
        if not values[-1] and self.lines.record[-1].endswith(self.delimiter.encode()):
            return "the file ends right after a delimiter, so the row may be cut"
        return None


def _is_table(rows: list[list[str]] | None) -> bool:
    return rows is not None and bool(rows) and len(rows[0]) > 1 and len({len(row) for row in rows}) == 1


def quotes_hint(options: ReadingOptions) -> str:
    """What to do about quotes that do not fit."""
    hint = "A field that holds quotes, delimiters or line breaks must be quoted, with its quotes doubled."
    if options.quoting:
        hint += f" If quotes are ordinary characters in this file: {options.advice('quoting', 'false')}."
    return hint
