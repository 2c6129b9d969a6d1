"""Trainings of encoders that are killed and go on."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from naba import files, tracking
from naba.models import from_scratch
from naba.models.encoder.checkpoints import Store
from store_copies import copy_store
from torchrun import run_two

OPTIONS = {
    "architecture": {"layers": 1, "hidden": 32, "heads": 2, "vocabulary": 200, "dropout": 0.2},
    "reading": {"max_length": 24},
    "training": {"epochs": 3, "learning_rate": 5e-3, "batch_size": 16, "threads": 1, "checkpoint_steps": 4},
    "seed": 5,
}  # fmt: skip


class _Killed(BaseException):
    pass


def _fit(headlines, **options):
    X, y = headlines
    return from_scratch(**(OPTIONS | options)).fit(X, y, validation=(X[::6], y[::6]))


@pytest.fixture
def killed(headlines, tmp_path, monkeypatch):
    """(folder with the checkpoint of a training that died in its second epoch, the undisturbed model)."""
    saved, saves = Store.save, []

    def save_and_die(self, tuning, progress):
        saved(self, tuning, progress)
        saves.append(progress.step)
        if len(saves) == 4:
            raise _Killed

    folder = tmp_path / "checkpoints"
    with monkeypatch.context() as patch:
        patch.setattr(Store, "save", save_and_die)
        with pytest.raises(_Killed):
            _fit(headlines, checkpoint_folder=folder)
    assert saves == [4, 8, 0, 4]
    assert len(list(folder.iterdir())) == 1
    return folder, _fit(headlines)


RESUMED = """
import pathlib, pickle, sys
from naba.models import from_scratch
X, y, options, folder = pickle.load(sys.stdin.buffer)
model = from_scratch(**options, checkpoint_folder=folder).fit(X, y, validation=(X[::6], y[::6]))
sys.stdout.buffer.write(pickle.dumps((model.predict_proba(X), model.history_)))
"""


@pytest.mark.slow  # in this process: test_another_configuration_leaves_the_checkpoint_alone
def test_another_process_goes_on_to_byte_equal_predictions(headlines, killed):
    X, y = headlines
    folder, whole = killed
    environment = os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}
    given = pickle.dumps((X, y, OPTIONS, folder))
    done = subprocess.run([sys.executable, "-c", RESUMED], input=given, stdout=-1, env=environment, check=True)
    probabilities, history = pickle.loads(done.stdout)
    assert probabilities.tobytes() == whole.predict_proba(X).tobytes()
    assert [entry["train_loss"] for entry in history] == [entry["train_loss"] for entry in whole.history_]
    assert not folder.exists()


def test_another_configuration_leaves_the_checkpoint_alone(headlines, killed):
    X, _ = headlines
    folder, whole = killed
    for options in ({"seed": 6}, {"training": OPTIONS["training"] | {"learning_rate": 1e-3}}):
        beside = _fit(headlines, checkpoint_folder=folder, **options)
        assert np.array_equal(beside.predict_proba(X), _fit(headlines, **options).predict_proba(X))
        assert not np.array_equal(beside.predict_proba(X), whole.predict_proba(X))
    resumed = _fit(headlines, checkpoint_folder=folder)
    assert np.array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    assert not folder.exists()


@pytest.mark.parametrize(
    "damage",
    ["cut", *(pytest.param(one, marks=pytest.mark.slow) for one in ("empty", "text", "pickle")), "of another model"],
)
def test_a_checkpoint_that_cannot_be_read_is_said_in_one_line(damage, headlines, killed, caplog):
    import torch

    X, _ = headlines
    folder, whole = killed
    (file,) = folder.iterdir()
    content = file.read_bytes()
    changed = {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "text": b"not a checkpoint",
        "pickle": pickle.dumps({}),
    }
    if damage in changed:
        file.write_bytes(changed[damage])
    else:
        state = torch.load(file, weights_only=True)
        with files.sealed(file) as part:
            torch.save(state | {"weights": {name: value[:1] for name, value in state["weights"].items()}}, part)
    caplog.clear()
    model = _fit(headlines, checkpoint_folder=folder)
    said = caplog.messages
    assert len(said) == 1
    assert said[0].startswith(f"the training starts again from the beginning: checkpoint {file} cannot be read (")
    assert ("it holds weights of another model" in said[0]) == (damage == "of another model")
    assert np.array_equal(model.predict_proba(X), whole.predict_proba(X))
    assert not folder.exists()


def _damaged(content, generator):
    """The bytes with a flipped bit, with random bytes in a place, cut, with more at the end, or others altogether."""
    place = int(generator.integers(len(content)))
    flipped = bytes([content[place] ^ (1 << int(generator.integers(8)))])
    for changed in (
        content[:place] + flipped + content[place + 1 :],
        content[:place] + generator.bytes(64) + content[place + 64 :],
        content[:place],
        content + generator.bytes(8),
        generator.bytes(place),
        pickle.dumps({"weights": place})[: place % 30],
    ):
        assert changed != content
        yield changed


def test_no_damage_to_a_checkpoint_stops_a_training_or_enters_it(headlines, killed, caplog):
    """Read as a training reads it, some hundred times; the library alone raises errors of a dozen kinds."""
    from naba.models.encoder.options import Training
    from naba.models.encoder.training import FineTuning

    folder, _ = killed
    (file,) = folder.iterdir()
    content, generator = file.read_bytes(), np.random.default_rng(0)
    model = _fit(headlines, training=OPTIONS["training"] | {"epochs": 1})
    tuning = FineTuning(model._forward(training=True), Training(), None, 0, None)
    store = Store(folder, file.stem.removeprefix("training-"))
    assert store.path == file
    before = {name: value.clone() for name, value in model.model_.state_dict().items()}
    for _ in range(40):
        for damaged in _damaged(content, generator):
            file.write_bytes(damaged)
            caplog.clear()
            assert store.restore(tuning) is None
            (said,) = caplog.messages
            assert "cannot be read (it is damaged" in said
    assert all((value == before[name]).all() for name, value in model.model_.state_dict().items())
    caplog.clear()
    file.write_bytes(content)
    progress = store.restore(tuning)
    assert (progress.epoch, progress.step) == (1, 4)
    assert not caplog.messages


def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(killed, headlines, monkeypatch):
    import torch

    folder, whole = killed
    (file,) = folder.iterdir()
    content = file.read_bytes()

    def full(state, path):
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(OSError, match="No space left"):
            _fit(headlines, checkpoint_folder=folder)
    assert [path.read_bytes() for path in folder.iterdir()] == [content]
    # What a killed save leaves goes with the checkpoint.
    (folder / f"{file.name}.4711-00ff.part").write_bytes(b"half of it")
    assert np.array_equal(
        _fit(headlines, checkpoint_folder=folder).predict_proba(headlines[0]), whole.predict_proba(headlines[0])
    )
    assert not folder.exists()


TOGETHER = """
import pathlib, pickle, sys
from naba.models import from_scratch
from naba.models.encoder.checkpoints import Store
class Killed(BaseException):
    pass
folder, rank = pathlib.Path(sys.argv[1]), sys.argv[2]
X, y, options, homes, dies = pickle.loads((folder / "task.pickle").read_bytes())
saved, finish = Store.save, []
def save(self, tuning, progress):
    saved(self, tuning, progress)
    finish.append(progress.epoch)
    if dies and len(finish) == 2:
        raise Killed
Store.save = save
model = from_scratch(**options, checkpoint_folder=folder / homes[int(rank)])
try:
    model.fit(X, y, validation=(X[::6], y[::6]))
except Killed:
    sys.exit(0)
(folder / f"result{rank}.pickle").write_bytes(pickle.dumps((model.predict_proba(X), model.history_, finish[0])))
"""


@pytest.mark.slow
def test_processes_that_do_not_have_one_checkpoint_all_begin_anew(headlines, tmp_path, capfd):
    """Homes of their own, as on two machines: alone, the first would go on while the second begins."""
    import torch

    def together(homes, *, dies=False):
        options = OPTIONS | {"training": OPTIONS["training"] | {"checkpoint_steps": 100}}
        (tmp_path / "task.pickle").write_bytes(pickle.dumps((*headlines, options, homes, dies)))
        capfd.readouterr()
        run_two(TOGETHER, tmp_path)
        said = [line for line in capfd.readouterr().err.splitlines() if "starts again" in line]
        if dies:
            return said
        results = [pickle.loads((tmp_path / f"result{rank}.pickle").read_bytes()) for rank in range(2)]
        assert np.array_equal(results[0][0], results[1][0])
        return said, *results[0]

    said, whole, _, _ = together(["whole", "whole"])
    assert said == []
    together(["one", "one"], dies=True)
    (file,) = (tmp_path / "one").iterdir()
    assert torch.load(file, weights_only=True)["progress"]["epoch"] == 2
    shutil.copytree(tmp_path / "one", tmp_path / "three")
    said, probabilities, history, first_saved = together(["one", "none"])
    assert len(said) == 1
    assert said[0].endswith(f"checkpoint {file} is not the same for every process")
    assert (len(history), first_saved) == (3, 1)
    assert np.array_equal(probabilities, whole)
    said, probabilities, history, first_saved = together(["three", "three"])
    assert (said, len(history), first_saved) == ([], 3, 3)


TRAIN = (
    "train", "model=encoder_small", "dataset=synthetic_claim_type", "model.architecture.layers=1",
    "model.architecture.hidden=64", "model.architecture.heads=2", "model.training.epochs=4", "evaluation.resamples=50",
    "model.training.threads=1", "tracking.log_model=false", "tracking.figures=false",
    # `auto` is measured once for each home, and two homes may find another precision the faster one.
    "model.training.precision=float32",
)  # fmt: skip


def _train(home, *overrides):
    home.mkdir(exist_ok=True)
    environment = os.environ | {"NABA_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, "-m", "naba.cli", *TRAIN, *overrides],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _finished(home):
    (run,) = tracking.search(f"sqlite:///{home / 'mlflow.db'}", {})
    predictions = run.predictions()
    return run, predictions


@pytest.mark.slow
def test_naba_train_killed_and_started_again_ends_as_an_undisturbed_run(tmp_path, empty_store):
    """Also: the learning curves of the epochs before the kill and after it stand in MLflow under their names."""
    import torch

    homes = {name: tmp_path / name for name in ("killed", "whole")}
    for home in homes.values():
        home.mkdir()
        copy_store(empty_store, home)
    first = _train(homes["killed"])
    checkpoints = homes["killed"] / "checkpoints"
    while not list(checkpoints.glob("*/training-*.pt")):
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    ((file,),) = [list(folder.glob("*.pt")) for folder in checkpoints.iterdir()]
    before = torch.load(file, weights_only=True)["progress"]["history"]
    assert 1 <= len(before) < 4

    for home in homes.values():
        process = _train(home)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    (resumed, answers), (whole, expected) = (_finished(home) for home in homes.values())
    assert resumed.tags["naba.identity"] == whole.tags["naba.identity"] == file.parent.name
    assert answers.ids.tolist() == expected.ids.tolist()
    assert answers.probabilities.tobytes() == expected.probabilities.tobytes()
    assert not list(checkpoints.iterdir())

    def curve(home, name):
        run, _ = _finished(home)
        found = tracking.client(f"sqlite:///{home / 'mlflow.db'}").get_metric_history(run.id, f"epoch/{name}")
        return {point.step: point.value for point in found}

    for name in ("train_loss", "learning_rate", "validation_loss", "validation_macro_f1"):
        found = curve(homes["killed"], name)
        assert sorted(found) == [1, 2, 3, 4][: len(found)]
        assert len(found) >= 2
        assert found == curve(homes["whole"], name)
    seconds = curve(homes["killed"], "train_seconds")
    assert [seconds[entry["epoch"]] for entry in before] == [entry["train_seconds"] for entry in before]
