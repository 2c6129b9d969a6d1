"""Pools: who is in, and that ranks, letters and corrections are those of the pool alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from naba.errors import UserError
from naba.evaluation import columns, pools
from naba.evaluation.columns import Column, board_table, data_table
from naba.evaluation.leaderboard import TrackedRun, leaderboards
from naba.evaluation.pools import pool_of, pooled
from naba.evaluation.predictions import Predictions, objects
from naba.evaluation.significance import holm

LABELS = ("agree", "disagree", "other")
NAMES = np.array(LABELS, dtype=object)
SYSTEMS = {
    "majority": (0.0, ("no_weights",), 9000.0),
    "tfidf": (0.62, ("no_weights",), 2000.0),
    "pairs": (0.70, ("no_weights",), 100.0),
    "encoder": (0.76, ("open_weights",), 20.0),
    "prompted": (0.82, ("prompted", "api"), 2.0),
}


def predictions(right, seed, silent=0.0, rows=350):
    gold = np.random.default_rng(0).integers(0, 3, rows)
    generator = np.random.default_rng(seed)
    predicted = NAMES[np.where(generator.random(rows) < right, gold, generator.integers(0, 3, rows))]
    outcomes = None
    if silent:
        quiet = generator.random(rows) < silent
        predicted = objects(np.where(quiet, "", predicted).tolist())
        outcomes = objects(np.where(quiet, "refused", "answered").tolist())
    ids = [f"r{row}" for row in range(rows)]
    return Predictions(ids, NAMES[gold], predicted, np.full((rows, 3), 1 / 3), LABELS, outcomes=outcomes)


def run(model, seed=0):
    right, kinds, speed = SYSTEMS[model]
    content = predictions(right, [seed, len(model)], 0.05 if model == "prompted" else 0.0)
    metrics = {"share_answered": 0.95} if model == "prompted" else {}
    return TrackedRun(
        f"{model}{seed}", f"{model}{seed}", model, "ans_stance", "stance", model, seed, metrics, {}, {}, 1.0, 0.1,
        1000.0, lambda: content, kinds=kinds, rows_per_second=speed, money_per_1000_rows=1 / speed,
    )  # fmt: skip


@pytest.fixture
def runs():
    return [run(model, seed) for model in SYSTEMS for seed in (0, 1)]


def names(board):
    return [row.cell.name for row in board.rows]


@pytest.mark.parametrize(
    ("chosen", "inside"),
    [
        (["no_weights"], {"majority", "tfidf", "pairs"}),
        (["api"], {"prompted"}),
        (["no_weights,open_weights"], {"majority", "tfidf", "pairs", "encoder"}),
        (["ms_per_row<20"], {"majority", "tfidf", "pairs"}),
        (["no_weights", "ms_per_row<5"], {"majority", "tfidf"}),
        (["money_per_1000_rows<=0.05"], {"majority", "tfidf", "pairs", "encoder"}),
        (["share_answered>=0.9"], {"prompted"}),
        (["train_seconds > 0.5,api"], {"prompted"}),
    ],
)
def test_who_is_in_a_pool(runs, chosen, inside):
    (board,) = leaderboards(runs, resamples=100, pool=pool_of(chosen))
    assert set(names(board)) == inside


def test_ranks_letters_and_corrections_are_those_of_the_pool(runs):
    (whole,) = leaderboards(runs, resamples=1000)
    (board,) = leaderboards(runs, resamples=1000, pool=pool_of(["no_weights"]))
    assert names(board)[0] == "pairs"
    best = board.rows[0]
    assert (best.ranks[0], best.to_best) == (1, None)
    assert "a" in best.letters
    there = next(row for row in whole.rows if row.cell.name == "pairs")
    assert there.ranks[0] > 1, "outside the pool two are better"
    # Three tests rather than ten: the correction by hand.
    raw = [board.pairs.difference(*pair).p_value for pair in ((0, 1), (0, 2), (1, 2))]
    assert sorted(set(board.pairs.p_value[np.triu_indices(3, 1)])) == sorted(set(holm(raw)))
    assert "over 3 pairs" in board.notes[-1]
    assert board.notes[0].startswith("pool no_weights: 3 of 5 systems")


def test_a_pool_taken_out_of_a_board_is_the_board_of_the_pool(runs):
    (whole,) = leaderboards(runs, resamples=1000)
    (made,) = leaderboards(runs, resamples=1000, pool=pool_of(["no_weights"]))
    taken = pooled(whole, "no_weights")
    assert names(taken) == names(made)
    for one, other in zip(taken.rows, made.rows, strict=True):
        assert (one.ranks, one.letters) == (other.ranks, other.letters)
        assert one.score.value == pytest.approx(other.score.value)
        assert (one.to_best is None) == (other.to_best is None)
        if one.to_best is not None:
            assert one.to_best.estimate == pytest.approx(other.to_best.estimate)
    assert taken.notes[-1] == made.notes[-1]
    raw = [taken.pairs.difference(*pair).p_value for pair in ((0, 1), (0, 2), (1, 2))]
    assert taken.pairs.p_value[np.triu_indices(3, 1)].tolist() == holm(raw).tolist()
    assert taken.rows[2].p_best == taken.pairs.p_value[0, 2] < 0.05


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("no_weights,open_weight", "did you mean 'open_weights'"),
        ("no_weight", "did you mean 'no_weights'"),
        ("value>0.7", "not chosen by 'value'"),
        ("rank_best<3", "depends on the comparison itself"),
        ("ms_per_rows<3", "did you mean 'ms_per_row'"),
        ("ms_per_row<fast", "'fast' is no number"),
        ("<200", "is no condition"),
        ("ms_per_row<0.0001", "no system is in the pool"),
    ],
)
def test_what_is_no_pool_is_refused(runs, chosen, said):
    with pytest.raises(UserError, match=said):
        leaderboards(runs, resamples=50, pool=pool_of([chosen]))


def test_an_unknown_speed_is_in_no_pool_of_speeds(runs):
    unknown = [replace(one, rows_per_second=float("nan")) if one.model == "tfidf" else one for one in runs]
    for chosen in ("ms_per_row<1000", "ms_per_row>0"):
        (board,) = leaderboards(unknown, resamples=50, pool=pool_of([chosen]))
        assert "tfidf" not in names(board)


def test_a_column_of_ones_own_is_one_entry_and_pools_go_by_it(runs, monkeypatch):
    monkeypatch.setattr(columns, "COLUMNS", dict(columns.COLUMNS))
    monkeypatch.setattr(pools, "COLUMNS", columns.COLUMNS)
    columns.add_column(Column("letters_of_name", "name", lambda row: len(row.cell.name), of_runs=True))
    (board,) = leaderboards(runs, resamples=50, pool=pool_of(["letters_of_name<6"]))
    assert set(names(board)) == {"tfidf", "pairs"}
    assert data_table([board], ["model", "letters_of_name"]).rows[0][1] == "5"
    assert "name" in board_table(board).header


def test_how_many_were_answered_is_a_column_where_somebody_is_silent(runs):
    (board,) = leaderboards(runs, resamples=50)
    table = board_table(board, terminal=True)
    place = table.header.index("answered")
    shown = {row[table.header.index("model")]: row[place] for row in table.rows}
    assert (shown["prompted"], shown["tfidf"]) == ("95.0%", "")
    (board,) = leaderboards([one for one in runs if one.model != "prompted"], resamples=50)
    assert "answered" not in board_table(board, terminal=True).header


def test_a_pool_taken_out_of_a_board_keeps_its_systems_on_other_rows_and_the_other_notes(runs):
    elsewhere = {name: predictions(0.5, 9, rows=60) for name in ("lone", "far")}
    kinds = {"lone": ("no_weights",), "far": ("open_weights",)}
    apart = [replace(run("tfidf"), run_id=name, identity=name, cell=name, model=name, kinds=kinds[name],
                     predictions=lambda name=name: elsewhere[name].take(np.arange(30 if name == "far" else 60)))
             for name in elsewhere]  # fmt: skip
    (whole,) = leaderboards([*runs, *apart], resamples=100)
    taken = pooled(whole, "no_weights")
    assert {row.cell.name: row.paired for row in taken.rows} == {
        "pairs": True, "tfidf": True, "majority": True, "lone": False,
    }  # fmt: skip
    assert taken.notes[1:-1] == whole.notes[:-1], "what is said of tests is the last note's"
    assert "over 10 pairs" in whole.notes[-1]
    assert "over 3 pairs" in taken.notes[-1]
    assert taken.notes[0].startswith("pool no_weights: 4 of 7 systems")
    alone = pooled(whole, "open_weights")
    assert [(row.cell.name, row.letters) for row in alone.rows] == [("encoder", "a"), ("far", "")]
    assert "pairs" not in alone.notes[-1]
