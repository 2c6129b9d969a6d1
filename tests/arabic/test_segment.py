"""Clauses, tokens, stems, numbers and the lexicon look-up of words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naba.arabic.cues import CUES
from naba.arabic.lexicons import AXES, PLACES, RIVALS, SYNONYMS
from naba.arabic.normalise import NEWS, normalise
from naba.arabic.numbers import Quantity, dates, quantities
from naba.arabic.segment import clauses, light_stem, skeleton, tokens
from naba.arabic.words import AXIS_NAMES, CUE_NAMES, PLACE_NAMES, analyse


def test_clauses_end_at_arabic_stops() -> None:
    assert clauses("هل وصل؟ نعم! ثم غادر؛ وعاد… انتهى.") == ["هل وصل؟", "نعم!", "ثم غادر؛", "وعاد…", "انتهى."]
    assert clauses("سطر\nسطر آخر") == ["سطر", "سطر آخر"]
    assert clauses("") == []


def test_quotes_decimals_and_abbreviations_do_not_end_a_clause() -> None:
    assert clauses("قال: «هل تأتي؟ نعم». ثم خرج.") == ["قال: «هل تأتي؟ نعم».", "ثم خرج."]
    assert clauses("بلغ 3.5 بالمئة في 2015. قال د. أحمد ذلك") == ["بلغ 3.5 بالمئة في 2015.", "قال د. أحمد ذلك"]
    assert clauses("قال: «لم يغلق\nسطر. آخر") == ["قال: «لم يغلق", "سطر.", "آخر"]


@given(st.text(alphabet='اب؟.!…؛ \n«»"1د'))
def test_clauses_lose_nothing_but_space(text: str) -> None:
    assert "".join("".join(clauses(text)).split()) == "".join(text.split())


def test_light_stems_and_skeletons_join_inflections() -> None:
    assert light_stem("والمعلمون") == light_stem("بالمعلمين") == "معلم"
    assert skeleton("يرتفع") == skeleton("ارتفاع") == skeleton("ارتفعت")
    assert skeleton("اعتقال") == skeleton("سيعتقل")
    assert light_stem("من") == "من"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("مليون و800 ألف مخالف", [Quantity(1_800_000, "")]),
        ("خمسة وعشرون ألف دولار", [Quantity(25_000, "money")]),
        ("٣ ملايين برميل و٧ قتلى", [Quantity(3_000_000, "barrel"), Quantity(7, "people")]),
        ("ارتفع ٣٫٥٪", [Quantity(3.5, "percent")]),
        ("71 و 1,200 شخص", [Quantity(71, ""), Quantity(1200, "people")]),
        ("نصف مليون", [Quantity(500_000, "")]),
        ("لا رقم هنا", []),
    ],
)
def test_numbers_in_digits_and_words(text: str, expected: list[Quantity]) -> None:
    assert quantities(tokens(normalise(text, NEWS))) == expected


def test_dates() -> None:
    assert dates(tokens(normalise("يوم الاثنين ٣ أغسطس ٢٠١٥", NEWS))) == {"weekday 3", "month 8", "year 2015"}


def test_words_are_found_through_their_inflections() -> None:
    direction = 1 << AXIS_NAMES.index("direction")
    assert analyse("سيرتفع").first_pole & direction
    assert analyse("وانخفضت").second_pole & direction
    assert analyse("للسعوديه").places == 1 << PLACE_NAMES.index("saudi_arabia")
    assert analyse("ينفي").cues & 1 << CUE_NAMES.index("refutation")
    assert analyse("لموتمر").base == analyse("الموتمر").base
    gold, oil = analyse("الذهب"), analyse("النفط")
    assert gold.kinds & oil.kinds
    assert gold.members != oil.members
    assert analyse("في").stop


def test_lexicons_fit_their_bit_masks() -> None:
    assert max(len(AXES), len(SYNONYMS), len(PLACES), len(RIVALS), len(CUES)) <= 64
