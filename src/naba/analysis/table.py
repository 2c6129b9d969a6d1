"""An analysed article as rows of text, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.analysis.stances import NOTHING

if TYPE_CHECKING:
    from naba.analysis.article import Answer, Article, ClaimStance, Sentence

SENTENCE_LINES = ("check", "", "sentence", "claim type", "speaker", "stance")
CLAIM_LINES = ("claim", "", "the article", "repeated by")
DOUBTFUL = 2
"""Withheld stances that are shown for a sentence."""


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
