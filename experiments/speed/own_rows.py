"""A desk's own file, from `naba data new` to `naba compare`, beside a bare scikit-learn script.

    OMP_NUM_THREADS=1 python experiments/speed/own_rows.py [--rows 1000 10000 100000 1000000] [--times 1]

The file is made here: words of the embedded claim types by their frequency, twelve a row, of which a third are words of
the row's label. Each step is a process of its own, so that its peak memory is its own. The bare script reads the same
file, folds spelling, splits by label, fits the same TF-IDF and logistic regression, and scores validation and test.
scikit-learn's own tolerance ends it after about as many steps as naba's. A slope is log time (or memory) over log rows
between the two largest sizes: 1 is twice the time for twice the rows.
"""

from __future__ import annotations

import argparse
import csv
import math
import multiprocessing
import os
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from training import NABA, PYTHON, keep, once

LABELS = ("quantity", "quote", "prediction", "other")
WORDS_OF_A_ROW = 12


def write(path: Path, rows: int) -> None:
    """The file: id, text and label."""
    from naba.data.dataset import load_named

    known, counts = np.unique(
        np.array(" ".join(load_named("synthetic_claim_type").column_values("text")).split()), return_counts=True
    )
    generator = np.random.default_rng(0)
    own = [generator.permutation(len(known))[: len(known) // 10] for _ in LABELS]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        for start in range(0, rows, 10_000):
            size = min(10_000, rows - start)
            labels = generator.integers(0, len(LABELS), size)
            words = generator.choice(len(known), (size, WORDS_OF_A_ROW), p=counts / counts.sum())
            of_label = np.stack([generator.choice(own[label], WORDS_OF_A_ROW) for label in labels])
            words = known[np.where(generator.random(words.shape) < 1 / 3, of_label, words)]
            writer.writerows([f"r{start + row}", " ".join(words[row]), LABELS[labels[row]]] for row in range(size))


def bare(path: str) -> None:
    """What a researcher would write: one process, all in memory."""
    import pandas as pd
    import scipy.sparse
    from bare import normalise
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import classification_report
    from sklearn.model_selection import train_test_split

    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["text"] = [normalise(text) for text in table.text]
    # The shares of split=stratified.
    train, test = train_test_split(table, test_size=0.2, stratify=table.label, random_state=0)
    train, validation = train_test_split(train, test_size=0.1, stratify=train.label, random_state=0)
    common = {"min_df": 2, "sublinear_tf": True, "dtype": np.float32}
    vectorisers = [
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]", **common),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), **common),
    ]
    matrix = scipy.sparse.hstack([one.fit_transform(train.text) for one in vectorisers]).tocsr()
    model = LogisticRegression(C=3.0, class_weight="balanced", max_iter=500).fit(matrix, train.label)
    for part in (validation, test):
        features = scipy.sparse.hstack([one.transform(part.text) for one in vectorisers]).tocsr()
        print(classification_report(part.label, model.predict(features), digits=3))


def slope(values: dict[int, float]) -> str:
    """Between the two largest sizes."""
    sizes = sorted(values)[-2:]
    if len(sizes) < 2:
        return ""
    rise = math.log(values[sizes[1]] / values[sizes[0]]) / math.log(sizes[1] / sizes[0])
    return f"{rise:.2f}"


def steps(file: Path) -> dict[str, list[str]]:
    """Each step's command, in order."""
    train = [*NABA, "train", "dataset=own", "split=stratified", "force=true"]
    return {
        "naba data new": [*NABA, "data", "new", str(file), "--name", "own"],
        "naba check": [*NABA, "check", "own"],
        "naba train model=tfidf_logreg": [*train, "model=tfidf_logreg"],
        "bare scikit-learn": [PYTHON, str(Path(__file__)), "--bare", str(file)],
        "naba train model=majority": [*train, "model=majority"],
        "naba compare": [*NABA, "compare"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--steps", nargs="*", help="only those that hold one of these words")
    parser.add_argument("--keep", action="store_true", help="write what is measured to record.json")
    parser.add_argument("--bare", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bare(options.bare)
        return
    measured: dict[str, dict[int, tuple[float, ...]]] = {}
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            environment = {**os.environ, "NABA_HOME": str(folder / "home")}
            # In a process of its own: the kernel counts a parent's memory as its children's.
            writer = multiprocessing.get_context("spawn").Process(target=write, args=(folder / "own.csv", rows))
            writer.start()
            writer.join()
            assert writer.exitcode == 0, writer.exitcode
            wanted = steps(folder / "own.csv")
            runs: dict[str, list[tuple[float, ...]]] = {step: [] for step in wanted}
            for _ in range(options.times):
                (folder / "conf" / "dataset" / "own.yaml").unlink(missing_ok=True)
                for step, command in wanted.items():
                    if not options.steps or step == "naba data new" or any(word in step for word in options.steps):
                        runs[step].append(once(command, environment, folder))
                        print(rows, step, *(f"{number:.1f}" for number in runs[step][-1]), file=sys.stderr)
            for step, found in runs.items():
                if found:
                    middle = tuple(statistics.median(run[place] for run in found) for place in range(3))
                    measured.setdefault(step, {})[rows] = middle
    show(measured, options.rows)
    if options.keep:
        for rows, ours in measured.get("naba train model=tfidf_logreg", {}).items():
            beside = measured["bare scikit-learn"][rows]
            keep(f"own_rows_{rows}", ours[0] / beside[0], ours[0], beside[0])


def show(measured: dict[str, dict[int, tuple[float, ...]]], sizes: list[int]) -> None:
    """Two tables: wall and processor seconds, and peak memory, with slopes; then training against the bare script."""
    print(f"load {os.getloadavg()[0]:.1f}")
    for title, place, digits in (("wall s", 0, 1), ("processor s", 1, 1), ("peak MB", 2, 0)):
        print(f"| {title} | " + " | ".join(f"{rows:,} rows" for rows in sizes) + " | slope |")
        print("|---" * (len(sizes) + 2) + "|")
        for step, found in measured.items():
            values = {rows: found[rows][place] for rows in sizes}
            cells = " | ".join(f"{values[rows]:,.{digits}f}" for rows in sizes)
            print(f"| {step} | {cells} | {slope(values)} |")
        print()
    ours, theirs = (measured.get(step) for step in ("naba train model=tfidf_logreg", "bare scikit-learn"))
    if ours is None or theirs is None:
        return
    for rows in sizes:
        wall, processor, memory = (ours[rows][place] / theirs[rows][place] for place in range(3))
        print(f"{rows:,} rows, naba train / bare: wall {wall:.2f}, processor {processor:.2f}, memory {memory:.2f}")


if __name__ == "__main__":
    main()
