"""Text that lost something on its way: dots, letters, marks, words. People still read it; a model may be led astray."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from naba.arabic.perturb import perturber
from naba.arabic.perturb.kept import WORD
from naba.arabic.segment import sentences

if TYPE_CHECKING:
    from random import Random

CUT_WORDS = 30
DIALECT = Path(__file__).parent / "dialect.tsv"

# The letters' rasm, as in the oldest manuscripts and against filters (promptfoo#9898).
_RASM = str.maketrans("بتثنجخذزشضظغفقيئةأإؤ", "ٮٮٮںححدرسصطعڡٯىىهااو")
# Unicode's confusables.txt (UTS 39), those that no rule of a profile folds.
_CONFUSABLE = str.maketrans("اهىaceopxyACEHOPTX", "ǀοۍасеорхуАСЕНОРТХ")
# Letters that share a skeleton, which OCR of Arabic takes for each other (Magdy & Darwish 2006).
_SKELETONS = ("بتثني", "جحخ", "دذ", "رز", "سش", "صض", "طظ", "عغ", "فق", "ةه", "اأإآ", "وؤ", "يى")
# The rows of the Arabic keyboard (101).
_ROWS = ("ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤرىةوزظ")
_QUOTES = re.compile("[\"«»“”„‟‹›‘’']")
_PUNCTUATION = re.compile(r"(?<!\d)[.,](?!\d)|(?<=\d)[.,](?!\d)|(?<!\d)[.,](?=\d)|[!?؟،؛;:…\-–—()\[\]{}\"«»“”„‟‹›]")
_LONG_WORD = re.compile(r"(?<![\w@#/.])[\u0621-\u064a]{4,}(?![\w/])")


@perturber("noise")
def dotless(text: str, random: Random) -> str:  # noqa: ARG001
    """Letters without their dots: ٮ for ب ت ث, ح for ج خ, and so on."""
    return text.translate(_RASM)


@perturber("noise")
def homoglyphs(text: str, random: Random) -> str:
    """A fifth of the letters as look-alikes of other scripts (Unicode's confusables)."""
    return "".join(letter.translate(_CONFUSABLE) if random.random() < 0.2 else letter for letter in text)


@functools.cache
def _alike() -> dict[str, str]:
    return {letter: group.replace(letter, "") for group in _SKELETONS for letter in group}


@perturber("noise")
def ocr(text: str, random: Random) -> str:
    """One letter in twelve read as another of its skeleton, one space in twenty lost."""
    alike = _alike()
    read = (
        random.choice(alike[letter])
        if letter in alike and random.random() < 1 / 12
        else "" if letter == " " and random.random() < 1 / 20 else letter
        for letter in text
    )  # fmt: skip
    return "".join(read)


@functools.cache
def _neighbours() -> dict[str, str]:
    return {
        letter: row[max(0, place - 1) : place] + row[place + 1 : place + 2]
        for row in _ROWS
        for place, letter in enumerate(row)
    }


def _mistyped(word: str, random: Random) -> str:
    place = random.randrange(len(word) - 1)
    before, letter, after = word[:place], word[place], word[place + 1 :]
    kind = random.choice(("swapped", "lost", "doubled", "neighbour"))
    if kind == "swapped" and after[0] != letter:
        return before + after[0] + letter + after[1:]
    if kind == "lost":
        return before + after
    if kind == "neighbour" and letter in _neighbours():
        return before + random.choice(_neighbours()[letter]) + after
    return before + letter * 2 + after


@perturber("noise")
def typo(text: str, random: Random) -> str:
    """One typing error in each sentence: letters swapped, lost, doubled, or a neighbour on the keyboard."""
    for sentence in reversed(sentences(text)):
        words = list(WORD.finditer(text, sentence.start, sentence.end))
        long = [word for word in words if len(word[0]) >= 4]
        if long:
            word = random.choice(long)
            text = text[: word.start()] + _mistyped(word[0], random) + text[word.end() :]
    return text


@perturber("noise")
def lost_punctuation(text: str, random: Random) -> str:  # noqa: ARG001
    """No punctuation, but for separators within numbers."""
    return re.sub(" {2,}", " ", _PUNCTUATION.sub(" ", text)).strip() if _PUNCTUATION.search(text) else text


@perturber("noise")
def lost_quotes(text: str, random: Random) -> str:  # noqa: ARG001
    """No quotation marks: what somebody said reads like the author's words."""
    return _QUOTES.sub("", text)


@perturber("noise", "hashtags")
def hashtags(text: str, random: Random) -> str:
    """Two of the longer words as hashtags, as in a post that shares the headline."""
    words = list(_LONG_WORD.finditer(text))
    for word in sorted(random.sample(words, min(2, len(words))), key=lambda one: -one.start()):
        text = f"{text[: word.start()]}#{text[word.start() :]}"
    return text


@perturber("noise")
def cut(text: str, random: Random) -> str:  # noqa: ARG001
    """The first 30 words."""
    words = list(re.finditer(r"\S+", text))
    return text if len(words) <= CUT_WORDS else text[: words[CUT_WORDS - 1].end()]


@functools.cache
def dialect_words() -> dict[str, tuple[str, ...]]:
    """Word of Modern Standard Arabic -> what dialects say, from `dialect.tsv` (its head names the sources)."""
    lines = [line for line in DIALECT.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    rows = [line.split("\t") for line in lines[1:]]
    words: dict[str, tuple[str, ...]] = {}
    for row in rows:
        words[row[0]] = (*words.get(row[0], ()), row[2])
    return words


@perturber("noise")
def dialect(text: str, random: Random) -> str:
    """Words of the Egyptian, Levantine and Gulf dialects for the standard ones of a small lexicon."""
    words = dialect_words()

    def spoken(found: re.Match[str]) -> str:
        word = found[0]
        if word in words:
            return random.choice(words[word])
        joined = word[0] in "وف" and word[1:] in words
        return word[0] + random.choice(words[word[1:]]) if joined else word

    return WORD.sub(spoken, text)
