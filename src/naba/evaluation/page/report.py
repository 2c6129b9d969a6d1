"""A report as one self-contained HTML page: sections of text, tables, line charts and rows to read.

It shares the style sheet of the comparison page: no network, light and dark, Arabic set right to left, everything
escaped by Jinja2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from naba import files
from naba.evaluation.page import ASSETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.evaluation.tables import Table

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 12, 40
TICKS, MOST_MARKS = 5, 8
COLOURS = ("#1f5fbf", "#c2570c", "#1b7f4b", "#8e44ad", "#b3261e", "#5b6470")


@dataclass(frozen=True)
class Example:
    """A row to read: its text (and target), its labels as chips, and remarks below."""

    text: str
    target: str = ""
    title: str = ""
    chips: Sequence[str] = ()
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Line:
    """A line of a chart: points (x, y) with, where there are any, the bounds of each."""

    name: str
    points: Sequence[tuple[float, float]]
    bounds: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Chart:
    """Lines over one pair of axes."""

    x: str
    y: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading; what it lacks is left out."""

    heading: str
    text: Sequence[str] = ()
    table: Table | None = None
    chart: Chart | None = None
    examples: Sequence[Example] = ()


@dataclass(frozen=True)
class Report:
    """A page: title, what it says at a glance, and sections."""

    title: str
    lead: str
    sections: Sequence[Section] = field(default_factory=tuple)

    def page(self) -> str:
        """The report as one string of HTML."""
        css = files.asset(ASSETS / "page.css")
        return files.rendered(ASSETS / "report.html.jinja", report=self, css=css, chart=drawing)


def drawing(chart: Chart) -> Mapping[str, object]:
    """A chart in the units of its drawing: lines as points, bands as polygons, ticks of both axes."""
    xs = [x for line in chart.lines for x, _ in line.points]
    ys = [y for line in chart.lines for _, y in line.points]
    ys += [bound for line in chart.lines for pair in line.bounds for bound in pair]
    x_low, x_high = min(xs), max(xs)
    y_low, y_high = min(ys), max(ys)
    y_low, y_high = y_low - 0.05 * (y_high - y_low or 1), y_high + 0.05 * (y_high - y_low or 1)

    def across(x: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (x - x_low) / (x_high - x_low or 1), 1)

    def down(y: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - y_low) / (y_high - y_low), 1)

    lines = []
    for place, line in enumerate(chart.lines):
        band = [(x, low) for (x, _), (low, _) in zip(line.points, line.bounds, strict=False)]
        band += [(x, high) for (x, _), (_, high) in zip(line.points, line.bounds, strict=False)][::-1]
        lines.append(
            {
                "name": line.name,
                "colour": COLOURS[place % len(COLOURS)],
                "points": " ".join(f"{across(x)},{down(y)}" for x, y in line.points),
                "dots": [(across(x), down(y), f"{line.name}: {x:g}, {y:.3f}") for x, y in line.points],
                "band": " ".join(f"{across(x)},{down(y)}" for x, y in band),
            }
        )
    steps = [number / (TICKS - 1) for number in range(TICKS)]
    own = sorted(set(xs))
    marks = own if len(own) <= MOST_MARKS else [x_low + step * (x_high - x_low) for step in steps]
    return {
        "width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM,
        "lines": lines,
        "across": [(across(x), f"{x:.3g}" if abs(x) < 10 else f"{x:,.0f}")
                   for x in marks],
        "down": [(down(y), f"{y:.3f}") for y in (y_low + step * (y_high - y_low) for step in steps)],
    }  # fmt: skip
