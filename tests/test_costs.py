"""What one change costs (see CONTRIBUTING.md): one of each is made in a folder of a user, outside naba, and is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

OWN_SET = """
name: {name}
task: stance
title: Own data
labels: {{agree: تأييد, disagree: معارضة}}
primary_metric: macro_f1
path: {path}
columns: {{id: id, text: text, label: label, split: split}}
licence: own
citation: none
{more}
"""
READER = '''
"""A data set in an odd format: `label|text` lines below lines `# part`."""

from naba.data.corpora.readers import reader
from naba.data.rows import Place, Table


@reader
def piped(files: list, sign: str = "|") -> Table:
    """Lines of label and text."""
    rows, part = [], "train"
    for file in files:
        content, name = file.read()
        for number, line in enumerate(content.decode().splitlines(), start=1):
            if line.startswith("#"):
                part = line[1:].strip()
            else:
                label, _, text = line.partition(sign)
                rows.append((str(number), text, label, part, Place(name, number)))
    columns = {key: [row[at] for row in rows] for at, key in enumerate(("id", "text", "label", "split"))}
    return Table(columns, [row[4] for row in rows])
'''
FAMILY = '''
"""A family of models, whole: options, classifier, explanation, and its answer to ONNX."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin

from naba.config.builders import Context, Options
from naba.config.schema import PositiveNumber, Text
from naba.errors import UserError
from naba.models.classifier import Classifier, code_labels, text_columns


class KeywordClassifier(Classifier, ClassifierMixin, BaseEstimator):
    """Label shares among the training rows with and without a word."""

    explained_by = "features"

    def __init__(self, word="ارتفاع", smoothing=1.0):
        self.word = word
        self.smoothing = smoothing

    def fit(self, X, y):
        self.classes_, codes = code_labels(y)
        self.probability_kind_ = "model"
        counts = np.full((2, len(self.classes_)), self.smoothing)
        np.add.at(counts, (self._holds(X), codes), 1)
        self.shares_ = counts / counts.sum(axis=1, keepdims=True)
        return self

    def _holds(self, X):
        return np.array([self.word in text for text in text_columns(X)[0]], dtype=np.int64)

    def predict_proba(self, X):
        return self.shares_[self._holds(X)]

    def contributions(self, X, codes):
        values = self.shares_[self._holds(X), codes] - self.shares_.mean(axis=0)[codes]
        return np.array([f"holds {self.word}"], dtype=object), sparse.csr_matrix(values[:, None])

    def onnx(self, graph):
        raise UserError("this model cannot be exact as ONNX: it looks for a word inside others")


@dataclass(frozen=True, kw_only=True)
class Keyword(Options, builder="keyword"):
    """Label shares among the training rows with and without a word.

    Attributes:
        word: to look for.
        smoothing: rows of each label that are added.
    """

    word: Text = "ارتفاع"
    smoothing: PositiveNumber = 1.0

    def build(self, context: Context) -> KeywordClassifier:
        return KeywordClassifier(self.word, self.smoothing)
'''
METRIC = '''
"""A metric, which is a loss."""

from naba.evaluation.metrics import register


@register(source="this test", higher_is_better=False)
def error_rate(counts, labels):
    """Share of rows that are predicted wrongly."""
    return 1 - counts.diagonal(axis1=-2, axis2=-1).sum(axis=-1) / counts.sum(axis=(-2, -1))
'''
CHECK = '''
"""A data check."""

from naba.data.checks.findings import check, clean, found


@check("X01", "Shouting", "warning", "Calm down.")
def shouting(subject):
    loud = [text for text in subject.text if "!" in text]
    return found(f"{len(loud)} texts shout", loud) if loud else clean()
'''
FORMAT = '''
"""An export format: the directory, under another kind."""

import shutil

from naba.classifier import folder as directory
from naba.classifier.formats import Format


def write(source, folder, int8):
    model, description = directory.load(source)
    shutil.copytree(source, folder)
    directory.write_description(folder, description, model, "copied")


def load(folder, description):
    from naba.classifier.formats import directory as own

    return own.FORMAT.load(folder, {**description, "kind": "directory"})


FORMAT = Format("copied", "the directory, copied", True, write, load, lambda description: ["A copy."])
'''
COMMAND = '''
"""`naba loudest`: the text with the most exclamation marks.

    naba loudest own_set
"""

import naba
from naba.cli.arguments import Parser


def main(arguments):
    parser = Parser("loudest")
    parser.add_argument("dataset", help="of `naba list datasets`")
    dataset = naba.load_dataset(parser.parse_args(arguments).dataset)
    print(max(dataset.column_values("text"), key=lambda text: text.count("!")))
'''
COSTS = {
    "a data set in a common format": {"outside/conf/dataset/own_set.yaml"},
    "a data set in an odd format": {"outside/conf/dataset/odd_set.yaml", "outside/piped_reader.py"},
    "a model from parts that exist": {"outside/conf/model/short_words.yaml"},
    "a model family": {"outside/conf/model/keyword.yaml", "outside/keyword_family.py"},
    "a metric": {"outside/error_metric.py"},
    "a data check": {"outside/shouting_check.py"},
    "an export format": {"outside/copied_format.py"},
    "a command": {"outside/loudest.py"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with one of each; nothing of naba is touched."""
    root = tmp_path_factory.mktemp("outside")
    texts = [(f"{word} أسعار النفط {number}!", label) for number in range(12)
             for word, label in (("ارتفاع", "agree"), ("انخفاض", "disagree"))]  # fmt: skip
    parts = ["train"] * 12 + ["validation"] * 6 + ["test"] * 6
    rows = [
        f"{number},{text},{label},{part}" for number, ((text, label), part) in enumerate(zip(texts, parts, strict=True))
    ]
    (root / "own.csv").write_text("\n".join(["id,text,label,split", *rows]), encoding="utf-8")
    lines = []
    for part, first, last in (("train", 0, 12), ("validation", 12, 18), ("test", 18, 24)):
        lines += [f"# {part}", *(f"{label}|{text}" for text, label in texts[first:last])]
    (root / "odd.txt").write_text("\n".join(lines), encoding="utf-8")
    model = "name: {name}\naccepts: [single, pair]\ndescription: own\nbuilder: {builder}\n{more}"
    files = {
        "outside/conf/dataset/own_set.yaml": OWN_SET.format(name="own_set", path=root / "own.csv", more=""),
        "outside/conf/dataset/odd_set.yaml": OWN_SET.format(
            name="odd_set", path=root / "odd.txt", more="reader: piped\noptions: {sign: '|'}"
        ),
        "outside/piped_reader.py": READER,
        "outside/conf/model/short_words.yaml": model.format(name="short_words", builder="tfidf_nb", more="words: 1"),
        "outside/conf/model/keyword.yaml": model.format(name="keyword", builder="keyword", more="smoothing: 2"),
        "outside/keyword_family.py": FAMILY,
        "outside/error_metric.py": METRIC,
        "outside/shouting_check.py": CHECK,
        "outside/copied_format.py": FORMAT,
        "outside/loudest.py": COMMAND.lstrip(),
    }
    assert set(files) == set().union(*COSTS.values())
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


@pytest.fixture
def naba(folder: Path):
    environment = {**os.environ, "NABA_PACKAGES": str(folder / "outside")}
    environment["NABA_HOME"] = str(folder / "home")

    def run(*arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "naba.cli", *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    ("change", "most"),
    [
        ("a data set in a common format", 1),
        ("a data set in an odd format", 2),
        ("a model from parts that exist", 1),
        ("a model family", 2),
        ("a metric", 1),
        ("a data check", 1),
        ("an export format", 1),
        ("a command", 1),
    ],
)
def test_a_change_costs_no_more_files_than_the_design_allows(change: str, most: int) -> None:
    assert len(COSTS[change]) <= most


@pytest.mark.slow
def test_one_of_each_from_outside_is_trained_scored_checked_and_exported(naba, folder: Path) -> None:
    said = naba(
        "train", "dataset=own_set", "model=keyword", "evaluation.metrics=[error_rate]", "evaluation.resamples=50",
        "tracking.figures=false",
    )  # fmt: skip
    assert "test/macro_f1 1.000" in said
    shown = naba("show", "keyword own_set seed 0")
    assert "error_rate" in shown
    (report,) = (folder / "home" / "checks").glob("own_set-*.json")
    assert "24 texts shout" in report.read_text(encoding="utf-8"), "a check of a package runs before a training"
    assert "found" in naba("train", "dataset=own_set", "model=keyword", "evaluation.metrics=[error_rate]",
                           "evaluation.resamples=50", "tracking.figures=false")  # fmt: skip
    naba("export", "keyword own_set seed 0", str(folder / "copied"), "--format", "copied")
    assert json.loads((folder / "copied" / "naba.json").read_text(encoding="utf-8"))["kind"] == "copied"
    assert "cannot be exact as ONNX" in naba(
        "export", "keyword own_set seed 0", str(folder / "onnx"), "--format", "onnx", status=2
    )
    output = folder / "answers.csv"
    naba("predict", str(folder / "copied"), str(folder / "own.csv"), "-o", str(output), "--prefix", "predicted_")
    lines = output.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("id,text,label,split,predicted_label")
    assert len(lines) == len((folder / "own.csv").read_text(encoding="utf-8").splitlines())


@pytest.mark.slow
def test_an_odd_format_is_read_and_a_model_from_parts_is_trained_on_it(naba) -> None:
    said = naba("train", "dataset=odd_set", "model=short_words", "tracking=off", "evaluation.resamples=50",
                "tracking.figures=false")  # fmt: skip
    assert "test/macro_f1" in said
    assert "X01" in naba("check", "odd_set")
    wrong = naba("train", "dataset=odd_set", "dataset.options.sing=x", "model=keyword", "model.wrod=x", status=2)
    assert "did you mean 'dataset.options.sign'" in wrong
    assert "did you mean 'model.word'" in wrong


@pytest.mark.slow  # five processes; lists of a package: tests/config/test_packages.py
def test_lists_show_what_comes_from_outside(naba) -> None:
    assert "error_rate" in naba("list", "metrics")
    assert "keyword" in naba("list", "models")
    assert "copied" in naba("export", "--help")
    listed = naba("list", "packages")
    assert "outside" in listed
    assert "naba loudest" in " ".join(listed.split())
    assert "dataset/own_set" in listed
    assert "unknown model 'keyword'" in naba("train", "--no-packages", "model=keyword", status=2)


def test_a_command_from_outside_is_run_like_one_of_naba(naba, folder: Path) -> None:
    assert naba("loudest", "own_set").strip().endswith("!")
    assert "example: naba loudest own_set" in naba("loudest", "--help")
    assert "loudest: unknown argument '--lod'" in naba("loudest", "own_set", "--lod", status=2)
    assert "did you mean 'loudest'" in naba("loudset", "own_set", status=2)
    assert "unknown command 'loudest'" in naba("--no-packages", "loudest", "own_set", status=2)
    wrong = folder / "outside" / "broken.py"
    wrong.write_text('"""`naba broken`: raises.\n\n    naba broken\n"""\n\n\ndef main(arguments):\n    return 1 / 0\n')
    try:
        said = naba("broken", status=2)
        assert "the command 'broken' of outside.broken raised ZeroDivisionError" in said
        assert f"{wrong}, line 8" in said
    finally:
        wrong.unlink()
