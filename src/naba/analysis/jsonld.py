"""schema.org `Claim` and `ClaimReview` records, for exchange with fact-checking tools.

A claim record says what is claimed, by whom and where it stands; it holds no rating. `ClaimReview` drafts have an empty
`reviewRating`, which a desk fills in. Offsets are a `TextPositionSelector` of the Web Annotation vocabulary
(https://www.w3.org/TR/annotation-vocab/).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naba.analysis.article import Article, Sentence
    from naba.arabic.segment import Span

CONTEXT: list[Any] = [
    "https://schema.org",
    {
        "selector": "http://www.w3.org/ns/oa#hasSelector",
        "start": "http://www.w3.org/ns/oa#start",
        "end": "http://www.w3.org/ns/oa#end",
        "TextPositionSelector": "http://www.w3.org/ns/oa#TextPositionSelector",
    },
]
UNCHECKABLE = frozenset({"opinion", "no_claim"})
_ORGANISATIONS = (
    "وزارة وكالة هيئة حكومة شركة مؤسسة منظمة جمعية قناة صحيفة شبكة مركز جهاز لجنة مجلس محكمة جامعة بنك حزب حركة اتحاد "
    "نقابة إذاعة مكتب دائرة مديرية جماعة نيابة"
)
_PERSONS = (
    "وزير رئيس متحدث مدير أمين ملك أمير الشيخ الدكتور السيد السيدة المهندس اللواء العميد العقيد النائب السفير الأستاذ "
    "محافظ قائد زعيم سفير نائب عضو"
)
_KINDS = dict.fromkeys(_PERSONS.split(), "Person") | dict.fromkeys(_ORGANISATIONS.split(), "Organization")
_ARTICLE = re.compile(r"^ال(?=..)")


def claims(article: Article) -> dict[str, Any]:
    """What there is to check as schema.org `Claim`s, in the order of checking.

    A sentence that reports gives a claim for each report, whose `author` is the speaker; another gives itself.
    Sentences whose type is opinion or no claim, and was not withheld, give none.
    """
    return {"@context": CONTEXT, "@graph": list(_claims(article))}


def claim_review_drafts(article: Article) -> dict[str, Any]:
    """A `ClaimReview` skeleton for each claim: what the desk must fill in is empty, the rating above all."""
    drafts = [
        {
            "@type": "ClaimReview",
            "inLanguage": "ar",
            "claimReviewed": claim["text"],
            "itemReviewed": claim,
            "author": {"@type": "Organization", "name": "", "url": ""},
            "datePublished": "",
            "url": "",
            "reviewRating": {"@type": "Rating", "ratingValue": "", "bestRating": "", "worstRating": "",
                             "alternateName": ""},
        }
        for claim in _claims(article)
    ]  # fmt: skip
    return {"@context": CONTEXT, "@graph": drafts}


def _claims(article: Article) -> Iterator[dict[str, Any]]:
    for sentence in article.in_order_of_checking():
        answer = sentence.claim_type
        if answer is not None and answer.label in UNCHECKABLE and not answer.withheld:
            continue
        if not sentence.reports:
            yield _claim_record(article, sentence, sentence.span, None)
        for report in sentence.reports:
            yield _claim_record(article, sentence, report.content, report.source or report.antecedent)


def _claim_record(article: Article, sentence: Sentence, span: Span, speaker: Span | None) -> dict[str, Any]:
    where: dict[str, Any] = {"@type": "CreativeWork", "name": article.title or article.name, "inLanguage": "ar"}
    if article.url:
        where["url"] = article.url
    if article.date:
        where["datePublished"] = article.date
    where["selector"] = _selector(span)
    claim: dict[str, Any] = {
        "@type": "Claim",
        "identifier": f"{article.sha256[:12]}-{sentence.id}-{span.start}",
        "text": span.of(article.text),
        "inLanguage": "ar",
        "appearance": where,
    }
    if article.date:
        claim["datePublished"] = article.date
    if sentence.claim_type is not None and not sentence.claim_type.withheld:
        claim["keywords"] = sentence.claim_type.label
    if speaker is not None:
        claim["author"] = _speaker(speaker.of(article.text)) | {"selector": _selector(speaker)}
    return claim


def _selector(span: Span) -> dict[str, Any]:
    return {"@type": "TextPositionSelector", "start": span.start, "end": span.end}


def _speaker(name: str) -> dict[str, Any]:
    """A Person or an Organization where the name's words say so; without a type elsewhere, rather than guessed."""
    for word in name.split()[:3]:
        kind = _KINDS.get(word) or _KINDS.get(_ARTICLE.sub("", word))
        if kind:
            return {"@type": kind, "name": name}
    return {"name": name}
