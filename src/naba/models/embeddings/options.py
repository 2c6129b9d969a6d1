"""Options of models over frozen embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from naba.config.builders import Context, Options
from naba.config.schema import PositiveInteger, PositiveNumber, Text
from naba.errors import UserError
from naba.models.encoder.options import folder_digest

if TYPE_CHECKING:
    from naba.models.embeddings.classifier import EmbeddedClassifier
    from naba.models.embeddings.features import Embedder, EmbeddingFeatures

_OF_THE_PART = frozenset(("embeddings", "prefix", "embedding_weight"))
_NETWORKS = 3
_STRIDE = 1000  # seeds of the networks: seed, seed + 1000, …, so that runs with neighbouring seeds share none


def weights_content(checkpoint: str | None) -> str | None:
    """What stands for a checkpoint in an identity: a folder's content, a name on the Hub as it is."""
    if checkpoint is None:
        return None
    folder = Path(checkpoint).expanduser()
    return folder_digest(folder) if folder.is_dir() else checkpoint


def part_content(content: dict[str, Any]) -> dict[str, Any]:
    """The options of a model that can have a part over embeddings, for an identity.

    A folder counts by what is in it; without embeddings the options are those from before there were any, so that old
    runs are found.
    """
    if content["embeddings"] is None:
        return {key: value for key, value in content.items() if key not in _OF_THE_PART}
    return content | {"embeddings": weights_content(content["embeddings"])}


@dataclass(frozen=True, kw_only=True)
class Embedded(Options, builder="embedded"):
    """A frozen encoder's embeddings of the text, or of both texts of a pair, and a small classifier over them.

    Attributes:
        checkpoint: a model name on the Hugging Face Hub, `name@revision`, or a folder: of transformers, of
            sentence-transformers, or of model2vec. It may be null in a YAML, not in a run.
        prefix: stands before each text (E5 wants `query: `); null takes what the folder says, if it says anything.
        pooling: of tokens; null takes what the folder says, else the mean.
        max_length: tokens of a text that are read.
        head: `logistic` regression, small `network`s, or the mean of `both`.
        C: inverse strength of the logistic regression's regularisation; null chooses it on the validation rows.
        alpha: strength of the networks' regularisation.
        hidden: units of a network.
        shots: training rows of each label that are used; null uses all.
    """

    checkpoint: Text | None = None
    prefix: Text | None = None
    pooling: Literal["mean", "cls", "last"] | None = None
    max_length: PositiveInteger = 256
    head: Literal["logistic", "network", "both"] = "logistic"
    C: PositiveNumber | None = None
    alpha: PositiveNumber = 10.0
    hidden: PositiveInteger = 64
    shots: PositiveInteger | None = None

    def content(self) -> dict[str, Any]:
        """A folder counts by what is in its files, a name on the Hub by itself (and by its revision, if pinned)."""
        return super().content() | {"checkpoint": weights_content(self.checkpoint)}

    def missing(self) -> str:
        """The weights."""
        return "" if self.checkpoint else "checkpoint: say which encoder embeds, by its folder or its name on the Hub"

    def build(self, context: Context) -> EmbeddedClassifier:
        """See `EmbeddedClassifier`.

        Raises:
            UserError: no checkpoint is given.
        """
        from naba.models.embeddings.classifier import EmbeddedClassifier
        from naba.models.embeddings.features import Embedder
        from naba.models.ensembles import head

        if self.checkpoint is None:
            raise UserError(f"model.{self.missing()}")
        embedder = Embedder(self.checkpoint, self.prefix, self.pooling, self.max_length)
        seeds = [context.seed + _STRIDE * place for place in range(_NETWORKS)]
        classifier, strength = head(self.head, self.C or 0.003, self.alpha, self.hidden, seeds)
        return EmbeddedClassifier(
            self.features(embedder, context),
            classifier,
            strength if self.C is None else None,
            context.primary_metric,
            self.shots,
            context.seed,
        )

    def features(self, embedder: Embedder, context: Context) -> EmbeddingFeatures:
        """What the head reads."""
        from naba.models.embeddings.features import EmbeddingFeatures

        return EmbeddingFeatures(embedder, pair=context.pair)


@dataclass(frozen=True, kw_only=True)
class SetFit(Embedded, builder="setfit"):
    """An encoder that is tuned to tell the labels' rows apart, single texts or pairs, and a small classifier over it.

    Attributes:
        steps: of the optimiser.
        batch_size: rows of a step, as many of each label, two at least; each pair of them is compared.
        learning_rate: highest, reached after a tenth of the steps.
        threads: of the CPU. Part of the recipe, because the order of sums, so the last digits, depend on it.
    """

    steps: PositiveInteger = 100
    batch_size: PositiveInteger = 16
    learning_rate: PositiveNumber = 2e-5
    threads: PositiveInteger = 2

    def features(self, embedder: Embedder, context: Context) -> EmbeddingFeatures:
        """See `TunedFeatures`."""
        from naba.models.embeddings.contrast import TunedFeatures

        return TunedFeatures(
            embedder, pair=context.pair, steps=self.steps, batch_size=self.batch_size,
            learning_rate=self.learning_rate, threads=self.threads, seed=context.seed,
        )  # fmt: skip
