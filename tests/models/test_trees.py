"""LightGBM's trees: repeatable, saved as numbers, and refused when they do not belong together."""

import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from naba import config, models
from naba.arabic.normalise import NEWS
from naba.classifier import folder
from naba.config import overrides
from naba.data.dataset import load_named
from naba.errors import UserError
from naba.models import build
from naba.models.trees import LightGBMTrees, from_arrays, to_arrays

pytest.importorskip("lightgbm", reason="the extra boosting is not installed")

DESCRIPTION = {
    "task": "stance", "dataset": "d", "input": ["text", "target"], "normalisation": NEWS.to_dict(),
    "labels": {"agree": "تأييد", "disagree": "معارضة", "discuss": "مناقشة", "unrelated": "لا صلة"},
}  # fmt: skip


def _numbers(labels, rows=400):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(rows, 6))
    X[::7, 2] = np.nan
    y = (X[:, 0] + 0.5 * X[:, 1] ** 2 > 0.3).astype(int) + (labels == 3) * (X[:, 3] > 1)
    return X, y


@pytest.mark.parametrize("labels", [2, 3])
def test_learns_and_comes_back_from_arrays_to_the_last_bit(labels):
    X, y = _numbers(labels)
    model = LightGBMTrees(iterations=30, class_weight="balanced", seed=3).fit(X, y)
    assert model.score(X, y) > 0.9
    assert np.allclose(model.predict_proba(X).sum(axis=1), 1)
    again = LightGBMTrees()
    from_arrays(again, to_arrays(model))
    strange = np.vstack([X, [[np.inf, -np.inf, 0, np.nan, 1e300, -0.0]]])
    assert again.predict_proba(strange).tobytes() == model.predict_proba(strange).tobytes()
    assert again.feature_parts(X).tobytes() == model.feature_parts(X).tobytes()
    assert all(np.array_equal(value, to_arrays(again)[key]) for key, value in to_arrays(model).items())
    assert pickle.loads(pickle.dumps(model)).predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_trees_without_a_split_are_kept_too():
    X, y = _numbers(2, rows=30)
    model = LightGBMTrees(iterations=3).fit(X, y)
    assert set(to_arrays(model)["sizes"]) == {1}, "30 rows are too few for two leaves of 20"
    again = LightGBMTrees()
    from_arrays(again, to_arrays(model))
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def _changed(state, name, place, value):
    array = state[name].copy()
    array[place] = value
    return state | {name: array}


@pytest.mark.parametrize("change", [
    lambda state: _changed(state, "left", 0, 0),
    lambda state: _changed(state, "right", 1, 1),
    lambda state: _changed(state, "left", 0, 10_000),
    lambda state: _changed(state, "right", 0, -10_000),
    lambda state: _changed(state, "left", slice(None), -1),
    lambda state: _changed(state, "feature", 0, 6),
    lambda state: _changed(state, "feature", 0, -1),
    lambda state: _changed(state, "decision", 0, 1),
    lambda state: _changed(state, "threshold", 0, np.nan),
    lambda state: _changed(state, "value", 0, np.inf),
    lambda state: _changed(state, "leaf_rows", 0, 0),
    lambda state: _changed(state, "sizes", 0, 2**31 - 1),
    lambda state: _changed(state, "sizes", 0, -4),
    lambda state: state | {"sizes": state["sizes"][:-1]},
    lambda state: state | {"value": state["value"][:-1]},
    lambda state: state | {"features": 0},
    lambda state: state | {"classes_": np.arange(1)},
    lambda state: state | {"classes_": np.arange(7)},
])  # fmt: skip
def test_trees_that_lightgbm_would_walk_out_of_memory_are_refused(change):
    X, y = _numbers(3)
    state = to_arrays(LightGBMTrees(iterations=2, leaves=5).fit(X, y))
    from_arrays(LightGBMTrees(), state)
    with pytest.raises(UserError, match="do not belong together"):
        from_arrays(LightGBMTrees(), change(state))


def test_a_chain_too_deep_for_the_stack_is_refused():
    nodes = 5000
    state = {
        "classes_": np.arange(2), "features": 1, "sizes": np.array([nodes + 1]),
        "left": -np.arange(1, nodes + 1), "right": np.append(np.arange(1, nodes), -nodes - 1),
        "feature": np.zeros(nodes, int), "threshold": np.zeros(nodes), "decision": np.full(nodes, 2),
        "inner_rows": np.ones(nodes, int), "leaf_rows": np.ones(nodes + 1, int), "value": np.zeros(nodes + 1),
    }  # fmt: skip
    with pytest.raises(UserError, match="do not belong together"):
        from_arrays(LightGBMTrees(), state)


def _rows(part, step):
    dataset = load_named("synthetic_stance")
    indices = dataset.indices(part)[::step]
    return dataset.frame(indices), dataset.gold(indices)


def test_pair_boosting_is_saved_without_text_or_pickle(tmp_path):
    model = models.pair_boosting(library="lightgbm", iterations=5, components=5, normalisation=NEWS)
    model.fit(*_rows("train", 8))
    folder.save(model, tmp_path, DESCRIPTION)
    loaded, _ = folder.load(tmp_path)
    X, _ = _rows("test", 5)
    assert loaded.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    with zipfile.ZipFile(tmp_path / "classifier.skops") as archive:
        schema = archive.read("schema.json").decode()
        assert '"LightGBMTrees"' in schema
        assert "num_leaves" not in schema
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"json", "npy"}


TRAIN = """
import hashlib, os, pathlib
from naba.config import overrides as command_line
from naba.experiment import run as train
from naba.evaluation.predictions import Predictions
train.run(command_line.compose([
    "model=pair_boosting", "model.library=lightgbm", "model.iterations=5", "tracking=off", "evaluation.resamples=50",
]))
(file,) = pathlib.Path(os.environ["NABA_HOME"]).glob("results/*/*/predictions/test.parquet")
print(hashlib.sha256(Predictions.from_parquet(file).probabilities.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_naba_train_repeats_itself_on_any_number_of_threads(tmp_path):
    answers = []
    for threads in ("1", "2"):
        environment = os.environ | {
            "OMP_NUM_THREADS": threads,
            "PYTHONHASHSEED": threads,
            "NABA_HOME": str(tmp_path / threads),
        }
        done = subprocess.run([sys.executable, "-c", TRAIN], env=environment, stdout=-1, check=True, text=True)
        answers.append(done.stdout)
    assert answers[0] == answers[1] != ""


def test_without_the_extra_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(UserError, match=r"pip install 'naba\[boosting\]'"):
        models.pair_boosting(library="lightgbm")
    settings = config.check(overrides.compose(["model=pair_boosting", "model.library=lightgbm"]))
    with pytest.raises(UserError, match=r"model\.library=scikit-learn"):
        build(settings.model, seed=0, normalisation=NEWS, pair=True)
