"""The data checks of lengths, scripts, characters and encodings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from naba.data.checks.findings import Finding, Severity, Subject, check, clean, found, not_applicable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LONG = 400
"""Words: about the 512 tokens that most encoders read."""

ARABIC = re.compile(r"[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")
OTHER_LETTERS = re.compile(r"(?![\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc])[^\W\d_]")
LINKS = re.compile(r"(https?://|www\.)\S+|[@#]\w+|\S+\.(com|net|org|ly|co|sa)/\S*")

CHARACTERS = {
    "bidi marks": re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"),
    "zero-width characters": re.compile("[\u200b-\u200d\u2060\ufeff\u00ad]"),
    "presentation forms": re.compile("[\ufb50-\ufdfb\ufdfe\ufdff\ufe70-\ufefc]"),
    "replacement characters": re.compile("\ufffd"),
    "control characters": re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]"),
    "private-use characters": re.compile("[\ue000-\uf8ff]"),
}
ANY = re.compile("[" + "".join(pattern.pattern[1:-1] for pattern in CHARACTERS.values()) + "]")

ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{2,7}|#[xX][0-9A-Fa-f]{2,6});|<(?:br|p|a|b|i|div|span|/\w+)\b[^<>]{0,200}>")
_READ_WRONG = re.compile(
    "[\u00d8-\u00db][\u0080-\u00bf\u0152-\u02dc\u2013-\u2122]"  # UTF-8 as windows-1252 or Latin-1: Ø§Ù„Ù†
    "|[\u0637\u0638][\u00a0-\u00bf\u0679-\u06d2]"  # UTF-8 as windows-1256: ط§ظ„ظ†
    "|[\u00c0-\u00ff]{4}"  # windows-1256 as windows-1252 or Latin-1: ÇáäÝØ
)
"""Pairs and runs of letters that Arabic in a wrong encoding is full of, and that no language writes; one may stand by
chance."""


def _sides(subject: Subject) -> dict[str, np.ndarray]:
    return {"text": subject.text} | ({"target": subject.target} if subject.dataset.pair else {})


@check("N14", "Empty texts", "error", "Remove the rows or fill the texts.")
def empty_texts(subject: Subject) -> Finding:
    """Texts or targets without a letter or digit: an error from 1 % of the rows."""
    parts, examples, most = [], [], 0.0
    for side, values in _sides(subject).items():
        empty = [index for index, value in enumerate(values) if not re.search(r"\w", value)]
        if empty:
            parts.append(f"{len(empty)} of {len(values)} rows have no letter or digit in the {side}")
            examples += [subject.row(index) for index in empty[:3]]
            most = max(most, len(empty) / len(values))
    return found("; ".join(parts), examples, "error" if most >= 0.01 else "warning") if parts else clean()


@check("N15", "Very short texts", "note", "See whether these rows hold enough to be labelled.")
def short_texts(subject: Subject) -> Finding:
    """Texts of one word."""
    short = [index for index, text in enumerate(subject.text) if len(text.split()) == 1]
    message = f"{len(short)} of {len(subject.text)} texts are one word"
    return found(message, [subject.row(index) for index in short]) if short else clean()


@check("N16", "Very long texts", "note", "Use windows or sentence selection: an encoder reads about 512 tokens.")
def long_texts(subject: Subject) -> Finding:
    """Texts of more than 400 words."""
    words = np.array([len(text.split()) for text in subject.text])
    many = words > LONG
    if not many.any():
        return clean()
    message = (
        f"{int(many.sum())} of {len(words)} texts have more than {LONG} words "
        f"(median of all {int(np.median(words))}, longest {int(words.max())})"
    )
    return found(message, [subject.row(int(index)) for index in np.flatnonzero(many)])


@check("N17", "Other scripts", "note", "Remove texts in other languages, or say that the set holds them.")
def other_scripts(subject: Subject) -> Finding:
    """Texts that are mostly not in Arabic script, or a fifth or more in another; links, mentions and hashtags aside."""
    foreign, mixed = [], []
    for index, text in enumerate(subject.text):
        # Counting letters is slow in long articles; few that are not Arabic settle it.
        other = len(OTHER_LETTERS.findall(text))
        if not other or 25 * other < len(text):
            continue
        bare = LINKS.sub(" ", text)
        arabic, other = len(ARABIC.findall(bare)), len(OTHER_LETTERS.findall(bare))
        if other > arabic:
            foreign.append(index)
        elif other > 0.2 * (arabic + other):
            mixed.append(index)
    if not foreign and not mixed:
        return clean()
    message = f"{len(foreign)} texts are mostly in another script than Arabic, {len(mixed)} mix it with Arabic"
    severity: Severity | None = "warning" if len(foreign) > 0.01 * len(subject.text) else None
    return found(message, [subject.row(index) for index in (*foreign, *mixed)], severity)


@check("N18", "Invisible and odd characters", "note", "Keep the `invisible_marks` and `compatibility_forms` rules on.")
def odd_characters(subject: Subject) -> Finding:
    """Bidi and zero-width marks, Arabic presentation forms, replacement, control and private-use characters."""
    parts, examples, broken = [], [], False
    odd = _with(ANY, subject, range(len(subject.text)))
    for name, pattern in CHARACTERS.items():
        rows = _with(pattern, subject, odd)
        if rows:
            parts.append(f"{name} in {len(rows)} rows")
            broken |= name == "replacement characters"
            character = next(
                match.group() for side in _sides(subject).values() if (match := pattern.search(side[rows[0]]))
            )
            examples.append(f"U+{ord(character):04X} in {subject.row(rows[0])}")
    return found("; ".join(parts), examples, "warning" if broken else None) if parts else clean()


def _with(pattern: re.Pattern[str], subject: Subject, rows: Sequence[int]) -> list[int]:
    sides = list(_sides(subject).values())
    return [index for index in rows if any(pattern.search(side[index]) for side in sides)]


@check("N19", "Given away by the id", "note", "Never show ids to a model; do not make a task of such a column.")
def given_away_by_id(subject: Subject) -> Finding:
    """Label or kept columns that follow from the letters an id begins with."""
    prefixes = [match.group() if (match := re.match(r"[^\W\d_]+", each)) else "" for each in subject.id]
    kinds = len(set(prefixes))
    if kinds < 2 or kinds > 0.1 * len(prefixes):
        return not_applicable("ids do not begin with a few kinds of letters")
    columns = ["label", *(name for name in subject.dataset.columns if name not in _SHOWN_ANYWAY)]
    given: list[str] = []
    for name in columns:
        values = subject.dataset.column_values(name)
        known = len(set(values))
        pairs = len(set(zip(prefixes, values, strict=True)))
        if 2 <= known <= 50 and pairs == kinds:
            given.append(name)
    if not given:
        return clean()
    severity: Severity | None = "warning" if "label" in given else None
    shown = zip(prefixes, subject.dataset.column_values(given[0]), strict=True)
    examples = [f"{prefix}… -> {value}" for prefix, value in sorted(set(shown))]
    return found(f"the id's first letters determine: {', '.join(given)}", examples, severity)


_SHOWN_ANYWAY = frozenset({"id", "text", "target", "label", "group", "split"})


@check("N24", "Undecoded texts", "note", "Decode them: html.unescape for entities; read the file in its own encoding.")
def undecoded(subject: Subject) -> Finding:
    """HTML entities and tags, and Arabic whose bytes were read in another encoding: a warning from 1 % of the rows."""
    kinds: dict[str, Callable[[str], bool]] = {
        "HTML entities or tags": lambda text: ("&" in text or "<" in text) and ENTITY.search(text) is not None,
        "letters of a wrong encoding": lambda text: not text.isascii() and len(_READ_WRONG.findall(text)) > 1,
    }
    parts, examples, most = [], [], 0
    for kind, is_one in kinds.items():
        pairs = zip(subject.text, subject.target, strict=True)
        rows = [index for index, sides in enumerate(pairs) if any(map(is_one, sides))]
        if rows:
            parts.append(f"{kind} in {len(rows)} of {len(subject.text)} rows")
            examples += [subject.row(index) for index in rows[:3]]
            most = max(most, len(rows))
    severity: Severity | None = "warning" if most > 0.01 * len(subject.text) else None
    return found("; ".join(parts), examples, severity) if parts else clean()
