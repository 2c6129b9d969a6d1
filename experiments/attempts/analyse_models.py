"""Which models `naba analyse` learns on the embedded corpus where none is named: by validation rows, never by test.

    NABA_MIRROR=DIR python experiments/attempts/analyse_models.py claim_type
    python experiments/attempts/analyse_models.py stance

Claim types: trained on the embedded corpus, thresholds set on its validation rows, read on the validation rows of real
headlines (ANS) and of sentences of real articles (ThatiAR). Stances: trained with and without drawn pairs, all read on
the validation rows of `synthetic_article_stance`.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from naba.analysis.models import RISK, STANCE_RISK
from naba.config import section
from naba.data.dataset import Dataset, load_named
from naba.models import build
from naba.models.calibration import Abstaining, Calibrated

Rows = tuple[Any, np.ndarray]
CLAIM_MODELS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tfidf_logreg", {}),
    ("claim_linear", {}),
    ("claim_guideline", {}),
    ("claim_guideline", {"C": 0.1, "order_weight": 1}),
    ("claim_guideline", {"C": 0.1, "order_weight": 2}),
    ("claim_guideline", {"C": 0.03, "order_weight": 1}),
)
STANCE_MODELS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tfidf_logreg", {}),
    ("tfidf_logreg", {"class_weight": None}),
    ("pair_linear", {}),
    ("pair_linear", {"class_weight": None}),
)


def rows(dataset: Dataset, split: str) -> Rows:
    places = dataset.indices(split)
    return dataset.frame(places), dataset.gold(places)


def fitted(name: str, options: dict[str, Any], parts: tuple[Rows, Rows], **abstaining: Any) -> Abstaining:
    pair = bool(parts[0][0]["target"].iloc[0])
    inner = build({**section("model", name), **options}, seed=0, pair=pair)
    return Abstaining(Calibrated(inner), **abstaining).fit(*parts[0], validation=parts[1])


def f1(gold: np.ndarray, said: np.ndarray) -> float:
    return float(f1_score(gold, said, labels=sorted(set(gold)), average="macro", zero_division=0))


def claim_types() -> None:
    corpus = load_named("synthetic_claim_type")
    parts = rows(corpus, "train"), rows(corpus, "validation")
    others = {name: rows(load_named(name), "validation") for name in ("thatiar_claim_type", "ans_claim_type")}
    print("| model | set | accuracy | macro-F1 | given | accuracy of those |\n|---|---|---|---|---|---|")
    for name, options in CLAIM_MODELS:
        model = fitted(name, options, parts, risk=RISK)
        for place, (table, gold) in {"corpus": parts[1], **others}.items():
            answers = model.answer(table)
            right, given = answers.labels == gold, ~np.asarray(answers.withheld)
            print(f"| {name} {options or ''} | {place} | {right.mean():.3f} | {f1(gold, answers.labels):.3f} "
                  f"| {given.mean():.2f} | {right[given].mean() if given.any() else float('nan'):.3f} |")  # fmt: skip


def stances() -> None:
    articles, plain = load_named("synthetic_article_stance"), load_named("synthetic_stance")
    table, gold = validation = rows(articles, "validation")
    print("| trained on | model | macro-F1 | bears on the claim: average precision, precision, recall | given of those "
          "| right of those given |\n|---|---|---|---|---|---|")  # fmt: skip
    for dataset in (plain, articles):
        for name, options in STANCE_MODELS:
            parts = rows(dataset, "train"), validation
            model = fitted(name, options, parts, risk=STANCE_RISK, uncounted=["unrelated"])
            answers = model.answer(table)
            bears, said = gold != "unrelated", answers.labels != "unrelated"
            share = 1 - answers.probabilities[:, model.classes_.tolist().index("unrelated")]
            given = said & ~np.asarray(answers.withheld)
            right = (answers.labels == gold)[given].mean() if given.any() else float("nan")
            print(f"| {dataset.name} | {name} {options or ''} | {f1(gold, answers.labels):.3f} "
                  f"| {average_precision_score(bears, share):.3f}, {bears[said].mean():.3f}, {said[bears].mean():.3f} "
                  f"| {given.sum()} of {said.sum()} | {right:.3f} |")  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    {"claim_type": claim_types, "stance": stances}[sys.argv[1]]()
