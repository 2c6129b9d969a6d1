"""Normalisation of Arabic text: naba's profile against the same rules as chained functions of camel-tools.

    pip install --no-deps camel-tools emoji six future
    NABA_MIRROR=… python experiments/speed/normalise.py [--repeats 7] [--texts 30000]

Rules on both sides: Unicode compatibility forms, diacritics removed, alef forms, alef maksura and ta marbuta folded.
Texts: the titles, then the bodies, of SaudiNewsNet. Each repeat times both sides in turn, in one process; medians.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from naba.arabic.normalise import Profile, normalise_all, normaliser
from naba.data.dataset import load_named

RULES = ("compatibility_forms", "diacritics", "alef_forms", "alef_maksura", "ta_marbuta")
PROFILE = Profile("camel", **dict.fromkeys(RULES, True))


def chained():
    """camel-tools' functions one after the other, as its guide shows them."""
    from camel_tools.utils.dediac import dediac_ar
    from camel_tools.utils.normalize import (
        normalize_alef_ar,
        normalize_alef_maksura_ar,
        normalize_teh_marbuta_ar,
        normalize_unicode,
    )

    def normalise(text):
        return normalize_teh_marbuta_ar(
            normalize_alef_maksura_ar(normalize_alef_ar(dediac_ar(normalize_unicode(text))))
        )

    return lambda texts: [normalise(text) for text in texts]


def one_by_one(texts):
    compiled = normaliser(PROFILE)
    return [compiled(text) for text in texts]


def seconds(work, texts):
    start = time.perf_counter()
    work(texts)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--texts", type=int, default=30_000)
    options = parser.parse_args()
    systems = {
        "camel-tools, chained": chained(),
        "naba, one text at a time": one_by_one,
        "naba, all at once": lambda texts: normalise_all(texts, PROFILE),
    }
    frame = load_named("saudinewsnet")
    rows = np.arange(min(options.texts, len(frame.table)))
    columns = {
        "headlines": [str(title) for title in frame.column("title", rows)],
        "articles": [str(text) for text in frame.column("text", rows[: len(rows) // 10])],
    }
    print(f"{'texts':12}{'system':28}{'seconds':>9}{'M characters/s':>16}{'ratio, median (min to max)':>30}")
    for name, texts in columns.items():
        results = {system: work(texts) for system, work in systems.items()}  # warm, and kept to compare
        times = {system: [] for system in systems}
        for _ in range(options.repeats):
            for system, work in systems.items():
                times[system].append(seconds(work, texts))
        base = np.array(times["camel-tools, chained"])
        characters = sum(map(len, texts))
        for system, taken in times.items():
            ratios = base / np.array(taken)
            print(
                f"{name:12}{system:28}{np.median(taken):9.3f}{characters / np.median(taken) / 1e6:16.1f}"
                f"{np.median(ratios):14.1f} ({ratios.min():.1f} to {ratios.max():.1f})"
            )
        first, second = results["camel-tools, chained"], results["naba, all at once"]
        same = sum(one == other for one, other in zip(first, second, strict=True))
        print(f"{len(texts)} {name}, {characters / 1e6:.1f} M characters; equal results: {same}")
        for one, other in zip(first, second, strict=True):
            if one != other:
                place = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
                print(f"  first difference: {one[place : place + 20]!r} / {other[place : place + 20]!r}")
                break


if __name__ == "__main__":
    main()
