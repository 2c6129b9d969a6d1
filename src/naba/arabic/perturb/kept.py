"""Other ways to write the same text. Readers see little or no difference; a model must see none."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TYPE_CHECKING

from naba.arabic.perturb import perturber

if TYPE_CHECKING:
    from random import Random

LETTER = re.compile("[\u0621-\u063a\u0641-\u064a]")
WORD = re.compile("[\u0621-\u063a\u0641-\u064a]+")
# Letters that join the one after them (Unicode, ArabicShaping.txt: dual-joining).
_JOINING = frozenset("بتثجحخسشصضطظعغفقكلمنهيئ")
_HARAKAT = "\u064e\u064f\u0650\u0652"
_SHADDA = "\u0651"
_SPACES = "\u00a0\u2009\u202f\u200a\u2007\u3000"
_MARKS = "\u200b\u200c\u200d\u200e\u200f\u061c\u2060\u00ad\ufeff"
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[.,](?=\d)")


def _vowelled(text: str, random: Random, share: float) -> str:
    def marked(found: re.Match[str]) -> str:
        # A letter that has its mark already would get a second one.
        has_mark = unicodedata.combining(text[found.end() : found.end() + 1] or " ")
        if has_mark or random.random() >= share:
            return found[0]
        shadda = _SHADDA if random.random() < 0.1 else ""
        return found[0] + shadda + random.choice(_HARAKAT)

    return LETTER.sub(marked, text)


@perturber("kept", "diacritics")
def diacritics(text: str, random: Random) -> str:
    """A vowel sign on every letter, some with a shadda."""
    return _vowelled(text, random, 1.0)


@perturber("kept", "diacritics")
def half_diacritics(text: str, random: Random) -> str:
    """A vowel sign on half of the letters."""
    return _vowelled(text, random, 0.5)


@perturber("kept", "tatweel")
def tatweel(text: str, random: Random) -> str:
    """The elongation stroke, once in each word that has room for it (PyRIT's TatweelConverter puts it everywhere)."""

    def stretched(found: re.Match[str]) -> str:
        word = found[0]
        places = [place for place in range(1, len(word)) if word[place - 1] in _JOINING and word[place] != "ء"]
        if not places:
            return word
        place = random.choice(places)
        return word[:place] + "ـ" * random.randint(1, 3) + word[place:]

    return WORD.sub(stretched, text)


@functools.cache
def _forms() -> dict[tuple[str, str], str]:
    """(position, letters) -> presentation form, for those that NFKC turns back into exactly these letters."""
    forms = {}
    for code in range(0xFE80, 0xFEFD):
        position, *codes = unicodedata.decomposition(chr(code)).split()
        forms[position, "".join(chr(int(one, 16)) for one in codes)] = chr(code)
    return forms


@perturber("kept", "compatibility_forms")
def presentation_forms(text: str, random: Random) -> str:  # noqa: ARG001
    """Letters as the shaped forms and lam-alef ligatures that PDF files give (promptfoo#9898)."""
    forms = _forms()

    def shaped(found: re.Match[str]) -> str:
        word, result, place = found[0], "", 0
        while place < len(word):
            pair = word[place : place + 2]
            letters = pair if ("<isolated>", pair) in forms and len(pair) == 2 else word[place]
            before = place > 0 and word[place - 1] in _JOINING and word[place] != "ء"
            place += len(letters)
            after = place < len(word) and letters in _JOINING and word[place] != "ء"
            position = {(0, 0): "<isolated>", (1, 0): "<final>", (0, 1): "<initial>", (1, 1): "<medial>"}[before, after]
            result += forms.get((position, letters), letters)
        return result

    return WORD.sub(shaped, text)


@perturber("kept", "invisible_marks")
def invisible_marks(text: str, random: Random) -> str:
    """Bidirectional, zero-width and soft-hyphen marks within words, and an embedding round the text."""

    def marked(found: re.Match[str]) -> str:
        place = random.randint(0, len(found[0]))
        return found[0][:place] + random.choice(_MARKS) + found[0][place:]

    changed = WORD.sub(marked, text)
    return changed if changed == text else f"\u202b{changed}\u202c"


@perturber("kept", "compatibility_forms", "whitespace")
def special_spaces(text: str, random: Random) -> str:
    """No-break, thin and wide spaces for ordinary ones."""
    return re.sub(" ", lambda _: random.choice(_SPACES), text)


@perturber("kept", "whitespace")
def doubled_spaces(text: str, random: Random) -> str:
    """Two or three spaces, tabs or line ends for one space, and some at the ends."""
    changed = re.sub(" ", lambda _: random.choice(("  ", "   ", " \t", " ")), text)
    return f" {changed} "


@perturber("kept", "digits")
def digits(text: str, random: Random) -> str:
    """Arabic-Indic (٣) or Persian (۳) digits for ASCII ones, and ASCII ones for those."""

    def other(found: re.Match[str]) -> str:
        zero = 0x30 if found[0][0] > "9" else random.choice((0x660, 0x6F0))
        return "".join(chr(zero + int(digit)) for digit in found[0])

    return re.sub("[0-9\u0660-\u0669\u06f0-\u06f9]+", other, text)


# Addresses and names first, so that no number is found in them; what stands beside a number must not belong to it.
_NUMBER = re.compile(
    r"""(?: https?:// | www\. | @ ) \S+
    | (?<![^\s\u0621-\u064a("«]) (?:
        (?P<whole> [1-9]\d{0,2} (?: (?P<mark>[,٬]) \d{3} ) (?: (?P=mark) \d{3} )* | [1-9]\d{3,8} )
      | (?P<before> \d{1,3} ) (?P<point> [.,٫] ) (?P<after> \d{1,2} )
      ) (?= [\s%٪)"»؟?!؛:\u0621-\u064a] | [.,،] (?: \s | $ ) | $ )""",
    re.VERBOSE,
)
_YEARS = range(1900, 2101)


@perturber("kept", "punctuation", "number_separators")
def separators(text: str, random: Random) -> str:
    """Thousands and decimal separators of another kind, put in or left out (1,234 1٬234 1234; 3.5 3٫5); years stay."""

    def other(found: re.Match[str]) -> str:
        if found["before"]:
            return found["before"] + random.choice([mark for mark in ".,٫" if mark != found["point"]]) + found["after"]
        plain = re.sub(r"\D", "", found["whole"] or "")
        if not plain.isascii() or not plain or (found["mark"] is None and int(plain) in _YEARS):
            return found[0]
        ways = [plain, f"{int(plain):,}", f"{int(plain):,}".replace(",", "٬")]
        return random.choice([way for way in ways if way != found[0]])

    return _NUMBER.sub(other, text)


@perturber("kept", "alef_forms", "hamza_carriers")
def hamza(text: str, random: Random) -> str:
    """Alef with or without hamza and madda, and hamza left off waw and ya."""

    def other(found: re.Match[str]) -> str:
        word = found[0]
        if word[0] == "ا" and word[1:2] not in ("ل", "") and random.random() < 0.5:
            word = random.choice("أإ") + word[1:]
        elif random.random() < 0.8:
            word = word.translate({ord("أ"): "ا", ord("إ"): "ا", ord("آ"): "ا", ord("ؤ"): "و", ord("ئ"): "ي"})
        return word

    return WORD.sub(other, text)


@perturber("kept", "alef_maksura")
def alef_maksura(text: str, random: Random) -> str:  # noqa: ARG001
    """Ya and alef maksura for each other at the end of words, as in Egyptian print."""
    return re.sub("[ىي](?![\u0621-\u064a])", lambda found: "ي" if found[0] == "ى" else "ى", text)


@perturber("kept", "ta_marbuta")
def ta_marbuta(text: str, random: Random) -> str:  # noqa: ARG001
    """Ha for ta marbuta at the end of words."""
    return text.replace("ة", "ه")


@perturber("kept", "letter_variants")
def persian_letters(text: str, random: Random) -> str:
    """Persian and Urdu letters that look alike: ک ی ہ for ك ي ه."""
    heh = random.choice("ہھە")
    return text.translate({ord("ك"): "ک", ord("ي"): "ی", ord("ه"): heh})


@perturber("kept", "punctuation")
def arabic_punctuation(text: str, random: Random) -> str:
    """Arabic for Latin punctuation, Latin for Arabic, and «…» or “…” for straight quotation marks."""
    text = _BETWEEN_DIGITS.sub(lambda found: {".": "٫", ",": "٬"}[found[0]], text)
    text = text.translate(str.maketrans(",;?%،؛؟٪", "،؛؟٪,;?%"))
    quotes = random.choice(("«»", "“”", "„“"))
    opened = False

    def quote(_: re.Match[str]) -> str:
        nonlocal opened
        opened = not opened
        return quotes[0] if opened else quotes[1]

    return re.sub('"', quote, text)


@perturber("kept", "html_entities")
def html_entities(text: str, random: Random) -> str:
    """HTML entities for marks and for some letters, as from a page that was escaped once too often."""
    names = {"&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;", "'": "&#39;", "«": "&laquo;", "»": "&raquo;"}

    def escaped(found: re.Match[str]) -> str:
        character = found[0]
        if character in names:
            return names[character]
        return f"&#{ord(character)};" if random.random() < 0.1 else character

    return re.sub("[&\"<>'«»\u0621-\u063a\u0641-\u064a]", escaped, text)
