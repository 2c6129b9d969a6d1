"""UnifiedFC: what was tried, inside the training claims of official fold 1. Page: experiments/stance_unifiedfc.md.

Five inner folds grouped by claim, dealt twice; macro-F1 of the held-out rows, mean of the two deals. The features are
computed once from the texts of all training claims (no labels enter them). The claims of fold 1 that test are not read.

    python experiments/attempts_unifiedfc.py
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from naba.arabic.normalise import NEWS
from naba.data import splits
from naba.data.dataset import load_named
from naba.models.pair_words import Columns, PairMatrix
from naba.models.pairs import PairFeatures
from naba.schema import SplitConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from scipy import sparse

DEALS, FOLDS = 2, 5
STEPS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)

Probabilities = np.ndarray
"""(deals, n, k): of the rows when they were held out."""


def trees(
    iterations: int, leaves: int, seed: int = 0, weight: str | None = "balanced"
) -> HistGradientBoostingClassifier:
    """As in `naba.models.boosting`."""
    return HistGradientBoostingClassifier(
        learning_rate=0.06, max_iter=iterations, max_leaf_nodes=leaves, max_features=0.3, l2_regularization=1.0,
        class_weight=weight, early_stopping=False, random_state=seed,
    )  # fmt: skip


def parts(width: int) -> dict[str, list]:
    """Name -> classifiers whose mean is taken."""

    def dense(model):
        return make_pipeline(Columns(width), model)

    forest = ExtraTreesClassifier(300, min_samples_leaf=4, class_weight="balanced", max_features=0.3, random_state=0)
    return {
        "linear": [LogisticRegression(C=2.0, class_weight="balanced", max_iter=3000)],
        "boosted 200 x 8": [dense(trees(200, 8))],
        "boosted 60 x 4": [dense(trees(60, 4))],
        "boosted 60 x 4, labels not weighed": [dense(trees(60, 4, weight=None))],
        "boosted 60 x 4, 3 seeds": [dense(trees(60, 4, seed)) for seed in (0, 1000, 2000)],
        "boosted 100 x 4, 3 seeds": [dense(trees(100, 4, seed)) for seed in (0, 1000, 2000)],
        "extra trees": [dense(forest)],
        "network": [
            dense(make_pipeline(StandardScaler(), MLPClassifier((32,), alpha=3.0, max_iter=40, random_state=0)))
        ],
    }


def held_out(models: list, matrix: sparse.csr_matrix, coded: np.ndarray, deals: list) -> Probabilities:
    """The mean probabilities of the models for the rows that their fold holds out."""
    found = np.zeros((len(deals), len(coded), coded.max() + 1))
    for deal, folds in enumerate(deals):
        for train, rest in folds:
            for model in models:
                fitted = clone(model).fit(matrix[train], coded[train])
                found[deal][np.ix_(rest, fitted.classes_)] += fitted.predict_proba(matrix[rest]) / len(models)
    return found


def decision_weights(probabilities: np.ndarray, coded: np.ndarray) -> np.ndarray:
    """(k,) factors of the probabilities, found one at a time, that maximise macro-F1 on these rows."""
    weights = np.ones(probabilities.shape[1])
    best = f1_score(coded, probabilities.argmax(axis=1), average="macro")
    for _, label, step in itertools.product(range(3), range(len(weights)), STEPS):
        tried = weights.copy()
        tried[label] = step
        score = f1_score(coded, (probabilities * tried).argmax(axis=1), average="macro")
        if score > best + 1e-9:
            best, weights = score, tried
    return weights


def scores(probabilities: Probabilities, coded: np.ndarray, deals: list, *, weigh: bool) -> np.ndarray:
    """(k,) F1 of each label, mean of the deals; with weights that other folds chose, if asked."""
    rows = []
    for table, folds in zip(probabilities, deals, strict=True):
        predicted = table.argmax(axis=1)
        if weigh:
            for others, fold in folds:
                predicted[fold] = (table[fold] * decision_weights(table[others], coded[others])).argmax(axis=1)
        rows.append(f1_score(coded, predicted, average=None))
    return np.mean(rows, axis=0)


def main(show: Callable[[str], None] = print) -> None:
    """Print the table."""
    dataset = load_named("unifiedfc_stance")
    train = splits.make(dataset, SplitConfig(name="official_folds", fold=1), 0).train
    X = dataset.frame(train)
    labels, coded = np.unique(dataset.gold(train).astype(str), return_inverse=True)
    claims = np.unique(X["target"].to_numpy(str), return_inverse=True)[1]
    deals = [
        list(StratifiedGroupKFold(FOLDS, shuffle=True, random_state=deal).split(coded, coded, claims))
        for deal in range(DEALS)
    ]
    features = PairMatrix(PairFeatures(normalisation=NEWS))
    show(f"{len(coded)} rows, {claims.max() + 1} claims; F1 of {', '.join(labels)}\n")
    show("| attempt | macro-F1 | of each label | with decision weights |\n|---|---|---|---|")
    with threadpool_limits(1):
        matrix = features.fit_transform(X)
        found = {name: held_out(models, matrix, coded, deals) for name, models in parts(features.width).items()}
    bag = "boosted 60 x 4, 3 seeds"
    for chosen in ([bag, "linear"], ["boosted 100 x 4, 3 seeds", "linear"], ["boosted 60 x 4", "linear"],
                   [bag, "linear", "extra trees"], [bag, "linear", "network"]):  # fmt: skip
        found["mean of " + " + ".join(chosen)] = np.mean([found[name] for name in chosen], axis=0)
    for name, probabilities in found.items():
        plain, weighed = (scores(probabilities, coded, deals, weigh=weigh) for weigh in (False, True))
        each = " ".join(f"{value:.2f}" for value in plain)
        show(f"| {name} | {plain.mean():.3f} | {each} | {weighed.mean():.3f} |")


if __name__ == "__main__":
    main()
