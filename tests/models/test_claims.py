"""Claim-type features of single sentences, and the models over them."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from naba.arabic.normalise import NEWS
from naba.models.claims import ClaimFeatures, ClaimMatrix, claim_boosting, claim_linear

TEMPLATES = {
    "quantity": "{} يرتفع 3 بالمئة",
    "prediction": "من المتوقع أن {} سينهار قريبا",
    "no_claim": "هل {} في خطر؟",
    "statement": "الوزير: {} بخير، ونفى الشائعات",
}
SUBJECTS = ("الدولار", "النفط", "الذهب", "اليورو", "القمح", "الاقتصاد", "الغاز", "السوق", "المصرف", "الإنتاج")


def table() -> tuple[pd.DataFrame, np.ndarray]:
    rows = [(form.format(subject), label) for label, form in TEMPLATES.items() for subject in SUBJECTS]
    return pd.DataFrame({"text": [text for text, _ in rows], "target": ""}, dtype=object), np.array(
        [label for _, label in rows], object
    )


def features(text: str) -> dict[str, float]:
    transformer = ClaimFeatures().fit(pd.DataFrame({"text": ["نص"]}, dtype=object))
    values = transformer.transform(pd.DataFrame({"text": [text]}, dtype=object))[0]
    return dict(zip(transformer.get_feature_names_out(), values, strict=True))


def test_features_see_what_a_fact_checker_looks_for() -> None:
    found = features("النفط يرتفع ٣٫٥٪")
    assert (found["numbers"], found["unit_percent"], found["axis_direction_up"]) == (1, 1, 1)
    assert found["measurable_first"] == 1
    found = features("هل سينجح الاتفاق؟")
    assert found["question_first"] == found["question_mark_last"] == found["future_verbs"] == 1
    found = features("ترامب: لا حرب مع إيران")
    assert found["speaker_colon"] == found["place_first"] == found["negation"] == 1
    assert features("روسيا تنفي ضلوعها")["attribution_after_name"] == 1
    assert features("هبوط بسبب المخاوف")["cause"] == 1
    assert features("إنفوغرافيك.. تكلفة الزحمة")["teaser_first"] == 1


def test_every_feature_is_finite_named_and_described() -> None:
    transformer = ClaimFeatures(normalisation=NEWS).fit(table()[0])
    matrix = transformer.transform(pd.DataFrame({"text": ["", "؟", "٣", "x " * 300]}, dtype=object))
    assert np.isfinite(matrix).all()
    described = transformer.feature_descriptions()
    assert list(described) == list(transformer.get_feature_names_out())
    assert len(described) == matrix.shape[1]


def test_a_sentence_is_scored_alone() -> None:
    X, _ = table()
    matrix = ClaimMatrix().fit(X)
    together = matrix.transform(X).toarray()
    alone = np.vstack([matrix.transform(X.iloc[[row]]).toarray() for row in range(len(X))])
    np.testing.assert_allclose(together, alone, atol=1e-12)
    assert matrix.get_feature_names_out().shape == (together.shape[1],)


@pytest.mark.parametrize("builder", [claim_linear, claim_boosting])
def test_models_learn_clone_and_pickle(builder) -> None:
    X, y = table()
    small = {} if builder is claim_linear else {"iterations": 20, "components": 5}
    model = clone(builder(**small, normalisation=NEWS)).fit(X, y)
    new = pd.DataFrame({"text": ["النحاس يرتفع 7 بالمئة", "هل النحاس في خطر؟"], "target": ""}, dtype=object)
    assert model.predict(new).tolist() == ["quantity", "no_claim"]
    assert model.predict_proba(new).sum(axis=1) == pytest.approx([1, 1])
    restored = pickle.loads(pickle.dumps(model))
    assert np.array_equal(restored.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(clone(model).fit(X, y).predict_proba(X), model.predict_proba(X))
