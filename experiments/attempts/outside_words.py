"""A system that is none of naba's, for a board: counted letters of both headlines and how they differ, in scikit-learn.

python experiments/attempts/outside_words.py > outside.csv
naba score outside.csv dataset=ans_stance --track sklearn_words
"""

from __future__ import annotations

import csv
import sys

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from naba.data.dataset import load_named


def main() -> None:
    dataset = load_named("ans_stance")
    train, test = (dataset.indices(part) for part in ("train", "test"))
    counts = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    frame = dataset.frame(train)
    counts.fit([*frame["text"], *frame["target"]])

    def features(rows):
        left, right = (counts.transform(dataset.frame(rows)[column]) for column in ("target", "text"))
        return hstack([left, right, abs(left - right), left.multiply(right)]).tocsr()

    model = LinearSVC(C=0.3, class_weight="balanced", random_state=0).fit(features(train), dataset.gold(train))
    rows = zip(dataset.ids(test), model.predict(features(test)), strict=True)
    csv.writer(sys.stdout).writerows([("id", "label"), *rows])
    held = dataset.indices("validation")
    right = np.mean(model.predict(features(held)) == np.array(dataset.gold(held)))
    print(f"validation accuracy {right:.3f}", file=sys.stderr)


if __name__ == "__main__":
    main()
