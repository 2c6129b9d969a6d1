"""Rows that are read many at once are those that are read one by one, with the same places in the file."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest

from naba.data.rows import ReadingOptions, open_rows, text
from naba.data.rows.delimited import DelimitedReader
from naba.predict import output
from naba.predict.reading import Columns, Piece, RowSource

CELLS = [
    "خبر عاجل", "ارتفاع النفط", "a,b", '"', 'قال: "نعم"', "line\nbreak", "line\r\nbreak", "lone\rreturn", " ", "",
    "\u2028", "\x0b", "\x1c", "\ufeff", "x" * 300,
]  # fmt: skip


def made(seed: int) -> bytes:
    """A table that is mostly regular, with now and then what needs a look."""
    drawn = random.Random(seed)
    end = drawn.choice(["\n", "\r\n"])
    odd = drawn.choice([0.0, 0.003, 0.05])
    lines = ["id,text,more"]
    for row in range(drawn.randrange(400)):
        cells = [str(row), f"نص رقم {row}", "شيء آخر"]
        if drawn.random() < odd:
            cells[drawn.randrange(3)] = drawn.choice(CELLS)
        quoted = ['"' + one.replace('"', '""') + '"' if drawn.random() < odd or set(one) & set('",\n') else one
                  for one in cells]  # fmt: skip
        lines.append(",".join(quoted))
        if drawn.random() < odd / 4:
            lines.append(drawn.choice(["", "  ", ",,", "only one", "a,b,c,d", 'a"b,c"d,e', "7,ok,"]))
    content = (end.join(lines) + drawn.choice([end, "", ","])).encode()
    if drawn.random() < 0.1:
        content = content.replace("شيء".encode(), b"\xd8\xff", 1)
    return drawn.choice([b"", b"\xef\xbb\xbf"]) + content


def pieces(content: bytes, size: int, position: dict[str, int] | None = None) -> list[Piece] | str:
    try:
        with open_rows(io.BytesIO(content), "in.csv", ReadingOptions(), ["text"]) as reader:
            source = RowSource(reader, Columns("text", None))
            if position:
                source.resume(position, ["id", "text", "more"])
            return list(source.pieces(size))
    except Exception as error:  # noqa: BLE001 - compared with what the other way raises
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("block", [2**18, 700])
def test_blocks_give_what_single_rows_give(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "BLOCK", block)
    plain = 0
    for seed in range(150):
        content, size = made(seed), random.Random(seed).choice([7, 64, 2048])
        found = pieces(content, size)
        with pytest.MonkeyPatch.context() as without:
            without.setattr(DelimitedReader, "block", lambda *_: [])
            assert pieces(content, size) == found, seed
        if not isinstance(found, str) and len(found) > 1:
            assert pieces(content, size, found[0].position) == found[1:], seed
            plain += not any(piece.bad for piece in found)
    assert plain > 20


def test_blocks_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cell of two lines costs its own piece the speed, and no other."""
    looked: list[Any] = []
    add = RowSource._add
    monkeypatch.setattr(RowSource, "_add", lambda self, piece, row: looked.append(row) or add(self, piece, row))
    rows = [f'{row},"نص ""{row}"" كامل",x' for row in range(1000)]
    rows[450] = '450,"two\nlines",x'
    content = ("id,text,more\n" + "\n".join(rows) + "\n").encode()
    found = pieces(content, 100)
    assert sum(len(piece.texts) for piece in found if isinstance(piece, Piece)) == 1000
    assert len(looked) <= 100


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_lines_are_those_of_csv(delimiter: str) -> None:
    drawn = random.Random(0)
    style = output.Style("csv")
    plain = 0
    for _ in range(2000):
        width = drawn.randrange(1, 4)
        cells = [*CELLS, None, 5, "tab\tinside"] if drawn.random() < 0.5 else ["خبر عاجل", "", " ", "x"]
        rows = [[drawn.choice(cells) for _ in range(width)] for _ in range(drawn.randrange(4))]
        expected = output._written(rows, delimiter, style)
        assert output._lines(rows, delimiter, style) == expected
        plain += not any('"' in line for line in expected)
    assert plain > 500
