"""Tables as text: Markdown, CSV, LaTeX, and aligned columns for a terminal."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Style = Literal["markdown", "csv", "latex", "text"]

NARROWEST = 14
"""Columns that a wrapped cell keeps in a narrow terminal."""


@dataclass(frozen=True)
class Table:
    """A title, a header and rows of cells that are already text; notes stand below.

    Attributes:
        numeric: positions of the columns to set right.
        keys: leading columns that say what a line is; a table too wide for a terminal repeats them in each block.
        best: (row, column) of the cells that LaTeX sets in bold.
        label: of the LaTeX table, without `tab:`; made of the title if empty.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    numeric: Sequence[int] = ()
    keys: int = 1
    best: Sequence[tuple[int, int]] = ()
    label: str = ""

    def render(self, style: Style, width: int | None = None) -> str:
        """The table in one of the four styles; only text heeds `width`, the columns of the terminal."""
        return (
            text(self, width)
            if style == "text"
            else {"markdown": markdown, "csv": csv_text, "latex": latex}[style](self)
        )


def _tabulate(table: Table, rows: Sequence[Sequence[str]], form: str, header: Sequence[str] = ()) -> str:
    from tabulate import tabulate

    aligned = ["right" if column in table.numeric else "left" for column in range(len(table.header))]
    # Cells are text already: nothing is to be read as a number, and a sentence of blanks is no cell of ours.
    return tabulate(rows, headers=header, tablefmt=form, colalign=aligned if rows else None, disable_numparse=True)


def markdown(table: Table) -> str:
    """GitHub's Markdown; a bar inside a cell is escaped."""
    header, *rows = [
        [cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (table.header, *table.rows)
    ]
    lines = [f"### {table.title}", ""] if table.title else []
    lines.append(_tabulate(table, rows, "pipe", header))
    lines += ["", *(f"- {note}" for note in table.notes)] if table.notes else []
    return "\n".join(lines) + "\n"


def csv_text(table: Table) -> str:
    """RFC 4180 with a header line; notes are left out, so that every line is data."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows(table.rows)
    return buffer.getvalue()


ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "−": "$-$",
        "<": "$<$",
        "–": "--",
        "±": r"$\pm$",
        "×": r"$\times$",
    }
)


RULES = (r"\toprule", r"\midrule", r"\bottomrule")


def latex(table: Table) -> str:
    """A `table` environment with booktabs rules (needs the package booktabs), a label, and the notes in the caption."""
    header, *rows = [[cell.translate(ESCAPES) for cell in row] for row in (table.header, *table.rows)]
    for row, column in table.best:
        rows[row][column] = rf"\textbf{{{rows[row][column]}}}"
    body = _tabulate(table, rows, "latex_raw", header)
    for rule in RULES:
        body = body.replace(r"\hline", rule, 1)
    caption = ". ".join([table.title, *(note.rstrip(".") for note in table.notes)]).translate(ESCAPES)
    label = table.label or "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in table.title).split())
    lines = [
        r"\begin{table}",
        r"\centering",
        body,
        rf"\caption{{{caption}}}",
        rf"\label{{tab:{label}}}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def text(table: Table, width: int | None = None) -> str:
    """Aligned columns for a terminal of `width` columns.

    What is too wide is first wrapped between the words of its first column, then cut into blocks of whole columns
    that repeat the key columns; no word and no number is ever broken.
    """
    lines = [_filled(table.title, width), ""] if table.title else []
    lines.append("\n\n".join(_plain(block) for block in _blocks(table, width)))
    lines += ["", *(_filled(note, width) for note in table.notes)] if table.notes else []
    return "\n".join(lines) + "\n"


def html(table: Table) -> str:
    """A table for a notebook: everything escaped, each cell in the direction of its own text."""
    from html import escape

    def cells(values: Sequence[str], tag: str) -> str:
        sides = ("right" if column in table.numeric else "start" for column in range(len(values)))
        return "".join(
            f'<{tag} dir="auto" style="text-align: {side}">{escape(value)}</{tag}>'
            for value, side in zip(values, sides, strict=True)
        )

    rows = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in table.rows)
    notes = "".join(f'<p dir="auto"><small>{escape(note)}</small></p>' for note in table.notes)
    head = f'<caption dir="auto">{escape(table.title)}</caption><thead><tr>{cells(table.header, "th")}</tr></thead>'
    return f"<table>{head}<tbody>{rows}</tbody></table>{notes}"


def _plain(table: Table) -> str:
    # As a first row and not as a header, for which tabulate sets two more columns aside.
    lines = _tabulate(table, [table.header, *table.rows], "plain").splitlines()
    return "\n".join(line.rstrip() for line in lines)


def _filled(words: str, width: int | None) -> str:
    return words if width is None else textwrap.fill(words, width, break_long_words=False, break_on_hyphens=False)


def _blocks(table: Table, width: int | None) -> list[Table]:
    """The table in pieces that fit `width`, or whole where it does."""
    wide = needed(table)
    if width is None or wide <= width or len(table.header) <= table.keys:
        return [table]
    longest = max(
        range(table.keys), key=lambda column: max(_widest(row[column]) for row in (table.header, *table.rows))
    )
    room = max(NARROWEST, _widest_of(table, longest) - (wide - width))
    wrapped = replace(
        table,
        header=[_filled(cell, NARROWEST) for cell in table.header],
        rows=[
            [_filled(cell, room) if place == longest else cell for place, cell in enumerate(row)] for row in table.rows
        ],
    )
    if needed(wrapped) <= width:
        return [wrapped]
    blocks: list[list[int]] = [[]]
    keys = list(range(table.keys))
    for column in range(table.keys, len(table.header)):
        if blocks[-1] and needed(_columns(wrapped, [*keys, *blocks[-1], column])) > width:
            blocks.append([])
        blocks[-1].append(column)
    return [_columns(wrapped, [*keys, *block]) for block in blocks]


def _columns(table: Table, chosen: Sequence[int]) -> Table:
    return replace(
        table,
        header=[table.header[column] for column in chosen],
        rows=[[row[column] for column in chosen] for row in table.rows],
        numeric=[place for place, column in enumerate(chosen) if column in table.numeric],
    )


def needed(table: Table) -> int:
    """Columns that a terminal needs for the table."""
    return max(_widest(line) for line in _plain(table).splitlines())


def _widest_of(table: Table, column: int) -> int:
    return max(_widest(row[column]) for row in (table.header, *table.rows))


def _widest(cell: str) -> int:
    """Columns that a terminal needs for a text: marks take none, wide characters two."""
    from wcwidth import wcswidth

    return max((max(0, wcswidth(line)) for line in cell.splitlines()), default=0)


def number(value: float, digits: int = 3) -> str:
    """A number with a true minus sign; "" for none."""
    if math.isnan(value):
        return ""
    return f"{value:.{digits}f}".replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """A difference, with its sign."""
    return "" if math.isnan(value) else f"{value:+.{digits}f}".replace("-", "−")


def p_text(value: float) -> str:
    """A p-value: three digits, or that it is below a thousandth."""
    if math.isnan(value):
        return ""
    return "<.001" if value < 0.001 else f"{value:.3f}"


def seconds_text(value: float) -> str:
    """Seconds with as many digits as matter."""
    return "" if math.isnan(value) else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def size_text(value: float) -> str:
    """Bytes as kB or MB."""
    if math.isnan(value):
        return ""
    return f"{value / 1e6:.1f} MB" if value >= 1e6 else f"{value / 1e3:.0f} kB"


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
