"""Which score finds planted label errors best? Page: experiments/label_errors.md.

    NABA_MIRROR=… python experiments/attempts/label_errors.py

A tenth of the training labels is made wrong; the score that ranks most of them first wins. `neighbours` is the share of
near texts with another label, here also of pairs with the same target, where `naba data suspects` leaves it out.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from naba.annotation import out_of_fold, suspects

TRIED = (("ans_claim_type", "tfidf_logreg"), ("ans_claim_type", "claim_guideline"), ("ans_stance", "tfidf_logreg"),
         ("ans_stance", "pair_linear"))  # fmt: skip


def against(dataset, gold):
    """Share of the nearest five texts (of the same target) that have another label; 0 where none is near."""
    if not dataset.pair:
        near = suspects.neighbours(dataset)
        return near.against(gold) / np.maximum(near.counts, 1)
    places = defaultdict(list)
    for row, target in enumerate(dataset.column_values("target")):
        places[target].append(row)
    share = np.zeros(len(gold))
    for rows in (np.array(each) for each in places.values() if len(each) > 1):
        vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit_transform(dataset.column("text", rows))
        alike = np.asarray((vectors @ vectors.T).todense())
        np.fill_diagonal(alike, -1)
        closest = np.argsort(-alike, axis=1)[:, : suspects.NEIGHBOURS]
        near = np.take_along_axis(alike, closest, axis=1) >= suspects.LEAST_ALIKE
        other = near & (gold[rows][closest] != gold[rows][:, None])
        share[rows] = other.sum(axis=1) / np.maximum(near.sum(axis=1), 1)
    return share


def main() -> None:
    """Print precision among as many rows as errors were planted, for each score."""
    names = [
        "p(label)",
        "margin",
        "p(label) - .1 neighbours",
        "p(label) - .2 neighbours",
        "neighbours",
    ]
    print(f"| set, model | errors | {' | '.join(names)} |\n|{'---|' * (2 + len(names))}")
    for name, model in TRIED:
        job = out_of_fold.job_of(name, model)
        dataset, probabilities = out_of_fold.unseen(job, "train")
        for kind in suspects.KINDS:
            wrong, which = suspects.plant(dataset, 0.1, kind, 0, probabilities)
            found, gold = out_of_fold.out_of_fold(job, wrong), suspects.codes(wrong)
            rows = np.arange(len(gold))
            own, others = found[rows, gold], found.copy()
            others[rows, gold] = -1
            near = against(wrong, gold)
            scores = [own, own - others.max(axis=1), own - 0.1 * near, own - 0.2 * near, -near]
            cells = [f"{which[np.argsort(score, kind='stable')[: which.sum()]].mean():.3f}" for score in scores]
            print(f"| {name}, {model} | {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
