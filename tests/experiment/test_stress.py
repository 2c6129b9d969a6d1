"""`naba stress`: exact zeros, flips known by hand, what a run keeps, and what is refused."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from naba import cli, tracking
from naba.arabic.perturb import PERTURBERS, Perturber
from naba.config import overrides as command_line
from naba.evaluation.predictions import Predictions, objects
from naba.evaluation.stress import StressReport, measure
from naba.evaluation.stress.page import page
from naba.experiment import run as train
from naba.experiment import stress
from store_copies import copy_store, home_with_store

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ("agree", "disagree")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Path, dict[str, str]]:
    """A home with a pair model without and with a profile, one of single texts, and one without its model."""
    home, made = tmp_path_factory.mktemp("stressed"), {}
    with home_with_store(empty_store, home):
        for name, overrides in {
            "none": ["model=tfidf_nb", "model.characters_to=3", "normalisation=none"],
            "news": ["model=tfidf_nb", "model.characters_to=3"],
            "single": ["model=tfidf_nb", "model.characters_to=0", "dataset=synthetic_claim_type"],
            "lost": ["model=majority", "tracking.log_model=false"],
        }.items():
            quick = ["evaluation.resamples=50", "tracking.figures=false"]
            made[name] = train.run(command_line.compose([*overrides, *quick])).run
    return home, made


@pytest.fixture
def runs(trained: tuple[Path, dict[str, str]], own_home: Path) -> dict[str, str]:
    copy_store(trained[0] / "mlflow.db", own_home)
    return trained[1]


def test_answers_are_counted_by_hand_and_identity_is_exactly_zero() -> None:
    texts = ["نعم", "لا", "نعم نعم", "لا"]

    def answer(given: list[str], targets: list[str]) -> tuple[Any, Any]:
        # Says agree where the text begins with ن and has no hash.
        agree = np.array([text.startswith("ن") and "#" not in text for text in given])
        return objects([LABELS[0 if one else 1] for one in agree]), np.column_stack([agree, ~agree]).astype(float)

    answers = measure.Answers(answer, LABELS)
    labels, probabilities = answers.of(texts, [""] * 4)
    clean = Predictions(
        ["a", "b", "c", "d"], ["agree", "disagree", "disagree", "disagree"], labels, probabilities, LABELS
    )
    test = measure.Stress(measure.Rows(texts, [""] * 4, clean), answers, "accuracy", resamples=200)

    same = Perturber("same", "kept", lambda text, random: text)
    assert test.effect(same) is None
    alike = Perturber("alike", "kept", lambda text, random: text + " ")
    found = test.effect(alike)
    assert found is not None
    assert (found.flips.value, found.flips.low, found.flips.high, found.flips.count, found.flips.n) == (0, 0, 0, 0, 4)
    assert found.drop is not None
    assert (found.drop.value, found.drop.low, found.drop.high) == (0, 0, 0)

    marked = test.effect(Perturber("marked", "noise", lambda text, random: text.replace("نعم", "نعم #", 1)))
    assert marked is not None
    assert (marked.rows, marked.flips.value, marked.flips.count) == (2, 1.0, 2)
    assert marked.labels == {"agree": (1, 1), "disagree": (1, 1)}
    assert marked.moves == [("agree", "disagree", 2)]
    # One right answer was lost, and one wrong one is right now.
    assert marked.drop is not None
    assert marked.drop.value == pytest.approx(0)
    assert marked.survives == {"nfkc": 1.0, "profile": 1.0}

    # Only what was right counts where the meaning is changed: the third row was wrong before.
    changed = test.effect(Perturber("other", "changed", lambda text, random: text.replace("نعم", "لا")))
    assert changed is not None
    assert (changed.rows, changed.flips.value, changed.drop) == (1, 1.0, None)
    assert changed.examples == []


def test_a_model_without_a_profile_flips_and_one_with_news_does_not(
    runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["stress", runs["none"], runs["news"], "--only", "kept", "--csv", "--resamples", "100"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    without = {row["perturbation"]: row for row in rows if row["run"] == runs["none"]}
    flips = {row["perturbation"]: float(row["flips"]) for row in rows if row["run"] == runs["news"]}
    assert len(flips) == 15
    assert set(flips.values()) == {0.0}
    assert float(without["diacritics"]["flips"]) > 0.2
    assert float(without["diacritics"]["flips_low"]) <= float(without["diacritics"]["flips"])
    # The stroke survives NFKC and falls to the profile; shaped forms fall to NFKC.
    assert [without["tatweel"][f"survives_{name}"] for name in ("nfkc", "profile")] == ["1.0", "0.0"]
    assert [without["presentation_forms"][f"survives_{name}"] for name in ("nfkc", "profile")] == ["0.0", "0.0"]
    assert without["presentation_forms"]["flips_after_nfkc"] == "0.0"


def test_a_run_keeps_its_report_its_page_and_its_metrics(runs: dict[str, str], tmp_path: Path) -> None:
    assert cli.main(["stress", runs["none"], "--resamples", "50", "--html", str(tmp_path / "page.html")]) == 0
    run = tracking.find(runs["none"])
    report = stress.kept(run)
    assert report is not None
    assert StressReport.read(run.file(stress.REPORT)) == report
    assert run.metrics["stress/flips/diacritics"] == report.effects[0].flips.value
    assert run.file(stress.PAGE).read_text(encoding="utf-8") == (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "does not hold" in report.verdict
    assert {effect.kind for effect in report.effects} == {"kept", "noise", "changed"}
    # What is read in a run before it was stressed is still read.
    assert run.scores("test")


def test_a_page_holds_no_markup_of_a_text(runs: dict[str, str]) -> None:
    report = stress.stress(tracking.find(runs["none"]), stress.Settings(["html_entities"], rows=40, resamples=20))
    effect = report.effects[0]
    evil = stress.replace(effect.examples[0], perturbed_text="</script><b>نعم")
    made = page(stress.replace(report, effects=[stress.replace(effect, examples=[evil])], name="<i>run</i>"))
    assert "</script><b>" not in made
    assert "<i>run" not in made
    assert re.findall(r"(?:src|href)=\"(?!#)", made) == []


def test_single_texts_have_no_stance_to_overturn(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stress", runs["single"], "--rows", "20", "--resamples", "50", "--markdown"]) == 0
    out = capsys.readouterr().out
    assert "### changed" not in out
    assert "left out" in out
    assert "20 rows are few" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{none}", "--only", "diacritcs"], "did you mean 'diacritics'"),
        (["{none}", "--section", "tset"], "did you mean 'test'"),
        (["{single}", "--only", "changed"], "single texts"),
        (["{single}", "--side", "target"], "single texts"),
        (["{lost}"], "no model"),
        (["{none}", "--rows", "0"], "from 1"),
        (["{none}", "--only", "cut", "--rows", "3"], "none of these perturbations changes any"),
        ([], "a run is missing"),
        (["{none}", "{news}", "--html", "x.html"], "2 runs are named"),
        (["nothing"], "no run 'nothing'"),
    ],
)
def test_bad_input_gets_one_message(
    arguments: list[str], said: str, runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["stress", *(one.format(**runs) for one in arguments)]) == 2
    assert said in capsys.readouterr().err


def test_a_damaged_report_says_how_to_make_another(runs: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"format": 1, "effects": [{', encoding="utf-8")
    with pytest.raises(stress.UserError, match="naba stress RUN makes it again"):
        StressReport.read(tmp_path / "report.json")


def test_a_damaged_report_stops_its_own_line_only(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("none", "news"):
        assert cli.main(["stress", runs[name], "--only", "hashtags,diacritics", "--resamples", "20"]) == 0
    capsys.readouterr()
    tracking.find(runs["none"]).file(stress.REPORT).write_text("{", encoding="utf-8")
    assert cli.main(["compare", "--stress", "--resamples", "20"]) == 0
    printed, said = capsys.readouterr()
    assert "tfidf_nb" in printed
    assert "not shown: " in said
    assert "naba stress RUN makes it again" not in printed


def test_the_list_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stress", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in PERTURBERS)
