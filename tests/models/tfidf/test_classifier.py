"""TF-IDF models on a small real-language corpus."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from naba.arabic.normalise import NEWS
from naba.errors import UserError
from naba.models import classifier as inputs
from naba.models import tfidf_logreg, tfidf_nb, tfidf_svm
from naba.models.tfidf.features import TextFeatures

BUILDERS = [tfidf_logreg, tfidf_svm, tfidf_nb]
PLACES = ["مصر", "الأردن", "تونس", "المغرب", "العراق", "لبنان", "قطر", "عُمان"]
RISES = ["ارتفاع أسعار النفط في {}", "صعود البورصة في {} بنسبة ٣٪", "زيادة الصادرات في {} بمقدار 5 ملايين"]
FALLS = ["انخفاض أسعار النفط في {}", "هبوط البورصة في {} بنسبة ٣٪", "تراجع الصادرات في {} بمقدار 5 ملايين"]


def _table(texts, targets=None):
    targets = [""] * len(texts) if targets is None else targets
    return pd.DataFrame({"text": pd.Series(texts, dtype=object), "target": pd.Series(targets, dtype=object)})


@pytest.fixture(scope="module")
def singles():
    texts = [pattern.format(place) for pattern in RISES + FALLS for place in PLACES]
    labels = ["rise"] * (len(texts) // 2) + ["fall"] * (len(texts) // 2)
    return _table(texts), np.array(labels, dtype=object)


@pytest.fixture(scope="module")
def pairs():
    texts, targets, labels = [], [], []
    for place in PLACES:
        for rise, fall in zip(RISES, FALLS, strict=True):
            texts += [rise, fall, rise, "مباراة كرة القدم في {}"]
            targets += [rise, rise, fall, rise]
            labels += ["agree", "disagree", "disagree", "other"]
        texts[-12:] = [text.format(place) for text in texts[-12:]]
        targets[-12:] = [target.format(place) for target in targets[-12:]]
    return _table(texts, targets), np.array(labels, dtype=object)


@pytest.mark.parametrize("builder", BUILDERS)
def test_learns_single_texts(builder, singles):
    X, y = singles
    model = builder(normalisation=NEWS).fit(X, y)
    new = _table(["صعود الأسعار في البحرين", "هبوط الأسعار في البحرين"])
    assert model.predict(new).tolist() == ["rise", "fall"]
    assert model.classes_.tolist() == ["fall", "rise"]


@pytest.mark.parametrize("builder", [tfidf_logreg, tfidf_svm])
def test_learns_how_two_texts_relate(builder, pairs):
    X, y = pairs
    model = builder(normalisation=NEWS, pair=True).fit(X, y)
    rise, fall = "ارتفاع أسعار النفط في البحرين", "انخفاض أسعار النفط في البحرين"
    assert model.predict(_table([rise, fall], [rise, rise])).tolist() == ["agree", "disagree"]


def test_single_model_ignores_target(singles):
    X, y = singles
    model = tfidf_svm(normalisation=NEWS).fit(X, y)
    other = X.assign(target=["شيء آخر"] * len(X))
    assert np.array_equal(model.predict_proba(X), model.predict_proba(other))


@pytest.mark.parametrize("builder", BUILDERS)
def test_probabilities_agree_with_labels_and_sum_to_one(builder, pairs):
    X, y = pairs
    model = builder(normalisation=NEWS, pair=True).fit(X, y)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (len(X), 3)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert np.array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(X))
    assert model.probability_kind_ == ("calibrated" if builder is tfidf_svm else "model")


def test_svm_says_when_probabilities_are_not_calibrated(singles):
    X, y = singles
    model = tfidf_svm(normalisation=NEWS).set_params(folds=0).fit(X, y)
    assert model.probability_kind_ == "one_hot"
    assert set(model.predict_proba(X).ravel()) == {0.0, 1.0}


def test_calibration_leaves_the_decision_alone(pairs):
    X, y = pairs
    model = tfidf_svm(pair=True, seed=3).fit(X, y)
    decisions = model.classifier_.decision_function(model.features_.transform(X)).argmax(axis=1)
    assert np.array_equal(model.predict(X), model.classes_[decisions])


def test_labels_and_probabilities_need_one_vectorisation(monkeypatch, pairs):
    X, y = pairs
    model = tfidf_svm(pair=True).fit(X, y)
    assert model.probability_kind_ == "calibrated"
    seen, transform = [], TextFeatures.transform
    monkeypatch.setattr(TextFeatures, "transform", lambda self, X: seen.append(len(X)) or transform(self, X))
    said = model.answer(X)
    labels, probabilities = said.labels, said.probabilities
    assert seen == [len(X)]
    assert labels.tolist() == model.predict(X).tolist()
    assert probabilities.tobytes() == model.predict_proba(X).tobytes()


def test_a_label_seen_once_does_not_stop_the_calibration(singles):
    X, y = singles
    y = y.copy()
    y[0] = "rare"
    model = tfidf_svm().fit(X, y)
    assert model.probability_kind_ == "calibrated"
    assert model.predict_proba(X).shape == (len(X), 3)


@pytest.mark.parametrize("pair", [False, True])
def test_chunks_change_nothing(monkeypatch, pairs, pair):
    X, y = pairs
    model = tfidf_logreg(pair=pair).fit(X, y)
    whole = model.predict_proba(X)
    monkeypatch.setattr(inputs.chunks, "__defaults__", (7,))
    assert np.allclose(whole, model.predict_proba(X), atol=1e-7)


def test_empty_table_gives_no_rows(singles):
    X, y = singles
    model = tfidf_logreg().fit(X, y)
    assert model.predict(X.iloc[:0]).shape == (0,)
    assert model.predict_proba(X.iloc[:0]).shape == (0, 2)


def test_empty_and_unknown_texts_are_predicted(pairs):
    X, y = pairs
    model = tfidf_svm(pair=True, normalisation=NEWS).fit(X, y)
    assert len(model.predict(_table(["", "zzz", "٣"], ["", "", "qqq"]))) == 3


def test_tiny_training_data_keeps_rare_features():
    X, y = _table(["ألف", "باء"]), np.array(["a", "b"], dtype=object)
    assert tfidf_logreg().fit(X, y).predict(X).tolist() == ["a", "b"]


def test_texts_without_a_word_are_refused():
    with pytest.raises(UserError, match="hold no words"):
        tfidf_logreg().fit(_table(["", " "]), np.array(["a", "b"], dtype=object))


def test_one_label_is_refused(singles):
    X, _ = singles
    with pytest.raises(UserError, match="at least two labels"):
        tfidf_svm().fit(X, np.array(["rise"] * len(X), dtype=object))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"texts": ["a"]}, "columns text and target, not columns texts"),
        (["a"], "not a list"),
        ({"text": ["a", None], "target": ["", ""]}, "column text, row 1: expected a string, found None"),
    ],
)
def test_wrong_tables_are_refused(table, message):
    with pytest.raises(UserError, match=message):
        inputs.text_columns(table)


@pytest.mark.parametrize("pair", [False, True])
def test_features_are_named_and_non_negative(pairs, pair):
    features = TextFeatures(pair=pair, normalisation=NEWS)
    matrix = features.fit_transform(pairs[0])
    names = features.get_feature_names_out()
    assert matrix.shape == (len(pairs[0]), len(names))
    assert matrix.dtype == np.float32
    assert matrix.min() >= 0
    assert len(set(names)) == len(names)
    assert ("overlap:numbers_clash" in names) == pair


def test_pair_features_say_how_the_sides_differ():
    X = _table(["ارتفاع ٣ بالمئة", "ارتفاع 3 بالمئة"], ["ارتفاع 5 بالمئة", "ارتفاع 3 بالمئة"])
    features = TextFeatures(pair=True, normalisation=NEWS, minimum_count=1)
    frame = pd.DataFrame(features.fit_transform(X).toarray(), columns=features.get_feature_names_out())
    assert frame["overlap:numbers_clash"].tolist() == [1, 0]
    assert frame["overlap:word_cosine"].round(4)[1] == 1
    difference = frame.filter(regex="^difference:").to_numpy()
    assert difference[0].any()
    assert not difference[1].any()


def test_negation_is_found_in_the_normalised_spelling():
    X = _table(["الوزير نفى الخبر", "الوزير أكد الخبر"], ["الوزير أكد الخبر"] * 2)
    features = TextFeatures(pair=True, normalisation=NEWS)
    frame = pd.DataFrame(features.fit_transform(X).toarray(), columns=features.get_feature_names_out())
    assert frame["overlap:negation_on_one_side"].tolist() == [1, 0]


@pytest.mark.parametrize("builder", BUILDERS)
def test_is_a_scikit_learn_estimator(builder, pairs):
    X, y = pairs
    model = builder(normalisation=NEWS, pair=True)
    copy = clone(model)
    assert copy.get_params()["features__pair"] is True
    copy.set_params(features__words=1)
    assert model.features.words == 2
    pipeline = Pipeline([("model", copy)]).fit(X, y)
    assert pipeline.score(X, y) > 0.8


def test_stacks_and_calibrates_with_scikit_learn(pairs):
    X, y = pairs
    parts = [("svm", tfidf_svm(pair=True)), ("nb", tfidf_nb(pair=True))]
    stack = StackingClassifier(parts, LogisticRegression(), cv=2).fit(X, y)
    assert stack.predict(X).shape == (len(X),)
    calibrated = CalibratedClassifierCV(tfidf_logreg(pair=True), cv=2).fit(X, y)
    assert calibrated.predict_proba(X).shape == (len(X), 3)


HASH_SEED_SCRIPT = """
import hashlib, pandas as pd, numpy as np
from naba.arabic.normalise import NEWS
from naba.models import stratified_random
from naba.models import tfidf_logreg, tfidf_nb, tfidf_svm
verbs, things = ("ارتفاع", "انخفاض"), ("النفط", "القمح")
texts = [f"{verb} أسعار {thing} اليوم {n}" for n in range(6) for verb in verbs for thing in things]
X = pd.DataFrame({"text": texts, "target": texts[::-1]}, dtype=object)
y = np.array([text.split()[0] == "ارتفاع" and "up" or "down" for text in texts], dtype=object)
digest = hashlib.sha256(stratified_random(seed=5).fit(X, y).predict(X).astype("U").tobytes())
for builder in (tfidf_logreg, tfidf_nb, tfidf_svm):
    digest.update(builder(pair=True, normalisation=NEWS).fit(X, y).predict_proba(X).tobytes())
print(digest.hexdigest())
"""


def test_predictions_do_not_depend_on_hash_seed_or_threads():
    digests = set()
    for hash_seed, threads in (("0", "1"), ("7", "4")):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": threads}
        command = [sys.executable, "-c", HASH_SEED_SCRIPT]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        digests.add(run.stdout)
    assert len(digests) == 1


def test_rare_words_are_learnt_however_many_there_are() -> None:
    """Each word is in a five hundredth of the rows: no slope of the loss is above the tolerance at the start."""
    labels = np.array(["agree", "disagree"] * 1500, dtype=object)
    words = (np.arange(3000)[:, None] // 2 + 251 * np.arange(6)) % 1500 + 1500 * (labels == "agree")[:, None]
    frame = _table([" ".join(f"كلمة{word}" for word in row) for row in words])
    model = tfidf_logreg(characters_to=0).fit(frame[:2000], labels[:2000])
    assert (model.predict(frame[2000:]) == labels[2000:]).mean() > 0.9
