"""Drift: no alarm where nothing changed, an alarm where something did, and estimates that can be checked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from naba import cli
from naba.annotation.out_of_fold import part as part_of_rows
from naba.annotation.out_of_fold import with_column
from naba.data.dataset import load_named
from naba.drift import labels, part, permutation, texts
from naba.errors import UserError
from naba.evaluation.predictions import Predictions

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("a", "b", "c")


def predictions(gold, predicted, groups=None) -> Predictions:
    names = np.array(NAMES, dtype=object)
    probabilities = np.eye(3)[predicted]
    return Predictions([f"r{i}" for i in range(len(gold))], names[gold], names[predicted], probabilities, NAMES, groups)


def test_the_p_value_of_a_small_table_is_the_exact_one() -> None:
    # Four old rows and two new ones, all new ones above: 1 of 15 ways to choose two of six has an area of 1.
    table = np.column_stack([np.arange(1, 7), np.ones(6)])
    value, p = permutation.p_value(table, np.arange(6), np.array([0, 0, 0, 0, 1, 1]), permutation.area, 20_000)
    assert value == 1
    assert p == pytest.approx(1 / 15, abs=0.006)


def test_blocks_change_sides_whole() -> None:
    # Each side is one block of thirty equal rows: both ways to deal two blocks are seen, so nothing is rare.
    table = np.column_stack([np.r_[np.zeros(30), np.ones(30)], np.ones(60)])
    side = np.repeat([0, 1], 30)

    def mean(old, new):
        return new[..., 0] / new[..., 1] - old[..., 0] / old[..., 1]

    assert permutation.p_value(table, side, side, mean)[1] == pytest.approx(0.5, abs=0.05)
    assert permutation.p_value(table, np.arange(60), side, mean)[1] < 0.001


def test_the_chi_squared_statistic_is_scipys() -> None:
    from scipy.stats import chi2_contingency

    old, new = np.array([40.0, 30, 0, 30]), np.array([10.0, 30, 0, 5])
    expected = chi2_contingency(np.array([old, new])[:, [0, 1, 3]], correction=False).statistic
    assert permutation.chi_squared(old, new) == pytest.approx(expected)


@pytest.fixture(scope="module")
def halves():
    """Training rows of the embedded claims, their groups dealt at random into old and new, 24 times."""
    dataset = load_named("synthetic_claim_type")
    rows = dataset.indices("train")
    groups = dataset.column("group", rows)
    names = np.array(sorted(set(groups)), dtype=object)
    dealt = []
    for seed in range(24):
        new = np.isin(groups, names[np.random.default_rng(seed).permutation(len(names))[: len(names) // 2]])
        dealt.append((part.of("old", dataset, rows[~new]), part.of("new", dataset, rows[new])))
    return dealt


def test_without_a_change_p_values_below_a_tenth_are_a_tenth(halves) -> None:
    found = [texts.two_sample(old, new, seed, 500) for seed, (old, new) in enumerate(halves)]
    # Binomial(24, .1): 8 or more happens in 0.2 % of series of a right test.
    assert sum(one.p_value < 0.1 for one in found) < 8
    assert 0.45 < np.mean([one.area for one in found]) < 0.55


def test_intervals_of_lengths_and_unknown_words_hold_zero_where_nothing_changed(halves) -> None:
    sure = np.array(
        [[change.sure for change in texts.changes(old, new, seed)] for seed, (old, new) in enumerate(halves)]
    )
    # Of 24 intervals of 95 %, 5 or more leave zero out in 1 % of series.
    assert (sure.sum(axis=0) < 6).all()


def test_topics_that_both_sides_have_are_compared_row_by_row() -> None:
    """Two topics, each on both sides: as blocks they would leave one to learn from and one to test on."""
    dataset = load_named("synthetic_claim_type")
    rows = dataset.indices("train")[:400]
    groups = [f"topic {row % 2}" for row in range(400)]
    dataset = with_column(part_of_rows(dataset, rows), "group", groups)
    old, new = (part.of(name, dataset, np.arange(start, 400, 4)) for start, name in ((0, "old"), (1, "new")))
    assert len(set(old.blocks)) == 1
    both = [part.of(name, dataset, np.sort(np.r_[np.arange(start, 400, 4), np.arange(start + 1, 400, 4)]))
            for start, name in ((0, "old"), (2, "new"))]  # fmt: skip
    found = texts.two_sample(both[0], both[1], 0, 200)
    assert found.trained == found.tested == 200
    with pytest.raises(UserError, match="rows of one group stay together"):
        texts.two_sample(old, new)


def test_a_choice_of_many_rows_keeps_the_topics_that_both_sides_have() -> None:
    """More rows than are looked at: choosing whole topics of one side would itself make a difference of topics."""
    dataset = load_named("synthetic_claim_type")
    rows = np.flatnonzero(np.isin(dataset.column_values("domain"), ["sport", "economy", "health", "politics"]))
    dataset = part_of_rows(dataset, rows)
    dataset = with_column(dataset, "group", dataset.column_values("domain").tolist())
    places = np.random.default_rng(0).permutation(len(dataset))
    new, old = (
        part.of(name, dataset, np.sort(chosen)) for name, chosen in (("new", places[:200]), ("old", places[200:]))
    )
    chosen = texts.sampled(part.blocks_of(old, new)[0], 0, 200)
    counts = np.unique(old.sources["domain"][chosen], return_counts=True)[1]
    assert len(counts) == 4
    assert counts.min() > 30


def test_two_domains_are_told_apart_and_their_words_named() -> None:
    dataset = load_named("synthetic_claim_type")
    domain = dataset.column_values("domain")
    sport, economy = (part.of(name, dataset, np.flatnonzero(domain == name)) for name in ("sport", "economy"))
    found = texts.two_sample(sport, economy)
    assert found.area > 0.75
    assert found.p_value < 0.001
    words = {one.word: one.z for one in texts.telling_words(sport, economy)}
    assert max(words["الاتحاد"], words["الدوري"]) < -1.96 < 1.96 < words["وزاره"]
    sources = texts.telling_sources(sport, economy)
    assert {(one.value, one.old, one.new) for one in sources if one.column == "domain"} == {
        ("sport", 1, 0),
        ("economy", 0, 1),
    }


def test_label_shares_come_out_of_a_classifier_that_errs() -> None:
    generator = np.random.default_rng(2)
    rates = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]])

    def said(gold):
        return np.array([generator.choice(3, p=rates[label]) for label in gold])

    gold = generator.choice(3, 3000, p=[0.6, 0.3, 0.1])
    truth = np.array([0.2, 0.3, 0.5])
    new = said(generator.choice(3, 3000, p=truth))
    found = labels.estimated(predictions(gold, said(gold)), new, np.arange(3000))
    assert found.p_value < 0.001
    for one, share in zip(found.shares, truth, strict=True):
        assert one.low <= share <= one.high
        assert one.high - one.low < 0.15
    # What is predicted is far from the truth, which is why it is corrected.
    assert abs(found.shares[2].predicted - 0.5) > 0.1
    exact = labels.solve(np.diag([60.0, 30, 10]) @ rates, truth @ rates)
    assert exact == pytest.approx(truth, abs=1e-6)


def test_unchanged_labels_raise_no_alarm_and_few_rows_are_said() -> None:
    generator = np.random.default_rng(4)
    gold = generator.choice(3, 500, p=[0.6, 0.38, 0.02])
    found = labels.estimated(predictions(gold, gold), generator.choice(3, 500, p=[0.6, 0.38, 0.02]), np.arange(500))
    assert found.p_value > 0.01
    assert any("fewer than 20 old rows of c" in note for note in found.notes)
    blind = labels.estimated(predictions(gold, np.zeros(500, dtype=int)), np.zeros(200, dtype=int), np.arange(200))
    assert any("cannot tell some labels apart" in note for note in blind.notes)


def sheet(path: Path, topic: str, rows: int = 60) -> Path:
    lines = [
        f"خبر رقم {i} عن {topic} في المدينة {i % 7},{('a', 'b')[i % 2]},{('x', 'y')[i % 3 == 0]}" for i in range(rows)
    ]
    path.write_text("text,label,outlet\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_exit_codes_for_a_cron_job(tmp_path: Path, capsys) -> None:
    old = sheet(tmp_path / "old.csv", "أسعار النفط")
    assert cli.main(["drift", str(old), str(old), "--label", "label"]) == 0
    assert "no drift found in the text and the labels" in capsys.readouterr().out
    new, document = sheet(tmp_path / "new.csv", "كأس العالم"), tmp_path / "drift.html"
    assert cli.main(["drift", str(old), str(new), "--source", "outlet", "--html", str(document)]) == 3
    output = capsys.readouterr().out
    assert "drift: the text changed" in output
    assert re.search(r"outlet\s+x", output)
    page = document.read_text(encoding="utf-8")
    assert "كاس" in page
    assert not re.search(r"<script|(?:src|href)=", page)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["synthetic_stence", "article_stance"], "did you mean 'synthetic_stance'"),
        (["synthetic_stance:trian", "article_stance"], "did you mean 'train'"),
        (["synthetic_stance:domain=sports", "article_stance"], "no row of synthetic_stance has domain=sports"),
        (["synthetic_stance:domein=sport", "article_stance"], "did you mean 'domain'"),
        (["article_stance:sentence=s01", "synthetic_stance"], "at least 40 are needed"),
        (["article_stance", "synthetic_stance", "--alpha", "5"], "expected a number between 0 and 1"),
        (["article_stance", "synthetic_stance", "--source", "outlet"], "--source: unknown column 'outlet'"),
    ],
)
def test_wrong_input_is_said_in_one_message(arguments, message, capsys) -> None:
    assert cli.main(["drift", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_labels_of_new_texts_by_a_run_that_has_not_learned_the_old_ones(store, capsys) -> None:
    quick = ["model.characters_to=0", "evaluation.resamples=50", "tracking.figures=false"]
    assert cli.main(["train", "dataset=synthetic_stance", "model=tfidf_nb", *quick]) == 0
    run = "tfidf_nb characters_to=0 synthetic_stance seed 0"
    capsys.readouterr()
    assert cli.main(["drift", "synthetic_stance:train", "article_stance", "--model", run]) == 2
    assert "has learned from 1664 of the 1664 rows" in capsys.readouterr().err
    assert cli.main(["drift", "synthetic_stance:test", "article_stance", "--model", run]) == 3
    output = capsys.readouterr().out
    assert "estimated" in output
    assert "supposes that texts of one label look as they did" in output
    assert cli.main(["drift", "synthetic_claim_type", "synthetic_claim_type", "--model", run]) == 2
    assert "reads pairs" in capsys.readouterr().err


@pytest.mark.mirror
@pytest.mark.slow
def test_eid_and_the_next_week(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two weeks of Saudi newspapers: Eid al-Fitr was on 17 July 2015."""
    monkeypatch.setenv("NABA_MIRROR", str(mirror))
    dataset = load_named("saudinewsnet")
    days = np.array([value[:10] for value in dataset.column_values("date")])
    old, new = (part.of(day, dataset, np.flatnonzero(days == day)) for day in ("2015-07-21", "2015-08-07"))
    gone = {one.word for one in texts.telling_words(old, new) if one.z < 0}
    assert {"عيد", "الفطر"} <= gone
