"""Clauses, tokens, stems and the lexicon look-up of words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naba.arabic.lexicons import AXES, CUES, PLACES, RIVALS, SYNONYMS
from naba.arabic.segment import clauses, light_stem, skeleton, tokens
from naba.arabic.words import AXIS_NAMES, CUE_NAMES, analyse


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


# Larkey, Ballesteros and Connell 2002 and 2007: light10 cuts و where three letters remain, then the article where two
# remain, then each suffix of the list, once and in order, where two remain.
@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("ولد", "ولد"), ("وقال", "قال"), ("وفي", "وف"), ("وزير", "زير"), ("والد", "الد"), ("ووصل", "وصل"),
        ("البيت", "بيت"), ("الاب", "اب"), ("الم", "الم"), ("والبيت", "بيت"), ("والاب", "اب"),
        ("بالبيت", "بيت"), ("بالاب", "اب"), ("بالم", "بالم"), ("كالاسد", "اسد"), ("كالاب", "اب"), ("كالم", "كالم"),
        ("فالرجل", "رجل"), ("فالاب", "اب"), ("فالم", "فالم"), ("للبيت", "بيت"), ("للاب", "اب"), ("للم", "للم"),
        ("كتابها", "كتاب"), ("بيتان", "بيت"), ("كتابات", "كتاب"), ("معلمون", "معلم"), ("معلمين", "معلم"),
        ("عربيه", "عرب"), ("عربية", "عرب"), ("كتابه", "كتاب"), ("مدرسة", "مدرس"), ("عربي", "عرب"),
        ("يدها", "يد"), ("يدان", "يد"), ("يدات", "يد"), ("يدون", "يد"), ("يدين", "يد"),
        ("يديه", "يد"), ("يدية", "يد"), ("يده", "يد"), ("يدة", "يد"), ("يدي", "يد"),
        ("مها", "مها"), ("به", "به"), ("في", "في"), ("ثان", "ثان"), ("دين", "دين"), ("هية", "هي"),
        ("معلماتها", "معلم"), ("وبالمعلمين", "معلم"), ("لبيت", "لبيت"), ("بيت", "بيت"),
        ("بالالعاب", "العاب"), ("سفينيه", "سفين"),
    ],
)  # fmt: skip
def test_light10_cuts_at_its_boundaries(word: str, stem: str) -> None:
    assert light_stem(word) == stem


@pytest.mark.parametrize(
    ("word", "consonants"),
    [
        ("سيعمل", "عمل"), ("ستار", "ستر"), ("تكتب", "كتب"), ("كتبت", "كتب"), ("بنت", "بنت"), ("عام", "عم"),
        ("أخذت", "خذت"), ("رئيس", "رس"), ("ماء", "ماء"),
    ],
)  # fmt: skip
def test_skeletons_at_their_boundaries(word: str, consonants: str) -> None:
    assert skeleton(word) == consonants


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ارتفع 3.5% إلى 1,200؟", ["ارتفع", "3.5", "%", "إلى", "1,200"]),
        ("١٬٢٣٤٫٥٪ و800 ب50", ["١٬٢٣٤٫٥", "٪", "و", "800", "ب", "50"]),
        ("1 234 567,8 شخصا", ["1 234 567,8", "شخصا"]),
        ("1\u00a0234 شخص و10\u202f000", ["1\u00a0234", "شخص", "و", "10\u202f000"]),
        ("2015 200 شخص", ["2015", "200", "شخص"]),
        ("5، 100", ["5", "100"]),
        ("2015 200 300", ["2015", "200", "300"]),
        ("05 100", ["05", "100"]),
        ("٠٥ ١٠٠", ["٠٥", "١٠٠"]),
        ("12 3456", ["12", "3456"]),
        ("5 100 2000", ["5", "100", "2000"]),
        ("محمّد_علي", ["محمّد", "علي"]),
        ("a1b", ["a", "1", "b"]),
    ],
)
def test_tokens_are_words_numbers_and_percent_signs(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_words_are_found_through_their_inflections() -> None:
    direction = 1 << AXIS_NAMES.index("direction")
    assert analyse("سيرتفع").first_pole & direction
    assert analyse("وانخفضت").second_pole & direction
    assert analyse("للسعوديه").places == 1 << list(PLACES).index("saudi_arabia")
    assert analyse("ينفي").cues & 1 << CUE_NAMES.index("refutation")
    assert analyse("لموتمر").base == analyse("الموتمر").base
    gold, oil = analyse("الذهب"), analyse("النفط")
    assert gold.kinds & oil.kinds
    assert gold.members != oil.members
    assert analyse("في").stop


def test_lexicons_fit_their_bit_masks() -> None:
    assert max(len(AXES), len(SYNONYMS), len(PLACES), len(RIVALS), len(CUES)) <= 64
