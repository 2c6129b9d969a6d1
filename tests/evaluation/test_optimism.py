"""How optimistic the best of many looks: known cases."""

from __future__ import annotations

import numpy as np
import pytest

from naba.errors import UserError
from naba.evaluation.optimism import nested_estimate
from naba.evaluation.predictions import Predictions

LABELS = ("no", "yes")


def answers(gold: np.ndarray, predicted: np.ndarray, groups: list[str] | None = None) -> Predictions:
    return Predictions(
        ids=[str(row) for row in range(len(gold))],
        gold=[LABELS[one] for one in gold],
        predicted=[LABELS[one] for one in predicted],
        probabilities=np.eye(2)[predicted],
        labels=LABELS,
        groups=groups,
    )


def test_the_best_of_many_guessers_is_expected_to_guess() -> None:
    generator = np.random.default_rng(3)
    gold = generator.integers(0, 2, 100)
    trials = [[answers(gold, generator.integers(0, 2, 100))] for _ in range(60)]
    found = nested_estimate(trials, "accuracy")
    assert found.best == max((one[0].gold == one[0].predicted).mean() for one in trials)
    assert found.best >= 0.6, "it looks good on the rows that chose it"
    assert found.value == pytest.approx(0.5, abs=0.06)
    assert found.optimism > 0.07


def test_where_there_is_nothing_to_choose_there_is_no_optimism() -> None:
    generator = np.random.default_rng(4)
    gold = generator.integers(0, 2, 400)
    same = np.where(generator.random(400) < 0.8, gold, 1 - gold)
    found = nested_estimate([[answers(gold, same), answers(gold, same)]] * 5, "accuracy")
    assert found.optimism == pytest.approx(0, abs=0.01)
    assert found.low < found.best < found.high


def test_groups_are_drawn_whole() -> None:
    generator = np.random.default_rng(5)
    gold = np.tile([0, 1], 200)
    groups = [f"claim {row // 40}" for row in range(400)]
    right = generator.random(10) < 0.7
    predicted = np.where(np.repeat(right, 40), gold, 1 - gold)
    alone = nested_estimate([[answers(gold, predicted)]] * 2, "accuracy")
    together = nested_estimate([[answers(gold, predicted, groups)]] * 2, "accuracy")
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_a_ranking_has_no_nested_estimate_and_other_rows_are_refused() -> None:
    gold = np.tile([0, 1], 30)
    one = answers(gold, gold)
    assert nested_estimate([[one], [one]], "checkthat2020_task1_map") is None
    with pytest.raises(UserError, match="different rows"):
        nested_estimate([[one], [one.take(np.arange(59))]], "accuracy")
