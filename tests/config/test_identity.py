"""What a run is known by: all that changes the answers, and nothing else."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING

import pytest

from compositions import compose
from naba import config
from naba.config.identity import split_content
from naba.config.schema import SplitConfig
from naba.experiment.job import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from naba.config import Identity


def known(*overrides: str, fingerprint: str = "f" * 64, **more: object) -> Identity:
    settings = config.check(compose(["dataset=ans_stance", *overrides]))
    return config.identify(settings, fingerprint, **more)  # type: ignore[arg-type]


@cache
def usual() -> Identity:
    """What many are compared with; composing it takes a tenth of a second."""
    return known()


def own(folder: Path, name: str, content: str) -> None:
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / f"{name}.yaml").write_text(content, encoding="utf-8")


@pytest.mark.parametrize(
    "one",
    [
        ["model.C=3"],
        ["model.C=3.0"],
        ["model.C=3e0"],
        ["dataset.title=Other", "dataset.licence=other", "dataset.name=renamed", "dataset.description=x"],
        ["model.name=renamed", "model.description=x"],
        ["normalisation.name=mine"],
        ["++split.folds=7", "++split.fold=2", "++split.test=0.3"],  # split=given goes by none of these
        ["data.mirror=/elsewhere", "tracking=off", "evaluation.worst_errors=3"],
        ["dataset.labels.agree=yes-display"],
    ],
)
def test_equal_experiments_are_one_run(one: list[str]) -> None:
    assert known(*one) == usual()


@pytest.mark.parametrize(
    ("left_out", "written_out"),
    [
        (["split=kfold"], ["split.column=group", "split.folds=5", "split.fold=1"]),
        (["split=grouped"], ["split.column=group", "split.test=2e-1"]),
        (["dataset=unifiedfc_stance", "split=official_folds"], ["++split.column=fold"]),
        (["split=learning_curve", "split.fraction=1"], ["split.fraction=1.0"]),
        (["split.validation=0"], ["split.validation=-0.0"]),
        (
            ["model=marbert_v2"],
            ["++model.training.stopping_metric=macro_f1_agree_disagree", "++model.training.warmup=1e-1"],
        ),
        (["model=marbert_v2"], ["++model.training.checkpoint_steps=7"]),
        (
            ["model=encoder_small"],
            ["++model.training.stopping_metric=macro_f1_agree_disagree", "++model.training.checkpoint_steps=7"],
        ),
    ],
)
def test_a_default_that_is_written_out_is_none_the_less_one(left_out: list[str], written_out: list[str]) -> None:
    assert known(*left_out, *written_out) == known(*left_out)


def test_the_metric_that_early_stopping_watches_counts() -> None:
    watching = ["model=marbert_v2", "++model.training.stopping_metric=accuracy"]
    assert known(*watching).cell != known("model=marbert_v2").cell
    assert known(*watching, "dataset.primary_metric=accuracy") == known(
        "model=marbert_v2", "dataset.primary_metric=accuracy"
    )


def test_official_folds_count_by_what_they_are(tmp_path: Path) -> None:
    rows = [f"{number},خبر رقم {number},{'ab'[number % 2]}" for number in range(12)]
    found = []
    for name, folds in (("one", 3), ("two", 2)):
        lines = [f"{row},{number % folds + 1}" for number, row in enumerate(rows)]
        file = tmp_path / f"{name}.csv"
        file.write_text("\n".join(["id,text,label,fold", *lines]), encoding="utf-8")
        own_file = ["dataset=file", f"dataset.path={file}", "++dataset.columns.keep.fold=fold", "split=official_folds"]
        jobs = [prepare(compose([*own_file, "model=majority", *more])) for more in ([], ["++split.column=fold"])]
        found += [job.identity for job in jobs]
    assert found[0] == found[1] != found[2] == found[3]


@pytest.mark.parametrize(
    "other",
    [
        ["model.C=2.9"],
        ["model.words=1"],
        ["model=tfidf_svm"],
        ["normalisation=light"],
        ["normalisation.version=3"],
        ["split=stratified"],
        ["++split.validation=0.1"],
        ["dataset.primary_metric=accuracy"],
        ["dataset.pair=false"],
    ],
)
def test_what_changes_the_answers_makes_another_cell(other: list[str]) -> None:
    found = known(*other)
    assert found.cell != usual().cell
    assert found.run != usual().run


def test_a_yaml_that_leaves_defaults_out_is_the_same_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(tmp_path, "short", "name: short\naccepts: [pair]\ndescription: x\nbuilder: tfidf_logreg\n")
    own(
        tmp_path, "old", "name: old\naccepts: [pair]\ndescription: x\n_target_: naba.models.sparse.tfidf_logreg\nC: 3\n"
    )
    monkeypatch.setenv("NABA_CONF", str(tmp_path))
    assert known("model=short") == known("model=tfidf_logreg") == known("model=old")


def test_names_inside_a_wrapped_model_do_not_count_but_its_options_do() -> None:
    wrapped = ["model=calibrated", "model@model.classifier=tfidf_svm"]
    assert known(*wrapped, "model.classifier.name=renamed") == known(*wrapped)
    assert known(*wrapped, "model.classifier.C=0.2").cell != known(*wrapped).cell


def test_seeds_share_a_cell_and_so_do_the_folds_of_one_cross_validation() -> None:
    one, other = known("seed=1"), known("seed=0")
    assert one.cell == other.cell
    assert one.run != other.run
    folds = [known("split=kfold", f"split.fold={fold}") for fold in (1, 2)]
    assert folds[0].cell == folds[1].cell
    assert folds[0].run != folds[1].run
    assert known("split=kfold", "split.folds=4").cell != folds[0].cell
    topics = [
        known("dataset=arabicstancex", "split=leave_one_out", "split.column=topic", f"split.held_out={topic}")
        for topic in ("a", "b")
    ]
    assert topics[0].cell == topics[1].cell
    assert topics[0].run != topics[1].run


def test_the_order_of_labels_counts() -> None:
    settings = config.check(compose(["dataset=ans_stance"]))
    first = config.identify(settings, "f" * 64)
    labels = dict(reversed(settings.dataset.labels.items()))
    settings.dataset = dataclasses.replace(settings.dataset, labels=labels)
    assert config.identify(settings, "f" * 64).cell != first.cell


def test_data_rows_groups_and_background_count() -> None:
    beside = known(background={"saudinewsnet": "1" * 64})
    assert known(fingerprint="e" * 64).data != usual().data
    assert known(grouping="g").cell != usual().cell
    assert beside.cell != usual().cell
    assert beside.data == usual().data


def test_a_local_checkpoint_counts_by_its_bytes_and_not_by_its_place(tmp_path: Path) -> None:
    first, copied, changed = (tmp_path / name for name in ("first", "copied", "changed"))
    for folder in (first, copied, changed):
        folder.mkdir()
        (folder / "config.json").write_text("{}", encoding="utf-8")
        (folder / "model.safetensors").write_bytes(b"weights")
    (changed / "model.safetensors").write_bytes(b"weightz")
    one, same, other = (
        known("model=marbert_v2", f"model.checkpoint='{folder}'") for folder in (first, copied, changed)
    )
    assert one == same
    assert other.cell != one.cell
    assert known("model=marbert_v2", "model.checkpoint=UBC-NLP/MARBERTv2@abc").cell != known("model=marbert_v2").cell


def test_every_kind_of_split_says_what_it_goes_by() -> None:
    """A setting that a splitter reads and the identity leaves out would take one experiment for another."""
    import inspect
    import re

    from naba.config.identity import split_content
    from naba.config.schema import SplitConfig
    from naba.data.splits import SPLITTERS

    for name, splitter in SPLITTERS.items():
        read = set(re.findall(r"config\.([a-z_]+)", inspect.getsource(splitter)))
        assert read <= set(split_content(SplitConfig(name=name))), name


def test_a_digest_is_the_same_on_every_machine_and_in_every_order_of_keys() -> None:
    """The hash of `{"a":"نبأ","b":[1,0.5]}` in UTF-8, as `sha256sum` gives it."""
    assert config.digest({"b": [1, 0.5], "a": "نبأ"}) == "97b4ba7923654eff"
    assert config.IDENTITY_VERSION == 2


def test_a_fold_that_validates_counts_and_its_absence_is_what_it_was() -> None:
    assert split_content(SplitConfig(name="given")) == {"name": "given", "validation": 0.0}
    folds = [known("split.validation=0.2", f"split.validation_fold={fold}") for fold in (0, 1, 2)]
    assert len({one.run for one in folds}) == 3
    assert folds[1].cell == folds[2].cell, "the folds of one search are one cell"
