import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest

from naba.errors import UserError
from naba.evaluation.board_tables import board_table, data_table, matrix_table, short_table, transfer_table
from naba.evaluation.bootstrap import value
from naba.evaluation.leaderboard import TrackedRun, cells_of, leaderboards
from naba.evaluation.predictions import Predictions

LABELS = ("agree", "disagree", "other")
NAMES = np.array(LABELS, dtype=object)


def predictions(right, seed, rows=400, gold_seed=0):
    gold = np.random.default_rng(gold_seed).integers(0, 3, rows)
    generator = np.random.default_rng([seed, 5])
    predicted = np.where(generator.random(rows) < right, gold, generator.integers(0, 3, rows))
    ids = np.array([f"{gold_seed}-{row}" for row in range(rows)], dtype=object)
    return Predictions(ids, NAMES[gold], NAMES[predicted], np.full((rows, 3), 1 / 3), LABELS)


def run(model, seed, right, dataset="ans_stance", scored_on="", **changes):
    content = changes.pop("content", None) or predictions(right, [seed, len(model)])
    facts = {
        "run_id": f"{model}{seed}",
        "identity": f"{model}{seed}",
        "cell": f"cell-{model}-{dataset}",
        "dataset": dataset,
        "task": "stance",
        "model": model,
        "seed": seed,
        "metrics": {},
        "params": {"model": model, "seed": str(seed)},
        "tags": {},
        "train_seconds": 1.5,
        "predict_seconds": 0.25,
        "model_bytes": 2_500_000,
        "predictions": lambda: content,
        "scored_on": scored_on,
        "primary_metric": "macro_f1",
    }
    return TrackedRun(**{**facts, **changes})


@pytest.fixture
def runs():
    grid = {"majority": 0.0, "tfidf_svm": 0.72, "tfidf_logreg": 0.74, "tfidf_nb": 0.45}
    return [run(model, seed, right) for model, right in grid.items() for seed in range(3)]


def test_a_board_ranks_cells_and_says_which_are_different(runs):
    (board,) = leaderboards(runs)
    names = [row.cell.name for row in board.rows]
    assert set(names[:2]) == {"tfidf_svm", "tfidf_logreg"}
    assert names[2:] == ["tfidf_nb", "majority"]
    best, second, third, last = board.rows
    assert (best.letters, second.letters, third.letters, last.letters) == ("a", "a", "b", "c")
    assert (best.ranks, second.ranks, third.ranks, last.ranks) == ((1, 2), (1, 2), (3, 3), (4, 4))
    assert best.to_best is None
    assert second.p_best > 0.05 > third.p_best
    assert third.to_best.high < 0 < third.to_baseline.low
    assert last.to_baseline is None
    assert best.cell.seeds == (0, 1, 2)
    assert best.score.low < best.score.value < best.score.high


def test_the_order_of_runs_does_not_matter(runs):
    def plain(board):
        return [(row.cell.name, row.score, row.letters) for row in board.rows]

    one, other = leaderboards(runs)[0], leaderboards(runs[::-1])[0]
    assert [row[0] for row in plain(one)] == [row[0] for row in plain(other)]
    assert [row.score.value for row in one.rows] == pytest.approx([row.score.value for row in other.rows])


def test_two_seeds_of_one_model_are_one_cell_and_never_compared(runs):
    assert [len(cell.runs) for cell in cells_of(runs)] == [3, 3, 3, 3]
    again = [*runs, run("majority", 0, 0.0, run_id="again")]
    assert [len(cell.runs) for cell in cells_of(again)] == [3, 3, 3, 3]


def test_cells_of_one_model_are_named_by_what_differs():
    cells = cells_of(
        [
            run("tfidf_svm", 0, 0.7, cell="a", params={"model.C": "1.0", "seed": "0"}),
            run("tfidf_svm", 1, 0.7, cell="b", params={"model.C": "2.0", "seed": "1"}),
            run("majority", 1, 0.0),
        ]
    )
    assert [cell.name for cell in cells] == ["tfidf_svm C=1.0", "tfidf_svm C=2.0", "majority"]


def test_one_seed_is_said(runs):
    (board,) = leaderboards([one for one in runs if one.seed == 0])
    assert any("have one seed" in note for note in board.notes)
    assert all(math.isnan(row.spread) for row in board.rows)


def test_cells_on_other_rows_are_listed_without_tests(runs):
    other = [run("folds", seed, 0.9, content=predictions(0.9, seed, gold_seed=seed + 1)) for seed in range(3)]
    (board,) = leaderboards([*runs, *other])
    assert board.rows[-1].cell.name == "folds"
    assert not board.rows[-1].paired
    assert board.rows[-1].score.low < board.rows[-1].score.value < board.rows[-1].score.high
    assert any("other rows" in note for note in board.notes)
    assert len(board.paired) == 4


def test_ranking_metrics_are_listed_without_tests():
    content = predictions(0.8, 0)
    renamed = Predictions(
        content.ids,
        np.where(content.gold == "agree", "yes", "no").astype(object),
        np.where(content.predicted == "agree", "yes", "no").astype(object),
        np.full((400, 2), 0.5),
        ("no", "yes"),
    )
    (board,) = leaderboards([run("one", 0, 0, content=renamed)], "checkthat2020_task1_map")
    assert not board.rows[0].paired
    assert board.rows[0].score.value > 0


def test_no_runs_and_unknown_metrics_are_refused(runs):
    with pytest.raises(UserError, match="no finished runs"):
        leaderboards([])
    with pytest.raises(UserError, match="did you mean 'macro_f1'"):
        leaderboards(runs, "macro_f2")


@pytest.mark.parametrize("style", ["markdown", "csv", "latex", "text"])
def test_tables_hold_every_cell_in_every_style(runs, style):
    (board,) = leaderboards(runs, resamples=500)
    for table in (board_table(board), short_table(board), matrix_table(board)):
        rendered = table.render(style)
        for name in ("tfidf_svm", "majority"):
            assert (name.replace("_", r"\_") if style == "latex" else name) in rendered


def test_csv_is_plain_numbers(runs):
    boards = leaderboards(runs, resamples=500)
    lines = list(csv.DictReader(io.StringIO(data_table(boards).render("csv"))))
    assert len(lines) == 4
    assert float(lines[0]["low"]) < float(lines[0]["value"]) < float(lines[0]["high"])
    assert lines[0]["to_best"] == ""
    assert float(lines[3]["p_to_best"]) < 0.01
    assert float(lines[1]["detectable"]) > 0
    assert lines[0]["model_bytes"] == "2500000.0"


def test_matrix_marks_differences_and_says_what_could_be_seen(runs):
    (board,) = leaderboards(runs, resamples=500)
    table = matrix_table(board)
    assert table.rows[0][1] == "·"
    assert table.rows[0][4].startswith("+")
    assert table.rows[0][4].endswith("*")
    assert table.rows[3][1].startswith("−")
    assert "smallest detectable difference" in table.notes[1]


def test_transfer_has_a_column_for_each_scored_set(runs):
    elsewhere = [run("tfidf_svm", seed, 0.4, scored_on="article_stance") for seed in range(2)]
    table = transfer_table([*runs, *elsewhere], resamples=300)
    assert table.header[2:] == ["ans_stance (macro_f1)", "article_stance (macro_f1)"]
    line = next(row for row in table.rows if row[1] == "tfidf_svm")
    assert line[0] == "ans_stance"
    assert line[3].startswith("0.")
    assert next(row for row in table.rows if row[1] == "majority")[3] == ""


def test_latex_escapes_and_markdown_keeps_columns():
    (board,) = leaderboards([run("a|b & 50%", 0, 0.5)], resamples=100)
    assert r"a|b \& 50\%" in board_table(board).render("latex")
    lines = board_table(board).render("markdown").splitlines()
    assert r"a\|b & 50%" in lines[4]


def test_rows_of_one_claim_are_drawn_together_and_that_is_said():
    def grouped(right, seed, groups):
        return replace(predictions(right, seed), groups=np.array([f"g{i % groups}" for i in range(400)], dtype=object))

    def board(groups, **options):
        cells = [run("one", 0, 0, content=grouped(0.8, 1, groups)), run("two", 0, 0, content=grouped(0.6, 2, groups))]
        return leaderboards(cells, resamples=200, **options)[0]

    assert any("400 rows; the bootstrap resamples whole groups (80)" in note for note in board(80).notes)
    assert any(note.startswith("400 rows; ") for note in board(80, by_group=False).notes)
    assert any(note.startswith("400 rows; ") for note in board(3).notes), "three groups are too few to draw"
    assert any(note.startswith("400 rows; ") for note in board(400).notes), "every row is its own group"


def test_folds_count_alike_however_many_seeds_they_have():
    """Fold 0 is hard and has three seeds that answer alike, the others one: three seeds of it are not three folds."""
    folds = {"0": (0.2, 3), "1": (0.9, 1), "2": (0.8, 1)}
    found = [
        run("tfidf_svm", seed, right, part=part, content=predictions(right, 7, gold_seed=int(part)))
        for part, (right, seeds) in folds.items()
        for seed in range(seeds)
    ]
    (board,) = leaderboards(found)
    (row,) = board.rows
    first = {one.part: one for one in found}
    means = [value(first[part].predictions(), "macro_f1") for part in folds]
    assert row.score.value == pytest.approx(np.mean(means))
    reach = 4.303 * np.std(means, ddof=1) / math.sqrt(3)  # Student's t, two degrees of freedom, 95 %
    assert row.score.value - row.score.low == pytest.approx(reach, abs=1e-3)
    assert row.score.high - row.score.value == pytest.approx(reach, abs=1e-3)
    table = short_table(board)
    assert table.rows[0][table.header.index("seeds")] == "1–3 × 3"
    assert any("each the mean of its seeds" in note for note in board.notes)
