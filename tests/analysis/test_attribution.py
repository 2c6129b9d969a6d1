"""Who says what: kinds of rules on small made-up sentences, spans in any text, the scores on the labelled set."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naba.analysis.attribution import Report, reports

ROOT = Path(__file__).resolve().parents[2]
ARTICLES = "github/parallelfold/SaudiNewsNet/4e39239966c2ae8a3faa591201acb9cd1f51199d/dataset"


def said(text: str) -> list[tuple[str, str | None, str, str]]:
    found = reports(text)
    return [(r.cue.of(text), r.source and r.source.of(text), r.content.of(text), r.kind) for r in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("قال الوزير إن العمل جار.", [("قال", "الوزير", "العمل جار", "indirect")]),
        ("وقال الوزير: «العمل جار منذ شهر كامل».", [("قال", "الوزير", "«العمل جار منذ شهر كامل»", "direct")]),
        ("أكد رئيس البلدية أن الطريق مفتوح.", [("أكد", "رئيس البلدية", "الطريق مفتوح", "indirect")]),
        ("ارتفعت الأسعار، بحسب وزارة المالية.", [("بحسب", "وزارة المالية", "ارتفعت الأسعار", "indirect")]),
        ("وصل الوفد أمس إلى المدينة.", []),
    ],
)  # fmt: skip
def test_reporting_words_sources_and_contents(text: str, expected: list[tuple[str, str | None, str, str]]) -> None:
    assert said(text) == expected


def test_the_speaker_is_carried_on() -> None:
    text = "قال الوزير إن العمل جار. وأضاف أن المدة قصيرة."
    first, second = reports(text)
    assert second.source is None
    assert second.antecedent is not None
    assert second.antecedent.of(text) == "الوزير"
    assert first.source == second.antecedent


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet=st.sampled_from([*'قالوأضنمبحسدي اإ.:،؟«»“”"()\n\u200f\u202b\u0000 abc…']), max_size=200))
def test_spans_lie_in_any_text(text: str) -> None:
    for report in reports(text):
        for span in (report.sentence, report.cue, report.content, report.source, report.antecedent):
            assert span is None or 0 <= span.start < span.end <= len(text)


def dev_articles(mirror: Path) -> list[tuple[str, list[dict[str, list[int] | str | None]]]]:
    found = []
    for line in (ROOT / "data" / "attribution" / "dev.jsonl").read_text(encoding="utf-8").splitlines():
        article = json.loads(line)
        with zipfile.ZipFile(mirror / ARTICLES / article["zip"]) as archive:
            text = json.loads(archive.read(article["member"]).decode("utf-8-sig"))[article["index"]]["content"]
        assert hashlib.sha256(text.encode()).hexdigest() == article["sha256"]
        found.append((text, [report for sentence in article["sentences"] for report in sentence["reports"]]))
    return found


@pytest.mark.mirror
def test_contents_and_sources_of_the_labelled_articles_are_found(mirror: Path) -> None:
    """Overlap F1 as Citron counts it (Newell et al. 2018): a span is found if one of the other side overlaps it."""
    gold_content, gold_source, content, source, exact = [], [], [], [], 0
    for number, (text, labelled) in enumerate(dev_articles(mirror)):
        found: list[Report] = reports(text)
        gold_content += [(number, *report["content"]) for report in labelled]
        gold_source += [(number, *report["source"]) for report in labelled if report["source"]]
        content += [(number, report.content.start, report.content.end) for report in found]
        source += [(number, report.source.start, report.source.end) for report in found if report.source]
    exact = len(set(gold_content) & set(content)) * 2 / (len(gold_content) + len(content))
    overlap, sources = f1_by_overlap(gold_content, content), f1_by_overlap(gold_source, source)
    print(f"content overlap F1 {overlap:.3f}, exact {exact:.3f}; source overlap F1 {sources:.3f}")
    assert overlap > 0.85
    assert exact > 0.60
    assert sources > 0.85


def f1_by_overlap(gold: list[tuple[int, int, int]], found: list[tuple[int, int, int]]) -> float:
    def share(these: list[tuple[int, int, int]], others: list[tuple[int, int, int]]) -> float:
        hits = [any(a == b and low < end and start < high for b, start, end in others) for a, low, high in these]
        return sum(hits) / len(these)

    recall, precision = share(gold, found), share(found, gold)
    return 2 * precision * recall / (precision + recall)
