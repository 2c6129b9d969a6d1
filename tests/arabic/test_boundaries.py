"""Sentences and quotations as offsets."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naba.arabic.segment import Span, quotations, sentences

ARTICLE = Path(__file__).parents[2] / "data" / "article"
MARKS = st.text(alphabet='اب؟.!…؛ \n\r\u2028«»“”"()1د-ـ\u200f\u202b\x00\ufeff\u00a0مA')


def read(text: str) -> list[str]:
    return [span.of(text) for span in sentences(text)]


def test_the_nineteen_sentences_of_the_article() -> None:
    text = (ARTICLE / "article.txt").read_text(encoding="utf-8")
    lines = (ARTICLE / "sentences.jsonl").read_text(encoding="utf-8").splitlines()
    expected = [Span(row["start"], row["end"]) for row in map(json.loads, lines)]
    assert sentences(text) == expected
    assert len(expected) == 19


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("هل وصل؟ نعم! ثم غادر؛ وعاد… انتهى.", ["هل وصل؟", "نعم!", "ثم غادر؛ وعاد…", "انتهى."]),
        ("سطر أول\nسطر آخر", ["سطر أول", "سطر آخر"]),
        ("قال: «هل تأتي؟ نعم. غدا». ثم خرج.", ["قال: «هل تأتي؟ نعم. غدا».", "ثم خرج."]),
        ("قال: «لم يغلق. ثم مضى\nسطر بعده.", ["قال: «لم يغلق.", "ثم مضى", "سطر بعده."]),
        ('قال "نعم. لا." ومضى. ثم عاد.', ['قال "نعم. لا." ومضى.', "ثم عاد."]),
        ("بلغ 3.5 بالمئة في 2015. قال د. أحمد ذلك.", ["بلغ 3.5 بالمئة في 2015.", "قال د. أحمد ذلك."]),
        ("حدث ذلك عام 2015 م. وعاد بعده.", ["حدث ذلك عام 2015 م.", "وعاد بعده."]),
        ("انتهت المعركة.وقال القائد ذلك.", ["انتهت المعركة.", "وقال القائد ذلك."]),
        ("أكد معاليه .. أن العمل جار.", ["أكد معاليه .. أن العمل جار."]),
        ("هاجم (قرب البلدة. أمس) ثم انسحب.", ["هاجم (قرب البلدة. أمس) ثم انسحب."]),
        ("قال “هناك المزيد”. “.\nثم مضى.", ["قال “هناك المزيد”. “.", "ثم مضى."]),
        ("1. أولا نبدأ. ثم نكمل.", ["1. أولا نبدأ.", "ثم نكمل."]),
        ("", []),
        (" \n\x00\u200f\n", []),
        ("“. “.\n؟!", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "line",
    [
        "سي إن إن",
        "—",
        "الرياض",
        "محمود وهبي ـ جدة",
        "هادي العصيمي - سبق - جدة",
        "الرياض 26 شوال 1436 هـ الموافق 11 أغسطس 2015 م واس",
        "القاهرة - رويترز",
    ],
)
def test_datelines_and_bylines_are_no_sentences_and_swallow_none(line: str) -> None:
    assert read(f"{line}\nقال الوزير إن العمل جار.\nوأضاف أنه مستمر.") == [
        "قال الوزير إن العمل جار.",
        "وأضاف أنه مستمر.",
    ]


@pytest.mark.parametrize("line", ["// انتهى //", "17:21 ت م", "***", "أ ف ب"])
def test_end_marks_are_no_sentences(line: str) -> None:
    assert read(f"قال الوزير إن العمل جار.\n{line}") == ["قال الوزير إن العمل جار."]


@pytest.mark.parametrize("line", ["الذهب يتراجع", "مقتل 15 شخصا في انفجار", "له علاقة بالمافيا", "....المزيد"])
def test_headlines_without_a_stop_are_sentences(line: str) -> None:
    assert read(line) == [line]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('قال «نعم» و“لا” و"ربما".', ["«نعم»", "“لا”", '"ربما"']),
        ("أشار لـ”الوئام” إلى ذلك", ["”الوئام”"]),
        ("ذكر »الخبر« أمس", ["»الخبر«"]),
        ("قال «ذكر لي «أحمد» ذلك» ومضى", ["«ذكر لي «أحمد» ذلك»"]),
        ("قال «سطر أول.\nسطر ثان» ومضى", ["«سطر أول.\nسطر ثان»"]),
        ("قال «سطر أول.\n«سطر ثان» ومضى", ["«سطر ثان»"]),
        ("قال “هناك المزيد”. “. ثم مضى", ["“هناك المزيد”"]),
        ("لا يغلق « شيء", []),
    ],
)
def test_quotations(text: str, expected: list[str]) -> None:
    assert [span.of(text) for span in quotations(text)] == expected


@given(st.one_of(MARKS, st.text()))
def test_spans_are_true_in_order_and_apart(text: str) -> None:
    found = sentences(text)
    assert all(0 <= span.start < span.end <= len(text) for span in found)
    assert all(before.end <= after.start for before, after in itertools.pairwise(found))
    for span in found:
        assert span.of(text) == span.of(text).strip()
        assert any(character.isalnum() for character in span.of(text))
    quoted = quotations(text)
    assert all(before.end <= after.start for before, after in itertools.pairwise(quoted))
    assert all(span.start + 2 <= span.end <= len(text) for span in quoted)


@given(st.lists(st.lists(st.sampled_from(["ذهب", "المعلم", "«البيت»", "(أمس)", "3.5", "لأن"]), min_size=2)))
def test_sentences_lose_no_word_of_running_text(parts: list[list[str]]) -> None:
    written = [f"{' '.join(part)} معا." for part in parts]
    assert read("\n".join(written)) == written
    assert read(" ".join(written)) == written
