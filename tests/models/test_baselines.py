"""Models that read no text."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from naba.errors import UserError
from naba.models import majority, stratified_random

X = pd.DataFrame({"text": ["نص"] * 1000, "target": [""] * 1000}, dtype=object)
Y = np.array(["agree"] * 700 + ["None"] * 300, dtype=object)


def test_majority_answers_the_commonest_label():
    model = majority().fit(X, Y)
    assert set(model.predict(X)) == {"agree"}
    assert model.predict_proba(X[:2]).tolist() == [[0.0, 1.0], [0.0, 1.0]]
    assert model.classes_.tolist() == ["None", "agree"]
    assert model.probability_kind_ == "one_hot"


def test_majority_of_equals_is_the_first_label():
    assert set(majority().fit(X[:4], ["b", "a", "b", "a"]).predict(X[:3])) == {"a"}


def test_stratified_draws_follow_the_shares():
    model = stratified_random(seed=1).fit(X, Y)
    assert abs((model.predict(X) == "agree").mean() - 0.7) < 0.05
    assert model.predict_proba(X[:1]).tolist() == [[0.3, 0.7]]
    assert model.probability_kind_ == "model"
    assert model.answer(X).labels.tolist() == model.predict(X).tolist(), "evaluated as drawn, not as the majority"


def test_draws_depend_on_the_seed_alone():
    first = stratified_random(seed=1).fit(X, Y).predict(X)
    assert np.array_equal(first, clone(stratified_random(seed=1)).fit(X, Y).predict(X))
    assert not np.array_equal(first, stratified_random(seed=2).fit(X, Y).predict(X))


def test_no_rows_are_refused():
    with pytest.raises(UserError, match="no training rows"):
        majority().fit(X[:0], [])


def test_a_label_that_is_no_string_is_refused():
    with pytest.raises(UserError, match="label of row 1: expected a string, found None"):
        majority().fit(X[:2], ["a", None])
