"""The classifier directory: the same answers after loading, and nothing in it can do harm."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from naba.arabic.profile import NEWS
from naba.errors import UserError
from naba.export import directory
from naba.models import baselines, boosting, calibration, claim_guideline, claims, encoder, sparse, stacking

PLACES = ["مصر", "الأردن", "تونس", "المغرب", "العراق", "لبنان", "قطر", "عمان", "دمشق", "القدس"]
VERBS = {"agree": ["ارتفاع", "صعود"], "disagree": ["انخفاض", "هبوط"], "other": ["استقرار", "ثبات"]}
LABELS = {"agree": "تأييد", "disagree": "معارضة", "other": "أخرى"}
DESCRIPTION = {
    "task": "stance",
    "labels": LABELS,
    "input": ["text", "target"],
    "normalisation": NEWS.to_dict(),
    "metrics": {"test/macro_f1": [0.5, 0.4, float("nan")]},
}


def table(rows: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    drawn = np.random.default_rng(0)
    labels = [list(VERBS)[row % 3] for row in range(rows)]
    texts = [f"{drawn.choice(VERBS[label])} أسعار النفط في {drawn.choice(PLACES)} {row % 7}" for row, label in
             enumerate(labels)]  # fmt: skip
    targets = [f"ارتفاع النفط في {drawn.choice(PLACES)}، وزير يؤكد" for _ in labels]
    return pd.DataFrame({"text": texts, "target": targets}, dtype=object), np.array(labels, dtype=object)


def small_encoder() -> Any:
    return encoder.from_scratch(
        architecture={"layers": 1, "hidden": 16, "heads": 2, "vocabulary": 200},
        reading={"max_length": 32},
        training={"epochs": 1, "threads": 1},
        normalisation=NEWS,
        pair=True,
    )


def wrapped(config: dict[str, Any], method: str) -> Any:
    return calibration.calibrated(classifier=config, method=method, seed=0, normalisation=NEWS, pair=True)


NB = {"name": "tfidf_nb", "_target_": "naba.models.sparse.tfidf_nb"}
TREES = {"name": "pair_boosting", "_target_": "naba.models.boosting.pair_boosting", "iterations": 3, "components": 5}
ENCODER = {
    "name": "encoder_small", "_target_": "naba.models.encoder.from_scratch",
    "architecture": {"layers": 1, "hidden": 16, "heads": 2, "vocabulary": 200},
    "reading": {"max_length": 32}, "training": {"epochs": 1, "threads": 1},
}  # fmt: skip
BUILDERS: dict[str, Any] = {
    "majority": baselines.majority,
    "stratified_random": lambda: baselines.stratified_random(seed=3),
    "logreg": lambda: sparse.tfidf_logreg(normalisation=NEWS, pair=True),
    "logreg_words_single": lambda: sparse.tfidf_logreg(characters_to=0),
    "svm": lambda: sparse.tfidf_svm(normalisation=NEWS, pair=True),
    "nb": lambda: sparse.tfidf_nb(pair=True),
    "complement_nb": lambda: sparse.tfidf_nb(kind="complement", pair=True),
    "pair_linear": lambda: boosting.pair_linear(components=5, normalisation=NEWS),
    "pair_boosting": lambda: boosting.pair_boosting(iterations=5, components=5, normalisation=NEWS),
    "claim_linear": lambda: claims.claim_linear(normalisation=NEWS),
    "claim_guideline": lambda: claim_guideline.claim_guideline(normalisation=NEWS),
    "claim_boosting": lambda: claims.claim_boosting(iterations=5, components=5, normalisation=NEWS),
    "stacked": lambda: stacking.stacked(iterations=3, normalisation=NEWS),
    "temperature_trees": lambda: wrapped(TREES, "temperature"),
    "isotonic": lambda: wrapped(NB, "isotonic"),
    "abstaining": lambda: calibration.abstaining(classifier=NB, seed=0, normalisation=NEWS, pair=True, risk=0.5),
    "encoder": small_encoder,
    "calibrated_encoder": lambda: wrapped(ENCODER, "temperature"),
}


def fitted(name: str) -> Any:
    X, y = table()
    model = BUILDERS[name]()
    inner = ("temperature_trees", "isotonic", "abstaining", "calibrated_encoder")
    return model.fit(X, y, validation=table(60)) if name in inner else model.fit(X, y)


@pytest.mark.filterwarnings("ignore:no threshold keeps errors")
@pytest.mark.parametrize("name", BUILDERS)
def test_answers_are_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    model = fitted(name)
    written = directory.save(model, tmp_path / "model", DESCRIPTION)
    loaded, description = directory.load(tmp_path / "model")
    X, _ = table(50)
    X.loc[len(X)] = ["نص لم يره النموذج: 5 ملايين؟", ""]
    assert loaded.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
    assert loaded.probability_kind_ == model.probability_kind_ == description["probabilities"]
    assert written == directory.size(tmp_path / "model")
    assert type(loaded) is type(model)
    if name == "abstaining":
        assert loaded.abstains(X).tolist() == model.abstains(X).tolist()
        assert description["abstain"]["threshold"] == (None if np.isinf(model.threshold_) else model.threshold_)


def test_two_labels_are_the_same_too(tmp_path: Path) -> None:
    X, y = table()
    y[y == "other"] = "agree"
    for number, model in enumerate((
        boosting.pair_boosting(iterations=3, components=5), boosting.pair_linear(components=5),
        sparse.tfidf_svm(pair=True), stacking.stacked(iterations=2),
    )):  # fmt: skip
        model.fit(X, y)
        directory.save(model, tmp_path / str(number), DESCRIPTION)
        assert directory.load(tmp_path / str(number))[0].predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_a_loaded_model_can_be_saved_again(tmp_path: Path) -> None:
    model = fitted("pair_boosting")
    directory.save(model, tmp_path / "first", DESCRIPTION)
    loaded, _ = directory.load(tmp_path / "first")
    directory.save(loaded, tmp_path / "second", DESCRIPTION)
    for name in ("classifier.json", "classifier.safetensors"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_an_encoder_directory_is_a_hugging_face_folder(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = fitted("encoder")
    directory.save(model, tmp_path / "model", DESCRIPTION)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model", local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model", local_files_only=True)
    assert theirs.config.id2label == dict(enumerate(model.classes_))
    X, _ = table(4)
    prepared = [NEWS_TEXT(text) for text in X["text"]], [NEWS_TEXT(text) for text in X["target"]]
    encoded = tokenizer(prepared[1], prepared[0], padding=True, return_tensors="pt")
    with torch.no_grad():
        scores = theirs(**encoded).logits.softmax(-1).numpy()
    assert np.allclose(scores, model.predict_proba(X), atol=1e-5)


def NEWS_TEXT(text: str) -> str:  # noqa: N802
    from naba.arabic.normalise import normalise

    return normalise(text, NEWS)


def test_names_of_files_and_labels_are_described(tmp_path: Path) -> None:
    directory.save(fitted("nb"), tmp_path, DESCRIPTION)
    found = json.loads((tmp_path / "naba.json").read_text(encoding="utf-8"))
    assert found["labels"] == LABELS
    assert found["normalisation_hash"] == NEWS.hash
    assert found["metrics"] == {"test/macro_f1": [0.5, 0.4, None]}
    assert set(found["files"]) == {"classifier.json", "classifier.safetensors"}


def test_a_class_that_is_not_listed_is_not_saved(tmp_path: Path) -> None:
    from sklearn.neighbors import KNeighborsClassifier

    X, y = table()
    model = sparse.tfidf_nb(pair=True).fit(X, y)
    model.classifier_ = KNeighborsClassifier()
    with pytest.raises(UserError, match="KNeighborsClassifier cannot be saved"):
        directory.save(model, tmp_path, DESCRIPTION)


# --- hostile directories ------------------------------------------------------------------------------------------


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
