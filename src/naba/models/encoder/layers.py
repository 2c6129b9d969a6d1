"""What naba puts round or into an encoder of transformers while it is trained: a head over means, a smaller table.

The usual head reads the first token, of which sentence encoders such as E5 know little, and starts at random: a small
data set of pairs is over before it has learnt to look. `Means` reads the means of the tokens, starts as a logistic
regression over the frozen encoder and trains with it (Kumar et al. 2022, arXiv 2202.10054). The two sides of a pair
are read apart, as the checkpoint has learnt to, and their means compared (Reimers & Gurevych 2019, arXiv 1908.10084).

Four fifths of the weights of a small multilingual encoder are vectors of tokens, of which a data set reads a few
thousand out of 250,000. The others have no gradient, and yet each step of AdamW goes over them and their moments:
`read_vectors` leaves them out.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import normalize

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DROPOUT = 0.1
FASTER = 10.0
"""How much faster the head learns than the encoder below it."""
_STRENGTH = 0.003
"""Inverse strength of the logistic regression's regularisation, as in `naba.models.embeddings`."""
LARGE, WORTH_IT = 20_000, 0.5
"""Vectors of a table that is worth taking apart, and the share of them that the texts may ask for at most."""


class Means(torch.nn.Module):
    """An encoder without a head of its own, and one over its means; called as a classifier of transformers is.

    Args:
        encoder: of transformers; its configuration says how many labels there are.
        pair: compare the two segments.
    """

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(self, encoder: Any, *, pair: bool) -> None:
        super().__init__()
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None
        self.encoder = encoder
        self.pair = pair
        single = int(encoder.config.hidden_size)
        width = 4 * single + 1 if pair else single
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.dropout = torch.nn.Dropout(DROPOUT)
        self.classifier = torch.nn.Linear(width, int(encoder.config.num_labels))

    @property
    def config(self) -> Any:
        """Of the encoder."""
        return self.encoder.config

    def get_input_embeddings(self) -> Any:
        """Of the encoder."""
        return self.encoder.get_input_embeddings()

    def set_input_embeddings(self, table: Any) -> None:
        """Of the encoder."""
        self.encoder.set_input_embeddings(table)

    def features(self, attention_mask: Any, token_type_ids: Any = None, **inputs: Any) -> Any:
        """(windows, width): the mean of the tokens, or [u, v, |u-v|, u*v, u.v] of the sides' means."""
        if not self.pair:
            return _mean(self._hidden(attention_mask, inputs), attention_mask)
        # Each token sees its own side. The sides are no segments to the encoder, which has not met a second one.
        seen = (token_type_ids[:, :, None] == token_type_ids[:, None, :]) & (attention_mask[:, None, :] > 0)
        blocked = torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, torch.finfo(torch.float32).min)
        hidden = self._hidden(blocked[:, None], inputs)
        left, right = (_mean(hidden, attention_mask * side) for side in (1 - token_type_ids, token_type_ids))
        product = left * right
        return torch.cat([left, right, (left - right).abs(), product, product.sum(dim=1, keepdim=True)], dim=1)

    def _hidden(self, mask: Any, inputs: Any) -> Any:
        return self.encoder(attention_mask=mask, **inputs).last_hidden_state.float()

    def require_sides_apart(self) -> None:
        """Raises:
        UserError: the encoder's code does not take a mask for each token, so that sides see each other.
        """
        ids = torch.tensor([[5, 6, 7, 8], [6, 5, 7, 8]])
        types = torch.tensor([[0, 0, 1, 1]] * 2)
        single = int(self.config.hidden_size)
        try:
            with torch.inference_mode():
                found = self.eval().features(torch.ones_like(ids), types, input_ids=ids)
            apart = torch.allclose(found[0, single : 2 * single], found[1, single : 2 * single], atol=1e-5)
        except (RuntimeError, ValueError, TypeError, IndexError):
            apart = False
        if not apart:
            raise UserError(
                f"encoders of type '{self.config.model_type}' cannot read the sides of a pair apart",
                "model.head=first reads them together",
            )

    def forward(self, **inputs: Any) -> Any:
        """`logits`, (windows, labels)."""
        from transformers.modeling_outputs import SequenceClassifierOutput

        scaled = (self.features(**inputs) - self.centre) / self.scale
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(scaled)))

    def start(self, features: np.ndarray, codes: np.ndarray) -> None:
        """Make the head a logistic regression over the encoder as it is.

        Args:
            features: (n, width) of the training rows.
            codes: (n,) labels, all of them.
        """
        from naba.machine import one_thread
        from naba.models.ensembles import logistic

        centre, scale = features.mean(axis=0), features.std(axis=0)
        scale[scale < 1e-6] = 1.0
        # Sums depend on how threads share them.
        with one_thread():
            found = logistic(_STRENGTH).fit((features - centre) / scale, codes)
        weights, bias = found.coef_, found.intercept_
        if len(weights) == 1:  # Of two labels, scikit-learn keeps the second one's.
            weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
        with torch.no_grad():
            for kept, values in (
                (self.centre, centre), (self.scale, scale), (self.classifier.weight, weights),
                (self.classifier.bias, bias),
            ):  # fmt: skip
                kept.copy_(torch.as_tensor(values, dtype=torch.float32))


def _mean(hidden: Any, mask: Any) -> Any:
    """Of the tokens where the mask is 1, of unit length."""
    weights = mask[:, :, None].to(hidden.dtype)
    return normalize((hidden * weights).sum(1) / weights.sum(1).clamp(min=1), dim=1)


@contextmanager
def read_vectors(model: Any, read: Sequence[np.ndarray], padding: int) -> Iterator[None]:
    """Inside, the model holds the vectors of the tokens in `read` alone; afterwards all of them again.

    What is trained is the same to rounding, but that weight decay leaves alone what no text reads.

    Args:
        model: of transformers; optimisers and copies are to be made inside.
        read: arrays of token ids; all that the model is given inside stand in them.
        padding: id of the padding token.
    """
    whole = model.get_input_embeddings()
    asked = np.unique(np.concatenate([[padding], *read]))
    # A subclass computes something of its own; a table that another layer has as well cannot be taken apart.
    plain = type(whole) is torch.nn.Embedding and sum(one is whole.weight for one in _parameters(model)) == 1
    if not plain or whole.num_embeddings < LARGE or len(asked) > WORTH_IT * whole.num_embeddings:
        yield
        return
    rows = torch.from_numpy(asked).to(whole.weight.device)
    model.set_input_embeddings(_part(whole, rows))
    try:
        yield
    finally:
        part = model.get_input_embeddings()
        with torch.no_grad():
            whole.to(part.weight.device).weight[part.ids] = part.weight
        model.set_input_embeddings(whole)


def _parameters(model: Any) -> list[Any]:
    """The parameters, those that several layers share once for each."""
    return [one for module in model.modules() for one in module.parameters(recurse=False)]


class _Part(torch.nn.Embedding):
    """Vectors of some tokens."""

    places: torch.Tensor

    def forward(self, input: Any) -> Any:  # noqa: A002 - torch calls it so
        return super().forward(self.places[input])


def _part(whole: Any, ids: Any) -> Any:
    """A table of the vectors of some tokens, which is asked for them by their own ids."""
    places = torch.zeros(whole.num_embeddings, dtype=torch.int64, device=ids.device)
    places[ids] = torch.arange(len(ids), device=ids.device)
    padding = whole.padding_idx
    part: Any = _Part.from_pretrained(  # type: ignore[no-untyped-call]
        whole.weight.detach()[ids].clone(), freeze=not whole.weight.requires_grad,
        padding_idx=None if padding is None else int(places[padding]),
    )  # fmt: skip
    # No part of the weights: a checkpoint of the training has those alone.
    part.register_buffer("places", places, persistent=False)
    part.register_buffer("ids", ids, persistent=False)
    return part
