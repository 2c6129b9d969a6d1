"""Suspicious labels: against cleanlab, against planted errors, and as a person asks for them."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from naba import cli
from naba.annotation import out_of_fold, suspects
from naba.data import splits
from naba.data.dataset import load_named

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def noisy():
    """Labels and out-of-fold-like probabilities of 400 rows, a tenth of them wrong; `rare` has three rows."""
    generator = np.random.default_rng(3)
    gold = generator.choice(4, size=400, p=[0.5, 0.3, 0.1925, 0.0075])
    probabilities = generator.dirichlet([0.6] * 4, size=400)
    probabilities[np.arange(400), gold] += 1.2
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    given = gold.copy()
    wrong = generator.permutation(400)[:40]
    given[wrong] = (given[wrong] + 1 + generator.integers(0, 3, 40)) % 4
    return given, probabilities, wrong


def test_confident_learning_is_that_of_cleanlab(noisy) -> None:
    count = pytest.importorskip("cleanlab.count")
    given, probabilities, _ = noisy
    _, off_diagonal = count.compute_confident_joint(
        given, probabilities, calibrate=False, return_indices_of_off_diagonals=True
    )
    assert len(off_diagonal) > 20
    assert set(np.flatnonzero(suspects.off_diagonal(given, probabilities))) == {int(row) for row in off_diagonal}


def test_the_order_is_that_of_cleanlab_where_no_text_is_near(noisy) -> None:
    rank = pytest.importorskip("cleanlab.rank")
    given, probabilities, wrong = noisy
    nobody = suspects.Neighbours(np.zeros((400, 5), dtype=np.int64), np.zeros((400, 5), dtype=bool))
    order = suspects.ranking(given, probabilities, nobody)
    expected = np.argsort(rank.get_self_confidence_for_each_label(given, probabilities), kind="stable")
    assert order.tolist() == expected.tolist()
    assert np.isin(order[:40], wrong).mean() > 0.5


def test_neighbours_that_contradict_a_label_count_a_tenth() -> None:
    gold = np.array([0, 1, 1, 0])
    probabilities = np.array([[0.5, 0.5], [0.55, 0.45], [0.5, 0.5], [0.44, 0.56]])
    rows = np.array([[1, 2], [2, 0], [1, 0], [0, 1]])
    near = suspects.Neighbours(rows, np.array([[True, True], [True, False], [False, False], [False, False]]))
    assert near.against(gold).tolist() == [2, 0, 0, 0]
    # Row 0: 0.5 - 0.1, below row 3 (0.44) and row 1 (0.45), whose only near text agrees with it.
    assert suspects.ranking(gold, probabilities, near).tolist() == [0, 3, 1, 2]


def test_repetitions_with_two_labels_are_told_with_the_other_label(tmp_path: Path, monkeypatch) -> None:
    rows = [
        f"{i},خبر عن {topic} رقم {i},{label}"
        for i, (topic, label) in enumerate([("النفط", "a"), ("كرة القدم", "b")] * 20)
    ]
    rows += ["x1,إعلان مهم عن النفط,a", "x2,إعلانٌ مهمّ عن النفط,b"]
    (tmp_path / "own.csv").write_text("id,text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["data", "new", "own.csv"]) == 0
    dataset = load_named("own")
    found = suspects.conflicts(dataset)
    assert {dataset.column_values("id")[row]: other for row, other in found.items()} == {"x1": "b", "x2": "a"}
    # Repetitions share a fold, so that a model is never asked about a text it has learnt.
    chosen = out_of_fold.part(dataset, np.arange(len(dataset)))
    assert len(set(chosen.column_values("group")[-2:])) == 1


def test_planted_errors_are_found_far_above_chance() -> None:
    job = out_of_fold.job_of("synthetic_claim_type", "tfidf_nb")
    dataset = out_of_fold.part(job.dataset, np.arange(0, len(job.dataset), 3))
    probabilities = out_of_fold.out_of_fold(job, dataset, 2)
    found = list(suspects.measure_planted(job, dataset, probabilities, [0.1], seeds=1, folds=2))
    assert [one.kind for one in found] == ["symmetric", "confusion"]
    assert [one.planted for one in found] == [round(0.1 * len(dataset))] * 2
    # A tenth by chance; errors that the model itself would make are harder to see.
    assert [one.precision > limit for one, limit in zip(found, (0.4, 0.2), strict=True)] == [True, True]
    assert [one.first > limit for one, limit in zip(found, (0.6, 0.4), strict=True)] == [True, True]


def test_errors_by_confusion_follow_the_model() -> None:
    dataset = load_named("article_stance")
    probabilities = np.tile([0.1, 0.0, 0.2, 0.7], (len(dataset), 1))
    wrong, which = suspects.plant(dataset, 0.2, "confusion", 1, probabilities)
    assert which.sum() == 38
    before, after = dataset.column_values("label")[which], wrong.column_values("label")[which]
    assert (before != after).all()
    assert "disagree" not in set(after)
    assert (wrong.column_values("label")[~which] == dataset.column_values("label")[~which]).all()


@pytest.mark.slow
def test_rows_of_other_parts_are_scored_by_a_model_of_the_training_rows() -> None:
    job = out_of_fold.job_of("synthetic_stance", "tfidf_nb")
    dataset, probabilities = out_of_fold.unseen(job, "test")
    assert dataset.column_values("id").tolist() == job.dataset.ids(job.dataset.indices("test")).tolist()
    split = splits.Split(job.dataset.indices("train"), splits.EMPTY, job.dataset.indices("test"), "")
    assert np.array_equal(probabilities, out_of_fold.fitted(job, job.dataset, split))


def test_the_command_prints_writes_and_repairs_nothing(tmp_path: Path, capsys) -> None:
    sheet, document = tmp_path / "s.csv", tmp_path / "s.html"
    arguments = ["data", "suspects", "article_stance", "--split", "test", "-n", "4", "--folds", "2"]
    assert cli.main([*arguments, "--csv", str(sheet), "--html", str(document)]) == 0
    output = capsys.readouterr()
    assert "labels that tfidf_logreg doubts" in output.out
    assert "would favour that model" in output.err
    with sheet.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    assert all(row["reasons"] for row in rows)
    page = document.read_text(encoding="utf-8")
    assert page.count('class="example"') == 4
    assert rows[0]["text"] in page
    assert not re.search(r"<script|(?:src|href)=", page)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ans_stanse"], "did you mean 'ans_stance'"),
        (["article_stance"], "article_stance has no train rows"),
        (["article_stance", "--split", "test", "--plant", "0.9"], "expected shares above 0 and at most 0.5"),
        (["article_stance", "--split", "test", "--folds", "1"], "--folds takes 2 or more"),
        (["article_stance", "--split", "test", "--folds", "90"], "too few for 90 folds"),
        (["saudinewsnet"], "no labels"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_message(arguments, message, capsys) -> None:
    assert cli.main(["data", "suspects", *arguments]) == 2
    assert message in capsys.readouterr().err
