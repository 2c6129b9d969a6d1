"""Integrated gradients: how much each word of an example spoke for a label of an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from naba.models.explain import quadrature

if TYPE_CHECKING:
    from naba.models.encoder.classifier import EncoderClassifier
    from naba.models.encoder.data import Batch

STEPS = 32


def word_attributions(
    model: EncoderClassifier, X: Any, codes: np.ndarray, steps: int = STEPS
) -> list[list[tuple[str, float]]]:
    """The words of each row with their part in the score of one label, in the order of the text.

    Sundararajan et al. 2017, arXiv 1703.01365: gradients of the label's score, averaged on the straight line from a
    text of padding to the text (Gauss-Legendre quadrature), times the way. The parts sum to the difference of the
    two scores. Pieces are summed to words, the windows of a long text to one list.

    Args:
        model: a fitted encoder.
        codes: (n,) place of each row's label in `model.classes_`.
        steps: points on the line.
    Returns:
        (word, part) lists; a word of a pair is `target:…` or `text:…`.
    """
    from naba.models.encoder.training import device, fixed_threads

    network = model.model_.to(device()).float().eval()
    tokens = model.tokens(X)
    with fixed_threads(model.training.threads):
        found = []
        for row, code in enumerate(codes):
            batch = tokens.batch(np.array([row]), model.tokenizer_.pad_token_id or 0)
            found.append(_words(model, batch, _integrate(model, network, batch, int(code), steps)))
    return found


def _integrate(model: EncoderClassifier, network: Any, batch: Batch, code: int, steps: int) -> np.ndarray:
    """(windows, width) part of each token in the pooled score."""
    import torch

    from naba.models.encoder.training import pool

    ids, blank, rest = _inputs(model, network, batch)
    embed = network.get_input_embeddings()
    with torch.no_grad():
        start, end = embed(blank), embed(ids)
    total = torch.zeros_like(end)
    for point, weight in quadrature(steps):
        place = (start + point * (end - start)).requires_grad_()
        scores = network(inputs_embeds=place, **rest).logits
        score = pool(scores, batch.owner, 1, model.reading.pooling)[0, code]
        total += weight * torch.autograd.grad(score, place)[0]
    return ((end - start) * total).sum(dim=-1).cpu().numpy()


def _inputs(model: EncoderClassifier, network: Any, batch: Batch) -> tuple[Any, Any, dict[str, Any]]:
    """(token ids, the same with padding instead of words, what else the network reads) as tensors."""
    import torch

    where = next(network.parameters()).device
    ids = torch.from_numpy(batch.ids).to(where)
    rest = {"attention_mask": torch.from_numpy(batch.mask).to(where)}
    if model.reads_types():
        rest["token_type_ids"] = torch.from_numpy(batch.types).to(where)
    special = torch.tensor(sorted(set(model.tokenizer_.all_special_ids)), device=where)
    blank = torch.where(torch.isin(ids, special), ids, torch.full_like(ids, model.tokenizer_.pad_token_id or 0))
    return ids, blank, rest


def _words(model: EncoderClassifier, batch: Batch, parts: np.ndarray) -> list[tuple[str, float]]:
    """Pieces of words put together: `##` goes on with a word, `▁` begins one."""
    special = set(model.tokenizer_.all_special_ids)
    words: list[tuple[str, float]] = []
    for ids, types, mask, values in zip(batch.ids, batch.types, batch.mask, parts, strict=True):
        pieces = model.tokenizer_.convert_ids_to_tokens(ids.tolist())
        marked = any(piece.startswith("▁") for piece in pieces)
        begun = False
        for piece, token, kind, kept, value in zip(pieces, ids, types, mask, values, strict=True):
            if not kept or int(token) in special:
                begun = False
                continue
            inner = begun and (piece.startswith("##") if not marked else not piece.startswith("▁"))
            text = piece.removeprefix("##").removeprefix("▁")
            side = ("text:" if kind else "target:") if model.pair else ""
            if inner:
                words[-1] = (words[-1][0] + text, words[-1][1] + float(value))
            else:
                words.append((side + text, float(value)))
            begun = True
    return words
