"""Every column of a board for one line whose numbers are known: as CSV, for people, and in a terminal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from naba.evaluation.bootstrap import Score
from naba.evaluation.columns import COLUMNS, board_table, columns_of, matrix_table, title_of
from naba.evaluation.leaderboard import Board, Cell, Row, TrackedRun, leaderboards
from naba.evaluation.predictions import Predictions, objects
from naba.evaluation.significance import Difference
from naba.evaluation.tables import needed


def nothing() -> None:
    raise AssertionError("no column reads predictions")


def tracked(seed: int, part: str = "", **changed: object) -> TrackedRun:
    run = TrackedRun(
        f"run{seed}", f"identity{seed}", "c0ffee", "ans_stance", "stance", "blended", seed, {"share_answered": 0.875},
        {}, {}, 90.0 + 60 * seed, 0.25, 3_000_000.0, nothing, scored_on="arastance", part=part,
        kinds=("no_weights", "local"), probabilities="calibrated", rows_per_second=8.0, money_per_1000_rows=0.01234567,
    )  # fmt: skip
    return replace(run, **changed)


LINE = Row(
    Cell("blended", (tracked(0), tracked(1))), Score("macro_f1", 0.8125, 0.75, 0.875, 1234), 0.0125, 2, True, (1, 3),
    "ab",
    Difference("macro_f1", -0.0625, -0.125, 0.01, 0.04, 0.03, 0.084, 1234),
    Difference("macro_f1", 0.25, 0.125, 0.375, 0.0001, 0.06, 0.168, 1234), 0.04, 0.0004,
)  # fmt: skip
SHOWN = {
    # key: (CSV, for people, in a terminal where it is shorter)
    "scored_on": ("arastance", "arastance"),
    "metric": ("macro_f1", "macro_f1"),
    "rank_best": ("1", "1–3"),
    "rank_worst": ("3", "3"),
    "model": ("blended", "blended"),
    "trained_on": ("ans_stance", "ans_stance"),
    "cell": ("c0ffee", "c0ffee"),
    "rows": ("1234", "1,234"),
    "value": ("0.8125", "0.812"),
    "interval": ("[0.750, 0.875]", "[0.750, 0.875]"),
    "low": ("0.75", "0.750"),
    "high": ("0.875", "0.875"),
    "seeds": ("2", "2"),
    "seed_spread": ("0.0125", "0.013"),
    "letters": ("ab", "ab"),
    "to_best": ("-0.0625", "−0.062 [−0.125, +0.010]", "−0.062"),
    "to_best_low": ("-0.125", "−0.125"),
    "to_best_high": ("0.01", "0.010"),
    "p_to_best": ("0.04", "0.040"),
    "to_baseline": ("0.25", "+0.250 [+0.125, +0.375]", "+0.250"),
    "to_baseline_low": ("0.125", "0.125"),
    "to_baseline_high": ("0.375", "0.375"),
    "p_to_baseline": ("0.0004", "<.001"),
    "detectable": ("0.084", "0.084"),
    "train_seconds": ("120.0", "120"),
    "predict_seconds": ("0.25", "0.25"),
    "model_bytes": ("3000000.0", "3.0 MB"),
    "rows_per_second": ("8.0", "8"),
    "ms_per_row": ("125.0", "125"),
    "money_per_1000_rows": ("0.01234567", "0.0123"),
    "share_answered": ("0.875", "87.5%"),
    "probabilities": ("calibrated", "calibrated"),
    "kinds": ("no_weights local", "no_weights local"),
}


def test_every_column_is_here() -> None:
    assert list(SHOWN) == list(COLUMNS)


@pytest.mark.parametrize("key", list(SHOWN))
def test_a_column_of_a_known_line(key: str) -> None:
    plain, shown, *brief = SHOWN[key]
    column = COLUMNS[key]
    assert column.plain(LINE) == plain
    assert column.text(LINE) == shown
    assert column.text(LINE, terminal=True) == (brief[0] if brief else shown)


@pytest.mark.parametrize("key", ["rank_best", "rank_worst", "to_best", "p_to_best", "to_baseline", "detectable",
                                 "seed_spread", "train_seconds", "ms_per_row", "share_answered"])  # fmt: skip
def test_what_is_not_known_is_empty(key: str) -> None:
    nan = float("nan")
    alone = replace(
        LINE, cell=Cell("one", (tracked(0, metrics={}, train_seconds=nan, rows_per_second=nan),)), paired=False,
        ranks=(0, 0), to_best=None, to_baseline=None, p_best=nan, p_baseline=nan, spread=nan,
    )  # fmt: skip
    assert [COLUMNS[key].plain(alone), COLUMNS[key].text(alone), COLUMNS[key].text(alone, terminal=True)] == [""] * 3


def test_systems_that_answer_alike_have_no_detectable_difference() -> None:
    alike = replace(LINE, to_best=Difference("macro_f1", 0, 0, 0, 1, 0.0, 0.0, 1234))
    assert COLUMNS["detectable"].plain(alike) == ""


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        ([(0, "0"), (0, "1"), (0, "2")], "1 seed × 3 folds"),
        ([(0, "0"), (1, "0"), (0, "1"), (1, "1")], "2 seeds × 2 folds"),
        ([(0, "0"), (1, "0"), (0, "1")], "1–2 seeds × 2 folds"),
    ],
)
def test_seeds_of_a_cross_validation_are_counted_by_fold(runs: list[tuple[int, str]], shown: str) -> None:
    line = replace(LINE, cell=Cell("blended", tuple(tracked(seed, part) for seed, part in runs)))
    assert COLUMNS["seeds"].text(line) == shown


@pytest.mark.parametrize(
    ("speed", "shown"),
    [(8.0, "8"), (0.5, "0.5"), (99.94, "99.9"), (100.0, "100"), (123.4, "123"), (12345.6, "12,346"),
     (0.00012345, "0.000123")],
)  # fmt: skip
def test_numbers_of_any_size_keep_three_digits(speed: float, shown: str) -> None:
    line = replace(LINE, cell=Cell("blended", (tracked(0, rows_per_second=speed),)))
    assert COLUMNS["rows_per_second"].text(line) == shown
    turned = replace(LINE, cell=Cell("blended", (tracked(0, rows_per_second=1000 / speed),)))
    assert COLUMNS["ms_per_row"].text(turned) == shown


def board(*names: str) -> Board:
    """A board of untrained systems that answer at random, one seed each."""
    labels = ("a", "b")
    runs = []
    for place, name in enumerate(names):
        said = np.random.default_rng(place).integers(0, 2, 60)
        answers = Predictions(
            [str(row) for row in range(60)], objects(["a", "b"] * 30), objects([labels[one] for one in said]),
            np.full((60, 2), 0.5), labels,
        )  # fmt: skip
        own = {"run_id": name, "identity": name, "cell": name, "model": name}
        runs.append(tracked(0, **own, metrics={}, predictions=lambda answers=answers: answers))
    return leaderboards(runs, "accuracy", resamples=20)[0]


ALONE = ["model", "value", "interval", "seeds", "train_seconds"]
TESTED = ["rank_best", *ALONE[:4], "letters", "to_best", "p_to_best", "detectable", "train_seconds"]


@pytest.mark.parametrize(
    ("names", "terminal"),
    [(["one"], ALONE), (["one", "two"], TESTED), (["majority", "two"], TESTED)],
)
def test_a_terminal_shows_what_a_board_has(names: list[str], terminal: list[str]) -> None:
    assert [column.key for column in columns_of(board(*names), "terminal")] == terminal


@pytest.mark.parametrize(("names", "shown"), [(["one", "two"], False), (["majority", "two"], True)])
def test_a_table_compares_with_the_baseline_where_there_is_one(names: list[str], shown: bool) -> None:
    found = {column.key for column in columns_of(board(*names), "table")}
    assert {"predict_seconds", "model_bytes"} <= found
    assert ({"to_baseline", "p_to_baseline"} <= found) is shown
    assert set(COLUMNS) - {"interval"} == {column.key for column in columns_of(board(*names), "csv")}


def test_what_is_wide_goes_from_the_right_and_the_rest_stays() -> None:
    both = board("majority", "two")
    whole = board_table(both, terminal=True)
    shown = [column.key for column in columns_of(both, "terminal")]
    assert board_table(both, terminal=True, width=needed(whole)).header == whole.header, "what just fits"
    for gone in (["train_seconds"], ["train_seconds", "detectable"], ["train_seconds", "detectable", "seeds"]):
        room = needed(board_table(both, [key for key in shown if key not in gone], terminal=True))
        note = board_table(both, terminal=True, width=room).notes[-1]
        assert note == f"left out at this width: {', '.join(gone)} (--columns shows them)"
    assert board_table(both, terminal=True, width=20).header == [
        title for title in whole.header if title not in {"train s", "detectable", "seeds"}
    ]
    assert board_table(both, ["model", "train_seconds"], terminal=True, width=5).header == ["model", "train s"]


def test_a_table_is_no_terminal_s_and_repeats_what_a_line_is_about() -> None:
    both = board("majority", "two")
    table, narrow = board_table(both), board_table(both, terminal=True)
    assert "predict s" in table.header
    assert "predict s" not in narrow.header
    assert "[" in table.rows[1][table.header.index("to best")]
    assert "[" not in narrow.rows[1][narrow.header.index("to best")]
    assert table.keys == 2, "rank and model"
    assert [board_table(both, columns).keys for columns in (["value", "interval"], ["value", "seeds", "model"])] == [
        1,
        3,
    ]
    assert list(matrix_table(both).numeric) == [1, 2]


@pytest.mark.parametrize(("metric", "title"), [("f" * 20, "f" * 20), ("f" * 21, "score")])
def test_a_metric_with_a_long_name_is_a_score(metric: str, title: str) -> None:
    assert title_of(COLUMNS["value"], replace(board("one"), metric=metric)) == title


def test_the_best_of_a_lone_board_is_its_first_line_and_else_those_with_an_a() -> None:
    assert board_table(board("one")).best == [(0, 1)]
    both = board_table(board("majority", "two"))
    assert both.best == [(row, both.header.index("accuracy")) for row in (0, 1)]


def test_texts_and_ranges_are_set_to_the_left_and_numbers_to_the_right() -> None:
    assert {key for key, column in COLUMNS.items() if not column.numeric} == {
        "scored_on", "metric", "rank_best", "model", "trained_on", "cell", "interval", "letters", "probabilities",
        "kinds",
    }  # fmt: skip


def test_a_spread_is_shown_where_some_system_has_one() -> None:
    alone = board("one", "two")
    assert "seed_spread" not in {column.key for column in columns_of(alone, "table")}
    spread = replace(alone, rows=(replace(alone.rows[0], spread=0.01), alone.rows[1]))
    assert "seed_spread" in {column.key for column in columns_of(spread, "table")}


@pytest.mark.parametrize(("p_value", "star"), [(0.0499, True), (0.05, False), (0.4, False)])
def test_a_star_of_the_matrix_is_for_the_corrected_p_value(p_value: float, star: bool) -> None:
    both = board("one", "two")
    assert both.pairs is not None
    nan = float("nan")
    pairs = replace(
        both.pairs, p_value=np.array([[nan, p_value], [p_value, nan]]), uncorrected=np.array([[nan, 0.001], [nan, nan]])
    )
    rows = matrix_table(replace(both, pairs=pairs)).rows
    assert [row[place].endswith("*") for row, place in ((rows[0], 2), (rows[1], 1))] == [star, star]
