"""Normalisation: what each rule does, idempotence, batches, and the scikit-learn transformer."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from naba.arabic.normalise import (
    LIGHT,
    NEWS,
    NEWS_1,
    NONE,
    RULES,
    Profile,
    normalise,
    normalise_all,
    normaliser,
    profile_from,
)
from naba.errors import UserError

CONF = Path(__file__).parents[2] / "conf" / "normalisation"

# Characters that interact: composing marks, presentation forms, joiners, rule triggers.
TRICKY = (
    "اأوىيةۃهکی\u0640\u0653\u0654\u0655\u064b\u0651\u0670\u200d\u200e\ufeff\uffff\u0301eé\u1100\u1161ﷲﻼ"
    "…＠＃：／٣۳؟«@#_:/.wWhtps \u00a0\n\t\x1e😀\ufe0f\ud8001234,،٬٫&;ampquot"
)
texts = st.one_of(
    st.text(), st.text(alphabet=TRICKY), st.text(alphabet=st.characters(min_codepoint=0x600, max_codepoint=0x6FF))
)
profiles = st.builds(
    lambda chosen: Profile("any", **dict.fromkeys(chosen, True)), st.sets(st.sampled_from(RULES)).map(sorted)
)
profiles = st.one_of(st.sampled_from([NEWS, LIGHT, NONE]), profiles)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("compatibility_forms", "ﻻ ﷲ ＡＢ…", "لا الله AB..."),
        ("alef_forms", "أحمد إلى آخر ٱلله", "احمد الى اخر الله"),
        ("alef_maksura", "مستشفى على", "مستشفي علي"),
        ("ta_marbuta", "مدرسة", "مدرسه"),
        ("hamza_carriers", "مؤتمر رئيس ماء", "موتمر رييس ماء"),
        ("letter_variants", "کتاب ایران", "كتاب ايران"),
        ("tatweel", "الـــعربية", "العربية"),
        ("diacritics", "مُحَمَّدٌ هٰذا", "محمد هذا"),
        ("digits", "٢٠١٥ ۲۰۱۵", "2015 2015"),
        ("punctuation", "«لماذا؟»، نعم؛ ٣٫٥٪", '"لماذا?", نعم; ٣.٥%'),
        ("invisible_marks", "نب\u200cأ\u200f\ufeff \u202bعاجل\u202c", "نبأ عاجل"),
        ("links", "شاهد https://naba.example/a?b=1 و www.naba.example", "شاهد [رابط] و [رابط]"),
        ("mentions", "قال @naba_ar لصحيفة a@b.com", "قال [مستخدم] لصحيفة a@b.com"),
        ("hashtags", "#خبر_عاجل من #مصر", "خبر عاجل من مصر"),
        ("repeated_letters", "رااااائع 1000 www", "رائع 1000 www"),
        ("whitespace", "  نبأ\u00a0\n عاجل\t", "نبأ عاجل"),
        (
            "html_entities",
            "قال &quot;نعم&quot; AT&amp;amp;T &#1575;&#x628; R&D &copy=2",
            'قال "نعم" AT&T اب R&D &copy=2',
        ),
        ("number_separators", "و1,234.5 1,234,567 3,5 ١٬٢٣٤", "و1234.5 1234567 3.5 ١٢٣٤"),
        ("number_separators", "2015,2016 1.5.2015 1,2,3 0,125 1,23456 x1,5 3, 5", None),
    ],
)
def test_each_rule_does_its_work_and_only_when_switched_on(rule: str, before: str, after: str | None) -> None:
    alone = Profile("one", **{rule: True})
    others = Profile("others", **{other: True for other in RULES if other != rule})
    assert normalise(before, alone) == (before if after is None else after)
    assert normalise(before, NONE) == before
    if after is None:
        return
    assert rule == "compatibility_forms" or normalise(before, others) != normalise(before, NEWS)


def test_news_folds_spelling_variants_of_a_headline() -> None:
    assert normalise("إنّ  الأُمّــة ٣٫٥٪ #خبر_عاجل؟", NEWS) == "ان الامه 3.5% خبر عاجل?"
    assert normalise("الأمــة\u200f  ٣", LIGHT) == "الأمة ٣"


@settings(max_examples=150)
@given(text=texts, profile=profiles)
@example(text="ا\u0640\u0654", profile=Profile("p", compatibility_forms=True, tatweel=True, alef_forms=True))
@example(text="ي\u200d\u0654", profile=NEWS)
@example(text="#www.x", profile=NEWS)
@example(text="@a@b", profile=NEWS)
@example(text="#a#b_#c", profile=NEWS)
@example(text="＃＠a", profile=NEWS)
def test_normalising_twice_changes_nothing(text: str, profile: Profile) -> None:
    once = normalise(text, profile)
    assert normalise(once, profile) == once


@settings(max_examples=120)
@given(batch=st.lists(texts, min_size=8, max_size=20), profile=profiles)
@example(batch=[" ", "", " ا ", "a\uffffb", " \uffff ", "رررا", "  ", "ر"], profile=NEWS)
@example(batch=["ا", "\u0654", "ررر", "ر", " ", "", "w", "ww."], profile=NEWS)
@example(batch=["ا", "\U0001f600@x", "ب", "\ud800", "\ue000", "\udc00", "\ufffe", "@x"], profile=NEWS)
def test_a_batch_is_the_same_as_one_by_one(batch: list[str], profile: Profile) -> None:
    assert normalise_all(batch, profile) == [normalise(text, profile) for text in batch]


_ARABIC = [chr(code) for code in (*range(0x0600, 0x0700), *range(0x08A0, 0x0900))]


# What Unicode, and not our table, says a character is.
@pytest.mark.parametrize(
    ("rule", "after"),
    [
        ("diacritics", {character: "" for character in _ARABIC if unicodedata.category(character) == "Mn"}),
        ("digits", {c: str(unicodedata.decimal(c)) for c in _ARABIC if unicodedata.category(c) == "Nd"}),
        ("tatweel", {"\u0640": ""}),
        ("alef_forms", dict.fromkeys("أإآٱٲٳٵ", "ا")),
        ("alef_maksura", {"ى": "ي"}),
        ("ta_marbuta", dict.fromkeys("ةۃ", "ه")),
        ("hamza_carriers", {"ؤ": "و", "ٶ": "و", "ئ": "ي", "ٸ": "ي"}),
        ("letter_variants", {**dict.fromkeys("کڪ", "ك"), **dict.fromkeys("یېے", "ي"), **dict.fromkeys("ہھەۀ", "ه")}),
        (
            "punctuation",
            {
                **dict(zip("؟،؛۔٪٫٬٭؍", "?,;.%.,*/", strict=True)),
                **dict.fromkeys("«»“”„‟‹›″", '"'),
                **dict.fromkeys("‘’‚‛′", "'"),
                **dict.fromkeys("‐‑‒–—―−", "-"),
            },
        ),
    ],
)
def test_a_rule_changes_its_characters_and_no_other(rule: str, after: dict[str, str]) -> None:
    alone = Profile("one", **{rule: True})
    characters = [chr(code) for code in range(0xD800)]
    expected = [f"|{after.get(character, character)}|" for character in characters]
    assert [normalise(f"|{character}|", alone) for character in characters] == expected
    assert normalise_all([f"|{character}|" for character in characters], alone) == expected


def test_invisible_marks_are_unicodes_format_characters_but_for_the_visible_arabic_signs() -> None:
    alone = Profile("one", invisible_marks=True)
    visible = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"
    for code in range(0xD800, 0x10000):
        assert (normalise(chr(code), alone) == "") == (
            unicodedata.category(chr(code)) == "Cf" or 0xFE00 <= code <= 0xFE0F
        )
    for code in range(0xD800):
        removed = unicodedata.category(chr(code)) == "Cf" or code == 0x034F
        assert (normalise(chr(code), alone) == "") == (removed and chr(code) not in visible)


# Every letter the rule knows by its own name, so that none is forgotten at either end of a range.
_LETTERS = [chr(code) for code in (*range(0x621, 0x63B), *range(0x641, 0x64B), *range(0x671, 0x6D4))]
_NO_LETTERS = [
    chr(code)
    for code in (0x620, 0x63B, 0x63F, 0x640, 0x64B, 0x660, 0x669, 0x66A, 0x670, 0x6D4, 0x6D5, ord("w"), ord("0"))
]


@pytest.mark.parametrize("times", [1, 2, 3, 4, 9])
def test_a_letter_three_times_is_kept_once_alone_in_a_batch_and_in_a_long_text(times: int) -> None:
    alone = Profile("one", repeated_letters=True)
    expected = [f"|{letter if times >= 3 else letter * times}" for letter in _LETTERS]
    expected += [f"|{letter * times}" for letter in _NO_LETTERS]
    written = [f"|{letter * times}" for letter in _LETTERS + _NO_LETTERS]
    assert normalise_all(written, alone) == expected
    assert [normalise(text, alone) for text in written] == expected
    assert normalise(" ".join(written), alone) == " ".join(expected)


def test_three_hamzas_are_one() -> None:
    assert normalise("جزءءء", NEWS) == "جزء"
    assert normalise("جزءء", NEWS) == "جزءء"
    assert normalise_all(["جزءءء"] * 8, NEWS) == ["جزء"] * 8


@settings(max_examples=120)
@given(
    batch=st.lists(st.text(alphabet="ءءءأؤئىيةه\u0640\u064b \uffff", max_size=12), min_size=8, max_size=12),
    profile=profiles,
)
def test_a_batch_of_hamzas_is_the_same_as_one_by_one(batch: list[str], profile: Profile) -> None:
    assert normalise_all(batch, profile) == [normaliser(profile)(text) for text in batch]


@pytest.mark.parametrize(
    "profile",
    [
        NEWS,
        pytest.param(LIGHT, marks=pytest.mark.slow),
        pytest.param(Profile("forms", compatibility_forms=True), marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "context", ["ا{}ب", "{}\u0654", *(pytest.param(one, marks=pytest.mark.slow) for one in ("ww{}.a", " {}@ "))]
)
def test_every_character_is_the_same_in_a_batch(profile: Profile, context: str) -> None:
    texts = [context.format(chr(code)) for code in range(0xFFFF)]
    assert normalise_all(texts, profile) == [normalise(text, profile) for text in texts]


@settings(max_examples=80)
@given(lines=st.lists(texts, min_size=1, max_size=8), profile=profiles)
@example(lines=["a\uffffb", "ررر"], profile=NEWS)
def test_a_long_text_is_the_same_as_its_short_parts(lines: list[str], profile: Profile) -> None:
    # No rule reaches over "|" and a new line: a long text, which goes another way, must agree with its parts.
    parts = [f"|{line}|" for line in [*lines, "نبأ عاجل" * 30]]
    between = normalise("|\n|", profile)[1:-1]
    assert normalise("\n".join(parts), profile) == between.join(normalise(part, profile) for part in parts)


@pytest.mark.parametrize("profile", [NEWS, LIGHT, NONE])
def test_shipped_files_say_what_the_code_has(profile: Profile) -> None:
    mapping = yaml.safe_load((CONF / f"{profile.name}.yaml").read_text(encoding="utf-8"))
    assert tuple(mapping) == ("name", "version", *RULES)
    assert profile_from(mapping) == profile == profile_from(profile.to_dict())


def test_the_hash_names_the_rules_and_is_the_same_in_every_process() -> None:
    script = "from naba.arabic.normalise import NEWS; print(NEWS.hash)"
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert other.stdout.strip() == NEWS.hash
    assert len({NEWS.hash, LIGHT.hash, NONE.hash, Profile("news", 3, **dict.fromkeys(RULES, True)).hash}) == 4
    assert len(NEWS.hash) == 16


def test_profiles_of_older_runs_and_exports_keep_their_hash_and_their_answers() -> None:
    # As version 0.1 and 0.2 wrote it into naba.json and into the identity of runs.
    stored = {"name": "news", "version": 1, **dict.fromkeys(RULES[:-2], True)}
    assert profile_from(stored) == NEWS_1
    assert NEWS_1.to_dict() == stored
    assert NEWS_1.hash == "6a6de46bcbdf0ecf"
    assert NONE.hash == "c142fd32aeeb1df3"
    assert normalise("1,234 &quot;", NEWS_1) == "1,234 &quot;"


def test_a_wrong_profile_is_answered_with_every_problem_at_once() -> None:
    with pytest.raises(UserError) as caught:
        profile_from({"name": "mine", "version": True, "tatwel": True, "digits": "yes"})
    message = str(caught.value)
    assert "did you mean 'tatweel'" in message
    assert "normalisation.digits is 'yes'" in message
    assert "normalisation.version is True" in message
    with pytest.raises(UserError, match=r"normalisation\.name"):
        profile_from({})


@pytest.mark.parametrize("sign", ["@", "#"])
def test_a_long_row_of_signs_takes_no_time(sign: str) -> None:
    """It took a quarter of a minute for twenty thousand, and four times as long for twice as many."""
    assert normalise(sign * 200_000, NEWS) == sign * 200_000
    assert normalise(f"x{sign * 3}نص", NEWS) == {"@": "x@[مستخدم]", "#": "xنص"}[sign]


@pytest.mark.parametrize("profile", [NEWS, LIGHT], ids=["news", "light"])
def test_a_crowd_of_marks_on_one_letter_is_cut(profile: Profile) -> None:
    """Sorting a hundred thousand of them took a minute, in which a server answered nobody."""
    crowded = normalise("e" + "\u0301\u0316" * 100_000, profile)
    assert crowded == normalise("e" + "\u0301\u0316" * 15, profile)
    assert len(crowded) == 30
    assert normalise(crowded, profile) == crowded
