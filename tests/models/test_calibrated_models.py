"""Calibration and abstention."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from calls import rows_given
from naba.arabic.normalise import NEWS
from naba.errors import UserError
from naba.models import build, tfidf_logreg, tfidf_svm
from naba.models.calibration import Abstaining, Calibrated, fit_temperature, risk_threshold
from naba.models.classifier import Answers, Classifier, certainty, softmax, withheld
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


# --- the threshold, row by row


def clopper_pearson(errors, rows, delta):
    return stats.binomtest(errors, rows).proportion_ci(1 - 2 * delta, method="exact").high


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_is_the_exact_binomial_one_of_the_rows_above_the_threshold(seed):
    """Each of ceil(log2 n) looks has its share of the error probability (Geifman & El-Yaniv 2017, algorithm 1)."""
    drawn = np.random.default_rng(seed)
    rows, risk, confidence = int(drawn.integers(60, 300)), 0.25, 0.9
    certainty = np.round(drawn.uniform(0.3, 1, rows), 2 if seed % 2 else 9)
    wrong = drawn.random(rows) > certainty
    threshold, share, bound = risk_threshold(certainty, wrong, risk, confidence)
    kept = certainty >= threshold
    assert 0 < share == kept.mean() < 1
    delta = (1 - confidence) / math.ceil(math.log2(rows))
    assert bound == pytest.approx(clopper_pearson(int(wrong[kept].sum()), int(kept.sum()), delta))
    assert bound <= risk
    more = certainty >= np.sort(certainty[~kept])[-1]
    assert clopper_pearson(int(wrong[more].sum()), int(more.sum()), delta) > risk, "one more value would be too many"


@pytest.mark.parametrize(("above", "found"), [(1e-9, 1.0), (-1e-9, math.inf)])
def test_a_bound_that_is_the_risk_itself_is_low_enough(above, found):
    """One look at one row: without an error the bound is 1 - .05; a row that is wrong has the bound 1."""
    assert risk_threshold(np.array([1.0]), np.array([False]), 0.95 + above, 0.95)[0] == found
    assert risk_threshold(np.array([1.0]), np.array([True]), 0.9999, 0.95) == (math.inf, 0.0, 1.0)
    assert risk_threshold(np.array([]), np.array([], dtype=bool), 0.5, 0.95) == (math.inf, 0.0, 1.0)


def test_the_threshold_and_the_correction_are_fitted_on_validation_rows_alone(drawn):
    """Training rows with turned labels change neither."""
    X, y = drawn
    turned = np.where(y == "a", "b", np.where(y == "b", "c", "a")).astype(object)
    rows = slice(100, 700)
    for wrap in (lambda: Abstaining(_Overconfident(), risk=0.3), lambda: Calibrated(_Overconfident()),
                 lambda: Calibrated(_Overconfident(), "isotonic")):  # fmt: skip
        one, other = (wrap().fit(X[:50], labels[:50], validation=(X[rows], y[rows])) for labels in (y, turned))
        facts = [model.facts() for model in (one, other)]
        assert facts[0] == facts[1]
        np.testing.assert_array_equal(one.predict_proba(X[:9]), other.predict_proba(X[:9]))
    answers = one.classifier_.answer(X[rows])
    model = Abstaining(_Overconfident(), risk=0.3, confidence=0.8).fit(X[:50], y[:50], validation=(X[rows], y[rows]))
    expected = risk_threshold(answers.probabilities.max(axis=1), answers.labels != y[rows], 0.3, 0.8)
    assert (model.threshold_, model.coverage_, model.risk_bound_) == expected
    abstain = model.facts()["abstain"]
    assert abstain == {"threshold": expected[0], "coverage": expected[1], "risk_bound": expected[2]}


def test_rows_of_labels_that_training_has_not_are_left_out_of_the_correction(drawn):
    X, y = drawn
    rows = slice(100, 400)
    known = y[rows] != "c"
    train = (X[:60][y[:60] != "c"], y[:60][y[:60] != "c"])
    with_c = _Two().fit(*train)
    both = [Calibrated(_Two(), method).fit(*train, validation=part) for method in ("temperature", "isotonic")
            for part in ((X[rows], y[rows]), (X[rows][known], y[rows][known]))]  # fmt: skip
    assert with_c.classes_.tolist() == ["a", "b"]
    for one, other in (both[:2], both[2:]):
        np.testing.assert_array_equal(one.predict_proba(X[:9]), other.predict_proba(X[:9]))
    with pytest.raises(UserError, match="none of the validation rows has a label that occurs in training"):
        Calibrated(_Two()).fit(*train, validation=(X[:5], np.array(["c"] * 5, dtype=object)))


class _Two(_Overconfident):
    """The same of the first two scores."""

    def predict_proba(self, X):
        scores = np.array([[float(part) for part in text.split()[:2]] for text in X["text"]])
        return softmax(scores * self.sharpness)


def test_isotonic_steps_by_hand_and_rows_that_no_step_leaves_anything():
    """Each label's steps are scaled to sum to 1; where all are 0, the classifier's own probabilities stay."""
    from sklearn.isotonic import IsotonicRegression

    model = Calibrated(_Overconfident(), "isotonic")
    rising = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit([0.2, 0.4, 0.6], [0, 0.3, 0.9])
    model.steps_ = [rising, rising]
    found = model._corrected(np.array([[0.6, 0.4], [0.4, 0.4], [0.2, 0.1], [0.5, 0.9]]))
    assert found == pytest.approx(np.array([[0.75, 0.25], [0.5, 0.5], [0.2, 0.1], [0.4, 0.6]]))


@pytest.mark.parametrize(
    ("kind", "state", "said"),
    [
        (Calibrated, {"method": "temperature", "temperature_": 2.0}, None),
        (Calibrated, {"method": "isotonic"}, None),
        (Calibrated, {"method": "platt"}, "method is 'platt'"),
        (Calibrated, {}, "method is None"),
        (Calibrated, {"method": "temperature", "temperature_": 0.0}, "expected a number above 0"),
        (Calibrated, {"method": "temperature", "temperature_": -1.0}, "expected a number above 0"),
        (Calibrated, {"method": "temperature", "temperature_": math.inf}, "expected a number above 0"),
        (Calibrated, {"method": "temperature", "temperature_": math.nan}, "expected a number above 0"),
        (Calibrated, {"method": "temperature", "temperature_": "2"}, "expected a number above 0"),
        (Calibrated, {"method": "temperature", "temperature_": None}, "expected a number above 0"),
        (Abstaining, {}, None),
        (Abstaining, {"threshold_": None}, "threshold_ is None"),
        (Abstaining, {"threshold_": 0.0}, None),
        (Abstaining, {"threshold_": math.inf}, None),
        (Abstaining, {"threshold_": math.nan}, "threshold_ is nan"),
        (Abstaining, {"threshold_": "0.5"}, "threshold_ is '0.5'"),
    ],
)
def test_a_kept_wrapper_is_checked_before_it_answers(kind, state, said):
    if said is None:
        kind.check_state(state)
        return
    with pytest.raises(UserError, match=said):
        kind.check_state(state)


def test_the_risk_is_that_of_answers_with_a_label_that_counts_and_steps_are_those_of_each_label(drawn):
    from sklearn.isotonic import IsotonicRegression

    X, y = drawn
    rows = slice(100, 900)
    answers = _Overconfident().fit(X[:50], y[:50]).answer(X[rows])
    model = Abstaining(_Overconfident(), risk=0.3, uncounted=["c"]).fit(X[:50], y[:50], validation=(X[rows], y[rows]))
    counted = answers.labels != "c"
    expected = risk_threshold(
        answers.probabilities.max(axis=1)[counted], (answers.labels != y[rows])[counted], 0.3, 0.95
    )
    assert (model.threshold_, model.coverage_, model.risk_bound_) == expected
    isotonic = Calibrated(_Overconfident(), "isotonic").fit(X[:50], y[:50], validation=(X[rows], y[rows]))
    grid = np.linspace(0, 1, 50)
    for place, label in enumerate(isotonic.classes_):
        own = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        own.fit(answers.probabilities[:, place], (y[rows] == label).astype(float))
        assert np.array_equal(isotonic.steps_[place].predict(grid), own.predict(grid))


def test_an_answer_at_the_threshold_is_given_and_certainty_is_that_of_its_own_label(drawn):
    X, y = drawn
    rows = slice(100, 900)
    model = Abstaining(_Overconfident(), risk=0.3).fit(X[:50], y[:50], validation=(X[rows], y[rows]))
    assert (~model.abstains(X[rows])).mean() == model.coverage_, "the last row kept has the threshold as its certainty"
    said = Answers(
        np.array(["a", "c", "b", ""], dtype=object),
        np.array([[0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3], [0.5, 0.3, 0.2]]), None, None,
    )  # fmt: skip
    assert certainty(model, said).tolist() == [0.2, 0.8, 0.4, 0.0]
    assert withheld(model, said, 0.4).withheld.tolist() == [True, False, False, True]


def test_the_search_finds_the_last_row_that_can_be_kept():
    """Where all errors come last, any number of rows up to the best one keeps the risk: then halving misses nothing."""
    for rows in range(33, 65):
        for right in (1, 5, rows // 3, rows // 2, rows - 3):
            certainty, wrong = np.linspace(1, 0.5, rows), np.arange(rows) >= right
            kept = np.arange(1, rows + 1)
            errors = np.cumsum(wrong)
            with np.errstate(invalid="ignore"):
                bounds = np.where(errors < kept, stats.beta.ppf(1 - 0.5 / 6, errors + 1, kept - errors), 1.0)
            best = int(kept[bounds <= 0.92][-1])
            assert (bounds[:best] <= 0.92).all()
            threshold, share, bound = risk_threshold(certainty, wrong, 0.92, 0.5)
            assert (threshold, share) == (certainty[best - 1], best / rows)
            assert bound == pytest.approx(bounds[best - 1])
