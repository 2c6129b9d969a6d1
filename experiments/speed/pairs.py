"""Pair features of all rows at once against the same features computed row by row.

    NABA_MIRROR=… python experiments/speed/pairs.py [--dataset ans_stance] [--rows 755] [--repeats 5]

Row by row is the same fitted transformer called with one row after another, which pays its fixed cost at each call; the
rows in calls of 32 show how much of the ratio that is. A repeat times every way in turn; medians, and whether all ways
give the same numbers.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from naba.data.dataset import load_named
from naba.models.pairs.features import PairFeatures

CALLS = {"one row a call": 1, "32 rows a call": 32, "all rows at once": None}


def by_calls(features, frame, size):
    parts = [frame.iloc[start : start + size] for start in range(0, len(frame), size)]
    start = time.perf_counter()
    result = np.vstack([np.asarray(features.transform(part), float) for part in parts])
    return time.perf_counter() - start, result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="ans_stance")
    parser.add_argument("--rows", type=int, default=755)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    dataset = load_named(options.dataset)
    features = PairFeatures().fit(dataset.frame(dataset.indices("train")))
    frame = dataset.frame(dataset.indices("validation")[: options.rows])
    times = {name: [] for name in CALLS}
    results = {}
    for _ in range(options.repeats):
        for name, size in CALLS.items():
            seconds, results[name] = by_calls(features, frame, size or len(frame))
            times[name].append(seconds)
    base = np.array(times["one row a call"])
    width = results["all rows at once"].shape[1]
    print(f"{options.dataset}: {len(frame)} rows, {width} features")
    print(f"{'':20}{'seconds':>9}{'ms a row':>10}{'ratio, median (min to max)':>30}")
    for name, taken in times.items():
        ratios = base / np.array(taken)
        print(
            f"{name:20}{np.median(taken):9.2f}{1000 * np.median(taken) / len(frame):10.2f}"
            f"{np.median(ratios):14.1f} ({ratios.min():.1f} to {ratios.max():.1f})"
        )
    for name, result in results.items():
        print(f"largest difference, {name}: {np.abs(result - results['all rows at once']).max():.1g}")


if __name__ == "__main__":
    main()
