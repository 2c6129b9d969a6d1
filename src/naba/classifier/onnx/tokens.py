"""Encoders outside torch's and transformers' own classes: what an exported network needs round it.

Reading settings, tokenizer, batches by length, pooling of windows, correction of probabilities. Needs tokenizers and
numpy; the network itself is run by a subclass.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from naba.arabic.profile import profile_from
from naba.errors import UserError
from naba.models.encoder.data import sorted_batches, tokenise
from naba.models.encoder.text import prepare
from naba.models.inputs import chunks, text_columns
from naba.models.temperature import softmax

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

TOKENIZER = "tokenizer.json"
INSTALL = "install it with `pip install 'naba[onnx]'`"
DAMAGED = "export the directory again"
BATCH = 32
Made = TypeVar("Made")
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


def settings_of(encoder: Any, correction: Mapping[str, Any] | None, threshold: float | None) -> dict[str, Any]:
    """What `naba.json` must know of an encoder whose network is exported, as `TokenClassifier` reads it."""
    reading = asdict(encoder.reading)
    return {
        "classes": [str(label) for label in encoder.classes_],
        "reading": {field.name: reading[field.name] for field in fields(Reading)},
        "normalisation": encoder.normalisation.to_dict() if encoder.normalisation else None,
        "padding": encoder.tokenizer_.pad_token_id or 0,
        "correction": correction,
        "threshold": None if threshold is None else str(threshold),
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


class TokenClassifier(ABC):
    """A classifier round an exported network: table with `text` (and `target`) in, labels and probabilities out.

    Attributes:
        classes_: (k,) object.
        probability_kind_: `model` or `calibrated`.
        inputs: those of `input_ids`, `attention_mask`, `token_type_ids` that the network reads.
    """

    inputs: Sequence[str]

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

    def predict(self, X: Any) -> np.ndarray:
        """One label a row, (n,) object."""
        return self.labels_and_probabilities(X)[0]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities in the order of `classes_`, (n, k) float64."""
        return self.labels_and_probabilities(X)[1]

    def labels_and_probabilities(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Both at once: the network runs once. The label is the network's own, whatever a correction does."""
        scores = self._scored(X)
        return self.classes_[scores.argmax(axis=1)], self._corrected(softmax(scores))

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


class Withholding:
    """A classifier that withholds answers whose probability is below `threshold_`."""

    def __init__(self, classifier: Any, threshold: float) -> None:
        self.classifier_ = classifier
        self.threshold_ = threshold
        self.classes_ = classifier.classes_
        self.probability_kind_ = classifier.probability_kind_

    def predict(self, X: Any) -> np.ndarray:
        """One label a row, (n,) object, also where the answer is to be withheld."""
        return self.classifier_.predict(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities in the order of `classes_`, (n, k) float64."""
        return self.classifier_.predict_proba(X)

    def labels_and_probabilities(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Both at once."""
        return self.classifier_.labels_and_probabilities(X)

    def abstains(self, X: Any) -> np.ndarray:
        """(n,) bool: is the answer to be withheld?"""
        labels, probabilities = self.labels_and_probabilities(X)
        places = {label: place for place, label in enumerate(self.classes_.tolist())}
        columns = [places[label] for label in labels.tolist()]
        return probabilities[np.arange(len(probabilities)), columns] < self.threshold_


def assembled(
    where: str, settings: Any, description: Mapping[str, Any], make: Callable[[Mapping[str, Any], bool], Made]
) -> Made | Withholding:
    """The classifier that `make` builds from its settings; it withholds answers where these say so.

    Args:
        where: the folder and whose settings they are, for messages: `onnx: the settings of the ONNX model`.
        settings: what `naba.json` holds for the format, whatever that is.
        description: the whole of `naba.json`.
        make: settings, and whether it reads pairs -> classifier.
    Raises:
        UserError: the settings are damaged, or do not fit the labels.
    """
    try:
        if not isinstance(settings, dict) or set(settings["classes"]) - set(description["labels"]):
            raise UserError(f"{where} do not fit its labels", DAMAGED)
        made = make(settings, "target" in description["input"])
        threshold = settings.get("threshold")
        return made if threshold is None else Withholding(made, float(threshold))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{where} are damaged: {error}", DAMAGED) from error


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
