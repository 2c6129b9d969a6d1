"""Sentences, tokens, light stems and skeletons of Arabic text."""

from __future__ import annotations

import functools
import re

_END = re.compile(
    r"""
    (?: \.{2,} | [!?؟؛…;]+ | (?<!\d)\.(?!\d) | (?<=\d)\.(?=\s|$) )   # a stop that is not a decimal point
    [.!?؟…]*
    ["'»”’)\]]*                                                      # closing quotes belong to the sentence
    (?=\s|$|["«“‘(])
    | \n+
    """,
    re.VERBOSE,
)
_ABBREVIATION = re.compile(r"(?:^|[\s(«\"])(?:[دأمصت]|ا|د\.أ|ق\.م|[A-Za-z])\.$")
_TOKEN = re.compile(
    r"""
      (?<!\d[ ]) (?![0٠۰]) \d{1,3} (?:[ \u00A0\u2009\u202F]\d{3})+ (?:[.,]\d+)? (?![.,]?[ ]?\d)   # 1 234 567,8
    | \d+ (?:[.,٫٬،]\d+)*
    | [^\W\d_]+ (?:[\u064B-\u065F\u0670\u0640]+[^\W\d_]*)*
    | [%٪]
    """,
    re.VERBOSE,
)
_OPENING, _CLOSING = "«“", "»”"

_PREFIXES = ("وال", "بال", "كال", "فال", "ال", "لل")
_SUFFIXES = ("ها", "ان", "ات", "ون", "ين", "يه", "ية", "ه", "ة", "ي")


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, with their stops and closing quotes; blank ones are left out.

    Stops are `.` `!` `?` `؟` `؛` `;` `…` and line breaks. A decimal point, an abbreviation (`د.`) and a stop inside
    «…» or “…” do not end a sentence.

    >>> sentences("قال: «هل تأتي؟ نعم». ثم خرج… وعاد؟")
    ['قال: «هل تأتي؟ نعم».', 'ثم خرج…', 'وعاد؟']
    """
    result: list[str] = []
    start = depth = scanned = 0
    for stop in _END.finditer(text):
        opened = sum(text.count(mark, scanned, stop.end()) for mark in _OPENING)
        closed = sum(text.count(mark, scanned, stop.end()) for mark in _CLOSING)
        depth = max(depth + opened - closed, 0)
        scanned = stop.end()
        broken = stop[0].startswith("\n")
        # An unclosed quote must not swallow the article: a line break ends it.
        if not broken and (depth or _ABBREVIATION.search(text[start : stop.end()])):
            continue
        depth = 0
        result.append(text[start : stop.end()].strip())
        start = stop.end()
    result.append(text[start:].strip())
    return [sentence for sentence in result if sentence]


def tokens(text: str) -> list[str]:
    """Words, numbers (thousands after commas or spaces, decimals) and `%`, in order; other punctuation is left out.

    >>> tokens("ارتفع 3.5% إلى 1,200؟")
    ['ارتفع', '3.5', '%', 'إلى', '1,200']
    """
    return _TOKEN.findall(text)


@functools.lru_cache(maxsize=200_000)
def light_stem(word: str) -> str:
    """The light10 stem of a word (Larkey, Ballesteros and Connell 2007): clitics and common suffixes are cut.

    A leading و goes when three letters remain, the article (with its prepositions) and each suffix when two remain.

    >>> light_stem("والمعلمون"), light_stem("بالسيارات")
    ('معلم', 'سيار')
    """
    stem = word
    if stem.startswith("و") and len(stem) > 3:
        stem = stem[1:]
    for prefix in _PREFIXES:
        if stem.startswith(prefix) and len(stem) - len(prefix) >= 2:
            stem = stem[len(prefix) :]
            break
    for suffix in _SUFFIXES:
        if stem.endswith(suffix) and len(stem) - len(suffix) >= 2:
            stem = stem[: -len(suffix)]
    return stem


@functools.lru_cache(maxsize=200_000)
def skeleton(word: str) -> str:
    """The word's consonants without clitics, verb prefixes and weak letters: derived forms of one verb share it.

    It is coarser than a stem and not a root: forms that add consonants (ارتفع beside رفع) stay apart.

    >>> skeleton("يرتفع"), skeleton("ارتفاع"), skeleton("ارتفعت")
    ('رتفع', 'رتفع', 'رتفع')
    """
    stem = light_stem(word)
    if len(stem) > 4 and stem[0] in "بلفكس" and stem[1] in "يتنا":
        stem = stem[1:]
    if len(stem) > 3 and stem[0] in "يتناأإ":
        stem = stem[1:]
    if len(stem) > 3 and stem[-1] in "تنا":
        stem = stem[:-1]
    consonants = "".join(letter for letter in stem if letter not in "اوىيءآأإؤئ")
    return consonants if len(consonants) >= 2 else stem
