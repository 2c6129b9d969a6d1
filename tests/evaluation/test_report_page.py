"""The page of a report in a real browser: nothing runs over the edge, nothing is fetched, texts are no markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from chromium import chromium
from naba.evaluation.page.report import Chart, Example, Line, Report, Section, drawing
from naba.evaluation.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "</article><script>document.title='broken'</script> نص الخبر"


@pytest.fixture
def document() -> str:
    chart = Chart("labelled rows", "macro_f1", [
        Line("random", [(100, 0.3), (200, 0.4), (300, 0.45)], [(0.25, 0.35), (0.38, 0.42), (0.4, 0.5)]),
        Line("uncertain", [(100, 0.3), (200, 0.45), (300, 0.5)]),
    ])  # fmt: skip
    wide = Table(
        "", ["a long heading of a column"] * 9, [["كلمة طويلة في خلية", *["0.123"] * 8]], ["a note"], numeric=[1, 2]
    )
    rows = [Example(HOSTILE, "ادعاء عن النفط", "1. r7", ["تأييد", "? معارضة"], ["the model says so"])]
    return Report("ans_stance", "What it says.", [Section("Curves", chart=chart), Section("Numbers", ["text"], wide),
                                                  Section("Rows", examples=rows)]).page()  # fmt: skip


def test_a_chart_keeps_its_points_inside_the_frame() -> None:
    drawn: Any = drawing(Chart("x", "y", [Line("one", [(0, 1.0), (5, 3.0)], [(0.5, 1.5), (2.0, 4.0)])]))
    xs, ys = zip(*(map(float, point.split(",")) for point in drawn["lines"][0]["band"].split()), strict=True)
    assert drawn["left"] <= min(xs) < max(xs) <= drawn["right"]
    assert drawn["top"] <= min(ys) < max(ys) <= drawn["bottom"]
    # Up is more.
    (_, low, _), (_, high, _) = drawn["lines"][0]["dots"]
    assert high < low
    flat: Any = drawing(Chart("x", "y", [Line("one", [(3, 0.5)])]))
    assert flat["lines"][0]["dots"][0][0] == flat["left"]


def test_nothing_is_fetched_and_texts_are_no_markup(document: str) -> None:
    assert not re.search(r"<script|(?:src|href)=", document)
    assert "default-src 'none'" in document
    assert "&lt;/article&gt;&lt;script&gt;" in document


@pytest.mark.browser
@pytest.mark.parametrize(
    ("size", "dark"), [pytest.param((1280, 900), False, marks=pytest.mark.slow), ((390, 844), True)]
)
def test_it_fits_its_window(size: Any, dark: bool, document: str, tmp_path: Path, screenshots: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(document, encoding="utf-8")
    with chromium(tmp_path / "chromium", size) as browser:
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.get(file.as_uri())
        assert browser.get_log("browser") == []
        assert browser.title == "ans_stance"
        browser.save_screenshot(str(screenshots / f"report-{size[0]}.png"))
        over = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert browser.execute_script(over) <= 0
        align = "return getComputedStyle(document.querySelector('.example .text')).direction"
        assert browser.execute_script(align) == "rtl"
        back = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (back == "rgb(255, 255, 255)") is not dark
