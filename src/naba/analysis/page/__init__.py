"""Analysed articles as self-contained HTML pages: right to left, Arabic with an English switch, no network.

A page for each article, and one of many articles: a line each, and where each claim is met; links lead to their pages.

The template, style sheet, script and words lie beside this file; this module makes what they show.
"""

from __future__ import annotations

import itertools
import json
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from naba import files
from naba.analysis.records import article_dict
from naba.analysis.stances import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from naba.analysis.article import Article, Origin, Sentence
    from naba.arabic.segment import Span

ASSETS = Path(__file__).parent
COLOURS = 8
LABEL_SOURCES = {
    "language_model": ("وسمه نموذج لغوي ولم يراجعه إنسان", "labelled by a language model, checked by no person"),
    "construction": ("وسمه ناتج عن طريقة إعداده", "labelled by the way it was made"),
    "person": ("وسمه بشر", "labelled by people"),
    "human": ("وسمه بشر", "labelled by people"),
}


@dataclass(frozen=True)
class Segment:
    """Characters of a sentence that are marked in one way."""

    start: int
    end: int
    text: str
    marks: str


def rendered(template: str, words: Mapping[str, Sequence[str]], **values: Any) -> str:
    """A template that lies here, with the Arabic of `words` and the style sheet."""
    arabic = {key: pair[0] for key, pair in words.items()}
    return files.rendered(
        ASSETS / template,
        lambda value: _visible(value) if type(value) is str else value,
        words=arabic,
        css=files.asset(ASSETS / "page.css"),
        **values,
    )


def page(article: Article) -> str:
    """The page as one string of HTML."""
    words = labelled(article.origins)
    content = article_dict(article)
    data = {"words": words, "types": _types(article), "sentences": content["sentences"], "claims": content["claims"]}
    return rendered(
        "page.html.jinja",
        words,
        article=article,
        title=article.title or article.name or next((one.text[:80] for one in article.sentences), "naba"),
        types=_legend(article),
        colour={label: place % COLOURS for place, label in enumerate(_types(article))},
        lines=list(_lines(article)),
        notes=article.notes,
        origins=range(len(article.origins)),
        shown_url=article.url if article.url.startswith(("http://", "https://")) else "",
        data=files.in_script(data),
        language=files.asset(ASSETS / "language.js"),
        js=files.asset(ASSETS / "page.js"),
    )


def _types(article: Article) -> list[str]:
    origin = article.origin("claim_type")
    return list(origin.labels) if origin else []


def _legend(article: Article) -> list[tuple[str, int]]:
    """(label, sentences) of each claim type that occurs."""
    labels = [one.claim_type.label for one in article.sentences if one.claim_type is not None]
    return [(label, labels.count(label)) for label in _types(article) if label in labels]


def labelled(origins: Sequence[Origin]) -> dict[str, list[str]]:
    """Key -> Arabic and English: of the page itself, of the models' labels, and of what stands behind the models."""
    words: dict[str, list[str]] = json.loads((ASSETS / "words.json").read_text(encoding="utf-8"))
    for origin in origins:
        prefix = "type" if origin.task == "claim_type" else "stance"
        for label, shown in origin.labels.items():
            words[f"{prefix}_{label}"] = [shown, label.replace("_", " ")]
    for place, origin in enumerate(origins):
        words[f"origin_{place}"] = list(_origin(origin))
    return words


def _origin(origin: Origin) -> tuple[str, str]:
    arabic, english = LABEL_SOURCES.get(origin.label_source, (origin.label_source, origin.label_source))
    task = {"claim_type": ("أنواع الادعاءات", "Claim types"), "stance": ("المواقف", "Stances")}
    names = task.get(origin.task, (origin.task, origin.task))
    dataset = origin.dataset or "?"
    parts_ar = [f"{names[0]}: نموذج {origin.model or origin.name} على مجموعة {dataset} ({arabic})"]
    parts_en = [f"{names[1]}: model {origin.model or origin.name} trained on {dataset} ({english})"]
    if dataset.startswith("synthetic_"):
        parts_ar.append("وهي نصوص مصنوعة، لا أخبار حقيقية")
        parts_en.append("made-up texts, not real news")
    parts_ar.append("الاحتمالات معايرة" if origin.calibrated else "الاحتمالات غير معايرة")
    parts_en.append("probabilities calibrated" if origin.calibrated else "probabilities not calibrated")
    if origin.risk is not None:
        but = [origin.labels.get(label, label) for label in origin.uncounted]
        among = (
            f" ({'، '.join(but)} لا تُحسب)" if but else "",
            f" ({', '.join(origin.uncounted)} not counted)" if but else "",
        )
        parts_ar.append(f"يمتنع كي لا تتجاوز الأخطاء {100 * origin.risk:.0f}% في نصوص كنصوص تدريبه{among[0]}")
        parts_en.append(f"withholds answers to keep errors below {100 * origin.risk:.0f}% on texts like those of its "
                        f"training{among[1]}")  # fmt: skip
    return "، ".join(parts_ar) + ".", ", ".join(parts_en) + "."


# --- the text -----------------------------------------------------------------------------------------------------


def _lines(article: Article) -> Iterator[list[tuple[Sentence | None, list[Segment]]]]:
    """The lines of the article; each a list of (sentence or None for what is between sentences, its segments)."""
    cuts = _Cuts(article)
    sentences = article.sentences
    starts = [sentence.span.start for sentence in sentences]
    place = 0
    for line in article.text.splitlines(keepends=True):
        start, end = place, place + len(line)
        place = end
        inside = sentences[bisect_left(starts, start) : bisect_left(starts, end)]
        parts: list[tuple[Sentence | None, list[Segment]]] = []
        at = start
        for sentence in inside:
            parts += _between(article.text, at, sentence.span.start)
            parts.append((sentence, cuts.segments(sentence.span)))
            at = sentence.span.end
        parts += _between(article.text, at, end)
        if parts:
            yield parts


def _between(text: str, start: int, end: int) -> list[tuple[None, list[Segment]]]:
    shown = text[start:end].strip("\r\n")
    return [(None, [Segment(start, end, shown, "")])] if shown.strip() else []


def _visible(text: str) -> str:
    """A NUL, which HTML cannot hold, as its picture; a lone surrogate, which no file can hold, as a question mark."""
    return text.replace("\0", "\u2400").encode("utf-8", "replace").decode("utf-8")


class _Cuts:
    """Where marked stretches begin and end, and which marks hold at a place."""

    def __init__(self, article: Article) -> None:
        self.text = article.text
        self.marked: dict[str, list[Span]] = {
            "quote": list(article.quotations),
            "speaker": sorted({one.source for one in article.reports if one.source is not None}),
            "cue": sorted({one.cue for one in article.reports}),
        }
        bounds = [span for spans in self.marked.values() for span in spans]
        bounds += [one.content for one in article.reports]
        bounds += [one.antecedent for one in article.reports if one.antecedent is not None]
        answers = [one.claim_type for one in article.sentences]
        answers += [one.answer for claim in article.claims for one in claim.sentences]
        bounds += [word.span for one in answers if one is not None and one.evidence for word in one.evidence.words]
        self.places = sorted({place for span in bounds for place in span})

    def segments(self, span: Span) -> list[Segment]:
        """The pieces of a span, each with the marks that hold for all of it."""
        inside = self.places[bisect_right(self.places, span.start) : bisect_left(self.places, span.end)]
        edges = [span.start, *inside, span.end]
        return [
            Segment(start, end, self.text[start:end], self._marks(start, end))
            for start, end in itertools.pairwise(edges)
        ]

    def _marks(self, start: int, end: int) -> str:
        return " ".join(name for name, spans in self.marked.items() if _covered(spans, start, end))


def _covered(spans: Sequence[Span], start: int, end: int) -> bool:
    """Does one of the sorted spans hold the stretch? Speakers may lie in one another, so a few are looked at."""
    last = bisect_right(spans, (start, len(spans) and spans[-1].end + 1))
    return any(span.start <= start and end <= span.end for span in spans[max(0, last - 8) : last])


@dataclass(frozen=True)
class Entry:
    """What the page says of an article; kept instead of the article, of which there may be thousands."""

    name: str
    title: str
    date: str
    sentences: int
    typed: int
    reports: int
    first_id: str
    first: str

    @property
    def href(self) -> str:
        """The address of its page from the index."""
        return quote(f"{self.name}.html")


@dataclass(frozen=True)
class Bearing:
    """An article that bears on a claim, or repeats it."""

    href: str
    title: str
    stance: str
    withheld: bool
    repeated: bool


@dataclass
class Met:
    """A claim, and the articles in which it is met."""

    text: str
    bearing: list[Bearing] = field(default_factory=list)


@dataclass
class Index:
    """Grows by an article at a time."""

    entries: list[Entry] = field(default_factory=list)
    claims: dict[str, Met] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()

    def add(self, article: Article) -> None:
        """An article, with its claims."""
        first = next(iter(article.in_order_of_checking()), None)
        entry = Entry(
            article.name, article.title or article.name, article.date, len(article.sentences),
            sum(one.claim_type is not None and not one.claim_type.withheld for one in article.sentences),
            len(article.reports), first.id if first else "", first.text if first else "",
        )  # fmt: skip
        self.entries.append(entry)
        self.origins = self.origins or article.origins
        for claim in article.claims:
            met = self.claims.setdefault(claim.claim.id, Met(claim.claim.text))
            stance = "" if claim.stance in {None, *NOTHING} else str(claim.stance)
            if stance or claim.repeated:
                withheld = bool(stance) and claim.withheld
                met.bearing.append(Bearing(entry.href, entry.title, stance, withheld, bool(claim.repeated)))

    def page(self, bad: Sequence[str], tables: Sequence[str]) -> str:
        """The page as one string of HTML.

        Args:
            bad: what is wrong with the files that were not read.
            tables: names of the CSV files beside it.
        """
        words = labelled(self.origins)
        return rendered(
            "index.html.jinja", words, entries=self.entries, claims=list(self.claims.values()), bad=bad, tables=tables,
            typed=any(origin.task == "claim_type" for origin in self.origins), origins=range(len(self.origins)),
            data=files.in_script({"words": words}), language=files.asset(ASSETS / "language.js"),
        )  # fmt: skip
