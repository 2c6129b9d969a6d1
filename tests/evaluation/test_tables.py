"""Tables as text: what stands in a cell stays readable in each style, and no width breaks a word."""

from __future__ import annotations

import csv
import io
import math

import pytest
from wcwidth import wcswidth

from naba.evaluation import tables
from naba.evaluation.tables import Table

BOARD = Table(
    "Board of ans_stance: 2 models", ("model", "F1", "note"),
    [("tfidf_svm", ".751", "a|b"), ("طبقي", ".9", 'says "no", & 5 %')],
    notes=("Holm, 1 pair.", "seeds: 3"), numeric=(1,), best=((1, 1),),
)  # fmt: skip


def test_markdown() -> None:
    assert tables.markdown(BOARD).splitlines() == [
        "### Board of ans_stance: 2 models",
        "",
        "| model     |   F1 | note             |",
        "|:----------|-----:|:-----------------|",
        "| tfidf_svm | .751 | a\\|b             |",
        '| طبقي      |   .9 | says "no", & 5 % |',
        "",
        "- Holm, 1 pair.",
        "- seeds: 3",
    ]
    assert tables.markdown(Table("", ("a",), [("1",)])).splitlines() == ["| a   |", "|:----|", "| 1   |"]


def test_csv_has_every_cell_and_nothing_else() -> None:
    assert list(csv.reader(io.StringIO(tables.csv_text(BOARD)))) == [[*BOARD.header], *map(list, BOARD.rows)]


def test_latex_escapes_sets_the_best_in_bold_and_has_a_label() -> None:
    lines = tables.latex(BOARD).splitlines()
    assert "\\begin{tabular}{lrl}" in lines
    assert [line for line in lines if line.endswith("rule")] == ["\\toprule", "\\midrule", "\\bottomrule"]
    assert any("tfidf\\_svm" in line and "\\textbf" not in line for line in lines)
    assert any("\\textbf{.9}" in line and 'says "no", \\& 5 \\%' in line for line in lines)
    assert "\\caption{Board of ans\\_stance: 2 models. Holm, 1 pair. seeds: 3}" in lines
    assert "\\label{tab:Board-of-ans-stance-2-models}" in lines
    assert "\\label{tab:mine}" in tables.latex(Table("x", ("a",), [("1",)], label="mine"))


def test_html_escapes_and_sets_numbers_right() -> None:
    found = tables.html(BOARD)
    assert '<td dir="auto" style="text-align: right">.751</td>' in found
    assert '<td dir="auto" style="text-align: start">says &quot;no&quot;, &amp; 5 %</td>' in found
    assert found.count("<small>") == 2


def test_text_fits_its_width_or_is_whole() -> None:
    columns = [f"metric_{number}" for number in range(6)]
    rows = [(f"a b c d e f g h i j k l m n o p q r s {number}", *["0.123"] * 6) for number in range(3)]
    wide = Table(
        "A title of several words that is wider than thirty columns", ("model", *columns), rows, numeric=range(1, 7)
    )
    whole = tables.text(wide).splitlines()
    assert max(map(len, whole)) == tables.needed(wide) == len(rows[0][0]) + 6 * (2 + 8)
    assert tables.text(wide, tables.needed(wide)).splitlines()[-4:] == whole[-4:], "what just fits is not cut"
    wrapped = tables.text(wide, tables.needed(wide) - 10)
    assert max(map(len, wrapped.splitlines())) == tables.needed(wide) - 10, "as much room as there is"
    narrow = tables.text(wide, 46)
    assert max(map(len, narrow.splitlines())) <= 46
    assert narrow.count("a b c") == 3 * len([line for line in narrow.splitlines() if line.startswith("model")])
    assert all(narrow.count(name) == 1 for name in columns)


def test_columns_stay_under_each_other_with_arabic_marks() -> None:
    """A vowel sign takes no column of its own."""
    table = Table("", ("label", "rows"), [("نَعَمْ", "1"), ("لا", "22")], numeric=(1,))
    lines = tables.text(table).splitlines()
    assert {wcswidth(line) for line in lines} == {len("label  rows")}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (tables.number(-0.1234), "−0.123"),
        (tables.number(2, 1), "2.0"),
        (tables.number(math.nan), ""),
        (tables.signed(0.05), "+0.050"),
        (tables.signed(-0.05, 2), "−0.05"),
        (tables.signed(math.nan), ""),
        (tables.p_text(0.00099), "<.001"),
        (tables.p_text(0.001), "0.001"),
        (tables.p_text(0.5), "0.500"),
        (tables.p_text(math.nan), ""),
        (tables.seconds_text(9.994), "9.99"),
        (tables.seconds_text(10), "10"),
        (tables.seconds_text(math.nan), ""),
        (tables.size_text(999_000), "999 kB"),
        (tables.size_text(1_000_000), "1.0 MB"),
        (tables.size_text(math.nan), ""),
        (tables.counted(1, "run"), "1 run"),
        (tables.counted(0, "run"), "0 runs"),
        (tables.counted(1200, "pair"), "1,200 pairs"),
    ],
)
def test_numbers_as_text(given: str, said: str) -> None:
    assert given == said


@pytest.mark.parametrize(
    ("cell", "columns"), [("", 0), ("\x07", 0), ("نَعَمْ", 3), ("ab\nabc\na", 3), ("漢字", 4), ("a b", 3)]
)
def test_columns_that_a_cell_needs(cell: str, columns: int) -> None:
    assert tables._widest(cell) == columns
