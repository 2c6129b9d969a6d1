"""Pair features: what they say of real sentences, and the linear, boosted and stacked models over them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from naba.arabic.normalise import NEWS
from naba.errors import UserError
from naba.models import pair_boosting, pair_linear, stacked
from naba.models.pairs.ensembles import grouped_folds, headline_groups
from naba.models.pairs.features import PairFeatures, PairMatrix

SUBJECTS = ("الدولار", "النفط", "الذهب", "الليرة التركية", "سعر القمح", "إنتاج الغاز", "سهم آبل", "اليورو")
PLACES = ("في مصر", "في السعودية", "في العراق", "في روسيا")


def table() -> tuple[pd.DataFrame, np.ndarray]:
    rows = []
    for subject, place in product(SUBJECTS, PLACES):
        rows.append((f"ارتفاع {subject} {place}", f"{subject} يرتفع {place}", "agree"))
        rows.append((f"ارتفاع {subject} {place}", f"هبوط {subject} {place}", "disagree"))
        rows.append((f"ارتفاع {subject} {place}", "افتتاح مهرجان السينما مساء الخميس", "other"))
    frame = pd.DataFrame(rows, columns=["target", "text", "label"]).astype(object)
    return frame[["target", "text"]], frame["label"].to_numpy(object)


def features(target: str, text: str) -> dict[str, float]:
    transformer = PairFeatures(components=5).fit(table()[0])
    values = transformer.transform(pd.DataFrame({"target": [target], "text": [text]}, dtype=object))[0]
    return dict(zip(transformer.get_feature_names_out(), values, strict=True))


def test_opposite_directions_clash() -> None:
    found = features("ارتفاع أسعار النفط", "انخفاض أسعار النفط")
    assert found["opposites"] == 1
    assert found["axes_clash"] == 1
    assert found["axis_direction"] == -1
    assert found["substitution"] == 1
    assert found["slot_opposites"] == 1


def test_a_paraphrase_is_covered() -> None:
    found = features("ارتفاع أسعار النفط", "أسعار النفط ترتفع")
    assert found["target_coverage"] > 0.8
    assert (found["opposites"], found["target_unaligned"], found["axis_direction"]) == (0, 0, 1)
    assert found["order_agreement"] < 1


def test_numbers_units_and_dates() -> None:
    found = features("مقتل ٢٥ شخصا عام ٢٠١٥", "مقتل خمسة وعشرين شخصا عام 2016")
    assert found["numbers_shared"] == 1
    assert found["numbers_clash"] == found["dates_clash"] == 1
    found = features("سجن 15 يوما", "سجن 20 يوما")
    assert (found["units_clash"], found["number_distance"]) == (1, 0.25)


def test_places_rivals_and_negation() -> None:
    found = features("القاهرة ترفض القرار", "السعودية ترفض القرار")
    assert found["places_clash"] == found["rivals"] == found["slot_rivals"] == 1
    assert features("مصر ترفض", "القاهرة ترفض")["places_shared"] == 1
    assert features("ترامب يعلن", "ترامب لن يعلن")["negation_differs"] == 1
    assert features("ارتفاع الذهب", "ارتفاع النفط")["rivals_unaligned"] == 1


def test_an_article_is_represented_by_its_best_sentences() -> None:
    filler = " ".join(f"وتناول التقرير موضوعا آخر رقمه {at} في صفحاته الكثيرة." for at in range(30))
    found = features("هبوط أسعار النفط", f"{filler} وقد شهدت أسعار النفط ارتفاعا كبيرا. {filler}")
    assert found["document_sentences"] > 50
    assert found["text_words"] < 60
    assert found["axis_direction"] == -1
    assert 0.4 < found["document_best_place"] < 0.6


def test_every_feature_is_finite_named_and_described() -> None:
    X, _ = table()
    transformer = PairFeatures(components=5).fit(X)
    odd = pd.DataFrame({"target": ["", "؟", "a", "ا" * 500], "text": ["", "نص", "", "١٬٠٠٠ ألف مليون"]}, dtype=object)
    matrix = transformer.transform(odd)
    assert matrix.shape == (4, len(transformer.get_feature_names_out()))
    assert np.isfinite(matrix).all()
    described = transformer.feature_descriptions()
    assert list(described) == list(transformer.get_feature_names_out())
    assert all(described.values())
    assert transformer.transform(X.iloc[:0]).shape == (0, matrix.shape[1])


def test_a_row_is_scored_alone() -> None:
    X, _ = table()
    transformer = PairMatrix(PairFeatures(components=5)).fit(X)
    together = transformer.transform(X.iloc[:40]).toarray()
    alone = np.vstack([transformer.transform(X.iloc[[row]]).toarray() for row in range(40)])
    np.testing.assert_allclose(together, alone, atol=1e-12)
    assert transformer.get_feature_names_out().shape == (together.shape[1],)


@pytest.mark.parametrize("builder", [pair_linear, pair_boosting, stacked])
def test_models_learn_clone_and_pickle(builder) -> None:
    X, y = table()
    small = {} if builder is pair_linear else {"iterations": 20}
    model = clone(builder(**small, normalisation=NEWS)).fit(X, y)
    new = pd.DataFrame(
        {"target": ["ارتفاع الفضة", "ارتفاع الفضة"], "text": ["هبوط الفضة", "الفضة يرتفع"]}, dtype=object
    )
    assert model.predict(new).tolist() == ["disagree", "agree"]
    assert model.predict_proba(new).shape == (2, 3)
    assert model.classes_.tolist() == ["agree", "disagree", "other"]
    assert model.probability_kind_ == "model"
    assert model.predict_proba(new.iloc[:0]).shape == (0, 3)
    restored = pickle.loads(pickle.dumps(model))
    assert np.array_equal(restored.predict_proba(X), model.predict_proba(X))
    assert len(model.feature_names()) > 100


_SCRIPT = """
import hashlib, sys
sys.path.insert(0, {folder!r})
from test_features import table
from naba.models import {builder}
X, y = table()
model = {builder}(seed=3, **{arguments}).fit(X, y)
print(hashlib.sha256(model.predict_proba(X).tobytes()).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("builder", "arguments"),
    [
        ("pair_linear", {}),
        ("pair_boosting", {"iterations": 20}),
        ("stacked", {"iterations": 10}),
    ],
)
def test_equal_seeds_give_equal_bits_whatever_the_hash_seed_and_threads(builder, arguments) -> None:
    script = _SCRIPT.format(folder=str(Path(__file__).parent), builder=builder, arguments=arguments)
    digests = set()
    for hash_seed, threads in (("1", "1"), ("2", "2")):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": threads}
        result = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
        )
        digests.add(result.stdout)
    assert len(digests) == 1


def test_groups_and_folds_keep_headlines_together() -> None:
    X = pd.DataFrame({"target": ["أ", "أ", "ب", "ج", "د", "ه"], "text": ["ب", "و", "ز", "ح", "ط", "ي"]}, dtype=object)
    groups = headline_groups(X, largest=0.6)
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups)) == 4
    assert len(set(headline_groups(X, largest=0.3))) == 5
    coded = np.array([0, 1, 0, 1, 0, 1])
    for train, left_out in grouped_folds(coded, groups, 3, seed=0):
        assert not set(groups[train]) & set(groups[left_out])
    with pytest.raises(UserError, match="two different targets"):
        grouped_folds(coded, np.zeros(6, int), 3, seed=0)


def test_a_label_too_rare_for_every_fold_is_still_learnt() -> None:
    X, y = table()
    y = np.array(["rare", *y[1:]], dtype=object)
    assert "rare" in stacked(iterations=5, neural=False).fit(X, y).classes_


def test_missing_columns_and_missing_lightgbm_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table()
    with pytest.raises(UserError, match="columns text and target"):
        pair_boosting(iterations=2).fit(X[["target"]], y)
    with pytest.raises(UserError, match="at least two labels"):
        pair_boosting(iterations=2).fit(X, np.array(["agree"] * len(X), object))
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(UserError, match=r"naba\[boosting\]"):
        pair_boosting(library="lightgbm")
