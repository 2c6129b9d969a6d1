"""Arabic text normalisation: a profile of switchable rules, compiled once into translation tables.

One pass over a text is: Unicode compatibility forms, one character table for all letter, digit, punctuation and
removal rules, then (only where a text needs them) entities, links, mentions, hashtags, separators within numbers,
repeated letters and white space.
Removing a character can bring together characters that Unicode composes, and composing can make characters that a
rule folds, so passes repeat until nothing changes: that is what makes every profile idempotent.

Batches take a shorter way: texts whose characters cannot interact (nearly all news text) are joined and
translated together by one array look-up.
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from naba.arabic.profile import LIGHT, NEWS, NEWS_1, NONE, RULES, Profile, profile_from

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "LIGHT", "LINK_MARK", "MENTION_MARK", "NEWS", "NEWS_1", "NONE", "RULES", "Profile", "normalise",
    "normalise_all", "normaliser", "profile_from",
]  # fmt: skip

LINK_MARK = "[رابط]"
MENTION_MARK = "[مستخدم]"

# The noncharacter that joins the texts of a batch: no rule touches it, and words and links end at it.
_JOIN = "\uffff"
_LINK = re.compile(rf"(?:https?://|(?<!\w)www\.)[^\s{_JOIN}]+", re.IGNORECASE)
# Signs in a row are looked at once: a search from each of them would take for ever in a text of nothing else.
_MENTION = re.compile(r"(?:(?<![\w.@])|(?<=[\w.]@))@+\w+")
_HASHTAG = re.compile(r"(?<!#)#+(\w+)")
# Only with its semicolon: without one, "&copy=2" in an address would be an entity.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# As `naba.arabic.numbers.number` reads them: groups of three after commas are thousands; one or two digits after a
# comma are decimals. Lists of years (2015,2016), dates (1.5.2015) and longer lists stay.
_SEPARATED = re.compile(
    r"(?<![A-Za-z\d.,٬٫،])(?:(?P<groups>(?![0٠۰])\d{1,3}(?:[,٬،]\d{3})+)(?P<rest>[.٫]\d+)?|(?P<whole>\d+)[,،](?P<decimals>\d{1,2}))"
    r"(?![\dA-Za-z])(?![.,٬٫،]\d)"
)
_MAY_BE_SEPARATED = re.compile(r"[,٬،]\d")  # in every match of the one above, and found ten times as fast
_REPEATED = re.compile(r"([\u0621-\u063A\u0641-\u064A\u0671-\u06D3])\1{2,}")
_SPACES = re.compile(r" {2,}")
_PLANE = 0x10000  # the tables cover the Basic Multilingual Plane; texts with other characters go one by one
_FIRST_LETTER = 0x0621
_REMOVED, _SPECIAL = 0xFFFE, 0xDC00  # neither can be the replacement of a character
_LONG = 200  # characters from which the arrays are faster for a single text
_CROWDED = 1000  # characters from which combining marks in a row are counted
_BLOCK = 1024  # texts joined at a time: bounds the memory, and the arrays stay in the processor's cache

_FOLDS: dict[str, dict[str, str]] = {
    "alef_forms": dict.fromkeys("أإآٱٲٳٵ", "ا"),
    "alef_maksura": {"ى": "ي"},
    "ta_marbuta": {"ة": "ه", "ۃ": "ه"},
    "hamza_carriers": {"ؤ": "و", "ٶ": "و", "ئ": "ي", "ٸ": "ي"},
    "letter_variants": {"ک": "ك", "ڪ": "ك", "ی": "ي", "ې": "ي", "ے": "ي", "ہ": "ه", "ھ": "ه", "ە": "ه", "ۀ": "ه"},
    "digits": {chr(zero + digit): str(digit) for zero in (0x0660, 0x06F0) for digit in range(10)},
    "punctuation": {
        "؟": "?",
        "،": ",",
        "؛": ";",
        "۔": ".",
        "٪": "%",
        "٫": ".",
        "٬": ",",
        "٭": "*",
        "؍": "/",
        **dict.fromkeys("«»“”„‟‹›″", '"'),
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
    },
}
_DIACRITICS = (
    *range(0x0610, 0x061B),
    *range(0x064B, 0x0660),
    0x0670,
    *range(0x06D6, 0x06DD),
    *range(0x06DF, 0x06E5),
    *(0x06E7, 0x06E8),
    *range(0x06EA, 0x06EE),
    *range(0x08CA, 0x08E2),
    *range(0x08E3, 0x0900),
)


@functools.cache
def _invisible() -> tuple[int, ...]:
    # Soft hyphen, zero-width and bidirectional marks, variation selectors; the Arabic number signs 0600-0605,
    # 06DD and 08E2 are of the same category but visible.
    visible = {*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2}
    formats = [code for code in range(_PLANE) if unicodedata.category(chr(code)) == "Cf" and code not in visible]
    return (*formats, *range(0xFE00, 0xFE10), 0x034F)


@functools.cache
def _spaces() -> tuple[int, ...]:
    return tuple(code for code in range(_PLANE) if chr(code).isspace())


@functools.cache
def _crowd() -> re.Pattern[str]:
    """Combining marks beyond the thirty on one letter that Unicode's stream-safe format allows (UAX 15, D4).

    Sorting them takes the square of their number: a text of nothing else would hold a server up for minutes.
    """
    marks = "".join(re.escape(chr(code)) for code in range(_PLANE) if unicodedata.combining(chr(code)))
    return re.compile(f"([{marks}]{{30}})[{marks}]+")


@functools.cache
def _composition() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Characters that NFKC changes alone or composes with the one before; combining marks it may reorder; and the
    single character that it makes of a character, whatever stands beside it (-1: none, or several)."""
    changed, marks = np.zeros(_PLANE, bool), np.zeros(_PLANE, bool)
    single = np.full(_PLANE, -1)
    for code in range(_PLANE):
        character = chr(code)
        marks[code] = unicodedata.combining(character) != 0
        decomposed = unicodedata.decomposition(character)
        if not decomposed:
            continue
        changed[code] = not unicodedata.is_normalized("NFKC", character)
        if not decomposed.startswith("<") and " " in decomposed:
            changed[int(decomposed.split()[1], 16) % _PLANE] = True
        form = unicodedata.normalize("NFKC", character)
        if len(form) == 1 and ord(form) < _PLANE and not marks[code] and not unicodedata.combining(form):
            single[code] = ord(form)
    changed[0x1161:0x1176] = changed[0x11A8:0x11C3] = True  # Hangul composes by arithmetic
    changed[0xD800:0xE000] = True
    return changed, marks, single


def _single_spaces(codes: np.ndarray) -> np.ndarray:
    space, edge = codes == ord(" "), codes == ord(_JOIN)
    dropped = space.copy()
    dropped[1:] &= space[:-1] | edge[:-1]
    if dropped.any():
        codes, space, edge = codes[~dropped], space[~dropped], edge[~dropped]
    dropped = space
    dropped[:-1] &= edge[1:]
    return codes[~dropped] if dropped.any() else codes


class _Identity(dict[int, "str | None"]):
    """A translation table that learns that a character stays: a miss costs `str.translate` an exception."""

    def __missing__(self, code: int) -> str:
        self[code] = character = chr(code)
        return character


def _character(entity: re.Match[str]) -> str:
    """The character of an entity; one that HTML does not know stays as it is."""
    return html.unescape(entity[0])


def _joined_number(found: re.Match[str]) -> str:
    if found["groups"]:
        return re.sub(r"\D", "", found["groups"]) + (found["rest"] or "")
    return f"{found['whole']}.{found['decimals']}"


class _Compiled:
    """A profile's rules as tables."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.table = _Identity()
        for rule, fold in _FOLDS.items():
            if getattr(profile, rule):
                self.table.update({ord(old): new for old, new in fold.items()})
        removed = (("tatweel", (0x0640,)), ("diacritics", _DIACRITICS), ("invisible_marks", _invisible()))
        for rule, codes in removed:
            if getattr(profile, rule):
                self.table.update(dict.fromkeys(codes))
        if profile.whitespace:
            self.table.update(dict.fromkeys(_spaces(), " "))
        self.codes = self._codes()
        marks = {"links": ("://", "w.", "W."), "mentions": ("@",), "hashtags": ("#",), "html_entities": ("&",)}
        # Without one of these in it, a text has no link, mention, hashtag or entity.
        self.marks = tuple(mark for rule, ones in marks.items() if getattr(profile, rule) for mark in ones)

    def _codes(self) -> np.ndarray:
        """UTF-16 unit -> its replacement, `_REMOVED`, or `_SPECIAL` where a text must be treated on its own."""
        codes = np.arange(_PLANE, dtype=np.uint16)
        for code, new in self.table.items():
            codes[code] = _REMOVED if new is None else ord(new)
        special = np.zeros(_PLANE, bool)
        special[0xD800:0xE000] = special[_REMOVED] = True
        if self.profile.compatibility_forms:
            changed, marks, single = _composition()
            special |= changed | (marks & (codes != _REMOVED))
            # A character with one form is treated as that form: no-break spaces, single presentation forms.
            alone = np.flatnonzero(changed & (single >= 0) & (single != np.arange(_PLANE)))
            codes[alone], special[alone] = codes[single[alone]], special[single[alone]]
        special |= special[codes] & (codes != _REMOVED)
        codes[special] = _SPECIAL
        return codes

    def one(self, text: str) -> str:
        """One text."""
        return self._block([text])[0] if len(text) >= _LONG else self._stepwise(text)

    def _stepwise(self, text: str) -> str:
        """One text, by any way its characters need."""
        while True:
            following = self._pass(text)
            if following == text:
                return text
            text = following

    def _pass(self, text: str) -> str:
        profile = self.profile
        if profile.compatibility_forms:
            text = _crowd().sub(r"\1", text) if len(text) > _CROWDED else text
            if not unicodedata.is_normalized("NFKC", text):
                text = unicodedata.normalize("NFKC", text)
        text = text.translate(self.table)
        if profile.html_entities and "&" in text:
            text = _ENTITY.sub(_character, text)
        if profile.links and ("://" in text or "www." in text.lower()):
            text = _LINK.sub(LINK_MARK, text)
        if profile.mentions and "@" in text:
            text = _MENTION.sub(MENTION_MARK, text)
        if profile.hashtags and "#" in text:
            text = _HASHTAG.sub(lambda found: found[1].replace("_", " "), text)
        if profile.number_separators:
            text = _SEPARATED.sub(_joined_number, text)
        return self._squeeze(text)

    def _squeeze(self, text: str) -> str:
        if self.profile.repeated_letters:
            text = _REPEATED.sub(r"\1", text)
        if self.profile.whitespace:
            text = _SPACES.sub(" ", text).strip(" ")
        return text

    def many(self, texts: Sequence[str]) -> list[str]:
        """Many texts; those without special characters are translated together."""
        if len(texts) < 8:
            return [self.one(text) for text in texts]
        result: list[str] = []
        for start in range(0, len(texts), _BLOCK):
            result += self._block(texts[start : start + _BLOCK])
        return result

    def _block(self, texts: Sequence[str]) -> list[str]:
        joined = _JOIN.join(texts)
        codes = self.codes[np.frombuffer(joined.encode("utf-16-le", "surrogatepass"), np.uint16)]
        special = np.flatnonzero(codes == _SPECIAL)
        rows: list[int] = []
        if len(special):
            joins = np.flatnonzero(codes == ord(_JOIN))
            rows = np.unique(np.searchsorted(joins, special)).tolist()
        removed = codes == _REMOVED
        if removed.any():
            codes = codes[~removed]
        if self.profile.whitespace:
            codes = _single_spaces(codes)
        plain = codes.tobytes().decode("utf-16-le", "surrogatepass")
        if self.profile.repeated_letters:
            thrice = (codes[2:] == codes[1:-1]) & (codes[2:] == codes[:-2]) & (codes[2:] >= _FIRST_LETTER)
            plain = _REPEATED.sub(r"\1", plain) if thrice.any() else plain
        result = plain.split(_JOIN)
        if len(result) != len(texts):
            # A text holds the joining noncharacter itself.
            return [self._stepwise(text) for text in texts]
        if any(mark in plain for mark in self.marks):
            rows += [row for row, text in enumerate(result) if any(mark in text for mark in self.marks)]
        if self.profile.number_separators and _MAY_BE_SEPARATED.search(plain):
            rows += [
                row for row, text in enumerate(result) if _MAY_BE_SEPARATED.search(text) and _SEPARATED.search(text)
            ]
        for row in rows:
            result[row] = self._stepwise(texts[row])
        return result


@functools.lru_cache(maxsize=64)
def _compiled(profile: Profile) -> _Compiled:
    return _Compiled(profile)


def normaliser(profile: Profile) -> Callable[[str], str]:
    """The profile as a function from text to text, compiled once a process."""
    return _compiled(profile).one


def normalise(text: str, profile: Profile) -> str:
    """The text after the profile's rules; applying it again changes nothing."""
    return _compiled(profile).one(text)


def normalise_all(texts: Sequence[str], profile: Profile) -> list[str]:
    """Every text after the profile's rules; the same as `normalise` one by one, and many times faster."""
    return _compiled(profile).many(texts)
