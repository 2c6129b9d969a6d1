"""Splits: disjoint, whole groups, every label trained, the same everywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naba.config.schema import DataConfig, DatasetConfig, SplitConfig
from naba.data import splits
from naba.data.dataset import Dataset, assemble, load_named
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def dataset(labels: str, groups: str | None = None, given_splits: str | None = None, protocol: str = "given",
            **columns: Sequence[str]) -> Dataset:  # fmt: skip
    """One character a row."""
    names = {"t": "train", "v": "validation", "e": "test", " ": ""}
    n = len(labels)
    config = DatasetConfig("toy", "stance", {"a": "أ", "b": "ب", "c": "ج"}, "macro_f1", protocol=protocol)
    table = {
        "id": [f"id{index}" for index in range(n)],
        "text": [f"text {index}" for index in range(n)],
        "target": [""] * n,
        "label": list(labels),
        "group": [group.strip() for group in groups or " " * n],
        "split": [names[split] for split in given_splits or " " * n],
    }
    return assemble(config, table | {name: list(values) for name, values in columns.items()}, tuple(columns))


def parts(split: splits.Split) -> list[list[int]]:
    return [split.train.tolist(), split.validation.tolist(), split.test.tolist()]


def test_given() -> None:
    split = splits.make(dataset("aaabb", None, "tvvte"), SplitConfig(), 0)
    assert parts(split) == [[0, 3], [1, 2], [4]]
    assert split.train.dtype == np.int64
    assert split.name == "given"


def test_given_keeps_a_published_split_although_groups_cross() -> None:
    assert parts(splits.make(dataset("abab", "xxxx", "ttve"), SplitConfig(), 0))[2] == [3]


@pytest.mark.parametrize(("groups", "whole"), [("xxyyzzuu", True), ("xxyyzzux", True), ("xxyyzzxx", False)])
def test_validation_tears_groups_only_where_most_test_rows_are_of_groups_that_train(groups: str, whole: bool) -> None:
    """Six training rows of three groups; none, half and all of the two test rows are of the first."""
    data = dataset("abababab", groups, "tttttt" + "ee")
    seen = set()
    for seed in range(8):
        split = splits.make(data, SplitConfig(validation=0.34), seed)
        names = data.column_values("group")
        seen.add(bool(set(names[split.train]) & set(names[split.validation])))
    assert seen == {False} if whole else True in seen


def test_a_column_to_group_by_has_values() -> None:
    data = dataset("abab" * 5, outlet=["x"] * 10 + [""] * 10)
    assert len(splits.make(data, SplitConfig("grouped", column="outlet", test=0.5), 0).test) == 10
    empty = dataset("abab", outlet=[""] * 4)
    with pytest.raises(UserError, match="the column 'outlet' of toy is empty"):
        splits.make(empty, SplitConfig("grouped", column="outlet"), 0)


def test_validation_folds_hold_each_training_row_once_whatever_the_seed() -> None:
    data = dataset("ab" * 10 + "ab", None, "t" * 20 + "ee")
    folds = [
        splits.make(data, SplitConfig(validation=0.25, validation_fold=fold), seed).validation.tolist()
        for seed, fold in zip((3, 1, 4, 1), (1, 2, 3, 4), strict=True)
    ]
    assert sorted(row for fold in folds for row in fold) == list(range(20))
    assert {len(fold) for fold in folds} <= {4, 5, 6}
    with pytest.raises(UserError, match="have 2 groups, too few for 4 folds"):
        splits.make(dataset("abab" + "ab", "xyxy" + "zz", "ttttee"), SplitConfig(validation=0.25, validation_fold=1), 0)


def test_without_a_given_split() -> None:
    with pytest.raises(UserError, match=r"comes without a split\n.*split=stratified"):
        splits.make(dataset("ab"), SplitConfig(), 0)


def test_given_stands_for_the_protocol_of_the_set() -> None:
    folded = dataset("abab" * 10, protocol="official_folds", fold="1122" * 10)
    split = splits.make(folded, SplitConfig(fold=2), 0)
    assert split.name == "official fold 2 of 2"
    assert set(folded.column("fold", split.test)) == {"2"}
    assert len(split.validation) == 2


def test_stratified_keeps_label_shares() -> None:
    data = dataset("a" * 100 + "b" * 50 + "c" * 10)
    split = splits.make(data, SplitConfig("stratified", test=0.2, validation=0.1), 1)
    for label, count in {"a": 20, "b": 10, "c": 2}.items():
        assert (data.gold(split.test) == label).sum() == count
    assert sorted(row for part in parts(split) for row in part) == list(range(160))
    assert parts(split) != parts(splits.make(data, SplitConfig("stratified"), 2))


def test_stratified_refuses_to_tear_a_group() -> None:
    with pytest.raises(UserError, match=r"puts 1 groups in both training and test: 'g'\n.*split=grouped"):
        splits.make(dataset("ab" * 20, "g" * 40), SplitConfig("stratified"), 0)


def test_official_folds_and_unknown_ones() -> None:
    data = dataset("abab", fold="1122")
    assert parts(splits.make(data, SplitConfig("official_folds", fold=1), 0)) == [[2, 3], [], [0, 1]]
    with pytest.raises(UserError, match=r"unknown fold '3'.*1, 2"):
        splits.make(data, SplitConfig("official_folds", fold=3), 0)
    with pytest.raises(UserError, match="no official folds"):
        splits.make(dataset("ab"), SplitConfig("official_folds"), 0)


def test_leave_one_out() -> None:
    data = dataset("aabbabab", None, "ttttvvee", topic="xyxyxyxx")
    split = splits.make(data, SplitConfig("leave_one_out", column="topic", held_out="x"), 0)
    assert parts(split) == [[1, 3], [5], [6, 7]]
    assert split.name == "without topic x"
    assert splits.held_out_values(data, "topic") == ["x", "y"]
    with pytest.raises(UserError, match=r"One of x, y"):
        splits.make(data, SplitConfig("leave_one_out", column="topic"), 0)
    with pytest.raises(UserError, match="no test rows with topic = y"):
        splits.make(data, SplitConfig("leave_one_out", column="topic", held_out="y"), 0)


def test_a_label_without_training_rows_is_named() -> None:
    with pytest.raises(UserError, match="leaves no training rows of b"):
        splits.make(dataset("aaab", None, "ttte"), SplitConfig(), 0)


@pytest.mark.parametrize("place", ["v", "e"])
def test_a_label_that_only_validation_or_test_has_is_named(place: str) -> None:
    with pytest.raises(UserError, match="leaves no training rows of b, c"):
        splits.make(dataset("aaabc", None, "tt" + place * 3), SplitConfig(), 0)


@pytest.mark.parametrize("config", [SplitConfig("grouped", test=0.5), SplitConfig("kfold", folds=2),
                                    SplitConfig("grouped", column="outlet", test=0.5)])  # fmt: skip
def test_rows_without_a_group_are_dealt_one_by_one(config: SplitConfig) -> None:
    data = dataset("ab" * 12, "x" * 4 + " " * 20, outlet=["o"] * 4 + [""] * 20)
    split = splits.make(data, config, 0)
    for part in (split.train, split.test):
        assert len(set(range(4, 24)) & set(part.tolist())) >= 8
        assert len({0, 1, 2, 3} & set(part.tolist())) in {0, 4}


@pytest.mark.parametrize(("asked", "expected", "rows"), [(0.0, 0.1, 4), (0.25, 0.25, 8)])
def test_a_set_without_a_split_validates_on_a_tenth_or_what_was_asked(asked: float, expected: float, rows: int) -> None:
    data = dataset("ab" * 20, protocol="kfold")
    config = splits.resolved(data, SplitConfig(validation=asked, folds=5))
    assert (config.name, config.validation) == ("kfold", expected)
    assert len(splits.make(data, SplitConfig(validation=asked), 0).validation) == rows
    given = dataset("abab", None, "ttee", protocol="kfold")
    assert splits.resolved(given, SplitConfig()).name == "given", "what is published is used"


@pytest.mark.parametrize(
    ("protocol", "share"),
    [("official_folds", 0.1), ("kfold", 0.1), ("stratified", 0.1), ("grouped", 0.1), ("leave_one_out", 0.1),
     ("latest", 0.0)],
)  # fmt: skip
def test_every_protocol_without_validation_rows_validates_on_a_tenth(protocol: str, share: float) -> None:
    config = splits.resolved(dataset("abab", protocol=protocol), SplitConfig())
    assert (config.name, config.validation) == (protocol, share)


def test_a_label_of_one_row_weighs_as_much_as_any_other() -> None:
    """Five groups of two rows; the weights of each label's rows sum to 1, those of the lone c too.

    If c weighed half, its group would be dealt to the test part here.
    """
    data = dataset("bbaaaaaabc", "vzyzvuxyux")
    groups = splits._groups(data, None)
    part = splits._deal(data, np.arange(10), groups, [0.8, 0.2], 0, "p")
    assert part.tolist() == [0, 1, 0, 1, 0, 0, 0, 0, 0, 0]


def test_learning_curve_is_nested_and_stratified() -> None:
    data = dataset("a" * 80 + "b" * 16 + "c" * 4 + "abc", None, "t" * 100 + "eee")
    smaller: set[int] = set()
    for fraction in (0.01, 0.1, 0.5, 1.0):
        split = splits.make(data, SplitConfig("learning_curve", fraction=fraction), 3)
        assert smaller <= set(split.train)
        assert split.test.tolist() == [100, 101, 102]
        smaller = set(split.train)
        assert (data.gold(split.train) == "c").sum() == np.ceil(4 * fraction)
    assert len(smaller) == 100


@pytest.mark.parametrize(
    "config",
    [SplitConfig("learning_curve", fraction=0.3), SplitConfig("stratified"), SplitConfig("grouped"),
     SplitConfig("kfold"), SplitConfig(validation=0.2)],
    ids=lambda config: config.name,
)  # fmt: skip
def test_every_random_split_goes_by_its_seed_alone(config: SplitConfig) -> None:
    groups = None if config.name == "stratified" else "".join(chr(65 + row // 3) for row in range(60))
    data = dataset("ab" * 30, groups, "t" * 50 + "e" * 10)
    drawn = [parts(splits.make(data, config, seed)) for seed in (0, 1, 2, 0)]
    assert drawn[0] == drawn[3]
    assert len({str(one) for one in drawn}) == 3


@pytest.mark.parametrize(
    ("groups", "two"),
    [("xyxzuw", "training and validation"), ("xyzuxw", "training and test"), ("xyzwuw", "validation and test")],
)
def test_a_group_in_any_two_parts_is_refused(groups: str, two: str) -> None:
    data = dataset("ababab", groups, "ttvvee", topic="pppp" + "qq")
    with pytest.raises(UserError, match=rf"puts 1 groups in both {two}: '[xw]'"):
        splits.make(data, SplitConfig("leave_one_out", column="topic", held_out="q"), 0)
    assert splits.make(data, SplitConfig(), 0).name == "given", "a published split is used as it is"


def test_latest_groups_of_the_training_rows() -> None:
    data = dataset("abababababab", "aabbccddeeff", "t" * 10 + "ee")
    chosen = splits.make(data, SplitConfig(name="latest", fraction=0.8, validation=0.2), 0)
    assert parts(chosen) == [[2, 3, 4, 5, 6, 7], [8, 9], []]
    assert chosen.name == "latest 0.8 of train"
    final = splits.make(data, SplitConfig(name="latest", fraction=0.8), 1)
    assert parts(final) == [[2, 3, 4, 5, 6, 7, 8, 9], [], [10, 11]]
    assert parts(splits.make(data, SplitConfig(name="latest"), 0))[0] == list(range(10))
    with pytest.raises(UserError, match=r"fraction=0.2 leaves no training rows"):
        splits.make(data, SplitConfig(name="latest", fraction=0.2, validation=0.2), 0)
    with pytest.raises(UserError, match="published train and test rows"):
        splits.make(dataset("ab"), SplitConfig(name="latest"), 0)
    with pytest.raises(UserError, match=r"validation=0.05 of the 5 training groups of .* is no group") as refused:
        splits.make(data, SplitConfig(name="latest", validation=0.05), 0)
    assert "split.validation=0 tests on the published test rows" in str(refused.value.hint)


def test_unknown_names() -> None:
    with pytest.raises(UserError, match="unknown name 'kfolds'; did you mean 'kfold'"):
        splits.make(dataset("ab"), SplitConfig("kfolds"), 0)
    with pytest.raises(UserError, match="there are 5 folds"):
        splits.make(dataset("ab"), SplitConfig("kfold", fold=6), 0)


def test_as_many_folds_as_groups_and_no_more() -> None:
    data = dataset("abababab", "wwxxyyzz")
    tested = [parts(splits.make(data, SplitConfig("kfold", folds=4, fold=fold), 0))[2] for fold in (1, 2, 3, 4)]
    assert sorted(tested) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    with pytest.raises(UserError, match="has 4 groups, too few for 5 folds"):
        splits.make(data, SplitConfig("kfold", folds=5), 0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 12)), min_size=30, max_size=120),
    st.integers(0, 5),
    st.integers(2, 5),
)
def test_folds_cover_all_rows_once_and_keep_groups_whole(rows: list[tuple[str, int]], seed: int, folds: int) -> None:
    data = dataset("".join(label for label, _ in rows), "".join(chr(97 + group) for _, group in rows))
    groups = data.column_values("group")
    seen: list[int] = []
    try:
        for fold in range(1, folds + 1):
            split = splits.make(data, SplitConfig("kfold", folds=folds, fold=fold), seed)
            assert not set(groups[split.train]) & set(groups[split.test])
            seen += split.test.tolist()
    except UserError as error:
        assert "too few" in str(error) or "leaves no training rows" in str(error)  # noqa: PT017
    else:
        assert sorted(seen) == list(range(len(rows)))


PROGRAM = """
import hashlib, sys
from naba.data import splits
from naba.data.dataset import load_named
from naba.config.schema import SplitConfig
dataset = load_named("synthetic_stance")
digest = hashlib.sha256()
for config in (SplitConfig("grouped", validation=0.1), SplitConfig("kfold", fold=2),
               SplitConfig("learning_curve", fraction=0.3)):
    split = splits.make(dataset, config, 7)
    for part in (split.train, split.validation, split.test):
        digest.update(part.tobytes())
print(digest.hexdigest())
"""


def test_splits_do_not_depend_on_the_hash_seed() -> None:
    found = set()
    for hash_seed in ("0", "1"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True)
        found.add(done.stdout.strip())
    assert found == {b"39c29be347eb15f11164005bc9bae04f7396af84390c559a55ad59aa1f3ee8c7"}


def test_splits_do_not_depend_on_the_order_of_rows() -> None:
    one = dataset("ab" * 20)
    order = np.arange(40)[::-1]
    table = {name: one.column_values(name)[order].tolist() for name in one.columns}
    config = DatasetConfig("toy", "stance", {"a": "أ", "b": "ب", "c": "ج"}, "macro_f1")
    other = assemble(config, table, ())
    split = SplitConfig("stratified")
    ids = [set(each.ids(splits.make(each, split, 5).test)) for each in (one, other)]
    assert ids[0] == ids[1]


@pytest.mark.mirror
def test_ans_folds_group_by_headline(mirror: Path) -> None:
    data = load_named("ans_stance", DataConfig(mirror=str(mirror), offline=True))
    split = splits.make(data, SplitConfig("kfold", fold=3, validation=0.1), 0)
    shares = [(data.gold(part) == "disagree").mean() for part in (split.train, split.validation, split.test)]
    assert max(shares) - min(shares) < 0.02
    assert hashlib.sha256(split.test.tobytes()).hexdigest()[:8] == "f0234875"
