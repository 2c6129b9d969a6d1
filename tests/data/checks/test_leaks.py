"""Checks of leaks, each at the boundary where it begins to find something."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import numpy as np
import pytest

from naba.config.schema import DatasetConfig
from naba.data.checks import leaks
from naba.data.checks.findings import CHECKS, Finding, Subject
from naba.data.dataset import assemble


def subject(labels: list[str], pair: bool = False, **columns: list[str]) -> Subject:
    """Rows with these labels, all different, in no given split unless `split` says so."""
    rows = len(labels)
    table = {
        "id": [f"id{row}" for row in range(rows)],
        "text": [f"نص {row}" for row in range(rows)],
        "target": [f"هدف {row}" if pair else "" for row in range(rows)],
        "label": labels,
        "group": [""] * rows,
        "split": [""] * rows,
    } | columns
    scheme = {label: label for label in dict.fromkeys(labels) if label}
    config = DatasetConfig("toy", "stance", scheme, "macro_f1", pair=pair)
    return assemble_subject(config, table)


def assemble_subject(config: DatasetConfig, table: dict[str, list[str]]) -> Subject:
    return Subject(assemble(config, table, ()))


def of(code: str, given: Subject) -> Finding:
    return CHECKS[code].run(given)


def with_runs(same: int) -> list[str]:
    """100 rows, about half of each label: `same` of 99, evenly spread, have the label of the row before."""
    labels = ["a"]
    for row in range(99):
        stays = (row + 1) * same // 99 > row * same // 99
        labels.append(labels[-1] if stays else {"a": "b", "b": "a"}[labels[-1]])
    return labels


@pytest.mark.parametrize(
    ("same", "said"),
    [
        (50, ""),
        (64, ""),  # .646; chance is .502
        (65, "in runs, 66 % have the label of the row before (50 % by chance)"),  # .657; .500
        (79, "in runs, 80 % have the label of the row before (50 % by chance)"),  # .798; .500
        (80, "sorted, 81 % have the label of the row before (50 % by chance)"),  # .808; .502
        (30, ""),  # .303; .501
        (29, "alternating, only 29 % have the label of the row before"),  # .293; .500
    ],
)
def test_labels_in_runs_or_in_turns_are_no_order_of_chance(same: int, said: str) -> None:
    """Runs begin .15 beyond chance, sorted rows .30 beyond it, turns .20 below."""
    found = of("N20", subject(with_runs(same)))
    assert found.message == (f"all rows: {said}" if said else "")
    assert (found.state == "clean") is (said == "")


@pytest.mark.parametrize(("hits", "found"), [(60, False), (62, True)])
def test_parity_is_a_leak_where_it_is_a_tenth_better_than_the_majority(hits: int, found: bool) -> None:
    """100 rows, half of each label, of which so many are a in even places or b in odd ones."""
    drawn = random.Random(1)
    even = ["a"] * (hits // 2) + ["b"] * (50 - hits // 2)
    odd = ["b"] * (hits // 2) + ["a"] * (50 - hits // 2)
    drawn.shuffle(even)
    drawn.shuffle(odd)
    said = of("N20", subject([label for pair in zip(even, odd, strict=True) for label in pair])).message
    assert said == (f"all rows: row parity alone predicts {hits} % (majority 50 %)" if found else "")


@pytest.mark.parametrize(("rows", "state"), [(29, "clean"), (30, "found")])
def test_an_order_is_looked_for_in_30_rows(rows: int, state: str) -> None:
    found = of("N20", subject(sorted("ab"[row % 2] for row in range(rows))))
    assert found.state == state
    if state == "found":
        assert found.message == "all rows: sorted, 97 % have the label of the row before (50 % by chance)"
        assert found.examples == ("first labels: " + " ".join(["a"] * 12),)


def test_each_split_is_looked_at_by_itself() -> None:
    shuffled = ["ab"[int(one)] for one in np.random.default_rng(3).integers(0, 2, 60)]
    labels = [*shuffled, *(["a"] * 20 + ["b"] * 20)]
    found = of("N20", subject(labels, split=["train"] * 60 + ["test"] * 40))
    assert found.message.startswith("test: sorted")
    rare = ["a"] * 2 + ["b"] * 38
    assert of("N20", subject(rare)).state == "clean", "96 % is beyond .95 and not a tenth beyond the chance of .905"


# --- sides that recur


def test_which_rows_recur_by_hand() -> None:
    given = subject(
        ["a"] * 6, pair=True, text=["x", "x", "y", "z", "t", "u"], target=["t", "t", "q", "z", "p", "p"]
    )  # fmt: skip
    assert {name: holds.astype(int).tolist() for name, holds in leaks._recurrences(given, np.arange(6))} == {
        "a text seen twice": [1, 1, 0, 0, 0, 0],
        "a text also seen as a target": [0, 0, 0, 1, 1, 0],
        "a target seen twice": [1, 1, 0, 0, 1, 1],
        "a target seen once": [0, 0, 1, 1, 0, 0],
        "a target also seen as a text": [1, 1, 0, 1, 0, 0],
        "text and target alike": [0, 0, 0, 1, 0, 0],
    }


@pytest.mark.parametrize(
    ("repeated", "hits", "state"),
    [(10, 10, "found"), (9, 9, "clean"), (40, 35, "found"), (40, 34, "clean"), (14, 12, "clean")],
)
def test_a_side_that_recurs_ten_times_and_means_one_label_is_a_leak(repeated: int, hits: int, state: str) -> None:
    """Beyond 85 % of them, 15 points and three standard errors beyond the label's share, which is near one half.

    12 of 14 are 86 %, and three standard errors of .5 are 40 points.
    """
    rows = 200
    labels = ["b"] * hits + ["a"] * (repeated - hits) + ["ab"[row % 2] for row in range(rows - repeated)]
    text = ["مكرر"] * repeated + [f"نص {row}" for row in range(rows - repeated)]
    found = of("N21", subject(labels, pair=True, text=text))
    assert found.state == state
    if state == "found":
        base = 100 * (labels.count("b") / rows)
        assert found.message == (
            f"all rows: a text seen twice means b ({hits} of {repeated} rows, {base:.0f} % otherwise expected)"
        )
        assert found.examples[0].startswith("id0 [b]")


def test_a_label_that_most_rows_have_anyway_is_no_leak() -> None:
    """36 of 40 with a label of 85 % of the rows: 5 points, not 15; 12 of 12 with one of 74 %: two standard errors."""
    rows = 400
    for repeated, hits, share in ((40, 36, 0.85), (12, 12, 0.74)):
        others = rows - repeated
        rest = round(share * rows) - hits
        labels = ["b"] * hits + ["a"] * (repeated - hits) + ["b"] * rest + ["a"] * (others - rest)
        text = ["مكرر"] * repeated + [f"نص {row}" for row in range(others)]
        assert of("N21", subject(labels, pair=True, text=text)).state == "clean"


# --- lengths and single sides


def halves(rows: int) -> list[int]:
    """Which half a row without a given split falls in: by the first byte of the SHA-256 of its id, odd ones second."""
    return [hashlib.sha256(f"id{row}".encode()).digest()[0] % 2 for row in range(rows)]


def test_rows_without_a_split_are_halved_by_group_or_id() -> None:
    second = [row for row, half in enumerate(halves(40)) if half]
    found = leaks._halves(subject(["a"] * 40))
    assert [part.tolist() for part in found] == [[row for row in range(40) if row not in second], second]
    grouped = leaks._halves(subject(["a"] * 40, group=["g"] * 20 + ["h"] * 20))
    sides = [hashlib.sha256(group.encode()).digest()[0] % 2 for group in "gh"]
    expected = [[row for row in range(40) if sides[row // 20] == half] for half in (0, 1)]
    assert [part.tolist() for part in grouped] == expected


@pytest.mark.parametrize(
    ("splits", "fitted", "scored"),
    [
        (["train"] * 3 + ["test"] * 2 + ["validation"] * 4, [0, 1, 2], [3, 4]),
        (["train"] * 3 + ["validation"] * 6, [0, 1, 2], [3, 4, 5, 6, 7, 8]),
    ],
)
def test_a_given_split_is_used(splits: list[str], fitted: list[int], scored: list[int]) -> None:
    found = leaks._halves(subject(["a"] * 9, split=splits))
    assert [part.tolist() for part in found] == [fitted, scored]


def by_length(train: int, test: int, right: float, share: float = 0.5, seed: int = 0) -> dict[str, Any]:
    """Texts whose length says the label in training; in test it does for a share `right` of the rows."""
    drawn = np.random.default_rng(seed)
    labels = ["b" if row < share * train else "a" for row in range(train)]
    labels += ["b" if row < share * test else "a" for row in range(test)]
    words = [2 if label == "a" else 12 for label in labels]
    for row in range(train, train + test):
        if (row - train) % 100 >= 100 * right:
            words[row] = 14 - words[row]
    text = [" ".join(f"كلمة{drawn.integers(9)}" for _ in range(count)) + f" {row}" for row, count in enumerate(words)]
    return {"labels": labels, "text": text, "split": ["train"] * train + ["test"] * test}


@pytest.mark.parametrize(
    ("train", "test", "state"), [(50, 30, "found"), (49, 30, "not_applicable"), (50, 29, "not_applicable")]
)
def test_a_model_of_lengths_needs_50_rows_to_fit_and_30_to_score(train: int, test: int, state: str) -> None:
    found = of("N22", subject(**by_length(train, test, 1.0)))
    assert found.state == state
    if state == "found":
        assert found.message == "lengths alone: accuracy 1.00 (majority 0.50), mean recall 1.00 (chance 0.50)"
        assert found.examples[0].startswith("50 rows to fit, 30 to score; labels: ")
    one = by_length(50, 30, 1.0) | {"labels": ["a"] * 80}
    assert of("N22", subject(**one)).state == "not_applicable", "one label has nothing to be told from"


@pytest.mark.parametrize(("right", "state"), [(0.57, "clean"), (0.58, "found"), (0.50, "clean")])
def test_lengths_are_a_leak_from_three_standard_errors_on(right: float, state: str) -> None:
    """400 test rows, half of each label: 3 sqrt(.25 / 400) is .075, more than the margin of .05."""
    found = of("N22", subject(**by_length(200, 400, right)))
    assert f"accuracy {right:.2f} (majority 0.50)" in found.message
    assert found.state == state


def test_more_than_chance_and_less_than_the_majority_is_a_note() -> None:
    """One row in ten is b. A model that finds them all and calls a third of the others b errs more than `always a`."""
    given = by_length(400, 400, 0.7, share=0.1)
    found = of("N22", subject(**given))
    assert (found.state, found.severity) == ("found", "note")
    assert found.message.endswith("more than chance, but less than the majority")


def test_a_side_of_a_pair_that_says_its_label_is_named() -> None:
    rows = 200
    labels = ["ab"[int(one)] for one in np.random.default_rng(0).integers(0, 2, rows)]
    telling = [f"{'نعم مؤكد' if label == 'a' else 'كلا مرفوض'} {row}" for row, label in enumerate(labels)]
    split = ["train"] * 120 + ["test"] * 80
    text, target, both = (
        of("N23", subject(labels, pair=True, split=split, **sides))
        for sides in ({"text": telling}, {"target": telling}, {"text": telling, "target": telling})
    )
    assert text.message.startswith("the text alone: accuracy 1.00")
    assert "the target alone" not in text.message
    assert target.message.startswith("the target alone: accuracy 1.00")
    assert both.message.count("alone: accuracy 1.00") == 2
    assert both.severity == "warning"
    assert of("N23", subject(labels[:50] * 2, pair=True, split=["train"] * 49 + ["test"] * 51)).state == (
        "not_applicable"
    )


@pytest.mark.parametrize(("topics", "named"), [(3, False), (4, True)])
def test_a_handful_of_targets_is_the_task_and_no_leak(topics: int, named: bool) -> None:
    """2 % of 200 rows are 4 targets; the first ones say a, the last ones b."""
    labels = ["ab"[int(one)] for one in np.random.default_rng(0).integers(0, 2, 200)]
    names = ["نعم مؤكد", "كلا مرفوض", "نعم دائما", "كلا أبدا"]
    target = [names[("ab".index(label) + 2 * (row % 2)) if topics == 4 or label == "a" else 1]
              for row, label in enumerate(labels)]  # fmt: skip
    assert len(set(target)) == topics
    found = of("N23", subject(labels, pair=True, target=target, split=["train"] * 120 + ["test"] * 80))
    assert found.message.startswith("the target alone: accuracy 1.00") is named


def test_a_side_of_which_only_more_than_chance_can_be_told_is_a_note() -> None:
    """One row in ten is b; half of the a rows of the test look like it."""
    drawn = np.random.default_rng(1)
    labels = ["b" if row % 10 == 0 else "a" for row in range(600)]
    says = [label if row < 300 or label == "b" or drawn.random() < 0.6 else "b" for row, label in enumerate(labels)]
    text = [f"{'نعم مؤكد' if one == 'a' else 'كلا مرفوض'} {drawn.integers(10**6)}" for one in says]
    target = [f"هدف {drawn.integers(10**6)}" for _ in labels]
    found = of("N23", subject(labels, pair=True, text=text, target=target, split=["train"] * 300 + ["test"] * 300))
    assert (found.state, found.severity) == ("found", "note")


def test_the_majority_is_the_label_that_training_has_most() -> None:
    """60 of 100 training rows are a, 24 of 60 test rows: who always says a is right on 40 %."""
    labels = ["a"] * 60 + ["b"] * 40 + ["a"] * 24 + ["b"] * 36
    text = [f"{'كلمة ' * (2 if label == 'a' else 9)}{row}" for row, label in enumerate(labels)]
    found = of("N22", subject(labels, text=text, split=["train"] * 100 + ["test"] * 60))
    assert found.message.startswith("lengths alone: accuracy 1.00 (majority 0.40)")


@pytest.mark.parametrize(
    ("labels", "sorted_rows"), [("a" * 18 + "b" * 4 + "a" * 19, False), ("a" * 37 + "b" * 4, True)]
)
def test_rows_of_a_frequent_label_are_sorted_beyond_95_in_100(labels: str, sorted_rows: bool) -> None:
    """38 of 40 have the label of the row before, which is .95 and no more; 39 of 40 are more. Chance is .824."""
    found = of("N20", subject(list(labels)))
    assert found.message.startswith("all rows: sorted, 98 %" if sorted_rows else "") is True
    assert (found.state == "found") is sorted_rows


@pytest.mark.parametrize(("right", "state"), [(0.60, "clean"), (0.61, "found")])
def test_mean_recall_is_worth_a_note_beyond_ten_points_of_chance(right: float, state: str) -> None:
    """One row in ten of 2,000 is b: three standard errors of the mean recall are .075 of it."""
    found = of("N22", subject(**by_length(400, 2000, right, share=0.1)))
    assert f"mean recall {right:.2f} (chance 0.50)" in found.message
    assert (found.state, found.severity) == (state, "note" if state == "found" else "warning")
