"""Classifiers of ONNX folders. Needs onnxruntime and numpy, and tokenizers for an encoder: nothing else is imported.

A text model's graph reads texts; what is done to them first (`prepared`) uses Python's standard library alone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.arabic.profile import profile_from
from naba.classifier.onnx.tokens import DAMAGED, INSTALL, TokenClassifier, assembled
from naba.errors import UserError
from naba.models.classifier import Answers, Classifier, chunks, normalise_texts, text_columns
from naba.models.onnx import CASED, encodable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from naba.arabic.profile import Profile

MODEL = "model.onnx"
INPUTS = ("text", "target", *CASED)
BATCH_ROWS = 32
BATCH_CHARACTERS = 100_000
"""Of a batch of texts, padding counted: its tables of tokens must fit in memory, whatever stands in one text."""


def load(folder: Path, description: Mapping[str, Any], threads: int | None = None) -> Classifier:
    """The classifier of an ONNX folder whose description (`naba.json`) is `description`.

    Args:
        threads: of onnxruntime; None leaves it the choice.
    Raises:
        UserError: onnxruntime or tokenizers is missing, or the folder is damaged.
    """

    def make(settings: Mapping[str, Any], pair: bool) -> Classifier:
        kind = OnnxClassifier if "reading" in settings else OnnxTexts
        return kind(folder, settings, pair, threads)

    return assembled(folder, description, make)


class OnnxClassifier(TokenClassifier):
    """An encoder as ONNX; see `TokenClassifier`."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], pair: bool, threads: int | None = None) -> None:
        super().__init__(folder, settings, pair)
        self.session = session(folder / MODEL, threads)
        self.inputs = [item.name for item in self.session.get_inputs()]

    def run(self, given: Mapping[str, np.ndarray]) -> np.ndarray:
        """See `TokenClassifier`."""
        return self.session.run(None, dict(given))[0]


class OnnxTexts(Classifier):
    """A TF-IDF model, or the commonest label, as ONNX: the graph reads texts, and its labels and probabilities count.

    Attributes:
        classes_: (k,) object.
        probability_kind_: `model`, `calibrated` or `one_hot`.
    """

    takes_mapping = True

    def __init__(self, folder: Path, settings: Mapping[str, Any], pair: bool, threads: int | None = None) -> None:
        self.classes_ = np.array([*settings["classes"], None], dtype=object)[:-1]
        self.profile = profile_from(settings["normalisation"]) if settings["normalisation"] else None
        self.probability_kind_ = str(settings["probabilities"])
        self.pair = pair
        self.session = session(folder / MODEL, threads)
        self.inputs = [item.name for item in self.session.get_inputs()]
        if not set(self.inputs) <= set(INPUTS):
            raise ValueError(f"unknown inputs {', '.join(self.inputs)}")

    def answer(self, X: Any) -> Answers:
        """See `Classifier`."""
        labels, probabilities = [np.empty(0, object)], [np.empty((0, len(self.classes_)))]
        for part in chunks(X):
            found = self._part(part)
            labels.append(found[0])
            probabilities.append(found[1])
        return Answers(np.concatenate(labels), np.concatenate(probabilities))

    def facts(self) -> dict[str, Any]:
        """See `Classifier`; those of the classifier that was exported stay."""
        return {}

    def _part(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        texts, targets = text_columns(X)
        given = prepared(texts, targets if self.pair else None, self.profile)
        columns = {name: given[name] for name in self.inputs}
        labels = np.empty(len(texts), dtype=object)
        probabilities = np.empty((len(texts), len(self.classes_)))
        for rows in _batches([sum(map(len, row)) for row in zip(*columns.values(), strict=True)]):
            batch = {name: np.array([column[row] for row in rows], dtype=object) for name, column in columns.items()}
            labels[rows], probabilities[rows] = self.session.run(["label", "probabilities"], batch)
        return labels, probabilities


def prepared(texts: Sequence[str], targets: Sequence[str] | None, profile: Profile | None) -> dict[str, list[str]]:
    """Texts as the graph of a text model wants them, by the name of its input.

    `text` and `target`: after the profile's rules, in lower case, words a single space apart, none at the ends.
    `text_cased` and `target_cased`: after the profile's rules. Halves of surrogate pairs, which UTF-8 does not have,
    are characters of a private plane.
    """
    columns = {"text": texts} if targets is None else {"text": texts, "target": targets}
    given = {}
    for name, column in columns.items():
        cased = [encodable(text) for text in normalise_texts(column, profile)]
        given[name] = [" ".join(text.lower().split()) for text in cased]
        given[f"{name}_cased"] = cased
    return given


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """All rows, longest first, in batches of bounded size."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    while start < len(order):
        rows = max(1, min(BATCH_ROWS, BATCH_CHARACTERS // max(1, lengths[order[start]])))
        yield order[start : start + rows]
        start += rows


def session(path: Path, threads: int | None) -> Any:
    """onnxruntime with the model of a file.

    Raises:
        UserError: onnxruntime is missing, or the file is no model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError("an ONNX classifier needs the package onnxruntime", INSTALL) from error
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    # Sums come out the same from call to call.
    settings.use_deterministic_compute = True
    if threads is not None:
        settings.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(os.fspath(path), settings, providers=["CPUExecutionProvider"])
    # Its errors (Fail, InvalidProtobuf, InvalidGraph, NoSuchFile …) share no class but Exception.
    except Exception as error:
        raise UserError(f"{path} is no ONNX model: {str(error)[:200]}", DAMAGED) from error
