"""Encoder fine-tuning against transformers.Trainer with its defaults: same model, data, epochs and learning rate.

    python experiments/speed/encoder.py [--dataset ans_claim_type] [--rows 1536] [--epochs 3] [--repeats 3]
        [--threads 2] [--checkpoint FOLDER] [--systems NAME …]

Both sides get the same initial weights and the same tokens; tokenising and a first short run of each are not timed.
Runs alternate, and medians are printed, of wall time and of processor time (the fairer one on a busy machine).
`float32` and `float32, no parts` take the two differences away one after the other, to show where the time goes.
With a checkpoint its weights and tokenizer are taken instead of a small BERT of random weights.
Set NABA_MIRROR for data sets that are fetched.
"""

from __future__ import annotations

import argparse
import copy
import logging
import math
import tempfile
import time
import warnings

import numpy as np
import torch
import transformers

from naba.data.dataset import load_named
from naba.models.encoder import data, weights
from naba.models.encoder.layers import read_vectors
from naba.models.encoder.options import Architecture, Reading, Training
from naba.models.encoder.training import FineTuning, Forward, device, has_bfloat16

RATE, WARMUP, BATCH = 3e-4, 0.1, 32


class Rows(torch.utils.data.Dataset):
    """Tokens as Trainer wants them: one dict a row."""

    def __init__(self, tokens, codes):
        self.tokens, self.codes = tokens, codes

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, row):
        batch = self.tokens.batch(np.array([row]), 0)
        return {
            "input_ids": batch.ids[0].tolist(),
            "token_type_ids": batch.types[0].tolist(),
            "attention_mask": batch.mask[0].tolist(),
            "labels": int(self.codes[row]),
        }


def timed(work):
    """(wall, processor) seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def train_with_trainer(model, tokenizer, tokens, codes, epochs, seed):
    rows = Rows(tokens, codes)
    # Rows are made beforehand: Trainer is not to pay for this script's way of keeping tokens.
    ready = [rows[row] for row in range(len(rows))]
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            folder,
            num_train_epochs=epochs,
            learning_rate=RATE,
            warmup_steps=math.ceil(WARMUP * epochs * math.ceil(len(codes) / BATCH)),
            per_device_train_batch_size=BATCH,
            seed=seed,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        trainer = transformers.Trainer(
            model, arguments, train_dataset=ready, data_collator=transformers.DataCollatorWithPadding(tokenizer)
        )
        return timed(trainer.train)


def train_with_naba(model, tokenizer, tokens, codes, epochs, seed, *, fast):
    training = Training(
        epochs=epochs, learning_rate=RATE, batch_size=BATCH, warmup=WARMUP, weight_decay=0.0, class_weight=None
    )
    forward = Forward(model, tokenizer.pad_token_id, True, "mean", fast and has_bfloat16(device()))

    def work():
        # As the estimator does it, but for the threads, which it would set to those that its options name.
        with read_vectors(model, [tokens.ids], tokenizer.pad_token_id):
            FineTuning(forward, training, None, seed, None).run(tokens, codes, None)

    return timed(work)


def without_parts(*args):
    kept, data.MOST_PARTS = data.MOST_PARTS, 1
    try:
        return train_with_naba(*args, fast=False)
    finally:
        data.MOST_PARTS = kept


SYSTEMS = {
    "transformers.Trainer": train_with_trainer,
    "naba": lambda *args: train_with_naba(*args, fast=True),
    "naba, float32": lambda *args: train_with_naba(*args, fast=False),
    "naba, float32, no parts": without_parts,
}


def final_loss(model, tokenizer, tokens, codes):
    scores = Forward(model, tokenizer.pad_token_id, True, "mean").scores(tokens, 64)
    return torch.nn.functional.cross_entropy(torch.from_numpy(scores), torch.from_numpy(codes)).item()


def load(name, rows, checkpoint):
    dataset = load_named(name)
    reading = Reading(max_length=128)
    train, validation = (dataset.indices(split) for split in ("train", "validation"))
    train = np.random.default_rng(0).permutation(train)[:rows]
    frame, held_out = dataset.frame(train), dataset.frame(validation)
    torch.manual_seed(0)
    if checkpoint is None:
        tokenizer, model = weights.new_tokenizer([*frame["text"], *frame["target"]], 8000, 128), None
    else:
        tokenizer, model = weights.load_pretrained(checkpoint, list(dataset.labels))
    tokens = [
        data.tokenise(tokenizer, part["text"].tolist(), part["target"].tolist() if dataset.pair else None, reading)
        for part in (frame, held_out)
    ]
    codes = [np.array([dataset.labels.index(label) for label in dataset.gold(part)]) for part in (train, validation)]
    if model is None:
        model = weights.new_model(Architecture(), tokenizer, dataset.labels, 128)
    return tokenizer, model, tokens, codes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="ans_claim_type")
    parser.add_argument("--rows", type=int, default=1536)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint", metavar="FOLDER")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    options = parser.parse_args()
    systems = {name: SYSTEMS[name] for name in options.systems}
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    tokenizer, model, (tokens, held_out), (codes, gold) = load(options.dataset, options.rows, options.checkpoint)
    print(f"{options.dataset}: {len(codes)} rows, {tokens.lengths.mean():.0f} tokens each, {options.epochs} epochs, "
          f"{model.num_parameters():,} weights, {torch.get_num_threads()} threads, {device().type}")  # fmt: skip
    small_tokenizer, small_model, (few, _), (few_codes, _) = load(options.dataset, 2 * BATCH, options.checkpoint)
    for train in systems.values():
        train(copy.deepcopy(small_model), small_tokenizer, few, few_codes, 1, 0)
    seconds, losses = {name: [] for name in systems}, {name: [] for name in systems}
    for repeat in range(options.repeats):
        for name, train in systems.items():
            start = copy.deepcopy(model)
            seconds[name].append(train(start, tokenizer, tokens, codes, options.epochs, repeat))
            start.cpu()
            losses[name].append(final_loss(start, tokenizer, held_out, gold))
    base = np.median(seconds["transformers.Trainer"], axis=0)
    print(f"{'':28}{'examples/s':>12}{'ratio':>8}{'processor ratio':>17}{'validation loss':>18}  seconds of each run")
    for name, times in seconds.items():
        wall, processor = np.median(times, axis=0)
        rate = len(codes) * options.epochs / wall
        spread = f"{np.median(losses[name]):.3f} ±{np.ptp(losses[name]) / 2:.3f}"
        shown = " ".join(f"{value:.1f}" for value, _ in times)
        print(f"{name:28}{rate:12.1f}{base[0] / wall:8.2f}{base[1] / processor:17.2f}{spread:>18}  {shown}")


if __name__ == "__main__":
    main()
