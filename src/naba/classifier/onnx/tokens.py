"""Encoders outside torch's and transformers' own classes: what an exported network needs round it.

Reading settings, tokenizer, batches by length, pooling of windows, correction of probabilities. Needs tokenizers and
numpy; the network itself is run by a subclass.
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
from naba.models.classifier import Answers, Classifier, Wrapper, chunks, softmax, text_columns, withheld
from naba.models.encoder.data import prepare, sorted_batches, tokenise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from naba.models.encoder.classifier import EncoderClassifier

TOKENIZER = "tokenizer.json"
SETTINGS = "settings.json"
INSTALL = "install it with `pip install 'naba[onnx]'`"
DAMAGED = "export the directory again"
BATCH = 32
INT8_TOLERANCE = 0.1
_PREPROCESSING = ("profile", "none", "arabert", "camelbert", "marbert", "e5")


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
