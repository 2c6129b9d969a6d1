"""From a text to an `Article`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from naba.analysis.article import Article, Claim, Sentence
from naba.analysis.attribution import reports
from naba.analysis.models import DEFAULT, Models, open_models
from naba.analysis.priority import Seen, priorities
from naba.analysis.stances import claim_stances
from naba.arabic.segment import quotations, sentences
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.analysis.article import Answer
    from naba.analysis.attribution import Report
    from naba.analysis.models import Labeller
    from naba.arabic.segment import Span

LONGEST = 1_000_000
"""Characters of one article; more is a collection, to be given as a folder."""
MOST_EXPLAINED = 2000
"""Sentences of one text whose claim types are explained; of more, the first."""
_ARABIC = re.compile(r"[\u0621-\u064a\u0671-\u06d3]")


@dataclass(frozen=True)
class About:
    """What is known of a text beside its words; see `Article`."""

    name: str = ""
    title: str = ""
    url: str = ""
    date: str = ""
    notes: tuple[str, ...] = ()


def analyse(
    text: str,
    claims: Sequence[str | Claim] | None = None,
    *,
    claim_type: str | None = DEFAULT,
    stance: str | None = DEFAULT,
    explain: bool = True,
    about: About | None = None,
    models: Models | None = None,
) -> Article:
    """Sentences with claim types and an order of checking, who says what, and where the text stands on claims.

    >>> article = naba.analyse("قال الوزير إن العمل جار.", claims=["العمل متوقف"])     # doctest: +SKIP
    >>> article.sentences[0].reports[0].source.of(article.text)                        # doctest: +SKIP
    'الوزير'

    Args:
        text: any text of up to 1,000,000 characters; it is kept as it is, and all spans are characters of it.
        claims: texts, or `Claim`s with ids of your own.
        claim_type, stance: a tracked run by any of its names, a classifier folder, `default` (trained once on the
            embedded corpus, whose labels come from a language model), or None to leave these answers out. `stance` is
            not opened where there are no claims.
        explain: say what decided each answer.
        about: name, title, address and date of the text.
        models: opened before by `naba.analysis.models.open_models`, for many texts; `claim_type` and `stance` are then
            not looked at.
    Returns:
        An `Article`. A text without an Arabic letter has sentences without claim types, and a note that says so.
    Raises:
        UserError: the text is blank or too long, claims are blank or share an id, or a classifier cannot be had.
    """
    about = about or About()
    if not text.strip():
        raise UserError(f"{about.name or 'the text'}: there is nothing to analyse: it is empty")
    if len(text) > LONGEST:
        raise UserError(
            f"{about.name or 'the text'}: {len(text):,} characters, of which one article may have {LONGEST:,}",
            "if it holds several articles, give each as a file of its own in a folder",
        )
    given = numbered(claims or ())
    notes = about.notes
    if not _ARABIC.search(text):
        notes = (*notes, "there is no Arabic letter in this text: claim types and stances were not asked for")
        models = Models()
    elif models is None:
        models = open_models(claim_type, stance if given else None)
    found = _sentences(text, models.claim_type, explain=explain)
    stances, found = claim_stances(given, found, models.stance if given else None, explain=explain)
    return Article(
        text=text,
        sentences=tuple(found),
        claims=tuple(stances),
        origins=models.origins if given else tuple(one for one in models.origins if one.task == "claim_type"),
        name=about.name,
        title=about.title,
        url=about.url,
        date=about.date,
        notes=notes,
        quotations=tuple(quotations(text)),
    )


def numbered(claims: Sequence[str | Claim]) -> list[Claim]:
    """Claims with ids: c1, c2, … where they have none.

    Raises:
        UserError: one is blank, or two share an id.
    """
    found = [one if isinstance(one, Claim) else Claim(f"c{place}", one) for place, one in enumerate(claims, start=1)]
    seen: set[str] = set()
    for place, claim in enumerate(found, start=1):
        if not isinstance(claim.text, str) or not claim.text.strip():
            raise UserError(f"claim {place} ('{claim.id}') has no text")
        if claim.id in seen:
            raise UserError(f"claim {place}: the id '{claim.id}' is another claim's already")
        seen.add(claim.id)
    return found


def _sentences(text: str, labeller: Labeller | None, *, explain: bool) -> list[Sentence]:
    spans = sentences(text)
    texts = [span.of(text) for span in spans]
    said: dict[Span, list[Report]] = {}
    for report in reports(text, spans):
        said.setdefault(report.sentence, []).append(report)
    answers: list[Answer | None] = [None] * len(spans)
    if labeller is not None and spans:
        answers = [*_types(texts, spans, labeller, explain=explain)]
    seen = [Seen(*each) for each in zip(texts, answers, (said.get(span, []) for span in spans), strict=True)]
    return [
        Sentence(f"s{place}", span, one.text, one.claim_type, priority, tuple(one.reports))
        for place, (span, one, priority) in enumerate(zip(spans, seen, priorities(text, seen), strict=True), start=1)
    ]


def _types(texts: Sequence[str], spans: Sequence[Span], labeller: Labeller, *, explain: bool) -> list[Answer]:
    nothing = [""] * len(texts)
    answers = labeller.answers(texts, nothing)
    if not explain:
        return answers
    some = slice(0, MOST_EXPLAINED)
    labels, starts = [one.label for one in answers], [span.start for span in spans]
    evidence = labeller.evidence(texts[some], nothing[some], labels[some], starts[some])
    return [replace(answer, evidence=one) for answer, one in zip_longest(answers, evidence or [])]
