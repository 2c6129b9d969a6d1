"""An encoder tuned by the labels of a few rows, for single texts and for pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from naba.classifier import folder as directory
from naba.errors import UserError
from naba.models import embedded, setfit
from naba.models.embeddings.contrast import balanced, compared, cosine_loss
from naba.models.embeddings.networks import network

if TYPE_CHECKING:
    from pathlib import Path

TUNING = {"steps": 60, "learning_rate": 3e-3, "threads": 1, "shots": 8, "max_length": 32, "seed": 1}


def pairs(headlines: Any) -> Any:
    """Two headlines of different places: do both rise or fall, or one of each? No word says so, but how they relate."""
    X, y = headlines
    order = np.random.default_rng(0).permutation(len(X))
    table = pd.DataFrame({"text": X["text"].to_numpy(), "target": X["text"].to_numpy()[order]}, dtype=object)
    return table, np.where(y == y[order], "agree", "disagree").astype(object)


def halves(X: Any, y: Any) -> Any:
    held = np.arange(len(X)) % 2 == 0
    return (X[~held], y[~held]), (X[held], y[held])


@pytest.mark.parametrize(("pair", "better"), [pytest.param(False, 0.9, marks=pytest.mark.slow), (True, 0.8)])
def test_a_few_rows_are_enough_once_the_encoder_is_tuned(
    pair: bool, better: float, headlines: Any, checkpoint: Path
) -> None:
    train, held = halves(*(pairs(headlines) if pair else headlines))
    frozen = {name: TUNING[name] for name in ("shots", "max_length", "seed")}
    before = embedded(checkpoint=str(checkpoint), pair=pair, **frozen).fit(*train).score(*held)
    options = TUNING | ({"shots": 40, "steps": 150} if pair else {})
    after = setfit(checkpoint=str(checkpoint), pair=pair, **options).fit(*train).score(*held)
    assert after > max(better, before + 0.1)


@pytest.mark.parametrize("pair", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_it_is_kept_with_the_weights_it_has_become(
    pair: bool, headlines: Any, checkpoint: Path, tmp_path: Path
) -> None:
    X, y = pairs(headlines) if pair else headlines
    start = network(str(checkpoint), None, 32).digest()
    first, again, other = (
        setfit(checkpoint=str(checkpoint), pair=pair, **TUNING | {"seed": seed, "steps": 5}).fit(X, y)
        for seed in (1, 1, 2)
    )
    assert first.predict_proba(X).tobytes() == again.predict_proba(X).tobytes()
    assert first.predict_proba(X).tobytes() != other.predict_proba(X).tobytes()
    assert network(str(checkpoint), None, 32).digest() == start, "the weights that other models share stay as they are"
    described = {"task": "stance", "dataset": "d", "input": ["text", *(["target"] if pair else [])],
                 "labels": {label: label for label in first.classes_}}  # fmt: skip
    directory.save(first, tmp_path / "model", described)
    loaded, _ = directory.load(tmp_path / "model")
    assert loaded.predict_proba(X).tobytes() == first.predict_proba(X).tobytes()
    assert loaded.embedder.network_.digest() == first.embedder.network_.digest() != start


def test_empty_texts_are_left_out_of_the_tuning(headlines: Any, checkpoint: Path) -> None:
    X, y = headlines
    X = X.assign(text=np.where(np.arange(len(X)) % 5 == 0, "", X["text"]))
    model = setfit(checkpoint=str(checkpoint), **TUNING | {"steps": 3}).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()


def test_a_table_of_vectors_is_refused(headlines: Any, tokenizer: Any, tmp_path: Path) -> None:
    from model2vec import StaticModel

    table = np.random.default_rng(0).normal(size=(len(tokenizer), 4)).astype(np.float32)
    StaticModel(table, tokenizer.backend_tokenizer, config={"normalize": True}).save_pretrained(tmp_path / "static")
    with pytest.raises(UserError, match="is a table of vectors"):
        setfit(checkpoint=str(tmp_path / "static")).fit(*headlines)


def test_the_loss_is_that_of_sentence_transformers_over_all_pairs() -> None:
    """As many pairs of one label as of two: then its mean is theirs."""
    import torch

    vectors = torch.nn.functional.normalize(torch.randn(3, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    codes = torch.tensor([0, 0, 1])
    cosines = torch.tensor([[(vectors[0] @ vectors[1]), 1], [vectors[0] @ vectors[2], 0], [vectors[1] @ vectors[2], 0]])
    squares = (cosines[:, 0] - cosines[:, 1]) ** 2
    assert float(cosine_loss(vectors, codes)) == pytest.approx(float((squares[0] + squares[1:].mean()) / 2))
    assert float(cosine_loss(vectors[[0, 0]], torch.tensor([3, 3]))) == pytest.approx(0, abs=1e-6)


def test_pairs_are_compared_by_how_their_sides_relate() -> None:
    import torch

    drawn = torch.Generator().manual_seed(0)
    u, v = (torch.nn.functional.normalize(torch.randn(4, 6, generator=drawn), dim=1) for _ in range(2))
    found = compared([u, v])
    assert torch.allclose(found.norm(dim=1), torch.ones(4))
    assert torch.allclose(found, compared([v, u])), "agreement has no direction"
    assert torch.equal(compared([u]), u)


def test_batches_are_balanced_and_use_every_row() -> None:
    codes = np.array([0] * 20 + [1] * 3 + [2])
    batches = list(balanced(codes, 9, 10, seed=0))
    assert len(batches) == 10
    assert all(np.bincount(codes[rows]).tolist() == [3, 3, 3] for rows in batches)
    assert set(np.concatenate(batches)) == set(range(24))
    assert all((one == other).all() for one, other in zip(batches, balanced(codes, 9, 10, seed=0), strict=True))
