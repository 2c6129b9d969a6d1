"""From seen to unseen: matrices, drops on the same rows and labels, targets left out, tables and the page."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from naba.errors import UserError
from naba.evaluation.bootstrap import value
from naba.evaluation.leaderboard import TrackedRun
from naba.evaluation.predictions import Predictions, objects
from naba.evaluation.significance import holm
from naba.evaluation.transfer import Transfer, leave_one_out, matrices
from naba.evaluation.transfer.measure import in_labels_of
from naba.experiment.comparison import transfer

FOUR = ("agree", "disagree", "discuss", "unrelated")
THREE = ("agree", "disagree", "other")
GOLD = ["agree", "disagree", "discuss", "unrelated"] * 10


def answered(gold: list[str], predicted: list[str], labels: tuple[str, ...], start: int = 0) -> Predictions:
    sure = np.array([[float(label == one) for one in labels] for label in predicted])
    return Predictions([f"row-{start + row}" for row in range(len(gold))], gold, predicted, sure, labels)  # type: ignore[arg-type]


def run(trained: str, tested: str, content: Predictions, **changes: Any) -> TrackedRun:
    facts: dict[str, Any] = {
        "run_id": f"{trained}{tested}",
        "identity": f"{trained}",
        "cell": f"cell-{trained}-{changes.get('part', '')}",
        "dataset": trained,
        "task": "stance",
        "model": "words",
        "seed": 0,
        "metrics": {},
        "params": {"model": "words", "seed": "0"},
        "tags": {"naba.split": "given"},
        "train_seconds": 1.0,
        "predict_seconds": 1.0,
        "model_bytes": 1.0,
        "predictions": lambda: content,
        "scored_on": tested,
        "section": "test" if trained == tested else tested,
    }
    return TrackedRun(**{**facts, **changes})


@pytest.fixture
def runs() -> list[TrackedRun]:
    """A model of four labels, always right; one of three labels, which on its rows finds agreement and nothing else."""
    three = ["other" if label in ("discuss", "unrelated") else label for label in GOLD]
    unseen = ["agree" if label == "agree" else "other" for label in GOLD]
    return [
        run("synthetic_stance", "synthetic_stance", answered(GOLD, GOLD, FOUR)),
        run("ans_stance", "ans_stance", answered(three, three, THREE)),
        run("ans_stance", "synthetic_stance", answered(three, unseen, THREE)),
        run("lonely", "lonely", answered(three, three, THREE)),
    ]


def test_a_drop_is_that_of_the_same_rows_in_the_labels_of_the_unseen_model(runs: list[TrackedRun]) -> None:
    (matrix,) = matrices(runs, resamples=300)
    assert (matrix.rows, matrix.columns) == (["ans_stance", "synthetic_stance"], ["ans_stance", "synthetic_stance"])
    entry = matrix.entries["ans_stance", "synthetic_stance"]
    # agree 1, disagree 0, other 2 * 20 / (20 + 30) = .8: macro F1 .6; the model that saw the set is always right.
    assert entry.score.value == pytest.approx(0.6)
    assert entry.drop is not None
    assert entry.drop.estimate == pytest.approx(0.4)
    assert entry.drop.low <= 0.4 <= entry.drop.high
    assert entry.p < 0.01
    assert entry.carried == {"discuss": "other", "unrelated": "other"}
    assert matrix.entries["ans_stance", "ans_stance"].drop is None
    assert ("synthetic_stance", "ans_stance") not in matrix.entries


def test_tables_say_which_labels_met_and_mark_what_was_seen(runs: list[TrackedRun]) -> None:
    scores, drops = transfer(runs, resamples=100).tables()
    assert scores.rows[0][1].startswith("=1.000")
    assert scores.rows[1][1] == ""
    assert any("discuss as other, unrelated as other (ans_stance to synthetic_stance)" in note for note in scores.notes)
    assert drops.rows[0][1].startswith("−0.400 [−0.")
    assert drops.rows[0][1].endswith("*")
    assert r"$-$0.400" in drops.render("latex")


def test_a_model_of_another_task_has_a_matrix_of_its_own(runs: list[TrackedRun]) -> None:
    claims = answered(GOLD, GOLD, FOUR)
    more = [run("claims", "claims", claims), run("claims", "claims_abroad", claims)]
    first, second = matrices([*runs, *more], resamples=50)
    assert {*first.rows, *second.rows} == {"ans_stance", "synthetic_stance", "claims"}
    assert [matrix.columns for matrix in (first, second) if matrix.rows == ["claims"]] == [["claims", "claims_abroad"]]


def test_one_model_is_one_matrix_whatever_else_was_trained_on_a_set(runs: list[TrackedRun]) -> None:
    other = run("ans_stance", "ans_stance", runs[1].predictions(), cell="plain",
                params={"model": "words", "seed": "0", "normalisation": "none"})  # fmt: skip
    named = [replace(one, params={**one.params, "normalisation": "news"}) for one in runs]
    (matrix,) = matrices([*named, other], resamples=50)
    assert matrix.model == "words normalisation=news"
    assert len(matrix.entries) == 3


def test_labels_that_do_not_go_into_each_other_give_no_drop() -> None:
    mixed = answered(["agree", "other"], ["agree", "other"], THREE)
    assert in_labels_of(mixed, answered(["discuss", "discuss"], ["discuss", "discuss"], FOUR)) is None
    assert in_labels_of(mixed, answered(["agree", "discuss"], ["agree", "unrelated"], FOUR)) is None
    assert in_labels_of(mixed, answered(["agree"], ["agree"], FOUR, start=5)) is None
    found = in_labels_of(mixed, answered(["agree", "discuss"], ["disagree", "discuss"], FOUR))
    assert found is not None
    assert list(found.predicted) == ["disagree", "other"]


def test_a_target_left_out_is_compared_on_its_own_rows(runs: list[TrackedRun]) -> None:
    everything = run("ans", "ans", answered(GOLD, GOLD, FOUR))
    left = [
        run("ans", "ans", answered(GOLD[:20], GOLD[:20], FOUR), part="النفط", tags={"naba.split": "leave_one_out"}),
        run("ans", "ans", answered(GOLD[20:], ["agree"] * 20, FOUR, start=20), part="الغاز",
            tags={"naba.split": "leave_one_out"}),
    ]  # fmt: skip
    (found,) = leave_one_out([everything, *left], resamples=100)
    assert [target.name for target in found.targets] == ["الغاز", "النفط"]
    assert [target.drop.n for target in found.targets] == [20, 20]
    assert found.targets[0].drop.estimate == pytest.approx(0.9)
    assert found.targets[1].drop.estimate == 0
    assert found.mean_drop == pytest.approx(0.45)
    # Without the model that saw all targets there is nothing to compare with.
    assert leave_one_out(left, resamples=100) == []
    page = Transfer(matrices(runs, resamples=50), [found]).page()
    assert "<bdi>الغاز</bdi>" in page
    assert re.findall(r"(?:src|href)=|<script", page) == []


def test_without_transfer_the_message_says_how_to_get_some(runs: list[TrackedRun]) -> None:
    with pytest.raises(UserError, match="transfer_stance"):
        transfer(runs[:1])


def test_models_with_options_of_their_own_are_apart_and_named_shortly(runs: list[TrackedRun]) -> None:
    def with_inner(one: TrackedRun, weight: float) -> TrackedRun:
        inner = {"name": "words", "description": "long words", "builder": "words", "weight": weight}
        return replace(one, cell=f"{one.cell}{weight}", params={**one.params, "model.classifier": str(inner)})

    found = matrices([with_inner(one, weight) for one in runs for weight in (1, 2)], resamples=50)
    assert [matrix.model for matrix in found] == ["words classifier.weight=1", "words classifier.weight=2"]
    emptied = [replace(one, params={**one.params, "model.uncounted": "()"}) for one in runs[:1]]
    assert [matrix.model for matrix in matrices([*emptied, *runs[1:]], resamples=50)] == ["words"]


# --- several seeds, several tests


def noisy(right: float, seed: int, labels: tuple[str, ...] = THREE, rows: int = 120) -> Predictions:
    gold = [labels[row % len(labels)] for row in range(rows)]
    drawn = np.random.default_rng(seed)
    return answered(gold, [one if drawn.random() < right else labels[0] for one in gold], labels)


def seeds_of(trained: str, tested: str, rights: tuple[float, ...], start: int = 0) -> list[TrackedRun]:
    return [run(trained, tested, noisy(right, start + seed), seed=seed, run_id=f"{trained}{tested}{seed}",
                cell=f"cell-{trained}") for seed, right in enumerate(rights)]  # fmt: skip


def mean_f1(runs: list[TrackedRun]) -> float:
    return float(np.mean([value(one.predictions(), "macro_f1") for one in runs]))


def test_a_drop_is_between_means_over_seeds_and_corrected_over_the_matrix() -> None:
    seen_a, seen_b = seeds_of("a", "a", (0.9, 0.7, 0.8)), seeds_of("b", "b", (0.75, 0.95), 10)
    there, back = seeds_of("a", "b", (0.85, 0.6, 0.8), 20), seeds_of("b", "a", (0.7, 0.8), 30)
    (matrix,) = matrices([*seen_a, *seen_b, *there, *back], resamples=300)
    drops = {key: entry.drop for key, entry in matrix.entries.items() if entry.drop is not None}
    assert set(drops) == {("a", "b"), ("b", "a")}
    assert drops["a", "b"].estimate == pytest.approx(mean_f1(seen_b) - mean_f1(there))
    assert drops["b", "a"].estimate == pytest.approx(mean_f1(seen_a) - mean_f1(back))
    assert matrix.entries["a", "b"].score.value == pytest.approx(mean_f1(there))
    raw = [drops[key].p_value for key in (("a", "b"), ("b", "a"))]
    assert [matrix.entries[key].p for key in (("a", "b"), ("b", "a"))] == holm(raw).tolist() != raw
    assert np.isnan(matrix.entries["a", "a"].p)


def test_each_target_is_compared_with_the_same_seed_and_all_are_corrected_together() -> None:
    whole = {seed: noisy(right, seed) for seed, right in ((0, 0.9), (1, 0.6))}
    tags = {"naba.split": "leave_one_out"}
    runs = [run("ans", "ans", whole[seed], seed=seed) for seed in (1, 0)]
    for seed in (0, 1):
        for place, part in enumerate(("النفط", "الغاز", "القمح")):
            rows = np.arange(40 * place, 40 * place + 40)
            content = noisy(0.6 - place / 10, 50 + seed).take(rows)
            runs.append(run("ans", "ans", content, part=part, seed=seed, tags=tags, run_id=f"{part}{seed}"))
    found = leave_one_out(runs, resamples=300)
    assert len(found) == 2
    for seed, left in zip((0, 1), found, strict=True):
        drops = [target.drop.estimate for target in left.targets]
        assert drops == sorted(drops, reverse=True), "the greatest loss first"
        by_name = {target.name: target for target in left.targets}
        for place, part in enumerate(("النفط", "الغاز", "القمح")):
            rows = np.arange(40 * place, 40 * place + 40)
            seen, unseen = whole[seed].take(rows), noisy(0.6 - place / 10, 50 + seed).take(rows)
            target = by_name[part]
            assert target.seen.value == pytest.approx(value(seen, "macro_f1"))
            assert target.unseen.value == pytest.approx(value(unseen, "macro_f1"))
            assert target.drop.estimate == pytest.approx(target.seen.value - target.unseen.value)
        order = ["النفط", "الغاز", "القمح"]
        raw = [by_name[part].drop.p_value for part in order]
        assert [by_name[part].p for part in order] == holm(raw).tolist()
        assert max(target.p / target.drop.p_value for target in left.targets) > 1


def test_the_first_run_of_a_target_counts_and_other_splits_do_not() -> None:
    everything = run("ans", "ans", noisy(0.9, 0))
    tags = {"naba.split": "leave_one_out"}
    parts = [run("ans", "ans", noisy(right, 1).take(np.arange(40)), part="x", tags=tags) for right in (0.8, 0.2)]
    grouped = run("ans", "ans", noisy(0.1, 2), tags={"naba.split": "grouped"})
    validated = replace(parts[1], section="validation", part="y")
    (left,) = leave_one_out([grouped, everything, *parts, validated], resamples=50)
    assert [target.name for target in left.targets] == ["x"]
    assert left.targets[0].unseen.value == pytest.approx(value(parts[0].predictions(), "macro_f1"))
    assert leave_one_out([grouped, *parts], resamples=50) == []
    official = replace(everything, tags={"naba.split": "official_folds"})
    assert len(leave_one_out([official, *parts], resamples=50)) == 1


def test_where_only_one_of_the_seeds_goes_into_the_labels_there_is_no_drop() -> None:
    seen = seeds_of("b", "b", (0.9, 0.8))
    turned = noisy(0.9, 5)
    odd = replace(turned, gold=objects([THREE[(row + row // 3) % 3] for row in range(120)]))
    seen[1] = replace(seen[1], predictions=lambda: odd)
    (matrix,) = matrices([*seen[:1], *seeds_of("a", "b", (0.7, 0.6))], resamples=20)
    assert matrix.entries["a", "b"].drop is not None
    (matrix,) = matrices([*seen, *seeds_of("a", "b", (0.7, 0.6))], resamples=20)
    assert matrix.entries["a", "b"].drop is None


def test_rows_that_only_one_of_the_two_answered_are_left_out_of_their_comparison() -> None:
    whole = noisy(0.9, 0)
    tags = {"naba.split": "leave_one_out"}
    unseen = noisy(0.5, 1).take(np.arange(40)[::-1])
    for seen in (whole, whole.take(np.arange(10, 120))):
        (left,) = leave_one_out([run("ans", "ans", seen), run("ans", "ans", unseen, part="x", tags=tags)], resamples=50)
        shared = np.isin(unseen.ids, seen.ids)
        (target,) = left.targets
        assert target.drop.n == shared.sum()
        assert target.unseen.value == pytest.approx(value(unseen.take(shared), "macro_f1"))
        rows = np.isin(seen.ids, unseen.ids)
        assert target.seen.value == pytest.approx(value(seen.take(rows), "macro_f1"))
    (matrix,) = matrices([run("b", "b", whole.take(np.arange(10, 120))), run("a", "b", unseen)], resamples=50)
    assert matrix.entries["a", "b"].drop.n == 30
    strange = replace(whole, ids=objects([f"x{row}" for row in range(120)]))
    assert leave_one_out([run("ans", "ans", strange), run("ans", "ans", unseen, part="x", tags=tags)]) == []
