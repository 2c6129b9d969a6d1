"""Classifier directories that are damaged, or written by an attacker: refused, and nothing in them does harm."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from test_folder import DESCRIPTION, LABELS, fitted, table

from naba.arabic.profile import NEWS
from naba.classifier import folder as directory
from naba.errors import UserError
from naba.models import blended
from naba.models.pairs.vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = "classifier.skops"


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
    directory.seal(folder, json.loads((folder / "naba.json").read_text(encoding="utf-8")))
    return folder


def changed(folder: Path, file: str, change: Any) -> Path:
    content = json.loads((folder / file).read_text(encoding="utf-8"))
    change(content)
    if file == "naba.json":
        content["sha256"] = directory.digest(content)
    (folder / file).write_text(json.dumps(content), encoding="utf-8")
    return folder if file == "naba.json" else sealed(folder)


def members(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / FILE) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(folder: Path, change: Callable[[Any, dict[str, bytes]], Any]) -> Path:
    """The folder with another estimator: `change` gets the schema and the members, and may return a schema."""
    found = members(folder)
    schema = json.loads(found["schema.json"])
    other = change(schema, found)
    found["schema.json"] = json.dumps(schema if other is None else other).encode()
    with zipfile.ZipFile(folder / FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in found.items():
            archive.writestr(name, content)
    return sealed(folder)


def attributes(node: Any, *names: str) -> Any:
    """The attributes of an object in a schema, or of one inside it."""
    for name in names:
        node = attributes(node)[name]
    return node["content"]["content"]


def array_of(node: Any, found: dict[str, bytes]) -> np.ndarray:
    return np.load(io.BytesIO(found[node["file"]]), allow_pickle=False)


def stored(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def plain(value: Any) -> dict[str, Any]:
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value)}


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


@pytest.mark.parametrize("name", [FILE, "probe.json"])
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
    weights = folder / FILE
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(UserError, match="is not the file that"):
        directory.load(folder)
    with pytest.raises(UserError, match="not a whole file"):
        directory.load(sealed(folder))


@pytest.mark.parametrize("shape", [(2**40, 2**20), (2**62,), (3,)])
def test_huge_declared_sizes_are_refused(shape: tuple[int, ...], honest: Path, tmp_path: Path) -> None:
    def change(schema: Any, found: dict[str, bytes]) -> None:
        name = attributes(schema, "classifier_")["value"]["file"]
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
        found[name] = header.getvalue() + b"\0" * 64

    with pytest.raises(UserError, match=r"the array .* in \d+ bytes"):
        directory.load(rewritten(copied(honest, tmp_path / "model"), change))


def test_a_file_that_unpacks_to_very_much_is_refused_before_it_is_unpacked(honest: Path, tmp_path: Path) -> None:
    def change(schema: Any, found: dict[str, bytes]) -> None:
        found["zeros.npy"] = bytes(300 * 2**20)

    folder = rewritten(copied(honest, tmp_path / "model"), change)
    assert (folder / FILE).stat().st_size < 2 * 2**20
    with pytest.raises(UserError, match="would unpack to"):
        directory.load(folder)


def test_other_labels_are_refused(honest: Path, tmp_path: Path) -> None:
    folder = changed(copied(honest, tmp_path / "model"), "naba.json", lambda c: c["labels"].pop("other"))
    with pytest.raises(UserError, match="answers 'other'"):
        directory.load(folder)


@pytest.mark.parametrize("change", [
    lambda c: c.update(input=["text"]), lambda c: c["labels"].update(agree="معارضة"),
    lambda c: c.update(labels=dict(reversed(c["labels"].items()))), lambda c: c.pop("sha256"),
    lambda c: c.update(format=2),
])  # fmt: skip
def test_a_description_that_was_changed_is_refused(change: Any, honest: Path, tmp_path: Path) -> None:
    folder = copied(honest, tmp_path / "model")
    content = json.loads((folder / "naba.json").read_text(encoding="utf-8"))
    change(content)
    (folder / "naba.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match="not as naba wrote it"):
        directory.load(folder)


POPEN = {"__class__": "Popen", "__module__": "subprocess", "__loader__": "ObjectNode", "content": plain(None)}
SYSTEM = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}


@pytest.mark.parametrize(
    "change",
    [
        lambda root: root.update(POPEN),
        lambda root: root.update(__class__=["Pipeline"]),
        lambda root: attributes(root).update(features=SYSTEM),
        lambda root: attributes(root).update(features=POPEN),
        lambda root: attributes(root).update(n_jobs=plain(4)),
        lambda root: attributes(root).update(__class__=plain("Pipeline")),
        lambda root: attributes(root).update(predict=plain("x")),
        lambda root: attributes(root, "features_").update(transform=plain("x")),
        lambda root: attributes(root)["classes_"]["content"].append(plain("agree")),
        lambda root: attributes(root)["classes_"]["content"].pop(),
        lambda root: attributes(root).update(probability_kind_=plain("sure")),
        lambda root: attributes(root).pop("classifier_"),
        lambda root: attributes(root).pop("probability_kind_"),
        lambda root: attributes(root, "features_").pop("names_"),
        lambda root: attributes(root, "features_").update(normalisation=plain("news")),
        lambda root: attributes(root, "classifier_").update(features=plain(3)),
        lambda root: attributes(root, "classifier_").update(features=plain(2**60)),
        lambda root: attributes(root, "classifier_")["baseline"].update(file="999.npy"),
        lambda root: attributes(root, "classifier_").update(leaf=attributes(root, "classifier_")["value"]),
        lambda root: attributes(root, "classifier_").update(n_jobs=plain(4)),
        lambda root: attributes(root, "features_", "word_space_").update(count=plain(2**40)),
        lambda root: attributes(root, "features_", "word_space_").update(count=plain(1)),
        lambda root: attributes(root, "features_", "word_space_").update(input=plain("filename")),
        lambda root: attributes(root, "features_", "word_space_").update(token_pattern=plain("(a+)+$")),
        lambda root: attributes(root, "features_", "word_space_").update(analyzer=SYSTEM),
        lambda root: attributes(root, "features_", "word_topics_").update(algorithm=plain("arpack")),
    ],
)  # fmt: skip
def test_structures_that_naba_would_not_write_are_refused(change: Any, honest: Path, tmp_path: Path) -> None:
    def write(schema: Any, _: Any) -> None:
        change(schema)

    with pytest.raises(UserError):
        directory.load(rewritten(copied(honest, tmp_path / "model"), write))


@pytest.mark.parametrize(
    ("loader", "extra"),
    [
        ("MethodNode", {"content": {"func": "touch", "obj": {}}}),
        ("OperatorFuncNode", {"attrs": {}, "__module__": "operator", "__class__": "methodcaller"}),
        ("PartialNode", {"content": {"func": SYSTEM, "args": plain(None), "kwds": plain(None), "namespace": None}}),
        ("ConstructorFromReduceNode", {"content": plain([])}),
        ("TypeNode", {"__module__": "builtins", "__class__": "eval"}),
        ("TreeNode", {"__reduce__": {"args": plain([])}, "content": plain({})}),
        ("LossNode", {"__reduce__": {"args": plain([])}, "content": plain({})}),
        ("RandomStateNode", {"content": plain({})}),
        ("RandomGeneratorNode", {"content": {}}),
        ("SparseMatrixNode", {"type": "scipy", "file": "0.npy"}),
        ("BytesNode", {"file": "0.npy"}),
        ("DefaultDictNode", {"content": {}}),
        ("CachedNode", {"__id__": 1}),
        ("_DictWithDeprecatedKeysNode", {"content": {}}),
        (None, {}),
        (["ObjectNode"], {}),
    ],
)
def test_what_skops_could_build_and_naba_never_writes_is_refused(
    loader: Any, extra: dict[str, Any], honest: Path, tmp_path: Path
) -> None:
    node = {"__class__": "x", "__module__": "y", "__loader__": loader, **extra}

    def change(schema: Any, _: Any) -> None:
        attributes(schema)["features_"] = node

    with pytest.raises(UserError, match="never built"):
        directory.load(rewritten(copied(honest, tmp_path / "model"), change))


@pytest.mark.parametrize(("module", "name"), [
    ("sklearn.neighbors._classification", "KNeighborsClassifier"), ("sklearn.pipeline", "Pipeline"),
    ("naba.models.tfidf.vectoriser", "pack_terms"), ("naba.models.no_such_module", "X"), ("naba.cli", "main"),
    ("naba.models.tfidf.vectoriser", "TfidfVectorizer"), ("naba.models..tfidf", "X"), ("antigravity", "X"),
])  # fmt: skip
def test_types_that_the_family_does_not_list_are_refused(module: str, name: str, honest: Path, tmp_path: Path) -> None:
    node = {"__class__": name, "__module__": module, "__loader__": "ObjectNode", "content": plain(None)}

    def change(schema: Any, _: Any) -> None:
        attributes(schema)["classifier_"] = node

    with pytest.raises(UserError):
        directory.load(rewritten(copied(honest, tmp_path / "model"), change))


def test_an_array_of_objects_is_not_unpickled(honest: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def change(schema: Any, found: dict[str, bytes]) -> None:
        found[attributes(schema, "classifier_")["value"]["file"]] = stored(
            np.array([Bomb(mark)], dtype=object), allow_pickle=True
        )

    with pytest.raises(UserError, match=r"the array .* is object"):
        directory.load(rewritten(copied(honest, tmp_path / "model"), change))
    assert not mark.exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(value: float, honest: Path, tmp_path: Path) -> None:
    """In a part that none of the fixed texts reaches."""

    def change(schema: Any, found: dict[str, bytes]) -> None:
        node = attributes(schema, "features_", "word_topics_")["components_"]
        weights = array_of(node, found)
        weights[-1, -1] = value
        found[node["file"]] = stored(weights)

    with pytest.raises(UserError, match="are not finite"):
        directory.load(rewritten(copied(honest, tmp_path / "model"), change))


def test_a_network_whose_weights_are_not_finite_is_refused(honest_encoder: Path, tmp_path: Path) -> None:
    folder = copied(honest_encoder, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    weights[name][-1] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="not finite"):
        directory.load(sealed(folder))


@pytest.mark.parametrize(
    ("field", "value"),
    # Trees that look at feature 0 alone are sound.
    sorted(set(product(["left", "right", "feature", "sizes", "leaf"], [0, 2**30, -1])) - {("feature", 0)}),
)
def test_trees_that_would_be_walked_for_ever_or_out_of_memory_are_refused(
    field: str, value: int, honest: Path, tmp_path: Path
) -> None:
    def change(schema: Any, found: dict[str, bytes]) -> None:
        node = attributes(schema, "classifier_")[field]
        array = array_of(node, found)
        found[node["file"]] = stored(np.full_like(array, value if array.dtype != np.uint8 else 0))

    with pytest.raises(UserError):
        directory.load(rewritten(copied(honest, tmp_path / "model"), change))


def test_weights_of_another_model_are_noticed(honest: Path, tmp_path: Path) -> None:
    def change(schema: Any, found: dict[str, bytes]) -> None:
        node = attributes(schema, "classifier_")["value"]
        array = array_of(node, found)
        found[node["file"]] = stored(array + np.arange(len(array)))

    with pytest.raises(UserError, match="does not answer as it did"):
        directory.load(rewritten(copied(honest, tmp_path / "model"), change))


@pytest.mark.parametrize("rows", [2, 4])
def test_word_vectors_that_lack_rows_or_stems_are_refused(rows: int, tmp_path: Path) -> None:
    vectors = WordVectors("source")
    vectors.stems_, vectors.table_ = ("سعر", "نفط", "سوق"), np.eye(3, 4, dtype=np.float16)
    X, y = table()
    model = blended(iterations=2, bags=1, networks=0, normalisation=NEWS)
    model.set_params(features__features__vectors=vectors).fit(X, y)
    directory.save(model, tmp_path / "model", DESCRIPTION)
    assert len(directory.load(tmp_path / "model")[0].predict(X)) == len(X)

    def change(schema: Any, found: dict[str, bytes]) -> None:
        node = attributes(schema, "features_", "features_", "vectors_")["table_"]
        found[node["file"]] = stored(np.eye(rows, 4, dtype=np.float16))

    with pytest.raises(UserError, match=f"{rows} rows for 3 stems, expected one for each"):
        directory.load(rewritten(tmp_path / "model", change))


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
    content["sha256"] = directory.digest(content)
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
    shutil.copyfile(honest / FILE, folder / FILE)

    def change(schema: Any, _: Any) -> None:
        node = schema
        for _ in range(data.draw(st.integers(0, 8))):
            items = node.values() if isinstance(node, dict) else node
            below = [item for item in items if isinstance(item, (dict, list))]
            if not below:
                break
            node = data.draw(st.sampled_from(below))
        if node:
            node[data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))] = value

    try:
        loaded, _ = directory.load(rewritten(folder, change))
    except UserError:
        return
    assert callable(loaded.predict_proba)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.binary(max_size=60) | st.just(b"[" * 100_000) | st.just(b'{"a":' * 50_000) | st.just(b"9" * 10_000))
def test_any_bytes_as_naba_json_are_refused(honest: Path, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "naba.json").write_bytes(text)
    with pytest.raises(UserError):
        directory.load(tmp_path)
