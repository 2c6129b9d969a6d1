"""`naba compare` and `naba show` as a person uses them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from naba import cli, config, tracking
from naba.config import overrides as command_line
from naba.errors import UserError
from naba.experiment import run as train
from naba.tracking.facts import Facts, Wanted
from store_copies import copy_store, home_with_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Path, list[str]]:
    """A home with four finished runs, made once."""
    home, made = tmp_path_factory.mktemp("trained"), []
    with home_with_store(empty_store, home):
        made += _train()
    return home, made


@pytest.fixture
def runs(trained: tuple[Path, list[str]], own_home: Path) -> list[str]:
    copy_store(trained[0] / "mlflow.db", own_home)
    return trained[1]


def _train() -> list[str]:
    made = []
    for model, seed in (("majority", 0), ("stratified_random", 0), ("stratified_random", 1), ("tfidf_nb", 0)):
        overrides = [f"model={model}", f"seed={seed}", "evaluation.resamples=50"]
        left_out = ["tracking.log_model=false", "tracking.figures=false"]
        made.append(train.run(command_line.compose([*overrides, *left_out])).run)
    return made


def test_compare_groups_seeds_and_puts_the_best_first(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "dataset=synthetic_stance", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[0]["model"] == "tfidf_nb"
    assert {row["model"]: row["seeds"] for row in rows} == {"tfidf_nb": "1", "stratified_random": "2", "majority": "1"}
    for row in rows:
        assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
        assert float(row["train_seconds"]) >= 0
    assert cli.main(["compare", "metric=accuracy", "--markdown"]) == 0
    assert "accuracy |" in capsys.readouterr().out
    assert cli.main(["compare", "section=validation"]) == 0
    assert "synthetic_stance validation" in capsys.readouterr().out


def test_compare_refuses_what_it_does_not_know(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["dataset=synthetic_stanse"], "did you mean 'synthetic_stance'"),
        (["datset=x"], "did you mean 'dataset'"),
        (["metric=f1"], "macro_f1"),
        (["model=nothing"], "no finished runs"),
        (["dataset"], "expected key=value"),
        (["--baseline", "tfidf_nbb"], "did you mean 'tfidf_nb'"),
    ):
        assert cli.main(["compare", *arguments]) == 2
        assert said in capsys.readouterr().err


def test_compare_without_runs_says_how_to_get_some(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare"]) == 2
    assert "naba train" in capsys.readouterr().err


def test_show_prints_scores_confusion_errors_and_the_command(
    runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["show", runs[-1][:10]]) == 0
    output = capsys.readouterr().out
    run = tracking.find(runs[-1])
    assert f"{run.metrics['test/macro_f1']:.3f}" in output
    assert "معارضة" in output
    assert "most confident errors" in output
    assert "again: naba train dataset=synthetic_stance model=tfidf_nb seed=0" in output
    assert cli.main(["show", "nonsense"]) == 2
    assert "no run 'nonsense'" in capsys.readouterr().err


def test_show_of_a_failed_run_says_why_whatever_stands_in_it(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = config.check(command_line.compose(["model=majority"]))
    reason = "no such file: [/data/news] is not [bold]"
    wanted = Wanted("a name [/x]", Facts("abc"), model=False)
    with pytest.raises(UserError), tracking.open_tracker(settings.tracking).run(wanted):
        raise UserError(reason)
    assert cli.main(["show", "a name [/x]"]) == 0
    output = capsys.readouterr().out
    assert f"failed {reason}" in output
    assert "a name [/x]" in output


@pytest.mark.slow
def test_folds_of_a_cross_validation_are_one_cell(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for fold in (1, 2, 3):
        overrides = ["split=kfold", "split.folds=3", f"split.fold={fold}", "model=tfidf_nb"]
        train.run(command_line.compose([*overrides, "evaluation.resamples=50", "tracking.log_model=false"]))
    assert cli.main(["compare", "dataset=synthetic_stance", "--markdown"]) == 0
    output = capsys.readouterr().out
    assert "1 seed × 3 folds" in output
    assert "3 folds" in output
    values = [run.metrics["test/macro_f1"] for run in tracking.search(None, {})]
    assert f"{sum(values) / 3:.3f}" in output


def test_a_pool_has_its_own_board(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def models(*arguments: str) -> list[str]:
        assert cli.main(["compare", "dataset=synthetic_stance", "--csv", *arguments]) == 0
        return [row["model"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]

    everything = models()
    assert models("pool=no_weights") == everything
    assert models("pool=no_weights", "ms_per_row<100000") == everything
    assert models("ms_per_row<100000,train_seconds<100000") == everything
    assert cli.main(["compare", "pool=no_weights", "--markdown"]) == 0
    said = capsys.readouterr().out
    assert "pool no_weights: 3 of 3 systems; ranks, letters and Holm's correction are within it" in said
    assert "rows/s" in said
    assert "cost/1000 rows" in said
    assert cli.main(["compare", "pool=api"]) == 2
    assert "unknown kind of model among these runs 'api' (valid: no_weights)" in capsys.readouterr().err
    assert cli.main(["compare", "value>0.5"]) == 2
    assert "depends on the comparison itself" in capsys.readouterr().err
