"""What a researcher would write without naba: ANS stance, TF-IDF of both sides, logistic regression, scikit-learn only.

The same work as `naba train dataset=ans_stance model=tfidf_logreg`: read three files, fold Arabic spelling, word and
character TF-IDF of both sides with one vocabulary, their difference and product, overlap numbers, one fit, predictions
and scores on validation and test.

    python experiments/speed/bare.py MIRROR
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix, f1_score

FOLDER = "github/latynt/ans/9c5f313ab225880b9f60f4e795e6afb4da3352c8/data/stance"
FOLDS = str.maketrans("أإآٱىةؤئ٠١٢٣٤٥٦٧٨٩؟،؛", "ااااييوي0123456789?,;")
MARKS = re.compile("[\u064b-\u0652\u0670\u0640\u200c-\u200f]")
NEGATIONS = {"لا", "لم", "لن", "ليس", "غير", "دون", "عدم", "نفي", "تنفي", "ينفي", "بدون"}


def normalise(text: str) -> str:
    return " ".join(MARKS.sub("", text).translate(FOLDS).split())


def overlap(left: str, right: str) -> list[float]:
    a, b = set(re.findall(r"\w+", left)), set(re.findall(r"\w+", right))
    m, n = set(re.findall(r"\d+", left)), set(re.findall(r"\d+", right))
    shared = len(a & b)
    return [
        shared / max(1, len(a | b)), shared / max(1, len(a)), shared / max(1, len(b)),
        min(len(left), len(right)) / max(1, len(left), len(right)), float(bool(m & n)), float(bool(m and n and m != n)),
        float(bool(m) != bool(n)), float(a.isdisjoint(NEGATIONS) != b.isdisjoint(NEGATIONS)),
    ]  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1]) / FOLDER
    parts = {
        name: pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False) for name in ("train", "dev", "test")
    }
    for part in parts.values():
        for side in ("s1", "s2"):
            part[side] = [normalise(text) for text in part[side]]
    train = parts["train"]
    common = {"min_df": 2, "sublinear_tf": True, "dtype": np.float32}
    vectorisers = [
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]", **common),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), **common),
    ]
    for vectoriser in vectorisers:
        vectoriser.fit(pd.unique(pd.concat([train.s1, train.s2])))

    def features(part: pd.DataFrame) -> scipy.sparse.csr_matrix:
        left, right = (
            scipy.sparse.hstack([v.transform(part[side]) for v in vectorisers]).tocsr() for side in ("s2", "s1")
        )
        numbers = np.array([overlap(a, b) for a, b in zip(part.s2, part.s1, strict=True)], dtype=np.float32)
        blocks = [left * 0.5, right * 0.5, abs(left - right), left.multiply(right), scipy.sparse.csr_matrix(numbers)]
        return scipy.sparse.hstack(blocks).tocsr()

    model = LogisticRegression(C=3.0, class_weight="balanced", max_iter=500, tol=1e-3).fit(
        features(train), train.stance
    )
    for name in ("dev", "test"):
        gold, predicted = parts[name].stance, model.predict(features(parts[name]))
        two = f1_score(gold, predicted, labels=["agree", "disagree"], average="macro")
        print(f"{name}: agree/disagree macro-F1 {two:.3f}, accuracy {accuracy_score(gold, predicted):.3f}")
        print(confusion_matrix(gold, predicted))
        print(classification_report(gold, predicted, digits=3))


if __name__ == "__main__":
    main()
