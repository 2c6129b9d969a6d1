import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest

from naba.errors import UserError
from naba.evaluation import columns, metrics
from naba.evaluation.bootstrap import value
from naba.evaluation.columns import Column, board_table, data_table, matrix_table
from naba.evaluation.leaderboard import TrackedRun, cells_of, leaderboards, what_differs
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


def test_models_inside_others_are_named_by_their_options_alone():
    def wrapped(C, **more):
        inner = {"name": "tfidf_svm", "accepts": ["single"], "description": f"words, C {C}", "builder": "x", "C": C}
        return {"model.classifier": str(inner), **more}

    cells = cells_of(
        [
            run("abstaining", 0, 0.7, cell="a", params=wrapped(1.0)),
            run("abstaining", 0, 0.7, cell="b", params=wrapped(2.0, **{"model.uncounted": "()"})),
        ]
    )
    assert [cell.name for cell in cells] == ["abstaining classifier.C=1.0", "abstaining classifier.C=2.0"]


def test_one_seed_is_said(runs):
    (board,) = leaderboards([one for one in runs if one.seed == 0])
    assert any("with one seed" in note for note in board.notes)
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


def test_cells_that_cannot_be_tested_stand_best_first(loss):
    """A lone fold each, on rows of its own; a loss has the lowest first."""
    lone = [
        run(f"fold{n}", 0, 0, content=predictions(right, n, gold_seed=n)) for n, right in enumerate((0.3, 0.9, 0.6))
    ]
    base = [run(name, 0, 0, content=predictions(0.5, 7, gold_seed=9)) for name in ("one", "two")]
    for measure in ("accuracy", "error_rate"):
        (board,) = leaderboards([*lone, *base], measure, resamples=20)
        assert [row.cell.name for row in board.rows if not row.paired] == ["fold1", "fold2", "fold0"], measure


def test_a_matrix_has_the_standard_errors_of_its_pairs(runs):
    (board,) = leaderboards(runs, resamples=500)
    pairs = board.pairs
    for a, b in ((0, 1), (2, 0)):
        error = pairs.draws.difference(a, b).standard_error
        # 1.960 + 0.842 standard errors: two-sided 5 %, power 80 %.
        assert pairs.detectable[a, b] == pytest.approx(2.8016 * error, rel=1e-4)


def test_the_bounds_of_all_pairs_are_those_of_each(runs):
    (board,) = leaderboards(runs, resamples=200)
    low, high = board.pairs.bounds
    for a, b in ((0, 1), (3, 0), (2, 1)):
        one = board.pairs.difference(a, b)
        assert (low[a, b], high[a, b]) == pytest.approx((one.low, one.high))
        assert (low[a, b], high[a, b]) == pytest.approx((-high[b, a], -low[b, a]))
    assert low[3, 0] < high[3, 0] < 0


def test_no_runs_and_unknown_metrics_are_refused(runs):
    with pytest.raises(UserError, match="no finished runs"):
        leaderboards([])
    with pytest.raises(UserError, match="did you mean 'macro_f1'"):
        leaderboards(runs, "macro_f2")


@pytest.mark.parametrize("style", ["markdown", "csv", "latex", "text"])
def test_tables_hold_every_cell_in_every_style(runs, style):
    (board,) = leaderboards(runs, resamples=500)
    for table in (board_table(board), board_table(board, terminal=True), matrix_table(board)):
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
    # Student's t, two degrees of freedom, 95 %; (1/3 + 1/2) s^2 for 1/3 s^2, as each fold tests on one row for two that
    # it trains on (Nadeau & Bengio 2003).
    reach = 4.303 * np.std(means, ddof=1) * math.sqrt(1 / 3 + 1 / 2)
    assert row.score.value - row.score.low == pytest.approx(reach, abs=1e-3)
    assert row.score.high - row.score.value == pytest.approx(reach, abs=1e-3)
    table = board_table(board, terminal=True)
    assert table.rows[0][table.header.index("seeds")] == "1–3 seeds × 3 folds"
    assert any("each the mean of its seeds" in note for note in board.notes)


# --- cross-validations


def folds_of(model, accuracy, seeds=(0,), parts=5, rows=60, size=None, **changes):
    """One system on `parts` folds; all systems share folds and gold, whatever their answers."""
    made = []
    for seed in seeds:
        for part in range(1, parts + 1):
            content = predictions(accuracy, [seed, len(model), part], rows=size or rows, gold_seed=part)
            made.append(run(model, seed, 0, content=content, part=str(part), **changes))
    return made


def test_cross_validations_are_ranked_tested_and_lettered():
    """Two systems on the same five folds had no rank, no letter and no p-value."""
    runs = folds_of("tfidf_nb", 0.8) + folds_of("majority", 0.1) + folds_of("tfidf_svm", 0.78)
    (board,) = leaderboards(runs, resamples=2000)
    assert [row.paired for row in board.rows] == [True] * 3
    assert {row.cell.name for row in board.rows[:2]} == {"tfidf_nb", "tfidf_svm"}
    assert [row.letters for row in board.rows] == ["a", "a", "b"]
    assert board.rows[2].p_best < 0.001 < board.rows[1].p_best
    assert {row.score.n for row in board.rows} == {300}
    assert any("Nadeau and Bengio 2003" in note and "5 parts" in note for note in board.notes)
    assert matrix_table(board).rows
    assert board_table(board).rows[0][4] == "1 seed × 5 folds"


def test_a_cross_validated_score_stays_the_mean_of_its_folds():
    runs = folds_of("tfidf_nb", 0.8) + folds_of("majority", 0.1)
    (board,) = leaderboards(runs, resamples=200)
    by_hand = np.mean([value(one.predictions(), "macro_f1") for one in runs[:5]])
    assert board.rows[0].score.value == pytest.approx(by_hand)


def test_the_spread_of_a_cross_validation_is_over_its_parts_each_the_mean_of_its_seeds():
    runs = folds_of("tfidf_nb", 0.7, seeds=(0, 1, 2), parts=3) + folds_of("majority", 0.1, parts=3)
    (board,) = leaderboards(runs, resamples=50)
    parts = [np.mean([value(one.predictions(), "macro_f1") for one in runs[:9] if one.part == part]) for part in "123"]
    row = next(row for row in board.rows if row.cell.name == "tfidf_nb")
    assert row.spread == pytest.approx(np.std(parts, ddof=1))
    assert row.score.value == pytest.approx(np.mean(parts))


def test_the_parts_of_a_seed_are_put_together_row_by_row():
    """Everything that is said of a row stays with it, however the parts' rows are mixed."""
    drawn = np.random.default_rng(4)
    whole = predictions(0.7, 1, rows=30)
    outcomes = np.array(["answered"] * 29 + ["refused"], dtype=object)
    whole = replace(
        whole, groups=np.array([f"g{row % 7}" for row in range(30)], dtype=object), outcomes=outcomes,
        predicted=np.where(outcomes == "refused", "", whole.predicted), probabilities=drawn.dirichlet([1, 1, 1], 30),
        labels=("other", "agree", "disagree"),
    )  # fmt: skip
    fold = drawn.integers(0, 3, 30)
    runs = [run("one", 0, 0, part=str(part), content=whole.take(fold == part)) for part in (2, 0, 1)]
    ((joined,),) = (cell.wholes for cell in cells_of(runs))
    order = np.argsort(whole.ids.astype(str), kind="stable")
    for name in ("ids", "gold", "predicted", "groups", "outcomes"):
        assert getattr(joined.predictions, name).tolist() == getattr(whole, name)[order].tolist(), name
    assert np.array_equal(joined.predictions.probabilities, whole.probabilities[order])
    assert joined.predictions.labels == whole.labels
    assert joined.parts.tolist() == fold[order].tolist(), "codes in the order of the parts' names"


def test_a_seed_without_one_of_the_parts_leaves_nothing_to_put_together():
    runs = folds_of("tfidf_nb", 0.7, seeds=(0, 1), parts=3)
    assert [len(cell.wholes) for cell in cells_of(runs)] == [2]
    for place in (0, 1, 5):
        (cell,) = cells_of(runs[:place] + runs[place + 1 :])
        assert (cell.folds, cell.wholes) == (3, [])
        (board,) = leaderboards(runs[:place] + runs[place + 1 :], resamples=20)
        assert not board.rows[0].paired
    other = replace(runs[4].predictions(), labels=LABELS[::-1])
    mixed = [*runs[:4], replace(runs[4], predictions=lambda: other), runs[5]]
    assert [cell.wholes for cell in cells_of(mixed)] == [[]], "parts with labels in another order"


def test_two_seeds_alike_and_one_apart_are_three():
    one, other = predictions(0.7, 3), predictions(0.7, 4)
    runs = [run("m", seed, 0, content=content) for seed, content in enumerate((one, one, other))]
    (board,) = leaderboards(runs, resamples=20)
    assert board.rows[0].distinct == 3
    (board,) = leaderboards(runs[:2], resamples=20)
    assert board.rows[0].distinct == 1


def test_neither_seeds_nor_parts_nor_how_it_was_scored_name_a_cell():
    about = {"seed": "0", "part": "1", "evaluation.resamples": "50", "model.C": "1.0", "model.words": "()"}
    other = {"seed": "1", "part": "2", "evaluation.resamples": "99", "model.C": "2.0"}
    assert what_differs(about, [about, other]) == "C=1.0"
    assert what_differs(other, [about, other]) == "C=2.0"
    assert what_differs(about, [about, about | {"model.words": "2"}]) == ""
    assert what_differs(about | {"model.words": "2"}, [about, about | {"model.words": "2"}]) == "words=2"


def test_systems_scored_on_other_gold_labels_are_listed_apart():
    """Another version of the data: the same ids, one label mended."""
    first = [run(name, 0, 0, content=predictions(0.7, place)) for place, name in enumerate(("one", "two"))]
    changed = predictions(0.9, 3)
    gold = changed.gold.copy()
    gold[0] = "other" if gold[0] != "other" else "agree"
    (board,) = leaderboards([*first, run("mended", 0, 0, content=replace(changed, gold=gold))], resamples=50)
    assert {row.cell.name: row.paired for row in board.rows} == {"one": True, "two": True, "mended": False}


def test_folds_are_paired_row_by_row_and_their_shared_training_rows_widen_the_test():
    """Accuracy by hand: each fold's rows have their own variance; the whole grows by sqrt(1 + 5/4) = 1.5."""
    runs = folds_of("one", 0.7, rows=200) + folds_of("three", 0.6, rows=200)
    (board,) = leaderboards(runs, "accuracy", resamples=20_000)
    variances = []
    for a, b in zip(runs[:5], runs[5:], strict=True):
        right = [one.predictions().gold == one.predictions().predicted for one in (a, b)]
        variances.append((right[0].astype(float) - right[1].astype(float)).var() / 200)
    by_hand = 1.5 * math.sqrt(sum(variances)) / 5
    assert board.rows[1].to_best.standard_error == pytest.approx(by_hand, rel=0.03)


def test_folds_that_each_seed_draws_anew_are_compared_too():
    """kfold deals rows by the seed: every seed has other folds of the same rows."""

    def dealt(model, right):
        made = []
        for seed in range(3):
            whole = predictions(right, [seed, len(model)], rows=300)
            part = np.random.default_rng([seed, 77]).integers(0, 5, 300)
            for fold in range(5):
                made.append(run(model, seed, 0, part=str(fold), content=whole.take(part == fold)))  # noqa: PERF401
        return made

    (board,) = leaderboards([*dealt("tfidf_nb", 0.8), *dealt("majority", 0.2)], resamples=500)
    assert [row.letters for row in board.rows] == ["a", "b"]
    assert board_table(board).rows[0][4] == "3 seeds × 5 folds"


def test_other_numbers_of_folds_and_lone_folds_are_not_mixed_with_them():
    whole = folds_of("tfidf_nb", 0.8) + folds_of("majority", 0.1)
    fewer = folds_of("tfidf_svm", 0.9, parts=4)
    lone = folds_of("bert", 0.9, parts=1)
    lone += [run("given", 0, 0.7)]
    given, four, five = leaderboards([*whole, *fewer, *lone], resamples=200)
    assert [board.title.partition(":")[0] for board in (given, four, five)] == [
        "ans_stance", "ans_stance, 4 folds", "ans_stance, 5 folds",
    ]  # fmt: skip
    assert [row.cell.name for row in five.paired] == ["tfidf_nb", "majority"]
    assert [row.cell.name for row in four.rows] == ["tfidf_svm"]
    assert {row.cell.name for row in given.rows} == {"given", "bert (only part 1)"}
    assert any("1 system scored on other rows or parts" in note for note in given.notes)


def test_parts_that_share_rows_are_not_put_together():
    content = predictions(0.8, 1, rows=50)
    (cell,) = cells_of([run("one", 0, 0, content=content, part=part) for part in ("x", "y")])
    assert cell.wholes == []


# --- what a board says


def test_seeds_that_test_different_rows_are_said():
    runs = [run(model, seed, 0, content=predictions(0.7, seed, rows=200).take(np.arange(200) % 2 == seed))
            for model in ("tfidf_nb", "tfidf_svm") for seed in (0, 1)]  # fmt: skip
    (board,) = leaderboards(runs, resamples=200)
    assert any("2 systems whose seeds test different rows" in note for note in board.notes)


def test_seeds_that_answer_alike_are_one():
    """A deterministic model showed three seeds and ± 0.000, as if that were evidence."""
    content = predictions(0.7, 3)
    runs = [run("tfidf_nb", seed, 0, content=content) for seed in range(3)]
    runs += [run("encoder", seed, 0.6) for seed in range(3)]
    (board,) = leaderboards(runs, resamples=200)
    table = board_table(board)
    seeds = {row[1]: row[4] for row in table.rows}
    assert seeds == {"tfidf_nb": "1", "encoder": "3"}
    assert math.isnan(board.rows[0].spread)
    assert "every seed answers alike and counts as one: tfidf_nb" in board.notes


def test_seeds_of_other_probabilities_are_each_their_own():
    one = predictions(0.7, 3)
    other = replace(one, probabilities=np.full((400, 3), [[0.34, 0.33, 0.33]]))
    (board,) = leaderboards([run("m", 0, 0, content=one), run("m", 1, 0, content=other)], resamples=20)
    assert board.rows[0].distinct == 2


def test_a_changed_option_of_a_group_is_named_alone():
    training = {"epochs": 5, "learning_rate": 2e-05, "early_stopping": {"patience": 2}}
    other = {**training, "epochs": 1, "early_stopping": {"patience": 3}}
    runs = [
        run("marbert", 0, 0.7, cell=str(place), params={"model.training": str(one), "model.checkpoint": "tiny"})
        for place, one in enumerate((training, other))
    ]
    names = [cell.name for cell in cells_of(runs)]
    assert names == [
        "marbert training.early_stopping.patience=2 training.epochs=5",
        "marbert training.early_stopping.patience=3 training.epochs=1",
    ]


def test_one_of_a_thing_is_not_called_several():
    (board,) = leaderboards([run("one", 0, 0.9, content=predictions(0.9, 1)), run("two", 0, 0.2)], resamples=100)
    assert any("over 1 pair;" in note for note in board.notes)
    (alone,) = leaderboards([run("one", 0, 0.9)], resamples=100)
    assert any("1 of 1 system " in note for note in alone.notes)
    assert not any("pair" in note for note in alone.notes)
    assert "letters" not in board_table(alone).header


@pytest.fixture
def loss(monkeypatch):
    monkeypatch.setattr(metrics, "METRICS", dict(metrics.METRICS))

    @metrics.register("by hand", higher_is_better=False)
    def error_rate(counts, labels):
        """Share of rows answered wrongly."""
        return 1 - metrics.accuracy(counts, labels)


def test_a_loss_puts_the_lowest_first(runs, loss):
    (board,) = leaderboards(runs, "error_rate", resamples=500)
    by_accuracy = leaderboards(runs, "accuracy", resamples=500)[0]
    assert [row.cell.name for row in board.rows] == [row.cell.name for row in by_accuracy.rows]
    assert [row.letters for row in board.rows] == [row.letters for row in by_accuracy.rows]
    assert [row.ranks for row in board.rows] == [row.ranks for row in by_accuracy.rows]
    assert board.rows[3].to_best.estimate > 0
    assert not board.rows[3].to_best.better
    assert board.rows[2].to_baseline.better
    assert metrics.metric("error_rate_per_target").higher_is_better is False


@pytest.fixture
def own_column(monkeypatch):
    monkeypatch.setattr(columns, "COLUMNS", dict(columns.COLUMNS))
    return columns.add_column


def test_one_more_column_is_one_entry(runs, own_column):
    own_column(Column("per_second", "rows per second", lambda row: row.score.n / row.cell.mean_of("predict_seconds")))
    (board,) = leaderboards(runs, resamples=100)
    for terminal in (True, False):
        table = board_table(board, terminal=terminal)
        assert table.rows[0][table.header.index("rows per second")] == "1600.000"
    line = next(csv.DictReader(io.StringIO(data_table([board]).render("csv"))))
    assert line["per_second"] == "1600.0"


def test_columns_are_checked(runs, own_column):
    (board,) = leaderboards(runs, resamples=100)
    with pytest.raises(UserError, match="cannot be called 'value'"):
        own_column(Column("value", "again", lambda row: 1.0))
    own_column(Column("bad", "bad", lambda row: [1.0]))
    with pytest.raises(UserError, match="column 'bad' of a leaderboard made list"):
        board_table(board)
    with pytest.raises(UserError, match="did you mean 'letters'"):
        board_table(board, ["model", "leters"])


def test_columns_can_be_chosen(runs):
    (board,) = leaderboards(runs, resamples=100)
    assert board_table(board, ["model", "value", "p_to_best"]).header == ["model", "macro_f1", "p"]
    assert data_table([board], ["model", "value"]).header == ["model", "value"]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_board_fits_its_terminal_and_breaks_no_word(runs, width):
    long = [run("marbert", 0, 0.6, cell=str(rate), params={"model.training": str({"epochs": 1, "learning_rate": rate})})
            for rate in (2e-05, 3e-05)]  # fmt: skip
    (board,) = leaderboards([*runs, *long], resamples=100)
    for table in (board_table(board, terminal=True, width=width), matrix_table(board)):
        printed = table.render("text", width)
        assert max(len(line) for line in printed.splitlines()) <= width, printed
        words = set(printed.split())
        assert {"tfidf_logreg", "training.learning_rate=2e-05"} <= words
    narrow = board_table(board, terminal=True, width=60)
    assert any("left out at this width: train_seconds" in note for note in narrow.notes)


def test_latex_has_a_label_and_sets_the_best_group_in_bold(runs):
    (board,) = leaderboards(runs, resamples=500)
    lines = board_table(board, ["model", "value"]).render("latex").splitlines()
    assert r"\label{tab:ans-stance-macro-f1}" in lines
    assert [line for line in lines if r"\textbf" in line] == [
        line for line in lines if line.strip().startswith((r"tfidf\_svm", r"tfidf\_logreg"))
    ]
    assert [rule for rule in (r"\toprule", r"\midrule", r"\bottomrule") if rule in lines] == [
        r"\toprule", r"\midrule", r"\bottomrule",
    ]  # fmt: skip
