"""The folds behind a temperature: every class stands in each, as far as its rows allow."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

from naba.models.tfidf.classifier import SparseClassifier
from naba.models.tfidf.features import TextFeatures


class Watched(LinearSVC):
    """Keeps how many rows of each class it was fitted on."""

    fits: ClassVar[list[list[int]]] = []

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Watched:
        Watched.fits.append(np.bincount(y).tolist())
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize(("rare", "left_in"), [(6, 4), (3, 2)])
def test_each_fold_leaves_out_its_share_of_every_class(rare: int, left_in: int) -> None:
    """Dealt without regard to class, the rare rows would fall where chance puts them."""
    Watched.fits.clear()
    codes = np.array([0] * 60 + [1] * rare + [2] * 30)
    matrix = csr_matrix(np.random.default_rng(0).random((len(codes), 4)) + np.eye(4)[codes])
    model = SparseClassifier(TextFeatures(), Watched(), folds=3)
    model.classes_ = np.array(["a", "b", "c"], dtype=object)
    model._fit_on(matrix, codes)
    assert Watched.fits == [[60, rare, 30]] + [[40, left_in, 20]] * 3
    assert model.probability_kind_ == "calibrated"


def test_a_class_with_fewer_rows_than_folds_keeps_its_rows_out() -> None:
    codes = np.array([0] * 30 + [1] * 2 + [2] * 30)
    matrix = csr_matrix(np.random.default_rng(0).random((len(codes), 4)) + np.eye(4)[codes])
    model = SparseClassifier(TextFeatures(), LinearSVC(), folds=3)
    model.classes_ = np.array(["a", "b", "c"], dtype=object)
    model.classifier_ = LinearSVC().fit(matrix, codes)
    _, used = model._left_out_scores(matrix, codes)
    assert set(used.tolist()) <= {0, 2}
