"""Builders by name: their options, the messages about wrong ones, and what a family costs that lies elsewhere."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from compositions import composed
from naba import config, models
from naba.classifier import folder
from naba.config import builders, packages
from naba.errors import Problems, UserError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", models.BUILDERS)
def test_every_builder_has_its_name_and_says_what_each_option_means(name: str) -> None:
    kind = builders.options_class(name)
    assert kind.builder == name
    assert kind.__doc__
    groups = [kind, *(field.default_factory for field in dataclasses.fields(kind) if callable(field.default_factory))]
    for group in groups:
        said = builders.documentation(group)
        for field in dataclasses.fields(group):
            assert said.get(field.name), f"{group.__name__}.{field.name} is not documented"


def test_two_fields_may_share_a_line_and_a_line_may_go_on() -> None:
    class Shared:
        """Something.

        Attributes:
            left, right: of the pair,
                in this order.
            depth: of both: the deeper one.
        """

    assert builders.documentation(Shared) == {
        "left": "of the pair, in this order.",
        "right": "of the pair, in this order.",
        "depth": "of both: the deeper one.",
    }


@pytest.mark.parametrize("name", config.names("model"))
def test_every_model_yaml_says_all_of_its_options(name: str) -> None:
    section = composed(name).model
    options, problems = builders.checked(section)
    assert not problems
    assert not set(options) - set(section), "a YAML is where users see what they can set"


def test_checking_a_model_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom naba import config\nfrom naba.config import builders\n"
        "for name in set(config.names('model')) - {'calibrated', 'abstaining'}:\n"
        "    assert not builders.checked(config.section('model', name))[1]\n"
        "print(sorted({'sklearn', 'torch', 'transformers', 'pandas', 'numpy', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_problems_of_a_model_are_said_at_once_with_those_of_the_model_inside() -> None:
    inner = {"name": "inner", "builder": "tfidf_logreg", "C": -1, "word": 2}
    _, problems = builders.checked({"name": "m", "builder": "calibrated", "method": "platt", "classifier": inner})
    text = "\n".join(problems)
    assert "model.classifier.C: expected greater than 0, got -1" in text
    assert "unknown key 'model.classifier.word'; did you mean 'model.classifier.words'" in text
    assert "model.method: expected 'temperature' or 'isotonic', got 'platt'" in text
    assert len(problems) == 3


@pytest.mark.parametrize("wrong", [True, "3", None, float("nan")])
def test_a_number_is_a_number(wrong: object) -> None:
    _, problems = builders.checked({"builder": "tfidf_logreg", "C": wrong})
    assert len(problems) == 1
    assert problems[0].startswith("model.C: expected")


FAMILY = '''
"""A family of its own: options and classifier in one file."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from naba.config.builders import Context, Options
from naba.config.schema import PositiveInteger
from naba.models.classifier import Classifier


class Longest(Classifier, ClassifierMixin, BaseEstimator):
    def __init__(self, words=5):
        self.words = words

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.probability_kind_ = "one_hot"
        return self

    def predict(self, X):
        places = [-1 if len(text.split()) > self.words else 0 for text in X["text"]]
        return self.classes_[places]

    def predict_proba(self, X):
        return (self.predict(X)[:, None] == self.classes_[None, :]).astype(float)


@dataclass(frozen=True, kw_only=True)
class LongestOptions(Options, builder="longest"):
    """The last label for texts of more than some words, the first for others.

    Attributes:
        words: the limit.
    """

    words: PositiveInteger = 5

    def build(self, context: Context) -> Longest:
        return Longest(self.words)
'''


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch):
    """Modules and folders that a package brings are gone after the test."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(builders, "_REGISTERED", {**builders._REGISTERED})
    yield
    for name in ("longest", "own_code", "own_code.longest_text", "longest_package", "half_a_family"):
        sys.modules.pop(name, None)
    packages._load.cache_clear()
    packages._allowed.cache_clear()


def test_a_family_from_a_folder_of_the_user_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None
) -> None:
    code = tmp_path / "own_code"
    code.mkdir()
    (code / "longest_text.py").write_text(FAMILY, encoding="utf-8")
    with pytest.raises(UserError, match="unknown builder 'longest'"):
        builders.options({"name": "mine", "builder": "longest"})
    monkeypatch.setenv("NABA_PACKAGES", str(code))
    options = builders.options({"name": "mine", "builder": "longest", "words": 3})
    model = options.build(builders.Context())
    assert model.words == 3
    X = pd.DataFrame({"text": ["one two", "one two three four"], "target": ["", ""]}, dtype=object)
    model.fit(X, np.array(["long", "short"], dtype=object))
    assert folder.why_not_kept(model) is None
    folder.save(model, tmp_path / "kept", {"labels": {"long": "طويل", "short": "قصير"}, "input": ["text"]})
    assert folder.load(tmp_path / "kept")[0].predict(X).tolist() == model.predict(X).tolist()
    with pytest.raises(Problems, match=r"model\.words: expected greater than 0, got 0"):
        builders.options({"name": "mine", "builder": "longest", "words": 0})


def test_a_family_from_an_installed_package_is_found_by_its_entry_point_unless_none_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None
) -> None:
    (tmp_path / "longest_package.py").write_text(FAMILY, encoding="utf-8")
    metadata = tmp_path / "longest_package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: longest-package\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[naba]\nlongest = longest_package\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    packages._allowed.cache_clear()
    monkeypatch.setenv("NABA_NO_PACKAGES", "1")
    with pytest.raises(UserError, match="unknown builder 'longest'"):
        builders.options({"builder": "longest", "words": 2})
    monkeypatch.delenv("NABA_NO_PACKAGES")
    assert builders.options({"builder": "longest", "words": 2}).build(builders.Context()).words == 2
    assert "longest" in builders.names()
    (package,) = packages.allowed()
    assert (package.name, package.source) == ("longest_package", "entry point of longest-package 1.0")


def test_a_package_that_is_not_there_cannot_be_imported_or_hides_a_module_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None
) -> None:
    (tmp_path / "json.py").write_text("", encoding="utf-8")
    monkeypatch.setenv("NABA_PACKAGES", str(tmp_path / "json.py"))
    with pytest.raises(UserError, match=r"json\.py: another module is called 'json'"):
        packages.load()
    (tmp_path / "half_a_family.py").write_text("import nothing_of_this_name", encoding="utf-8")
    monkeypatch.setenv("NABA_PACKAGES", str(tmp_path / "half_a_family.py"))
    with pytest.raises(UserError, match=r"half_a_family .* cannot be imported: ModuleNotFoundError"):
        packages.load()
    monkeypatch.setenv("NABA_PACKAGES", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="which does not exist"):
        packages.load()
    monkeypatch.setenv("NABA_PACKAGES", "sckit_learn")
    with pytest.raises(UserError, match=r"'sckit_learn' .* cannot be found; did you mean"):
        builders.names()


def test_a_file_in_the_current_folder_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None
) -> None:
    (tmp_path / "longest.py").write_text(FAMILY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="unknown builder 'longest'"):
        builders.options({"builder": "longest"})
    with pytest.raises(UserError, match="unknown builder"):
        builders.options({"builder": "longest:LongestOptions"})
    with pytest.raises(UserError, match="the package 'longest' is not allowed"):
        builders.options({"builder": "longest.Longest"})


def test_readers_take_the_options_of_their_signatures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = config.yaml_path("dataset", "article_stance").read_text(encoding="utf-8")
    (tmp_path / "dataset").mkdir()
    changed = text.replace("reader: article_stance", "reader: table\noptions: {delimiter: 3, quotes: false}")
    (tmp_path / "dataset" / "mine.yaml").write_text(changed, encoding="utf-8")
    monkeypatch.setenv("NABA_CONF", str(tmp_path))
    with pytest.raises(Problems) as caught:
        config.dataset_config("mine")
    text = str(caught.value)
    assert "dataset.options.delimiter: expected text" in text
    assert "unknown key 'dataset.options.quotes'; did you mean 'dataset.options.quoting'" in text
    assert "mine.yaml" in text


def test_a_reader_from_elsewhere_is_known_to_the_check_and_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from naba.data.corpora import readers

    monkeypatch.setattr(readers, "READERS", {**readers.READERS})

    def shouted(files: list, marks: int = 1) -> object:
        return readers.table(files)

    readers.reader(shouted)
    text = config.yaml_path("dataset", "article_stance").read_text(encoding="utf-8")
    (tmp_path / "dataset").mkdir()
    changed = text.replace("reader: article_stance", "reader: shouted\noptions: {marks: 2}")
    (tmp_path / "dataset" / "mine.yaml").write_text(changed, encoding="utf-8")
    monkeypatch.setenv("NABA_CONF", str(tmp_path))
    assert config.dataset_config("mine").options == {"marks": 2}


def test_background_sets_of_a_model_are_named_and_those_of_the_model_inside() -> None:
    blended = {"name": "b", "builder": "blended", "background": "saudinewsnet"}
    assert builders.backgrounds(blended) == ["saudinewsnet"]
    assert builders.backgrounds({"name": "c", "builder": "calibrated", "classifier": blended}) == ["saudinewsnet"]
    assert builders.backgrounds({"name": "b", "builder": "blended"}) == []
