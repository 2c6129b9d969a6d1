"""Training with the token vectors that the texts ask for, and no others.

Four fifths of the weights of a small multilingual encoder are vectors of tokens, of which a data set reads a few
thousand out of 250,000. The others have no gradient, and yet each step of AdamW goes over them and their moments.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGE, WORTH_IT = 20_000, 0.5
"""Vectors of a table that is worth taking apart, and the share of them that the texts may ask for at most."""


@contextmanager
def read_vectors(model: Any, read: Sequence[np.ndarray], padding: int) -> Iterator[None]:
    """Inside, the model holds the vectors of the tokens in `read` alone; afterwards all of them again.

    What is trained is the same to rounding, but that weight decay leaves alone what no text reads.

    Args:
        model: of transformers; optimisers and copies are to be made inside.
        read: arrays of token ids; all that the model is given inside stand in them.
        padding: id of the padding token.
    """
    import torch

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


def _part(whole: Any, ids: Any) -> Any:
    """A table of the vectors of some tokens, which is asked for them by their own ids."""
    import torch

    places = torch.zeros(whole.num_embeddings, dtype=torch.int64, device=ids.device)
    places[ids] = torch.arange(len(ids), device=ids.device)
    padding = whole.padding_idx
    part: Any = _kind().from_pretrained(
        whole.weight.detach()[ids].clone(), freeze=not whole.weight.requires_grad,
        padding_idx=None if padding is None else int(places[padding]),
    )  # fmt: skip
    # No part of the weights: a checkpoint of the training has those alone.
    part.register_buffer("places", places, persistent=False)
    part.register_buffer("ids", ids, persistent=False)
    return part


@cache
def _kind() -> Any:
    import torch

    class Part(torch.nn.Embedding):
        """Vectors of some tokens."""

        places: torch.Tensor

        def forward(self, input: Any) -> Any:  # noqa: A002 - torch calls it so
            return super().forward(self.places[input])

    return Part
