"""Texts a second: naba's frozen embeddings against `SentenceTransformer.encode`, same weights, in turns; then cached.

python experiments/speed/embeddings.py FOLDER [--dataset ans_stance] [--texts 400] [--rounds 3]

FOLDER holds a checkpoint of transformers (E5: `--prefix "query: "`). Both have mean pooling, vectors of unit length and
the threads that torch takes by itself. The cache is off in the first part and in a folder of its own in the second.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from typing import Any

import numpy as np


def seconds(work: Any) -> tuple[np.ndarray, Any]:
    """(wall seconds, processor seconds) and what the work gives. On a busy machine the second is the fairer one."""
    begun = np.array([time.perf_counter(), time.process_time()])
    found = work()
    return np.array([time.perf_counter(), time.process_time()]) - begun, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--dataset", default="ans_stance")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    from naba.data.dataset import load_named
    from naba.models.embeddings import cache
    from naba.models.embeddings.features import Embedder

    table = load_named(options.dataset).table
    columns = (list(table[name]) for name in ("text", "target"))
    texts = [text for text in dict.fromkeys(text for column in columns for text in column) if text][: options.texts]
    encoder = modules.Transformer(options.folder, max_seq_length=256)
    theirs = SentenceTransformer(
        modules=[encoder, modules.Pooling(encoder.get_embedding_dimension(), pooling_mode="mean"), modules.Normalize()]
    )
    ours = Embedder(options.folder, options.prefix, "mean", 256).load()
    whole = [options.prefix + text for text in texts]
    os.environ[cache.LIMIT_VARIABLE] = "0"
    ours.vectors(texts[:32])
    theirs.encode(whole[:32], show_progress_bar=False)
    ratios = []
    for _ in range(options.rounds):
        one, vectors = seconds(lambda: ours.vectors(texts))
        other, wanted = seconds(lambda: theirs.encode(whole, show_progress_bar=False))
        ratios.append(other / one)
        print(
            f"naba {len(texts) / one[0]:.1f}, sentence-transformers {len(texts) / other[0]:.1f} texts a second",
            flush=True,
        )
    wall, processor = np.median(ratios, axis=0)
    print(
        f"median ratio: wall {wall:.2f}, processor {processor:.2f}; cosine {np.min((vectors * wanted).sum(axis=1)):.6f}"
    )
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {cache.LIMIT_VARIABLE: "1000", "NABA_CACHE": folder}
        first, _ = seconds(lambda: ours.vectors(texts))
        second, _ = seconds(lambda: ours.vectors(texts))
    first, second = len(texts) / first[0], len(texts) / second[0]
    print(f"first run {first:.1f}, second run {second:.0f} texts a second: {second / first:.0f} x")


if __name__ == "__main__":
    main()
