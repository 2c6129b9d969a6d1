"""UnifiedFC: what was tried, inside the training claims of official fold 1. Page: experiments/stance_unifiedfc.md.

Those claims are the official folds 2 to 5; each of the four is held out in turn, and macro-F1 is the mean of the four.
The features are computed once from the texts of all four (no labels enter them). Fold 1 is not read.

    python experiments/attempts/unifiedfc.py
"""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from naba.arabic.normalise import NEWS
from naba.config.schema import SplitConfig
from naba.data import splits
from naba.data.dataset import load_named
from naba.models.pairs.features import Columns, PairFeatures, PairMatrix

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from scipy import sparse

STEPS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)

Fold = tuple[np.ndarray, np.ndarray]
"""Rows that train, rows that are held out."""


def trees(
    iterations: int, leaves: int, seed: int = 0, weight: str | None = "balanced"
) -> HistGradientBoostingClassifier:
    """As in `naba.models.trees`."""
    return HistGradientBoostingClassifier(
        learning_rate=0.06, max_iter=iterations, max_leaf_nodes=leaves, max_features=0.3, l2_regularization=1.0,
        class_weight=weight, early_stopping=False, random_state=seed,
    )  # fmt: skip


def parts(width: int) -> dict[str, Any]:
    """Name -> classifier for the matrix whose first `width` columns are pair features."""

    def dense(*steps: Any) -> Any:
        return make_pipeline(Columns(width), *steps)

    forest = ExtraTreesClassifier(300, min_samples_leaf=4, class_weight="balanced", max_features=0.3, random_state=0)
    return {
        "linear": LogisticRegression(C=2.0, class_weight="balanced", max_iter=3000),
        "boosted 200 x 8": dense(trees(200, 8)),
        "boosted 60 x 4, labels not weighed": dense(trees(60, 4, weight=None)),
        "boosted 60 x 4": dense(trees(60, 4)),
        "boosted 60 x 4, second seed": dense(trees(60, 4, 1000)),
        "boosted 60 x 4, third seed": dense(trees(60, 4, 2000)),
        "extra trees": dense(forest),
        "network": dense(StandardScaler(), MLPClassifier((32,), alpha=3.0, max_iter=40, random_state=0)),
    }


def held_out(model: Any, matrix: sparse.csr_matrix, coded: np.ndarray, folds: list[Fold]) -> np.ndarray:
    """(n, k): the model's probabilities for each row when its fold is held out."""
    found = np.zeros((len(coded), coded.max() + 1))
    for train, rest in folds:
        fitted = clone(model).fit(matrix[train], coded[train])
        found[np.ix_(rest, fitted.classes_)] = fitted.predict_proba(matrix[rest])
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


def scores(probabilities: np.ndarray, coded: np.ndarray, folds: list[Fold], *, weigh: bool) -> np.ndarray:
    """(folds, k) F1 of each label; with decision weights that the other folds chose, if asked."""
    rows = []
    for others, fold in folds:
        weights = decision_weights(probabilities[others], coded[others]) if weigh else 1.0
        rows.append(f1_score(coded[fold], (probabilities[fold] * weights).argmax(axis=1), average=None))
    return np.array(rows)


class Claims(NamedTuple):
    """The rows whose claims train in official fold 1."""

    X: pd.DataFrame
    labels: list[str]
    coded: np.ndarray
    folds: list[Fold]
    claims: np.ndarray
    rationales: list[str]
    """JSON list of the numbers of the lines of the article that agree or disagree; empty for the other labels."""


def training_claims() -> Claims:
    """Read them; their folds are the official ones."""
    dataset = load_named("unifiedfc_stance")
    train = splits.make(dataset, SplitConfig(name="official_folds", fold=1), 0).train
    labels, coded = np.unique(dataset.gold(train).astype(str), return_inverse=True)
    official = dataset.column("fold", train)
    folds = [(np.flatnonzero(official != fold), np.flatnonzero(official == fold)) for fold in sorted(set(official))]
    groups, rationales = (dataset.column(name, train) for name in ("group", "rationale"))
    return Claims(dataset.frame(train), labels.tolist(), coded, folds, np.asarray(groups), list(rationales))


def main(show: Callable[[str], None] = print) -> None:
    """Print the table."""
    X, labels, coded, folds, *_ = training_claims()
    features = PairMatrix(PairFeatures(normalisation=NEWS))
    show(f"{len(coded)} rows in {len(folds)} folds; labels: {', '.join(labels)}\n")
    show("| attempt | macro-F1 | by label | with decision weights |\n|---|---|---|---|")
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        matrix = features.fit_transform(X)
        found = {name: held_out(model, matrix, coded, folds) for name, model in parts(features.width).items()}
    bag = [name for name in found if name.startswith("boosted 60 x 4") and "weighed" not in name]
    found["three seeds"] = np.mean([found[name] for name in bag], axis=0)
    for others in (["linear"], ["extra trees"], ["linear", "extra trees"], ["linear", "network"]):
        found["mean of three seeds + " + " + ".join(others)] = np.mean(
            [found[name] for name in ["three seeds", *others]], axis=0
        )
    for name, probabilities in found.items():
        plain, weighed = (scores(probabilities, coded, folds, weigh=weigh) for weigh in (False, True))
        each = " ".join(f"{value:.2f}" for value in plain.mean(axis=0))
        show(f"| {name} | {plain.mean():.3f} | {each} | {weighed.mean():.3f} |")


if __name__ == "__main__":
    main()
