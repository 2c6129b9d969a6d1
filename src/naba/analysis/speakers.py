"""Who spoke last, and where an article names them most fully."""

from __future__ import annotations

import re
from dataclasses import dataclass

from naba.analysis.lexicon import fold, group, read
from naba.arabic.segment import Span

_WORD = re.compile(r"[^\W\d_]+(?:[\u064B-\u065F\u0670\u0640]+[^\W\d_]*)*")
_NAME_BEFORE = re.compile(r"(?:^|\s)([^\W\d_]{3,}) $")
_MEMORY = 12


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
