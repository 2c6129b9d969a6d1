"""Estimators in files of skops: what may be kept, said before training; and that the files are regular ones."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from test_folder import BUILDERS, DESCRIPTION, fitted, table

from naba import files, models
from naba.arabic.profile import NEWS
from naba.classifier import estimators, folder
from naba.classifier.answers import predict_table
from naba.errors import UserError
from naba.models.classifier import MOVED, Classifier, Kept
from naba.models.embeddings.features import Embedder
from naba.models.feature_classifier import FeatureClassifier
from naba.models.tfidf.classifier import SparseClassifier
from naba.models.tfidf.features import TextFeatures

OLD = Path(__file__).parents[1] / "data" / "version_0_1" / "home" / "exports"


@pytest.mark.parametrize("name", ["svm", "pair_boosting", pytest.param("stacked", marks=pytest.mark.slow), "isotonic"])
def test_skops_itself_reads_the_file(name: str, tmp_path: Path) -> None:
    from skops import io

    model = fitted(name)
    folder.save(model, tmp_path, DESCRIPTION)
    file = tmp_path / "classifier.skops"
    theirs = io.load(file, trusted=io.get_untrusted_types(file=file))
    X, _ = table(20)
    assert theirs.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


FORMER = {
    "BlendedPairs": "naba.models.pairs.blending", "Embedder": "naba.models.embeddings.embedder",
    "PairMatrix": "naba.models.pairs.words", "StackedPairs": "naba.models.pairs.stacking",
}  # fmt: skip
"""Class -> the module in which it stood when folders of this format were first written."""


def test_a_class_that_has_moved_is_found(tmp_path: Path) -> None:
    def as_before(node: Any) -> Any:
        if isinstance(node, list):
            return [as_before(one) for one in node]
        if not isinstance(node, dict):
            return node
        moved = {"__module__": FORMER[node["__class__"]]} if node.get("__class__") in FORMER else {}
        return {key: as_before(value) for key, value in node.items()} | moved

    X, y = table()
    kept = [
        models.blended(iterations=3, networks=0, bags=1, normalisation=NEWS).fit(X, y),
        fitted("stacked"),
        Embedder("./e"),
    ]
    for number, model in enumerate(kept):
        today, before = (tmp_path / f"{name}{number}.skops" for name in ("today", "before"))
        estimators.save(model, today)
        with zipfile.ZipFile(today) as read, zipfile.ZipFile(before, "w") as written:
            for member in read.namelist():
                content = read.read(member)
                if member == "schema.json":
                    schema = as_before(json.loads(content))
                    content = json.dumps(schema).encode()
                    assert schema["__module__"] in MOVED
                written.writestr(member, content)
        again = estimators.load(before)
        assert type(again) is type(model)
        if number < 2:
            assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert {*FORMER.values()} == {*MOVED}
    assert all(importlib.util.find_spec(former) is None for former in MOVED)


def numbered(node: Any, numbers: dict[int, int], files: dict[str, str]) -> None:
    """Put numbers in place of the addresses in memory that skops writes, in the order of the file."""
    if isinstance(node, list):
        for item in node:
            numbered(item, numbers, files)
    if isinstance(node, dict):
        if type(node.get("__id__")) is int:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
        if "__loader__" in node and isinstance(node.get("file"), str):
            node["file"] = files.setdefault(node["file"], f"{len(files)}.npy")
        for item in node.values():
            numbered(item, numbers, files)


@pytest.mark.filterwarnings("ignore:no threshold keeps errors")
@pytest.mark.parametrize("name", BUILDERS)
def test_the_file_says_what_skops_would_write(name: str) -> None:
    from skops.io import dumps

    model = fitted(name)
    with zipfile.ZipFile(io.BytesIO(dumps(model))) as archive:
        schema, files = json.loads(archive.read("schema.json")), dict[str, str]()
        numbered(schema, {}, files)
        theirs = {"schema.json": json.dumps(schema, separators=(",", ":")).encode()}
        theirs |= {new: archive.read(old) for old, new in files.items()}
    with zipfile.ZipFile(io.BytesIO(estimators.written(model))) as archive:
        ours = {entry: archive.read(entry) for entry in archive.namelist()}
    assert ours == theirs
    assert list(ours) == list(theirs)


@pytest.mark.parametrize("odd", [{1, 2}, np.add, len, b"bytes", np.ma.array([1.0], mask=[True])])
def test_what_no_file_holds_is_refused(odd: object, tmp_path: Path) -> None:
    model = fitted("nb")
    model.features_.odd_ = odd
    with pytest.raises(UserError):
        folder.save(model, tmp_path, DESCRIPTION)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_family_of_naba_can_be_kept(name: str) -> None:
    assert folder.why_not_kept(BUILDERS[name]()) is None


class Foreign(ClassifierMixin, BaseEstimator):
    """A scikit-learn classifier that knows nothing of naba."""


class Elsewhere(Classifier, ClassifierMixin, BaseEstimator):
    """A classifier of naba that stands in no package of builders."""


@pytest.mark.parametrize("kind", ["calibrated", "abstaining"])
def test_a_wrapper_is_asked_before_it_is_fitted(kind: str) -> None:
    inside = {"name": "inside", "builder": "tfidf_nb"}
    assert folder.why_not_kept(getattr(models, kind)(classifier=inside, seed=0, pair=True)) is None


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (SparseClassifier(TextFeatures(), KNeighborsClassifier()), "KNeighborsClassifier .*in SparseClassifier"),
        (SparseClassifier(TextFeatures(), LogisticRegression(solver="saga")), "LogisticRegression.solver is 'saga'"),
        (FeatureClassifier(TextFeatures(), LogisticRegression(n_jobs=4)), "LogisticRegression.n_jobs is 4"),
        (models.calibrated, "is no naba.models.classifier.Classifier"),
        (Foreign(), "Foreign is no naba.models.classifier.Classifier"),
        (Elsewhere(), "Elsewhere stands neither in naba.models nor beside a builder"),
    ],
)
def test_what_cannot_be_kept_says_so_before_it_is_trained(model: object, said: str) -> None:
    import re

    reason = folder.why_not_kept(model)
    assert reason is not None
    assert re.search(said, reason)


def test_what_a_family_may_hold_is_listed() -> None:
    listed = estimators.trusted_below(SparseClassifier, {})
    assert {path.rpartition(".")[2] for path in listed} == {
        "LogisticRegression", "LinearSVC", "MultinomialNB", "ComplementNB",
    }  # fmt: skip
    assert all(issubclass(kind, BaseEstimator) and not issubclass(kind, Kept) for kind, _ in listed.values())


@pytest.mark.parametrize("name", ["nb", "encoder"])
def test_whoever_reads_one_file_reads_all(name: str, tmp_path: Path) -> None:
    folder.save(fitted(name), tmp_path, DESCRIPTION)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    (tmp_path / "plain").write_text("as other files are made")
    assert set(modes.values()) == {stat.S_IMODE((tmp_path / "plain").stat().st_mode)}


def test_a_model_that_diverged_is_not_kept(tmp_path: Path) -> None:
    model = fitted("logreg")
    model.classifier_.intercept_[:] = np.nan
    with pytest.raises(UserError, match="not finite"):
        folder.save(model, tmp_path, DESCRIPTION)


def test_an_answer_that_is_no_number_is_an_error() -> None:
    model = fitted("logreg")
    X, _ = table(4)
    model.classifier_.coef_[:, model.features_.vectorisers_["word"].vocabulary_["ارتفاع"]] = np.nan
    with pytest.raises(UserError, match="no finite probabilities for"):
        predict_table(model, {"labels": DESCRIPTION["labels"], "input": ["text", "target"]}, X)


@pytest.mark.parametrize("name", ["tfidf_logreg", "pair_boosting", "calibrated"])
def test_a_folder_of_version_0_1_is_written_again_in_the_format_of_today(name: str, tmp_path: Path) -> None:
    model, description = folder.load(OLD / name)
    folder.save(model, tmp_path / "new", description)
    again, described = folder.load(tmp_path / "new")
    X, _ = table(20)
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert (description["format"], described["format"]) == (2, 3)


@pytest.mark.parametrize("old", ["LogisticRegression", "SparseClassifier", "TextFeatures"])
def test_a_folder_of_version_0_1_names_no_code_either(old: str, tmp_path: Path) -> None:
    copy = shutil.copytree(OLD / "tfidf_logreg", tmp_path / "model")
    file = copy / "classifier.json"
    file.write_text(file.read_text(encoding="utf-8").replace(f'"class":"{old}"', '"class":"subprocess.Popen"'))
    description = folder.describe(copy)
    description["files"]["classifier.json"] = {
        "bytes": file.stat().st_size, "sha256": files.sha256(file),
    }  # fmt: skip
    (copy / "naba.json").write_text(json.dumps(description), encoding="utf-8")
    with pytest.raises(UserError, match=r"unknown class 'subprocess\.Popen'"):
        folder.load(copy)
