from dataclasses import replace

import numpy as np
import pytest

from naba.errors import UserError
from naba.evaluation.agreement import agreement
from naba.evaluation.predictions import Predictions

LABELS = ("agree", "disagree")


@pytest.fixture
def predictions():
    gold = np.array(["agree", "disagree", "agree", "disagree"], dtype=object)
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    return Predictions(["a", "b", "c", "d"], gold, gold, probabilities, LABELS)


def test_the_same_predictions_in_another_order_are_byte_equal(predictions):
    found = agreement(predictions, predictions.take(np.array([3, 1, 0, 2])))
    assert found.verdict == "byte-equal"
    assert found.share == 1
    assert str(found) == "byte-equal on 4 rows"


def test_the_order_of_labels_does_not_matter(predictions):
    turned = replace(predictions, labels=LABELS[::-1], probabilities=predictions.probabilities[:, ::-1])
    assert agreement(predictions, turned).verdict == "byte-equal"


def test_other_probabilities_leave_equal_labels(predictions):
    nudged = replace(predictions, probabilities=predictions.probabilities @ [[0.99, 0.01], [0.01, 0.99]])
    found = agreement(predictions, nudged)
    assert found.verdict == "equal labels"
    assert found.largest_probability == pytest.approx(0.008)


def test_other_labels_are_counted_named_and_weighed(predictions):
    other = predictions.predicted.copy()
    other[0] = "disagree"
    found = agreement(predictions, replace(predictions, predicted=other))
    assert (found.verdict, found.differing, found.examples) == ("different", 1, ("a",))
    assert found.f1_changes == pytest.approx({"agree": 2 / 3 - 1, "disagree": 0.8 - 1})
    assert "1 of 4 labels differ (ids a)" in str(found)


def test_other_rows_or_labels_are_refused(predictions):
    with pytest.raises(UserError, match="1 ids are missing"):
        agreement(predictions, predictions.take(np.arange(3)))
    with pytest.raises(UserError, match="cannot be compared"):
        agreement(predictions, Predictions(["a"], ["x"], ["x"], [[1.0]], ("x",)))
