"""A head over the means of the tokens, for encoders that were trained to be read so: E5 and other sentence encoders.

The usual head reads the first token, of which such a checkpoint knows little, and starts at random: a small data set of
pairs is over before it has learnt to look. This one starts as a logistic regression over the frozen encoder and trains
with it (Kumar et al. 2022, arXiv 2202.10054). The two sides of a pair are read apart, as the checkpoint has learnt to,
and the head compares their means (Reimers & Gurevych 2019, arXiv 1908.10084).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.functional import normalize

from naba.errors import UserError

DROPOUT = 0.1
FASTER = 10.0
"""How much faster the head learns than the encoder below it."""
_STRENGTH = 0.003
"""Inverse strength of the logistic regression's regularisation, as in `naba.models.embeddings`."""


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
