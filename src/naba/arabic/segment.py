"""Sentences and quotations as character offsets; clauses, tokens, light stems and skeletons of Arabic text."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple


class Span(NamedTuple):
    """Characters `start` to `end` (exclusive) of a text: `text[start:end]` is what the span covers."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """The characters of the span."""
        return text[self.start : self.end]

    def overlaps(self, other: Span) -> bool:
        """Do the two share a character?"""
        return self.start < other.end and other.start < self.end

    def holds(self, other: Span) -> bool:
        """Does the other one lie within this one?"""
        return self.start <= other.start and other.end <= self.end


_LINE = re.compile(r"[^\n\r\u2028\u2029\x0b\x0c\x85]+")
_SPACE = " \t\u00a0\u2000-\u200f\u202a-\u202f\u2060-\u206f\u3000\ufeff\x00"
_STOP = re.compile(
    r"""
    (?: \.{2,} | [!?؟…]+ | (?<!\d)\. | (?<=\d)\.(?!\d) )   # a stop that is no decimal point
    [.!?؟…]*
    [ \u00a0]?["'»”’)\]]*                                  # closing quotes belong to the sentence
    """,
    re.VERBOSE,
)
_LETTER = re.compile(r"[^\W\d_]")
_LONE = re.compile(r"[\W_]*")
# `د. أحمد`, `أ.د. سالم`, `U.S.`; but `2015 م.` ends a sentence.
_ABBREVIATION = re.compile(r"(?:^|[^\w.])(?:(?:[^\W\d_]\.)*[^\W\d_]|[وفبل][دأم])\.$")
_AFTER_NUMBER = re.compile(r"\d\s*(?:م|هـ|ه|ص|ت)\.$")
_NUMBERED = re.compile(r"\s*[\d()\-–]+\.$")
# `أكد معاليه .. أن`: dots for a pause, before a word that cannot begin a sentence.
_GOES_ON = re.compile(r"\s*(?:أن|أنّ|ان|إن|إنّ|بأن|الذي|التي|إلى|عن|من)\b")

_OPENING = {"«": "«", "‹": "«", "“": "“", "„": "“", '"': "“", "”": "“", "″": "“", "»": "«"}
_CLOSING = {"»": "«", "›": "«", "”": "“", '"': "“", "“": "“", "″": "“", "«": "«"}
_USUAL_OPENING, _USUAL_CLOSING = "«‹“„", "»›”"
_QUOTE = re.compile('[«»‹›“”„"″\n\r\u2028\u2029\x0b\x0c\x85]')
_PARTICLE = re.compile(r"(?:^|[\s،:(])[وفبلك]?ـ*$|[وفبلك]ـ+$")
_PARAGRAPHS = 4


def quotations(text: str) -> list[Span]:
    """Stretches in quote marks, marks included, in order; one inside another is part of the outer one.

    «…», “…”, "…", and the pairs turned round (”…“, »…«) that right-to-left typing leaves behind. A quotation may run
    over a few line breaks; a mark without a partner quotes nothing.

    >>> [span.of('قال: «نعم». ثم "لا"') for span in quotations('قال: «نعم». ثم "لا"')]
    ['«نعم»', '"لا"']
    """
    found: list[Span] = []
    opened, family, depth, breaks = -1, "", 0, 0
    for match in _QUOTE.finditer(text):
        mark, at = match[0], match.start()
        if mark not in _OPENING and mark not in _CLOSING:
            breaks += 1
            depth = min(depth, 1)
            if breaks >= _PARAGRAPHS or family == '"':
                opened = -1
        elif opened >= 0 and breaks and mark in _USUAL_OPENING:
            # Nothing closed the one before this paragraph, and each paragraph has marks of its own.
            opened, family, depth, breaks = (at, _OPENING[mark], 1, 0) if _can_open(text, at) else (-1, "", 0, 0)
        elif opened >= 0 and family == _OPENING.get(mark) and _nests(text, at, opened):
            depth += 1
        elif opened >= 0 and _CLOSING.get(mark) == family:
            depth -= 1
            if depth <= 0:
                found.append(Span(opened, at + 1))
                opened = -1
        elif opened < 0 and mark in _OPENING and _can_open(text, at):
            opened, family, depth, breaks = at, _OPENING[mark], 1, 0
    return found


def _nests(text: str, at: int, opened: int) -> bool:
    mark = text[at]
    return mark in _USUAL_OPENING and mark == text[opened] and _can_open(text, at) and text[at - 1 : at].isspace()


def _can_open(text: str, at: int) -> bool:
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if not after or after.isspace() or after in ".،,؛:!؟?…)»”":
        return False
    if text[at] in _USUAL_OPENING:
        return True
    # `كلمة” ` closes; `لـ”الوئام` and `و"كذا` open.
    return not before.isalnum() or _PARTICLE.search(text, max(at - 3, 0), at) is not None


def sentences(text: str) -> list[Span]:
    """The sentences of a text, in order: `text[span.start:span.end]` is the sentence, without space around it.

    They end at `.` `!` `?` `؟` `…` or a line break (../annotation/ATTRIBUTION.md); a decimal point, an abbreviation and
    a stop inside quote marks or brackets end none. A stop keeps the closing marks after it, and stray ones too
    (`“. “.`). Datelines, bylines, time stamps, end marks and lone marks are no sentences. Time is linear in the length.

    >>> text = "سي إن إن\\n—\\nقال: «هل تأتي؟ نعم». ثم خرج… وعاد"
    >>> [span.of(text) for span in sentences(text)]
    ['قال: «هل تأتي؟ نعم».', 'ثم خرج…', 'وعاد']
    """
    closed = _Inside([*quotations(text), *_brackets(text)])
    lines = [_Line(Span(*match.span()), _split(text, Span(*match.span()), closed)) for match in _LINE.finditer(text)]
    lines = [line for line in lines if line.sentences]
    # A place or a name heads an article only where running text follows.
    running = max((at for at, line in enumerate(lines) if line.sentences[-1].of(text)[-1] in '.!?؟…»”"'), default=0)
    found: list[Span] = []
    for at, line in enumerate(lines):
        if not is_dateline(line.span.of(text), first=at < min(running, 2), alone=len(lines) == 1):
            found += line.sentences
    return found


class _Line(NamedTuple):
    span: Span
    sentences: list[Span]


class _Inside:
    """Is a place inside one of some spans? To be asked from left to right."""

    def __init__(self, spans: list[Span]) -> None:
        self._spans = sorted(spans)
        self._next = 0
        self._reach = -1

    def __call__(self, at: int) -> bool:
        while self._next < len(self._spans) and self._spans[self._next].start <= at:
            self._reach = max(self._reach, self._spans[self._next].end - 1)
            self._next += 1
        return at < self._reach


def _brackets(text: str) -> list[Span]:
    """Short stretches in round brackets, on one line, the innermost."""
    return [Span(*match.span()) for match in re.finditer(r"\([^()\n]{0,200}\)", text)]


def _split(text: str, line: Span, closed: _Inside) -> list[Span]:
    found: list[Span] = []
    start = line.start
    for stop in _STOP.finditer(text, line.start, line.end):
        if closed(stop.start()) or not _ends(text, start, stop, line.end):
            continue
        _add(found, _trimmed(text, start, stop.end()), text)
        start = stop.end()
    _add(found, _trimmed(text, start, line.end), text)
    return found


def _ends(text: str, start: int, stop: re.Match[str], limit: int) -> bool:
    mark = stop[0].rstrip("\"'»”’)] \u00a0")
    after = text[stop.end() : stop.end() + 1]
    before = text[max(start, stop.start() - 12) : stop.start() + 1]
    if not after or stop.end() >= limit:
        return True
    if mark == "." and _ABBREVIATION.search(before) and not _AFTER_NUMBER.search(before):
        return False
    if mark == "." and stop.start() - start < 8 and _NUMBERED.fullmatch(text[start : stop.start() + 1]):
        return False
    if mark.startswith(("..", "…")) and _GOES_ON.match(text, stop.end(), min(limit, stop.end() + 10)):
        return False
    if stop[0][-1] in " \u00a0" or after.isspace() or after in '«"“‘(”»':
        return True
    # `المعركة.وقال`: no space after the stop, and Arabic on both sides.
    return after >= "\u0621" and _LETTER.match(after) is not None and not before[-2:-1].isascii()


def _add(found: list[Span], span: Span, text: str) -> None:
    """One more sentence; marks without a letter or a digit go with the sentence before, or nowhere."""
    if _LONE.fullmatch(text, span.start, span.end) is None:
        found.append(span)
    elif found and span.start < span.end:
        found[-1] = Span(found[-1].start, span.end)


_EDGE = re.compile(f"[{_SPACE}\\s]")


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and _EDGE.match(text[start]):
        start += 1
    while end > start and _EDGE.match(text[end - 1]):
        end -= 1
    return Span(start, end)


_AGENCIES = (
    "واس|رويترز|سي إن إن|سي ان ان|cnn|أ ف ب|ا ف ب|أ\\.ف\\.ب|فرانس برس|د ب أ|د ب ا|أ ب|ا ب|أ ش أ|قنا|وام|كونا|سانا|بترا|"
    "سبأ|الأناضول|وكالات|وكالات الأنباء|سبق|سكاي نيوز|بي بي سي|العربية نت|الجزيرة نت|نوفوستي|تاس|شينخوا|خاص|متابعات"
)
_AGENCY = re.compile(rf"[\W_]*(?:[^\W\d_]+[\W_]+){{0,2}}(?:{_AGENCIES})[\W_]*", re.IGNORECASE)
_DATE = re.compile(r"\d{1,2}\s+[^\W\d_]+(?:\s+[^\W\d_]+)?\s+\d{4}|\d{1,4}\s*[/-]\s*\d{1,2}\s*[/-]\s*\d{2,4}")
_TIME = re.compile(r"\W*\d{1,2}[:.]\d{2}\W*(?:\w{1,4}\W*){0,3}")
_END_MARK = re.compile(r"\W*(?:انته[ىي]|يتبع)\W*(?:\w{1,3}\W*){0,4}")
_BYLINE = re.compile(r"\W*(?:[^\W\d_]+\W+){1,4}[-–—ـ|/]{1,2}\s+(?:[^\W\d_]+\W*){1,3}")
_PREPOSITION = re.compile(
    r"\b(?:في|من|إلى|الى|على|عن|مع|بعد|قبل|أن|إن|لا|لم|لن|هل|ما|يا|بين|ضد|حول|قتيل\w*|قتلى|مقتل|وفاة|انفجار|فوز)\b"
)


def is_dateline(line: str, first: bool = False, alone: bool = False) -> bool:
    """Is the line a dateline, byline, time stamp or end mark, rather than a sentence?

    Args:
        line: one line, which may have space around it.
        first: it stands at the head of an article: two or three words without a stop are then a place or a name.
        alone: it is all there is; then only what cannot be a headline counts.
    """
    words = line.split()
    if re.search(r"[.!?؟…»”\"]\s*$", line) or len(words) > 14:
        return False
    if _END_MARK.fullmatch(line) or _TIME.fullmatch(line) or _AGENCY.fullmatch(line):
        return True
    if alone or _PREPOSITION.search(line):
        return False
    dated = _DATE.search(line) is not None and not re.search(r"[،,:]", line)
    byline = len(words) <= 8 and _BYLINE.fullmatch(line) is not None
    return dated or byline or (first and len(words) <= 3 and not re.search(r"[،:]", line))


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
# Trained models hold features of clauses: these keep rules of their own, simpler than those of sentences.
_CLAUSE_ABBREVIATION = re.compile(r"(?:^|[\s(«\"])(?:[دأمصت]|ا|د\.أ|ق\.م|[A-Za-z])\.$")
_TOKEN = re.compile(
    r"""
      [^\W\d_]+ (?:[\u064B-\u065F\u0670\u0640]+[^\W\d_]*)*
    | \d (?: (?<![0٠۰]) (?<!\d[ ]\d) \d{0,2} (?:[ \u00A0\u2009\u202F]\d{3})+ (?:[.,]\d+)? (?![.,]?[ ]?\d)  # 1 234,5
           | \d* (?:[.,٫٬،]\d+)* )
    | [%٪]
    """,
    re.VERBOSE,
)
_OPENED, _CLOSED = "«“", "»”"

_PREFIXES = ("وال", "بال", "كال", "فال", "ال", "لل")
_SUFFIXES = ("ها", "ان", "ات", "ون", "ين", "يه", "ية", "ه", "ة", "ي")


def clauses(text: str) -> list[str]:
    """What stands between stops, in order, with its stop and closing quotes; blank ones are left out.

    Stops are `.` `!` `?` `؟` `؛` `;` `…` and line breaks. A decimal point, an abbreviation (`د.`) and a stop inside
    «…» or “…” end nothing. Unlike `sentences` it loses nothing but space; features of trained models rest on it.

    >>> clauses("قال: «هل تأتي؟ نعم». ثم خرج… وعاد؟")
    ['قال: «هل تأتي؟ نعم».', 'ثم خرج…', 'وعاد؟']
    """
    result: list[str] = []
    start = depth = scanned = 0
    for stop in _END.finditer(text):
        opened = sum(text.count(mark, scanned, stop.end()) for mark in _OPENED)
        closed = sum(text.count(mark, scanned, stop.end()) for mark in _CLOSED)
        depth = max(depth + opened - closed, 0)
        scanned = stop.end()
        broken = stop[0].startswith("\n")
        # An unclosed quote must not swallow the article: a line break ends it.
        if not broken and (depth or _CLAUSE_ABBREVIATION.search(text[start : stop.end()])):
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
