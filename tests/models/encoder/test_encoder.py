"""Encoders, trained tiny and for real."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.base import clone

from naba.arabic.normalise import NEWS
from naba.config.schema import DataConfig
from naba.data import sources
from naba.errors import Problems, UserError
from naba.files import shipped
from naba.models import build, from_scratch, pretrained
from ports import free_port
from torchrun import run_two

SMALL = {"layers": 1, "hidden": 32, "heads": 2, "vocabulary": 200, "dropout": 0.0}
READING = {"max_length": 24}
TRAINING = {"epochs": 4, "learning_rate": 5e-3, "batch_size": 16, "threads": 1, "precision": "float32"}


def _small(**options):
    given = {"architecture": SMALL, "reading": READING, "training": TRAINING, "normalisation": NEWS, "seed": 1}
    return from_scratch(**(given | options))


def _sides(headlines):
    """Pairs of a rise and a fall, with the same words on both sides together: only the segments tell them apart."""
    X, _ = headlines
    half = len(X) // 2
    rises, falls = X["text"][:half].tolist(), X["text"][half:].tolist()
    table = pd.DataFrame({"text": rises + falls, "target": falls + rises}, dtype=object)
    return table, np.array(["recovers"] * half + ["worsens"] * half, dtype=object)


def test_learns_single_texts_from_scratch(headlines):
    X, y = headlines
    model = _small().fit(X, y)
    assert model.score(X, y) > 0.95
    assert model.classes_.tolist() == ["fall", "rise"]
    assert [entry["epoch"] for entry in model.history_] == [1, 2, 3, 4]
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]
    assert np.allclose(model.predict_proba(X).sum(axis=1), 1)


def test_learns_pairs_that_only_the_segments_tell_apart(headlines):
    X, y = _sides(headlines)
    model = _small(pair=True, training=TRAINING | {"epochs": 10}).fit(X, y)
    assert model.score(X, y) > 0.9


def test_fine_tunes_a_local_checkpoint(headlines, checkpoint):
    X, y = headlines
    training = TRAINING | {"learning_rate": 5e-3, "epochs": 10}
    model = pretrained(checkpoint=str(checkpoint), reading=READING, training=training)
    assert model.fit(X, y).score(X, y) > 0.95
    assert model.model_.config.id2label == {0: "fall", 1: "rise"}


@pytest.mark.parametrize("shown", [True, False])
def test_the_library_is_as_talkative_after_loading_as_before(shown, headlines, checkpoint):
    """naba may be one part of a program that shows bars of its own."""
    from huggingface_hub.utils import are_progress_bars_disabled
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled(), logging.get_verbosity()
    (logging.enable_progress_bar if shown else logging.disable_progress_bar)()
    try:
        pretrained(checkpoint=str(checkpoint), reading=READING, training=TRAINING | {"epochs": 1}).fit(*headlines)
        assert (logging.is_progress_bar_enabled(), logging.get_verbosity()) == (shown, before[1])
        assert are_progress_bars_disabled() != shown
    finally:
        (logging.enable_progress_bar if before[0] else logging.disable_progress_bar)()


def test_fine_tunes_a_checkpoint_without_segments_or_head(headlines, roberta_checkpoint):
    X, y = _sides(headlines)
    training = TRAINING | {"epochs": 1}
    model = pretrained(checkpoint=str(roberta_checkpoint), reading=READING, training=training, pair=True)
    assert model.fit(X[::3], y[::3]).predict(X[:5]).shape == (5,)


def test_a_batch_in_parts_is_the_same_batch(headlines, monkeypatch):
    X, y = headlines
    X = X.assign(text=X["text"] + np.where(np.arange(len(X)) % 3, "", " أمس في تعاملات الأسبوع"))
    options = {"training": TRAINING | {"epochs": 1, "label_smoothing": 0.1, "accumulation": 2, "learning_rate": 1e-3}}
    at_once = _small(**options).fit(X[20:], y[20:])
    monkeypatch.setattr("naba.models.encoder.data.PART_TOKENS", 40)
    in_parts = _small(**options).fit(X[20:], y[20:])
    assert np.allclose(at_once.predict_proba(X), in_parts.predict_proba(X), atol=1e-4)
    assert at_once.history_[0]["train_loss"] == pytest.approx(in_parts.history_[0]["train_loss"], abs=1e-5)


def test_best_epoch_on_the_primary_metric_is_restored(headlines):
    X, y = headlines
    training = TRAINING | {"epochs": 6, "patience": 0}
    model = _small(training=training, primary_metric="f1_rise").fit(X, y, validation=(X[::3], y[::3]))
    watched = [entry["validation_f1_rise"] for entry in model.history_]
    assert len(watched) == 6
    assert model.best_epoch_ == int(np.argmax(watched)) + 1
    predicted = model.predict(X[::3])
    hits = ((predicted == "rise") & (y[::3] == "rise")).sum()
    assert 2 * hits / ((predicted == "rise").sum() + (y[::3] == "rise").sum()) == pytest.approx(max(watched))


def test_stops_when_validation_does_not_improve(headlines):
    X, y = headlines
    swapped = np.where(y == "rise", "fall", "rise").astype(object)
    training = TRAINING | {"epochs": 30, "patience": 2}
    model = _small(training=training).fit(X, y, validation=(X, swapped))
    assert len(model.history_) == model.best_epoch_ + 2
    assert model.stopping_metric_ == "macro_f1"


def test_a_ranking_metric_cannot_stop_a_training(headlines):
    X, y = headlines
    model = _small(training=TRAINING | {"epochs": 1}, primary_metric="macro_f1_favor_against_per_target")
    assert model.fit(X, y, validation=(X, y)).stopping_metric_ == "macro_f1"


def test_validation_may_hold_labels_that_training_lacks(headlines):
    X, y = headlines
    other = y[::6].copy()
    other[0] = "other"
    model = _small(training=TRAINING | {"epochs": 1}).fit(X, y, validation=(X[::6], other))
    assert 0 < model.history_[0]["validation_macro_f1"] < 1


def test_class_weights_make_the_rare_label_findable(headlines):
    X, y = headlines
    rows = np.r_[0:90, 90:98]
    training = TRAINING | {"epochs": 2, "learning_rate": 2e-3}
    found = {}
    for weight in (None, "balanced"):
        model = _small(training=training | {"class_weight": weight}).fit(X.iloc[rows], y[rows])
        found[weight] = model.predict_proba(X.iloc[98:])[:, 0].mean()
    assert found["balanced"] > found[None]


def test_windows_read_the_end_of_a_long_text(headlines):
    X, y = headlines
    filler = " ".join(["البورصة في مصر"] * 12)
    long = X.assign(text=[f"{filler} {text}" for text in X["text"]])
    cut = _small(reading={"max_length": 24}).fit(long, y)
    training = TRAINING | {"epochs": 8}
    read = _small(reading={"max_length": 24, "windows": 6, "stride": 4}, training=training).fit(long, y)
    assert cut.score(long, y) < 0.7
    assert read.score(long, y) > 0.9


def test_bfloat16_and_accumulation_train_too(headlines):
    X, y = headlines
    training = TRAINING | {"precision": "bfloat16", "accumulation": 2, "batch_size": 8, "label_smoothing": 0.1}
    assert _small(training=training | {"decay": "cosine"}).fit(X, y).score(X, y) > 0.9


def test_clones_and_pickles(headlines):
    X, y = headlines
    model = clone(_small(training=TRAINING | {"epochs": 1})).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(model.predict_proba(X), again.predict_proba(X))


def test_predictions_do_not_depend_on_the_order_of_rows(headlines):
    X, y = headlines
    model = _small(training=TRAINING | {"epochs": 1}).fit(X, y)
    assert np.allclose(model.predict_proba(X)[::-1], model.predict_proba(X[::-1]), atol=1e-6)
    assert model.predict_proba(X[:0]).shape == (0, 2)


SHARED = """
import atexit, pathlib, pickle, sys
import torch
from naba.models import from_scratch
folder = pathlib.Path(sys.argv[1])
def at_the_end():
    (folder / f"joined{sys.argv[2]}").write_text(str(torch.distributed.is_initialized()))
atexit.register(at_the_end)
X, y, options = pickle.loads((folder / "task.pickle").read_bytes())
model = from_scratch(**options).fit(X, y, validation=(X[::6], y[::6]))
(folder / f"result{sys.argv[2]}.pickle").write_bytes(pickle.dumps((model.predict_proba(X), model.history_)))
"""


@pytest.mark.slow
def test_two_processes_share_a_training(headlines, tmp_path):
    X, y = headlines
    training = TRAINING | {"accumulation": 2, "batch_size": 8, "epochs": 12}
    (tmp_path / "task.pickle").write_bytes(pickle.dumps((X, y, {"architecture": SMALL, "training": training})))
    run_two(SHARED, tmp_path)
    (first, history), (second, other) = (
        pickle.loads((tmp_path / f"result{rank}.pickle").read_bytes()) for rank in ("0", "1")
    )
    # Still joined when the interpreter ends, a process may be aborted, and torchrun would call the run failed.
    assert [(tmp_path / f"joined{rank}").read_text() for rank in range(2)] == ["False", "False"]
    assert np.array_equal(first, second)
    assert history[0]["train_loss"] != other[0]["train_loss"]
    assert ((first.argmax(axis=1) == 1) == (y == "rise")).mean() > 0.9


@pytest.mark.slow
def test_torchrun_shares_one_naba_train(tmp_path):
    """Two processes, one run: the second neither waits for the first's claim nor keeps a run of its own."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}",
        "-m", "naba.cli", "train", "model=encoder_small", "model.architecture.layers=1",
        "model.architecture.hidden=32", "tracking=off",
        "model.training.epochs=2", "model.training.threads=1", "model.training.learning_rate=3e-3",
        "evaluation.resamples=50", "dataset=synthetic_claim_type",
    ]  # fmt: skip
    environment = os.environ | {"NABA_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    for status in ("trained", "found"):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(f"{status} encoder_small" if status == "trained" else "found ") == 1
        assert "waiting for" not in done.stderr
    assert len(list(tmp_path.glob("results/*/*/run.json"))) == 1
    many = subprocess.run([*command, "seed=0,1", "-m"], env=environment, capture_output=True, text=True, check=False)
    assert many.returncode != 0
    assert "torchrun shares one training among its processes" in many.stderr


def test_a_missing_checkpoint_says_what_to_do_offline(headlines, monkeypatch):
    monkeypatch.setenv("NABA_OFFLINE", "1")
    X, y = headlines
    with pytest.raises(UserError, match=r"model\.checkpoint=FOLDER") as caught:
        pretrained(checkpoint="aubmindlab/bert-base-arabertv02").fit(X, y)
    assert "'aubmindlab/bert-base-arabertv02' is neither a folder nor in the local cache" in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "offline", "asked"),
    [("1", False, False), ("true", False, False), ("on", False, False), ("", True, False), ("0", False, True),
     ("no", False, True), ("false", False, True)],
)  # fmt: skip
def test_offline_means_the_same_for_models_and_data(variable, offline, asked, headlines, tmp_path, monkeypatch):
    from huggingface_hub import HfApi, constants

    questions = []

    def refused(self, name, **_):
        questions.append(name)
        raise OSError("no route to the Hub")

    monkeypatch.setattr(HfApi, "model_info", refused)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NABA_OFFLINE", variable)
    data = DataConfig(offline=offline)
    assert sources.is_offline(data) != asked
    with sources.fetching(data), pytest.raises(UserError, match="cannot be fetched"):
        pretrained(checkpoint="aubmindlab/bert-base-arabertv02").fit(*headlines)
    assert questions == ["aubmindlab/bert-base-arabertv02"] * asked


def test_an_empty_folder_is_no_checkpoint(headlines, tmp_path):
    X, y = headlines
    with pytest.raises(UserError, match=r"holds no checkpoint|no encoder that transformers can load"):
        pretrained(checkpoint=str(tmp_path)).fit(X, y)


def test_windows_longer_than_the_positions_are_refused(headlines, checkpoint):
    X, y = headlines
    with pytest.raises(UserError, match="max_length is 100, but the checkpoint has 64 positions"):
        pretrained(checkpoint=str(checkpoint), reading={"max_length": 100}).fit(X, y)


def test_heads_must_divide_the_width(headlines):
    X, y = headlines
    with pytest.raises(UserError, match="hidden is 30, which 4 heads cannot share"):
        _small(architecture=SMALL | {"hidden": 30, "heads": 4}).fit(X, y)


def test_every_wrong_option_is_named_at_once():
    with pytest.raises(Problems) as caught:
        from_scratch(training={"epoch": 3, "learning_rate": -1.0, "decay": "step"})
    message = str(caught.value)
    assert "did you mean 'model.training.epochs'" in message
    assert "model.training.learning_rate: expected greater than 0, got -1.0" in message
    assert "model.training.decay: expected 'linear', 'cosine' or 'none', got 'step'" in message


ENCODERS = [
    "encoder_small", "arabert_v02_base", "arabert_v02_large", "marbert_v2", "camelbert_msa", "arbert_v2",
    "araelectra", "xlm_roberta_base", "xlm_roberta_large", "mdeberta_v3", "multilingual_e5_base",
    "multilingual_e5_small",
]  # fmt: skip


@pytest.mark.parametrize("name", ENCODERS)
def test_every_yaml_trains_with_a_tiny_start(name, headlines, checkpoint):
    X, y = headlines
    config = yaml.safe_load((shipped("conf") / "model" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert config["name"] == name
    config["training"] |= {"epochs": 1, "threads": 1, "frozen_layers": 0}
    config["reading"] |= {"max_length": 32}
    if "checkpoint" in config:
        config["checkpoint"] = str(checkpoint)
    else:
        config["architecture"] = SMALL
    model = build(config, seed=0, normalisation=NEWS, pair=False, primary_metric="macro_f1")
    assert model.fit(X[::9], y[::9], validation=(X[:9], y[:9])).predict(X[:2]).shape == (2,)


def test_bare_builder_has_the_defaults_of_the_yaml():
    config = yaml.safe_load((shipped("conf") / "model" / "arabert_v02_base.yaml").read_text(encoding="utf-8"))
    model = build(config, seed=0, normalisation=NEWS, pair=False)
    bare = pretrained(checkpoint=config["checkpoint"], reading={"preprocessing": "arabert"})
    assert (model.training, model.reading) == (bare.training, bare.reading)
