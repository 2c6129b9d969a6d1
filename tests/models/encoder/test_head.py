"""The head over the means of the tokens."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from torch.nn.modules.module import register_module_forward_hook

from naba.classifier import folder as directory
from naba.classifier.onnx_export import export
from naba.errors import UserError
from naba.models import pretrained
from naba.models.embeddings.features import Embedder
from naba.models.encoder.weights import load_pretrained
from naba.models.ensembles import logistic

if TYPE_CHECKING:
    from pathlib import Path

DESCRIBED = {"task": "stance", "dataset": "d", "input": ["text", "target"],
             "labels": {"agree": "تأييد", "disagree": "معارضة"}}  # fmt: skip
READING = {"max_length": 32, "preprocessing": "none"}
TRAINING = {"epochs": 24, "learning_rate": 1e-2, "patience": 0, "batch_size": 16, "threads": 1, "precision": "float32"}


def pairs(headlines: Any) -> Any:
    """Do both headlines rise or fall, or one of each? No word says so, but how the sides relate."""
    X, y = headlines
    order = np.random.default_rng(0).permutation(len(X))
    table = pd.DataFrame({"text": X["text"].to_numpy(), "target": X["text"].to_numpy()[order]}, dtype=object)
    return table, np.where(y == y[order], "agree", "disagree").astype(object)


def model(checkpoint: Path, **options: Any) -> Any:
    given = {"head": "means", "reading": READING, "training": TRAINING} | options
    return pretrained(checkpoint=str(checkpoint), **given)


@pytest.mark.parametrize("labels", [2, 3])
def test_it_starts_as_a_logistic_regression_over_embeddings(labels: int, headlines: Any, checkpoint: Path) -> None:
    """Those of a frozen encoder with the same weights, which are computed elsewhere."""
    X, y = headlines
    y = np.where(X["text"].str.contains("النفط"), "oil", y).astype(object) if labels == 3 else y
    still = TRAINING | {"epochs": 1, "learning_rate": 1e-12}
    found = model(checkpoint, training=still).fit(X, y).predict_proba(X)
    vectors = Embedder(str(checkpoint), "", "mean", 32).load().vectors(X["text"].tolist())
    scaled = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    np.testing.assert_allclose(found, logistic(0.003).fit(scaled, y).predict_proba(scaled), atol=1e-4)
    assert found.std() > 0.02


@pytest.mark.parametrize("kind", ["checkpoint", pytest.param("roberta_checkpoint", marks=pytest.mark.slow)])
def test_pairs_are_learnt_and_kept(kind: str, headlines: Any, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """With a network that tells segments apart itself, and with one that does not."""
    X, y = pairs(headlines)
    held = np.arange(len(X)) % 3 == 0
    fitted = model(request.getfixturevalue(kind), pair=True).fit(X[~held], y[~held], validation=(X[held], y[held]))
    assert fitted.score(X[held], y[held]) > 0.85
    directory.save(fitted, tmp_path / "model", DESCRIBED)
    loaded, _ = directory.load(tmp_path / "model")
    wanted = fitted.predict_proba(X)
    assert loaded.predict_proba(X).tobytes() == wanted.tobytes()
    assert pickle.loads(pickle.dumps(fitted)).predict_proba(X).tobytes() == wanted.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["checkpoint", "roberta_checkpoint"])
def test_an_export_compares_the_sides_as_well(
    kind: str, headlines: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    X, y = pairs(headlines)
    fitted = model(request.getfixturevalue(kind), pair=True, training=TRAINING | {"epochs": 2}).fit(X, y)
    directory.save(fitted, tmp_path / "model", DESCRIBED)
    export(tmp_path / "model", tmp_path / "onnx")
    exported, _ = directory.load(tmp_path / "onnx")
    np.testing.assert_allclose(exported.predict_proba(X), fitted.predict_proba(X), atol=1e-4)


def test_words_of_both_sides_are_explained(headlines: Any, checkpoint: Path) -> None:
    X, y = pairs(headlines)
    fitted = clone(model(checkpoint, pair=True, training=TRAINING | {"epochs": 2})).fit(X, y)
    (words,) = fitted.explain(X[:1], np.array([0]))
    assert {name.partition(":")[0] for name, weight in words if weight} == {"text", "target"}


def test_the_sides_of_a_pair_are_read_apart(headlines: Any, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands for a text does not depend on the target; an encoder whose code lets it depend is refused."""
    from naba.models.encoder.layers import Means

    X, y = pairs(headlines)
    fitted = model(checkpoint, pair=True, training=TRAINING | {"epochs": 1}).fit(X, y)
    alike = pd.DataFrame({"text": ["ارتفاع أسعار النفط في مصر"] * 2, "target": ["هبوط", "صعود"]}, dtype=object)
    found = fitted._forward(training=False).features(fitted.tokens(alike), 2)
    np.testing.assert_allclose(found[0, 16:32], found[1, 16:32], atol=1e-5)
    assert np.abs(found[0, :16] - found[1, :16]).max() > 0.01
    hidden = Means._hidden

    def blind(self: Any, mask: Any, inputs: Any) -> Any:
        """An encoder that knows one mask for all tokens of a text."""
        return hidden(self, (mask.amax(dim=2)[:, 0] == 0).long(), inputs)

    monkeypatch.setattr(Means, "_hidden", blind)
    with pytest.raises(UserError, match=r"of type 'bert' cannot read the sides of a pair apart.*"):
        model(checkpoint, pair=True).fit(X, y)


@pytest.mark.parametrize("head", ["first", "means"])
def test_frozen_layers_stay_as_they_are(head: str, headlines: Any, checkpoint: Path) -> None:
    X, y = headlines
    modes: set[tuple[str, bool]] = set()
    hook = register_module_forward_hook(lambda part, *_: modes.add((type(part).__name__, part.training)))
    fitted = model(checkpoint, head=head, training=TRAINING | {"epochs": 2, "frozen_layers": 1}).fit(X, y)
    hook.remove()
    assert ("BertLayer", True) not in modes, "they drop nothing out"
    assert ("Dropout", True) in modes
    start = load_pretrained(str(checkpoint), ["fall", "rise"], head)[1].state_dict()
    moved = {name for name, value in fitted.model_.state_dict().items() if not torch.equal(value, start[name])}
    assert moved
    assert not [name for name in moved if "embeddings" in name or "layer.0" in name]
    with pytest.raises(UserError, match="frozen_layers is 2, but the encoder has 1 layers"):
        model(checkpoint, head=head, training=TRAINING | {"frozen_layers": 2}).fit(X, y)
