"""Checks of rows, labels, ids and splits on a dozen rows whose findings can be counted by hand."""

from __future__ import annotations

import pytest

from naba.config.schema import DatasetConfig
from naba.data.checks import rows as checks
from naba.data.checks.findings import CHECKS, Finding, Subject
from naba.data.dataset import assemble


def finding(
    code: str, labels: str, *, keep: tuple[str, ...] = (), scheme: tuple[str, ...] = ("a", "b"), **columns: object
) -> Finding:
    """A letter a row: label, and split (t, v, e) and group where they are given as such."""
    rows = len(labels)
    names = {"t": "train", "v": "validation", "e": "test"}
    table: dict[str, list[str]] = {
        "id": [f"id{row}" for row in range(rows)],
        "text": [f"نص رقم {row} وفيه كلمات {row * 7919}" for row in range(rows)],
        "target": [""] * rows,
        "label": [one.strip() for one in labels],
        "group": [""] * rows,
        "split": [""] * rows,
    }
    for name, values in columns.items():
        assert isinstance(values, (str, list, dict))
        if isinstance(values, dict):  # row -> value
            for row, value in values.items():
                table[name][row] = value
        elif name == "split":
            table[name] = [names[one] for one in values]
        else:
            table[name] = [one.strip() for one in values]
    config = DatasetConfig("toy", "stance", {label: label for label in scheme}, "macro_f1")
    return CHECKS[code].run(Subject(assemble(config, table, keep)))


SAME = "الخبر نفسه كما هو"


def test_rows_of_validation_and_of_test_that_were_trained_on_are_each_counted() -> None:
    """N05: two of three validation rows, one of them under another label; one of two test rows."""
    found = finding(
        "N05", "abab" + "aaa" + "ab", split="ttttvvvee",
        text={0: SAME, 4: SAME, 5: SAME + "\u200f", 1: "آخر مكرر", 7: "آخر مكرر", 2: "نص ثالث", 3: "نص ثالث"},
        label={5: "b"},
    )  # fmt: skip
    assert found.message == (
        "also in train: 2 of 3 validation rows (1 with another label), 1 of 2 test rows (1 with another label)"
    )
    assert found.examples[0] == f"id4 [a] {SAME} = id0"
    assert found.severity == "warning"


@pytest.mark.parametrize("split", ["v", "e"])
def test_one_leak_is_enough_and_rows_with_another_target_are_none(split: str) -> None:
    texts = {0: SAME, 3: SAME}
    assert finding("N05", "abab", split="ttt" + split, text=texts).message == (
        f"also in train: 1 of 1 {'validation' if split == 'v' else 'test'} rows (1 with another label)"
    )
    assert finding("N05", "abab", split="vvv" + "e", text=texts).state == "not_applicable", "nothing trains"
    assert finding("N05", "abab", split="tttt", text=texts).state == "not_applicable", "nothing else is there"


def test_duplicates_within_are_counted_beyond_the_first_and_by_split() -> None:
    found = finding("N04", "abababa", split="ttttvvv", text={1: SAME, 2: SAME, 3: SAME, 4: SAME})
    assert found.message == "rows that repeat another one: 2 of 4 in train"
    assert found.examples == (f"id1 [b] {SAME}", f"id2 [a] {SAME}")
    assert finding("N04", "ababab", text={0: SAME, 5: SAME}).message == "rows that repeat another one: 1 of 6"


def test_ids_that_stand_twice() -> None:
    found = finding("N02", "abab", id={1: "id0", 3: "id0"})
    assert (found.message, found.examples) == ("1 ids stand twice or more", ("id0",))
    assert finding("N02", "abab").state == "clean"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1.3E+18"], ""),  # a twentieth is not more than a twentieth
        (["1.3E+18", "1.4E+18"], "2 values of tweet_id look like numbers"),
        (["123456789012000", "7.0"], "2 values of tweet_id look like numbers"),
        (["12345678901000", "7.5"], ""),
        (["x19"], "1 rows repeat a tweet_id, with other texts"),
    ],
)
def test_ids_of_the_source_that_were_rounded_or_repeat(values: list[str], said: str) -> None:
    others = [f"x{row}" for row in range(len(values), 20)]
    found = finding("N03", "ab" * 10, tweet_id=[*values, *others], keep=("tweet_id",))
    assert found.message.startswith(said)
    assert (found.state == "clean") is (said == "")


def test_an_id_that_repeats_with_its_text_says_no_more() -> None:
    values = ["x0", "x0", *(f"x{row}" for row in range(2, 6))]
    found = finding("N03", "ababab", tweet_id=values, text={0: SAME, 1: SAME}, keep=("tweet_id",))
    assert found.message == "1 rows repeat a tweet_id"
    assert found.examples == ("x0",)


def test_near_duplicates_across_splits_and_under_other_labels() -> None:
    first, second = (
        "الحكومة ترفع أسعار الوقود في العاصمة اليوم",
        "قرار جديد من المجلس الأعلى بشأن التعليم في المدارس كلها",
    )
    found = finding("N06", "aabbab", split="tteett", text={0: first, 2: first + ".", 3: second, 5: second + "."})
    assert found.message == "2 pairs of almost equal texts, 2 across splits, 1 with different labels"
    inside = finding("N06", "aabb", split="ttee", text={0: first, 1: first + "."})
    assert inside.message == "1 pairs of almost equal texts, 0 across splits, 0 with different labels"
    assert inside.examples[0].startswith("0.81: id0 [a] ")


def test_texts_under_several_labels_are_counted_with_all_their_rows() -> None:
    found = finding("N07", "abaaab", text={0: SAME, 1: SAME, 2: SAME, 3: "نص ثان", 4: "نص ثان"})
    assert (found.message, found.examples) == ("1 texts (3 rows) have more than one label", (f"a / b: {SAME}",))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("abcd", "abcd", True),
        ("ABCD", "abcd", True),
        ("abcd", "abce", True),
        ("abcd", "abcde", True),
        ("abcd", "bcd", False),  # three letters are too few
        ("abcde", "bcde", True),
        ("abcde", "abxde", True),
        ("abcde", "abxdy", False),
        ("abcdef", "abcd", False),
        ("abcd", "acbd", False),
        ("type1", "type2", False),  # numbered on purpose
        ("abc", "abd", False),
    ],
)
def test_labels_that_differ_in_one_letter(one: str, other: str, alike: bool) -> None:
    assert checks._alike(one, other) is alike
    assert checks._alike(other, one) is alike


@pytest.mark.parametrize(("count", "state"), [(19, "found"), (20, "clean")])
def test_labels_with_fewer_than_20_rows_of_a_split_are_rare(count: int, state: str) -> None:
    labels = "a" * 30 + "b" * count + "a" * 20 + "b" * 20
    found = finding("N10", labels, split="t" * (30 + count) + "e" * 40)
    assert found.state == state
    if state == "found":
        assert found.message == "labels with fewer than 20 rows: b 19 in train"
        assert found.examples[0].startswith("id30 [b]")


def test_the_rarest_labels_are_named_first_and_eight_of_them() -> None:
    scheme = tuple("abcdefghij")
    found = finding("N10", "a" * 5 + "b" * 3 + "c" * 25, scheme=scheme)
    assert found.message.startswith("labels with fewer than 20 rows: d 0 in all, e 0 in all")
    assert found.message.endswith("j 0 in all, b 3 in all and 1 more")
    assert not finding("N10", "a" * 5 + "b" * 3 + "c" * 25, scheme=scheme[:8]).message.endswith("more")


def test_groups_that_train_and_test_are_counted_with_their_rows() -> None:
    found = finding("N11", "ababababab", split="ttttvveeee", group="xxy  yx" + "xzw")
    assert found.message == (
        "also in train: 1 of 1 groups of validation (1 of 2 rows), 1 of 3 groups of test (2 of 4 rows)"
    )
    assert found.examples == ("y", "x")
    assert finding("N11", "abab", split="ttee", group="x y ").state == "clean", "rows without a group share none"
    assert finding("N11", "abab", split="eeee", group="xxyy").message == "there is no given split"
    assert finding("N11", "abab", split="tttt", group="xxyy").message == "there is no given split"


def test_texts_that_folds_share_are_counted_by_text_and_by_the_rows_of_the_fuller_fold() -> None:
    texts = {0: SAME, 1: SAME, 3: SAME, 2: "نص ثان", 5: "نص ثان"}
    found = finding("N12", "ababab", text=texts, fold="112233", keep=("fold",))
    assert found.message == "any two folds share 0 to 1 texts (0 to 2 rows)"
    assert found.examples == ("folds 1 and 2: 1 texts", "folds 1 and 3: 0 texts", "folds 2 and 3: 1 texts")
    assert finding("N12", "ababab", fold="112233", keep=("fold",)).state == "clean"


@pytest.mark.parametrize(
    ("test", "state"),
    [("a" * 549 + "b" * 451, "clean"), ("a" * 551 + "b" * 449, "found"), ("a" * 449 + "b" * 551, "found")],
)
def test_labels_drift_from_5_points_on(test: str, state: str) -> None:
    """Half of the training rows are a; 10,000 rows are far beyond chance."""
    train = "ab" * 500
    found = finding("N13", train + test * 10, split="t" * 1000 + "e" * 10_000)
    assert found.state == state
    if state == "found":
        assert found.message == "label shares differ from train: test by 5 points"
        assert found.examples[0] == "train: a 50 %, b 50 %"


def test_a_label_that_training_lacks_counts_as_drift_and_not_in_the_test_of_chance() -> None:
    found = finding("N13", "ab" * 50 + "c" * 20 + "ab" * 40, scheme=("a", "b", "c"), split="t" * 100 + "v" * 100)
    assert found.state == "clean", "a and b are as in training"
    assert finding("N13", "ab" * 5, split="e" * 10).state == "not_applicable"


def test_missing_labels_and_words_for_missing_values() -> None:
    found = finding("N09", "a b ab", text={0: "NaN", 3: " null "})
    assert found.message == "2 rows have no label; 2 texts are words for a missing value"
    assert (found.severity, found.examples) == ("warning", ("id0 [a] NaN", "id3 [] null"))
    assert finding("N09", "abab").state == "clean"


def test_labels_outside_the_scheme_and_sets_without_rows() -> None:
    found = finding("N01", "")
    assert (found.message, found.severity) == ("there are no rows", "error")
    assert finding("N01", "abab").state == "clean"
