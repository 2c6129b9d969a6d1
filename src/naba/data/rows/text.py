"""Text files as lines: the encoding recognised, one line at a time, each with its number and its offset.

Only UTF-8 is read as it stands. Anything else is first converted to UTF-8 in a temporary file, so that one kind
of lines, offsets and messages is enough.
"""

from __future__ import annotations

import codecs
import io
import re
import tempfile
from abc import ABC, abstractmethod
from typing import IO, TYPE_CHECKING, Self

from naba.data.rows import LONGEST_RECORD, BadRow, ReadingOptions, Row
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEAD = 2**16
"""Bytes by which encoding and delimiter are recognised."""
IN_MEMORY = 2**24
BLOCK = 2**18
"""Bytes in which lines are read that need no look at each."""
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_USUAL = re.compile(r"[\t\r\n\x20-\x7e\u00a0-\u024f\u0600-\u06ff\u2000-\u206f\ufe70-\ufeff]")
_ARABIC = re.compile(r"[\u0621-\u064a]")


class Text:
    """A text file ready to be read as UTF-8.

    Attributes:
        file: the file, or a temporary one with the same text in UTF-8, at its first byte behind any mark.
        temporary: is `file` a temporary one?
        mark: did it begin with a byte order mark?
        head: its first 64 KiB, whole lines only where there is more.
        notes: what was recognised, to be said.
        recognised: the same as reading options.
    """

    def __init__(self, file: IO[bytes], name: str, options: ReadingOptions) -> None:
        self.notes: list[str] = []
        self.recognised: dict[str, str] = {}
        self.name = name
        head = _head(file)
        known = next(((mark, encoding) for mark, encoding in MARKS if head.startswith(mark)), None)
        self.mark = known is not None
        encoding = known[1] if known else _looked_up(options.encoding, name) or self._recognised(head, options)
        self.start = len(codecs.BOM_UTF8) if self.mark else 0
        old_lines = b"\r" in head and b"\n" not in head
        if encoding != "utf-8" or old_lines:
            file = _as_utf8(file, name, encoding, options, old_lines=old_lines)
            self.start, head = 0, _head(file)
        self.temporary = encoding != "utf-8" or old_lines
        self.file = file
        if self.start:
            self.file.read(self.start)
        whole = len(head) < HEAD
        self.head = (head if whole else head[: head.rfind(b"\n") + 1])[self.start :].decode(errors="replace")

    def _recognised(self, head: bytes, options: ReadingOptions) -> str:
        encoding = _guess(head)
        if encoding != "utf-8":
            self.recognised["encoding"] = encoding
            self.notes.append(
                f"{self.name}: the file looks like {encoding} and is read as that; "
                f"{options.advice('encoding', 'NAME')} says otherwise"
            )
        return encoding


def _looked_up(encoding: str | None, name: str) -> str | None:
    if encoding is None:
        return None
    try:
        found = codecs.lookup(encoding)
        "".encode(found.name)
    except LookupError as error:
        raise UserError(
            f"{name}: unknown encoding '{encoding}'", "For example utf-8, utf-16 or windows-1256."
        ) from error
    return "utf-8" if found.name in {"utf-8", "utf-8-sig", "ascii"} else found.name


def _head(file: IO[bytes]) -> bytes:
    if file.seekable():
        place = file.tell()
        head = file.read(HEAD)
        file.seek(place)
        return head
    peek = getattr(file, "peek", None)
    return peek(HEAD)[:HEAD] if peek is not None else b""


def _size(file: IO[bytes]) -> int | None:
    if not file.seekable():
        return None
    here = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(here)
    return size


def _guess(head: bytes) -> str:
    """`utf-8` unless the bytes cannot be that and are plainly something else."""
    even = head[: len(head) // 2 * 2]
    if b"\0" in head:
        for encoding in ("utf-16-le", "utf-16-be"):
            text = even.decode(encoding, errors="replace")
            if len(text) > 8 and len(_USUAL.findall(text)) > 0.95 * len(text):
                return encoding
    beyond = [byte for byte in head if byte > 0x7F]
    if beyond and 3 * sum(map(len, _MULTIBYTE.findall(head))) < len(beyond):
        text = head.decode("windows-1256", errors="replace")
        letters = [each for each in text if not each.isascii()]
        if len(_ARABIC.findall(text)) > 0.85 * len(letters):
            return "windows-1256"
    return "utf-8"


def encoding_hint(options: ReadingOptions) -> str:
    """What to do about bytes that are not in the encoding of the file."""
    return f"If the file is in another encoding, say which: {options.advice('encoding', 'windows-1256')}."


def _as_utf8(file: IO[bytes], name: str, encoding: str, options: ReadingOptions, *, old_lines: bool) -> IO[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    spool: IO[bytes] = io.BytesIO()
    line, size, part = 1, 0, b" "
    while part:
        part = file.read(2**20)
        try:
            text = decoder.decode(part, final=not part)
        except UnicodeError as error:
            spool.close()
            start, data = getattr(error, "start", 0), getattr(error, "object", b"")
            line += data[:start].count(b"\n")
            raise UserError(
                f"{name}: line {line}: the bytes {data[start : start + 4]!r} are not {encoding}",
                encoding_hint(options),
            ) from error
        line += text.count("\n")
        size += spool.write((text.replace("\r", "\n") if old_lines else text).encode())
        if size > IN_MEMORY and isinstance(spool, io.BytesIO):
            held = spool.getvalue()
            spool = tempfile.TemporaryFile()  # noqa: SIM115 - the reader closes it
            spool.write(held)
    spool.seek(0)
    return spool


class Lines:
    """The lines of a text, with their number, their offset and the bytes of the record at hand."""

    def __init__(self, text: Text, options: ReadingOptions) -> None:
        self.file, self.name, self.options = text.file, text.name, options
        self.number = 0
        self.offset = text.start
        self.start()

    def start(self) -> None:
        """A new record begins with the next line."""
        self.record: list[bytes] = []
        self.size = 0
        self.undecodable = ""

    def whole(self, count: int) -> list[str]:
        """Up to `count` further lines, without their line breaks, read but not passed; see `passed`.

        Empty where the file cannot go back, or where the next lines are longer than a block or not UTF-8.
        """
        if not self.file.seekable():
            return []
        block = self.file.read(BLOCK)
        self.file.seek(self.offset)
        try:
            return block[: block.rfind(b"\n") + 1].decode().split("\n", count)[:-1]
        except UnicodeDecodeError:
            return []

    def passed(self, lines: Sequence[str]) -> None:
        """Go on behind these lines, which are the next ones."""
        self.number += len(lines)
        self.offset += len("\n".join([*lines, ""]).encode())
        self.file.seek(self.offset)

    def seek(self, position: dict[str, int]) -> None:
        """Go on at a place where a record ended."""
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
                f"Is a quote never closed, or is this no table? {self.options.advice('quoting', 'false')} reads quotes "
                "as ordinary characters.",
            )
        self.record.append(line)
        self.number += 1
        self.offset += len(line)
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            self.undecodable = f"the bytes {line[error.start : error.start + 4]!r} are not UTF-8"
            return line.decode(errors="backslashreplace")


class Reader(ABC):
    """Rows of one file, good and bad, in their order.

    Attributes:
        names: the columns; for JSON, the keys of the first row once it has been read.
        notes: what was recognised about the file, to be said.
        recognised: what of it are reading options.
        mark: does the file begin with a byte order mark?
        empty: rows without any value, which are skipped (empty lines are not counted).
        unit: of `progress` and `total`.
    """

    unit = "rows"
    mark = False

    def __init__(self, name: str, options: ReadingOptions) -> None:
        self.name, self.options = name, options
        self.names: list[str] = []
        self.notes: list[str] = []
        self.recognised: dict[str, str] = {}
        self.number = 0
        self.empty = 0

    @abstractmethod
    def __iter__(self) -> Iterator[Row | BadRow]:
        """The rows from here on."""

    def block(self, count: int) -> list[list[str]]:  # noqa: ARG002
        """The values of up to `count` further rows, where they can be had at once and are all whole; else none is read.

        Each has as many values as there are names. What is special about a row, and where it stands, only the iteration
        tells.
        """
        return []

    @property
    def position(self) -> dict[str, int]:
        """Where the next row begins, for `resume`."""
        return {"row": self.number}

    def resume(self, position: dict[str, int], names: Sequence[str]) -> None:
        """Go on at a position that was noted when the same file was read before."""
        self.number = position["row"]
        self.names = list(names)

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Let go of what was opened for reading; the file itself stays open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def progress(self) -> int:
        """How much has been read, in `unit`."""
        return self.number

    @property
    def total(self) -> int | None:
        """How much there is, in `unit`, where that is known."""
        return None


class LineReader(Reader):
    """Rows of a text file."""

    unit = "bytes"

    def __init__(self, file: IO[bytes], name: str, options: ReadingOptions) -> None:
        super().__init__(name, options)
        self.text = Text(file, name, options)
        self.mark = self.text.mark
        self.notes += self.text.notes
        self.recognised |= self.text.recognised
        self.lines = Lines(self.text, options)
        self.size = _size(self.text.file)

    @property
    def position(self) -> dict[str, int]:
        """Where the next row begins."""
        return {"row": self.number, "line": self.lines.number, "offset": self.lines.offset}

    def resume(self, position: dict[str, int], names: Sequence[str]) -> None:
        """Go on at a position."""
        super().resume(position, names)
        self.lines.seek(position)

    @property
    def progress(self) -> int:
        """Bytes read."""
        return self.lines.offset

    @property
    def total(self) -> int | None:
        """Bytes of the file, where it can be measured."""
        return self.size

    def close(self) -> None:
        """Remove the temporary file, if there is one."""
        if self.text.temporary:
            self.text.file.close()

    def records(self) -> Iterator[str]:
        """The lines that hold something, each counted as a row."""
        while True:
            self.lines.start()
            line = next(self.lines, None)
            if line is None:
                return
            if line.strip():
                self.number += 1
                yield line

    def bad(self, line: int, problem: str) -> BadRow:
        """The record at hand as a bad row."""
        return BadRow(self.number, line, self.lines.undecodable or problem, self.lines.raw)


class TextLines(LineReader):
    """One text a line; for pairs, text and target with a tab between them. Empty lines are skipped."""

    def __init__(self, file: IO[bytes], name: str, options: ReadingOptions, names: Sequence[str] = ("text",)) -> None:
        super().__init__(file, name, options)
        self.names = list(names)

    def __iter__(self) -> Iterator[Row | BadRow]:
        for line in self.records():
            text = line.rstrip("\r\n")
            values = [text] if len(self.names) == 1 else text.split("\t")
            if self.lines.undecodable or len(values) != len(self.names):
                expected = ", tab, ".join(self.names)
                yield self.bad(self.lines.number, f"expected {expected}; the line has {len(values) - 1} tabs")
            else:
                yield Row(self.number, self.lines.number, dict(zip(self.names, values, strict=True)))
