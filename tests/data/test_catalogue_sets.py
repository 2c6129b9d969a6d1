"""Every entry of the catalogue loads: from the mirror, or from small files written in the set's documented format."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from naba import config
from naba.config.schema import DataConfig, SplitConfig
from naba.data import splits
from naba.data.dataset import SPLITS, Dataset, load, load_named
from naba.errors import UserError
from naba.evaluation.metrics import metric

FILES = Path(__file__).parent / "files"
TEMPLATES = {"file", "hub"}
UNLABELLED = {"saudinewsnet"}

MIRRORED = {
    "unifiedfc_stance": (0, 0, 0),
    "arentail": (5000, 0, 1000),
    "ct22_claim": (3631, 339, 996),
    "ct22_checkworthy": (2513, 235, 691),
    "ct22_harmful": (3624, 336, 994),
    "ct22_attention": (3621, 338, 995),
    "thatiar_subjectivity": (2446, 467, 748),
    "arabicstancex": (11500, 0, 2977),
}
DOCUMENTED = {
    "mawqif": (36, 0, 9),
    "ct24_checkworthy": (20, 6, 6),
    "araieval_persuasion": (20, 6, 6),
    "austr": (0, 0, 0),
    "arastance": (32, 8, 8),
}


def rows(dataset: Dataset) -> tuple[int, ...]:
    return tuple(len(dataset.indices(split)) for split in SPLITS)


def documented(name: str) -> Dataset:
    """The set as its YAML reads it, from stand-in files: their bytes are not those that are pinned."""
    wanted = config.dataset_config(name)
    for file in wanted.source.files:
        file.sha256 = None
    return load(wanted, DataConfig(mirror=str(FILES), offline=True))


@pytest.mark.parametrize("name", [name for name in config.names("dataset") if name not in TEMPLATES | UNLABELLED])
def test_every_entry_says_where_it_comes_from(name: str) -> None:
    entry = config.dataset_config(name)
    assert entry.name == name
    assert entry.title
    assert entry.description
    assert entry.licence
    assert entry.citation
    assert entry.label_source != "unknown"
    assert len(entry.labels) >= 2
    for wanted in (entry.primary_metric, *entry.metrics):
        assert metric(wanted, tuple(entry.labels))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_sets_outside_the_mirror(name: str) -> None:
    dataset = documented(name)
    assert rows(dataset) == DOCUMENTED[name]
    assert set(dataset.gold(range(len(dataset)))) == set(dataset.labels)
    assert len(splits.make(dataset, SplitConfig(), 0).test) > 0


@pytest.mark.parametrize("name", ["mawqif", "austr", "araieval_persuasion", "ct24_checkworthy"])
def test_other_files_than_the_published_ones_are_refused(name: str) -> None:
    assert all(file.sha256 is not None for file in config.dataset_config(name).source.files)
    with pytest.raises(UserError, match=r"its sha256 is \w+, the config says"):
        load_named(name, DataConfig(mirror=str(FILES), offline=True))


def test_unbalanced_quotes_in_austr_are_text() -> None:
    dataset = documented("austr")
    assert dataset.column_values("text")[2].startswith('"')
    assert not dataset.column_values("text")[3].startswith('"')


def test_quotes_are_text_in_ct24() -> None:
    assert documented("ct24_checkworthy").column("text", [0])[0].startswith('"وزارة')


def test_labels_none_and_ids_of_19_digits_in_mawqif() -> None:
    dataset = documented("mawqif")
    assert Counter(dataset.gold(range(45)))["none"] == 15
    assert dataset.column("tweet_id", [0])[0] == "1390000000000000000"
    assert "\n" in dataset.column("text", [3])[0]


def test_austr_is_split_by_rumour() -> None:
    dataset = documented("austr")
    split = splits.make(dataset, SplitConfig(fold=2), 0)
    assert split.name == "fold 2 of 5"
    assert not set(dataset.column("rumor_id", split.train)) & set(dataset.column("rumor_id", split.test))


def test_a_set_that_is_nowhere_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="naba data fetch"):
        load_named("mawqif", DataConfig(mirror=str(tmp_path), cache=str(tmp_path), offline=True))


@pytest.mark.mirror
@pytest.mark.parametrize("name", MIRRORED)
def test_sets_of_the_mirror(name: str, mirror: Path) -> None:
    dataset = load_named(name, DataConfig(mirror=str(mirror), offline=True))
    assert rows(dataset) == MIRRORED[name]
    assert set(dataset.gold(range(len(dataset)))) == set(dataset.labels)
    assert len(set(dataset.ids(range(len(dataset))))) == len(dataset)


@pytest.mark.mirror
def test_unifiedfc_has_five_folds_by_claim(mirror: Path) -> None:
    dataset = load_named("unifiedfc_stance", DataConfig(mirror=str(mirror), offline=True))
    assert len(dataset) == 3042
    assert len(set(dataset.column_values("group"))) == 422
    tested: list[int] = []
    for fold in range(1, 6):
        split = splits.make(dataset, SplitConfig("official_folds", fold=fold, validation=0.1), 0)
        groups = [set(dataset.column("group", part)) for part in (split.train, split.validation, split.test)]
        assert len(set.union(*groups)) == sum(map(len, groups))
        tested += split.test.tolist()
    assert sorted(tested) == list(range(3042))


@pytest.mark.mirror
def test_arabicstancex_topics(mirror: Path) -> None:
    dataset = load_named("arabicstancex", DataConfig(mirror=str(mirror), offline=True))
    assert Counter(dataset.gold(range(len(dataset)))) == {"favor": 6275, "against": 5573, "none": 2629}
    assert len(splits.held_out_values(dataset, "topic")) == 17
    split = splits.make(dataset, SplitConfig("leave_one_out", column="topic", held_out="Neom", validation=0.1), 0)
    assert len(split.test) == 185
    assert "Neom" not in set(dataset.column("topic", split.train))
    given = splits.make(dataset, SplitConfig(validation=0.1), 0)
    assert set(dataset.column("topic", given.validation)) == set(dataset.column("topic", given.test))
