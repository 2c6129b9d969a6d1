"""What is written as tags is read back as it was, and bounds of intervals are never taken for scores."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naba.errors import UserError
from naba.evaluation.bootstrap import Score
from naba.tracking.facts import Facts, Scoring, Wanted, _is_old_bound, checked_seed, score_metrics, scores_of

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


HAD = Scoring(("macro_f1", "mcc"), ("other 1234", "more 5678"), 100, 0.95, {"x": "y"})


@pytest.mark.parametrize(
    ("change", "covered", "missing"),
    [
        ({}, True, ()),
        ({"metrics": ("mcc",)}, True, ()),
        ({"metrics": ()}, True, ()),
        ({"metrics": ("mcc", "accuracy")}, False, None),
        ({"also": ("more 5678",)}, True, ()),
        ({"also": ("more 5678", "new 9", "other 9999")}, False, ("new 9", "other 9999")),
        ({"resamples": 99}, False, None),
        ({"resamples": 101}, False, None),
        ({"confidence": 0.9}, False, None),
        ({"label_map": {}}, False, None),
        ({"also": ("new 9",), "confidence": 0.9}, False, None),
        ({"also": ("new 9",), "metrics": ("accuracy",)}, False, None),
    ],
)
def test_a_scoring_covers_what_asks_no_more_in_the_same_way(
    change: dict[str, Any], covered: bool, missing: tuple[str, ...] | None
) -> None:
    wanted = replace(HAD, **change)
    assert HAD.covers(wanted) is covered
    assert HAD.missing(wanted) == missing


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"also": []}', HAD.to_json().replace("100", '"many"')])
def test_a_scoring_that_cannot_be_read_covers_nothing(text: str) -> None:
    read = Scoring.from_json(text)
    assert not read.covers(Scoring())
    assert not read.covers(Scoring(resamples=1))
    assert Scoring.from_json(HAD.to_json()) == HAD


@pytest.mark.parametrize(
    ("kept", "why", "model", "serves"),
    [(True, "", True, True), (False, "", True, False), (False, "", False, True), (False, "no type", True, True)],
)
def test_a_model_that_is_wanted_is_kept_or_never_could_be(kept: bool, why: str, model: bool, serves: bool) -> None:
    facts = Facts("1", scoring=HAD, kept=kept, why_not_kept=why)
    assert facts.answers(HAD, model=model) is serves
    assert Wanted("n", Facts("1", scoring=HAD), model=model).served_by(facts) is serves
    assert not Wanted("n", Facts("2", scoring=HAD), model=model).served_by(facts)


@pytest.mark.parametrize(
    ("found", "wanted", "serves"),
    [("", "", True), ("study", "", False), ("", "study", True), ("study", "study", True), ("study", "other", True)],
)
def test_a_trial_of_a_search_serves_searches_alone(found: str, wanted: str, serves: bool) -> None:
    facts = Facts("1", scoring=HAD, kept=True, tuned_from=found)
    assert Wanted("n", Facts("1", scoring=HAD, tuned_from=wanted), model=True).served_by(facts) is serves


def test_sections_without_a_metric_of_their_own_go_by_macro_f1() -> None:
    tags = {"naba.identity": "1", "naba.sections": "validation test", "naba.primary_metrics": "test=mcc",
            "naba.primary_metric": "accuracy"}  # fmt: skip
    facts = Facts.from_tags(tags)
    assert facts.primary == {"validation": "macro_f1", "test": "mcc"}
    assert (facts.sections, facts.cell, facts.identity_version) == (("validation", "test"), "1", 1)
    assert Facts.from_tags({"naba.dirty": "false", "naba.model_kept": "true"}).dirty is False
    assert Facts.from_tags({"naba.model_kept": "true"}).kept is True


@pytest.mark.parametrize(
    ("name", "bound"),
    [("macro_f1_low", True), ("macro_f1_high", True), ("f1_low", False), ("brier_high", False), ("macro_f1", False)],
)
def test_a_name_of_version_0_1_is_a_bound_if_it_has_none_itself(name: str, bound: bool) -> None:
    values = dict.fromkeys(
        ["macro_f1", "macro_f1_low", "macro_f1_high", "f1", "f1_low", "f1_low_low", "f1_low_high", "brier_high"], 0.5
    )
    assert _is_old_bound(name, values) is bound


def test_a_seed_that_is_no_number_is_named() -> None:
    assert checked_seed("run", 0) == 0
    with pytest.raises(UserError, match=r"its tag naba\.seed is no whole number"):
        checked_seed("run", None)


def test_scores_without_a_count_of_rows_have_none() -> None:
    found = scores_of({"test/macro_f1": 0.5, "validation/rows": 7.0}, "test")
    assert (found["macro_f1"].n, math.isnan(found["macro_f1"].low)) == (0, True)


def test_what_nobody_said_is_not_so() -> None:
    facts = Facts("1")
    assert (facts.dirty, facts.kept, facts.seed, facts.warnings, facts.identity_version) == (False, False, 0, 0, 1)
    assert (Scoring().resamples, Scoring().confidence, Wanted("n", facts, model=True).force) == (0, 0.95, False)
    assert Facts.from_tags({"naba.identity": "1"}) == Facts("1", "1", scoring=Scoring(resamples=-1))
