"""A user's own files, with or without splits, targets and ASCII labels; and a YAML written from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from naba.config import dataset_config
from naba.config.schema import DataConfig, SplitConfig
from naba.data import own_files, splits
from naba.data.dataset import Dataset, load
from naba.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

CSV = "نص,تصنيف\n" + "".join(f"خبر رقم {i},{'صحيح' if i % 3 else 'كاذب'}\n" for i in range(30))


def loaded(path: object, **columns: str | None) -> Dataset:
    config = dataset_config("file")
    config.path = str(path)
    for name, value in columns.items():
        setattr(config.columns, name, value)
    config.pair = config.columns.target is not None
    return load(config)


def test_a_csv_with_arabic_columns_and_labels(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text(CSV, encoding="utf-8")
    dataset = loaded(tmp_path / "my.csv", text="نص", label="تصنيف")
    assert dataset.labels == ("label_1", "label_2")
    assert dataset.display_names == {"label_1": "صحيح", "label_2": "كاذب"}
    split = splits.make(dataset, SplitConfig(), 0)
    assert (len(split.train), len(split.validation), len(split.test)) == (21, 3, 6)
    assert split.name == "stratified"


def test_a_group_column_makes_the_split_grouped(tmp_path: Path) -> None:
    lines = [f"t{i},{'a' if i % 2 else 'b'},g{i // 4}" for i in range(40)]
    (tmp_path / "my.csv").write_text("text,label,topic\n" + "\n".join(lines), encoding="utf-8")
    dataset = loaded(tmp_path / "my.csv", group="topic")
    split = splits.make(dataset, SplitConfig(), 0)
    assert split.name == "grouped by group"
    assert not set(dataset.column("group", split.train)) & set(dataset.column("group", split.test))


def test_a_folder_with_splits_and_targets(tmp_path: Path) -> None:
    for name, rows in {"train": 6, "dev": 2, "test": 4}.items():
        lines = [f'{{"text": "t{i}", "claim": "c", "label": {["true", "false"][i % 2]}}}' for i in range(rows)]
        (tmp_path / f"my_{name}.jsonl").write_text("\n".join(lines))
    (tmp_path / "notes.txt").write_text("not data")
    dataset = loaded(tmp_path, target="claim")
    assert dataset.pair
    assert dataset.labels == ("false", "true")
    assert [len(dataset.indices(split)) for split in ("train", "validation", "test")] == [6, 2, 4]


@pytest.mark.parametrize("with_extra", ["train", "test"])
def test_a_column_of_some_files_only_is_left_out_and_said(
    with_extra: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A note in one of three files stopped the training, or was dropped without a word, by the order of the files."""
    for name in ("train", "dev", "test"):
        extra = name == with_extra
        rows = [f"t {name} {i},{'ab'[i % 2]}{',note' if extra else ''}" for i in range(4)]
        header = "text,label,remark" if extra else "text,label"
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n")
    dataset = loaded(tmp_path)
    assert [len(dataset.indices(split)) for split in ("train", "validation", "test")] == [4, 4, 4]
    assert "the column 'remark' is left out:" in caplog.text
    first = "dev.csv" if with_extra == "train" else "train.csv"
    with pytest.raises(UserError, match=rf"{first}: unknown column 'remark'.*\n.*Other files of the data set have it"):
        loaded(tmp_path, group="remark")


def test_a_group_that_nobody_sees_is_none(tmp_path: Path) -> None:
    """Rows with a blank in the group's column were one group, which was drawn whole."""
    blank = ("x", "", " ", "\u200f", " \ufeff\u00a0", "x")
    rows = [f"نص {number},{'ab'[number % 2]},{group}" for number, group in enumerate(blank)]
    (tmp_path / "my.csv").write_text("\n".join(["text,label,claim", *rows]), encoding="utf-8")
    dataset = loaded(tmp_path / "my.csv", group="claim")
    assert dataset.column_values("group").tolist() == ["x", "", "", "", "", "x"]


def test_problems_with_own_files(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text("text,label\n" + "\n".join(f"t,l{i}" for i in range(200)))
    with pytest.raises(UserError, match="has 200 different values, too many for labels"):
        loaded(tmp_path / "my.csv")
    with pytest.raises(UserError, match=r"no such file: .*\n.*holds: my\.csv"):
        loaded(tmp_path / "mine.csv")
    with pytest.raises(UserError, match=r"dataset\.path=my\.csv"):
        load(dataset_config("file"))
    with pytest.raises(UserError, match=r"unknown column 'lable'; did you mean 'label'"):
        loaded(tmp_path / "my.csv", label="lable")


def test_a_hub_set_in_a_mirror(tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "owner" / "name" / "abc" / "data"
    folder.mkdir(parents=True)
    (folder / "train-00000-of-00001.csv").write_text("text,label\nx,a\ny,b\n")
    (folder / "test-00000-of-00001.csv").write_text("text,label\nz,a\n")
    (folder / "README.md").write_text("about")
    config = dataset_config("hub")
    with pytest.raises(UserError, match=r"dataset\.repo_id=owner/name"):
        load(config)
    config.repo_id, config.revision = "owner/name", "abc"
    data = DataConfig(mirror=str(tmp_path), cache=str(tmp_path / "cache"), offline=True)
    dataset = load(config, data)
    assert [len(dataset.indices(split)) for split in ("train", "validation", "test")] == [2, 0, 1]
    config.repo_id = "owner/other"
    with pytest.raises(UserError, match="neither in the cache nor in a mirror"):
        load(config, data)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("data/train-00000-of-00001.parquet", "train"),
        ("my_dev.csv", "validation"),
        ("CT22_dev_test.tsv", None),
        ("latest.csv", None),
        ("Testing.xlsx", "test"),
    ],
)
def test_splits_by_file_name(name: str, expected: str | None) -> None:
    assert own_files.split_of(name) == expected
