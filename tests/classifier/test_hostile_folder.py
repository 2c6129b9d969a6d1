"""Classifier directories that are damaged, or written by an attacker: refused, and nothing in them does harm."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from test_folder import DESCRIPTION, LABELS, fitted, table

from naba.arabic.profile import NEWS
from naba.classifier import folder as directory
from naba.errors import UserError
from naba.models import blended
from naba.models.pairs.vectors import WordVectors


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honest")
    directory.save(fitted("pair_boosting"), folder, DESCRIPTION)
    return folder


@pytest.fixture(scope="module")
def honest_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honest_encoder")
    directory.save(fitted("encoder"), folder, DESCRIPTION)
    return folder


def copied(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target


def sealed(folder: Path) -> Path:
    """Sizes and hashes as an attacker would write them."""
    description = json.loads((folder / "naba.json").read_text(encoding="utf-8"))
    directory.write_description(folder, description)
    return folder


def changed(folder: Path, file: str, change: Any) -> Path:
    content = json.loads((folder / file).read_text(encoding="utf-8"))
    change(content)
    (folder / file).write_text(json.dumps(content), encoding="utf-8")
    return folder if file == "naba.json" else sealed(folder)


class Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("name", ["classifier.joblib", "weights.PKL", "pytorch_model.bin", "training_args.bin", "x.py"])
def test_a_pickle_in_the_folder_is_refused_and_not_run(name: str, honest: Path, tmp_path: Path) -> None:
    folder, mark = copied(honest, tmp_path / "model"), tmp_path / "mark"
    (folder / name).write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(UserError, match="can run code"):
        directory.load(folder)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["classifier.safetensors", "classifier.json"])
def test_a_pickle_under_the_name_of_the_weights_is_not_run(name: str, honest: Path, tmp_path: Path) -> None:
    folder, mark = copied(honest, tmp_path / "model"), tmp_path / "mark"
    (folder / name).write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(UserError):
        directory.load(sealed(folder))
    assert not mark.exists()


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..", "", "C:\\x"])
def test_names_that_leave_the_folder_are_refused(name: str, honest: Path, tmp_path: Path) -> None:
    folder = copied(honest, tmp_path / "model")
    entry = {"bytes": 1, "sha256": "0" * 64}
    changed(folder, "naba.json", lambda content: content["files"].update({name: entry}))
    with pytest.raises(UserError, match="plain file name"):
        directory.load(folder)


def test_cut_or_changed_weights_are_refused(honest: Path, tmp_path: Path) -> None:
    folder = copied(honest, tmp_path / "model")
    weights = folder / "classifier.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(UserError, match="is not the file that"):
        directory.load(folder)
    with pytest.raises(UserError, match="not a whole safetensors file"):
        directory.load(sealed(folder))


def test_huge_declared_sizes_are_refused(honest: Path, tmp_path: Path) -> None:
    folder = copied(honest, tmp_path / "model")
    header = json.dumps({"a0": {"dtype": "F64", "shape": [2**40, 2**20], "data_offsets": [0, 2**63]}}).encode()
    for content in (len(header).to_bytes(8, "little") + header, (2**62).to_bytes(8, "little") + header, b""):
        (folder / "classifier.safetensors").write_bytes(content)
        with pytest.raises(UserError, match="not a whole safetensors file"):
            directory.load(sealed(folder))


def test_other_labels_are_refused(honest: Path, tmp_path: Path) -> None:
    folder = changed(copied(honest, tmp_path / "model"), "naba.json", lambda c: c["labels"].pop("other"))
    with pytest.raises(UserError, match="answers 'other'"):
        directory.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.update({"class": "subprocess.Popen"}),
        lambda model: model.update({"class": ["Pipeline"]}),
        lambda model: model["params"].update(features={"function": "os.system"}),
        lambda model: model["params"].update(n_jobs=4),
        lambda model: model["state"].update(__class__={"class": "Pipeline", "params": {"steps": []}}),
        lambda model: model["state"].update(classes_={"labels": ["agree", "disagree", "agree"]}),
        lambda model: model["state"].update(classes_={"labels": ["agree", "disagree"]}),
        lambda model: model["state"].update(probability_kind_="sure"),
        lambda model: model["state"].pop("classifier_"),
        lambda model: model["state"]["features_"]["state"].pop("names_"),
        lambda model: model["state"]["classifier_"]["state"].update(features=3),
        lambda model: model["state"]["classifier_"]["state"].update(features=2**60),
        lambda model: model["state"]["classifier_"]["state"].update(baseline={"array": "a999"}),
        lambda model: model["state"]["classifier_"]["state"].update(leaf={"array": "a0"}),
        lambda model: model["state"]["features_"]["state"]["word_space_"]["state"].update(count=2**40),
        lambda model: model["state"]["features_"]["state"]["word_space_"]["state"].update(count=1),
        lambda model: model["state"]["features_"]["state"]["word_space_"]["params"].update(input="filename"),
        lambda model: model["state"]["features_"]["state"]["word_space_"]["params"].update(token_pattern="(a+)+$"),
    ],
)  # fmt: skip
def test_structures_that_naba_would_not_write_are_refused(change: Any, honest: Path, tmp_path: Path) -> None:
    folder = changed(copied(honest, tmp_path / "model"), "classifier.json", lambda content: change(content["model"]))
    with pytest.raises(UserError):
        directory.load(folder)


@pytest.mark.parametrize("field", ["left", "right", "feature", "sizes", "leaf"])
def test_trees_that_would_be_walked_for_ever_or_out_of_memory_are_refused(
    field: str, honest: Path, tmp_path: Path
) -> None:
    folder = copied(honest, tmp_path / "model")
    content = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
    name = content["model"]["state"]["classifier_"]["state"][field]["array"]
    weights = load_file(folder / "classifier.safetensors")
    for value in (0, 2**30, -1):
        wrong = dict(weights)
        wrong[name] = np.full_like(weights[name], value if weights[name].dtype != np.uint8 else 0)
        if np.array_equal(wrong[name], weights[name]) or (field == "feature" and value == 0):
            continue
        save_file(wrong, folder / "classifier.safetensors")
        with pytest.raises(UserError):
            directory.load(sealed(folder))


def test_weights_of_another_model_are_noticed(honest: Path, tmp_path: Path) -> None:
    folder = copied(honest, tmp_path / "model")
    weights = load_file(folder / "classifier.safetensors")
    content = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
    name = content["model"]["state"]["classifier_"]["state"]["value"]["array"]
    weights[name] = weights[name] + np.arange(len(weights[name]))
    save_file(weights, folder / "classifier.safetensors")
    with pytest.raises(UserError, match="does not answer as it did"):
        directory.load(sealed(folder))


@pytest.mark.parametrize("stems", [("سعر", "نفط", "سوق", "ذهب"), ("سعر", "نفط")])
def test_word_vectors_that_lack_rows_or_stems_are_refused(
    stems: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learnt(self: WordVectors) -> WordVectors:
        self.stems_, self.table_ = ("سعر", "نفط", "سوق"), np.eye(3, 4, dtype=np.float16)
        return self

    monkeypatch.setattr(WordVectors, "fit", learnt)
    X, y = table()
    model = blended(iterations=2, bags=1, networks=0, background="saudinewsnet", normalisation=NEWS).fit(X, y)
    directory.save(model, tmp_path / "model", DESCRIPTION)
    assert len(directory.load(tmp_path / "model")[0].predict(X)) == len(X)

    def change(content: Any) -> None:
        matrix = content["model"]["state"]["features_"]
        vectors = matrix["state"]["features_"]["state"]["vectors_"]
        vectors["state"]["stems_"] = {"tuple": list(stems)}

    with pytest.raises(UserError, match=f"3 rows for {len(stems)} stems, expected one for each"):
        directory.load(changed(tmp_path / "model", "classifier.json", change))


@pytest.mark.parametrize(
    "change",
    [
        {"auto_map": {"AutoModelForSequenceClassification": "evil.Model"}},
        {"attn_implementation": "someone/kernel"},
        {"model_type": "../evil"},
        {"model_type": "gpt2"},
        {"hidden_size": 2**40},
        {"num_hidden_layers": 10**9},
        {"num_hidden_layers": "many"},
        {"vocab_size": 10**12},
        {"id2label": {"0": "agree", "1": "other", "2": "disagree"}},
        {"num_attention_heads": 0},
        {"hidden_act": "import os"},
    ],
)  # fmt: skip
def test_hostile_encoder_configurations_are_refused(
    change: dict[str, Any], honest_encoder: Path, tmp_path: Path
) -> None:
    folder = changed(copied(honest_encoder, tmp_path / "model"), "config.json", lambda content: content.update(change))
    with pytest.raises(UserError):
        directory.load(folder)


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors", "config.json"])
def test_broken_encoder_files_are_refused(name: str, honest_encoder: Path, tmp_path: Path) -> None:
    folder = copied(honest_encoder, tmp_path / "model")
    for content in (b"", b"{}", (folder / name).read_bytes()[:-40], b"\x80\x04." * 9):
        (folder / name).write_bytes(content)
        with pytest.raises(UserError):
            directory.load(sealed(folder))


def test_a_directory_of_the_old_format_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "naba.json").write_text(json.dumps({"format": 1, "labels": LABELS, "input": ["text"]}))
    with pytest.raises(UserError, match="older naba"):
        directory.load(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["format", "kind", "labels", "input", "normalisation", "normalisation_hash", "probabilities", "calibration",
        "abstain", "seed", "versions", "metrics", "rows", "provenance", "files", "task", "onnx"]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(KEYS) | st.text(max_size=6), value=JSON, whole=st.booleans())
def test_any_naba_json_loads_or_is_refused(honest: Path, tmp_path: Path, key: str, value: Any, whole: bool) -> None:
    folder = tmp_path / "fuzzed"
    if not folder.exists():
        copied(honest, folder)
    content = json.loads((honest / "naba.json").read_text(encoding="utf-8"))
    content[key] = value
    (folder / "naba.json").write_text(json.dumps(value if whole else content), encoding="utf-8")
    try:
        loaded, _ = directory.load(folder)
    except UserError:
        return
    assert loaded.classes_.tolist() == list(LABELS)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=JSON)
def test_any_structure_loads_or_is_refused(honest: Path, tmp_path: Path, data: st.DataObject, value: Any) -> None:
    folder = tmp_path / "fuzzed"
    if not folder.exists():
        copied(honest, folder)
    content = json.loads((honest / "classifier.json").read_text(encoding="utf-8"))
    node = content
    for _ in range(data.draw(st.integers(0, 6))):
        below = [item for item in (node.values() if isinstance(node, dict) else node) if isinstance(item, (dict, list))]
        if not below:
            break
        node = data.draw(st.sampled_from(below))
    place = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node)))) if node else None
    if place is None:
        return
    node[place] = value
    (folder / "classifier.json").write_text(json.dumps(content), encoding="utf-8")
    try:
        loaded, _ = directory.load(sealed(folder))
    except UserError:
        return
    assert hasattr(loaded, "predict_proba")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.binary(max_size=60) | st.just(b"[" * 100_000) | st.just(b'{"a":' * 50_000) | st.just(b"9" * 10_000))
def test_any_bytes_as_naba_json_are_refused(honest: Path, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "naba.json").write_bytes(text)
    with pytest.raises(UserError):
        directory.load(tmp_path)
