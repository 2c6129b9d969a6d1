"""Which rows are chosen, what `naba annotate make` writes, and the simulated loop."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from naba import cli
from naba.annotation import selection, simulation
from naba.annotation.project import guideline_of
from naba.data.dataset import load_named
from naba.errors import UserError
from naba.files import shipped

if TYPE_CHECKING:
    from pathlib import Path


def test_uncertain_rows_are_those_of_the_smallest_lead() -> None:
    probabilities = np.array([[0.9, 0.05, 0.05], [0.4, 0.35, 0.25], [0.5, 0.5, 0.0], [0.34, 0.33, 0.33]])
    assert selection.margins(probabilities) == pytest.approx([0.85, 0.05, 0.0, 0.01])
    dataset = load_named("article_stance")
    many = np.full((len(dataset), 4), [0.7, 0.1, 0.1, 0.1])
    many[[50, 7]] = [[0.26, 0.25, 0.25, 0.24], [0.3, 0.25, 0.25, 0.2]]
    assert selection.choose(dataset, "uncertain", 2, [many]).tolist() == [50, 7]


def test_models_that_agree_do_not_diverge() -> None:
    one = np.array([[0.5, 0.5], [1.0, 0.0], [0.9, 0.1]])
    other = np.array([[0.5, 0.5], [0.0, 1.0], [0.6, 0.4]])
    found = selection.divergence([one, other])
    # Certain and opposite: log 2 nats, the most two models can differ.
    assert found == pytest.approx([0.0, np.log(2), found[2]], abs=1e-9)
    assert 0 < found[2] < np.log(2)


def test_a_repeated_text_is_chosen_once(tmp_path: Path, monkeypatch) -> None:
    rows = [f"{number},خبرٌ واحد,{label}" for number, label in enumerate("ab" * 10)] + ["x,نبأ آخر,a"]
    (tmp_path / "own.csv").write_text("id,text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["data", "new", "own.csv"]) == 0
    dataset = load_named("own")
    assert sorted(dataset.ids(selection.choose(dataset, "random", 10, seed=1))) == ["0", "x"]


def test_diverse_rows_come_from_different_topics(tmp_path: Path, monkeypatch) -> None:
    rows = [f"فاز المنتخب في المباراة {i} بهدف,{'ab'[i % 2]},sport" for i in range(100)]
    rows += [f"هبط سعر النفط الخام إلى {i} دولارا,{'ab'[i % 2]},oil" for i in range(50)]
    (tmp_path / "own.csv").write_text("text,label,topic\n" + "\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["data", "new", "own.csv"]) == 0
    dataset = load_named("own")
    chosen = selection.choose(dataset, "diverse", 2, seed=0)
    assert len(set(chosen.tolist())) == 2
    assert {row >= 100 for row in chosen.tolist()} == {True, False}
    # The largest cluster comes first, so that who stops early has seen the most common texts.
    assert chosen[0] < 100


def test_random_order_hangs_on_the_seed_and_the_ids_alone() -> None:
    dataset = load_named("article_stance")
    first, again, other = (selection.shuffled(dataset, seed).tolist() for seed in (1, 1, 2))
    assert first == again != other
    assert sorted(first) == list(range(len(dataset)))


@pytest.mark.parametrize(("by", "count", "message"), [
    ("uncertein", 0, "did you mean 'uncertain'"), ("uncertain", 0, "needs the answers of 1 model, and has 0"),
    ("disagree", 1, "needs the answers of 2 models, and has 1"),
])  # fmt: skip
def test_too_few_models_are_said(by: str, count: int, message: str) -> None:
    dataset = load_named("article_stance")
    with pytest.raises(UserError, match=message):
        selection.choose(dataset, by, 3, [np.full((190, 4), 0.25)] * count)


def test_the_guideline_is_that_of_the_task_and_the_file_as_it_was_given() -> None:
    stance = guideline_of("stance", ["agree", "disagree", "discuss", "unrelated"])
    assert stance.startswith("## 2. Stance")
    assert "no_claim" not in stance
    assert guideline_of("claim_type", ["quantity", "event"]).startswith("## 1. Claim type")
    # Labels that it does not explain, and tasks that it is not about.
    assert guideline_of("stance", ["agree", "disagree", "other"]) == ""
    assert guideline_of("veracity", ["true", "false"]) == ""
    assert (shipped("data") / "annotation" / "GUIDELINE.md").is_file()


@pytest.mark.parametrize("by", ["uncertain", "disagree", "suspects", "diverse", "random"])
def test_make_writes_a_project_of_the_embedded_corpus(by: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "round"
    command = ["annotate", "make", "article_stance", "--split", "test", "-n", "5", "--by", by, "--out", str(out)]
    assert cli.main(command) == 0
    assert f"5 of 190 rows of article_stance, chosen by {by}" in capsys.readouterr().out
    project = json.loads((out / "project.json").read_text(encoding="utf-8"))
    assert len({row["id"] for row in project["rows"]}) == 5
    assert bool(project["rows"][0]["suggestion"]) == (by in {"uncertain", "disagree", "suspects"})
    assert {path.name for path in out.iterdir()} == {
        "project.json", "annotate.html", "label_studio.xml", "label_studio_tasks.json",
    }  # fmt: skip
    assert cli.main(command) == 2
    assert "already holds a project" in capsys.readouterr().err


def test_make_from_a_file_of_new_texts(tmp_path: Path, store: Path, capsys) -> None:
    file = tmp_path / "tweets.csv"
    file.write_text(
        "id,claim,body\n" + "".join(f"t{i},ادعاء {i // 3},خبر {i} عن النفط\n" for i in range(9)), encoding="utf-8"
    )
    command = ["annotate", "make", str(file), "--text", "body", "--out", str(tmp_path / "a"), "--target", "claim"]
    assert cli.main([*command, "--by", "random"]) == 2
    assert "which labels are there to choose among?" in capsys.readouterr().err
    assert cli.main([*command, "--by", "random", "--scheme", "synthetic_stance", "-n", "4"]) == 0
    project = json.loads((tmp_path / "a" / "project.json").read_text(encoding="utf-8"))
    assert (project["task"], project["pair"], next(iter(project["labels"]))) == ("stance", True, "agree")
    assert project["guideline"].startswith("## 2. Stance")
    assert {row["id"] for row in project["rows"]} < {f"t{i}" for i in range(9)}
    quick = ["model.characters_to=0", "evaluation.resamples=50", "tracking.figures=false"]
    assert cli.main(["train", "dataset=synthetic_stance", "model=tfidf_nb", *quick]) == 0
    capsys.readouterr()
    command[command.index(str(tmp_path / "a"))] = str(tmp_path / "b")
    assert cli.main([*command, "--by", "uncertain", "--model", "tfidf_nb characters_to=0 synthetic_stance seed 0"]) == 0
    project = json.loads((tmp_path / "b" / "project.json").read_text(encoding="utf-8"))
    assert project["labels"]["agree"] == "تأييد"
    confident = [row["confidence"] for row in project["rows"]]
    assert all(0 < value <= 1 for value in confident)
    assert cli.main(["annotate", "make", str(file), "--text", "body", "--out", str(tmp_path / "c"), "--model",
                     "tfidf_nb characters_to=0 synthetic_stance seed 0"]) == 2  # fmt: skip
    assert "reads pairs: --target COLUMN" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "message"), [
    (["mak"], "did you mean 'make'"),
    (["make", "artcle_stance", "--out", "x"], "did you mean 'article_stance'"),
    (["make", "article_stance", "--by", "randon", "--out", "x"], "did you mean 'random'"),
    (["simulate", "synthetic_claim_type", "--by", "suspects"], "unknown way to choose 'suspects'"),
    (["simulate", "synthetic_claim_type", "--rounds", "40"], "are to be labelled in the last round"),
])  # fmt: skip
def test_wrong_commands_are_said_in_one_message(arguments, message, capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["annotate", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_the_simulated_loop_draws_curves_that_end_where_training_does(tmp_path: Path, capsys) -> None:
    document = tmp_path / "curves.html"
    assert cli.main(["annotate", "simulate", "synthetic_claim_type", "--model", "tfidf_nb", "--start", "60", "--batch",
                     "60", "--rounds", "2", "--seeds", "2", "--html", str(document)]) == 0  # fmt: skip
    output = capsys.readouterr().out
    assert "Less random choice" in output
    lines = [line.split() for line in output.splitlines() if line.strip()[:3] in {"60 ", "120", "180"}]
    assert [line[0] for line in lines] == ["60", "120", "180"]
    # Both begin with the same random rows.
    assert lines[0][1] == lines[0][4]
    page = document.read_text(encoding="utf-8")
    assert page.count("<polyline") == 2
    assert page.count("<polygon") == 2


@pytest.mark.parametrize(("values", "said"), [
    ([0.02, 0.03, 0.025, 0.03], "better than random"), ([-0.02, -0.03, -0.025], "worse than random"),
    ([0.05, -0.04, 0.01], "no better than random, as far as seen"), ([0.2], "one seed says nothing"),
])  # fmt: skip
def test_the_verdict_is_that_of_the_interval(values, said) -> None:
    assert simulation.verdict(simulation.interval(np.array(values))) == said


def test_the_interval_is_students() -> None:
    from scipy import stats

    values = np.array([0.1, 0.3, 0.2, 0.4])
    expected = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert simulation.interval(values)[1:] == pytest.approx(expected)
