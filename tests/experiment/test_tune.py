"""`naba tune`: what is searched, that validation decides, that a study survives, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from compositions import composed
from naba import cli, config, tracking
from naba.config import builders
from naba.errors import Problems, UserError
from naba.experiment import tune, tuned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import optuna

NOTHING_TO_LEARN = {"majority", "stratified_random", "echo", "prompted", "prompted_e5_small"}
IN_DEFAULT = {"majority", "tfidf_nb", "tfidf_logreg", "pair_boosting", "encoder_small", "abstaining", "prompted"}
QUICK = ["evaluation.resamples=20"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Overrides for a small data set whose test rows say the opposite of its validation rows."""
    words = {"up": "ارتفاع", "down": "انخفاض"}
    rows = ["id,text,label,split"]
    for number in range(120):
        label = ("up", "down")[number % 2]
        part = ("train", "validation", "test")[number % 3]
        shown = label if part != "test" else ("down", "up")[number % 2]
        noise = "في السوق" if number % 7 else "كما قال"
        rows.append(f"{number},{words[shown]} سعر {number % 11} {noise},{label},{part}")
    (tmp_path / "prices.csv").write_text("\n".join(rows), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    columns = ["dataset.columns.split=split", "dataset.columns.id=id"]
    return ["dataset=file", f"dataset.path={tmp_path / 'prices.csv'}", *columns, "model=tfidf_nb", *QUICK]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in IN_DEFAULT else pytest.mark.slow) for name in config.names("model")]
)
def test_every_model_of_the_catalogue_that_learns_has_a_search_space_that_its_builder_takes(name: str) -> None:
    model = composed(name).model
    checked, problems = builders.checked(model)
    assert not problems
    assert "search" not in checked, "what may be searched is no part of a trained model"
    assert bool(builders.spaces(model)) == (name not in NOTHING_TO_LEARN)
    if name not in NOTHING_TO_LEARN:
        for option, space in builders.spaces(model).items():
            assert tune._holds(space, tune._value(checked, option)), f"{option}: the default is not in {space}"


def test_a_search_space_is_checked_whole() -> None:
    wrong = {
        "name": "m", "builder": "tfidf_nb",
        "search": {"alpha": {"low": 0, "high": 1, "log": True}, "wrods": [1, 2], "words": {"low": 3, "high": 1},
                   "kind": ["multinomial", "gaussian"], "minimum_count": 3, "characters_to": {"low": 1, "hihg": 3}},
    }  # fmt: skip
    _, problems = builders.checked(wrong)
    said = "\n".join(problems)
    assert "model.search.alpha: a logarithm needs low > 0, got 0" in said
    assert "did you mean 'model.search.words'" in said
    assert "model.search.words: expected low < high, got 3 and 1" in said
    assert "model.search.kind" in said
    assert "'gaussian'" in said
    assert "model.search.minimum_count: expected a list of choices" in said
    assert "did you mean 'model.search.characters_to.high'" in said


def test_a_search_space_is_no_part_of_an_identity() -> None:
    plain = {"name": "m", "builder": "tfidf_nb", "alpha": 0.1}
    assert builders.content(plain) == builders.content({**plain, "search": {"alpha": [0.1, 0.2]}})


def test_ranges_of_ones_own_take_the_place_of_the_yamls(data: list[str]) -> None:
    wanted = tune.prepare(data, {"alpha": [0.01, 0.1], "kind": None, "words": {"low": 1, "high": 2}})
    assert str(wanted.spaces["alpha"]) == "0.01, 0.1"
    assert "kind" not in wanted.spaces
    assert wanted.defaults is None, "0.03 is none of them"
    with pytest.raises(Problems, match=r"did you mean 'model\.search\.alpha'"):
        tune.prepare(data, {"alhpa": [1, 2]})
    with pytest.raises(UserError, match="has nothing to search"):
        tune.prepare([*data[:4], "model=majority"])
    with pytest.raises(UserError, match="say which model"):
        tune.prepare(data[:4])


def test_validation_decides_and_the_winner_is_a_model(
    data: list[str], store: Path, capsys: pytest.CaptureFixture[str], own_home: Path
) -> None:
    command = ["tune", *data, "trials=12", "seeds=2", "search.alpha=[0.03, 100000]", "search.kind=null",
               "search.words=null", "search.characters_to=null", "search.minimum_count=null", "name=mine"]  # fmt: skip
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert "wrote conf/model/mine.yaml" in said
    wanted = tune.prepare(data, {"alpha": [0.03, 100000], "kind": None, "words": None, "characters_to": None,
                                 "minimum_count": None}, trials=12, seeds=2)  # fmt: skip
    found = tuned.Tuned(wanted, tune.open_study(wanted))
    assert found.best.params == {"alpha": 0.03}, "good on validation rows, although bad on test rows"
    runs = {run.id: run for run in tracking.search()}
    for trial in found.complete:
        scores = [runs[name].scores("validation")["macro_f1"].value for name in trial.user_attrs["runs"]]
        assert len(scores) == 2
        assert trial.value == pytest.approx(sum(scores) / 2)
    assert {run.facts.tuned_from for run in runs.values()} == {wanted.study}
    first = runs[found.best.user_attrs["runs"][0]]
    assert first.scores("test")["macro_f1"].value < 0.2
    assert first.scores("validation")["macro_f1"].value > 0.8
    page = (own_home / "tune" / f"{wanted.study}.html").read_text(encoding="utf-8")
    assert "bootstrap bias correction" in page or "cannot be estimated" in page
    # The same command finds its trials done, and the winner trains as the trial did.
    assert cli.main(command) == 0
    again = capsys.readouterr()
    assert "trial " not in again.out.partition("best:")[0]
    assert "takes the place" not in again.err
    assert (
        cli.main(["train", *data[:4], "model=mine", *QUICK, "tracking.figures=false", "tracking.log_model=false"]) == 0
    )
    assert f"run {first.id}" not in capsys.readouterr().out
    # Boards of test rows show the winner, and trials only where they are asked for.
    seen = {}
    for where in ([], ["--trials"], ["section=validation"]):
        assert cli.main(["compare", *where, "--csv", "--resamples", "20"]) == 0
        board = capsys.readouterr()
        seen[" ".join(where)] = len(board.out.splitlines()) - 1
        assert ("left out" in board.err) is (not where)
    assert seen == {"": 1, "--trials": 2, "section=validation": 2}
    (winner,) = [run for run in tracking.search() if not run.facts.tuned_from]
    assert winner.facts.identity == first.facts.identity
    assert winner.scores("test")["macro_f1"].value == first.scores("test")["macro_f1"].value
    assert (config.yaml_path("model", "mine")).read_text(encoding="utf-8").startswith("# Found by naba tune")
    assert cli.main(["tune", *data, "name=tfidf_svm"]) == 2
    assert "there is a model 'tfidf_svm' already" in capsys.readouterr().err
    assert cli.main([*command[:-2], "trials=1", "search.minimum_count=[1, 2]", "name=mine"]) == 0
    assert (
        f"mine.yaml takes the place of another winner: Found by naba tune ({wanted.study}," in capsys.readouterr().err
    )


@pytest.mark.slow
def test_an_option_that_stands_in_no_yaml_is_searched(
    data: list[str], store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    yaml = "name: own\naccepts: [single]\nbuilder: tfidf_nb\nsearch: {alpha: {low: 0.01, high: 0.5}}\n"
    (tmp_path / "conf" / "model" / "own.yaml").write_text(yaml, encoding="utf-8")
    command = ["tune", *data, "model=own", "trials=2", "seeds=1", "tracking.figures=false"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune, "training", lambda overrides, *_, **__: [*overrides, "dataset.path=nowhere.csv"])
        assert cli.main(command) == 2
    capsys.readouterr()
    assert cli.main(command) == 0
    assert "the model as it was" in capsys.readouterr().out, "the defaults are tried again after a failure"
    assert len({run.config["model"]["alpha"] for run in tracking.search()}) == 2
    assert all("model.alpha=" in run.command for run in tracking.search())


def test_folds_of_training_rows_validate_where_no_rows_do(tmp_path: Path, data: list[str], store: Path) -> None:
    text = (tmp_path / "prices.csv").read_text(encoding="utf-8")
    (tmp_path / "prices.csv").write_text(text.replace("validation", "train"), encoding="utf-8")
    wanted = tune.prepare(data, trials=1, seeds=5)
    study = tune.run(wanted, lambda _: None)
    (trial,) = tune.finished(study)
    folds = [set(tracking.find(name).predictions("validation").ids) for name in trial.user_attrs["runs"]]
    training = {str(number) for number in range(120) if number % 3 != 2}
    assert len(folds) == 5
    assert sum(len(fold) for fold in folds) == len(set.union(*folds)), "no row validates twice"
    assert set.union(*folds) == training, "and each training row once, with as many seeds as folds"


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("trials=0", "expected a whole number above 0"),
        ("hours=soon", "expected a number above 0"),
        ("sampler=tep", "did you mean 'tpe'"),
        ("search.alpha={low: 1", "expected"),
        ("model.alhpa=3", "did you mean 'model.alpha'"),
        ("tracking=off", "keeps every trial as a run"),
        ("name=my model", "a model's name is made of"),
        ("storage=sqlite:////nowhere/at/all/x.db", "Permission denied|cannot be opened|Read-only|nowhere"),
    ],
)
def test_wrong_settings_are_named(
    data: list[str], argument: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    if argument.startswith("storage") and os.geteuid() == 0:
        argument = "storage=postgresql+nothing://nowhere/x"
        said = "cannot be opened"
    assert cli.main(["tune", *data, "trials=1", argument]) == 2
    assert re.search(said, capsys.readouterr().err)


@pytest.mark.slow
def test_unpromising_trials_end_after_their_first_seed(data: list[str], store: Path) -> None:
    # A random split mixes rows that say the opposite of the others, so that options differ in their scores; the name
    # of the study decides what is drawn.
    mixed = [*data[:2], *data[4:]]
    wanted = tune.prepare(
        mixed, {"alpha": {"low": 0.0001, "high": 1e6, "log": True}, "kind": None}, trials=12, seeds=2,
        sampler="random", name="mixed",
    )  # fmt: skip
    study = tune.run(wanted, lambda _: None)
    pruned = [trial for trial in tune.finished(study) if trial.state.name == "PRUNED"]
    assert pruned
    assert all(len(trial.user_attrs["runs"]) == 1 for trial in pruned)
    assert len(tune.finished(study)) == 12


def test_an_encoder_is_watched_after_each_epoch_and_can_be_ended() -> None:
    import naba
    from naba.models import build
    from naba.models.encoder.training import watched_by

    dataset = naba.load_dataset("article_stance")
    rows = dataset.indices("test")[:40]
    model = build(
        {"name": "e", "builder": "from_scratch", "training": {"epochs": 3, "threads": 1},
         "architecture": {"layers": 1, "hidden": 16, "heads": 2, "vocabulary": 300}, "reading": {"max_length": 16}},
        seed=0, pair=True,
    )  # fmt: skip
    X, y = dataset.frame(rows), dataset.gold(rows)
    seen: list[int] = []

    class EnoughError(Exception):
        pass

    def watcher(epoch: int, value: float) -> None:
        assert 0 <= value <= 1
        seen.append(epoch)
        if epoch == 2:
            raise EnoughError

    with pytest.raises(EnoughError), watched_by(watcher):
        model.fit(X, y, validation=(X, y))
    assert seen == [1, 2]


def start(data: Sequence[str], folder: Path, trials: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "naba.cli", "tune", *data, f"trials={trials}", "seeds=2"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(process: subprocess.Popen[str], lines: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines -= line.startswith("trial ")
        if not lines:
            return
    raise AssertionError(process.stderr.read() if process.stderr else "")


def trials_of(data: Sequence[str]) -> list[optuna.trial.FrozenTrial]:
    return tune.finished(tune.open_study(tune.prepare(data, trials=1, seeds=2)))


@pytest.mark.slow
def test_two_processes_share_a_study_and_it_survives_a_kill(data: list[str], tmp_path: Path, store: Path) -> None:
    killed, other = start(data, tmp_path, 8), start(data, tmp_path, 8)
    wait_for(killed, 2)
    killed.kill()
    killed.communicate()
    out, errors = other.communicate(timeout=600)
    assert other.returncode == 0, errors
    assert "wrote conf/model/tfidf_nb_tuned.yaml" in out
    done = trials_of(data)
    assert len(done) >= 8
    options = [str(sorted(trial.params.items())) for trial in done]
    assert len(set(options)) >= len(options) - 1, "two processes draw different options"
    again = start(data, tmp_path, 9)
    out, errors = again.communicate(timeout=600)
    assert again.returncode == 0, errors
    assert len(trials_of(data)) >= 9
    assert out.count("\ntrial ") <= 3


@pytest.mark.slow
def test_ctrl_c_leaves_a_study_that_the_same_command_goes_on_with(data: list[str], tmp_path: Path, store: Path) -> None:
    process = start(data, tmp_path, 500)
    wait_for(process, 2)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    before = len(trials_of(data))
    assert before >= 2
    again = start(data, tmp_path, before + 1)
    _, errors = again.communicate(timeout=600)
    assert again.returncode == 0, errors
    assert len(trials_of(data)) == before + 1
