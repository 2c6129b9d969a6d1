"""An encoder as ONNX: needs onnxruntime, tokenizers and numpy; neither torch nor transformers nor scikit-learn."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.arabic.profile import profile_from
from naba.errors import UserError
from naba.models.encoder_data import sorted_batches, tokenise
from naba.models.encoder_options import Reading, options
from naba.models.encoder_text import prepare
from naba.models.inputs import chunks, text_columns
from naba.models.temperature import softmax

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
INSTALL = "install it with `pip install 'naba[onnx]'`"
BATCH = 32


class TokenizerFile:
    """A `tokenizer.json` as `naba.models.encoder_data.tokenise` calls it."""

    def __init__(self, path: Path) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise UserError("reading texts for ONNX needs the package tokenizers", INSTALL) from error
        try:
            self.tokenizer = Tokenizer.from_file(os.fspath(path))
        except Exception as error:  # the library raises nothing narrower
            raise UserError(f"{path} is no tokenizer: {error}", "export the directory again") from error
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


class OnnxClassifier:
    """A classifier of an ONNX folder: table with `text` (and `target`) in, labels and probabilities out.

    Attributes:
        classes_: (k,) object.
        probability_kind_: `model` or `calibrated`.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], pair: bool, threads: int | None = None) -> None:
        self.classes_ = np.array([*settings["classes"], None], dtype=object)[:-1]
        self.reading = options(Reading, settings["reading"], "onnx.reading")
        self.profile = profile_from(settings["normalisation"]) if settings["normalisation"] else None
        self.padding = int(settings["padding"])
        self.correction = settings.get("correction")
        self.probability_kind_ = "calibrated" if self.correction else "model"
        self.pair = pair
        self.tokenizer_ = TokenizerFile(folder / TOKENIZER)
        self.session = _session(folder / MODEL, threads)
        self.inputs = [item.name for item in self.session.get_inputs()]

    @classmethod
    def from_folder(cls, folder: Path, description: Mapping[str, Any], threads: int | None = None) -> OnnxClassifier:
        """The classifier of an ONNX folder whose description is `description`.

        Args:
            threads: of onnxruntime; None leaves it the choice.
        Raises:
            UserError: onnxruntime or tokenizers is missing, or the folder is damaged.
        """
        settings: Any = description.get("onnx")
        try:
            known = isinstance(settings, dict) and isinstance(settings["reading"], dict)
            if not known or set(settings["classes"]) - set(description["labels"]):
                raise UserError(f"{folder}: the settings of the ONNX model do not fit its labels")
            kind = cls if settings.get("threshold") is None else OnnxAbstaining
            return kind(Path(folder), settings, "target" in description["input"], threads)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{folder}: the settings of the ONNX model are damaged: {error}") from error

    def predict(self, X: Any) -> np.ndarray:
        """One label a row, (n,) object."""
        return self.classes_[self._scored(X).argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities in the order of `classes_`, (n, k) float64."""
        return self._corrected(softmax(self._scored(X)))

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
            found = self.session.run(None, {name: given[name] for name in self.inputs})[0]
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


class OnnxAbstaining(OnnxClassifier):
    """An `OnnxClassifier` that withholds answers whose probability is below `threshold_`."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], pair: bool, threads: int | None = None) -> None:
        super().__init__(folder, settings, pair, threads)
        self.threshold_ = float(settings["threshold"])

    def abstains(self, X: Any) -> np.ndarray:
        """(n,) bool: is the answer to be withheld?"""
        scores = self._scored(X)
        sure = self._corrected(softmax(scores))[np.arange(len(scores)), scores.argmax(axis=1)]
        return sure < self.threshold_


def reading_settings(reading: Reading) -> dict[str, Any]:
    """How texts are read, as JSON takes it."""
    return dataclasses.asdict(reading)


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


def _session(path: Path, threads: int | None) -> Any:
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
        raise UserError(f"{path} is no ONNX model: {str(error)[:200]}", "export the directory again") from error
