"""What the makers of Arabic encoders did to their text before pretraining; fine-tuning has to do the same.

`arabert` (AraBERT v02, AraELECTRA): the steps of the AraBERT preprocessor that need no word segmenter: HTML undone,
links, e-mail addresses and mentions replaced by the tokens of its vocabulary, vowel signs and tatweel removed,
Arabic-Indic digits made Western, long repetitions shortened, blanks around punctuation and between digits and
letters (Antoun et al. 2020, arXiv 2003.00104, section 3.2, and its repository).
`camelbert`: vowel signs and tatweel removed (Inoue et al. 2021, arXiv 2103.06678, section 4).
`marbert` (MARBERTv2, ARBERTv2): vowel signs removed; links, mentions and hashtag signs replaced (Abdul-Mageed et al.
2021, arXiv 2101.01785, section 3).
`e5`: each text begins with `query: ` (Wang et al. 2024, arXiv 2402.05672, for tasks other than retrieval).
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from naba.models.classifier import normalise_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from naba.arabic.normalise import Profile

_VOWELS = re.compile(r"[\u0610-\u061A\u064B-\u065F\u0670\u06D6-\u06DC\u06DF-\u06E8\u06EA-\u06ED]")
_TATWEEL = re.compile("\u0640+")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_MENTION = re.compile(r"(?<!\w)@\w+")
_TAG = re.compile(r"<[^<>]{1,200}>")
_REPEATED = re.compile(r"(\D)\1{2,}")
_PUNCTUATION = re.compile(r"([^\w\s\[\]])")
_DIGIT_LETTER = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")
_DECIMAL = re.compile(r"(?<=\d) ([.,]) (?=\d)")
_SPACES = re.compile(r"\s+")
_DIGITS = {
    ord(digit): str(value) for start in "٠۰" for value, digit in enumerate(chr(ord(start) + i) for i in range(10))
}


def prepare(texts: Sequence[str], preprocessing: str, profile: Profile | None) -> list[str]:
    """The texts as the encoder wants them.

    Args:
        preprocessing: see `naba.models.encoder.options.Reading`.
        profile: of the run; used by `profile` alone.
    """
    if preprocessing == "profile":
        return normalise_texts(texts, profile)
    step = _STEPS[preprocessing]
    return [step(text) for text in texts]


def arabert(text: str) -> str:
    """As AraBERT v02 and AraELECTRA were pretrained.

    >>> arabert("قُتِلَ ١٥شخصاً، @user https://t.co/x")
    'قتل 15 شخصا ، [مستخدم] [رابط]'
    """
    text = _TAG.sub(" ", html.unescape(text))
    text = _LINK.sub(" [رابط] ", text)
    text = _EMAIL.sub(" [بريد] ", text)
    text = _MENTION.sub(" [مستخدم] ", text)
    text = _TATWEEL.sub("", _VOWELS.sub("", text)).translate(_DIGITS)
    text = _REPEATED.sub(r"\1\1", text)
    text = _PUNCTUATION.sub(r" \1 ", text)
    text = _DIGIT_LETTER.sub(" ", text)
    return _DECIMAL.sub(r"\1", _SPACES.sub(" ", text)).strip()


def camelbert(text: str) -> str:
    """As CAMeLBERT was pretrained."""
    return _SPACES.sub(" ", _TATWEEL.sub("", _VOWELS.sub("", text))).strip()


def marbert(text: str) -> str:
    """As MARBERT and ARBERT were pretrained."""
    text = _MENTION.sub(" USER ", _LINK.sub(" URL ", text))
    return _SPACES.sub(" ", _VOWELS.sub("", text).replace("#", " ")).strip()


def e5(text: str) -> str:
    """As multilingual E5 wants texts that are not passages to be found; an absent side stays absent."""
    return f"query: {text}" if text else ""


_STEPS: dict[str, Callable[[str], str]] = {
    "none": str,
    "arabert": arabert,
    "camelbert": camelbert,
    "marbert": marbert,
    "e5": e5,
}
