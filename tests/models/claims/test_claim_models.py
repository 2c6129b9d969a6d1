"""Claim-type features of single sentences, and the models over them."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from naba.arabic.normalise import NEWS, normalise
from naba.models import claim_boosting, claim_guideline, claim_linear
from naba.models.claims.features import ClaimFeatures, ClaimMatrix
from naba.models.claims.guideline import KINDS, GuidelineMatrix, future_verb, kinds_of, read, shape, tag

if TYPE_CHECKING:
    from collections.abc import Callable

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


@pytest.mark.parametrize("kind", [ClaimMatrix, GuidelineMatrix])
def test_a_sentence_is_scored_alone(kind: type[ClaimMatrix | GuidelineMatrix]) -> None:
    X, _ = table()
    matrix = kind().fit(X)
    together = matrix.transform(X).toarray()
    alone = np.vstack([matrix.transform(X.iloc[[row]]).toarray() for row in range(len(X))])
    np.testing.assert_allclose(together, alone, atol=1e-12)
    assert matrix.get_feature_names_out().shape == (together.shape[1],)
    assert len(set(matrix.get_feature_names_out())) == together.shape[1]


@pytest.mark.parametrize(
    ("sentence", "rank"),
    [
        ("هل يرتفع النفط بسبب الحرب؟", "no_claim"),
        ("النفط يرتفع 3 بالمئة وسط توقعات", "quantity"),
        ("عقوبات أمريكية تؤدي إلى أزمة", "causal"),
        ("الوزير: الحكومة ستحترم المطالب", "prediction"),
        ("أوروبا قد تعاقب شركات", "prediction"),
        ("أردوغان يتعهد بتحقيق السلام", "prediction"),
        ("القانون ينص على المساواة", "rule"),
        ("الكويت استنكرت الحادث", "statement"),
        ("قطار يصل المدينة", "none"),
    ],
)
def test_the_guideline_is_followed_in_its_order(sentence: str, rank: str) -> None:
    assert [name for name in read(normalise(sentence, NEWS))[2] if name.startswith("rank=")] == [f"rank={rank}"]


def test_what_was_said_is_told_from_who_said_it() -> None:
    _, said, _ = read(normalise("الرئيس: النفط يرتفع", NEWS))
    assert "said=MEAS" in said
    assert not [name for name in said if "رئيس" in name]
    assert not [name for name in read(normalise("النفط يرتفع", NEWS))[1] if name.startswith("said=")]


def test_tags_of_unknown_words_are_their_shape() -> None:
    assert tag("النخلات") == ("ALPL", ())
    assert shape("يتلعثم") == "IMPY"
    assert tag(normalise("بتراجع", NEWS))[0].startswith("BY_")
    assert tag("2018") == ("YEAR", ())
    assert tag("17") == ("NUM", ())
    assert tag("؟") == ("Q", ())
    assert tag("...") == ("DOTS", ())


def test_speech_is_known_in_its_persons_and_behind_a_conjunction() -> None:
    for word in ("استنكرت", "تستنكر", "وتستنكر", "يستنكرون", "استنكار"):
        assert kinds_of(normalise(word, NEWS)) == ("condemn",), word
    assert kinds_of("كتاب") == ()


def test_every_listed_word_is_found_as_its_kind() -> None:
    lost = [(kind, word) for kind, words in KINDS.items() for word in words.split()
            if kind not in kinds_of(normalise(word, NEWS))]  # fmt: skip
    assert not lost


def test_names_are_no_verbs_of_the_future() -> None:
    verbs = [normalise(word, NEWS) for word in ("ستحترم", "وسيدخلون", "سنعود")]
    assert all(future_verb(word) for word in verbs)
    assert not any(
        future_verb(normalise(word, NEWS))
        for word in ("السعودية", "سياسة", "سيارات", "سينما", "سنوات", "سيدة", "سيطرة")
    )


@pytest.mark.parametrize("text", ["", "؟", "...", "_", "\u200f", "x", "٣", "قد", "1/2", "م\u0301"])
def test_odd_sentences_are_read(text: str) -> None:
    tags, _, order = read(normalise(text, NEWS))
    assert tags[0] == "^"
    assert any(name.startswith("rank=") for name in order)


@pytest.mark.parametrize("builder", [claim_linear, claim_boosting, claim_guideline])
def test_models_learn_clone_and_pickle(builder: Callable[..., Any]) -> None:
    X, y = table()
    small = {"iterations": 20, "components": 5} if builder is claim_boosting else {}
    model = clone(builder(**small, normalisation=NEWS)).fit(X, y)
    new = pd.DataFrame({"text": ["النحاس يرتفع 7 بالمئة", "هل النحاس في خطر؟"], "target": ""}, dtype=object)
    assert model.predict(new).tolist() == ["quantity", "no_claim"]
    assert model.predict_proba(new).sum(axis=1) == pytest.approx([1, 1])
    assert model.predict(new.iloc[:0]).tolist() == []
    restored = pickle.loads(pickle.dumps(model))
    assert np.array_equal(restored.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(clone(model).fit(X, y).predict_proba(X), model.predict_proba(X))
