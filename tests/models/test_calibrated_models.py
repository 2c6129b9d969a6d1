"""Calibration and abstention."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from calls import rows_given
from naba.arabic.normalise import NEWS
from naba.errors import UserError
from naba.models import tfidf_logreg, tfidf_svm
from naba.models.build import build
from naba.models.calibration import Abstaining, Calibrated, fit_temperature, risk_threshold
from naba.models.classifier import Classifier, softmax
from naba.models.tfidf.features import TextFeatures


class _Overconfident(Classifier, ClassifierMixin, BaseEstimator):
    """Scores stand in the texts; its probabilities are sharper than they should be."""

    def __init__(self, sharpness=4.0):
        self.sharpness = sharpness

    def fit(self, X, y):
        self.classes_ = np.array(sorted(set(y)), dtype=object)
        self.probability_kind_ = "model"
        return self

    def predict_proba(self, X):
        scores = np.array([[float(part) for part in text.split()] for text in X["text"]])
        return softmax(scores * self.sharpness)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.fixture(scope="module")
def drawn():
    """(X, y): labels drawn from the softmax of the scores in the texts."""
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(4000, 3)) * 1.5
    probabilities = softmax(scores)
    codes = np.array([generator.choice(3, p=row) for row in probabilities])
    texts = [" ".join(f"{value:.4f}" for value in row) for row in scores]
    X = pd.DataFrame({"text": texts, "target": [""] * len(texts)}, dtype=object)
    return X, np.array(["a", "b", "c"], dtype=object)[codes]


def _loss(model, X, y):
    probabilities = model.predict_proba(X)
    places = [model.classes_.tolist().index(label) for label in y]
    return -np.log(np.maximum(probabilities[np.arange(len(y)), places], 1e-12)).mean()


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_overconfidence_is_mended_on_new_rows(drawn, method):
    X, y = drawn
    train, validation, test = slice(0, 100), slice(100, 2000), slice(2000, 4000)
    plain = _Overconfident().fit(X[train], y[train])
    model = Calibrated(_Overconfident(), method).fit(X[train], y[train], validation=(X[validation], y[validation]))
    assert _loss(model, X[test], y[test]) < 0.7 * _loss(plain, X[test], y[test])
    assert np.array_equal(model.predict(X[test]), plain.predict(X[test]))
    assert np.allclose(model.predict_proba(X[test]).sum(axis=1), 1)
    assert model.probability_kind_ == "calibrated"
    if method == "temperature":
        assert model.temperature_ == pytest.approx(4, rel=0.1)


def test_temperature_is_found_where_it_is_known():
    generator = np.random.default_rng(1)
    scores = generator.normal(size=(20000, 2)) * 2
    gold = np.array([generator.choice(2, p=row) for row in softmax(scores / 2.5)])
    assert fit_temperature(scores, gold) == pytest.approx(2.5, rel=0.05)


def test_the_threshold_keeps_the_risk(drawn):
    X, y = drawn
    model = Abstaining(_Overconfident(), risk=0.2).fit(X[:100], y[:100], validation=(X[100:2000], y[100:2000]))
    kept = ~model.abstains(X[2000:])
    wrong = model.predict(X[2000:]) != y[2000:]
    assert wrong.mean() > 0.3
    assert wrong[kept].mean() <= 0.2
    assert 0.2 < model.coverage_ < 0.9
    assert model.risk_bound_ <= 0.2


def test_labels_that_are_not_counted_hide_no_errors(drawn):
    """Where `c` is nearly always right, the risk of `a` and `b` alone asks for a higher threshold."""
    X, y = drawn
    easy = pd.DataFrame({"text": ["-9 -9 9"] * 4000, "target": [""] * 4000}, dtype=object)
    validation = (pd.concat([X[100:2000], easy]), np.concatenate([y[100:2000], ["c"] * 4000]).astype(object))
    plain, strict = (
        Abstaining(_Overconfident(), 0.2, uncounted=uncounted).fit(X[:100], y[:100], validation=validation)
        for uncounted in ([], ["c"])
    )
    labels, wrong = strict.predict(X[2000:]), strict.predict(X[2000:]) != y[2000:]
    kept = ~strict.abstains(X[2000:]) & (labels != "c")
    assert plain.coverage_ > 0.9
    assert wrong[~plain.abstains(X[2000:]) & (labels != "c")].mean() > 0.3
    assert wrong[kept].mean() <= 0.2
    assert strict.facts()["abstain"]["uncounted"] == ["c"]
    with pytest.raises(UserError, match=r"model.uncounted: unknown label 'd'"):
        Abstaining(_Overconfident(), uncounted=["d"]).fit(X[:100], y[:100], validation=validation)


def test_no_threshold_means_no_answers(drawn):
    X, y = drawn
    with pytest.warns(UserWarning, match="every answer will be withheld"):
        model = Abstaining(_Overconfident(), risk=0.001).fit(X[:100], y[:100], validation=(X[100:150], y[100:150]))
    assert model.abstains(X[:50]).all()
    assert model.coverage_ == 0


def test_rows_of_equal_certainty_stay_together():
    certainty = np.array([0.9] * 50 + [0.6] * 50)
    wrong = np.array([False] * 50 + [True] * 25 + [False] * 25)
    threshold, coverage, bound = risk_threshold(certainty, wrong, risk=0.2, confidence=0.95)
    assert (threshold, coverage) == (0.9, 0.5)
    assert 0 < bound <= 0.2


@pytest.mark.parametrize("wrapper", [Calibrated, Abstaining])
def test_validation_rows_are_needed(headlines, wrapper):
    X, y = headlines
    with pytest.raises(UserError, match="needs validation rows"):
        wrapper(tfidf_logreg()).fit(X, y)


@pytest.mark.parametrize("name", ["calibrated", "abstaining"])
def test_is_built_round_another_model(headlines, name):
    X, y = headlines
    inner = {
        "name": "tfidf_logreg",
        "accepts": ["single"],
        "builder": "tfidf_logreg",
        "C": 2.0,
    }
    config = {"name": name, "builder": name, "classifier": inner}
    model = clone(build(config, seed=0, normalisation=NEWS, pair=False))
    assert model.classifier.classifier.C == 2.0
    assert model.fit(X, y, validation=(X, y)).score(X, y) > 0.9
    outside = config | {"classifier": {"_target_": "os.system", "command": "true"}}
    with pytest.raises(UserError, match="the package 'os' is not allowed"):
        build(outside, seed=0, normalisation=NEWS, pair=False)


@pytest.fixture
def passes(monkeypatch):
    """How many rows each run of the TF-IDF features was given."""
    return rows_given(monkeypatch, TextFeatures, "transform")


@pytest.mark.parametrize("inner", [tfidf_logreg, tfidf_svm])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: Calibrated(model, "temperature"),
        lambda model: Calibrated(model, "isotonic"),
        lambda model: Abstaining(model, risk=0.4),
        lambda model: Abstaining(Calibrated(model), risk=0.4),
    ],
    ids=["temperature", "isotonic", "abstaining", "abstaining_calibrated"],
)
def test_labels_and_probabilities_come_from_one_run(headlines, passes, inner, wrap):
    X, y = headlines
    model = wrap(inner()).fit(X[::2], y[::2], validation=(X[1::2], y[1::2]))
    passes.clear()
    said = model.answer(X)
    labels, probabilities = said.labels, said.probabilities
    assert passes == [len(X)]
    assert labels.tolist() == model.predict(X).tolist()
    assert probabilities.tobytes() == model.predict_proba(X).tobytes()
    passes.clear()
    if isinstance(model, Abstaining):
        model.abstains(X)
        assert passes == [len(X)]


def test_isotonic_probabilities_do_not_decide():
    """Where isotonic regression turns the order round, the label stays that of the classifier."""
    generator = np.random.default_rng(2)
    scores = generator.normal(size=(600, 3))
    X = pd.DataFrame(
        {"text": [" ".join(f"{value:.4f}" for value in row) for row in scores], "target": ""}, dtype=object
    )
    y = np.array(["a", "b", "c"], dtype=object)[generator.integers(0, 3, 600)]
    model = Calibrated(_Overconfident(), "isotonic").fit(X, y, validation=(X, y))
    said = model.answer(X)
    labels, probabilities = said.labels, said.probabilities
    assert labels.tolist() == model.classifier_.predict(X).tolist()
    assert (model.classes_[probabilities.argmax(axis=1)] != labels).any()


def test_a_wrapper_that_is_not_fitted_yet_can_be_asked_whether_it_would_be_kept():
    from naba.classifier.folder import why_not_kept

    wrapped = Abstaining(Calibrated(tfidf_logreg()))
    assert wrapped.inner is wrapped.classifier.classifier
    assert why_not_kept(wrapped) is None
