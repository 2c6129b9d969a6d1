"""Prediction of many headlines: tfidf_svm against the plain scikit-learn pipeline that does the same.

    NABA_MIRROR=… python experiments/speed/sparse.py [--rows 1000000] [--repeats 3]

Both are fitted on the ANS claim types, with the same features and no normalisation, and label the same made-up
headlines (random words of the training headlines, no two alike). Every measurement is a process of its own, so that
its peak memory is its own; it is given for a tenth of the rows and for all.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd


def headlines(texts, rows):
    words = np.array(sorted({word for text in texts for word in text.split()}), dtype=object)
    generator = np.random.default_rng(0)
    parts = [
        words[generator.integers(0, len(words), (min(10_000, rows - start), 9))] for start in range(0, rows, 10_000)
    ]
    return [" ".join(row) for part in parts for row in part]


def plain_pipeline():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion, make_pipeline
    from sklearn.svm import LinearSVC

    from naba.models.tfidf.features import TOKEN_PATTERN

    common = {"min_df": 2, "sublinear_tf": True, "dtype": np.float32}
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=TOKEN_PATTERN, **common)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), **common)
    features = FeatureUnion([("words", words), ("characters", characters)])
    return make_pipeline(features, LinearSVC(C=0.3, class_weight="balanced", random_state=0, max_iter=5000))


def measure(system, rows):
    """Processor seconds of prediction, peak megabytes above those before it, and the labels' checksum."""
    from naba.data.dataset import load_named
    from naba.models import tfidf_svm

    dataset = load_named("ans_claim_type")
    train = dataset.indices("train")
    frame, gold = dataset.frame(train), dataset.gold(train)
    if system == "naba":
        model = tfidf_svm().fit(frame, gold)
        X = pd.DataFrame({"text": pd.Series(headlines(frame["text"], rows), dtype=object)})
        X["target"] = pd.Series([""] * rows, dtype=object)
    else:
        # The same rows as naba's features are fitted on: each distinct text once for vocabulary and frequencies.
        model = plain_pipeline().fit(frame["text"], gold)
        X = headlines(frame["text"], rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    labels = model.predict(X)
    seconds = time.process_time() - start
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, "".join(labels[:5000])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one[0], int(options.one[1]))))
        return
    print(f"{'':14}{'rows':>10}{'seconds':>10}{'rows/s':>10}{'further MB':>12}")
    for rows in (options.rows // 10, options.rows):
        found = {"scikit-learn": [], "naba": []}
        for _ in range(options.repeats):
            for system, results in found.items():
                command = [sys.executable, __file__, "--one", system, str(rows)]
                output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                results.append(json.loads(output.splitlines()[-1]))
        for system, results in found.items():
            seconds, memory = (float(np.median([result[place] for result in results])) for place in (0, 1))
            print(f"{system:14}{rows:10}{seconds:10.1f}{rows / seconds:10.0f}{memory:12.0f}")
        same = {result[2] for results in found.values() for result in results}
        print("same labels" if len(same) == 1 else "labels differ")


if __name__ == "__main__":
    main()
