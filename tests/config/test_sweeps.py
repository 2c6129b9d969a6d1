"""Jobs of a sweep are those that Hydra would start, with the configurations that it would compose."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Any

import pytest
from omegaconf import OmegaConf

from naba.config import overrides as command_line

if TYPE_CHECKING:
    from pathlib import Path

SWEEPS = [
    ["dataset=synthetic_stance,ans_stance", "model=tfidf_logreg,majority,tfidf_nb", "seed=0,1"],
    ["model=tfidf_svm", "model.C=0.5,2", "evaluation.also=[article_stance]", "++tracking.log_model=false", "seed=7"],
    ["+experiment=quickstart"],
    ["+experiment=quickstart", "seed=5"],
    ["model=pair_linear,tfidf_nb", "normalisation=none,news", "split=kfold", "split.fold=1,2", "split.folds=3"],
    [
        "dataset=file",
        "dataset.path='/a b/c,d.csv'",
        "++dataset.labels={agree: 'مؤيد', other: x}",
        "seed=range(0,3)",
    ],
]


# A single model and an own file; the others have up to twelve jobs.
IN_DEFAULT = [SWEEPS[1], SWEEPS[5]]
PARAMETERS = [pytest.param(one, marks=() if one in IN_DEFAULT else pytest.mark.slow) for one in SWEEPS]


@pytest.mark.parametrize("overrides", PARAMETERS, ids=str)
def test_configurations_are_those_of_a_composition_of_their_own(overrides: list[str]) -> None:
    found = command_line.jobs(overrides)
    assert found
    composition = command_line.plan(overrides, multirun=True).composition
    for job in found:
        expected = command_line.compose(job)
        assert OmegaConf.to_container(composition.of(job)) == OmegaConf.to_container(expected)
        assert list(composition.of(job)) == list(expected)


def test_files_that_change_more_than_their_section_are_composed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that sets `force`, and a data set that sets a seed and an option of the model."""
    more = {
        "model/own": "  - _self_\nforce: true\n",
        "dataset/mine": "  - _self_\nseed: 5\nmodel:\n  words: 1\n",
    }
    for place, text in more.items():
        (tmp_path / place).parent.mkdir()
        usual = "/model@model: tfidf_nb" if place == "model/own" else "/dataset@dataset: synthetic_stance"
        (tmp_path / f"{place}.yaml").write_text(f"# @package _global_\ndefaults:\n  - {usual}\n{text}")
    monkeypatch.setenv("NABA_CONF", str(tmp_path))
    composition = command_line.Composition()
    for model, dataset in itertools.product(("majority", "own"), ("synthetic_stance", "mine")):
        job = [f"model={model}", f"dataset={dataset}"]
        expected: dict[str, Any] = OmegaConf.to_container(command_line.compose(job))  # type: ignore[assignment]
        assert OmegaConf.to_container(composition.of(job)) == expected, job


@pytest.mark.parametrize("overrides", PARAMETERS, ids=str)
def test_jobs_are_those_of_hydra(overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from naba.experiment import sweep

    started: list[list[str]] = []

    def job(cfg: object) -> None:
        from hydra.core.hydra_config import HydraConfig

        started.append(list(HydraConfig.get().overrides.task))

    monkeypatch.setattr(sweep, "job", job)
    monkeypatch.setenv(sweep.FOLDER, str(tmp_path))
    sweep.hydra(["--multirun"], overrides)
    assert command_line.jobs(overrides) == started
    assert not logging.getLogger("naba.data.rows").disabled, "notes of a job must be seen"


@pytest.mark.parametrize("overrides", [["model=glob(tfidf_*)"], ["seed=0,1", "hydra/launcher=joblib"],
                                       ["seed=0", "hydra.sweeper.max_batch_size=1"]])  # fmt: skip
def test_what_only_hydra_can_split_is_left_to_it(overrides: list[str]) -> None:
    assert command_line.jobs(overrides) is None
