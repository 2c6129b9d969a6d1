"""`naba data fetch|mirror|pin|new` and `naba check`, as functions."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import os
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from naba import config
from naba.config.schema import DataConfig
from naba.data import catalogue
from naba.data.checks import rows
from naba.data.dataset import load_named
from naba.errors import UserError

FILES = Path(__file__).parent / "files"
ARASTANCE = ("train.jsonl", "dev.jsonl", "test.jsonl")


@pytest.fixture
def data(tmp_path: Path) -> DataConfig:
    return DataConfig(mirror=str(FILES), cache=str(tmp_path / "cache"), offline=True)


def test_names_leave_the_templates_out() -> None:
    assert {"ans_stance", "claim_type", "unifiedfc_stance"} <= set(catalogue.names())
    assert not {"file", "hub"} & set(catalogue.names())


def test_fetch_tells_hashes_nobody_has_pinned(data: DataConfig) -> None:
    fetched = catalogue.fetch("arastance", data)
    paths = [next(FILES.rglob(f"ara-stance/*/{name}")) for name in ARASTANCE]
    assert fetched.bytes == sum(path.stat().st_size for path in paths)
    assert fetched.unpinned == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    assert catalogue.fetch("synthetic_stance", data).unpinned == {}


def test_is_here(data: DataConfig, tmp_path: Path) -> None:
    assert catalogue.is_here("austr", data)
    assert catalogue.is_here("synthetic_stance", data)
    assert not catalogue.is_here("claim_type", data)
    data.mirror = str(tmp_path)
    assert not catalogue.is_here("austr", data)


def test_a_mirror_works_as_one(data: DataConfig, tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    written = catalogue.mirror(folder, ["arastance", "synthetic_stance"], data)
    assert len(written) == 3
    assert catalogue.mirror(folder, ["arastance"], data) == written
    copied = DataConfig(mirror=str(folder), cache=str(tmp_path / "cache"), offline=True)
    assert load_named("arastance", copied).fingerprint == load_named("arastance", data).fingerprint
    written[0].write_bytes(b"other")
    with pytest.raises(UserError, match="Nothing was deleted"):
        catalogue.mirror(folder, ["arastance"], data)
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == sorted(ARASTANCE)


@pytest.mark.parametrize("name", ["austr", "mawqif", "arastance"])
def test_pin_writes_hashes_and_keeps_comments(
    name: str, data: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = re.sub(r"\n +sha256: \w+", "", config.yaml_path("dataset", name).read_text(encoding="utf-8"))
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    own = tmp_path / "conf" / "dataset" / f"{name}.yaml"
    own.write_text(text.replace("name: ", "# mine\nname: ", 1), encoding="utf-8")
    monkeypatch.setenv("NABA_CONF", str(tmp_path / "conf"))
    pinned = catalogue.pin(name, data)
    assert pinned.path == own
    written = own.read_text(encoding="utf-8")
    assert written.startswith("# mine")
    files = yaml.safe_load(written)["source"]["files"]
    assert {file["path"]: file["sha256"] for file in files} == pinned.hashes
    assert len(pinned.hashes) == len(files)


def test_pin_understands_entries_on_one_line(data: DataConfig) -> None:
    digest = "0" * 64
    text = "files:\n  - {path: a b.csv, split: train}\n  - path: 'c.csv'  # note\n    split: test\n"
    for file in ("a b.csv", "c.csv"):
        text = catalogue._with_hash(text, file, digest, Path("x.yaml"))
    assert [file["sha256"] for file in yaml.safe_load(text)["files"]] == [digest, digest]
    with pytest.raises(UserError, match=r"cannot see where the hash of d\.csv belongs"):
        catalogue._with_hash(text, "d.csv", digest, Path("x.yaml"))


def test_checks_before_a_training_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NABA_HOME", str(tmp_path))
    before = os.umask(0o022)
    try:
        first = rows.before_training(load_named("article_claim_type"))
    finally:
        os.umask(before)
    (stored,) = (tmp_path / "checks").iterdir()
    assert stored.stat().st_mode & 0o777 == 0o644  # others share the home
    assert rows.before_training(load_named("article_claim_type")) == first
    assert first.errors == []
    assert first.warnings[0].code == "N10"


def test_a_check_that_is_new_or_has_changed_runs_on_a_set_that_was_checked_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from naba.data.checks import findings

    dataset = load_named("article_claim_type")
    before = rows.before_training(dataset)
    file = tmp_path / "more_checks.py"
    text = "from naba.data.checks.findings import check, found\n\n\n@check('X1', 'Extra', 'warning', 'Look.')\n"
    file.write_text(text + "def extra(subject):\n    return found('first')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        importlib.import_module("more_checks")
        after = rows.before_training(dataset)
        assert [each.message for each in after.findings if each.code == "X1"] == ["first"]
        assert len(after.findings) == len(before.findings) + 1
        version = rows.version()
        file.write_text(file.read_text(encoding="utf-8").replace("first", "second"), encoding="utf-8")
        assert rows.version() != version
    finally:
        findings.CHECKS.pop("X1", None)
    assert rows.before_training(dataset) == before


def test_overlaps_and_the_quality_page(data: DataConfig) -> None:
    sets = [load_named(name) for name in ("article_stance", "article_claim_type", "synthetic_stance")]
    assert catalogue.overlaps(sets) == [("article_stance", "article_claim_type", 19, 29, 19)]
    page = catalogue.quality_report(["article_stance", "article_claim_type"], data)
    assert "| N10 Rare labels | warning |" in page
    assert "| article_stance, article_claim_type | 19 | 29 | 19 |" in page
    assert "كوريا" not in page


@pytest.mark.parametrize("name", ["article_stance", "article_claim_type", "synthetic_stance", "synthetic_claim_type",
                                  "synthetic_article_stance"])  # fmt: skip
def test_no_shipped_set_changed_unannounced(name: str) -> None:
    assert name in catalogue.committed_statistics()
    assert catalogue.statistics_changes(load_named(name)) == []


@pytest.mark.mirror
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in catalogue.committed_statistics()
        if not name.startswith(("article", "synthetic")) and name not in {"saudinewsnet", "unifiedfc_stance"}
    ],
)
def test_no_mirrored_set_changed_unannounced(name: str, mirror: Path) -> None:
    assert catalogue.statistics_changes(load_named(name, DataConfig(mirror=str(mirror), offline=True))) == []


def test_a_change_is_told() -> None:
    dataset = load_named("article_stance").relabelled(load_named("synthetic_stance"))
    texts = np.array([text + "!" for text in dataset.column_values("text")], dtype=object)
    told = catalogue.statistics_changes(dataclasses.replace(dataset, columns={**dataset.columns, "text": texts}))
    assert told[0].startswith("fingerprint: ")


@pytest.mark.mirror
def test_ans_claims_are_the_sentences_of_ans_stance(mirror: Path) -> None:
    data = DataConfig(mirror=str(mirror), offline=True)
    (_, _, shared, claims, _), *_ = catalogue.overlaps(
        [load_named(name, data) for name in ("ans_veracity", "ans_stance")]
    )
    assert shared > 0.9 * claims
