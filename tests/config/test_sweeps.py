"""Jobs of a sweep are those that Hydra would start, with the configurations that it would compose."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from omegaconf import OmegaConf

from naba.config import overrides as command_line
from naba.config import sweeps

if TYPE_CHECKING:
    from pathlib import Path

SWEEPS = [
    ["dataset=synthetic_stance,synthetic_claim_type", "model=tfidf_logreg,majority", "seed=0,1"],
    ["model=tfidf_svm", "model.C=0.5,2", "evaluation.also=[article_stance]", "++tracking.log_model=false", "seed=7"],
    ["+experiment=quickstart"],
    ["+experiment=quickstart", "seed=5"],
    ["model=pair_linear,tfidf_nb", "normalisation=none,news", "split=kfold", "split.fold=0,1", "split.folds=3"],
    [
        "dataset=file",
        "dataset.path='/a b/c,d.csv'",
        "++dataset.labels={agree: 'مؤيد', other: x}",
        "seed=range(0,3)",
    ],
]


@pytest.mark.parametrize("overrides", SWEEPS, ids=str)
def test_configurations_are_those_of_a_composition_of_their_own(overrides: list[str]) -> None:
    found = sweeps.jobs(overrides)
    assert found
    composition = command_line.Composition()
    for job in found:
        expected = command_line.compose(job)
        assert OmegaConf.to_container(composition.of(job)) == OmegaConf.to_container(expected)
        assert list(composition.of(job)) == list(expected)


@pytest.mark.parametrize("overrides", SWEEPS, ids=str)
def test_jobs_are_those_of_hydra(overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from naba.experiment import sweep

    started: list[list[str]] = []

    def job(cfg: object) -> None:
        from hydra.core.hydra_config import HydraConfig

        started.append(list(HydraConfig.get().overrides.task))

    monkeypatch.setattr(sweep, "job", job)
    monkeypatch.setenv(sweep.FOLDER, str(tmp_path))
    sweep.hydra(["--multirun"], overrides)
    assert sweeps.jobs(overrides) == started
    assert not logging.getLogger("naba.data.rows").disabled, "notes of a job must be seen"


@pytest.mark.parametrize("overrides", [["model=glob(tfidf_*)"], ["seed=0,1", "hydra/launcher=joblib"],
                                       ["seed=0", "hydra.sweeper.max_batch_size=1"]])  # fmt: skip
def test_what_only_hydra_can_split_is_left_to_it(overrides: list[str]) -> None:
    assert sweeps.jobs(overrides) is None
