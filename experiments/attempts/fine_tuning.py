"""How a small sentence encoder is best fine-tuned on ANS stance: validation scores of each way, epoch by epoch.

    python experiments/attempts/fine_tuning.py FOLDER apart together mean --frozen 8 --epochs 3

FOLDER holds multilingual-e5-small. The lowest layers stay as they are, so their states are computed once. Each way
starts as a logistic regression over the frozen encoder. Nothing is scored on test rows.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from torch.nn.functional import cross_entropy, normalize
from transformers import AutoModel, AutoTokenizer

from naba.data.dataset import load_named
from naba.models.encoder.data import length_parts, prepare, tokenise, training_batches
from naba.models.encoder.options import Reading
from naba.models.encoder.training import schedule

WAYS = ("apart", "together", "mean", "first")
"""Means of two texts read apart; of both segments of one; of all tokens of one; its first token."""
PARTS = ("train", "validation")
BATCH, WARMUP, DROPOUT, STRENGTH = 32, 0.1, 0.1, 0.003


class Rows:
    """Rows of the data set as states below the layers that are trained.

    Attributes:
        sides: for each text of a row, (states, segments) of each row.
    """

    def __init__(self, dataset, part, way, tokenizer, encoder, frozen):
        frame = dataset.frame(dataset.indices(part))
        self.gold = np.array(dataset.gold(dataset.indices(part)))
        texts, targets = (prepare(list(frame[column]), "e5", None) for column in ("text", "target"))
        read = [(targets, None), (texts, None)] if way == "apart" else [(texts, targets)]
        self.sides = []
        for left, right in read:
            tokens = tokenise(tokenizer, left, right, Reading())
            self.sides.append(self._lower(encoder, tokens, frozen))
        self.lengths = sum(np.array([len(one) for one in states]) for states, _ in self.sides)

    @staticmethod
    def _lower(encoder, tokens, frozen):
        states, segments = [None] * len(tokens), [None] * len(tokens)
        order = np.argsort(tokens.lengths)
        with torch.inference_mode():
            for rows in np.array_split(order, max(1, len(order) // 64)):
                batch = tokens.batch(rows, 0)
                ids, types = torch.from_numpy(batch.ids), torch.from_numpy(batch.types)
                hidden = encoder.embeddings(input_ids=ids, token_type_ids=types)
                hidden = through(encoder, hidden, torch.from_numpy(batch.mask), 0, frozen).numpy()
                for place, row in enumerate(rows):
                    length = tokens.lengths[row]
                    states[row] = hidden[place, :length].copy()
                    segments[row] = batch.types[place, :length]
        return states, segments

    def batch(self, rows):
        """(states, mask, segments) of some rows, for each side."""
        for states, segments in self.sides:
            width = max(len(states[row]) for row in rows)
            hidden = np.zeros((len(rows), width, states[0].shape[1]), np.float32)
            mask, types = (np.zeros((len(rows), width), np.int64) for _ in range(2))
            for place, row in enumerate(rows):
                length = len(states[row])
                hidden[place, :length], mask[place, :length], types[place, :length] = states[row], 1, segments[row]
            yield tuple(torch.from_numpy(one) for one in (hidden, mask, types))


def through(encoder, hidden, mask, first, last):
    """States behind some layers of a BERT."""
    blocked = (1 - mask[:, None, None, :].float()) * -1e9
    for layer in encoder.encoder.layer[first:last]:
        found = layer(hidden, attention_mask=blocked)
        hidden = found[0] if isinstance(found, tuple) else found
    return hidden


def mean(hidden, mask):
    weights = mask[:, :, None].float()
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


def compared(left, right):
    left, right = normalize(left, dim=1), normalize(right, dim=1)
    product = left * right
    return torch.cat([left, right, (left - right).abs(), product, product.sum(1, keepdim=True)], 1)


def features(encoder, data, rows, way, frozen):
    sides = [(through(encoder, hidden, mask, frozen, None), mask, types) for hidden, mask, types in data.batch(rows)]
    hidden, mask, types = sides[0]
    if way == "apart":
        return compared(mean(hidden, mask), mean(*sides[1][:2]))
    if way == "together":
        return compared(mean(hidden, mask * (1 - types)), mean(hidden, mask * types))
    return mean(hidden, mask) if way == "mean" else hidden[:, 0]


def every_feature(encoder, data, way, frozen):
    encoder.eval()
    order = np.argsort(data.lengths)
    parts = np.array_split(order, len(order) // 64 + 1)
    with torch.inference_mode():
        found = np.concatenate([features(encoder, data, rows, way, frozen).numpy() for rows in parts])
    return found[np.argsort(order, kind="stable")]


def said(scores, data, labels):
    answers = np.array(labels)[scores.argmax(1)]
    both = f1_score(data.gold, answers, average=None, labels=["agree", "disagree"]).mean()
    counts = " ".join(f"{label} {(answers == label).sum()}" for label in labels)
    return f"F1 {both:.3f}, accuracy {accuracy_score(data.gold, answers):.3f} ({counts})"


def train(way, options, rows, encoder, labels):
    """One way, from the logistic regression on."""
    torch.manual_seed(options.seed)
    codes = np.array([labels.index(label) for label in rows["train"].gold])
    found = every_feature(encoder, rows["train"], way, options.frozen)
    centre, scale = (torch.from_numpy(one) for one in (found.mean(0), found.std(0) + 1e-6))
    probe = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
    probe.fit((found - centre.numpy()) / scale.numpy(), codes)
    head = torch.nn.Linear(found.shape[1], len(labels))
    head.weight.data, head.bias.data = (torch.from_numpy(one).float() for one in (probe.coef_, probe.intercept_))

    def validated():
        held = (torch.from_numpy(every_feature(encoder, rows["validation"], way, options.frozen)) - centre) / scale
        return said(head(held).detach().numpy(), rows["validation"], labels)

    print(f"{way}, frozen: validation {validated()}", flush=True)
    upper = list(encoder.encoder.layer[options.frozen :].parameters())
    optimiser = torch.optim.AdamW([{"params": upper, "top": options.rate},
                                   {"params": head.parameters(), "top": 10 * options.rate}], fused=True)  # fmt: skip
    weights = torch.tensor(len(codes) / (len(labels) * np.bincount(codes)), dtype=torch.float32)
    gold, dropout, step = torch.from_numpy(codes), torch.nn.Dropout(DROPOUT), 0
    total = math.ceil(len(codes) / BATCH) * options.epochs
    for epoch in range(options.epochs):
        encoder.train()
        begun, losses = time.process_time(), []
        for batch in training_batches(len(codes), BATCH, np.random.default_rng([options.seed, epoch])):
            for group in optimiser.param_groups:
                group["lr"] = group["top"] * schedule(step, total, WARMUP, "linear")
            optimiser.zero_grad()
            losses.append(0.0)
            for part in length_parts(rows["train"].lengths, batch):
                scaled = (features(encoder, rows["train"], part, way, options.frozen) - centre) / scale
                loss = cross_entropy(head(dropout(scaled)), gold[part], weight=weights, reduction="sum")
                loss = loss / weights[gold[batch]].sum()
                loss.backward()
                losses[-1] += loss.item()
            torch.nn.utils.clip_grad_norm_([*upper, *head.parameters()], 1.0)
            optimiser.step()
            step += 1
        spent = time.process_time() - begun
        print(
            f"{way}, epoch {epoch + 1}: loss {np.mean(losses):.3f}, validation {validated()}, {spent:.0f} s", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("ways", nargs="+", choices=WAYS)
    parser.add_argument("--frozen", type=int, default=8, help="lowest layers that stay as they are")
    parser.add_argument("--rate", type=float, default=1e-4, help="of the encoder; the head learns ten times as fast")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_named("ans_stance")
    labels = sorted(dataset.labels)
    tokenizer = AutoTokenizer.from_pretrained(options.folder)
    for way in options.ways:
        encoder = AutoModel.from_pretrained(options.folder, add_pooling_layer=False).eval()
        rows = {part: Rows(dataset, part, way, tokenizer, encoder, options.frozen) for part in PARTS}
        train(way, options, rows, encoder, labels)


if __name__ == "__main__":
    main()
