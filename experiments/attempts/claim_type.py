"""What was tried for claim types: each attempt on validation rows and by grouped cross-validation, never on test rows.

    python experiments/attempts/claim_type.py                 # both data sets, two repeats of five folds
    python experiments/attempts/claim_type.py --repeats 1 --slow
    python experiments/attempts/claim_type.py --noise         # how far the labels agree with themselves

Cross-validation runs over the training and validation rows. Headlines that are alike stand in one fold. For ANS the
score is the macro-F1 over the six types with at least 20 test rows, for the union (`claim_type`) over all eight.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from naba.arabic.normalise import NEWS
from naba.data.dataset import load_named
from naba.files import shipped
from naba.models import claim_guideline
from naba.models.claims.guideline import GuidelineMatrix

SIX = ("quantity", "causal", "prediction", "statement", "event", "no_claim")
ALIKE = 0.65  # cosine of character trigrams from which two texts stand in one fold
BLOCKS = ("features", "near", "far", "text", "tags", "said", "order")
Blocks = dict[str, sparse.csr_matrix]


def likeness(texts: list[str]) -> sparse.coo_array:
    """Cosine of character trigrams of all pairs that share one: (n, n)."""
    vectoriser = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), dtype=np.float32)
    matrix = vectoriser.fit_transform(texts)
    return (matrix @ matrix.T).tocoo()


def groups(texts: list[str]) -> np.ndarray:
    """A group for each text, (n,): texts linked by likeness share one."""
    links = likeness(texts)
    near = links.data >= ALIKE
    graph = sparse.coo_array((links.data[near], (links.row[near], links.col[near])), shape=links.shape)
    return connected_components(graph, directed=False)[1]


def blocks(matrix: GuidelineMatrix, frame: Any) -> Blocks:
    """The columns of the matrix by block; `order` unweighted, so that attempts can weigh it."""
    names = [str(name) for name in matrix.get_feature_names_out()]
    heads = [name.partition(":")[0] if name.partition(":")[0] in BLOCKS else "features" for name in names]
    values = matrix.set_params(order_weight=1.0).transform(frame).tocsc()
    return {block: values[:, [head == block for head in heads]].tocsr() for block in BLOCKS}


def svm(C: float = 0.3) -> Any:
    return LinearSVC(C=C, class_weight="balanced", max_iter=5000, random_state=0)


def logistic(C: float = 3.0) -> Any:
    return LogisticRegression(C=C, class_weight="balanced", max_iter=1000, tol=1e-3)


def network() -> Any:
    return make_pipeline(
        TruncatedSVD(200, random_state=0),
        StandardScaler(),
        MLPClassifier((64,), alpha=0.5, max_iter=40, random_state=0),
    )


def forest() -> Any:
    return ExtraTreesClassifier(200, min_samples_leaf=2, class_weight="balanced", max_features=0.02, random_state=0)


ALL = dict.fromkeys(BLOCKS, 1.0) | {"order": 0.7}
TEXT = {"text": 1.0}
OLD = dict.fromkeys(("features", "near", "far", "text"), 1.0)
ATTEMPTS: tuple[tuple[str, dict[str, float], Any], ...] = (
    ("TF-IDF alone, logistic regression C 3", TEXT, logistic()),
    ("TF-IDF alone, SVM C 0.3", TEXT, svm()),
    ("claim_linear: features, near and far kinds, TF-IDF; logistic regression C 3", OLD, logistic()),
    ("the same, SVM C 0.3", OLD, svm()),
    ("+ tags", OLD | {"tags": 1.0}, svm()),
    ("+ said", OLD | {"said": 1.0}, svm()),
    ("+ order x 0.7", OLD | {"order": 0.7}, svm()),
    ("+ tags, said", OLD | {"tags": 1.0, "said": 1.0}, svm()),
    ("claim_guideline: + tags, said, order x 0.7", ALL, svm()),
    ("order x 0.5", ALL | {"order": 0.5}, svm()),
    ("order x 1", ALL | {"order": 1.0}, svm()),
    ("without near and far", {**ALL, "near": 0.0, "far": 0.0}, svm()),
    ("without TF-IDF", {**ALL, "text": 0.0}, svm()),
    ("without features", {**ALL, "features": 0.0}, svm()),
    ("features x 2", {**ALL, "features": 2.0}, svm()),
    ("SVM C 0.15", ALL, svm(0.15)),
    ("SVM C 0.6", ALL, svm(0.6)),
    ("logistic regression C 3", ALL, logistic()),
    ("logistic regression C 6", ALL, logistic(6.0)),
)
SLOW = (
    ("network (64) on 200 SVD components", ALL, network()),
    ("extra trees, 200", ALL, forest()),
)


def predict(parts: tuple[Blocks, Blocks], weights: dict[str, float], model: Any, gold: np.ndarray) -> np.ndarray:
    kept = [block for block in BLOCKS if weights.get(block)]
    train, test = (sparse.hstack([part[block] * weights[block] for block in kept], format="csr") for part in parts)
    found: np.ndarray = model.fit(train, gold).predict(test)
    return found


def table(name: str, repeats: int, slow: bool) -> None:
    dataset = load_named(name)
    parts = [dataset.indices(part) for part in ("train", "validation")]
    rows, train = np.concatenate(parts), len(parts[0])
    frame, gold = dataset.frame(rows), dataset.gold(rows)
    labels = SIX if name == "ans_claim_type" else dataset.labels
    together = groups(frame["text"].tolist())
    splits = [(np.arange(train), np.arange(train, len(rows)))]
    for seed in range(repeats):
        splits += StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(gold, gold, together)
    data = []
    for fitted, left in splits:
        matrix = GuidelineMatrix(normalisation=NEWS).fit(frame.iloc[fitted])
        data.append((blocks(matrix, frame.iloc[fitted]), blocks(matrix, frame.iloc[left])))
    print(f"\n{name}: macro-F1 over {len(labels)} types, {len(rows) - train} validation rows, "
          f"{repeats} x 5 folds of {len(rows)} rows\n")  # fmt: skip
    print("| attempt | validation | " + " | ".join(f"folds {seed + 1}" for seed in range(repeats)) + " |")
    print("|---" * (2 + repeats) + "|")
    for attempt, weights, model in ATTEMPTS + (SLOW if slow else ()):
        found = [predict(part, weights, model, gold[fitted]) for part, (fitted, _) in zip(data, splits, strict=True)]
        scores = [f1_score(gold[train:], found[0], labels=list(labels), average="macro", zero_division=0)]
        for seed in range(repeats):
            pooled = np.empty(len(rows), dtype=object)
            for at in range(1 + 5 * seed, 6 + 5 * seed):
                pooled[splits[at][1]] = found[at]
            scores.append(f1_score(gold, pooled, labels=list(labels), average="macro", zero_division=0))
        print(f"| {attempt} | " + " | ".join(f"{score:.3f}" for score in scores) + " |", flush=True)


def macro(gold: Any, found: Any, labels: tuple[str, ...]) -> float:
    return float(f1_score(gold, found, labels=list(labels), average="macro", zero_division=0))


def noise() -> None:
    """The two annotators against each other, headlines that are nearly the same, and the chosen model's errors."""
    dataset = load_named("ans_claim_type")
    for file in ("ans.tsv", "thatiar.tsv"):
        given = pd.read_csv(shipped("data") / "claim_types" / file, sep="\t", dtype=str)
        for part, rows in [("all", given), *given.groupby("split")]:
            first, second = rows["annotator_1"], rows["annotator_2"]
            print(f"{file} {part}: {len(rows)} rows, annotators agree on {(first == second).mean():.3f}, macro-F1 over "
                  f"six types {macro(second, first, SIX):.3f}, over eight {macro(second, first, dataset.labels):.3f}; "
                  f"against the final labels, six types {macro(rows['claim_type'], first, SIX):.3f} and "
                  f"{macro(rows['claim_type'], second, SIX):.3f}")  # fmt: skip
    parts = [dataset.indices(part) for part in ("train", "validation")]
    rows = np.concatenate(parts)
    texts, gold = dataset.frame(rows)["text"].tolist(), dataset.gold(rows)
    print(f"texts that occur twice: {len(texts) - len(set(texts))}")
    links = likeness(texts)
    for level in (0.9, 0.8, 0.7):
        near = (links.data >= level) & (links.row < links.col)
        same = gold[links.row[near]] == gold[links.col[near]]
        print(f"pairs of headlines alike from {level}: {near.sum()}, of one label {same.mean():.3f}")
    train, left = parts
    model = claim_guideline(normalisation=NEWS).fit(dataset.frame(train), dataset.gold(train))
    found, gold = model.predict(dataset.frame(left)), dataset.gold(left)
    right, differed = found == gold, dataset.column("adjudicated", left) == "1"
    print(f"claim_guideline on validation: {(~right).sum()} errors; right on {right[~differed].mean():.3f} where the "
          f"annotators agreed, on {right[differed].mean():.3f} of the {differed.sum()} others")  # fmt: skip
    for label in dataset.labels:
        print(f"  {label}: F1 {macro(gold, found, (label,)):.3f}, rows {(gold == label).sum()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", default="ans_claim_type,claim_type")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--slow", action="store_true", help="the network and the trees as well: minutes more")
    parser.add_argument("--noise", action="store_true", help="the noise of the labels instead")
    arguments = parser.parse_args()
    if arguments.noise:
        noise()
        return
    for name in arguments.datasets.split(","):
        table(name, arguments.repeats, arguments.slow)


if __name__ == "__main__":
    main()
