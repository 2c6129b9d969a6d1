"""Blended pair models and word vectors: what they learn, keep and say where the background set is missing."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from calls import rows_given
from naba.arabic.normalise import NEWS
from naba.classifier import folder
from naba.errors import UserError
from naba.models import blended
from naba.models.pairs import vectors as vectors_module
from naba.models.pairs.features import PairFeatures, PairMatrix
from naba.models.pairs.vectors import WordVectors, cache_file, learn, word_vectors

if TYPE_CHECKING:
    from pathlib import Path

THINGS = ("النفط", "الذهب", "القمح", "الدولار")
PLACES = ("مصر", "السعودية", "العراق", "روسيا", "تونس")


def background() -> list[str]:
    """Texts in which two words, unlike in spelling, stand in the same places, and a third does not."""
    drawn = np.random.default_rng(0)
    texts = []
    for number in range(120):
        thing, place = drawn.choice(THINGS), drawn.choice(PLACES)
        buyer = ("التاجر", "السمسار")[number % 2]
        texts.append(f"{buyer} يبيع {thing} في سوق {place} بسعر {number}")
        texts.append(f"الطبيب يعالج مرضى المستشفى صباح {place} رقم {number}")
    return texts


@pytest.fixture
def corpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    texts = background()
    monkeypatch.setenv("NABA_HOME", str(tmp_path))
    return texts


def table() -> tuple[pd.DataFrame, np.ndarray]:
    rows = []
    for thing in THINGS:
        for place in PLACES:
            target = f"التاجر يبيع {thing} في {place}"
            rows.append((target, f"السمسار يبيع {thing} في {place}", "entails"))
            rows.append((target, f"الطبيب يعالج {thing} في {place}", "not_entails"))
    frame = pd.DataFrame(rows, columns=["target", "text", "label"]).astype(object)
    return frame[["target", "text"]], frame["label"].to_numpy(object)


def cosine(vectors: WordVectors, one: str, other: str) -> float:
    found, known = vectors.of([one, other], [one, other])
    assert known.all()
    return float(found[0] @ found[1])


def test_words_of_the_same_places_get_near_vectors(corpus: list[str]) -> None:
    vectors = word_vectors(list(dict.fromkeys(corpus)))
    assert cosine(vectors, "تاجر", "سمسار") > cosine(vectors, "تاجر", "طبيب") + 0.3
    found, known = vectors.of(["تاجر", "غزال", "كتاجر"], ["تاجر", "غزال", "تاجر"])
    assert known.tolist() == [True, False, True]
    assert not found[1].any()
    np.testing.assert_allclose(np.linalg.norm(found[[0, 2]], axis=1), 1)
    assert vectors.table_.dtype == np.float16
    assert "0" in vectors.stems_
    assert len(corpus) == 240


def test_vectors_are_kept_by_the_content_of_the_corpus(corpus: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = word_vectors(list(dict.fromkeys(corpus)))
    distinct = list(dict.fromkeys(corpus))
    assert cache_file(distinct).is_file()
    assert cache_file([*distinct, "نص"]) != cache_file(distinct)
    monkeypatch.setattr(vectors_module, "learn", lambda texts: pytest.fail("learnt again"))
    again = word_vectors(list(dict.fromkeys(corpus)))
    assert again.stems_ == first.stems_
    assert again.table_.tobytes() == first.table_.tobytes()


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other"])
def test_damaged_vectors_are_learnt_again_and_kept(damage: str, corpus: list[str]) -> None:
    first = word_vectors(list(dict.fromkeys(corpus)))
    file = cache_file(list(dict.fromkeys(corpus)))
    content = file.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
    changed = {"empty": b"", "cut": content[:middle], "flipped": flipped, "other": b"not vectors"}
    file.write_bytes(changed[damage])
    again = word_vectors(list(dict.fromkeys(corpus)))
    assert again.stems_ == first.stems_
    assert again.table_.tobytes() == first.table_.tobytes()
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_others_may_read_the_vectors_and_a_full_disk_leaves_nothing(
    corpus: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = cache_file(list(dict.fromkeys(corpus)))

    def full(stream: Any, **_: Any) -> None:
        stream.write(b"half of them")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(OSError, match="No space left"):
            word_vectors(list(dict.fromkeys(corpus)))
    assert list(file.parent.iterdir()) == []
    before = os.umask(0o022)
    try:
        word_vectors(list(dict.fromkeys(corpus)))
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_missing_corpus_says_how_to_do_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NABA_CACHE", str(tmp_path))
    monkeypatch.setenv("NABA_HOME", str(tmp_path))
    monkeypatch.setenv("NABA_OFFLINE", "1")
    monkeypatch.delenv("NABA_MIRROR", raising=False)
    with pytest.raises(UserError, match="saudinewsnet") as caught:
        blended(background="saudinewsnet").fit(*table())
    assert "model.background=null" in str(caught.value.hint)
    with pytest.raises(UserError, match="too few for word vectors"):
        learn(["نص قصير"])


def test_soft_features_see_what_spelling_does_not(corpus: list[str]) -> None:
    X, _ = table()
    features = PairFeatures(components=5, vectors=word_vectors(corpus)).fit(X)
    names = features.get_feature_names_out().tolist()
    assert len(names) == len(PairFeatures(components=5).fit(X).names_) + 14
    assert all(features.feature_descriptions().values())
    new = pd.DataFrame(
        {"target": ["التاجر يبيع القمح"] * 2, "text": ["السمسار يبيع القمح", "الطبيب يبيع القمح"]}, dtype=object
    )
    near, far = features.transform(new)
    for name in ("target_soft_coverage", "text_soft_free", "text_soft_least", "soft_cosine", "soft_cosine_free"):
        assert near[names.index(name)] > far[names.index(name)] + 0.02, name
    assert near[names.index("text_soft_lack")] < far[names.index("text_soft_lack")]
    odd = pd.DataFrame({"target": ["", "غزال"], "text": ["", "2015"]}, dtype=object)
    assert np.isfinite(features.transform(odd)).all()
    alone = np.vstack([features.transform(new.iloc[[row]]) for row in range(2)])
    np.testing.assert_allclose(alone, features.transform(new), atol=1e-12)


@pytest.mark.parametrize("background", [None, "news"])
def test_a_blend_learns_and_comes_back_from_its_directory(background: Any, corpus: list[str], tmp_path: Path) -> None:
    X, y = table()
    given = {"background": background, "background_texts": {"news": corpus}.__getitem__}
    model = clone(blended(iterations=15, bags=2, normalisation=NEWS, **given)).fit(X, y)
    assert any("soft" in name for name in model.features_.get_feature_names_out()) == (background is not None)
    assert (model.predict(X) == y).mean() == 1
    assert model.probability_kind_ == "model"
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    description = {
        "task": "entailment", "labels": {"entails": "استلزام", "not_entails": "عدم استلزام"},
        "input": ["text", "target"], "normalisation": NEWS.to_dict(), "metrics": {},
    }  # fmt: skip
    folder.save(model, tmp_path / "model", description)
    loaded, _ = folder.load(tmp_path / "model")
    for copy in (loaded, pickle.loads(pickle.dumps(model))):
        assert copy.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_the_parts_weigh_the_same_and_bags_differ() -> None:
    X, y = table()
    model = blended(iterations=5, bags=3, networks=2).fit(X, y)
    matrix = model.features_.transform(X)
    parts = [part.predict_proba(matrix) for part in model.classifier_.estimators_]
    assert len(parts) == 6
    mean = (parts[0] + np.mean(parts[1:4], axis=0) + np.mean(parts[4:], axis=0)) / 3
    np.testing.assert_allclose(model.predict_proba(X), mean, atol=1e-12)
    seeds = [part.steps[-1][1].random_state for part in model.classifier_.estimators_[1:]]
    assert seeds == [0, 1000, 2000, 0, 1000]
    assert blended(iterations=5, networks=0, bags=1).fit(X, y).predict_proba(X).shape == (40, 2)


def test_seeds_share_features_and_other_rows_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = (part[::-1] for part in table())  # an order that no other test has
    fits = rows_given(monkeypatch, PairFeatures, "fit")
    first, second = (blended(iterations=5, networks=1, bags=1, seed=seed).fit(X, y) for seed in (7, 8))
    assert fits == [40]
    assert (first.predict_proba(X) != second.predict_proba(X)).any()
    part = blended(iterations=5, networks=1, bags=1, seed=7).fit(X.iloc[:30], y[:30])
    again = blended(iterations=5, networks=1, bags=1, seed=7).fit(X, y)
    assert fits == [40, 30, 40]
    assert again.predict_proba(X).tobytes() == first.predict_proba(X).tobytes()
    assert (part.predict_proba(X) != first.predict_proba(X)).any()


def test_only_a_model_fitted_here_keeps_matrices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    X, y = (part[::-2] for part in table())  # an order that no other test has
    y = np.array(["entails", "not_entails"] * (len(X) // 2), dtype=object)
    model = blended(iterations=5, networks=0, bags=1, normalisation=NEWS).fit(X, y)
    description = {
        "task": "entailment", "labels": {"entails": "استلزام", "not_entails": "عدم استلزام"},
        "input": ["text", "target"], "normalisation": NEWS.to_dict(), "metrics": {},
    }  # fmt: skip
    folder.save(model, tmp_path / "model", description)
    copies = [folder.load(tmp_path / "model")[0], pickle.loads(pickle.dumps(model))]
    made = rows_given(monkeypatch, PairMatrix, "transform")
    tables = [X.iloc[:size] for size in (3, 4, 5, 6, 7, 3)]
    own = [model.predict_proba(part).tobytes() for part in (*tables[:5], tables[4])]
    assert made == [3, 4, 5, 6, 7]
    for copy in copies:
        made.clear()
        assert [copy.predict_proba(part).tobytes() for part in tables] == [*own[:5], own[0]]
        assert made == [3, 4, 5, 6, 7, 3]
    blended(iterations=5, networks=0, bags=1).fit(X.iloc[:10], y[:10])
    made.clear()
    assert [model.predict_proba(tables[4]).tobytes() for _ in range(2)] == [own[4]] * 2
    assert made == [7, 7]


def test_threads_share_one_model() -> None:
    X, y = (part[3:] for part in table())
    model = blended(iterations=5, networks=0, bags=1).fit(X, y)
    tables = [X.iloc[start : start + 2] for start in range(12)]
    wanted = [model.predict_proba(part).tobytes() for part in tables]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: model.predict_proba(tables[number % 12]).tobytes(), range(96)))
    assert found == wanted * 8
