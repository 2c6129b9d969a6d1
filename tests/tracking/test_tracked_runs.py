"""Commands on tracked runs: score an outside system, submit, promote, reproduce, compare as page and tables."""

from __future__ import annotations

import csv
import threading
from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
import pytest

from naba import cli, config, tracking
from naba.config import overrides as command_line
from naba.data import splits
from naba.data.dataset import load_named
from naba.experiment import run as train
from naba.tracking import promotion
from store_copies import copy_store, home_with_store

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ("evaluation.resamples=50", "tracking.figures=false")
MODELS = ("majority", "stratified_random", "tfidf_nb")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A home with three finished runs; each test works on a copy of the store."""
    home = tmp_path_factory.mktemp("trained")
    with home_with_store(empty_store, home):
        for model in MODELS:
            overrides = [f"model={model}", "evaluation.also=[article_stance]"]
            train.run(command_line.compose([*overrides, *QUICK]))
    return home


@pytest.fixture
def home(trained: Path, own_home: Path) -> Path:
    # Artifacts are found by the absolute path in the store: reading them where they were made is enough.
    copy_store(trained / "mlflow.db", own_home)
    return own_home


def name(model: str) -> str:
    return f"{model} synthetic_stance seed 0"


def predictions_file(path: Path, rows: Any = None) -> Path:
    """The right answers for rows of the data set, by default its test rows."""
    dataset = load_named("synthetic_stance")
    rows = dataset.indices("test") if rows is None else rows
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label"])
        writer.writerows(zip(dataset.ids(rows)[::-1], dataset.gold(rows)[::-1], strict=True))
    return path


def test_outside_predictions_stand_in_the_same_board(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = predictions_file(tmp_path / "perfect.csv")
    arguments = ["score", str(file), "dataset=synthetic_stance", QUICK[0], "--track", "oracle"]
    assert cli.main(arguments) == 0
    output = capsys.readouterr().out
    assert "1.000" in output
    assert "kept: run" in output
    assert cli.main(arguments) == 0
    assert "already there" in capsys.readouterr().out
    assert cli.main(["compare", "dataset=synthetic_stance", "--csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["model"] for row in rows] == ["oracle", "tfidf_nb", "stratified_random", "majority"] or [
        row["model"] for row in rows
    ][:2] == ["oracle", "tfidf_nb"]


def test_folds_of_outside_predictions_are_one_cell_and_can_be_looked_at(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, runs = load_named("synthetic_stance"), []
    for fold in (1, 2):
        chosen = ["split=kfold", "split.folds=3", f"split.fold={fold}"]
        rows = splits.make(dataset, config.check(command_line.compose(chosen)).split, seed=0).test
        file = predictions_file(tmp_path / f"fold{fold}.csv", rows)
        options = ["dataset=synthetic_stance", QUICK[0], "--track", "oracle"]
        assert cli.main(["score", str(file), *chosen, *options]) == 0
        runs.append(tracking.find(f"oracle synthetic_stance kfold {fold} seed 0"))
    assert len({run.tags["naba.cell"] for run in runs}) == 1
    assert len({run.tags["naba.identity"] for run in runs}) == 2
    assert {run.tags["naba.fingerprint"] for run in runs} == {dataset.fingerprint}
    capsys.readouterr()
    assert cli.main(["compare", "--markdown"]) == 0
    assert "1 seed × 2 folds" in capsys.readouterr().out
    assert cli.main(["compare", "--html", str(tmp_path / "page.html")]) == 0
    for run in runs:
        wanted = str(run.predictions().ids[0])
        assert cli.main(["show", run.id, "--example", wanted]) == 0
        assert "the run kept no model" in capsys.readouterr().err
    assert cli.main(["show", runs[1].id]) == 0
    again = "naba score fold2.csv dataset=synthetic_stance split=kfold split.folds=3 split.fold=2 seed=0 --track oracle"
    assert again in capsys.readouterr().out


@pytest.mark.slow
def test_outside_predictions_are_scored_anew_with_another_confidence(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = predictions_file(tmp_path / "perfect.csv")
    arguments = ["score", str(file), "dataset=synthetic_stance", QUICK[0], "--track", "oracle"]
    for confidence, kept in (("0.95", "kept: run"), ("0.9", "kept: run"), ("0.9", "already there: run")):
        assert cli.main([*arguments, f"evaluation.confidence={confidence}"]) == 0
        output = capsys.readouterr().out
        assert f"[{100 * float(confidence):g} % interval]" in output
        assert kept in output


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-2], "2 ids are missing"),
        (lambda lines: [*lines, lines[1]], "more than once"),
        (lambda lines: [*lines, "nobody,agree\n"], "1 ids are unknown ('nobody')"),
        (lambda lines: [lines[0], lines[1].replace(lines[1].split(",")[1], "agre\n"), *lines[2:]], "'agree'"),
    ],
)
def test_wrong_prediction_files_are_refused(
    change: object, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = predictions_file(tmp_path / "wrong.csv")
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(change(lines)), encoding="utf-8")  # type: ignore[operator]
    assert cli.main(["score", str(file), "dataset=synthetic_stance"]) == 2
    assert said in capsys.readouterr().err


def test_score_without_a_data_set_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["score", "x.csv"]) == 2
    assert "dataset=NAME" in capsys.readouterr().err


def test_submission_is_written_and_its_labels_checked(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "submission.tsv"
    assert cli.main(["submit", name("tfidf_nb"), str(file), "--format", "checkthat2022_task1"]) == 0
    rows = file.read_text(encoding="utf-8").splitlines()
    assert len(rows) == 513
    assert rows[0].split("\t") == ["topic", "tweet_id", "class_label", "run_id"]
    assert cli.main(["submit", name("tfidf_nb"), str(file), "--format", "checkthat2025_task1"]) == 2
    assert "SUBJ" in capsys.readouterr().err
    assert cli.main(["submit", name("tfidf_nb"), str(file), "--format", "checkthat2052"]) == 2
    assert "did you mean" in capsys.readouterr().err
    cli.main(["submit", name("majority"), str(file), "--format", "checkthat2022_task1"])
    assert "of the predictions but" in capsys.readouterr().err


def test_champion_changes_only_when_the_test_allows(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["promote", name("majority")]) == 0
    assert cli.main(["promote", name("tfidf_nb")]) == 0
    assert "against majority" in capsys.readouterr().out
    assert cli.main(["promote", name("majority")]) == 2
    assert "is not significantly better than" in capsys.readouterr().err
    champion = tracking.Store().registered("stance", "champion")
    assert champion is not None
    assert champion.name == name("tfidf_nb")
    table = pd.DataFrame({"text": ["ارتفاع النفط"], "target": ["تراجع النفط"]})
    assert len(mlflow.pyfunc.load_model("models:/stance@champion").predict(table)) == 1
    assert cli.main(["promote", name("majority"), "--force", "a demonstration"]) == 0
    version = tracking.client(tracking.default_uri()).get_model_version_by_alias("stance", "champion")
    assert version.tags["naba.forced"] == "a demonstration"


@pytest.mark.parametrize(
    "elsewhere", [pytest.param(False, marks=pytest.mark.slow), True], ids=["one home", "another home"]
)
def test_two_promotions_at_once_leave_the_better_model(
    elsewhere: bool, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worse one is slow: between its test and its registration the better one has time to come and go."""
    assert cli.main(["promote", name("majority")]) == 0
    uri, measured, done = f"sqlite:///{home / 'mlflow.db'}", threading.Event(), threading.Event()
    difference, codes = promotion._difference, {}

    def slow(run: tracking.Run, champion: tracking.Run) -> Any:
        found = difference(run, champion)
        if run.name == name("stratified_random"):
            monkeypatch.setenv("NABA_HOME", str(tmp_path if elsewhere else home))
            measured.set()
            done.wait(1)
        return found

    def better() -> None:
        measured.wait(60)
        codes["better"] = cli.main(["promote", name("tfidf_nb"), "--uri", uri])
        done.set()

    monkeypatch.setattr(promotion, "_difference", slow)
    other = threading.Thread(target=better)
    other.start()
    codes["worse"] = cli.main(["promote", name("stratified_random"), "--uri", uri])
    other.join(60)
    champion = tracking.Store(uri).registered("stance", "champion")
    assert champion is not None
    assert champion.name == name("tfidf_nb")
    assert codes == {"worse": 0, "better": 0}


def test_reproduce_says_byte_equal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", name("tfidf_nb")]) == 0
    output = capsys.readouterr().out
    assert "test: byte-equal on 512 rows" in output
    assert "article_stance: byte-equal on 190 rows" in output


def test_compare_as_matrix_transfer_latex_and_page(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", "--matrix", "dataset=synthetic_stance"]) == 0
    assert "all pairs" in capsys.readouterr().out
    assert cli.main(["compare", "--transfer"]) == 0
    transfer = capsys.readouterr().out
    assert "article_stance" in transfer
    assert "macro_f1" in transfer
    assert cli.main(["compare", "--latex"]) == 0
    assert r"\toprule" in capsys.readouterr().out
    page = tmp_path / "page.html"
    assert cli.main(["compare", "--html", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "معارضة" in text
    assert "http://" not in text.replace("http://www.w3.org", "")
