"""`Dataset`: what is loaded from a config, and what is refused."""

from __future__ import annotations

import copy
import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from naba import files
from naba.config import dataset_config
from naba.config.schema import ColumnsConfig, DataConfig, DatasetConfig, FileConfig, SourceConfig
from naba.data import dataset as module
from naba.data.dataset import Dataset, assemble, load, load_named, union
from naba.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

ROWS = "id,text,claim,label,part\n007,نص,c1,None,train\n1234567890123456789,آخر,c1,NA,dev\n3,ثالث,c2,None,test\n"


def config(folder: Path, content: str | bytes = ROWS, name: str = "mine.csv") -> DatasetConfig:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return DatasetConfig(
        name="mine",
        task="stance",
        labels={"None": "لا شيء", "NA": "غير متاح"},
        primary_metric="macro_f1",
        pair=True,
        source=SourceConfig(folder=str(folder), files=[FileConfig(path=name)]),
        columns=ColumnsConfig(id="id", target="claim", group="claim", split="part", slices={"topic": "claim"}),
    )


def test_a_dataset_from_a_file(tmp_path: Path) -> None:
    dataset = load(config(tmp_path))
    everything = range(3)
    assert dataset.table.column_names == ["id", "text", "target", "label", "group", "split", "topic"]
    assert {str(feature.dtype) for feature in dataset.table.features.values()} == {"string"}
    assert dataset.ids(everything).tolist() == ["007", "1234567890123456789", "3"]
    assert dataset.gold(everything).tolist() == ["None", "NA", "None"]
    assert [dataset.indices(split).tolist() for split in module.SPLITS] == [[0], [1], [2]]
    assert dataset.labels == ("None", "NA")
    assert dataset.display_names["NA"] == "غير متاح"
    frame = dataset.frame(np.array([2, 0]))
    assert frame.to_dict("list") == {"text": ["ثالث", "نص"], "target": ["c2", "c1"]}
    assert [str(dtype) for dtype in frame.dtypes] == ["object", "object"]
    assert frame.index.tolist() == [0, 1]
    assert {split: len(table) for split, table in dataset.to_dict().items()} == dict.fromkeys(module.SPLITS, 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (ROWS.replace("3,ثالث,c2,None,test", "3,ثالث"), "row 3, line 4: too few fields"),
        (ROWS.replace("c1,NA", "c1,Nan"), "row 2, line 3: unknown label 'Nan' (column 'label'); did you mean 'NA'?"),
        (ROWS.replace("label", "lable"), "unknown column 'label'; did you mean 'lable'?"),
        (ROWS.replace("dev", "devel"), "row 2, line 3: unknown split 'devel'; did you mean 'dev'?"),
        (ROWS.replace("3,ثالث", "007,ثالث"), "row 3, line 4: the id '007' (column 'id') is already that of"),
        ("", "the file is empty"),
    ],
)
def test_one_clear_error_with_file_and_row(tmp_path: Path, content: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        load(config(tmp_path, content))
    assert "mine.csv" in str(caught.value)
    assert expected in str(caught.value)


def test_a_null_label_is_missing_not_a_label(tmp_path: Path) -> None:
    wanted = config(tmp_path, '{"id": 1, "text": "x", "claim": "c", "part": "test", "label": null}', "mine.jsonl")
    with pytest.raises(UserError, match=r"row 1, line 1: there is no label \(column 'label'\)"):
        load(wanted)


def test_label_values(tmp_path: Path) -> None:
    wanted = config(tmp_path, ROWS.replace("None", "0").replace("NA", "true"))
    wanted.labels, wanted.label_values = {"no": "لا", "yes": "نعم"}, {"0": "no", "true": "yes"}
    assert load(wanted).gold([0, 1, 2]).tolist() == ["no", "yes", "no"]
    wanted.label_values = {"0": "no", "true": "yess"}
    with pytest.raises(UserError, match="unknown label 'yess'; did you mean 'yes'"):
        load(wanted)


def test_ids_are_made_of_split_and_row(tmp_path: Path) -> None:
    wanted = config(tmp_path)
    wanted.columns.id = None
    assert load(wanted).ids(range(3)).tolist() == ["train-000001", "validation-000001", "test-000001"]


def test_a_pair_task_needs_a_target(tmp_path: Path) -> None:
    wanted = config(tmp_path)
    wanted.columns.target = None
    with pytest.raises(UserError, match="names no target column"):
        load(wanted)


def test_loading_twice_gives_one_object_until_the_file_changes(tmp_path: Path) -> None:
    first = load(config(tmp_path))
    assert load(config(tmp_path)) is first
    second = load(config(tmp_path, ROWS.replace("ثالث", "رابع")))
    assert second.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("c2,None,test", "c2,None,dev", False),
        ("c2,None,test", "c2,NA,test", False),
        ("ثالث", "ثالث ", False),
        ("3,ثالث", "4,ثالث", False),
        ("id,text,claim,label,part\n", "\ufeffid,text,claim,label,part\n", True),
    ],
)
def test_the_fingerprint_is_that_of_the_content(tmp_path: Path, old: str, new: str, same: bool) -> None:
    first = load(config(tmp_path)).fingerprint
    assert (load(config(tmp_path, ROWS.replace(old, new))).fingerprint == first) is same


def test_fingerprints_do_not_run_fields_together(tmp_path: Path) -> None:
    one = load(config(tmp_path, 'id,text,claim,label,part\n1,"a"",""b",c,None,test\n'))
    two = load(config(tmp_path, 'id,text,claim,label,part\n1,a,"b"",""c",None,test\n'))
    assert one.fingerprint != two.fingerprint


def test_relabelling_for_transfer(tmp_path: Path) -> None:
    scheme = copy.deepcopy(config(tmp_path))
    scheme.name, scheme.labels, scheme.label_values = "three", {"None": "ل", "other": "أ"}, {"NA": "other"}
    three = load(scheme)
    with pytest.raises(UserError, match="the labels NA of mine have no counterpart among those of three"):
        load(config(tmp_path)).relabelled(three)
    scheme.label_map = {"NA": "other"}
    carried = load(config(tmp_path)).relabelled(load(scheme))
    assert carried.gold(range(3)).tolist() == ["None", "other", "None"]
    assert carried.labels == ("None", "other")
    assert carried.name == "mine"
    assert carried.table.column_names == load(config(tmp_path)).table.column_names


SHIPPED = {
    "article_stance": (0, 0, 190),
    "article_claim_type": (0, 0, 19),
    "synthetic_stance": (1664, 384, 512),
    "synthetic_article_stance": (4992, 1152, 1536),
    "synthetic_claim_type": (1062, 247, 330),
}
MIRRORED = {
    "ans_stance": (2652, 755, 379),
    "ans_veracity": (3185, 906, 456),
    "ans_claim_type": (3185, 906, 456),
    "thatiar_claim_type": (1424, 246, 430),
    "claim_type": (4609, 1152, 886),
}


def rows(dataset: Dataset) -> tuple[int, ...]:
    return tuple(len(dataset.indices(split)) for split in module.SPLITS)


@pytest.mark.parametrize("name", SHIPPED)
def test_embedded_sets(name: str) -> None:
    dataset = load_named(name)
    assert rows(dataset) == SHIPPED[name]
    assert dataset.label_source == "language_model"
    assert set(dataset.gold(range(len(dataset)))) <= set(dataset.labels)


def test_pairs_as_in_articles_are_those_of_the_corpus_and_texts_about_other_claims() -> None:
    dataset, plain = load_named("synthetic_article_stance"), load_named("synthetic_stance")
    table = dataset.table.to_pandas()
    drawn = table[table["origin"] == "drawn"]
    assert dataset.ids(range(len(plain))).tolist() == plain.ids(range(len(plain))).tolist()
    assert dataset.gold(range(len(plain))).tolist() == plain.gold(range(len(plain))).tolist()
    assert set(drawn["label"]) == {"unrelated"}
    assert (drawn.groupby(["split", "target"])["text"].nunique() == 8).all()
    assert set(drawn["target"]) == set(plain.column_values("target"))
    claims, texts = drawn["id"].str.split("~", expand=True)[[0, 1]].T.to_numpy()
    where = table.set_index("id")[["group", "split"]].to_dict("index")
    assert all(where[text]["group"] != where[claim]["group"] for claim, text in zip(claims, texts, strict=True))
    assert all(where[text]["split"] == where[claim]["split"] for claim, text in zip(claims, texts, strict=True))


def test_the_article_joins_claims_and_sentences() -> None:
    dataset = load_named("article_stance")
    labels, counts = np.unique(dataset.gold(range(190)).astype(str), return_counts=True)
    assert dict(zip(labels.tolist(), counts.tolist(), strict=True)) == {
        "agree": 7, "disagree": 3, "discuss": 21, "unrelated": 159,
    }  # fmt: skip
    assert len(set(dataset.column("group", range(190)))) == 10
    assert set(dataset.column("has_quotes", range(190))) == {"yes", "no"}
    article = (files.shipped("data") / "article" / "article.txt").read_text(encoding="utf-8")
    assert all(text in article for text in dataset.column("text", range(190)))


@pytest.mark.mirror
@pytest.mark.parametrize("name", MIRRORED)
def test_mirrored_sets(name: str, mirror: Path) -> None:
    dataset = load_named(name, DataConfig(mirror=str(mirror), offline=True))
    assert rows(dataset) == MIRRORED[name]
    assert len(set(dataset.ids(range(len(dataset))))) == len(dataset)


@pytest.mark.mirror
def test_ans_stance_is_scored_on_the_article(mirror: Path) -> None:
    scheme = load_named("ans_stance", DataConfig(mirror=str(mirror), offline=True))
    assert scheme.labels == ("agree", "disagree", "other")
    assert scheme.column("target", [0])[0] == scheme.column("group", [0])[0]
    carried = load_named("article_stance").relabelled(scheme)
    assert (carried.gold(range(190)) == "other").sum() == 180


@pytest.mark.mirror
def test_no_article_is_in_two_splits(mirror: Path) -> None:
    dataset = load_named("thatiar_claim_type", DataConfig(mirror=str(mirror), offline=True))
    groups = [set(dataset.column("group", dataset.indices(split))) for split in module.SPLITS]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]


@pytest.mark.mirror
def test_a_text_that_was_not_labelled_is_refused_by_row(mirror: Path, tmp_path: Path) -> None:
    wanted = dataset_config("ans_claim_type")
    for file in wanted.source.files:
        origin = mirror / "github" / str(wanted.source.repository) / str(wanted.source.commit) / file.path
        content = origin.read_bytes()
        if file.path.endswith("dev.csv"):
            content = content.replace("مقتل ضابط وجندي".encode(), "مقتل جندي وضابط".encode(), 1)
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).write_bytes(content)
        file.sha256 = hashlib.sha256(content).hexdigest()
    wanted.source = SourceConfig(folder=str(tmp_path), files=wanted.source.files)
    with pytest.raises(UserError, match=r"dev\.csv: row 1, line 2: the text is not the one that was labelled"):
        load(wanted)


def small(name: str, labels: str = "ab", **changes: list[str]) -> Dataset:
    """Two rows."""
    table = {"id": ["1", "2"], "text": ["خبر", "نص"], "target": ["س", "ص"], "label": list(labels), "group": ["g", ""],
             "split": ["train", "test"]}  # fmt: skip
    return assemble(DatasetConfig(name, "stance", {"a": "أ", "b": "ب"}, "macro_f1"), table | changes, ())


@pytest.mark.parametrize(
    ("column", "counts"),
    [("id", True), ("text", True), ("target", True), ("label", True), ("split", True), ("group", False)],
)
def test_a_fingerprint_is_of_what_trains_and_tests_row_by_row(column: str, counts: bool) -> None:
    first = small("one")
    turned = first.column_values(column)[::-1].tolist()
    assert turned != first.column_values(column).tolist()
    assert (small("one", **{column: turned}).fingerprint != first.fingerprint) is counts
    assert small("renamed").fingerprint == first.fingerprint


def test_a_union_keeps_the_rows_of_each_part_apart() -> None:
    """Ids and groups that two parts have in common are each its own; a row without a group stays without one."""
    whole = union(DatasetConfig("both", "stance", {"b": "ب", "a": "أ"}, "macro_f1"), {"x": small("x"), "y": small("y")})
    assert whole.column_values("id").tolist() == ["x:1", "x:2", "y:1", "y:2"]
    assert whole.column_values("group").tolist() == ["x:g", "", "y:g", ""]
    assert whole.column_values("corpus").tolist() == ["x", "x", "y", "y"]
    assert whole.column_values("split").tolist() == ["train", "test"] * 2
    assert (whole.labels, whole.slices) == (("b", "a"), ("corpus",))
    with pytest.raises(UserError, match="y has labels the union does not know: b"):
        union(DatasetConfig("both", "stance", {"a": "أ"}, "macro_f1"), {"y": small("y")})


def test_a_label_that_both_schemes_have_stays_and_only_those_that_occur_must_have_a_place() -> None:
    maps = {"a": "b", "c": "b"}
    scheme = assemble(DatasetConfig("s", "stance", {"a": "أ", "b": "ب"}, "mcc", label_map=maps), ROW, ())
    three = DatasetConfig("t", "stance", {"a": "أ", "c": "ج", "d": "د"}, "macro_f1")
    carried = assemble(three, ROW | {"label": ["c"]}, ()).relabelled(scheme)
    assert (carried.column_values("label").tolist(), carried.labels, carried.primary_metric) == (
        ["b"],
        ("a", "b"),
        "mcc",
    )
    assert assemble(three, ROW, ()).relabelled(scheme).column_values("label").tolist() == ["a"]
    two = {name: values * 2 for name, values in ROW.items()} | {"id": ["1", "2"], "label": ["a", "d"]}
    with pytest.raises(UserError, match="the labels d of t have no counterpart"):
        assemble(three, two, ()).relabelled(scheme)


ROW = {"id": ["1"], "text": ["خبر"], "target": [""], "label": ["a"], "group": [""], "split": ["test"]}
