"""Tables as text: Markdown, CSV, LaTeX, and aligned columns for a terminal."""

from __future__ import annotations

import csv
import io
import math
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Style = Literal["markdown", "csv", "latex", "text"]


@dataclass(frozen=True)
class Table:
    """A title, a header and rows of cells that are already text; notes stand below."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    numeric: Sequence[int] = ()
    """Columns to set right."""

    def render(self, style: Style) -> str:
        """The table in one of the four styles."""
        return {"markdown": markdown, "csv": csv_text, "latex": latex, "text": text}[style](self)


def markdown(table: Table) -> str:
    """GitHub's Markdown; a bar inside a cell is escaped."""
    ruler = ["---:" if column in table.numeric else "---" for column in range(len(table.header))]
    lines = [f"### {table.title}", ""] if table.title else []
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
        for row in (table.header, ruler, *table.rows)
    ]
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
    }
)


def latex(table: Table) -> str:
    """A `table` environment with booktabs rules (needs the package booktabs); notes stand in the caption."""
    columns = "".join("r" if column in table.numeric else "l" for column in range(len(table.header)))
    lines = [r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    lines.append(" & ".join(cell.translate(ESCAPES) for cell in table.header) + r" \\")
    lines.append(r"\midrule")
    lines += [" & ".join(cell.translate(ESCAPES) for cell in row) + r" \\" for row in table.rows]
    caption = ". ".join([table.title, *(note.rstrip(".") for note in table.notes)]).translate(ESCAPES)
    lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{caption}}}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def width(cell: str) -> int:
    """Columns that a terminal needs for a text: marks take none, wide characters two."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in cell)


def text(table: Table) -> str:
    """Aligned columns for a terminal."""
    widths = [max(width(row[column]) for row in (table.header, *table.rows)) for column in range(len(table.header))]

    def line(row: Sequence[str]) -> str:
        padded = [
            " " * (size - width(cell)) + cell if column in table.numeric else cell + " " * (size - width(cell))
            for column, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    lines = [table.title, ""] if table.title else []
    lines += [line(table.header), *(line(row) for row in table.rows)]
    lines += ["", *table.notes] if table.notes else []
    return "\n".join(lines) + "\n"


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
