"""Contrastive tuning: rows of one label are drawn together, and rows of two apart, before a head is fitted.

After SetFit (Tunstall et al. 2022, arXiv 2209.11055), with its cosine loss. SetFit encodes two texts for each pair of
rows; here a batch gives all its pairs of rows, so that 16 encoded rows give 120. Pairs of texts, which SetFit does not
take, are compared by how their two sides relate.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.errors import UserError
from naba.models.embeddings.features import EmbeddingFeatures
from naba.models.embeddings.networks import Transformer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from naba.models.embeddings.features import Embedder

_WARMUP, _WEIGHT_DECAY, _LONGEST_GRADIENT = 0.1, 0.01, 1.0


class TunedFeatures(EmbeddingFeatures):
    """`EmbeddingFeatures` of an encoder that is tuned by the labels of the rows it is fitted on.

    Args:
        embedder, pair: see there.
        steps: of the optimiser; 0 tunes nothing.
        batch_size: rows of a step, as many of each label, two at least.
        learning_rate: highest.
        threads: of the CPU, part of the recipe.
        seed: of the rows drawn and of dropout.
    """

    def __init__(
        self, embedder: Embedder, *, pair: bool = False, steps: int = 100, batch_size: int = 16,
        learning_rate: float = 2e-5, threads: int = 2, seed: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(embedder, pair=pair)
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.threads = threads
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> TunedFeatures:
        """Loads the weights and tunes a copy of them; y is (n,) codes of labels.

        Raises:
            UserError: the weights are a table of vectors, which is no encoder.
        """
        super().fit(X)
        network = self.embedder_.network_
        if not isinstance(network, Transformer):
            raise UserError(
                f"setfit tunes an encoder, and {self.embedder.checkpoint} is a table of vectors",
                "model=embedded takes it as it is",
            )
        sides = self.sides(X)
        # Nothing is said of an empty text, here as elsewhere.
        rows = [row for row in range(len(sides[0])) if all(side[row] for side in sides)]
        ids = [network.ids([self.embedder_.prefix_ + side[row] for row in rows]) for side in sides]
        if rows:
            self.embedder_.network_ = self._tuned(network, ids, np.asarray(y)[rows])
        return self

    def _tuned(self, network: Transformer, ids: Sequence[Sequence[np.ndarray]], codes: np.ndarray) -> Transformer:
        """A copy of the network, tuned. `ids` holds the tokens of each row, for each side of a pair."""
        import torch

        from naba.models.encoder.layers import read_vectors
        from naba.models.encoder.training import device, fixed_threads, schedule

        tuned = Transformer(copy.deepcopy(network.model), network.tokenizer, network.pooling, network.max_length)
        model, where = tuned.model.to(device()), device()
        read = [one for side in ids for one in side]
        with (
            fixed_threads(self.threads),
            torch.random.fork_rng(devices=[where] if where.type == "cuda" else []),
            read_vectors(model.requires_grad_(requires_grad=True).train(), read, network.padding),
        ):
            torch.manual_seed(self.seed)
            optimiser = torch.optim.AdamW(model.parameters(), weight_decay=_WEIGHT_DECAY, fused=True)
            for step, rows in enumerate(balanced(codes, self.batch_size, self.steps, self.seed)):
                for group in optimiser.param_groups:
                    group["lr"] = self.learning_rate * schedule(step, self.steps, _WARMUP, "linear")
                optimiser.zero_grad(set_to_none=True)
                vectors = tuned.pooled([side[row] for side in ids for row in rows]).chunk(len(ids))
                cosine_loss(compared(vectors), torch.from_numpy(codes[rows]).to(where)).backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), _LONGEST_GRADIENT)
                optimiser.step()
        model.eval().requires_grad_(requires_grad=False)
        return tuned


def balanced(codes: np.ndarray, size: int, steps: int, seed: int) -> Iterator[np.ndarray]:
    """The rows of each step: as many of each label, two at least; a label's rows come again when all have been drawn.

    Args:
        codes: (n,) labels.
        size: rows of a step, about.
    """
    drawn = np.random.default_rng(seed)
    labels = np.unique(codes)
    each = max(2, size // len(labels))
    rows = [np.flatnonzero(codes == label) for label in labels]
    orders: list[np.ndarray] = [one[:0] for one in rows]
    for _ in range(steps):
        batch = []
        for place, own in enumerate(rows):
            while len(orders[place]) < each:
                orders[place] = np.concatenate([orders[place], drawn.permutation(own)])
            batch.append(orders[place][:each])
            orders[place] = orders[place][each:]
        yield np.concatenate(batch)


def compared(vectors: Sequence[Any]) -> Any:
    """What two rows are compared by, (n, …) of unit length: the text's embedding, or of a pair how its sides relate.

    Args:
        vectors: (n, width) of unit length, for each side.
    """
    import torch
    from torch.nn.functional import normalize

    if len(vectors) == 1:
        return vectors[0]
    left, right = vectors
    # Each has as much to say, however near the sides are.
    parts = [normalize(part, dim=1) for part in ((left - right).abs(), left * right)]
    return torch.cat(parts, dim=1) / len(parts) ** 0.5


def cosine_loss(vectors: Any, codes: Any) -> Any:
    """Mean squared distance of the cosines of all pairs of rows from 1 (one label) and 0; both kinds weigh the same."""
    import torch

    pairs = torch.triu(torch.ones(len(codes), len(codes), dtype=torch.bool, device=codes.device), diagonal=1)
    same = (codes[:, None] == codes)[pairs].float()
    squares = ((vectors @ vectors.T)[pairs] - same) ** 2
    return sum((squares * kind).sum() / kind.sum().clamp(min=1) for kind in (same, 1 - same)) / 2
