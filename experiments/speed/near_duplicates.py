"""Near duplicates: naba's search (`naba check`, N07) against datasketch's MinHash and LSH on the same texts.

    pip install --no-deps --target FOLDER datasketch
    PYTHONPATH=FOLDER python experiments/speed/near_duplicates.py [--rows 12000 100000] [--datasketch-to 100000]

Rows as `own_rows.py` makes them, of which a tenth are an earlier row with one word changed. datasketch does what a
notebook does: 5-grams of characters, MinHash of 32 permutations, LSH in 8 bands of 4, and the exact index of each
candidate; its texts are hashed in bulk. Each is a process of its own; larger sizes than `--datasketch-to` are naba's
alone. naba's 5-grams run over the end of a text, so pairs near the threshold of .8 differ.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from own_rows import slope, write

THRESHOLD = 0.8


def texts(file: Path) -> list[str]:
    """The texts of a file, a tenth of them an earlier one with one word changed."""
    with file.open(encoding="utf-8", newline="") as rows:
        found = [row["text"] for row in csv.DictReader(rows)]
    generator = np.random.default_rng(1)
    for place in generator.choice(np.arange(1, len(found)), len(found) // 10, replace=False).tolist():
        words = found[int(generator.integers(0, place))].split()
        words[int(generator.integers(0, len(words)))] = "نبأ"
        found[place] = " ".join(words)
    return found


def ours(rows: list[str]) -> set[tuple[int, int]]:
    from naba.data.checks.near_duplicates import near_duplicates

    return {(one, other) for one, other, _ in near_duplicates(rows, THRESHOLD)}


def theirs(rows: list[str]) -> set[tuple[int, int]]:
    from datasketch import MinHash, MinHashLSH

    distinct = list({text: place for place, text in reversed(list(enumerate(rows))) if text}.items())
    grams = {place: {text[start : start + 5] for start in range(max(1, len(text) - 4))} for text, place in distinct}
    encoded = ([gram.encode() for gram in found] for found in grams.values())
    index = MinHashLSH(params=(8, 4), num_perm=32)
    pairs = set()
    for place, minhash in zip(grams, MinHash.generator(encoded, num_perm=32), strict=True):
        for other in index.query(minhash):
            a, b = grams[place], grams[other]
            if len(a & b) / len(a | b) >= THRESHOLD:
                pairs.add((min(place, other), max(place, other)))
        index.insert(place, minhash)
    return pairs


SYSTEMS = {"naba": ours, "datasketch": theirs}


def measure(system: str, file: str, output: str) -> None:
    rows = texts(Path(file))
    wall, processor = time.perf_counter(), time.process_time()
    pairs = SYSTEMS[system](rows)
    found = [time.perf_counter() - wall, time.process_time() - processor]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    Path(output).write_text(json.dumps([*found, memory, sorted(pairs)]), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[12_000, 100_000])
    parser.add_argument("--datasketch-to", type=int, default=100_000)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(*options.one)
        return
    print("| rows | system | wall s | processor s | peak MB | pairs | found by the other too |")
    print("|---|---|---|---|---|---|---|")
    seconds: dict[str, dict[int, float]] = {system: {} for system in SYSTEMS}
    with tempfile.TemporaryDirectory() as name:
        file, output = Path(name) / "rows.csv", Path(name) / "found.json"
        for rows in options.rows:
            write(file, rows)
            found = {}
            for system in SYSTEMS if rows <= options.datasketch_to else ["naba"]:
                command = [sys.executable, __file__, "--one", system, str(file), str(output)]
                subprocess.run(command, check=True)
                found[system] = json.loads(output.read_text(encoding="utf-8"))
            for system, (wall, processor, memory, pairs) in found.items():
                seconds[system][rows] = processor
                kept = {tuple(pair) for pair in pairs}
                other = {tuple(pair) for name, result in found.items() if name != system for pair in result[3]}
                share = f"{len(kept & other) / max(1, len(kept)):.1%}" if len(found) > 1 else ""
                print(
                    f"| {rows:,} | {system} | {wall:.1f} | {processor:.1f} | {memory:.0f} | {len(kept):,} | {share} |",
                    flush=True,
                )
    for system, found in seconds.items():
        print(f"{system}: slope of processor time {slope(found)}")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
