"""Where a prediction job writes, and how it survives being killed: pieces are committed whole, in order.

Beside OUTPUT stand, until the job is done, `OUTPUT.partial` (what is written; a folder of parts for Parquet),
`OUTPUT.progress.json` (how much of it counts, and where in the input the next piece begins) and OUTPUT.lock.
Only the record of progress makes pieces count: it is replaced in one step after they are on disk, so whatever a
killed job left behind it is cut off when the job goes on.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from naba.data.rows import SUFFIXES
from naba.data.rows.json import as_text
from naba.data.rows.parquet import cell
from naba.errors import UserError, unknown_name
from naba.predict import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from naba.data.rows import BadRow
    from naba.predict.reading import Piece

FORMATS = {suffix: kind for suffix, kind in SUFFIXES.items() if kind not in {"json", "lines"}}
COMMIT_SECONDS = 1.0
"""Between two commits: what a killed job does again at most, beside the piece at hand. A wait for the disk
after each piece would be many a second."""
DIGITS = ".9g"
"""Of a probability in text: as many as a 32-bit number holds."""


def format_of(output: str) -> str:
    """The format that the ending of an output's name says."""
    suffix = Path(output).suffix.lower()
    if suffix not in FORMATS:
        raise UserError(f"--output {output}: {unknown_name('ending', suffix, FORMATS)}")
    return FORMATS[suffix]


@dataclass(frozen=True)
class Style:
    """How an output is written.

    Attributes:
        kind: csv, tsv, jsonl, parquet or xlsx.
        quoting: CSV and TSV: quote cells that need it; else none has characters that would.
        mark: CSV and TSV: begin with a byte order mark.
    """

    kind: str
    quoting: bool = True
    mark: bool = False


def encode(piece: Piece, added: pd.DataFrame, style: Style, *, header: bool) -> bytes:
    """A piece with its predictions as CSV, TSV, JSON Lines, or lines of which `excel` makes a workbook.

    Args:
        added: the predictions, a row for each good row of the piece.
        header: begin with the header line, and the byte order mark if there is one.
    """
    if style.kind == "jsonl":
        return "".join(_json_lines(piece, added)).encode()
    if style.kind == "xlsx":
        return formats.lines(piece.names if header else None, _cells(piece), added)
    delimiter = "\t" if style.kind == "tsv" else ","
    head = _written([[*piece.names, *added.columns]], delimiter, style)[0] + "\n" if header else ""
    # What is added needs no quotes, so it is put behind as it is.
    lines = zip(_lines(_cells(piece), delimiter, style), _behind(added, delimiter), strict=True)
    text = (head + "".join([f"{line}{values}\n" for line, values in lines])).encode()
    return codecs.BOM_UTF8 + text if header and style.mark else text


def _lines(rows: Sequence[Sequence[Any]], delimiter: str, style: Style) -> list[str]:
    """Each row as csv writes it; csv itself is asked only where a cell of them may need quotes."""
    width = len(rows[0]) if rows else 0
    try:
        joined = list(map(delimiter.join, rows)) if width > 1 else []
    except TypeError:
        joined = []  # a cell is empty, or no text
    if joined:
        whole = delimiter.join(joined)
        if whole.count(delimiter) == len(rows) * width - 1 and not any(sign in whole for sign in '"\r\n'):
            return joined
    return _written(rows, delimiter, style)


def _written(rows: Sequence[Sequence[Any]], delimiter: str, style: Style) -> list[str]:
    lines: list[str] = []
    # csv hands over one whole line at a time.
    writer = csv.writer(
        _Lines(lines.append),
        delimiter=delimiter,
        lineterminator="\n",
        quoting=csv.QUOTE_MINIMAL if style.quoting else csv.QUOTE_NONE,
        quotechar='"' if style.quoting else None,
    )
    writer.writerows(rows)
    return [line[:-1] for line in lines]


class _Lines:
    """As much of a file as csv needs."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write = write


def _behind(added: pd.DataFrame, delimiter: str) -> Iterator[str]:
    """Delimiter and value of each added column, a text a row."""
    kinds = [added[name].dtype.kind for name in added.columns]
    pattern = "".join(delimiter + (f"%{DIGITS}" if kind == "f" else "%s") for kind in kinds)
    columns = [added[name].tolist() for name in added.columns]
    texts = [column if kind == "f" else list(map(as_text, column)) for column, kind in zip(columns, kinds, strict=True)]
    return (pattern % row for row in zip(*texts, strict=True))


def _cells(piece: Piece) -> list[list[Any]]:
    if piece.batch is None:
        return piece.cells
    columns = [[cell(value) for value in column.to_pylist()] for column in piece.batch.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _json_lines(piece: Piece, added: pd.DataFrame) -> list[str]:
    parts, columns = [], []
    for name in added.columns:
        kind = added[name].dtype.kind
        parts.append(json.dumps(name, ensure_ascii=False).replace("%", "%%") + f": %{DIGITS if kind == 'f' else 's'}")
        columns.append(added[name].tolist())
        if kind != "f":
            texts = {value: _json_text(value, kind) for value in set(columns[-1])}
            columns[-1] = [texts[value] for value in columns[-1]]
    pattern = ", ".join(parts)
    made = [pattern % values for values in zip(*columns, strict=True)]
    if piece.raw is not None:
        # Spliced in: what the input says stays byte for byte, numbers of any length included.
        return [f"{row[:-1].rstrip()}, {values}}}\n" for row, values in zip(piece.raw, made, strict=True)]
    if piece.batch is not None:
        rows = [json.dumps(row, ensure_ascii=False, default=str) for row in piece.batch.to_pylist()]
    else:
        rows = [json.dumps(dict(zip(piece.names, cells, strict=True)), ensure_ascii=False) for cells in piece.cells]
    return [f"{row[:-1]}, {values}}}\n" for row, values in zip(rows, made, strict=True)]


def _json_text(value: Any, kind: str) -> str:
    return json.dumps(value, ensure_ascii=False) if kind == "O" else str(as_text(value))


def bad_lines(bad: Sequence[BadRow], file: str) -> bytes:
    """Bad rows as JSON Lines: file, row, line, problem and the row as it stood."""
    rows = [
        {"file": file, "row": row.number, "line": row.line, "problem": row.problem, "raw": row.raw}
        for row in bad
    ]  # fmt: skip
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


class Output(Protocol):
    """Where pieces go."""

    def write(self, piece: Piece, added: pd.DataFrame) -> None:
        """Take one piece with its predictions."""

    def finish(self) -> None:
        """All pieces are written."""


class Stream:
    """Standard output: nothing to commit, nothing to resume."""

    def __init__(self, file: IO[bytes], style: Style, bad: Path | None, name: str) -> None:
        self.file, self.style, self.name = file, style, name
        self.bad = bad.open("wb") if bad is not None else None
        self.begun = False

    def write(self, piece: Piece, added: pd.DataFrame) -> None:
        """Write it and pass it on at once."""
        self.file.write(encode(piece, added, self.style, header=not self.begun))
        self.file.flush()
        self.begun = True
        if self.bad is not None:
            self.bad.write(bad_lines(piece.bad, self.name))

    def finish(self) -> None:
        """Close the side file."""
        if self.bad is not None:
            self.bad.close()


class Committed:
    """A file that appears when it is whole; see the module's text.

    Args:
        job: what must be the same when the job goes on: input, model, options.
        bad: the side file for bad rows.
        overwrite: replace OUTPUT, and drop what another job began. What the same job began is continued:
            the result would be the same.
    Raises:
        UserError: OUTPUT is there already, was begun by another job, or is being written by another process.
    """

    def __init__(
        self, output: Path, style: Style, bad: Path, name: str, job: Mapping[str, Any], *, overwrite: bool
    ) -> None:
        self.output, self.style, self.kind, self.bad, self.name = output, style, style.kind, bad, name
        self.job = dict(job)
        self.partial = output.with_name(output.name + ".partial")
        self.record = output.with_name(output.name + ".progress.json")
        self.lock = _lock(output)
        self.overwrite, self.opened = overwrite, False
        self.kept = False  # is there a record of progress that counts?
        self.uncommitted: list[Path] = []
        self.due = 0.0
        if output.exists() and not self.partial.exists():
            # A job that was killed between its last two steps: the output is whole, the record of progress is left.
            self.record.unlink(missing_ok=True)
        if output.exists() and not overwrite:
            self.close()
            raise UserError(f"{output} is there already", "--overwrite replaces it; --output names another")
        self.state = self._found()
        if not self.resumed and bad.exists() and not overwrite:
            self.close()
            raise UserError(f"the side file {bad} is there already", "--overwrite replaces it; --bad names another")
        self._cut()
        self.opened = True

    @property
    def resumed(self) -> dict[str, Any] | None:
        """The state of the job that goes on here, or None for a new one: position, names, rows, bad."""
        return self.state if self.state["position"] else None

    def _found(self) -> dict[str, Any]:
        new = {"job": self.job, "position": {}, "names": [], "rows": 0, "bad": 0, "bytes": 0, "bad_bytes": 0,
               "parts": 0}  # fmt: skip
        if not self.record.is_file():
            return new
        try:
            found = json.loads(self.record.read_text(encoding="utf-8"))
            changed = [key for key, value in self.job.items() if found["job"].get(key) != value]
            whole = set(new) <= set(found)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.close()
            raise UserError(
                f"{self.record} is not a record of progress: {error}", "remove it to start again"
            ) from error
        lost = self._lost(found) if whole else None
        if self.overwrite and (changed or lost or not whole):
            return new
        if changed or not whole:
            self.close()
            what = f"was begun with another {' and '.join(changed) or 'version of naba'}"
            if str(self.job["input"]).startswith("standard input"):
                what = "was begun before, and standard input cannot be read again from where that job stopped"
            raise UserError(f"{self.output} {what}", "--overwrite starts again; --output names another file")
        if lost is not None:
            self.close()
            raise UserError(f"{lost} has lost what was written to it", "--overwrite starts again")
        self.kept = True
        return dict(found)

    def _lost(self, state: Mapping[str, Any]) -> Path | None:
        """A file of which less is on disk than the record of progress says."""
        if self.kind == "parquet":
            lost = [part for part in self._parts(state["parts"]) if not part.is_file()]
        else:
            lost = [self.partial] if _size(self.partial) < state["bytes"] else []
        lost += [self.bad] if _size(self.bad) < state["bad_bytes"] else []
        return lost[0] if lost else None

    def _cut(self) -> None:
        """Cut off what was written but not committed."""
        if self.kind == "parquet":
            self.partial.mkdir(exist_ok=True)
            for part in self.partial.iterdir():
                if part not in self._parts(self.state["parts"]):
                    part.unlink()
        else:
            self.file = _open_at(self.partial, self.state["bytes"])
        self.bad_file = _open_at(self.bad, self.state["bad_bytes"])

    def _parts(self, count: int) -> list[Path]:
        return [self.partial / f"{number:08d}.parquet" for number in range(count)]

    def write(self, piece: Piece, added: pd.DataFrame) -> None:
        """Write a piece; about once a second, commit: from there on a killed job goes on behind it."""
        state = dict(self.state)
        first = not state["position"]
        if self.kind == "parquet":
            if piece.texts or first:
                path = self.partial / f"{state['parts']:08d}.parquet"
                formats.write_part(path, piece, added)
                self.uncommitted.append(path)
                state["parts"] += 1
        else:
            if self.kind == "xlsx":
                formats.require_room(state["rows"] + len(piece.texts))
            self.file.write(encode(piece, added, self.style, header=first))
            state["bytes"] = self.file.tell()
        if piece.bad:
            self.bad_file.write(bad_lines(piece.bad, self.name))
        state |= {"position": piece.position, "names": piece.names, "bad_bytes": self.bad_file.tell()}
        state["rows"] += len(piece.texts)
        state["bad"] += len(piece.bad)
        self.state = state
        if time.monotonic() >= self.due:
            self._commit()

    def _commit(self) -> None:
        """What was written is on disk before the record of progress says so."""
        for path in self.uncommitted:
            _to_disk(path)
        self.uncommitted.clear()
        for file in (self.bad_file,) if self.kind == "parquet" else (self.bad_file, self.file):
            _flush(file)
        unfinished = self.record.with_name(self.record.name + ".unfinished")
        with unfinished.open("w", encoding="utf-8") as record:
            json.dump(self.state, record, ensure_ascii=False)
            record.flush()
            os.fsync(record.fileno())
        unfinished.replace(self.record)
        self.kept = True
        self.due = time.monotonic() + COMMIT_SECONDS

    def finish(self) -> None:
        """Give the output its name; remove the record of progress, and the side file if no row was bad."""
        self._commit()
        self.bad_file.close()
        if not self.state["bad"]:
            self.bad.unlink(missing_ok=True)
        if self.kind == "parquet":
            joined = self.output.with_name(self.output.name + ".unfinished")
            formats.join_parts(self._parts(self.state["parts"]), joined)
            _to_disk(joined)
            joined.replace(self.output)
            shutil.rmtree(self.partial)
        else:
            self.file.close()
            if self.kind == "xlsx":
                made = self.output.with_name(self.output.name + ".unfinished")
                formats.workbook(self.partial, made)
                _to_disk(made)
                made.replace(self.output)
                self.partial.unlink()
            else:
                self.partial.replace(self.output)
        self.record.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Commit what is whole, and let other processes write here. A job that wrote nothing leaves nothing behind."""
        if self.opened and not self.bad_file.closed:
            if self.resumed:
                # Where not even that can be written, the last record counts.
                with contextlib.suppress(OSError):
                    self._commit()
            with contextlib.suppress(OSError):
                self.bad_file.close()
                if self.kind != "parquet":
                    self.file.close()
        if self.opened and not self.kept:
            shutil.rmtree(self.partial, ignore_errors=True)
            self.partial.unlink(missing_ok=True)
            self.bad.unlink(missing_ok=True)
        # Removed while it is held: afterwards it might be another process's lock.
        Path(self.lock.lock_file).unlink(missing_ok=True)
        self.lock.release()


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _lock(output: Path) -> Any:
    from filelock import FileLock, Timeout

    if not output.parent.is_dir():
        raise UserError(f"--output {output}: there is no folder {output.parent}")
    if output.is_dir():
        raise UserError(f"--output {output} is a folder; expected a file")
    lock = FileLock(str(output) + ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(f"{output} is being written by another naba predict", "wait for it, or end it") from error
    except OSError as error:
        raise UserError(f"--output {output}: cannot be written: {error.strerror}") from error
    return lock


def _open_at(path: Path, size: int) -> IO[bytes]:
    """A file cut to its first `size` bytes, open for writing behind them."""
    file = path.open("r+b" if path.is_file() else "w+b")
    file.truncate(size)
    file.seek(size)
    return file


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
