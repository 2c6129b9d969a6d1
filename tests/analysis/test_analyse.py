"""From a text to an article: true offsets, the classifiers' own answers, an order with reasons."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naba
from naba.analysis.analyse import LONGEST, analyse
from naba.analysis.article import Answer, Article, Claim, SentenceStance
from naba.analysis.models import Models, open_models
from naba.analysis.priority import Seen, priorities
from naba.analysis.stances import overall, repeated
from naba.arabic.segment import tokens
from naba.errors import UserError
from naba.predict.locate import open_classifier

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
WITHOUT = Models()
NEWS = "قال الوزير: «لن نرفع الأسعار». وأضاف أن 3 شركات ستعمل"
PIECES = ["قال الوزير إن ", "«", "»", "“", "”", '"', ".", "؟", "\n", "\r\n", "\0", "\u202e", "\u2066", "\ud800",
          "وأضاف أن ", " 1.5 ",
          "كذا ", "د. ", "a", "𐎀", "…", "\u2028", "\x85", "\t", "سي إن إن"]  # fmt: skip


def spans_of(found: Any) -> Iterator[dict[str, Any]]:
    """Every {start, end, text} in the JSON of an article."""
    if isinstance(found, dict):
        if {"start", "end", "text"} <= set(found):
            yield found
        found = list(found.values())
    if isinstance(found, list):
        for inner in found:
            yield from spans_of(inner)


def test_the_labelled_article_has_its_19_sentences_and_knows_who_speaks(analysed: Article, text: str) -> None:
    marked = [json.loads(line) for line in (ROOT / "data/article/sentences.jsonl").read_text("utf-8").splitlines()]
    assert [(one.span.start, one.span.end) for one in analysed.sentences] == [
        (row["start"], row["end"]) for row in marked
    ]
    assert [one.id for one in analysed.sentences] == [f"s{place}" for place in range(1, 20)]
    said = [(one.cue.of(text), one.source and one.source.of(text)) for one in analysed.by_id["s10"].reports]
    assert ("حذر", "الرئيس الأوكراني فولوديمير زيلينسكي") in said


def test_answers_are_those_of_the_classifier(analysed: Article, folders: dict[str, str], claims: list[Claim]) -> None:
    import pandas as pd

    texts = [one.text for one in analysed.sentences]
    made = open_classifier(folders["claim_type"]).predict(pd.DataFrame({"text": texts}))
    answers = [one.claim_type for one in analysed.sentences]
    assert [one.label for one in answers] == made["label"].tolist()
    assert [one.withheld for one in answers] == made["abstain"].tolist()
    for label in analysed.origin("claim_type").labels:
        np.testing.assert_allclose(
            [one.probabilities[label] for one in answers], made[f"probability_{label}"], atol=1e-4
        )
    pairs = pd.DataFrame({"text": texts, "target": [claims[3].text] * len(texts)})
    stances = open_classifier(folders["stance"]).predict(pairs)
    assert [one.answer.label for one in analysed.claims[3].sentences] == stances["label"].tolist()


def test_evidence_names_words_where_they_stand(analysed: Article) -> None:
    words = [word for one in analysed.sentences for word in one.claim_type.evidence.words]
    assert len(words) > 40
    for sentence in analysed.sentences:
        for word in sentence.claim_type.evidence.words:
            assert sentence.span.holds(word.span)
            assert word.span.of(analysed.text) in tokens(sentence.text)
    bearing = [one.answer for claim in analysed.claims for one in claim.sentences if one.answer.label != "unrelated"]
    assert any(answer.evidence and answer.evidence.features for answer in bearing)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=40).map("".join) | st.text(min_size=1, max_size=200))
def test_every_offset_is_true_for_any_text(text: str) -> None:
    if not text.strip():
        with pytest.raises(UserError, match="nothing to analyse"):
            analyse(text, models=WITHOUT)
        return
    article = analyse(text, ["لا شيء"], models=WITHOUT)
    assert article.text == text
    content = article.to_dict()
    for span in spans_of(content):
        if span is not content:
            assert text[span["start"] : span["end"]] == span["text"]
    for sentence in article.sentences:
        assert all(sentence.span.holds(report.cue) for report in sentence.reports)
    article.to_html().encode("utf-8", "surrogatepass")


def test_words_of_evidence_are_true_with_marks_and_controls(models: Models) -> None:
    text = "قالَ\u202eالوزير\u202c: «نعم»\0 وارتفعت ١٢٬٥٠٠ ليرة قالَ\n"
    article = analyse(text, models=models)
    for sentence in article.sentences:
        for word in sentence.claim_type.evidence.words:
            assert word.span.of(text).strip() == word.span.of(text) != ""


def test_a_text_without_arabic_is_answered_honestly(models: Models) -> None:
    article = analyse("The minister said no. It rose 3 %.", ["claim"], models=models)
    assert [one.claim_type for one in article.sentences] == [None, None]
    assert "no Arabic letter" in article.notes[0]
    assert article.claims[0].stance is None


@pytest.mark.parametrize(
    ("text", "claims", "message"),
    [
        ("  \n", [], "nothing to analyse"),
        ("ك" * (LONGEST + 1), [], "one article may have 1,000,000"),
        (NEWS, ["", "ب"], "claim 1 .* has no text"),
        (NEWS, [Claim("a", "نص"), Claim("a", "آخر")], "the id 'a' is another claim's"),
    ],
)
def test_bad_input_is_one_message(text: str, claims: list[Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        analyse(text, claims, models=WITHOUT)


def test_a_classifier_of_the_other_task_is_refused(folders: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"--claim-type .*reads pairs and answers stance"):
        open_models(folders["stance"], None)
    with pytest.raises(UserError, match=r"--stance .*reads single texts and answers claim_type"):
        open_models(None, folders["claim_type"])


# --- the order of checking ------------------------------------------------------------------------------------------


def answer(label: str, probability: float = 1.0) -> Answer:
    rest = {"quantity", "statement", "opinion", "no_claim", "event"} - {label}
    return Answer(label, probability, {label: probability} | dict.fromkeys(rest, (1 - probability) / len(rest)))


def test_the_order_follows_type_numbers_and_source_and_says_so(analysed: Article) -> None:
    texts = ["رأي في الأمر", "ارتفعت الأسعار 5 بالمئة", "ارتفعت الأسعار", "ما هذا؟"]
    types = [answer("opinion"), answer("quantity"), answer("quantity"), answer("no_claim")]
    found = priorities("", [Seen(text, one, ()) for text, one in zip(texts, types, strict=True)])
    assert [one.rank for one in found] == [3, 1, 2, 4]
    assert [(one.kind, one.points) for one in found[1].reasons] == [("type", 0.6), ("numbers", 0.15), ("doubt", 0.0)]
    for sentence in analysed.sentences:
        priority = sentence.priority
        assert priority.score == pytest.approx(sum(one.points for one in priority.reasons), abs=1e-3)
        assert 0 <= priority.score <= 1
    ranks = sorted(one.priority.rank for one in analysed.sentences)
    assert ranks == list(range(1, 20))


def test_numbers_in_what_nobody_can_check_count_for_nothing() -> None:
    (found,) = priorities("", [Seen("لماذا 7 مرات؟", answer("no_claim"), ())])
    assert found.score == 0


def test_doubt_is_largest_where_the_model_knows_nothing() -> None:
    unsure = Answer("event", 0.25, dict.fromkeys(["event", "statement", "quantity", "rule"], 0.25))
    sure, doubtful = priorities("", [Seen("حدث", answer("event"), ()), Seen("حدث", unsure, ())])
    assert [one.points for one in sure.reasons if one.kind == "doubt"] == [0.0]
    assert [one.points for one in doubtful.reasons if one.kind == "doubt"] == [0.09]


# --- claims ---------------------------------------------------------------------------------------------------------


def stances(*given: tuple[str, float] | tuple[str, float, bool]) -> list[SentenceStance]:
    return [SentenceStance(f"s{place}", Answer(one[0], one[1], {}, *one[2:])) for place, one in enumerate(given)]


@pytest.mark.parametrize(
    ("sentences", "stance", "withheld"),
    [
        ([("unrelated", 0.9)], "unrelated", False),
        ([("agree", 0.9), ("unrelated", 0.9), ("discuss", 0.7)], "agree", False),
        ([("agree", 0.9), ("disagree", 0.6)], "discuss", False),
        ([("agree", 0.9), ("disagree", 0.49)], "agree", False),
        ([("agree", 0.9, True), ("disagree", 0.5)], "disagree", False),
        ([("discuss", 0.8)], "discuss", False),
        ([("agree", 0.6, True), ("disagree", 0.7, True), ("unrelated", 0.9)], "disagree", True),
        ([("agree", 0.4)], "agree", True),
        ([("other", 0.9)], "unrelated", False),
        ([], "unrelated", False),
    ],
)
def test_the_stance_of_an_article(sentences: list[Any], stance: str, withheld: bool) -> None:
    assert overall(stances(*sentences)) == (stance, withheld)


def test_claims_that_are_asked_together_are_answered_as_if_alone(
    models: Models, claims: list[Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = analyse(NEWS, claims, models=models)
    monkeypatch.setattr("naba.analysis.stances.TOGETHER", 1)
    assert analyse(NEWS, claims, models=models) == together
    assert [analyse(NEWS, [claim], models=models).claims[0] for claim in claims] == list(together.claims)


def test_a_sentence_that_repeats_a_claim_in_other_words_is_found() -> None:
    text = "الطقس جميل اليوم. وأعلنت وزارة الماليّة أنّ الحكومة رفعت أسعار الوقود في البلاد بنسبة كبيرة. ثم صمت."
    article = analyse(text, ["الحكومه ترفع اسعار الوقود", "الجفاف يضرب الشمال"], models=WITHOUT)
    assert article.claims[0].repeated == ("s2",)
    assert article.by_id["s2"].repeats[0].claim == "c1"
    assert article.claims[1].repeated == ()


def test_containment_is_that_of_the_claim_in_the_sentence() -> None:
    shares = repeated(["رفعت الحكومة الأسعار", ""], ["رفعت الحكومة الأسعار أمس في العاصمة", "نص آخر", ""])
    assert shares.shape == (2, 3)
    assert shares[0, 0] == 1
    assert shares[0, 1] < 0.1
    assert shares[:, 2].tolist() == [0, 0]
    assert shares[1].tolist() == [0, 0, 0]


# --- Python -----------------------------------------------------------------------------------------------------------


def test_it_is_there_as_naba_analyse(folders: dict[str, str]) -> None:
    article = naba.analyse(
        NEWS, claims=["الأسعار لن ترتفع"], claim_type=folders["claim_type"], stance=folders["stance"]
    )
    assert isinstance(article, naba.Article)
    assert [report.kind for report in article.reports] == ["direct", "indirect"]
    assert article.claims[0].claim == Claim("c1", "الأسعار لن ترتفع")
    assert {one.task for one in article.origins} == {"claim_type", "stance"}
    bare = naba.analyse(NEWS, claim_type=None)
    assert bare.origins == ()
    assert replace(bare.sentences[0], claim_type=None) == bare.sentences[0]


def test_importing_naba_stays_light() -> None:
    program = "import naba, sys; sys.exit(sum(name in sys.modules for name in ('numpy', 'mlflow', 'naba.analysis')))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
