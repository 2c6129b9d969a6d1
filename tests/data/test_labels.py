"""Labels of own data: what stands in the file, its id and its name are one to one, and shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naba.config import dataset_config
from naba.data.dataset import Dataset, load
from naba.data.own_files import alike, described, folded, label_ids
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import Notes

CASES = Path(__file__).parent / "cases"


def loaded(path: Path, *, drop_unlabelled: bool = False) -> Dataset:
    config = dataset_config("file")
    config.path, config.drop_unlabelled = str(path), drop_unlabelled
    return load(config)


def labelled(folder: Path, labels: Sequence[str]) -> Path:
    path = folder / "own.csv"
    path.write_text(
        "text,label\n" + "".join(f"نص {row},{label}\n" for row, label in enumerate(labels)), encoding="utf-8"
    )
    return path


def test_a_label_called_as_one_that_is_made_stays_its_own() -> None:
    dataset = loaded(CASES / "label-merge" / "merge.csv")
    assert dataset.display_names == {"label_2": "label_2", "label_3": "label_3", "label_4": "مع"}
    assert dataset.gold([0, 1, 2]).tolist() == ["label_4", "label_2", "label_3"]


def test_a_sign_is_a_part_of_the_label() -> None:
    dataset = loaded(CASES / "label-minus-one" / "minus.csv")
    assert dict(dataset.display_names) == {"-1": "-1", "0": "0", "1": "1"}
    assert dataset.gold([0, 1, 2]).tolist() == ["1", "-1", "0"]


def test_rows_without_a_label_are_refused_or_left_out(notes: Notes) -> None:
    path = CASES / "label-empty" / "halfempty.csv"
    with pytest.raises(UserError) as caught:
        loaded(path)
    assert re.search(r"halfempty\.csv: row 2, line 3: there is no label \(column 'label'\); 30 rows", str(caught.value))
    assert "row 4, 6, 8, 10 and 25 more" in str(caught.value)
    assert "drop_unlabelled" in str(caught.value)
    notes.clear()
    dataset = loaded(path, drop_unlabelled=True)
    assert (len(dataset), dataset.labels) == (30, ("agree", "disagree", "other"))
    assert dataset.ids([0, 1]).tolist() == ["row-000001", "row-000003"]
    assert "30 of 60 rows have no label and are left out" in notes.text


@pytest.mark.parametrize("empty", ["", "   ", "\u3000", "\u00a0", "\u200f", "\ufeff \u200b"])
def test_white_space_is_no_label(empty: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="row 2, line 3: there is no label"):
        loaded(labelled(tmp_path, ["a", empty, "b"]))
    with pytest.raises(UserError, match="no row has a label"):
        loaded(labelled(tmp_path, [empty, empty]), drop_unlabelled=True)


def test_labels_that_look_alike_are_remarked_and_kept_apart(tmp_path: Path, notes: Notes) -> None:
    labels = ["agree", "Agree", " agree", "ａｇｒｅｅ", "صَحيح", "صحيح"]
    dataset = loaded(labelled(tmp_path, labels * 4))
    assert list(dataset.display_names.values()) == sorted(labels)
    assert len(set(dataset.labels)) == 6
    assert notes.text.count("differ only in case, width, spaces or diacritics") == 7
    assert "'صحيح'" in notes.text


def test_what_stands_in_the_file_and_its_ids_are_shown(tmp_path: Path, notes: Notes) -> None:
    loaded(labelled(tmp_path, ["مع", "no", "no"]))
    assert "labels (value in the file = id): no (2), مع = label_2 (1)" in notes.text


def test_ids_are_like_their_values_where_they_can_be() -> None:
    assert label_ids(["not entail", "not_entail", "مع", "None", "-", "+1", "half/true", "x" * 81]) == {
        "not entail": "label_1", "not_entail": "not_entail", "مع": "label_3", "None": "None", "-": "label_5",
        "+1": "label_6", "half/true": "half_true", "x" * 81: "label_8",
    }  # fmt: skip
    assert described({"a": "a", " b": "label_2"}, ["a", " b", "a"]) == "a (2), ' b' = label_2 (1)"


@given(st.lists(st.text("aA1-_. لاً٢label\u0640", max_size=9) | st.from_regex(r"label_\d", fullmatch=True), unique=True))
def test_no_two_values_share_an_id(values: list[str]) -> None:
    ids = label_ids(values)
    assert list(ids) == values
    assert len(set(ids.values())) == len(values)
    assert all(re.fullmatch(r"[A-Za-z0-9_.\-]+", label) for label in ids.values())


def test_numbers_with_signs_are_not_alike() -> None:
    assert not alike(["-1", "1", "0", "+1"])
    assert folded("Half-true ") == folded("half_TRUE")
    assert alike(["أحمد", "احمد"])


@pytest.mark.parametrize(
    ("one", "other"),
    [("مؤيد", "مؤید"), ("كاذب", "کاذب"), ("معارضة", "معارضه"), ("مبنى", "مبني"), ("١", "1"), ("۲", "2"), ("−1", "-1"),
     ("مـع", "مع"), ("مع\u200f", "مع"), ("ﻣﻊ", "مع"), ("ضدّ", "ضد")],
)  # fmt: skip
def test_what_readers_overlook_in_arabic_is_remarked(one: str, other: str) -> None:
    assert alike([one, other]) == [(one, other)]
    assert len(set(label_ids([one, other]).values())) == 2


def test_an_invisible_mark_in_a_label_is_shown() -> None:
    assert described({"مع\u200f": "label_1", "مع": "label_2"}, ["مع"]) == "'مع\\u200f' = label_1 (0), مع = label_2 (1)"
