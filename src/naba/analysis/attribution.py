"""Who says what: reported speech in Arabic news, after ../annotation/ATTRIBUTION.md.

Rules over the tables of `naba.analysis.lexicon` and punctuation, in four steps for each sentence: find the reporting
words (`cues`), find what each introduces (`openings`), find who speaks, and find where the content ends. Then the
speaker is carried from sentence to sentence for `وأضاف` and its like, by the name that is the fullest (`Speakers`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from naba.analysis.lexicon import fold, group, read
from naba.analysis.openings import Cue, Opening, cues, opening
from naba.analysis.phrases import (
    Sentence,
    before_relative,
    before_verb,
    hearer,
    possessed,
    subject,
    without_preposition,
)
from naba.arabic.segment import Span, quotations, sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Speech = Literal["direct", "indirect", "mixed"]
_NEAR = 12  # reports of one sentence that bear on another
LONGEST = 600
"""Words; a longer sentence is read in stretches of so many, so that time stays linear in any text."""
_CONTRAST = frozenset({"بينما", "لكن"})
_NO_VERB = frozenset({"في", "من", "على", "وفي", "ومن", "وعلى", "عن", "الى", "مع", "لكن", "ولكن", "كما", "فيما", "حيث"})
_STOPS = " \t\u00a0\n\r.،,؛;:!؟?…-–—"
_BEFORE_CUE = {"كما", "ثم", "و", "على", "حد", "وقد", "وكان", "وكانت", "حيث", "بحسب", "وفق"}
_NO_COMMENT = re.compile(
    r"[،,]\s*(?:و?لكن|و?فيما|بينما|في حين|غير أن|إلا أن)\s[^،,.:]{0,60}\b(?:رفضت?|امتنعت?|تعذر)\s[^،,.:]{0,20}التعليق"
)
_NEW_VERB = re.compile(r"و[يت][^\W\d_]{3,}")
_SENTENCE_HEADS = frozenset({"لم", "لن", "لا", "ليس", "ليست", "سوف", "قد", "ما"})
"""Words with which no name begins."""
_WORD = re.compile(r"[^\W\d_]+(?:[\u064B-\u065F\u0670\u0640]+[^\W\d_]*)*")
_NAME_BEFORE = re.compile(r"(?:^|\s)([^\W\d_]{3,}) $")
_MEMORY = 12


@dataclass(frozen=True)
class Report:
    """One act of reporting: somebody says something.

    All spans are characters of the article: `text[span.start:span.end]`.

    Attributes:
        sentence: the sentence that holds the cue.
        cue: the word that reports, without a leading و or ف.
        source: who is speaking, as this sentence names them; None if it does not.
        antecedent: where `source` is None, the fullest earlier mention of the speaker; None if nobody is named.
        content: what is said, with its quote marks; it may run over the end of the sentence where a quotation does.
        kind: direct (a quotation, or the speaker's words after a colon), indirect, or mixed (quoted words inside).
    """

    sentence: Span
    cue: Span
    source: Span | None
    antecedent: Span | None
    content: Span
    kind: Speech


@dataclass
class _Draft:
    cue: Cue
    opening: Opening
    source: Span | None = None
    carried: bool = True  # who speaks is known from before, if the sentence does not say
    begins: int | None = None  # the word at which its clause begins, where what was said before is over
    end: int = 0  # of the content
    parts: list[Span] = field(default_factory=list)


def reports(text: str, spans: Sequence[Span] | None = None) -> list[Report]:
    """Every act of reporting in a text, in the order of their cues.

    Args:
        text: any text; one without Arabic gives no reports.
        spans: its sentences, where they are known already.
    Returns:
        reports whose spans all lie in the text; a discontinuous quotation gives one report a part. Time is linear in
        the length.

    >>> text = "قال الوزير إن العمل جار. وأضاف: «لن يتوقف»."
    >>> [(r.cue.of(text), r.source and r.source.of(text), r.content.of(text), r.kind) for r in reports(text)]
    [('قال', 'الوزير', 'العمل جار', 'indirect'), ('أضاف', None, '«لن يتوقف»', 'direct')]
    """
    quotes = quotations(text)
    speakers = Speakers(text)
    found: list[Report] = []
    for span in sentences(text) if spans is None else spans:
        for stretch in _stretches(text, span, quotes):
            for draft in _drafts(stretch):
                found += _finished(stretch, span, draft, speakers)
    return sorted(found, key=lambda report: (report.cue, report.content))


def _stretches(text: str, span: Span, quotes: Sequence[Span]) -> Iterator[Sentence]:
    words = Sentence.of(text, span, ()).words
    for first in range(0, len(words), LONGEST):
        rest = words[first : first + LONGEST]
        start = rest[0].start if first else span.start
        end = words[first + LONGEST].start if first + LONGEST < len(words) else span.end
        low, high = bisect_left(quotes, (start, 0)), bisect_left(quotes, (end, 0))
        yield Sentence(text, Span(start, end), rest, quotes[low:high])


def _drafts(sentence: Sentence) -> list[_Draft]:
    drafts: list[_Draft] = []
    every = cues(sentence)
    for number, cue in enumerate(every):
        if drafts and cue.kind != "preposition" and cue.at < drafts[-1].opening.at and not drafts[-1].opening.before:
            continue  # inside what stands between another cue and its content
        weak = cue.uses("clause")
        following = (
            other.at for other in every[number + 1 : number + 6] if other.bounds or (weak and other.kind == "verb")
        )
        limit = next(following, len(sentence))
        start = opening(sentence, cue, limit)
        if start is None or _hollow(sentence, cue, start) or (drafts and _taken(cue, start, drafts[-1])):
            continue
        drafts.append(_Draft(cue, start))
    for number, draft in enumerate(drafts):
        _name(sentence, draft, drafts[max(number - _NEAR, 0) : number])
        _close(sentence, draft, drafts[number + 1 : number + 1 + _NEAR])
    # Once more, now that it is known where clauses with a speaker of their own begin.
    for number, draft in enumerate(drafts):
        _close(sentence, draft, drafts[number + 1 : number + 1 + _NEAR])
    return [draft for draft in drafts if draft.end > draft.opening.start]


def _taken(cue: Cue, start: Opening, last: _Draft) -> bool:
    """The content is another cue's, or the cue is the first word of another's object (وصف تصريحات …)."""
    same = start.start == last.opening.start and start.at > cue.at
    return same or (cue.kind == "noun" and not cue.pronoun and last.opening.word == cue.at)


def _hollow(sentence: Sentence, cue: Cue, start: Opening) -> bool:
    """Inside a quotation only what names another speaker, or the speaker's own قلت, reports."""
    if sentence.quoted(cue.at) is None or cue.kind != "verb" or cue.first_person:
        return False
    return subject(sentence, cue.at + 1, start.region) is None


def _name(sentence: Sentence, draft: _Draft, earlier: Sequence[_Draft]) -> None:
    """Find who speaks, in the sentence: after the cue, before it, or as the last report said."""
    cue, start = draft.cue, draft.opening
    if start.source is not None or cue.kind == "preposition":
        draft.source = start.source
    elif cue.kind == "noun" and earlier and earlier[-1].cue.uses("relay") and earlier[-1].opening.word == cue.at:
        draft.source = subject(sentence, earlier[-1].opening.region + 1, cue.at)
    elif cue.past == "جاء" and sentence.folded(cue.at + 1) == "في":
        draft.source = subject(sentence, cue.at + 2, start.region)  # جاء في البيان أن …: the document speaks
    elif cue.kind == "verb" and (topic := _topic(sentence, cue)) is not None:
        draft.source, draft.begins = topic
    elif not _speaks(cue) and (after := subject(sentence, cue.at + 1, start.region)) is not None:
        draft.source = without_preposition(sentence.text, after) if cue.kind == "noun" else after
        if cue.kind == "verb" and not cue.joined and sentence.folded(cue.at - 1) in _CONTRAST:
            draft.begins = cue.at - 1
    elif cue.kind == "verb" and cue.impersonal:
        draft.source, draft.carried = None, False
    else:
        draft.carried = cue.kind != "noun" or cue.pronoun
        if cue.kind == "verb" and not cue.joined:
            draft.source, draft.begins = _before(sentence, cue)
        if draft.source is None:
            draft.source = _said_before(sentence, cue, earlier)


def _topic(sentence: Sentence, cue: Cue) -> tuple[Span, int] | None:
    """أما قائد الفريق فاعتبر أن …: the subject that أما puts first, and where its clause begins."""
    if not cue.joined or sentence.text[cue.start - 1] != "ف":
        return None
    for at in range(cue.at - 2, max(cue.at - 14, -1), -1):
        if sentence.folded(at) in {"اما", "واما"}:
            return sentence.phrase(at + 1, cue.at - 1), at
        if sentence.comma(at + 1) and sentence.comma(cue.at):
            return None
    return None


def _speaks(cue: Cue) -> bool:
    """No subject follows a participle, nor قلت."""
    return cue.kind == "participle" or cue.first_person


def _before(sentence: Sentence, cue: Cue) -> tuple[Span | None, int | None]:
    """The subject before its verb, and the word with which their clause begins, where that ends what was said."""
    relative = cue.at - 1
    while relative > 0 and sentence.folded(relative) in {"قد", "كان", "كانت"}:
        relative -= 1
    if sentence.folded(relative) in group("relative"):
        return before_relative(sentence, relative), None
    return (before_verb(sentence, cue.at) if cue.at else None) or (None, None)


def _said_before(sentence: Sentence, cue: Cue, earlier: Sequence[_Draft]) -> Span | None:
    """Who spoke last in the sentence; where nobody did, the subject of its first verb."""
    if sentence.quoted(cue.at) is None:
        near = earlier[-_NEAR:]
        said = (other for other in reversed(near) if other.source is not None and not _nested(other, near))
        if (last := next(said, None)) is not None:
            return last.source
    if earlier or cue.at <= 3 or sentence.words[cue.at].raw.endswith("ين"):
        return None
    return _main_subject(sentence, cue.at)


def _nested(draft: _Draft, others: Iterable[_Draft]) -> bool:
    return any(other.opening.start < draft.cue.start < other.end for other in others if other is not draft)


def _main_subject(sentence: Sentence, end: int) -> Span | None:
    """The subject of the verb that opens the sentence: أجرى وزير التعليم، …، متمنيا …"""
    first = sentence.folded(0)
    if sentence.quoted(0) is not None or first.startswith("ال") or first in _NO_VERB:
        return None
    start, closers = 1, frozenset(group("adjuncts") | {"في", "على", "من", "عن", "الى"})
    if first in {"وكان", "وكانت", "كان", "كانت"}:
        closers = frozenset({"قد"})
        if not any(sentence.folded(at) == "قد" for at in range(2, end)):
            return None
    elif first in {"ورغم", "رغم", "ومع"} and sentence.folded(1) == "ذلك":
        start, closers = 3, frozenset({"عن"})
    if possessed(sentence.folded(start)) or sentence.folded(start) == "ان":
        return None
    stops = (
        at for at in range(start + 1, end) if sentence.folded(at) in closers or (start == 1 and sentence.comma(at))
    )
    return subject(sentence, start, next(stops, end))


def _close(sentence: Sentence, draft: _Draft, later: Sequence[_Draft]) -> None:
    """Find where the content ends."""
    start = draft.opening
    if start.end is not None:
        draft.end = start.end
        return
    first = start.word
    last = len(sentence)
    for other in later:
        if other.cue.at > first and not sentence.quoted(other.cue.at):
            if other.cue.bounds:
                last = min(last, other.cue.at)
            elif other.begins is not None and other.begins > first and sentence.comma(other.begins):
                last = min(last, other.begins)
    last = min(last, _formula(sentence, first, last), _silence(sentence, first, last))
    if start.how == "object":
        last = min(last, _object_end(sentence, first, last))
    while last - 1 > first and sentence.folded(last - 1) in _BEFORE_CUE and last < len(sentence):
        last -= 1
    draft.end = _trimmed(sentence, start.start, first, last)


def _trimmed(sentence: Sentence, start: int, first: int, last: int) -> int:
    end = sentence.words[last].start if last < len(sentence) else sentence.span.end
    quote = sentence.quoted(max(first, last - 1))
    text = sentence.text
    around = sentence.quoted(first)
    if around is not None and around.start < start and end >= around.end:
        end, quote = around.end - 1, None
    if last < len(sentence):
        while end > start and text[end - 1] in "وف" and text[end - 2 : end - 1] == " ":
            end -= 1
    while end > start and text[end - 1] in _STOPS + '«“‘(["' and (quote is None or end > quote.end):
        if text[end - 1] == '"' and quote is not None and end == quote.end:
            break
        end -= 1
    return end


def _formula(sentence: Sentence, first: int, last: int) -> int:
    """Before على حد قوله and the like."""
    for at in range(first, last - 2):
        if (
            sentence.folded(at) == "على"
            and sentence.folded(at + 1) == "حد"
            and sentence.folded(at + 2) in group("formula")
        ):
            return at
    return last


def _silence(sentence: Sentence, first: int, last: int) -> int:
    """Before what the writer adds about others: …، لكن البيت الأبيض رفض التعليق."""
    end = sentence.words[last - 1].end if last > first else 0
    found = _NO_COMMENT.search(sentence.text, sentence.words[first].start, end)
    return last if found is None or sentence.quoted(at := sentence.after(found.start())) else max(at, first + 1)


def _object_end(sentence: Sentence, first: int, last: int) -> int:
    """Where a bare object is over: a comma and a new clause; a list goes on."""
    for at in range(first + 1, last):
        if sentence.quoted(at):
            continue
        word = sentence.folded(at)
        if sentence.comma(at) and (word in group("new_clause") or word in group("relative") or _NEW_VERB.match(word)):
            return at
        if (
            word in {"اذ", "مما", "وهو", "وهي", "اثر"}
            or hearer(sentence, at)
            or (sentence.comma(at) and word in group("connectives"))
        ):
            return at
    return last


def _finished(sentence: Sentence, whole: Span, draft: _Draft, speakers: Speakers) -> list[Report]:
    cue = Span(draft.cue.start, draft.cue.end)
    contents = [Span(draft.opening.start, draft.end), *draft.opening.parts]
    antecedent = None
    if draft.source is not None and draft.cue.kind != "preposition":
        speakers.spoke(draft.source, draft.cue.feminine, nested=sentence.quoted(draft.cue.at) is not None)
    elif draft.source is None and draft.carried:
        antecedent = speakers.last(cue.start, draft.cue.feminine)
    return [
        Report(whole, cue, draft.source, antecedent, content, _kind(sentence, draft, content)) for content in contents
    ]


def _kind(sentence: Sentence, draft: _Draft, content: Span) -> Speech:
    if draft.opening.how == "colon":
        return "direct"
    if sentence.quoted(draft.cue.at) is not None:
        return "indirect"
    quotes = [quote for quote in sentence.quotes if content.overlaps(quote)]
    if any(quote.holds(content) or (quote.start <= content.start and content.end <= quote.end + 1) for quote in quotes):
        colon = ":" in sentence.text[max(content.start - 3, 0) : content.start]
        return "direct" if colon or len(content.of(sentence.text).split()) > 2 else "mixed"
    return "mixed" if any(_quotes_words(sentence, quote) for quote in quotes) else "indirect"


def _quotes_words(sentence: Sentence, quote: Span) -> bool:
    """Are they words that somebody said, and not a name: «ملاذا آمنا» against نظام «دعم»؟"""
    first, end = sentence.after(quote.start), sentence.after(quote.end)
    words = [word.folded for word in sentence.words[first:end]]
    before = sentence.folded(first - 1)
    before = before.removeprefix("و")
    if before in group("name_takers") or before.removeprefix("ال") in group("name_takers") or not words:
        return False
    if len(words) > 1 and all(word.startswith("ال") for word in words):
        return before.removeprefix("ب") in {"هذا", "هذه", "ذلك"} or len(words) > 3
    if len(words) > 2 and words[0] in _SENTENCE_HEADS:
        return True
    definite = before.startswith(("ال", "لل", "بال"))
    if len(words) == 1:
        return not definite and not words[0].startswith("ال") and first > 0 and not sentence.comma(first)
    return not definite or len(words) > 3


def sources(found: Sequence[Report]) -> list[Span]:
    """The speakers named, each span once, in order."""
    return sorted({report.source for report in found if report.source is not None})


@dataclass(frozen=True)
class _Mention:
    span: Span
    names: tuple[str, ...]
    feminine: bool | None


class Speakers:
    """The speakers of one article, in the order in which they speak."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._mentions: list[_Mention] = []
        self._by_name: dict[str, list[_Mention]] = {}

    def spoke(self, span: Span, feminine: bool | None, nested: bool = False) -> None:
        """Somebody was named as a speaker; whoever is quoted inside a quotation is not carried on."""
        mention = _Mention(span, self._names(span), feminine)
        for name in set(mention.names):
            known = self._by_name.setdefault(name, [])
            if len(known) < _MEMORY:
                known.append(mention)
        if not nested:
            self._mentions = [*self._mentions[-_MEMORY:], mention]

    def last(self, before: int, feminine: bool | None) -> Span | None:
        """The fullest mention of whoever spoke last, where the verb's gender leaves a choice, of that gender."""
        recent = [mention for mention in reversed(self._mentions) if mention.span.end <= before]
        if not recent:
            return None
        agreeing = [mention for mention in recent[:4] if feminine is None or mention.feminine in {None, feminine}]
        speaker = (agreeing or recent)[0]
        return self._fullest_of(speaker, before)

    def _fullest_of(self, speaker: _Mention, before: int) -> Span:
        """The first mention that says more of the same name: names are given in full where they first stand."""
        candidates = [mention for name in speaker.names for mention in self._by_name.get(name, ())]
        fuller = (
            mention
            for mention in candidates
            if mention.span.end <= before and mention.span < speaker.span and _same(speaker, mention)
        )
        first = min(fuller, key=lambda mention: mention.span, default=None)
        return first.span if first else self._introduced(speaker)

    def _introduced(self, speaker: _Mention) -> Span:
        """A bare surname's first stand in the article, with the name before it: دالي بليند."""
        if len(speaker.names) > 1 or self._text.startswith("ال", speaker.span.start):
            return speaker.span
        word = speaker.span.of(self._text)
        at = self._text.find(word, 0, speaker.span.start)
        before = _NAME_BEFORE.search(self._text, max(at - 20, 0), max(at, 0))
        if at < 0 or before is None or self._text[at + len(word)].isalnum() or not _may_name(before[1]):
            return speaker.span
        return Span(before.start(1), at + len(word))

    def _names(self, span: Span) -> tuple[str, ...]:
        kept = []
        for match in _WORD.finditer(self._text, *span):
            word = fold(match[0])
            if word in group("relative") or word in {"في", "من"}:
                break
            kept.append(word.removeprefix("ال"))
        return tuple(kept)


def _same(speaker: _Mention, mention: _Mention) -> bool:
    if len(mention.names) >= len(speaker.names) and set(speaker.names) <= set(mention.names):
        return True
    first = speaker.names[0]
    return first not in group("heads") and first in mention.names[:3]


def _may_name(word: str) -> bool:
    folded = fold(word)
    known = group("connectives") | group("adjuncts") | group("relative") | group("titles")
    return not folded.startswith(("ال", "لل", "و")) and folded not in known and read(word) is None
