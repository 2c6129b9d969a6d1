"""UnifiedFC: does it help to judge an article line by line, or in two steps? Page: experiments/stance_unifiedfc.md.

As in `unifiedfc`, inside the training claims of official fold 1, whose four folds are held out in turn. The
first row is `blended_articles`, on features of the whole article; to these are added:

- transfer: what classifiers trained on the headline pairs of another data set (its training split) say of the claim
  and the lines of the article that match it best;
- rationales: what a ranker says of the claim and each line, trained on the lines that annotators marked as the reason
  for agree or disagree. Rows that train get its answers from claims it was not trained on.

"two steps" keeps the features and decides first whether the article is related.

    python experiments/attempts/unifiedfc_lines.py
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from unifiedfc import Claims, parts, training_claims, trees

from naba.arabic.normalise import NEWS
from naba.data.dataset import load_named
from naba.models import blended
from naba.models.pairs.features import Columns, PairFeatures, PairMatrix

if TYPE_CHECKING:
    from collections.abc import Callable

BAGS = 3
REPEATS = 3
"""Bags of each attempt, with seeds of their own: the table shows their mean and spread."""
TEACHERS = {"ans_stance": ("agree", "disagree"), "arentail": ("entails", "not_entails")}
PASSAGES = 8
LINES, WORDS = 40, 60
"""Lines of an article that the ranker sees, and words of a line."""
WEIGHT = 0.1
"""Of standardised features beside TF-IDF values, as in `PairMatrix`."""

Lines = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(lines, features), row of each line, and what it is the reason for: 0 nothing, 1 agree, 2 disagree."""


def blend(
    matrix: sparse.csr_matrix, width: int, coded: np.ndarray, fold: tuple[np.ndarray, np.ndarray], first: int
) -> Any:
    """(held out, labels): the probabilities of `blended_articles`, its boosted trees seeded from `first` on."""
    train, rest = fold
    models = [make_pipeline(Columns(width), trees(60, 4, 1000 * (first + place))) for place in range(BAGS)]
    bag = [model.fit(matrix[train], coded[train]).predict_proba(matrix[rest]) for model in models]
    linear = parts(width)["linear"].fit(matrix[train], coded[train]).predict_proba(matrix[rest])
    return (np.mean(bag, axis=0) + linear) / 2


def widened(
    matrix: sparse.csr_matrix, width: int, extra: np.ndarray, train: np.ndarray
) -> tuple[sparse.csr_matrix, int]:
    """The matrix with further dense features, standardised on the rows that train, and the new number of dense ones."""
    scaled = (extra - extra[train].mean(axis=0)) / np.maximum(extra[train].std(axis=0), 1e-9) * WEIGHT
    wide = [matrix[:, :width], sparse.csr_matrix(scaled), matrix[:, width:]]
    return sparse.hstack(wide, format="csr"), width + extra.shape[1]


def transfer(data: Claims, space: Any) -> dict[str, np.ndarray]:
    """Teacher -> (n, features): its probabilities over the `PASSAGES` that match the claim best."""
    rows, scores, texts, targets = [], [], [], []
    for row, (text, target) in enumerate(zip(data.X["text"], data.X["target"], strict=True)):
        lines = [" ".join(line.split()[:WORDS]) for line in text.split("\n") if line.strip()] or [text]
        score = (space.transform(lines) @ space.transform([target]).T).toarray().ravel()
        for place in np.argsort(-score, kind="stable")[:PASSAGES]:
            rows.append(row)
            scores.append(score[place])
            texts.append(lines[place])
            targets.append(target)
    row, near = np.array(rows), np.array(scores)
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    pairs = pd.DataFrame({"text": texts, "target": targets})
    found = {}
    for name, labels in TEACHERS.items():
        teacher = load_named(name)
        train = teacher.indices("train")
        model = blended(normalisation=NEWS).fit(teacher.frame(train), teacher.gold(train).astype(str))
        probabilities = model.predict_proba(pairs)
        columns = []
        for label in labels:
            said = probabilities[:, list(model.classes_).index(label)]
            table, weight = np.zeros((len(data.X), PASSAGES)), np.zeros((len(data.X), PASSAGES))
            table[row, rank], weight[row, rank] = said, near
            columns += [table[:, 0], table.max(axis=1), table[:, :3].mean(axis=1), (table * weight).max(axis=1)]
        found[name] = np.column_stack(columns)
    return found


def line_table(data: Claims, features: PairFeatures) -> Lines:
    """Pair features of the claim and each line, the line's place, and what it is the reason for."""
    rows, places, reasons, texts, targets = [], [], [], [], []
    for row, (text, target) in enumerate(zip(data.X["text"], data.X["target"], strict=True)):
        marked = set(json.loads(data.rationales[row] or "[]"))
        kind = {"agree": 1, "disagree": 2}.get(data.labels[data.coded[row]], 0)
        for place, line in enumerate(text.split("\n")[:LINES]):
            if line.strip():
                rows.append(row)
                places.append(place)
                reasons.append(kind if place in marked else 0)
                texts.append(" ".join(line.split()[:WORDS]))
                targets.append(target)
    dense = features.transform(pd.DataFrame({"text": texts, "target": targets}))
    return np.column_stack([dense, places]), np.array(rows), np.array(reasons)


def marked(lines: Lines) -> str:
    """How many lines are marked, and where."""
    dense, _, reason = lines
    first = np.mean(dense[reason > 0, -1] < 2)
    agree, disagree = np.bincount(reason)[1:]
    return f"{len(reason):,} lines; marked: {agree} agree, {disagree} disagree; {first:.0%} are of the first two\n"


def ranked(lines: Lines, train: np.ndarray, asked: np.ndarray, rows: int) -> np.ndarray:
    """(rows, 6), filled for the rows asked: the ranker's answers over their lines."""
    dense, row, reason = lines
    known, wanted = np.isin(row, train), np.flatnonzero(np.isin(row, asked))
    said = trees(60, 4, weight=None).fit(dense[known], reason[known]).predict_proba(dense[wanted])[:, 1:]
    found = np.zeros((rows, 6))
    np.maximum.at(found[:, :2], row[wanted], said)
    np.add.at(found[:, 2:4], row[wanted], said)
    for element in np.argsort(said.sum(axis=1), kind="stable"):  # the best line of a row comes last, and stays
        found[row[wanted[element]], 4:] = said[element]
    return found


def rationales(data: Claims, lines: Lines, fold: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(n, 6): the ranker's answers, for the rows that train from inner folds by claim."""
    train, rest = fold
    found = ranked(lines, train, rest, len(data.X))
    for inner, asked in GroupKFold(4).split(train, groups=data.claims[train]):
        found += ranked(lines, train[inner], train[asked], len(data.X))
    return found


def two_steps(
    matrix: sparse.csr_matrix, width: int, data: Claims, fold: tuple[np.ndarray, np.ndarray], first: int
) -> Any:
    """(held out,) labels: unrelated or not first, then which stance, learnt from the related rows alone."""
    train, rest = fold
    unrelated = data.labels.index("unrelated")
    related = blend(matrix, width, (data.coded != unrelated).astype(int), fold, first)[:, 1] > 0.5
    stances = blend(matrix, width, data.coded, (train[data.coded[train] != unrelated], rest), first).argmax(axis=1)
    return np.where(related, stances, unrelated)


def main(show: Callable[[str], None] = print) -> None:
    """Print the table."""
    data = training_claims()
    found: dict[str, list[np.ndarray]] = {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        features = PairMatrix(PairFeatures(normalisation=NEWS))
        matrix = features.fit_transform(data.X)
        width = features.width
        teachers = transfer(data, features.features_.word_space_)
        lines = line_table(data, features.features_)
        show(marked(lines))
        for fold in data.folds:
            train, rest = fold
            extras = {f"transfer from {name}": extra for name, extra in teachers.items()}
            extras["rationales"] = rationales(data, lines, fold)
            tried = {"blended_articles": (matrix, width)}
            tried |= {name: widened(matrix, width, extra, train) for name, extra in extras.items()}
            for first in range(0, BAGS * REPEATS, BAGS):
                answers = {name: blend(*wide, data.coded, fold, first).argmax(axis=1) for name, wide in tried.items()}
                answers["two steps"] = two_steps(matrix, width, data, fold, first)
                for name, predicted in answers.items():
                    found.setdefault(name, []).append(f1_score(data.coded[rest], predicted, average=None))
    show("| attempt | macro-F1, mean of 4 folds | of the three bags | by label |\n|---|---|---|---|")
    for name, each in found.items():
        by_bag = np.array(each).reshape(len(data.folds), REPEATS, -1).mean(axis=(0, 2))
        bags = " ".join(f"{value:.3f}" for value in by_bag)
        show(f"| {name} | {by_bag.mean():.3f} | {bags} | {' '.join(f'{v:.2f}' for v in np.mean(each, axis=0))} |")


if __name__ == "__main__":
    main()
