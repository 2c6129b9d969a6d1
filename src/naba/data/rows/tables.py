"""Files into tables of strings, strictly: a row is read whole and in its place, or it is an error that names it."""

from __future__ import annotations

import csv
import io
import json
import lzma
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORMATS = ("csv", "tsv", "jsonl", "json", "parquet", "xlsx")
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
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

Value = str | None


@dataclass(frozen=True)
class Place:
    """Where a row stands: its file, its record number (from 1, header not counted) and its line, if it has one."""

    file: str
    record: int
    line: int | None = None

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line is not None else ""
        return f"{self.file}: row {self.record}{line}"


@dataclass(frozen=True)
class RawTable:
    """Rows as read: every value is a string, or None where the file says null or leaves a cell empty of any value.

    `columns[name][i]` stands at `places[i]`, and `splits[i]` is the split its file was given in the config, or "".
    """

    columns: dict[str, list[Value]]
    places: list[Place]
    splits: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.places)

    def rows(self, chosen: Sequence[int]) -> RawTable:
        """The rows of these numbers (from 0), in this order."""
        columns = {name: [values[row] for row in chosen] for name, values in self.columns.items()}
        splits = [self.splits[row] for row in chosen] if self.splits else []
        return RawTable(columns, [self.places[row] for row in chosen], splits)

    def column(self, name: str, role: str) -> list[Value]:
        """The values of one column; a UserError names the file, what exists and the nearest name."""
        if name in self.columns:
            return self.columns[name]
        file = self.places[0].file if self.places else "the data"
        raise UserError(
            f"{file}: {unknown_name('column', name, self.columns)}",
            f"The config takes the {role} from it: set dataset.columns.{role}=NAME.",
        )


@dataclass(frozen=True)
class Options:
    """How a file is to be read; `naba.data.corpora.readers.table` documents them."""

    format: str | None = None
    delimiter: str | None = None
    quoting: bool = True
    encoding: str = "utf-8"
    sheet: str | None = None


def read_bytes(content: bytes, name: str, options: Options | None = None) -> RawTable:
    """Read one file, given as bytes; `name` is what messages call it, and its suffix tells the format.

    Raises:
        UserError: anything that could lose, shift or change a row: undecodable bytes, an empty file, a row with too
            few or too many fields, a bad quote, duplicate columns, JSON that is not an object, a broken archive.
    """
    options = options or Options()
    kind = options.format or SUFFIXES.get(Path(name.rsplit("!", 1)[-1]).suffix.lower())
    if kind is None:
        raise UserError(
            f"{name}: cannot tell the format from the name",
            f"Rename the file or set dataset.options.format to one of {', '.join(FORMATS)}.",
        )
    if kind not in FORMATS:
        raise UserError(f"{name}: {unknown_name('format', kind, FORMATS)}")
    if not content.lstrip(b"\xef\xbb\xbf").strip():
        raise UserError(f"{name}: the file is empty", "A data file has a header line and at least one row.")
    if kind == "jsonl":
        table = _json_lines(decode(content, name, options.encoding), name)
    elif kind == "json":
        table = _json_array(parse_json(content, name, options.encoding), name)
    elif kind in {"csv", "tsv"}:
        delimiter = options.delimiter or ("\t" if kind == "tsv" else ",")
        table = _delimited(decode(content, name, options.encoding), name, delimiter, options.quoting)
    else:
        from naba.data.rows import binary

        parquet, excel = binary.parquet, binary.excel
        table = parquet(content, name) if kind == "parquet" else excel(content, name, options.sheet)
    if not len(table):
        raise UserError(f"{name}: the file has a header but no rows")
    check_unicode(table)
    return table


def zip_member(content: bytes, name: str, member: str | None) -> tuple[bytes, str]:
    """One file out of a zip archive, and the name messages call it: `archive.zip!member`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [
                entry.filename
                for entry in archive.infolist()
                if not entry.is_dir() and not entry.filename.startswith("__MACOSX/")
            ]
            if member is None and len(members) != 1:
                raise UserError(
                    f"{name}: the archive holds {len(members)} files: {', '.join(members) or 'none'}",
                    "Name the one to read with `member:`.",
                )
            chosen = members[0] if member is None else member
            if chosen not in members:
                raise UserError(f"{name}: {unknown_name('member', chosen, members)}")
            return archive.read(chosen), f"{name}!{chosen}"
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, ValueError, RuntimeError, EOFError, OSError) as error:
        # RuntimeError: encrypted, or a compression method Python does not have.
        raise UserError(f"{name}: the archive cannot be read: {error}") from error


def decode(content: bytes, name: str, encoding: str = "utf-8") -> str:
    """Bytes to text. A byte order mark wins over `encoding` and is removed."""
    marks = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
    used = next((known for mark, known in marks if content.startswith(mark)), encoding)
    try:
        return content.decode(used)
    except LookupError as error:
        raise UserError(f"{name}: unknown encoding '{used}'", "For example utf-8, utf-16 or windows-1256.") from error
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line = content[:start].count(b"\n") + 1
        raise UserError(
            f"{name}: line {line}: the bytes at offset {start} are not {used}: {content[start : start + 4]!r}",
            "If the file is in another encoding, say which: dataset.options.encoding=windows-1256.",
        ) from error


def check_unicode(table: RawTable) -> None:
    """Refuse lone surrogates, which JSON can escape and no UTF-8 file can hold."""
    for name, values in table.columns.items():
        for value, place in zip(values, table.places, strict=True):
            if value is not None and not value.isascii():
                try:
                    value.encode()
                except UnicodeEncodeError as error:
                    raise UserError(
                        f"{place}: column '{name}' holds half of a surrogate pair, which is no character"
                    ) from error


def _delimited(text: str, name: str, delimiter: str, quoting: bool) -> RawTable:
    if len(delimiter) != 1:
        raise UserError(f"{name}: the delimiter must be one character, not {delimiter!r}")
    # The limit is per process and only guards against unclosed quotes, which strict reading reports by itself.
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
        quotechar='"' if quoting else None,
        strict=True,
    )
    rows: list[list[str]] = []
    lines: list[int] = []
    start = 1
    try:
        for row in reader:
            rows.append(row)
            lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        where = f"{name}: {'the header' if not rows else f'row {len(rows)}'}, line {start}"
        hint = "A field that holds quotes, delimiters or line breaks must be quoted, with its quotes doubled."
        if quoting:
            hint += " If quotes are ordinary characters in this file, set dataset.options.quoting=false."
        raise UserError(f"{where}: bad quoting: {error}", hint) from error
    while rows and not rows[-1]:
        rows.pop()
        lines.pop()
    if not rows:
        raise UserError(f"{name}: the file is empty")
    if text.endswith(delimiter) and not rows[-1][-1]:
        raise UserError(
            f"{name}: row {len(rows) - 1}, line {lines[-1]}: the file ends right after a delimiter, so it may be cut",
            "If the last cell is meant to be empty, end the file with a line break.",
        )
    header, records = rows[0], rows[1:]
    check_header(header, name)
    places = [Place(name, number, line) for number, line in enumerate(lines[1 : len(rows)], start=1)]
    _check_widths(header, records, places)
    columns: dict[str, list[Value]] = {
        column: list(values) for column, values in zip(header, zip(*records, strict=True), strict=False)
    }
    return RawTable(columns or {column: [] for column in header}, places)


def check_header(header: Sequence[str], name: str) -> None:
    """Refuse a header with two columns of one name: one of them would be lost."""
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise UserError(
            f"{name}: the header names a column twice: {', '.join(map(repr, repeated))}",
            f"Columns: {', '.join(map(repr, header[:30]))}. Each needs its own name.",
        )


def _check_widths(header: list[str], records: list[list[str]], places: list[Place]) -> None:
    width = len(header)
    short = [(place, len(row)) for row, place in zip(records, places, strict=True) if len(row) < width]
    long = [(place, len(row)) for row, place in zip(records, places, strict=True) if len(row) > width]
    for bad, kind in ((short, "too few"), (long, "too many")):
        if bad:
            problem = f"{kind} fields ({bad[0][1]} instead of the {width} of the header: {', '.join(header[:10])})"
            raise rows_error(problem, [place for place, _ in bad])


def rows_error(problem: str, places: Sequence[Place], hint: str | None = None) -> UserError:
    """One error for all the rows that share a problem: the first is named in full, the next few by number."""
    first = places[0]
    if len(places) == 1:
        return UserError(f"{first}: {problem}", hint)
    rest = ", ".join(str(place.record) for place in places[1:SHOWN])
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return UserError(f"{first}: {problem}; {len(places)} rows have this problem, also row {rest}{more}", hint)


class _DuplicateKeyError(ValueError):
    pass


def unique_keys(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a ValueError if a key stands twice in it, where Python would keep the last."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _DuplicateKeyError(f"the key {key!r} stands twice")
        found[key] = value
    return found


def as_text(value: object) -> Value:
    """A JSON value as a string: true/false in lower case, null as None, lists and objects as their JSON text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def parse_json(content: bytes, name: str, encoding: str = "utf-8") -> Any:
    """One JSON document; numbers stay as written, a key that stands twice is an error."""
    text = decode(content, name, encoding)
    if not text.strip():
        raise UserError(f"{name}: the file is empty")
    try:
        return json.loads(text, object_pairs_hook=unique_keys, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise UserError(f"{name}: line {error.lineno}: not valid JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name}: not valid JSON: {error}") from error


def _json_array(document: Any, name: str) -> RawTable:
    if not isinstance(document, list):
        raise UserError(f"{name}: a JSON {type(document).__name__}, where the file should hold one list of objects")
    places = [Place(name, number) for number in range(1, len(document) + 1)]
    for row, place in zip(document, places, strict=True):
        if not isinstance(row, dict):
            raise UserError(f"{place}: a JSON {type(row).__name__}, where the list should hold objects")
    return _json_table([{key: as_text(value) for key, value in row.items()} for row in document], places)


def _json_table(rows: list[dict[str, Value]], places: list[Place]) -> RawTable:
    header = list(dict.fromkeys(key for row in rows for key in row))
    return RawTable({key: [row.get(key) for row in rows] for key in header}, places)


def _json_lines(text: str, name: str) -> RawTable:
    rows: list[dict[str, Value]] = []
    places: list[Place] = []
    # Not str.splitlines: it also cuts at characters that may stand inside a JSON string.
    for line, raw in enumerate(text.split("\n"), start=1):
        if raw.strip():
            place = Place(name, len(rows) + 1, line)
            rows.append(_json_row(raw, place))
            places.append(place)
    return _json_table(rows, places)


def _json_row(raw: str, place: Place) -> dict[str, Value]:
    try:
        # Numbers stay as written: an id of 19 digits is not a float, and 1.0 is not 1.
        row = json.loads(raw, object_pairs_hook=unique_keys, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place}: not valid JSON: {error}", "Each line holds one JSON object.") from error
    if not isinstance(row, dict):
        raise UserError(f"{place}: a JSON {type(row).__name__}, where each line should hold one object")
    nested = json.loads(raw) if any(isinstance(value, (list, dict)) for value in row.values()) else {}
    return {key: as_text(nested[key] if isinstance(value, (list, dict)) else value) for key, value in row.items()}
