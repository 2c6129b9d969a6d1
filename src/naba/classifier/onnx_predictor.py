"""Classifiers of ONNX folders. Needs onnxruntime and numpy, and tokenizers for an encoder: nothing else is imported.

What an exported encoder needs round its network is `TokenClassifier`, whoever runs the network: settings, tokenizer,
batches by length, pooling of windows, correction of probabilities. A text model's graph reads texts; what is done to
them first (`prepared`) uses Python's standard library alone.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.arabic.profile import profile_from
from naba.classifier.folder import FORMAT, read_json
from naba.errors import UserError
from naba.models.classifier import (
    Answers,
    Classifier,
    Wrapper,
    chunks,
    normalise_texts,
    softmax,
    text_columns,
    withheld,
)
from naba.models.encoder.data import prepare, sorted_batches, tokenise
from naba.models.onnx import CASED, encodable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from naba.arabic.profile import Profile
    from naba.models.encoder.classifier import EncoderClassifier

MODEL = "model.onnx"
INPUTS = ("text", "target", *CASED)
BATCH_ROWS = 32
BATCH_CHARACTERS = 100_000
"""Of a batch of texts, padding counted: its tables of tokens must fit in memory, whatever stands in one text."""
TOKENIZER = "tokenizer.json"
SETTINGS = "settings.json"
INSTALL = "install it with `pip install 'naba[onnx]'`"
DAMAGED = "export the directory again"
BATCH = 32
INT8_TOLERANCE = 0.1
_PREPROCESSING = ("profile", "none", "arabert", "camelbert", "marbert", "e5")


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


@dataclass(frozen=True)
class Reading:
    """How texts become tokens: `naba.models.encoder.options.Reading`, without the library that checks it there."""

    preprocessing: str
    max_length: int
    windows: int
    stride: int
    pooling: str

    def __post_init__(self) -> None:
        numbers = (self.max_length, self.windows, self.stride)
        if any(type(number) is not int for number in numbers) or min(self.max_length, self.windows) < 1:
            raise ValueError("max_length, windows and stride of the reading settings are no whole numbers")
        if self.preprocessing not in _PREPROCESSING or self.pooling not in {"mean", "max"} or self.stride < 0:
            raise ValueError("unknown preprocessing, pooling or stride in the reading settings")


def settings_of(model: Classifier, encoder: EncoderClassifier) -> dict[str, Any]:
    """What `settings.json` says of a classifier whose network is exported, as `TokenClassifier` reads it."""
    reading = asdict(encoder.reading)
    return {
        "classes": [str(label) for label in encoder.classes_],
        "reading": {field.name: reading[field.name] for field in fields(Reading)},
        "normalisation": encoder.normalisation.to_dict() if encoder.normalisation else None,
        "padding": encoder.tokenizer_.pad_token_id or 0,
        "correction": model.correction,
        "threshold": None if model.threshold is None else str(model.threshold),
    }


class TokenizerFile:
    """A `tokenizer.json` as `naba.models.encoder.data.tokenise` calls it."""

    def __init__(self, path: Path) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise UserError("reading texts for an exported encoder needs the package tokenizers", INSTALL) from error
        try:
            self.tokenizer = Tokenizer.from_file(os.fspath(path))
        except Exception as error:  # the library raises nothing narrower
            raise UserError(f"{path} is no tokenizer: {error}", DAMAGED) from error
        self.tokenizer.no_padding()

    def num_special_tokens_to_add(self, pair: bool) -> int:
        """Tokens that are added to one text or to a pair."""
        return int(self.tokenizer.num_special_tokens_to_add(pair))

    def __call__(self, *columns: Sequence[str], **settings: Any) -> _Encoded:
        """Encode one or two columns of texts, or one text."""
        if isinstance(columns[0], str):
            columns = tuple([str(column)] for column in columns)
        self.tokenizer.no_truncation()
        truncation = settings.get("truncation")
        if truncation:
            strategy = "longest_first" if truncation is True else str(truncation)
            self.tokenizer.enable_truncation(
                settings["max_length"], stride=settings.get("stride", 0), strategy=strategy
            )
        inputs = list(columns[0]) if len(columns) == 1 else list(zip(*columns, strict=True))
        found = self.tokenizer.encode_batch(inputs, add_special_tokens=settings.get("add_special_tokens", True))
        if not settings.get("return_overflowing_tokens"):
            return _Encoded(found, list(range(len(found))))
        every = [(owner, part) for owner, whole in enumerate(found) for part in (whole, *whole.overflowing)]
        return _Encoded([part for _, part in every], [owner for owner, _ in every])


class _Encoded(dict[str, Any]):
    def __init__(self, encodings: list[Any], owners: list[int]) -> None:
        super().__init__(overflow_to_sample_mapping=owners)
        self.encodings = encodings


class TokenClassifier(Classifier, ABC):
    """A classifier round an exported network: table with `text` (and `target`) in, labels and probabilities out.

    Attributes:
        classes_: (k,) object.
        probability_kind_: `model` or `calibrated`.
        inputs: those of `input_ids`, `attention_mask`, `token_type_ids` that the network reads.
    """

    inputs: Sequence[str]
    takes_mapping = True

    def __init__(self, folder: Path, settings: Mapping[str, Any], pair: bool) -> None:
        self.classes_ = np.array([*settings["classes"], None], dtype=object)[:-1]
        self.reading: Any = Reading(**settings["reading"])
        self.profile = profile_from(settings["normalisation"]) if settings["normalisation"] else None
        self.padding = int(settings["padding"])
        self.correction = settings.get("correction")
        self.probability_kind_ = "calibrated" if self.correction else "model"
        self.pair = pair
        self.tokenizer_ = TokenizerFile(folder / TOKENIZER)

    @abstractmethod
    def run(self, given: Mapping[str, np.ndarray]) -> np.ndarray:
        """Scores (windows, k) of one padded batch of int64 tables (windows, width)."""

    def answer(self, X: Any) -> Answers:
        """See `Classifier`: the network runs once. The label is its own, whatever a correction does."""
        scores = self._scored(X)
        return Answers(self.classes_[scores.argmax(axis=1)], self._corrected(softmax(scores)))

    def facts(self) -> dict[str, Any]:
        """See `Classifier`; those of the classifier that was exported stay."""
        return {}

    def _scored(self, X: Any) -> np.ndarray:
        parts = [self._scores(part) for part in chunks(X)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.classes_)), np.float32)

    def _scores(self, X: Any) -> np.ndarray:
        texts, targets = text_columns(X)
        step = self.reading.preprocessing
        left = prepare(targets, step, self.profile) if self.pair else None
        tokens = tokenise(self.tokenizer_, prepare(texts, step, self.profile), left, self.reading)
        scores = np.zeros((len(texts), len(self.classes_)), dtype=np.float32)
        for rows in sorted_batches(tokens.lengths, BATCH):
            batch = tokens.batch(rows, self.padding)
            given = {"input_ids": batch.ids, "attention_mask": batch.mask, "token_type_ids": batch.types}
            found = self.run({name: given[name] for name in self.inputs})
            scores[rows] = _pooled(found, batch.owner, len(rows), self.reading.pooling)
        return scores

    def _corrected(self, probabilities: np.ndarray) -> np.ndarray:
        """As `naba.models.calibration.Calibrated` does, without scikit-learn."""
        if not self.correction:
            return probabilities
        if "temperature" in self.correction:
            return softmax(np.log(np.maximum(probabilities, 1e-12)) / float(self.correction["temperature"]))
        steps = self.correction["steps"]
        raised = np.column_stack(
            [np.interp(column, step["x"], step["y"]) for step, column in zip(steps, probabilities.T, strict=True)]
        )
        totals = raised.sum(axis=1, keepdims=True)
        return np.where(totals > 0, raised / np.where(totals > 0, totals, 1), probabilities)


class Withholding(Wrapper):
    """A classifier that withholds answers whose probability is below a threshold."""

    def __init__(self, classifier: Classifier, threshold: float) -> None:
        self.classifier_ = classifier
        self._threshold = threshold
        self.classes_ = classifier.classes_
        self.probability_kind_ = classifier.probability_kind_

    @property
    def threshold(self) -> float:  # type: ignore[override]
        """See `Classifier`."""
        return self._threshold

    def answer(self, X: Any) -> Answers:
        """See `Classifier`."""
        return withheld(self, self.classifier_.answer(X), self._threshold)

    def abstains(self, X: Any) -> np.ndarray:
        """(n,) bool: is the answer to be withheld?"""
        return np.asarray(self.answer(X).withheld)

    def facts(self) -> dict[str, Any]:
        """See `Classifier`."""
        return {}


def read_settings(folder: Path, description: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an exported model: `settings.json`, whose digest `naba.json` holds.

    Version 0.1 kept them in `naba.json` itself.
    """
    if description["format"] == 2:
        found = description.get(description["kind"])
        if not isinstance(found, dict):
            raise UserError(f"{folder} has no settings of its model", DAMAGED)
        return found
    if SETTINGS not in description["files"]:
        raise UserError(f"{folder} does not list {SETTINGS} among its files", DAMAGED)
    return read_json(folder / SETTINGS)


def seal(
    folder: Path,
    settings: Mapping[str, Any],
    description: Mapping[str, Any],
    load: Callable[[Path, Mapping[str, Any]], Classifier],
) -> None:
    """Write `settings.json`, the answers of the exported model to the fixed texts, and `naba.json`."""
    from naba.classifier import folder as directory

    (folder / SETTINGS).write_text(json.dumps(settings, ensure_ascii=False, indent=1), encoding="utf-8")
    directory.seal(folder, {**description, "format": FORMAT})
    model = load(folder, directory.describe(folder))
    # Processors round sums of 8-bit products differently.
    tolerance = INT8_TOLERANCE if str(settings.get("precision")).startswith("int8") else directory.PROBE_TOLERANCE
    directory.write_description(folder, description, model, str(description["kind"]), tolerance)


def assembled(
    folder: Path, description: Mapping[str, Any], make: Callable[[Mapping[str, Any], bool], Classifier]
) -> Classifier:
    """The classifier that `make` builds from its settings; it withholds answers where these say so.

    Args:
        description: the whole of `naba.json`.
        make: settings, and whether it reads pairs -> classifier.
    Raises:
        UserError: the settings are damaged, or do not fit the labels.
    """
    settings = read_settings(folder, description)
    try:
        if set(settings["classes"]) - set(description["labels"]):
            raise UserError(f"{folder}: the settings of its model do not fit its labels", DAMAGED)
        made = make(settings, "target" in description["input"])
        threshold = settings.get("threshold")
        return made if threshold is None else Withholding(made, float(threshold))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{folder}: the settings of its model are damaged: {error}", DAMAGED) from error


def _pooled(scores: np.ndarray, owner: np.ndarray, rows: int, pooling: str) -> np.ndarray:
    if len(scores) == rows:
        return scores
    if pooling == "max":
        found = np.full((rows, scores.shape[1]), -np.inf, dtype=scores.dtype)
        np.maximum.at(found, owner, scores)
        return found
    sums = np.zeros((rows, scores.shape[1]), dtype=scores.dtype)
    np.add.at(sums, owner, scores)
    return sums / np.bincount(owner, minlength=rows)[:, None].astype(scores.dtype)


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
