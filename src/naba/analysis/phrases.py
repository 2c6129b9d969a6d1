"""A sentence as words with offsets, and the noun phrases around a reporting verb."""

from __future__ import annotations

import functools
import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from naba.analysis.lexicon import fold, group, read
from naba.arabic.segment import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+(?:[\u064B-\u065F\u0670\u0640]+[^\W_]*)*")
_CLAUSE = re.compile(r"ب?ان(?:ه|ها|هم|هما|هن|نا|ني|ي|ا|ك|كم)?")
_OPENING_MARKS = '«“‘("[‹„”'
_CLOSING_MARKS = '»”’)"]›“'
_DASHES = re.compile(r"\s[-–—ـ]+\s?$|\s[-–—]\s")
_COMMA = re.compile(r"[،,;؛]")

LONG_SOURCE = 28
"""Words between a verb and what it introduces; longer stretches are no source."""


@dataclass(frozen=True)
class Word:
    """A word of the text.

    Attributes:
        start, end: its place in the text.
        raw: as it is written.
        folded: as the lexicon compares it.
    """

    start: int
    end: int
    raw: str
    folded: str


@dataclass(frozen=True)
class Sentence:
    """A sentence of a text, its words, and the quotations that begin in it.

    Attributes:
        text: the whole text.
        span: the sentence.
        words: its words, in order.
        quotes: quotations that begin in it, in order; one may end in a later sentence.
    """

    text: str
    span: Span
    words: Sequence[Word]
    quotes: Sequence[Span]

    @classmethod
    def of(cls, text: str, span: Span, quotes: Sequence[Span]) -> Sentence:
        """Read the words of `text[span.start:span.end]`."""
        found = _WORD.finditer(text, span.start, span.end)
        return cls(text, span, [Word(*match.span(), match[0], fold(match[0])) for match in found], quotes)

    def __len__(self) -> int:
        return len(self.words)

    def before(self, at: int) -> str:
        """What stands between word `at` and the word before it."""
        start = self.words[at - 1].end if at else self.span.start
        end = self.words[at].start if at < len(self) else self.span.end
        return self.text[start:end]

    def folded(self, at: int) -> str:
        """The folded word, or nothing beyond the sentence."""
        return self.words[at].folded if 0 <= at < len(self) else ""

    def comma(self, at: int) -> bool:
        """Does a comma stand before the word?"""
        return _COMMA.search(self.before(at)) is not None

    def colon(self, at: int) -> bool:
        """Does a colon stand before the word that is not one of a time or a score?"""
        return ":" in self.before(at) and not (self.before(at) == ":" and self.words[at].raw[0].isdigit())

    def dash(self, at: int) -> bool:
        """Does a dash stand before the word?"""
        return _DASHES.search(self.before(at)) is not None

    def quote(self, at: int) -> Span | None:
        """The quotation that opens just before the word."""
        start = self.words[at - 1].end if at else self.span.start
        found = bisect_left(self.quotes, (start, start))
        return (
            self.quotes[found] if found < len(self.quotes) and self.quotes[found].start < self.words[at].start else None
        )

    def quoted(self, at: int) -> Span | None:
        """The quotation that the word stands in."""
        place = self.words[at].start
        found = bisect_left(self.quotes, (place, place)) - 1
        return self.quotes[found] if found >= 0 and place < self.quotes[found].end else None

    def unclosed(self, at: int) -> int:
        """Where a mark opens just before the word a quotation that nothing closes; 0 where none does."""
        start = self.words[at - 1].end if at else self.span.start
        found = max(self.text.rfind(mark, start, self.words[at].start) for mark in "«“")
        return found if found > 0 and self.words[at].start - found == 1 and self.quoted(at) is None else 0

    def after(self, offset: int) -> int:
        """The first word that begins at or after a place in the text."""
        return bisect_left(self.starts, offset)

    @functools.cached_property
    def starts(self) -> list[int]:
        """Where the words begin."""
        return [word.start for word in self.words]

    def clause(self, at: int) -> bool:
        """Is the word أن, إن, بأن, or one of them with a pronoun, as the opening of what somebody says?"""
        return (
            at < len(self)
            and _CLAUSE.fullmatch(self.words[at].folded) is not None
            and (self.folded(at - 1) not in group("not_before_clause") or self.folded(at - 2) == "من")
            and self.folded(at - 2) not in {"الرغم", "بالرغم", "برغم"}
        )

    def opening(self, at: int) -> int:
        """Where a phrase that begins with the word begins, with the marks that open before it."""
        start = self.words[at].start
        low = self.words[at - 1].end if at else self.span.start
        while start > low and self.text[start - 1] in _OPENING_MARKS:
            start -= 1
        if start > low + 1 and self.text[start - 1] == " " and self.text[start - 2] == "(":
            return start - 2
        return start

    def closing(self, at: int) -> int:
        """Where a phrase that ends with the word ends, with the marks that close after it."""
        end = self.words[at].end
        high = self.words[at + 1].start if at + 1 < len(self) else self.span.end
        while end < high and self.text[end] in _CLOSING_MARKS + "%":
            end += 1
        return end

    def phrase(self, first: int, last: int) -> Span:
        """The words `first` to `last`, both included, with the marks round them."""
        return Span(self.opening(first), self.closing(last))


def subject(sentence: Sentence, first: int, end: int) -> Span | None:
    """The noun phrase that names the speaker among the words `first` to `end` (exclusive), after the verb.

    It goes on over titles, appositions and relative clauses, and stops where time, occasion or hearers begin.
    """
    first = _skip_hearer(sentence, first, end)
    if first >= end or _begins_elsewhere(sentence, first):
        return None
    last = first
    open_clause = dashed = False
    for at in range(first + 1, end):
        if sentence.dash(at):
            if dashed:
                return Span(sentence.opening(first), sentence.words[at].start - 1) if at - first < LONG_SOURCE else None
            dashed = True
        if dashed or sentence.folded(at) in group("relative") or sentence.folded(at) in _ASIDES:
            open_clause = True
        if not open_clause and _adjunct(sentence, at):
            break
        last = at
    if last - first > LONG_SOURCE:
        return None
    return sentence.phrase(first, last)


_ASIDES = {"وهو", "وهي", "ومقره", "ومقرها"}


def _skip_hearer(sentence: Sentence, first: int, end: int) -> int:
    """Past a hearer or a time word between the verb and its subject: قال لـ«سبق» المتحدث, أعلنت اليوم الوزارة."""
    while first < end:
        if hearer(sentence, first):
            quote = sentence.quote(first + 1) if first + 1 < len(sentence) else None
            step = sentence.after(quote.end) if quote and sentence.folded(first) in {"ل", "لصحيفة"} else first + 1
            if step >= end or not sentence.folded(step).startswith(("ال", "م", "و", "ر", "ن")):
                return end
            first = step
        elif sentence.folded(first) in group("manner") or sentence.folded(first) in {
            fold(w) for w in ("اليوم", "أمس", "بدوره", "بدورها", "مجددا")
        }:
            first += 1
        else:
            return first
    return first


def hearer(sentence: Sentence, at: int) -> bool:
    """Is the word لـ with somebody who is spoken to: للصحفيين، لوكالة؟"""
    word = sentence.folded(at)
    if word == "ل" or (word == "لهيئة" and sentence.folded(at + 1) == "الاذاعة"):
        return True
    if not word.startswith("ل") or len(word) < 4:
        return False
    known = group("addressees")
    return word[1:] in known or (word.startswith("لل") and (word[2:] in known or "ال" + word[2:] in known))


def _begins_elsewhere(sentence: Sentence, at: int) -> bool:
    word = sentence.folded(at)
    return word in {"في", "على", "الى", "عن", "من", "مع", "ب", "او", "و"} | group("adjuncts") or _with_preposition(word)


def _with_preposition(word: str) -> bool:
    if word.startswith("لل") and len(word) > 4:
        return True
    return word.startswith(("بال", "وال")) and len(word) > 5


def _adjunct(sentence: Sentence, at: int) -> bool:
    """Does the word begin what is no part of the speaker's name?"""
    word, following = sentence.folded(at), sentence.folded(at + 1)
    bare = following.removeprefix("ال")
    if word in group("adjuncts") | group("prepositions") or hearer(sentence, at):
        return True
    if word in {"مع", "الى", "بقوله", "بالقول", "بقولها"}:
        return True
    if word == "في":
        return following in group("occasions") or bare in group("occasions")
    if sentence.comma(at):
        return _begins_elsewhere(sentence, at) or word in group("connectives")
    return False


def before_relative(sentence: Sentence, at: int) -> Span | None:
    """The noun phrase before the relative pronoun at `at`: دييجو مارادونا الذي قال."""
    first = at
    while first > 0 and at - first < 12 and not sentence.quoted(first - 1):
        if (sentence.comma(first) and first < at) or sentence.colon(first) or sentence.folded(first - 1) in _BREAKS:
            break
        if sentence.folded(first - 1) in {"برئاسة", "بقيادة", "بحضور", "برعاية", "بمشاركة", "بين"}:
            break
        first -= 1
        word = sentence.folded(first)
        if word.startswith("ل") and len(word) > 3 and not word.startswith("لا") and first < at - 1:
            break
    if first == at:
        return None
    span = sentence.phrase(first, at - 1)
    return without_preposition(sentence.text, span)


_BREAKS = frozenset({"في", "من", "الى", "على", "عن", "مع", "بعد", "قبل", "ان", "لكن", "الا", "كما", "بين", "او"})


def without_preposition(text: str, span: Span, sure: bool = False) -> Span:
    """The phrase without an attached لـ where the word stays whole: `لرئيس` but not `للرئيس`.

    Args:
        text: the text.
        span: the phrase in it.
        sure: a first ل can only be the preposition (وفقا لاتهامات).
    """
    kept = {"لل"} if sure else {"لل", "لا"}
    if text[span.start] == "ل" and text[span.start : span.start + 2] not in kept and span.end - span.start > 3:
        start = span.start + 1
        while start < span.end - 1 and text[start] in "ـ ":
            start += 1
        return Span(start, span.end)
    return span


def before_verb(sentence: Sentence, verb: int) -> tuple[Span, int] | None:
    """The subject before its verb (لكن المتحدث باسم الحاكم قال), and the word with which the clause begins."""
    if sentence.folded(verb)[0] in "يت" and (head := _head_before(sentence, verb)) is not None:
        return sentence.phrase(head, verb - 1), head
    first = verb
    while first > 0 and verb - first < LONG_SOURCE:
        before = sentence.folded(first - 1)
        if before in group("connectives") | {"انه", "انها"} or (sentence.comma(first) and first < verb):
            break
        first -= 1
    opened = first > 0 and sentence.folded(first - 1) in group("connectives")
    begins = first
    while begins > 0 and not sentence.comma(begins) and sentence.folded(begins - 1) in group("connectives"):
        begins -= 1
    while first < verb and sentence.folded(first) in group("connectives"):
        first, opened = first + 1, True
    if first >= verb or verb - first >= LONG_SOURCE:
        return None
    last = verb - 1
    while last > first and sentence.folded(last) in {"قد", "كان", "كانت", "فقد"} | group("adjuncts"):
        last -= 1
    word = sentence.folded(first)
    present = sentence.folded(verb)[0] in "يت" and verb - first < 6 and read(sentence.words[first].raw) is None
    if _begins_elsewhere(sentence, first) or not (
        opened or word.startswith("ال") or (first == 0 and (present or word in group("heads")))
    ):
        return None
    return sentence.phrase(first, last), begins


def _head_before(sentence: Sentence, verb: int) -> int | None:
    """متحدث روسي يقول: the noun that names a speaker, a word or two before a verb of the present."""
    near = (at for at in range(verb - 1, max(verb - 4, 0), -1) if sentence.folded(at) in group("heads"))
    head = next(near, None)
    held = head is not None and any(
        sentence.comma(at) or sentence.folded(at) in _BREAKS for at in range(head + 1, verb)
    )
    return None if held else head


def object_start(sentence: Sentence, verb: int, end: int, split: bool = False) -> int | None:
    """The word among those after the verb where its subject is over and its bare object begins, or None.

    Args:
        verb: place of the verb.
        end: the first word that is out of reach.
        split: divide two noun phrases that stand side by side too (اتهمت الجماعة جبهة النصرة).
    """
    own = (at for at in range(verb + 1, end) if sentence.clause(at) and sentence.folded(at - 1) not in _OF_NOUNS)
    clause = next((at for at in own if not (split and sentence.folded(at)[0] == "ب")), end)
    for at in range(verb + 1, end):
        if not sentence.quoted(at) and _begins_object(sentence, verb, at):
            return at
        if (
            clause == end
            and not sentence.quoted(at)
            and (_refers_back(sentence, verb, at) or _apart(sentence, verb, at, split))
        ):
            return at
    return None


# The shapes of verbal nouns of the derived forms: استفعال، افتعال، انفعال، تفعيل، إفعال.
_OF_NOUNS = {"من", "عن", "في"}  # مخاوف من أن: the clause is the noun's
_PRONOUN = re.compile("(?:هما|ها|هم|ه)$")
_VERBAL_NOUN = re.compile("است..ا.|ا.ت.ا.|ان..ا.|ت..ي.|ا..ا.|م.ا..ة")
_GOVERNING = {"ب", "في", "عن", "على", "من", "الى"}


def _begins_object(sentence: Sentence, verb: int, at: int) -> bool:
    word, previous, first = sentence.folded(at), sentence.folded(at - 1), at == verb + 1
    definite = previous.startswith("ال")
    if definite and not first and previous not in group("titles") and _VERBAL_NOUN.fullmatch(word):
        return word not in group("adjuncts") and not word.startswith("ال")
    bare = _PRONOUN.sub("", word)
    if bare != word and not first and (bare in group("objects") or _VERBAL_NOUN.fullmatch(bare)):
        return previous not in _GOVERNING
    governed = previous in _GOVERNING or (not first and previous.startswith("ل") and not previous.startswith("لل"))
    return word in group("objects") and not governed and (first or definite or at - verb > 2 or sentence.comma(at))


def _refers_back(sentence: Sentence, verb: int, at: int) -> bool:
    """A noun with the speaker's pronoun, or هذا with a noun, once the speaker has been named."""
    word, previous = sentence.folded(at), sentence.folded(at - 1)
    if previous in _GOVERNING | group("occasions") or sentence.folded(at - 2) in {"في", "خلال"}:
        return False
    if at == verb + 1:
        named = verb > 0 and sentence.folded(verb - 1) not in group("connectives") and not sentence.comma(verb)
        return named and (possessed(word) or word in {"هذا", "هذه"})
    return possessed(word) or (word in {"هذا", "هذه", "تلك", "هؤلاء"} and sentence.folded(at + 1) not in group("times"))


def possessed(word: str) -> bool:
    """A noun with the speaker's pronoun: نيته، عزمهما، دعمها."""
    return (
        len(word) > 3
        and word.endswith(("ته", "تها", "ها", "هما", "هم", "مه", "عه", "حه", "ضه", "قه", "ده", "به", "ءه"))
        and not word.startswith(("و", "ال", "ب", "ل", "ف"))
        and word not in {"خلالها", "حينها", "عبدالله", "معاليه", "سموه"} | group("prepositional")
    )


def _apart(sentence: Sentence, verb: int, at: int, split: bool) -> bool:
    """Two noun phrases meet: a definite word that takes no name, and one that cannot describe it."""
    lone = at == verb + 2 and not sentence.folded(at - 1).endswith("ي")
    if at == verb + 1 or not (split or lone) or sentence.folded(verb + 1) in group("titles"):
        return False
    word, previous = sentence.folded(at), sentence.folded(at - 1)
    if not previous.startswith("ال") or previous in group("titles") or word in group("adjuncts"):
        return False
    return (
        not word.startswith(("ال", "لل", "ب", "و", "ل"))
        and word not in _BREAKS | {"بن", "ال", "ذات", "ذوي", "داخل", "خارج", "غير"}
        and not sentence.comma(at)
    )
