"""Classifiers for analyses: small ones, trained once a worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from naba.analysis.article import Article, Claim
from naba.config import overrides as command_line
from naba.experiment import run
from store_copies import home_with_store

if TYPE_CHECKING:
    from naba.analysis.models import Models

DATA = Path(__file__).resolve().parents[2] / "data" / "article"
CHOICES = {
    "claim_type": [
        "dataset=synthetic_claim_type", "model=abstaining", "model@model.classifier=calibrated",
        "model@model.classifier.classifier=tfidf_nb", "model.classifier.classifier.words=1",
        "model.classifier.classifier.characters_to=0", "model.risk=0.5",
    ],
    "stance": [
        "dataset=synthetic_stance", "model=calibrated", "model@model.classifier=tfidf_nb",
        "model.classifier.words=1", "model.classifier.characters_to=0",
    ],
}  # fmt: skip


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> dict[str, str]:
    """Task -> a classifier folder."""
    from naba.predict.locate import locate

    found = {}
    with home_with_store(empty_store, tmp_path_factory.mktemp("analysing")):
        for task, overrides in CHOICES.items():
            quick = ["evaluation.resamples=50", "tracking.figures=false"]
            outcome = run.run(command_line.compose([*overrides, *quick]))
            found[task] = str(locate(outcome.run))
    return found


@pytest.fixture(scope="session")
def models(folders: dict[str, str]) -> Models:
    from naba.analysis.models import open_models

    return open_models(folders["claim_type"], folders["stance"])


@pytest.fixture(scope="session")
def text() -> str:
    return (DATA / "article.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def claims() -> list[Claim]:
    lines = (DATA / "claims.jsonl").read_text(encoding="utf-8").splitlines()
    return [Claim(**json.loads(line)) for line in lines]


@pytest.fixture(scope="session")
def analysed(text: str, claims: list[Claim], models: Models) -> Article:
    """The labelled article, analysed with its ten claims."""
    from naba.analysis.analyse import About, analyse

    about = About(name="article", title="جنود في روسيا", url="https://example.org/a", date="2024-10-19")
    return analyse(text, claims, models=models, about=about)
