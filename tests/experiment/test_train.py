"""A training run from configuration to result, with a real store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from compositions import compose
from naba import tracking
from naba.config.schema import DataConfig
from naba.data import sources
from naba.data.dataset import load_named
from naba.errors import UserError
from naba.experiment import run as train

if TYPE_CHECKING:
    from pathlib import Path

    from naba.experiment.job import Outcome

FAST = ("evaluation.resamples=50", "tracking.figures=false")
"""Where intervals and figures are not the point: they took half of the time."""
NB = ("model=tfidf_nb", "model.words=1", "model.characters_to=0")
"""A model that reads words, where the model is not the point: letters took half of what was left."""


def run(*overrides: str) -> Outcome:
    return train.run(compose([*FAST, *overrides]))


def test_run_is_tracked_and_found_again(store: Path) -> None:
    first = run("model=stratified_random", "evaluation.also=[article_stance]")
    assert first.status == "trained"
    assert set(first.scores) == {"validation", "test", "article_stance"}
    again = run("model=stratified_random", "evaluation.also=[article_stance]")
    assert (again.status, again.run) == ("found", first.run)
    assert again.score() == first.score()
    assert again.primary == first.primary
    assert run("model=stratified_random").status == "found"
    assert run("model=stratified_random", "force=true").status == "trained"
    assert run("model=stratified_random", "seed=1").status == "trained"
    assert len(tracking.search(None, {})) == 3


def test_found_run_without_a_wanted_section_is_scored_on_it(store: Path) -> None:
    first = run("model=majority")
    assert first.status == "trained"
    again = run("model=majority", "evaluation.also=[article_stance]")
    assert (again.status, again.run) == ("found", first.run)
    assert again.score("article_stance", "macro_f1") is not None


def test_found_run_without_a_wanted_section_and_without_its_model_is_done_again(store: Path) -> None:
    assert run("model=majority", "tracking.log_model=false").status == "trained"
    again = run("model=majority", "tracking.log_model=false", "evaluation.also=[article_stance]")
    assert again.status == "trained"
    assert again.score("article_stance", "macro_f1") is not None


def test_what_a_run_holds(store: Path) -> None:
    outcome = run("model=tfidf_logreg", *NB[1:], "evaluation.also=[article_stance]", "tracking.figures=true")
    found = tracking.find(outcome.run[:8])
    metrics, tags, params = found.metrics, found.tags, found.params
    for section in ("validation", "test", "article_stance"):
        assert metrics[f"interval/low/{section}/macro_f1"] <= metrics[f"{section}/macro_f1"]
        assert metrics[f"{section}/macro_f1"] <= metrics[f"interval/high/{section}/macro_f1"]
        for kind in ("precision", "recall", "f1"):
            assert f"{section}/{kind}_disagree" in metrics
    assert metrics["test/rows"] == 512
    assert metrics["article_stance/rows"] == 190
    assert params["dataset"] == "synthetic_stance"
    assert "model.C" in params
    for name in ("identity", "cell", "task", "dataset", "model", "seed", "revision", "dirty", "fingerprint"):
        assert tags[f"naba.{name}"]
    assert tags["naba.fingerprint"] == load_named("synthetic_stance").fingerprint
    inputs = tracking.client(tracking.default_uri()).get_run(found.id).inputs.dataset_inputs
    assert [item.dataset.name for item in inputs] == ["synthetic_stance"]
    for path in (
        "config.yaml", "summary.md", "predictions/test.parquet", "figures/test_confusion.png",
        "tables/test_confusion.json", "tables/article_stance_worst_errors.json",
    ):  # fmt: skip
        assert found.file(path).is_file(), path
    predictions = found.predictions()
    assert len(predictions) == 512
    assert predictions.probabilities.sum(axis=1) == pytest.approx(1)


def test_what_a_model_reads_besides_is_fetched_as_the_run_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_network: list[object]
) -> None:
    """The background set of word vectors is no data set of the run; its files are looked for in the same places."""
    for name in ("NABA_MIRROR", "NABA_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NABA_CACHE", str(tmp_path / "elsewhere"))
    mirror, cache = tmp_path / "mirror", tmp_path / "cache"
    mirror.mkdir()
    with pytest.raises(UserError, match="network: switched off") as caught:
        run("model=blended", "model.background=saudinewsnet", "tracking=off", "data.offline=true",
            f"data.mirror={mirror}", f"data.cache={cache}")  # fmt: skip
    assert f"mirror: not in {mirror}" in str(caught.value)
    assert f"cache: not in {cache}" in str(caught.value)
    assert no_network == []
    assert sources.current() == DataConfig()


LOAD = """
import sys, json, mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
table = pandas.read_json(sys.stdin, orient="split", dtype=False)
print(model.predict(table).to_json(orient="split"))
"""


@pytest.mark.slow  # in this process, and without mlflow: tests/predict, tests/export
def test_tracked_model_answers_the_same_in_a_fresh_process(store: Path) -> None:
    outcome = run("model=tfidf_logreg")
    found = tracking.find(outcome.run)
    predictions = found.predictions()
    dataset = load_named("synthetic_stance")
    frame = dataset.frame(dataset.indices("test"))
    done = subprocess.run(
        [sys.executable, "-c", LOAD, tracking.default_uri(), f"models:/{found.model_id}"],
        input=frame.to_json(orient="split", index=False),
        capture_output=True, text=True, check=True, encoding="utf-8",
    )  # fmt: skip
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["columns"] == ["label", *(f"probability_{label}" for label in dataset.labels)]
    assert [row[0] for row in answer["data"]] == list(predictions.predicted)
    for row, given in zip(answer["data"], predictions.probabilities, strict=True):
        assert row[1:] == pytest.approx(list(given), abs=1e-9)


def test_failure_ends_the_run_as_failed_with_its_message(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no training rows") as caught:
        run("dataset=article_stance", "model=majority")
    assert "evaluation.also=[article_stance]" in str(caught.value)
    failed = tracking.search(None, {"dataset": "article_stance"}, finished=False)
    assert [item.status for item in failed] == ["FAILED"]
    assert "no training rows" in failed[0].tags["naba.error"]


def test_tracking_off_leaves_the_same_things_in_a_folder(own_home: Path) -> None:
    first = run(*NB, "tracking=off", "tracking.figures=true")
    (folder,) = (own_home / "results" / "synthetic_stance").iterdir()
    for path in (
        "run.json",
        "config.yaml",
        "predictions/test.parquet",
        "figures/test_confusion.png",
        "model/naba.json",
    ):
        assert (folder / path).is_file(), path
    content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert content["metrics"]["test/macro_f1"] == first.score().value
    assert run(*NB, "tracking=off").status == "found"
    assert not (own_home / "mlflow.db").exists()


def test_failure_with_tracking_off_leaves_no_folder(own_home: Path) -> None:
    with pytest.raises(UserError):
        run("dataset=article_stance", "tracking=off", "model=majority")
    assert list((own_home / "results" / "article_stance").iterdir()) == []


def test_summary_repeats_the_run(store: Path) -> None:
    outcome = run(*NB, "model.alpha=0.3", "normalisation=light")
    note = tracking.find(outcome.run).tags["mlflow.note.content"]
    again = next(line.strip() for line in note.splitlines() if line.startswith("    naba train"))
    arguments = again.split()[2:]
    assert run(*arguments).run == outcome.run
    assert "language models" in note


@pytest.mark.mirror
def test_labels_are_carried_between_schemes(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NABA_MIRROR", str(mirror))
    carried = run("dataset=ans_stance", *NB, "tracking=off", "evaluation.also=[article_stance]")
    assert carried.score("article_stance").n == 190
    assert carried.score("article_stance", "f1_other") is not None
    back = run("dataset=synthetic_stance", *NB, "tracking=off", "evaluation.also=[ans_stance]")
    assert back.score("ans_stance").n == 379
    assert back.primary["ans_stance"] == "macro_f1_agree_disagree"


PREDICT = """
import hashlib, os
from pathlib import Path
from naba import config
from naba.config import overrides as command_line
from naba.experiment import run as train
from naba.evaluation.predictions import Predictions

for model in {models}:
    overrides = ["dataset=synthetic_claim_type", "tracking=off", "evaluation.resamples=10"]
    train.run(command_line.compose([f"model={{model}}", *overrides]))
    (path,) = Path(os.environ["NABA_HOME"]).glob(f"results/*/{{model}}-*/predictions/test.parquet")
    print(model, hashlib.sha256(Predictions.from_parquet(path).probabilities.tobytes()).hexdigest())
"""
MODELS = ["stratified_random", "tfidf_logreg", "tfidf_svm", "tfidf_nb"]


@pytest.mark.slow  # for models without a training around them: tests/models/tfidf/test_classifier.py
def test_equal_seeds_give_equal_predictions_whatever_the_hash_seed(tmp_path: Path) -> None:
    answers = []
    for hash_seed, threads in (("1", "1"), ("2", "2")):
        home = tmp_path / hash_seed
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "NABA_HOME": str(home), "OMP_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", PREDICT.format(models=MODELS)],
            capture_output=True, text=True, check=True, env=environment,
        )  # fmt: skip
        answers.append(done.stdout.splitlines())
    assert len(answers[0]) == len(MODELS)
    assert answers[0] == answers[1]


def test_a_run_scored_in_another_way_is_not_taken_for_it(store: Path) -> None:
    first = run("model=majority", "tracking.log_model=false")
    assert run("model=majority", "tracking.log_model=false", "evaluation.metrics=[weighted_f1]").run != first.run
    assert run("model=majority").status == "trained", "the model was asked for and had not been kept"
    assert run("model=majority", "evaluation.confidence=0.9").status == "trained"
    assert run("model=majority", "tracking.log_model=false").status == "found"


def test_grouping_is_part_of_the_identity(own_home: Path) -> None:
    options = ("model=majority", "split=grouped", "tracking=off")
    assert run(*options).status == "trained"
    assert run(*options, "dataset.columns.group=domain").status == "trained"
    assert run(*options).status == "found"


@pytest.mark.mirror
@pytest.mark.slow
def test_a_protocol_is_what_it_stands_for(mirror: Path, monkeypatch: pytest.MonkeyPatch, own_home: Path) -> None:
    monkeypatch.setenv("NABA_MIRROR", str(mirror))
    options = ("dataset=unifiedfc_stance", "model=majority", "tracking=off", "++split.fold=2")
    given = run(*options)
    assert given.name == "majority unifiedfc_stance official_folds 2 seed 0"
    assert run(*options, "split=official_folds").status == "found"


def test_the_training_set_is_not_scored_as_another_set(own_home: Path) -> None:
    outcome = run("model=majority", "tracking=off", "evaluation.also=[synthetic_stance]")
    assert set(outcome.scores) == {"validation", "test"}


def test_a_failed_run_has_its_choices(store: Path) -> None:
    with pytest.raises(UserError):
        run("dataset=article_stance", "model=majority")
    (failed,) = tracking.search(None, {"dataset": "article_stance"}, finished=False)
    assert failed.params["model"] == "majority"
    assert failed.file("config.yaml").is_file()


def test_a_run_left_by_a_killed_process_ends_as_killed(store: Path) -> None:
    import mlflow

    outcome = run("model=majority", "tracking.log_model=false")
    found = tracking.find(outcome.run)
    client = tracking.client(tracking.default_uri())
    dead = client.create_run(found.record.experiment_id, tags={
        "naba.identity": found.tags["naba.identity"],
        "naba.process": found.tags["naba.process"].rsplit(" ", 2)[0] + " 999999 1",
    })  # fmt: skip
    assert dead.info.status == "RUNNING"
    run("model=majority", "tracking.log_model=false", "force=true")
    assert mlflow.MlflowClient(tracking.default_uri()).get_run(dead.info.run_id).info.status == "KILLED"


@pytest.mark.slow
def test_a_training_without_tracking_imports_what_it_needs(own_home: Path) -> None:
    program = (
        "import sys; from naba.cli import main\n"
        "code = main(['train', 'dataset=synthetic_stance', 'model=tfidf_logreg', 'model.words=1',\n"
        "    'model.characters_to=0', 'evaluation.resamples=50', 'tracking=off'])\n"
        "print('loaded:', *({'mlflow', 'skops', 'matplotlib', 'pooch', 'datasets', 'torch', 'sqlalchemy', 'pytest',\n"
        "    'sklearn.ensemble'} & set(sys.modules)))\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.splitlines()[-1].split() == ["loaded:", "skops"]
