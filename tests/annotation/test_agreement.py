"""Coefficients of agreement against other people's code and published examples."""

from __future__ import annotations

import numpy as np
import pytest

from naba.annotation import agreement
from naba.annotation.answers import Answer, collected

# Fleiss 1971, table 1, as reprinted widely: 10 subjects, 14 raters, 5 categories; kappa .210.
FLEISS = np.array([
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
], dtype=float)  # fmt: skip


@pytest.fixture(params=range(4))
def codes(request):
    generator = np.random.default_rng(request.param)
    truth = generator.integers(0, 4, 60)
    given = np.where(generator.random((60, 4)) < 0.6, truth[:, None], generator.integers(0, 4, (60, 4)))
    return np.where(generator.random((60, 4)) < 0.25, -1, given)


def test_alpha_is_that_of_the_package(codes) -> None:
    krippendorff = pytest.importorskip("krippendorff")
    counts = agreement.label_counts(codes, 4)
    ours = agreement.krippendorff_alpha(agreement.coincidences(counts).sum(axis=0))
    data = np.where(codes < 0, np.nan, codes).T
    assert ours == pytest.approx(krippendorff.alpha(reliability_data=data, level_of_measurement="nominal"), abs=1e-12)


def test_alpha_of_one_label_is_that_of_the_package(codes) -> None:
    krippendorff = pytest.importorskip("krippendorff")
    counts = agreement.label_counts(codes, 4)
    two = np.stack([counts[:, 1], counts.sum(axis=1) - counts[:, 1]], axis=1)
    ours = agreement.krippendorff_alpha(agreement.coincidences(two).sum(axis=0))
    data = np.where(codes < 0, np.nan, codes == 1).T
    assert ours == pytest.approx(krippendorff.alpha(reliability_data=data, level_of_measurement="nominal"), abs=1e-12)


def test_cohen_is_that_of_scikit_learn(codes) -> None:
    from sklearn.metrics import cohen_kappa_score

    one, other = codes[:, 0], codes[:, 1]
    both = (one >= 0) & (other >= 0)
    ours = agreement.cohen_kappa(agreement.contingency(one, other, 4).sum(axis=0))
    assert ours == pytest.approx(cohen_kappa_score(one[both], other[both]), abs=1e-12)


def test_fleiss_is_that_of_his_paper() -> None:
    assert agreement.fleiss_kappa(agreement.fleiss_table(FLEISS).sum(axis=0), 14) == pytest.approx(0.20993, abs=1e-5)


def answers_of(project, codes):
    labels = list(project.labels)
    given = [
        Answer(project.rows[row].id, f"p{person}", labels[code], "", 1.0, "f")
        for row, line in enumerate(codes) for person, code in enumerate(line) if code >= 0
    ]  # fmt: skip
    return collected(project, given)


def test_everybody_by_label_and_by_pair(project) -> None:
    codes = np.array(
        [[0, 0], [1, 1], [2, 2], [3, 0], [0, 0], [1, 1], [2, 3], [0, 0], [1, 1], [2, 2], [0, -1], [-1, -1]]
    )
    found = agreement.measure(answers_of(project, codes))
    assert (found.same.value, found.same.n) == (0.8, 10)
    ((pair, (kappa, same)),) = found.pairs.items()
    assert (pair, same.value, kappa.n) == (("p0", "p1"), 0.8, 10)
    assert found.alpha.low < found.alpha.value < found.alpha.high
    assert found.by_label["disagree"].value == 1
    assert found.by_label["unrelated"].value < 0.1


def test_a_single_label_leaves_no_room_for_chance(project) -> None:
    found = agreement.measure(answers_of(project, np.zeros((12, 3), dtype=int)))
    assert np.isnan([found.alpha.value, found.fleiss.value]).all()
    assert found.same.value == 1


def test_intervals_cover_the_coefficient_of_the_population() -> None:
    """Of 200 samples of 80 rows, about 95 % have an interval with the population's kappa in it."""
    generator = np.random.default_rng(5)
    truth = generator.integers(0, 3, (200, 80))

    def person() -> np.ndarray:
        return np.where(generator.random(truth.shape) < 0.8, truth, generator.integers(0, 3, truth.shape))

    one, other = person(), person()
    everything = agreement.cohen_kappa(agreement.contingency(one.ravel(), other.ravel(), 3).sum(axis=0))
    inside = 0
    for a, b in zip(one, other, strict=True):
        score = agreement._score("", agreement.contingency(a, b, 3), agreement.cohen_kappa, 80, np.arange(80), 500, 0)
        inside += score.low <= everything <= score.high
    assert 0.90 <= inside / 200 <= 0.99


def test_rows_of_a_claim_are_drawn_together(project) -> None:
    generator = np.random.default_rng(0)
    table = agreement.contingency(
        np.repeat(generator.integers(0, 2, 40), 10), np.repeat(generator.integers(0, 2, 40), 10), 2
    )
    alone = agreement._score("", table, agreement.cohen_kappa, 400, np.arange(400), 500, 0)
    together = agreement._score("", table, agreement.cohen_kappa, 400, np.repeat(np.arange(40), 10), 500, 0)
    assert together.high - together.low > 2 * (alone.high - alone.low)
