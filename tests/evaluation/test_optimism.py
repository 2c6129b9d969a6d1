"""How optimistic the best of many looks: known cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from naba.errors import UserError
from naba.evaluation import metrics
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


def trial(right: list[bool] | np.ndarray, gold: np.ndarray, groups: list[str] | None = None) -> list[Predictions]:
    return [answers(gold, np.where(right, gold, 1 - gold), groups)]


def test_a_clearly_better_one_is_chosen_in_every_resample_and_a_loss_is_the_lower_the_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "METRICS", dict(metrics.METRICS))

    @metrics.register("by hand", higher_is_better=False)
    def error_rate(counts: Any, labels: Any) -> Any:
        """Share of rows answered wrongly."""
        return 1 - metrics.accuracy(counts, labels)

    gold, drawn = np.tile([0, 1], 100), np.random.default_rng(0)
    trials = [trial(drawn.random(200) < right, gold) for right in (0.5, 0.9, 0.6)]
    best = float((trials[1][0].gold == trials[1][0].predicted).mean())
    found, loss = (nested_estimate(trials, name) for name in ("accuracy", "error_rate"))
    assert found is not None
    assert loss is not None
    assert (found.best, loss.best) == pytest.approx((best, 1 - best))
    assert (found.value, loss.value) == pytest.approx((best, 1 - best), abs=0.01)
    assert (1 - loss.high, 1 - loss.low) == pytest.approx((found.low, found.high))
    # About 74 of 200 rows are left out of a resample: 1.96 standard errors of a share of so many.
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * (best * (1 - best) / 74) ** 0.5, rel=0.15)


def test_each_choice_is_scored_on_the_rows_that_were_not_drawn_alone() -> None:
    """Two trials that are right on one half of the rows each: what chose by one half is worse on the other."""
    gold = np.tile([0, 1], 50)
    first, second = np.arange(100) < 50, np.arange(100) >= 50
    found = nested_estimate([trial(first, gold), trial(second, gold)], "accuracy")
    assert found is not None
    assert found.best == 0.5
    assert found.value < 0.48, "rows drawn more often choose, and the others judge"


def test_all_seeds_of_a_trial_count() -> None:
    gold, drawn = np.tile([0, 1], 100), np.random.default_rng(1)
    good, bad = trial(drawn.random(200) < 0.9, gold), trial(drawn.random(200) < 0.3, gold)
    fair = [trial(drawn.random(200) < 0.75, gold)[0] for _ in range(2)]
    found = nested_estimate([[good[0], bad[0]], fair], "accuracy")
    assert found is not None
    assert found.best == pytest.approx(np.mean([(one.gold == one.predicted).mean() for one in fair]))


def test_rows_without_a_group_are_drawn_alone() -> None:
    gold = np.tile([0, 1], 100)
    right = np.arange(200) % 10 < 7
    none, alone = ([trial(right, gold, groups)] * 2 for groups in ([""] * 200, None))
    one, other = nested_estimate(none, "accuracy"), nested_estimate(alone, "accuracy")
    assert one is not None
    assert other is not None
    assert one.high - one.low == pytest.approx(other.high - other.low, rel=0.2)


@pytest.mark.parametrize(("rows", "known"), [(20, True), (19, False)])
def test_twenty_rows_are_needed(rows: int, known: bool) -> None:
    gold = np.arange(rows) % 2
    assert (nested_estimate([trial(gold == 0, gold)] * 2, "accuracy") is not None) is known
