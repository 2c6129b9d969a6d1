"""Options of encoders, in three groups: how one starts, how it reads, how it is trained."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_type_hints

from naba import files
from naba.config.builders import Context
from naba.config.builders import Options as BuilderOptions
from naba.config.schema import FORBID, CountInteger, PositiveInteger, PositiveNumber, Share, Text
from naba.errors import Problems, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.config.schema import DatasetConfig
    from naba.models.encoder.classifier import EncoderClassifier


@dataclass(frozen=True)
class Pretrained:
    """A checkpoint to fine-tune.

    Attributes:
        checkpoint: a model name on the Hugging Face Hub, `name@revision`, or a folder.
        head: `first`, as transformers has it for this kind of checkpoint, over the first token; or over `means` of the
            tokens (`naba.models.encoder.layers`).
    """

    __pydantic_config__ = FORBID

    checkpoint: Text
    head: Literal["first", "means"] = "first"


@dataclass(frozen=True)
class Architecture:
    """A BERT trained from scratch, with a WordPiece tokenizer trained on the training texts.

    Attributes:
        layers, hidden, heads: of the transformer; the feed-forward width is four times `hidden`.
        vocabulary: largest number of word pieces.
        dropout: of hidden states and attention.
    """

    __pydantic_config__ = FORBID

    layers: PositiveInteger = 4
    hidden: PositiveInteger = 256
    heads: PositiveInteger = 4
    vocabulary: PositiveInteger = 8000
    dropout: Share = 0.1


@dataclass(frozen=True)
class Reading:
    """How texts become tokens.

    Attributes:
        preprocessing: `profile` (the run's normalisation), `none`, or what a family of encoders was trained on:
            `arabert`, `camelbert`, `marbert`, `e5` (see `naba.models.encoder.data`).
        max_length: tokens in one window, special tokens and target among them.
        windows: windows of a long text that are read; 1 truncates the longer side.
        stride: tokens that neighbouring windows share.
        pooling: how the windows' scores make one decision: their `mean`, or each label's `max`.
    """

    __pydantic_config__ = FORBID

    preprocessing: Literal["profile", "none", "arabert", "camelbert", "marbert", "e5"] = "profile"
    max_length: PositiveInteger = 128
    windows: PositiveInteger = 1
    stride: CountInteger = 32
    pooling: Literal["mean", "max"] = "mean"


@dataclass(frozen=True)
class Training:
    """How an encoder is trained.

    Attributes:
        epochs: at most; fewer when early stopping says so.
        learning_rate: highest, reached after the warm-up.
        batch_size: rows of one pass.
        accumulation: passes that make one step of the optimiser.
        warmup: share of all steps in which the learning rate rises from 0.
        decay: of the learning rate after the warm-up, to 0 at the last step.
        weight_decay: of AdamW; none on biases and layer norms.
        label_smoothing: share of the target probability spread over all labels.
        gradient_norm: longest gradient; longer ones are cut back to it.
        patience: epochs without a better validation score before stopping; 0 trains all epochs. The best epoch is
            restored in either case.
        stopping_metric: of the validation rows, which early stopping and the best epoch go by; null takes the data
            set's primary metric.
        class_weight: `balanced` weighs each label by the inverse of its share.
        precision: `auto` computes in bfloat16 where a GPU has instructions for it, and on a processor that has some
            where a few steps are faster so; what was chosen is kept for this machine (`naba.models.encoder.training`).
        threads: of the CPU. Part of the recipe, because the order of sums, so the last digits, depend on it.
        frozen_layers: lowest layers that stay as they are, and the token vectors below them; 0 trains everything.
        checkpoint_steps: optimiser steps between checkpoints within an epoch; there is one after each epoch, too. Of a
            large model fewer are made, so that they take a twentieth of the time at most.
    """

    __pydantic_config__ = FORBID

    epochs: PositiveInteger = 5
    learning_rate: PositiveNumber = 3e-5
    batch_size: PositiveInteger = 32
    accumulation: PositiveInteger = 1
    warmup: Share = 0.1
    decay: Literal["linear", "cosine", "none"] = "linear"
    weight_decay: Share = 0.01
    label_smoothing: Share = 0.0
    gradient_norm: PositiveNumber = 1.0
    patience: CountInteger = 2
    stopping_metric: Text | None = None
    class_weight: Literal["balanced"] | None = "balanced"
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    threads: PositiveInteger = 2
    frozen_layers: CountInteger = 0
    checkpoint_steps: PositiveInteger = 200


@dataclass(frozen=True, kw_only=True)
class _Encoder(BuilderOptions):
    """What every encoder has.

    Attributes:
        reading: how texts become tokens.
        training: how it is trained.
    """

    reading: Reading = field(default_factory=Reading)
    training: Training = field(default_factory=Training)

    def content(self) -> dict[str, Any]:
        """See `Options`: what changes no answer counts as if it were left out, and `described` has what is watched."""
        found = super().content()
        usual = {"stopping_metric": None, "checkpoint_steps": Training.checkpoint_steps}
        return found | {"training": found["training"] | usual}

    def described(self, dataset: DatasetConfig) -> dict[str, Any]:
        """See `Options`: the metric that early stopping watches, where it is not the data set's primary one."""
        watched = self.training.stopping_metric
        return {"stopping_metric": watched} if watched not in (None, dataset.primary_metric) else {}

    def started(self, start: Pretrained | Architecture, context: Context) -> EncoderClassifier:
        """The classifier that starts from `start`; early stopping watches the primary metric unless told otherwise."""
        from naba.models.encoder.classifier import EncoderClassifier

        training = self.training
        if training.stopping_metric is None:
            training = dataclasses.replace(training, stopping_metric=context.primary_metric)
        return EncoderClassifier(
            start,
            self.reading,
            training,
            pair=context.pair,
            normalisation=context.normalisation,
            seed=context.seed,
            checkpoint_folder=context.checkpoint_folder,
        )


@dataclass(frozen=True, kw_only=True)
class PretrainedEncoder(_Encoder, builder="pretrained"):
    """A checkpoint, fine-tuned for sequence classification.

    Attributes:
        checkpoint: a model name on the Hugging Face Hub, `name@revision`, or a folder.
        head: `first`, a new one over the first token as transformers has it; or over `means` of the tokens, starting as
            a logistic regression, for sentence encoders such as E5.
    """

    checkpoint: Text
    head: Literal["first", "means"] = "first"

    def build(self, context: Context) -> EncoderClassifier:
        """See `EncoderClassifier`."""
        return self.started(Pretrained(self.checkpoint, self.head), context)

    def content(self) -> dict[str, Any]:
        """A folder counts by what is in its files, a name on the Hub by itself (and by its revision, if pinned)."""
        folder = Path(self.checkpoint).expanduser()
        checkpoint = folder_digest(folder) if folder.is_dir() else self.checkpoint
        return super().content() | {"checkpoint": checkpoint}


@dataclass(frozen=True, kw_only=True)
class EncoderFromScratch(_Encoder, builder="from_scratch"):
    """A small BERT and its tokenizer, trained from nothing but the training part.

    Attributes:
        architecture: its size.
    """

    architecture: Architecture = field(default_factory=Architecture)

    def build(self, context: Context) -> EncoderClassifier:
        """See `EncoderClassifier`."""
        return self.started(self.architecture, context)


def folder_digest(folder: Path) -> str:
    """`sha256:` and the digest of all files of a checkpoint, by their names and contents."""
    there = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    listed = "".join(f"{_file_digest(path, *_stamp(path))}  {path.name}\n" for path in there)
    return f"sha256:{hashlib.sha256(listed.encode()).hexdigest()}"


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@cache
def _file_digest(path: Path, size: int, time: int) -> str:  # noqa: ARG001 - a changed file is hashed again
    return files.sha256(path)


Options = TypeVar("Options", Pretrained, Architecture, Reading, Training)


def options(kind: type[Options], mapping: Mapping[str, Any] | None, place: str) -> Options:
    """A group of options from a mapping of a YAML; keys that are left out have their defaults.

    Args:
        place: where the mapping stands, for messages (`model.training`).
    Raises:
        Problems: every unknown key (with the nearest one) and every value of a wrong type or range.
    """
    from pydantic import TypeAdapter, ValidationError

    types = _types(kind)
    given = dict(mapping or {})
    problems = [
        unknown_name("key", f"{place}.{key}", [f"{place}.{name}" for name in types])
        for key in given
        if key not in types
    ]
    for key in types.keys() & given.keys():
        try:
            given[key] = TypeAdapter(types[key]).validate_python(given[key])
        except ValidationError as error:
            expected = error.errors()[0]["msg"].replace("Input should be", "expected", 1)
            problems.append(f"{place}.{key}: {expected}, got {given[key]!r}")
    if problems:
        raise Problems(sorted(problems))
    return kind(**given)


def _types(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
