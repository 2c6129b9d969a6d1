"""JSON Lines, and JSON files of one list of objects: numbers stay as they are written."""

from __future__ import annotations

import json
import re
from typing import IO, TYPE_CHECKING, Any

from naba.data.rows import BadRow, ReadingOptions, Row, Value, Written, clean_name
from naba.data.rows.text import LineReader, Reader, Text, encoding_hint
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def unique_keys(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a ValueError if a key stands twice in it, where Python would keep the last."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice")
        found[key] = value
    return found


_DECODER = json.JSONDecoder(
    object_pairs_hook=unique_keys, parse_int=Written, parse_float=Written, parse_constant=Written
)
_SPACE = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(text: str) -> Any:
    """JSON whose numbers are `Written`: an id of 19 digits is not a float, and 1.0 is not 1.

    Raises:
        ValueError: not JSON, a key that stands twice, or nested too deeply.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def as_text(value: object) -> Value:
    """A JSON value as a string: true/false in lower case, null as None, lists and objects as their JSON text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return Written("true" if value else "false")
    return Written(json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value)


def cells(row: dict[str, Any], text: str) -> dict[str, Value]:
    """The values of an object as strings; numbers inside its lists and objects are numbers in their JSON text."""
    if any(isinstance(value, (list, dict)) for value in row.values()):
        nested = json.loads(text)
        row = {key: nested[key] if isinstance(value, (list, dict)) else value for key, value in row.items()}
    return {clean_name(key): as_text(value) for key, value in row.items()}


class JsonLinesReader(LineReader):
    """Rows of a JSON Lines file; empty lines are skipped."""

    def __iter__(self) -> Iterator[Row | BadRow]:
        for line in self.records():
            row = self._row(line)
            if isinstance(row, Row) and row.is_empty:
                self.number -= 1
                self.empty += 1
            else:
                yield row

    def _row(self, line: str) -> Row | BadRow:
        number = self.lines.number
        if self.lines.undecodable:
            return self.bad(number, "")
        try:
            row = object_row(parse(line), self.lines.raw.strip(), self.number, number)
        except ValueError as error:
            return self.bad(number, f"not valid JSON: {error}")
        if not self.names and isinstance(row, Row) and not row.is_empty:
            self.names = list(row.cells)
        return row


def object_row(value: Any, raw: str, number: int, line: int | None) -> Row | BadRow:
    """A parsed JSON value as a row; what is no object is a bad row."""
    if not isinstance(value, dict):
        return BadRow(number, line, f"a JSON {type(value).__name__}, where an object is expected", raw)
    found = cells(value, raw)
    if len(found) < len(value):
        return BadRow(number, line, "two keys differ only in invisible marks or white space", raw)
    if "\\u" in raw and any(_SURROGATE.search(each or "") for each in (*found, *found.values())):
        return BadRow(number, line, "half of a surrogate pair, which is no character", raw)
    return Row(number, line, found, raw)


class JsonReader(Reader):
    """Rows of a JSON file that holds one list of objects, which is read into memory."""

    def __init__(self, file: IO[bytes], name: str, options: ReadingOptions) -> None:
        super().__init__(name, options)
        text = Text(file, name, options)
        self.mark, self.notes, self.recognised = text.mark, text.notes, text.recognised
        self.content = decoded(text.file.read(), name, options)
        self.end = self._skip(0)
        opening = self.content[self.end : self.end + 1]
        if opening != "[":
            raise UserError(f"{name}: the file should hold one list of objects, and begins with {opening!r}")
        self.done = self.content[self._skip(self.end + 1) : self._skip(self.end + 1) + 1] == "]"

    def _skip(self, place: int) -> int:
        match = _SPACE.match(self.content, place)
        return match.end() if match else place

    def __iter__(self) -> Iterator[Row | BadRow]:
        number = 0
        while not self.done:
            start = self._skip(self.end + 1)
            row = self._element(start)
            if isinstance(row, Row) and row.is_empty:
                self.empty += 1
                continue
            number += 1
            if number > self.number:
                self.number = number
                yield row

    def _element(self, start: int) -> Row | BadRow:
        number = self.number + 1
        try:
            row, end = _DECODER.raw_decode(self.content, start)
        except json.JSONDecodeError as error:
            raise UserError(f"{self.name}: line {error.lineno}: not valid JSON: {error.msg}") from error
        except (ValueError, RecursionError) as error:
            raise UserError(f"{self.name}: row {number}: not valid JSON: {error}") from error
        self.end = self._skip(end)
        following = self.content[self.end : self.end + 1]
        self.done = following == "]"
        if following not in {"]", ","}:
            raise UserError(f"{self.name}: row {number}: expected ',' or ']' behind it, got {following!r}")
        if self.done and self.content[self.end + 1 :].strip():
            raise UserError(f"{self.name}: there is more behind the end of the list")
        raw = " ".join(self.content[start:end].splitlines()) if "\n" in self.content[start:end] else ""
        return object_row(row, raw or self.content[start:end], number, None)


def document_of(content: bytes, name: str) -> Any:
    """One JSON document in UTF-8; numbers stay as written, a key that stands twice is an error."""
    text = decoded(content, name)
    try:
        document = parse(text)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise UserError(f"{name}: line {error.lineno}: not valid JSON: {error.msg}") from error
    except UnicodeEncodeError as error:
        raise UserError(f"{name}: half of a surrogate pair, which is no character") from error
    except ValueError as error:
        raise UserError(f"{name}: not valid JSON: {error}") from error
    return document


def decoded(content: bytes, name: str, options: ReadingOptions | None = None) -> str:
    """UTF-8 as text, without a byte order mark."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{name}: line {line}: the bytes {content[error.start : error.start + 4]!r} are not UTF-8",
            encoding_hint(options or ReadingOptions()),
        ) from error
    if not text.strip():
        raise UserError(f"{name}: the file is empty")
    return text
