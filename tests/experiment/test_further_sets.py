"""A finished run is scored on further data sets with its kept model, instead of being trained again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from compositions import compose
from naba import cli, tracking
from naba.config import overrides as command_line
from naba.errors import UserError
from naba.experiment import run as train

if TYPE_CHECKING:
    from naba.experiment.job import Outcome


QUICK = ("evaluation.resamples=50", "tracking.figures=false")
NB = ("model=tfidf_nb", "model.words=1", "model.characters_to=0")


def run(*overrides: str) -> Outcome:
    return train.run(compose([*overrides, *QUICK]))


def test_a_finished_run_gains_a_section_and_answers_there_as_if_trained_for_it(
    store: object, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(*NB)
    # The set that is trained on may be named, so that one list serves a sweep over data sets.
    again = run(*NB, "evaluation.also=[synthetic_stance,article_stance]")
    assert (first.status, again.status, again.run) == ("trained", "found", first.run)
    assert set(again.scores) == {"validation", "test", "article_stance"}
    kept = tracking.find(first.run)
    assert kept.sections == ("validation", "test", "article_stance")
    assert kept.has_predictions()
    forced = run(*NB, "evaluation.also=[article_stance]", "force=true")
    assert forced.status == "trained"
    retrained = tracking.find(forced.run)
    for section in kept.sections:
        one, other = kept.predictions(section), retrained.predictions(section)
        assert list(one.predicted) == list(other.predicted)
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-9)
        assert kept.scores(section).keys() == retrained.scores(section).keys()
    assert again.score("article_stance") == forced.score("article_stance")
    assert run(*NB, "evaluation.also=[article_stance]").status == "found"
    assert cli.main(["compare", "--transfer", "--markdown", "--resamples", "50"]) == 0
    assert "| synthetic_stance" in capsys.readouterr().out


@pytest.mark.slow  # with another model: tests/experiment/test_train.py
def test_a_run_without_its_model_is_trained_again(store: object) -> None:
    first = run(*NB, "tracking.log_model=false")
    again = run(*NB, "tracking.log_model=false", "evaluation.also=[article_stance]")
    assert (again.status, again.run == first.run) == ("trained", False)


def test_a_set_of_another_task_is_scored_where_a_label_map_says_how() -> None:
    with pytest.raises(UserError, match="no label_map of either says"):
        run("model=majority", "evaluation.also=[article_claim_type]")
    assert command_line.compose(["evaluation.also=[arentail]"]) is not None


OWN = "id,text,label,part\n" + "".join(f"{row},خبر رقم {row},{'ab'[row % 2]},{{}}\n" for row in range(40))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["evaluation.also=[without_test]"], "dataset 'without_test' has no test rows"),
        (["evaluation.also=[trained_on]"], "are in the training part of"),
        (["evaluation.also=[other_labels]"], "do not match: z of other_labels have no place"),
        (["evaluation.metrics=[macro_f1_per_target]"], "group"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_the_training(
    overrides: list[str], said: str, store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """An hour of training was lost to each of these."""
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text(OWN.replace(",part", "").replace(",{}", ""), encoding="utf-8")
    Path("without_test.csv").write_text(OWN.format(*["train"] * 40), encoding="utf-8")
    Path("trained_on.csv").write_text(OWN.format(*["test"] * 40), encoding="utf-8")
    other = OWN.format(*["test"] * 40).replace("خبر", "نبأ").replace(",a,", ",z,")
    Path("other_labels.csv").write_text(other, encoding="utf-8")
    for name in ("without_test", "trained_on", "other_labels"):
        assert cli.main(["data", "new", f"{name}.csv"]) == 0
    trained: list[str] = []
    monkeypatch.setattr(train, "_fit", lambda job, model, split: trained.append(job.name))
    command = ["train", "dataset=file", "dataset.path=mine.csv", "model=majority", "evaluation.resamples=20"]
    assert cli.main([*command, *overrides]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert trained == []


def test_more_scoring_than_a_run_can_keep_is_refused_before_the_training(
    store: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was cut off could not be read, so that the same command would train again, for ever."""
    command = ["train", "dataset=synthetic_stance", "model=majority", *QUICK]
    for size, code in ((65, 0), (70, 2), (65, 0)):
        mapped = ",".join(f"{number:02d}{'x' * 70}:agree" for number in range(size))
        assert cli.main([*command, f"++dataset.label_map={{{mapped}}}"]) == code
    assert "it would not be found again" in capsys.readouterr().err
    assert len(tracking.search(finished=False)) == 1


def test_compare_refuses_pages_of_what_has_none(store: object, capsys: pytest.CaptureFixture[str]) -> None:
    run("model=majority")
    assert cli.main(["compare", "--stress"]) == 2
    assert "none of these runs was stressed" in capsys.readouterr().err
    assert cli.main(["compare", "--stress", "--html", "x.html"]) == 2
    assert "--html goes with" in capsys.readouterr().err
    assert cli.main(["compare", "--transfer"]) == 2
    assert "transfer_stance" in capsys.readouterr().err
