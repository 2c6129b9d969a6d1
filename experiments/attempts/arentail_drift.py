"""ArEntail: how the training rows drift along their file. Page: experiments/entailment_arentail.md.

No test row is read. For each tenth of the training file: accuracy of `pair_linear` when five folds grouped by premise
hold the rows out, and mean values of features by label.

    python experiments/attempts/arentail_drift.py
"""

from __future__ import annotations

import numpy as np
from sklearn.base import clone

from naba.arabic.normalise import NEWS
from naba.data.dataset import load_named
from naba.models import pair_linear
from naba.models.pairs.features import PairFeatures

FOLDS = 5
SHOWN = ("target_coverage", "text_coverage", "text_words")


def main() -> None:
    """Print the table."""
    dataset = load_named("arentail")
    rows = dataset.indices("train")
    X, gold = dataset.frame(rows), dataset.gold(rows)
    premises, premise = np.unique(X["target"].to_numpy(str), return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(premises)) % FOLDS
    right = np.zeros(len(gold), dtype=bool)
    model = pair_linear(normalisation=NEWS)
    for chosen in range(FOLDS):
        held_out = fold[premise] == chosen
        fitted = clone(model).fit(X[~held_out], gold[~held_out])
        right[held_out] = fitted.predict(X[held_out]) == gold[held_out]
    features = PairFeatures(normalisation=NEWS).fit(X)
    values = features.transform(X)[:, [features.names_.index(name) for name in SHOWN]]
    heads = [f"{name}: {label}" for name in SHOWN for label in dataset.labels]
    print(f"| tenth | rows | accuracy | {' | '.join(heads)} |\n|{'---|' * (3 + len(heads))}")
    for place, tenth in enumerate(np.array_split(np.arange(len(gold)), 10)):
        means = [values[tenth][gold[tenth] == label, at].mean() for at in range(len(SHOWN)) for label in dataset.labels]
        print(f"| {place + 1} | {len(tenth)} | {right[tenth].mean():.3f} | {' | '.join(f'{m:.2f}' for m in means)} |")


if __name__ == "__main__":
    main()
