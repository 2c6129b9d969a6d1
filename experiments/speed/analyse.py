"""Articles per second: `naba.analyse` against a plain loop over sentences, and a long text without models.

    python experiments/speed/analyse.py [--articles 20] [--repeats 3]

The plain loop finds the same sentences and asks the same classifier for one sentence after another, and does nothing
else (no speakers, no evidence, no order). The models are those that `naba analyse` trains by itself; every way is timed
in turn, and ratios are taken pair by pair. With --claims each sentence is also compared with the article's ten claims.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from naba.analysis.analyse import LONGEST, analyse
from naba.analysis.models import Models, open_models
from naba.analysis.reading import read_claims
from naba.arabic.segment import sentences

ARTICLE = Path(__file__).resolve().parents[2] / "data" / "article"


def plain(texts, models, claims):
    for text in texts:
        for span in sentences(text):
            models.claim_type.answers([span.of(text)], [""])
            for claim in claims:
                models.stance.answers([span.of(text)], [claim.text])


def whole(texts, models, claims, *, explain=True):
    for text in texts:
        analyse(text, claims, models=models, explain=explain)


def seconds(work, *given, clock=time.perf_counter, **options):
    start = clock()
    work(*given, **options)
    return clock() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--claims", action="store_true")
    options = parser.parse_args()
    text = (ARTICLE / "article.txt").read_text(encoding="utf-8")
    claims = read_claims(ARTICLE / "claims.jsonl") if options.claims else []
    opening = time.perf_counter()
    models = open_models(stance="default" if claims else None)
    opening = time.perf_counter() - opening
    texts = [text] * options.articles
    # Of this process, in one thread: what else the machine does counts for nothing.
    clock = time.process_time
    ways = {
        "plain loop over sentences": lambda: seconds(plain, texts, models, claims, clock=clock),
        "naba.analyse": lambda: seconds(whole, texts, models, claims, clock=clock),
        "the same without evidence": lambda: seconds(whole, texts, models, claims, explain=False, clock=clock),
    }
    whole(texts[:1], models, claims)
    times = {name: [] for name in ways}
    for _ in range(options.repeats):
        for name, way in ways.items():
            times[name].append(way())
    base = np.array(times["plain loop over sentences"])
    print(f"{len(texts)} articles of 19 sentences, {len(claims)} claims; opening the models once: {opening:.1f} s")
    for name, taken in times.items():
        ratios = base / np.array(taken)
        print(
            f"{name:28}{len(texts) / np.median(taken):8.1f} articles a processor second, ratio {np.median(ratios):.2f} "
            f"({ratios.min():.2f} to {ratios.max():.2f})"
        )
    long = (text + "\n") * (2**20 // len(text.encode()) + 1)
    assert len(long) < LONGEST
    taken = seconds(whole, [long], Models(), [], clock=time.process_time)
    size, count = len(long.encode()) / 2**20, len(sentences(long))
    print(f"{size:.2f} MB of text, {count:,} sentences, without models: {taken:.1f} s of processor time")


if __name__ == "__main__":
    main()
