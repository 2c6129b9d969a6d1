"""Perturbers: what each does to a headline, seeds, and that the profiles undo what they promise to undo."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from naba.arabic import perturb
from naba.arabic.normalise import LIGHT, NEWS, NONE, Profile, normalise, profile_from
from naba.errors import UserError

CONF = Path(__file__).parents[2] / "conf" / "normalisation"
KEPT = perturb.chosen(["kept"])
NEWS_TEXT = (
    'قالت السعودية إن 1234 شخصا قُتلوا، "وفقا للمصدر" في مصر عام 2015. وارتفعت الأسعار بنسبة 3.5% إلى 1,200 دولار؟ '
    "شاهد https://naba.example/a?b=1&c=2500 عن #خبر_عاجل من @naba_2500 لأنّ رئيسها مؤمن بالله"
)
PIECES = (
    "السعودية الأمـة إنّ رئيس مؤتمر هه ههه ی فى ـ ٌ ا\u0654 لا لأ ﷲ و1,234 1234 ٣٫٥ 2015,2016 1.5.2015 3,5 1,234.5 "
    '12345678 0,5 , ، . ? ؟ % " « \u200f # _ @ https://a.b/1234?x=5,5 www.a.b & &amp; ; R&D AT x1 - : / ( ) 😀 … '
    "quot; #1575; 1234%"
)
pieces = st.sampled_from([*PIECES.split(" "), " ", "  ", "\n", "\u00a0", " "])
texts = st.lists(pieces, max_size=12).map("".join)


def test_the_table_has_three_kinds_and_each_perturber_says_what_it_does() -> None:
    assert {kind: len(perturb.chosen([kind])) for kind in perturb.KINDS} == {"kept": 15, "noise": 9, "changed": 4}
    assert all(len(one.summary) > 15 for one in perturb.chosen())
    assert len({one.summary for one in perturb.chosen()}) == 28


@pytest.mark.parametrize("one", perturb.chosen(), ids=lambda one: one.name)
def test_the_same_seed_gives_the_same_text_and_most_news_is_changed(one: perturb.Perturber) -> None:
    text = NEWS_TEXT + " السعودية تدعم مصر الآن" + " كلمة" * 30
    if one.name == "swapped_roles":
        text = "السعودية تدعم مصر"
    assert one(text, 3) == one(text, 3) != text
    assert one("", 3).strip() == ""


@pytest.mark.parametrize("profile", [NEWS, LIGHT, NONE], ids=lambda profile: profile.name)
@pytest.mark.parametrize("one", KEPT, ids=lambda one: one.name)
def test_a_shipped_profile_undoes_what_it_promises_to(one: perturb.Perturber, profile: Profile) -> None:
    assert profile_from(yaml.safe_load((CONF / f"{profile.name}.yaml").read_text(encoding="utf-8"))) == profile
    same = [normalise(one(NEWS_TEXT, seed), profile) == normalise(NEWS_TEXT, profile) for seed in range(5)]
    # A profile that does not promise it leaves a difference: no rule is named that is not needed.
    assert any(same) == all(same) == (one in perturb.promised(profile))


def test_news_promises_all_light_what_no_reader_sees_and_none_nothing() -> None:
    assert perturb.promised(NEWS) == KEPT
    invisible = {
        "tatweel",
        "presentation_forms",
        "invisible_marks",
        "special_spaces",
        "doubled_spaces",
        "html_entities",
    }
    assert {one.name for one in perturb.promised(LIGHT)} == invisible
    assert perturb.promised(NONE) == []


@settings(max_examples=300)
@given(text=texts, one=st.sampled_from(KEPT), seed=st.integers(0, 5))
def test_news_undoes_every_kept_perturbation_of_any_text(text: str, one: perturb.Perturber, seed: int) -> None:
    assert normalise(one(text, seed), NEWS) == normalise(text, NEWS)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("negation", "لن تسمح مصر", "ستسمح مصر"),
        ("negation", "الوزير لم يوافق ولم يرفض", "الوزير يوافق ولم يرفض"),
        ("negation", "مصر ترفض القرار", "مصر لا ترفض القرار"),
        ("negation", "النفط سيرتفع", "النفط لن يرتفع"),
        ("negation", "ارتفاع أسعار النفط", "عدم ارتفاع أسعار النفط"),
        ("swapped_roles", "السعودية تدعم مصر", "مصر تدعم السعودية"),
        ("swapped_roles", "واشنطن وأمريكا", "واشنطن وأمريكا"),
        ("antonym", "وارتفعت أسعار النفط", "وانخفضت أسعار النفط"),
        ("antonym", "بالرفض", "بالقبول"),
        ("ta_marbuta", "مدرسة", "مدرسه"),
        ("cut", "كلمة " * 31, ("كلمة " * 30).strip()),
        ("lost_quotes", "قال: «نعم»", "قال: نعم"),
        ("lost_punctuation", "قال: «3.5، نعم»!", "قال 3.5 نعم"),
        ("dotless", "خبر", "حٮر"),
    ],
)
def test_what_a_perturber_makes_of_a_headline(name: str, before: str, after: str) -> None:
    assert perturb.PERTURBERS[name](before) == after


def test_presentation_forms_are_shaped_by_their_neighbours() -> None:
    shaped = perturb.PERTURBERS["presentation_forms"]("سلام")
    assert [unicodedata.name(letter).rpartition(" ")[0] + "" for letter in shaped] == [
        "ARABIC LETTER SEEN INITIAL", "ARABIC LIGATURE LAM WITH ALEF FINAL", "ARABIC LETTER MEEM ISOLATED",
    ]  # fmt: skip


def test_a_number_is_another_of_as_many_digits_and_years_get_no_separators() -> None:
    changed = {perturb.PERTURBERS["number"]("قتل ١٢ شخصا في 3 أيام", seed) for seed in range(30)}
    assert len(changed) > 10
    assert all(len(text) == len("قتل ١٢ شخصا في 3 أيام") and text.endswith("في 3 أيام") for text in changed)
    assert perturb.PERTURBERS["separators"]("عام 2015") == "عام 2015"
    assert {perturb.kept.separators("12345", Random(seed)) for seed in range(20)} == {"12,345", "12٬345"}


def test_dialect_words_are_in_the_lexicon_once_for_each_dialect() -> None:
    rows = [
        line.split("\t") for line in perturb.noise.DIALECT.read_text(encoding="utf-8").splitlines() if line[0] != "#"
    ]
    assert rows[0] == ["standard", "dialect", "word"]
    assert len({tuple(row[:2]) for row in rows}) == len(rows) > 80
    assert {row[1] for row in rows[1:]} == {"egyptian", "levantine", "gulf"}


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'diacritics'"):
        perturb.chosen(["diacritcs"])
