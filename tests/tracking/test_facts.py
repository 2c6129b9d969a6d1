"""What is written as tags is read back as it was, and bounds of intervals are never taken for scores."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from naba.evaluation.bootstrap import Score
from naba.tracking.facts import Facts, Scoring, Wanted, score_metrics, scores_of

words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
texts = st.text(max_size=20)
maps = st.dictionaries(words, texts, max_size=3)
scorings = st.builds(
    Scoring,
    metrics=st.lists(words, max_size=3).map(tuple),
    also=st.lists(texts, max_size=3).map(tuple),
    resamples=st.integers(0, 10_000),
    confidence=st.floats(0.5, 0.999),
    label_map=maps,
)
known = st.builds(
    Facts,
    identity=words,
    cell=words,
    identity_version=st.integers(1, 9),
    fingerprint=words,
    scoring=scorings,
    task=texts,
    dataset=texts,
    model=texts,
    split=texts,
    part=texts,
    seed=st.one_of(st.none(), st.integers()),
    primary_metric=words,
    label_source=texts,
    command=texts,
    revision=words,
    dirty=st.booleans(),
    versions=maps,
    hardware=maps,
    primary=st.dictionaries(words, words, max_size=3),
    warnings=st.integers(0, 99),
    tuned_from=words,
)


@settings(deadline=None)  # a loaded machine takes its time
@given(known, st.sampled_from([(True, ""), (False, ""), (False, "KNeighborsClassifier is no type …")]))
def test_facts_survive_the_way_through_tags(facts: Facts, kept: tuple[bool, str]) -> None:
    from dataclasses import replace

    written = replace(facts, kept=kept[0], why_not_kept=kept[1])
    tags = written.to_tags()
    assert all(isinstance(value, str) for value in tags.values())
    assert Facts.from_tags(tags) == written


labels = st.sampled_from(["low", "high", "agree", "low_high", "high_low", "x_low"])
numbers = st.floats(0, 1)


@settings(deadline=None)  # a loaded machine takes its time
@given(st.lists(labels, min_size=1, max_size=6, unique=True), st.data())
def test_scores_survive_the_way_through_metrics(names: list[str], data: st.DataObject) -> None:
    """Whatever labels are called: `f1_low` of a label `low` is a score, and `macro_f1_low` too."""
    metrics = ["macro_f1", *(f"{kind}_{name}" for kind in ("f1", "recall", "macro_f1") for name in names)]
    scores = [Score(name, data.draw(numbers), data.draw(numbers), data.draw(numbers), 9) for name in metrics]
    tracked = score_metrics("test", scores) | {"test/rows": 9.0, "test/brier_score": 0.25, "tests/macro_f1": 0.0}
    found = scores_of(tracked, "test")
    brier = found.pop("brier_score")
    assert (brier.value, math.isnan(brier.low)) == (0.25, True)
    assert found == {score.name: score for score in scores}


def test_bounds_as_version_0_1_kept_them_are_read() -> None:
    names = ("macro_f1", "f1_low", "f1_high")
    tracked = {
        f"test/{name}{end}": value for name in names for end, value in (("", 0.5), ("_low", 0.4), ("_high", 0.6))
    }
    found = scores_of(tracked | {"test/rows": 7.0, "test/brier_score": 0.1}, "test")
    assert {name for name in found if name != "brier_score"} == set(names)
    assert found["f1_low"] == Score("f1_low", 0.5, 0.4, 0.6, 7)


def test_tags_that_somebody_changed_are_no_traceback() -> None:
    facts = Facts.from_tags({
        "naba.identity": "1", "naba.seed": "x", "naba.warnings": "many", "naba.evaluation": "{",
        "naba.sections": "test", "naba.primary_metrics": "test",
    })  # fmt: skip
    assert (facts.seed, facts.warnings, facts.primary) == (None, 0, {"test": "macro_f1"})
    assert not facts.answers(Scoring(), model=False)


def test_a_finished_run_serves_who_wants_no_more_than_it_has() -> None:
    had = Facts("1", scoring=Scoring(("macro_f1", "mcc"), ("other 1234",), 100), kept=False)
    less, more = Scoring(("mcc",), (), 100), Scoring(("mcc", "accuracy"), (), 100)
    assert had.answers(less, model=False)
    assert not had.answers(more, model=False)
    assert not had.answers(less, model=True)
    assert not Wanted("n", Facts("2", scoring=less), model=False).served_by(had)
    cannot = Facts("1", scoring=had.scoring, why_not_kept="it cannot be saved")
    assert Wanted("n", Facts("1", scoring=less), model=True).served_by(cannot)
