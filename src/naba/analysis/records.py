"""An analysed article as values for JSON, as rows for CSV and a terminal, as schema.org records for fact-checkers.

A `Claim` record says what is claimed, by whom and where it stands; it holds no rating. `ClaimReview` drafts have an
empty `reviewRating`, which a desk fills in. Offsets are a `TextPositionSelector` of the Web Annotation vocabulary
(https://www.w3.org/TR/annotation-vocab/).
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from naba import __version__
from naba.analysis.article import FORMAT
from naba.analysis.stances import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from naba.analysis.article import Answer, Article, ClaimStance, Sentence
    from naba.analysis.attribution import Report
    from naba.arabic.segment import Span

CLAIM_COLUMNS = (
    "article", "url", "date", "rank", "score", "sentence", "start", "end", "text", "claim_type", "probability",
    "withheld", "reasons", "speaker", "cue", "said", "kind", "repeats",
)  # fmt: skip
STANCE_COLUMNS = ("article", "claim", "claim_text", "article_stance", "article_withheld", "sentence", "start", "end",
                  "text", "stance", "probability", "withheld", "repeats", "words")  # fmt: skip

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
SENTENCE_LINES = ("check", "", "sentence", "claim type", "speaker", "stance")
CLAIM_LINES = ("claim", "", "the article", "repeated by")
DOUBTFUL = 2
"""Withheld stances that are shown for a sentence."""


def dumps(content: Any) -> str:
    """JSON, indented, with Arabic as it is; numbers are finite."""
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def article_dict(article: Article) -> dict[str, Any]:
    """See `Article.to_dict`."""
    return {
        "format": FORMAT,
        "naba": __version__,
        "name": article.name,
        "title": article.title,
        "url": article.url,
        "date": article.date,
        "language": "ar",
        "sha256": article.sha256,
        "notes": list(article.notes),
        "models": [asdict(origin) for origin in article.origins],
        "text": article.text,
        "quotations": [_span(article.text, span) for span in article.quotations],
        "sentences": [_sentence(article, sentence) for sentence in article.sentences],
        "claims": [_claim(article, claim) for claim in article.claims],
    }


def _span(text: str, span: Span) -> dict[str, Any]:
    return {"start": span.start, "end": span.end, "text": span.of(text)}


def _sentence(article: Article, sentence: Sentence) -> dict[str, Any]:
    text = article.text
    return {
        "id": sentence.id,
        **_span(text, sentence.span),
        "claim_type": None if sentence.claim_type is None else _answer(text, sentence.claim_type),
        "priority": asdict(sentence.priority) | {"reasons": [asdict(one) for one in sentence.priority.reasons]},
        "reports": [_report(text, report) for report in sentence.reports],
        "repeats": [asdict(one) for one in sentence.repeats],
    }


def _answer(text: str, answer: Answer) -> dict[str, Any]:
    evidence = None
    if answer.evidence is not None:
        words = [_span(text, word.span) | {"weight": word.weight} for word in answer.evidence.words]
        features = [{"feature": name, "weight": weight} for name, weight in answer.evidence.features]
        evidence = {"features": features, "words": words}
    return {
        "label": answer.label,
        "probability": answer.probability,
        "withheld": answer.withheld,
        "probabilities": dict(answer.probabilities),
        "evidence": evidence,
    }


def _report(text: str, report: Report) -> dict[str, Any]:
    return {
        "cue": _span(text, report.cue),
        "source": report.source and _span(text, report.source),
        "antecedent": report.antecedent and _span(text, report.antecedent),
        "content": _span(text, report.content),
        "kind": report.kind,
    }


def _claim(article: Article, claim: ClaimStance) -> dict[str, Any]:
    return {
        "id": claim.claim.id,
        "text": claim.claim.text,
        "stance": claim.stance,
        "withheld": claim.withheld,
        "repeated": list(claim.repeated),
        "sentences": [{"sentence": one.sentence} | _answer(article.text, one.answer) for one in claim.sentences],
    }


def claim_rows(article: Article) -> Iterator[dict[str, Any]]:
    """One row a sentence, the first to check first; of several reports in a sentence the first is named."""
    for sentence in article.in_order_of_checking():
        answer, report = sentence.claim_type, sentence.reports[0] if sentence.reports else None
        speaker = report and (report.source or report.antecedent)
        yield {
            "article": article.name,
            "url": article.url,
            "date": article.date,
            "rank": sentence.priority.rank,
            "score": f"{sentence.priority.score:.4f}",
            "sentence": sentence.id,
            "start": sentence.span.start,
            "end": sentence.span.end,
            "text": sentence.text,
            "claim_type": answer.label if answer else "",
            "probability": f"{answer.probability:.4f}" if answer else "",
            "withheld": _flag(answer),
            "reasons": "; ".join(f"{one.kind} {one.points:+.2f} ({one.value})" for one in sentence.priority.reasons),
            "speaker": speaker.of(article.text) if speaker else "",
            "cue": report.cue.of(article.text) if report else "",
            "said": report.content.of(article.text) if report else "",
            "kind": report.kind if report else "",
            "repeats": " ".join(one.claim for one in sentence.repeats),
        }


def stance_rows(article: Article) -> Iterator[dict[str, Any]]:
    """One row a claim and a sentence that bears on it, or repeats it; one without a sentence for other claims."""
    for claim in article.claims:
        about = {"article": article.name, "claim": claim.claim.id, "claim_text": claim.claim.text,
                 "article_stance": claim.stance or "",
                 "article_withheld": "" if claim.stance is None else "yes" if claim.withheld else "no"}  # fmt: skip
        answers = {one.sentence: one.answer for one in claim.sentences}
        shown = [
            sentence
            for sentence in article.sentences
            if sentence.id in claim.repeated or (sentence.id in answers and answers[sentence.id].label not in NOTHING)
        ]
        if not shown:
            yield dict.fromkeys(STANCE_COLUMNS, "") | about
        for sentence in shown:
            answer = answers.get(sentence.id)
            yield about | {
                "sentence": sentence.id,
                "start": sentence.span.start,
                "end": sentence.span.end,
                "text": sentence.text,
                "stance": answer.label if answer else "",
                "probability": f"{answer.probability:.4f}" if answer else "",
                "withheld": _flag(answer),
                "repeats": "yes" if sentence.id in claim.repeated else "no",
                "words": _words(article.text, answer),
            }


def _flag(answer: Answer | None) -> str:
    return "" if answer is None else "yes" if answer.withheld else "no"


def _words(text: str, answer: Answer | None) -> str:
    if answer is None or answer.evidence is None:
        return ""
    return "; ".join(f"{word.span.of(text)} {word.weight:+.2f}" for word in answer.evidence.words)


def as_csv(columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header; a NUL, which CSV readers stumble over, is shown as ␀."""
    made = io.StringIO()
    writer = csv.DictWriter(made, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: str(value).replace("\0", "\u2400") for name, value in row.items()})
    return made.getvalue()


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


def sentence_lines(article: Article) -> list[list[str]]:
    """For a terminal: a row a sentence, with the columns `SENTENCE_LINES`."""
    return [
        [
            str(one.priority.rank),
            one.id,
            one.text,
            "" if one.claim_type is None else _answer_text(one.claim_type),
            _speakers(article, one),
            _stances(article, one),
        ]
        for one in article.sentences
    ]


def claim_lines(article: Article) -> list[list[str]]:
    """For a terminal: a row a claim, with the columns `CLAIM_LINES`."""
    return [[one.claim.id, one.claim.text, stance_of(one), " ".join(one.repeated)] for one in article.claims]


def stance_of(claim: ClaimStance) -> str:
    """The stance of the article to a claim, marked where it is withheld; "" without a stance model."""
    return f"{claim.stance or ''}{' (withheld)' if claim.withheld else ''}"


def summary_line(article: Article) -> str:
    """An article in one line, where there are many."""
    sure = sum(one.claim_type is not None and not one.claim_type.withheld for one in article.sentences)
    stances = [f"{one.claim.id} {stance_of(one)}" for one in article.claims if one.stance not in {None, *NOTHING}]
    counts = f"{len(article.sentences)} sentences, {sure} with a claim type, {len(article.reports)} reports"
    return f"{article.name}: {counts}" + (f"; {', '.join(stances)}" if stances else "")


def _answer_text(answer: Answer) -> str:
    return f"{answer.label} {answer.probability:.2f}{' (withheld)' if answer.withheld else ''}"


def _speakers(article: Article, sentence: Sentence) -> str:
    """Each speaker once; one that only an earlier sentence names stands in brackets, ? for an unknown one."""
    named = [(report.source, report.antecedent) for report in sentence.reports]
    shown = [
        source.of(article.text) if source else f"({before.of(article.text)})" if before else "?"
        for source, before in named
    ]
    return "; ".join(dict.fromkeys(shown))


def _stances(article: Article, sentence: Sentence) -> str:
    """The stances that were given, and the most probable of those that were withheld."""
    found = [(one.answer, claim.claim.id) for claim in article.claims for one in claim.sentences
             if one.sentence == sentence.id and one.answer.label not in NOTHING]  # fmt: skip
    found.sort(key=lambda one: (one[0].withheld, -one[0].probability))
    sure = sum(not answer.withheld for answer, _ in found)
    shown = [f"{claim} {_answer_text(answer)}" for answer, claim in found[: sure + DOUBTFUL]]
    more = len(found) - len(shown)
    shown += [f"{one.claim} repeated {one.similarity:.2f}" for one in sentence.repeats]
    return "\n".join([*shown, *([f"and {more} withheld"] if more else [])])
