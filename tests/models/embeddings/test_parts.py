"""Embeddings as a part of the models that have features of their own."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from naba import config
from naba.arabic.normalise import NEWS
from naba.classifier import folder as directory
from naba.config import builders, overrides
from naba.models import blended, claim_guideline
from naba.models.explain import explain

if TYPE_CHECKING:
    from pathlib import Path

VERBS = {"rise": ["ارتفاع", "صعود", "زيادة"], "fall": ["انخفاض", "هبوط", "تراجع"]}
PLACES = ["مصر", "الأردن", "تونس", "المغرب", "العراق", "لبنان"]


def pairs() -> tuple[pd.DataFrame, np.ndarray]:
    rows = [
        (f"{first} أسعار النفط في {place}", f"{second} أسعار النفط في {place}", "agree" if one == other else "disagree")
        for place in PLACES
        for one, firsts in VERBS.items()
        for other, seconds in VERBS.items()
        for first, second in zip(firsts, seconds, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["target", "text", "label"]).astype(object)
    return frame[["target", "text"]], frame["label"].to_numpy(object)


def saved(model: Any, folder: Path, pair: bool) -> Any:
    labels = {str(label): "اسم" for label in model.classes_}
    described = {"task": "stance", "dataset": "synthetic", "input": ["text", "target"] if pair else ["text"]}
    directory.save(model, folder, described | {"labels": labels})
    return directory.load(folder)[0]


@pytest.mark.parametrize("networks", [0, 1])
def test_blended_has_two_kinds_of_parts_more(networks: int, checkpoint: Path, tmp_path: Path) -> None:
    X, y = pairs()
    shutil.copytree(checkpoint, tmp_path / "weights")
    plain = {"iterations": 3, "bags": 2, "networks": networks, "normalisation": NEWS, "pair": True}
    model = blended(**plain, embeddings=str(tmp_path / "weights"), prefix="سؤال: ").fit(X, y)
    shutil.rmtree(tmp_path / "weights")
    kinds = 2 + networks + 2
    assert len(model.classifier_.estimators_) == 1 + 2 + networks + 1 + 3
    np.testing.assert_allclose(sum(model.classifier_.weights), kinds)
    loaded = saved(model, tmp_path / "model", pair=True)
    assert loaded.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    without = blended(**plain).fit(X, y)
    mixed = kinds * model.predict_proba(X) - (2 + networks) * without.predict_proba(X)
    parts = model.classifier_.estimators_[-4:]
    matrix = model.features_.transform(X)
    wanted = parts[0].predict_proba(matrix) + np.mean([part.predict_proba(matrix) for part in parts[1:]], axis=0)
    np.testing.assert_allclose(mixed, wanted, atol=1e-9, err_msg="the other parts are what they are without")


def test_what_decided_in_a_blend_names_embeddings_in_their_place(checkpoint: Path) -> None:
    X, y = pairs()
    model = blended(iterations=3, bags=1, networks=1, pair=True, embeddings=str(checkpoint)).fit(X, y)
    (decided,) = explain(model, X[:1], top=10_000)
    names = [name for name, _ in decided.contributions]
    assert {"embedding:cosine", "word_cosine"} <= set(names)
    average = [part for part in model.classifier_.estimators_ if "columnrange" in part.named_steps]
    assert len(average) == 5, "linear part, logistic regression, three networks"
    wide = [name for name in names if name.startswith("embedding:")]
    assert len(wide) > 30


def test_guideline_beside_embeddings(headlines: Any, checkpoint: Path, tmp_path: Path) -> None:
    X, y = headlines
    shutil.copytree(checkpoint, tmp_path / "weights")
    model = claim_guideline(embeddings=str(tmp_path / "weights"), normalisation=NEWS, seed=0).fit(X[::2], y[::2])
    shutil.rmtree(tmp_path / "weights")
    assert (model.predict(X[1::2]) == y[1::2]).mean() > 0.9
    loaded = saved(model, tmp_path / "model", pair=False)
    assert loaded.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    names = model.features_.get_feature_names_out()
    assert len(names) == model.features_.transform(X[:2]).shape[1]
    assert names[-1] == "embedding:text:15"


@pytest.mark.parametrize(
    ("name", "dataset"), [("blended", "synthetic_stance"), ("claim_guideline", "synthetic_claim_type")]
)
def test_old_runs_are_found_and_changed_weights_are_other_runs(
    name: str, dataset: str, checkpoint: Path, tmp_path: Path
) -> None:
    def content(*more: str) -> dict[str, Any]:
        settings = config.check(overrides.compose([f"model={name}", f"dataset={dataset}", *more]))
        return builders.content(settings.model)

    assert not {"embeddings", "prefix", "embedding_weight"} & content()["options"].keys()
    folder = tmp_path / "weights"
    shutil.copytree(checkpoint, folder)
    first = content(f"model.embeddings={folder}")
    shutil.copytree(folder, tmp_path / "moved")
    assert content(f"model.embeddings={tmp_path / 'moved'}") == first, "where they are does not matter"
    described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(described | {"layer_norm_eps": 1e-3}), encoding="utf-8")
    assert content(f"model.embeddings={folder}") != first
