"""Reporting words of a sentence, and where what each of them introduces begins."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from naba.analysis.lexicon import Reading, fold, group, read
from naba.analysis.phrases import LONG_SOURCE, Sentence, before_relative, object_start, subject, without_preposition

if TYPE_CHECKING:
    from collections.abc import Callable

    from naba.arabic.segment import Span

Kind = Literal["verb", "participle", "noun", "preposition"]
How = Literal["clause", "quote", "colon", "object", "before"]

_PARTS = 8
REACH = 45
"""Words in which a verb must find what it introduces."""


@dataclass(frozen=True)
class Cue:
    """A reporting word of a sentence.

    Attributes:
        at: which word of the sentence.
        start, end: its characters, without a leading و or ف.
        kind: what it is.
        reading: what the lexicon knows of it; None for a preposition.
        joined: و or ف stands before it.
        bounds: what was said before it is over here.
    """

    at: int
    start: int
    end: int
    kind: Kind
    reading: Reading | None
    joined: bool
    bounds: bool

    @property
    def feminine(self) -> bool | None:
        """Its gender, where its form says."""
        return self.reading.form.feminine if self.reading else None

    @property
    def pronoun(self) -> bool:
        """Does a pronoun stick to it?"""
        return self.reading is not None and self.reading.form.pronoun

    def uses(self, use: str) -> bool:
        """Does the lexicon restrict the verb so?"""
        return self.reading is not None and use in self.reading.form.verb.uses

    @property
    def past(self) -> str:
        """The name of its verb."""
        return self.reading.form.verb.past if self.reading else ""

    @property
    def first_person(self) -> bool:
        """قلت, as speakers quote themselves."""
        return self.reading is not None and self.reading.form.first_person

    @property
    def impersonal(self) -> bool:
        """Without a subject it speaks for nobody."""
        return self.uses("impersonal")

    @property
    def objects(self) -> frozenset[str]:
        """What its content may begin with besides a clause."""
        return self.reading.form.verb.objects if self.reading else frozenset()


@dataclass(frozen=True)
class Opening:
    """Where the content of a cue begins.

    Attributes:
        start: its first character.
        word: its first word.
        at: the word after which nothing belongs to cue and source: what stands between is skipped.
        region: the word before which the speaker must stand.
        how: what opens it.
        end: where it ends, if that is known already.
        before: the content stands before the cue.
        source: the speaker, if that is known already.
        parts: further parts of a discontinuous quotation.
    """

    start: int
    word: int
    at: int
    region: int
    how: How
    end: int | None = None
    before: bool = False
    source: Span | None = None
    parts: tuple[Span, ...] = ()


def cues(sentence: Sentence) -> list[Cue]:
    """The words that may report, in order; whether they do shows when something follows that they introduce."""
    found = []
    for at, word in enumerate(sentence.words):
        stripped = word.folded if word.folded in group("prepositions") else word.folded.removeprefix("و")
        if stripped in group("prepositions"):
            skipped = len(word.folded) - len(stripped)
            joined = bool(skipped) and at > 1
            found.append(Cue(at, word.start + skipped, word.end, "preposition", None, joined, bounds=joined))
            continue
        reading = read(word.raw)
        if reading is None or word.folded in group("not_cues") or not _possible(sentence, at, reading):
            continue
        kind: Kind = reading.form.kind
        bounds = _bounds(sentence, at, reading)
        found.append(Cue(at, word.start + reading.skipped, word.end, kind, reading, reading.joined, bounds))
    return found


def _initial(sentence: Sentence, at: int, reading: Reading) -> bool:
    before = sentence.folded(at - 1)
    return (
        at == 0
        or reading.joined
        or sentence.comma(at)
        or sentence.colon(at)
        or sentence.dash(at)
        or before in group("connectives")
        or before in group("relative")
        or before in group("what_said")
        or before in {"ما", "جانبه", "جانبها", "جهته", "جهتها", "بدوره", "بدورها"}
        or sentence.quote(at) is not None
        or any(quote.end <= sentence.words[at].start for quote in sentence.quotes[:1])
    )


def _possible(sentence: Sentence, at: int, reading: Reading) -> bool:
    verb, kind = reading.form.verb, reading.form.kind
    word = sentence.words[at]
    if kind == "participle":
        marked = word.raw.endswith(("ا", "اً", "ًا", "اَ")) and not reading.form.feminine
        apart = at > 3 and not sentence.folded(at - 1).endswith(("ة", "ات")) and not word.raw.endswith("ين")
        free = "clause" not in verb.uses and (marked or apart)
        return at == 0 or sentence.comma(at) or reading.joined or free
    if kind == "verb" and not reading.joined and sentence.folded(at - 1) in _BEFORE_NOUNS | _NEGATIONS:
        return False
    if kind == "verb" and at and sentence.words[at - 1].raw == "أن" and not reading.joined and word.folded[0] in "يت":
        return False  # أن يعلن: what has not been said yet
    following = sentence.folded(at + 1)
    if kind == "verb" and (following == "ذلك" or (following == "عدم" and sentence.folded(at + 2) in _ANONYMOUS)):
        return False  # أوضح ذلك فلان: what was said stands elsewhere; طلب عدم ذكر اسمه is about the speaker
    if verb.past == "رد" and reading.joined and following == "في":
        return False  # ورد في البيان is one word, and no reply
    if kind == "verb" and verb.uses & {"clause", "initial"} and not reading.form.pronoun:
        early = at <= 4 and "initial" not in verb.uses and not sentence.folded(0).startswith("ال")
        return _initial(sentence, at, reading) or early
    return True


_ANONYMOUS = {"ذكر", "الكشف", "كشف", "نشر", "الافصاح", "الاشارة", "تسميته"}
_NEGATIONS = {"لم", "لن", "لا", "ولم", "ولن", "ولا"}
_BEFORE_NOUNS = {"على", "الى", "في", "عن", "بعد", "قبل", "خلال", "بين", "مع", "عدم"}


def _bounds(sentence: Sentence, at: int, reading: Reading) -> bool:
    form = reading.form
    if form.kind == "participle":
        return True
    if form.kind == "noun" or "impersonal" in form.verb.uses:
        return form.kind == "verb" and reading.joined and not sentence.clause(at + 1)
    if reading.joined or (at and sentence.folded(at - 1) in {"كما", "ثم", "وقد"}):
        near = any(
            sentence.clause(after) or sentence.quote(after) for after in range(at + 1, min(at + 9, len(sentence)))
        )
        return "clause" not in form.verb.uses or near
    return False


def opening(sentence: Sentence, cue: Cue, limit: int) -> Opening | None:
    """Where what the cue introduces begins, or None where it introduces nothing and so does not report.

    Args:
        sentence: its sentence.
        cue: one of `cues(sentence)`.
        limit: the word at which the next coordinated report begins.
    """
    if cue.kind == "preposition":
        return _of_source(sentence, cue)
    if _closes(sentence, cue):
        return _closed_by_verb(sentence, cue)
    if cue.uses("relay"):
        return _relayed(sentence, cue, min(limit, cue.at + 16))
    if cue.kind == "verb" and (inverted := _inverted(sentence, cue, limit)):
        return inverted
    if cue.pronoun and cue.kind == "verb" and "ب" not in cue.objects:
        return _head(sentence, cue)
    reach = {"verb": REACH, "participle": 9, "noun": 8}[cue.kind]
    if cue.uses("clause"):
        reach = min(reach, 16)
    if cue.at and sentence.clause(cue.at - 1) and sentence.folded(cue.at - 1) not in {"ان", "بان"}:
        reach = min(reach, 4)
    found = _following(sentence, cue, min(limit, cue.at + reach, len(sentence)))
    # أنه يتحدث عن …: a report that somebody speaks of something.
    return None if reach == 4 and found is not None and found.how == "object" else found


def _following(sentence: Sentence, cue: Cue, end: int) -> Opening | None:
    bare = _bare_object(sentence, cue, end)
    for at in range(cue.at + 1, end):
        if bare is not None and at >= bare:
            return Opening(sentence.opening(bare), bare, bare, bare, "object")
        found = _quoted(sentence, cue, at) or _clause(sentence, cue, at) or _prepositional(sentence, cue, at)
        if found is not None:
            return found
    return None


def _quoted(sentence: Sentence, cue: Cue, at: int) -> Opening | None:
    """A quotation, or the speaker's words after a colon."""
    colon = sentence.colon(at)
    if sentence.quoted(cue.at) is not None or cue.kind == "noun" or (colon and sentence.folded(at) in {"ان", "بان"}):
        return None
    quote = sentence.quote(at)
    if quote is None:
        start = sentence.unclosed(at) or (sentence.opening(at) if colon and at + 1 < len(sentence) else None)
        return None if start is None else Opening(start, at, at, at, "colon")
    after = sentence.after(quote.end)
    if cue.uses("prep") or not (colon or _says_words(sentence, cue, at, after)):
        return None
    return Opening(quote.start, at, at, at, "quote", end=quote.end, parts=_parts(sentence, quote))


def _says_words(sentence: Sentence, cue: Cue, at: int, after: int) -> bool:
    """Are the quoted words `at` to `after` what is said, and not a name: قالت «الشرق الأوسط» إن؟"""
    if after - at < 3 or sentence.folded(at - 1) in group("name_takers"):
        return False
    goes_on = after < len(sentence) and not sentence.comma(after)
    return not (goes_on and (sentence.clause(after) or _separate(sentence, cue, after)))


def _parts(sentence: Sentence, quote: Span) -> tuple[Span, ...]:
    """Parts of the quotation that go on after a mere comma or و: «…»، «…»."""
    found = []
    for other in sentence.quotes[bisect_left(sentence.quotes, (quote.end, 0)) :][:_PARTS]:
        between = sentence.text[quote.end : other.start]
        if other.start >= quote.end and len(between) < 6 and not between.strip(" ،,و.\u00a0…"):
            found.append(other)
            quote = other
    return tuple(found)


def _clause(sentence: Sentence, cue: Cue, at: int) -> Opening | None:
    """A clause after أن, إن, بأن, or one of them with a pronoun, which belongs to it."""
    first = at + 1 if sentence.folded(at) in {"ان", "بان"} else at
    if not sentence.clause(at) or first >= len(sentence) or not _fits(sentence, cue, at):
        return None
    region = at - 1 if sentence.folded(at - 1) in {"الى", "على", "من", "عن", "ب"} else at
    quote = sentence.quote(first)
    if quote is not None:
        after = sentence.after(quote.end)
        ends = after >= len(sentence) or sentence.comma(after) or _STOP & set(sentence.before(after))
        if after - first > 2 and (ends or cue.past == "وصف"):
            return Opening(quote.start, first, at, region, "quote", end=quote.end)
    return Opening(sentence.opening(first), first, at, region, "clause")


def _fits(sentence: Sentence, cue: Cue, at: int) -> bool:
    """May the particle at `at` belong to the cue? قال takes إن, the others أن."""
    word, far = sentence.words[at], at - cue.at
    before = sentence.folded(at - 1) if sentence.before(at).isspace() else ""
    if before not in cue.objects and (cue.uses("prep") or (before in _PREPOSITIONS and far > 1)):
        return False  # مخاوف من أن: the noun's clause, not the verb's
    if cue.kind == "noun":
        return far <= 2 or word.folded.startswith("ب")
    if cue.past == "قال":
        return word.raw[:1] != "أ" or far <= 5 or not _ends_in_inna(sentence, at)
    return word.raw[:1] != "إ" or far <= 8 or sentence.comma(at)


_PREPOSITIONS = {"الى", "على", "من", "عن", "في"}


def _ends_in_inna(sentence: Sentence, at: int) -> bool:
    """قال takes إن: where one follows, أن before it belongs to the speaker's description."""
    later = range(at + 1, min(at + 25, len(sentence)))
    return any(sentence.words[word].raw[:1] == "إ" and sentence.clause(word) for word in later)


_STOP = set("؛;.!؟")


def _separate(sentence: Sentence, cue: Cue, at: int) -> bool:
    """Is the word a preposition of its own that the verb takes before its content?"""
    word = sentence.folded(at)
    if word not in cue.objects or word in {"ب", "ل"}:
        return False
    previous = sentence.folded(at - 1)
    return not (word == "من" and previous in group("counters"))


def _prepositional(sentence: Sentence, cue: Cue, at: int) -> Opening | None:
    """A noun phrase after the preposition that the verb takes."""
    inside = sentence.quoted(at) is not None and sentence.quote(at) is None
    if inside or cue.uses("clause") or (cue.kind == "noun" and not _noun_takes(sentence, cue, at)):
        return None
    if _attached(sentence, cue, at):
        quote = sentence.quote(at + 1) if sentence.folded(at) == "ب" and at + 1 < len(sentence) else None
        if quote is not None:
            return Opening(quote.start, at + 1, at, at, "quote", end=quote.end)
        return Opening(sentence.opening(at), at, at, at, "object")
    first = at + 1
    if not _separate(sentence, cue, at) or first >= len(sentence) or not _takes_object(sentence, cue, at):
        return None
    quote = sentence.quote(first)
    if quote is not None and sentence.after(quote.end) - at > 3:
        return Opening(quote.start, first, at, at, "quote", end=quote.end)
    return Opening(sentence.opening(first), first, at, at, "object")


def _takes_object(sentence: Sentence, cue: Cue, at: int) -> bool:
    if sentence.clause(at + 1) or (cue.kind == "verb" and _follows_later(sentence, at)):
        return False
    return not (sentence.folded(at) in {"في", "على"} and sentence.folded(at + 1) in group("occasions"))


def _noun_takes(sentence: Sentence, cue: Cue, at: int) -> bool:
    """A noun takes an object as تعهده بترحيل and تحذيرات المكتب من الطقس do; تحذيرهم من may be what others get."""
    if cue.pronoun:
        return at == cue.at + 1 and sentence.folded(at).startswith("ب")
    return at > cue.at + 1 and sentence.words[cue.at].folded.endswith("ات")


def _follows_later(sentence: Sentence, at: int) -> bool:
    """The same preposition again, with a possessed noun after it: نائب الرئيس عن آسيا عن نيته."""
    word = sentence.folded(at)
    return any(
        sentence.folded(later) == word
        and sentence.folded(later + 1).endswith(("ه", "ها"))
        and not sentence.comma(later)
        for later in range(at + 2, min(at + 5, len(sentence)))
    )


def _attached(sentence: Sentence, cue: Cue, at: int) -> bool:
    """Is the word a noun with the ب (or ل) that the verb takes, and not a place or a name?"""
    word, next_to = sentence.folded(at), at == cue.at + 1
    if "ب" not in cue.objects or not word.startswith("ب"):
        return "ل" in cue.objects and next_to and word.startswith("ل") and len(word) > 3
    rest = word[1:]
    if rest in _AFTER_BA:
        return _AFTER_BA[rest](sentence, cue, at)
    if len(rest) < 3 or {rest, rest.removeprefix("ال")} & group("places") or word in group("names_with_ba"):
        return False
    near = next_to and (cue.kind != "verb" or rest[0] not in "يور")
    return near or rest.startswith("ال") or rest in group("objects") or (rest[0] in "تامهع" and len(rest) > 3)


_AFTER_BA: dict[str, Callable[[Sentence, Cue, int], bool]] = {
    "": lambda sentence, _, at: at + 1 < len(sentence) and sentence.quote(at + 1) is not None,
    "ما": lambda *_: True,
    "هذا": lambda _, cue, __: cue.kind == "participle",
    "هذه": lambda _, cue, __: cue.kind == "participle",
}


def _bare_object(sentence: Sentence, cue: Cue, end: int) -> int | None:
    if cue.uses("clause") or ("NP" not in cue.objects and not cue.uses("object")):
        return None
    first = cue.at + 1
    if cue.kind == "participle":
        while first < end and sentence.folded(first) in group("manner"):
            first += 1
        word = sentence.folded(first)
        if first < end and word not in {"ان", "في", "على", "الى", "من", "عن"} and not sentence.clause(first):
            return first if not sentence.quote(first) and not sentence.colon(first) else None
        return None
    if cue.kind == "noun":
        return None
    return object_start(
        sentence,
        cue.at,
        end,
        split=bool(cue.objects & {"ب"}) or (cue.past in group("denials")),
    )


def _head(sentence: Sentence, cue: Cue) -> Opening | None:
    """هجوم تبنته حركة طالبان: the content is the noun before the verb."""
    if cue.at == 0 or cue.joined:
        return None
    before = cue.at - 1
    if sentence.folded(before) in group("relative"):
        head = before_relative(sentence, before)
        if head is None:
            return None
        start, end = head.start, head.end
    else:
        span = sentence.phrase(before, before)
        start, end = span.start, span.end
    stop = next(
        (
            at
            for at in range(cue.at + 2, len(sentence))
            if sentence.comma(at) or sentence.folded(at) in {"في", "على", "ان", "ضد"}
        ),
        len(sentence),
    )
    source = subject(sentence, cue.at + 1, min(stop, cue.at + 12))
    if source is None or sentence.text[source.start] == "ل":
        return None
    return Opening(start, before, cue.at, cue.at, "before", end=end, before=True, source=source)


def _relayed(sentence: Sentence, cue: Cue, end: int) -> Opening | None:
    """نقلت الوكالة عن الوزير قوله إن …: the agency vouches for his saying it; so نسبت … إليه."""
    word = "الى" if cue.past == "نسب" else "عن"
    about = next((at for at in range(cue.at + 1, end) if sentence.folded(at) == word), end)
    for at in range(about + 2, end):
        reading = read(sentence.words[at].raw)
        if reading and reading.form.kind == "noun" and reading.form.pronoun and not reading.joined:
            return Opening(sentence.words[at].start, at, at, about, "clause")
        if sentence.clause(at):
            first = min(at + (sentence.folded(at) in {"ان", "بان"}), len(sentence) - 1)
            speaker = subject(sentence, about + 1, at)
            return Opening(sentence.opening(first), first, at, about, "clause", source=speaker)
    return None


def _closes(sentence: Sentence, cue: Cue) -> bool:
    """Does the verb close what was said: حسبما أعلن, بحسب ما أفاد, كما قال الوزير؟"""
    before, further = sentence.folded(cue.at - 1), sentence.folded(cue.at - 2)
    if before == "كما":
        return cue.at > 4 and sentence.comma(cue.at - 1) and len(sentence) - cue.at < 6 and not cue.uses("clause")
    said = further in group("prepositions") or (further == "على" and sentence.comma(cue.at - 2))
    if before not in group("what_said") and not (before == "ما" and said):
        return False
    return not any(sentence.clause(at) for at in range(cue.at + 1, min(cue.at + 12, len(sentence))))


def _closed_by_verb(sentence: Sentence, cue: Cue) -> Opening | None:
    """…، حسبما أعلن مسؤولون; …، بحسب ما أفاد مراسلنا."""
    end = cue.at - 1
    while end > 0 and sentence.folded(end - 1) in group("prepositions") | {"على"}:
        end -= 1
    if end < 3:
        return None
    stop = next((at for at in range(cue.at + 1, len(sentence)) if sentence.comma(at)), len(sentence))
    source = subject(sentence, cue.at + 1, stop)
    return _whole(sentence, cue, end, source)


def _whole(sentence: Sentence, cue: Cue, end: int, source: Span | None) -> Opening | None:
    """The sentence up to the word `end` as content."""
    first = 0
    while first < end and sentence.folded(first) in {"كما", "ثم", "حيث", "فيما", "و", "وقد"}:
        first += 1
    if first >= end:
        return None
    start = sentence.opening(first)
    first_word = sentence.words[first]
    if first == 0 and first_word.folded[0] == "و" and first_word.folded not in group("with_waw"):
        start += 1
    return Opening(start, first, cue.at, cue.at, "before", end=sentence.closing(end - 1), before=True, source=source)


def _of_source(sentence: Sentence, cue: Cue) -> Opening | None:
    """بحسب X, وفقا لـ X, نقلا عن X: X vouches for the clause that they close, or open."""
    first = _source_start(sentence, cue)
    if first is None:
        return None
    leading = cue.joined or (cue.at <= 1 and not (cue.at == 1 and sentence.comma(1)))
    end = _source_end(sentence, first, leading)
    if end <= first or (leading and end >= len(sentence)):
        return None
    source = without_preposition(sentence.text, sentence.phrase(first, end - 1), sure=True)
    if leading:
        content = min(end + (sentence.folded(end) == "فان"), len(sentence) - 1)
        return Opening(sentence.opening(content), content, content, content, "clause", source=source)
    for at in range(end, min(end + 3, len(sentence))):
        if sentence.clause(at):
            content = min(at + (sentence.folded(at) in {"ان", "بان"}), len(sentence) - 1)
            return Opening(sentence.opening(content), content, cue.at, cue.at, "clause", before=True, source=source)
    return _whole(sentence, cue, cue.at, source)


def _source_start(sentence: Sentence, cue: Cue) -> int | None:
    """The first word of the source after بحسب and the like; None where they name a measure, not a voice."""
    word, first = fold(sentence.text[cue.start : cue.end]), cue.at + 1
    if word in {"نقلا", "استنادا"} and sentence.folded(first) not in {"عن", "الى"}:
        return None
    if word in {"وفقا", "طبقا"} and not sentence.folded(first).startswith("ل"):
        return None
    first += (word in {"نقلا", "استنادا"}) or sentence.folded(first) == "ل"
    head = sentence.folded(first)
    silent = word in {"حسب", "وفق"} and head.removeprefix("ل") not in group("voices")
    return None if not head or silent or not _voice(head) or sentence.quoted(cue.at) else first


def _voice(head: str) -> bool:
    bare = head.removeprefix("ل")
    stem = "ال" + head[2:] if head.startswith("لل") else bare
    known = group("not_sources")
    return not {head, bare, stem, stem.removeprefix("ال")} & known


def _source_end(sentence: Sentence, first: int, leading: bool) -> int:
    window = range(first + 1, min(len(sentence), first + LONG_SOURCE))
    if leading and (then := next((at for at in window if sentence.folded(at) in {"فان", "فقد", "فانه", "فانها"}), 0)):
        return then
    for at in window:
        word = sentence.folded(at)
        if leading and (sentence.comma(at) or word in group("aux") or sentence.clause(at)):
            return at
        if not leading and (
            sentence.comma(at)
            or word in group("relative")
            or word in {"كذلك", "ايضا", "ان", "بان"}
            or sentence.clause(at)
        ):
            return at
    return min(len(sentence), first + LONG_SOURCE) if not leading else 0


_SO = re.compile(r"(?:هكذا|بهذه (?:الكلمات|العبارة|الجملة))\s$")  # «…»، بهذه الكلمات لخص فلان


def _inverted(sentence: Sentence, cue: Cue, limit: int) -> Opening | None:
    """«…»، قال فلان: a quotation just before the verb, and no content after it."""
    if cue.joined or not sentence.quotes or sentence.quoted(cue.at):
        return None
    following = bisect_left(sentence.quotes, (sentence.words[cue.at].start, 0))
    if not following:
        return None
    quote = sentence.quotes[following - 1]
    between = _SO.sub("", sentence.text[quote.end : sentence.words[cue.at].start])
    first = sentence.after(quote.start)
    if between.strip(" ،,\u00a0-–—.") or cue.at - first < 3:
        return None
    if (
        first
        and sentence.words[first - 1].end > sentence.span.start
        and (read(sentence.words[first - 1].raw) or first > 3)
    ):
        return None
    if any(sentence.clause(at) for at in range(cue.at + 1, min(limit, cue.at + 12))):
        return None
    stop = next(
        (
            at
            for at in range(cue.at + 1, len(sentence))
            if sentence.comma(at) or sentence.colon(at) or sentence.quote(at)
        ),
        len(sentence),
    )
    parts = tuple(other for other in sentence.quotes[following : following + 1] if sentence.after(other.start) == stop)
    source = subject(sentence, cue.at + 1, stop)
    return Opening(quote.start, first, cue.at, cue.at, "before", end=quote.end, before=True, source=source, parts=parts)
