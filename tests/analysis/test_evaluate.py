"""How attribution is scored, and what the rules reach."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from naba.analysis import evaluate
from naba.analysis.attribution import Report, Speech
from naba.analysis.evaluate import Counts, Figure, Labelled
from naba.arabic.segment import Span
from naba.data.corpora import attribution
from naba.errors import UserError

PUBLISHED = "c45d73dab6d75dcf7e15c61ff7a487d99d2830d13a6e02de072c56d9874d17c7"  # SHA-256 of data/attribution/dev.jsonl
TEXT = "قال الوزير إن العمل جار. وأضاف: «لن نتوقف هنا أبدا»."


def place(words: str, text: str = TEXT) -> Span:
    start = text.index(words)
    return Span(start, start + len(words))


def report(cue: str, source: str | None, content: str, kind: Speech, antecedent: str | None = None) -> Report:
    sentence = place("قال الوزير إن العمل جار.")
    return Report(
        sentence,
        place(cue),
        place(source) if source else None,
        place(antecedent) if antecedent else None,
        place(content),
        kind,
    )


def labelled(*found: Report) -> Labelled:
    return Labelled("one", TEXT, (place("قال الوزير إن العمل جار."), place("وأضاف: «لن نتوقف هنا أبدا».")), found)


RIGHT = (
    report("قال", "الوزير", "العمل جار", "indirect"),
    report("أضاف", None, "«لن نتوقف هنا أبدا»", "direct", antecedent="الوزير"),
)


def test_everything_right() -> None:
    counts = evaluate.counted(labelled(*RIGHT))
    assert counts["sentences"] == Counts(2, 2, 2)
    assert counts["sources, exact"] == Counts(1, 1, 1)
    assert counts["contents, overlap"] == Counts(6, 6, 6)
    assert counts["antecedents, exact"] == Counts(1, 1, 1)
    assert counts["direct quotations, exact"] == Counts(1, 1, 1)
    assert all(figure.f1 == (1, 1, 1) for figure in evaluate.figures([labelled(*RIGHT)], resamples=10))


def test_what_is_wrong_counts_against_precision_and_recall() -> None:
    marked = labelled(report("قال", "الوزير", "إن العمل", "mixed"), report("جار", None, "العمل", "indirect"))
    counts = evaluate.counted(marked)
    assert counts["cues, exact"] == Counts(1, 2, 2)
    assert counts["contents, exact"] == Counts(0, 2, 2)
    assert counts["contents, overlap"] == Counts(1, 6, 3)
    assert counts["kinds"] == Counts(0, 2, 2)
    assert counts["antecedents, exact"] == Counts(0, 1, 0)


def test_two_parts_of_a_quotation_pair_with_their_own_contents() -> None:
    first, second = report("قال", None, "العمل", "direct"), report("قال", None, "جار", "direct")
    assert evaluate.paired(TEXT, [first, second], [second, first]) == [(first, first), (second, second)]
    assert evaluate.paired(TEXT, [first], [second, RIGHT[1]]) == [(first, second), (None, RIGHT[1])]


def test_intervals_hold_the_value_and_repeat() -> None:
    articles = [labelled(*RIGHT), labelled(RIGHT[0]), labelled()]
    first, again = evaluate.figures(articles, resamples=200), evaluate.figures(articles, resamples=200)
    assert first == again
    assert all(
        low <= value <= high for figure in first for value, low, high in (figure.precision, figure.recall, figure.f1)
    )
    assert "| cues, exact | 0.500 [0.000, 1.000] |" in evaluate.markdown(first)


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


def test_the_labelled_article() -> None:
    found = by_name(evaluate.article_figures(evaluate.article()))
    assert found["sentences"].f1[0] == 1
    assert found["quotations, exact"].f1[0] == 1
    assert found["cues, exact"].recall[0] == 1
    assert found["speakers, exact"].recall[0] >= 0.7


def test_the_labels_are_the_published_ones() -> None:
    file = Path(__file__).parents[2] / "data" / "attribution" / "dev.jsonl"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == PUBLISHED


@pytest.mark.mirror
def test_the_bars_on_the_development_set(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NABA_MIRROR", str(mirror))
    articles = evaluate.development()
    assert len(articles) == 24
    assert sum(len(one.reports) for one in articles) == 162
    found = by_name(evaluate.figures(articles, resamples=100))
    assert found["sentences"].f1[0] >= 0.97
    assert found["contents, overlap"].f1[0] >= 0.85
    assert found["contents, exact"].f1[0] >= 0.60
    assert found["sources, overlap"].f1[0] >= 0.85
    assert found["direct quotations, exact"].precision[0] >= 0.93
    assert found["direct quotations, exact"].recall[0] >= 0.88


@pytest.mark.mirror
def test_a_text_that_was_not_labelled_is_refused(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NABA_MIRROR", str(mirror))
    records = attribution.records

    def moved(annotations: str) -> list[dict]:
        return [line | {"index": line["index"] + 1} for line in records(annotations)]

    monkeypatch.setattr(attribution, "records", moved)
    with pytest.raises(UserError, match=r"a00: article 1204 of 2015-08-02\.zip is not the text that was labelled"):
        evaluate.development()


@pytest.mark.mirror
@pytest.mark.slow
def test_the_development_set_is_in_the_catalogue_and_rules_are_compared_there(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    from naba import tracking
    from naba.data.dataset import load_named

    monkeypatch.setenv("NABA_MIRROR", str(mirror))
    types = load_named("news_claim_type")
    assert len(types.indices("test")) == len(types.table) == 172
    assert types.label_source == "language_model"
    (one, *_) = evaluate.development()
    span = one.sentences[2]
    assert span.of(one.text) in set(types.column_values("text"))
    outcome = evaluate.track("rules-1")
    (run,) = tracking.search(filters={"dataset": "news_speech"})
    assert run.id == outcome.run
    assert run.primary("test").value > 0.9
    monkeypatch.setattr(evaluate, "reports", lambda *_: [])
    worse = evaluate.track("nothing")
    assert worse.score().value < 0.3
    assert len(tracking.search(filters={"dataset": "news_speech"})) == 2
