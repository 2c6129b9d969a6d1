"""How embeddings are best joined to the models that have features of their own: validation scores of each way.

    python experiments/attempts/embeddings.py FOLDER ans_stance blended
    python experiments/attempts/embeddings.py FOLDER ans_claim_type claim_guideline

FOLDER holds multilingual-e5-small. Nothing is scored on test rows. Embeddings are kept (`naba cache`).
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from naba import config
from naba.arabic.normalise import NEWS
from naba.data.dataset import load_named
from naba.models import build
from naba.models.embeddings.features import Embedder, EmbeddingFeatures
from naba.models.ensembles import logistic, networks

DECIDING = {
    "ans_stance": ["agree", "disagree"],
    "ans_claim_type": ["quantity", "causal", "prediction", "statement", "event", "no_claim"],
}
PARTS = ("train", "validation")
SEEDS = (0, 1000, 2000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("dataset")
    parser.add_argument("model")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    dataset = load_named(options.dataset)
    rows = {part: dataset.frame(dataset.indices(part)) for part in PARTS}
    gold = {part: np.array(dataset.gold(dataset.indices(part)), dtype=object) for part in PARTS}
    pair = bool(rows["train"]["target"].any())
    model = build(dict(config.section("model", options.model)), seed=0, normalisation=NEWS, pair=pair)
    model.fit(rows["train"], gold["train"])
    embeddings = EmbeddingFeatures(Embedder(options.folder, "query: "), pair=pair).fit(rows["train"])
    found = {part: embeddings.transform(rows[part]) for part in PARTS}
    scaler = StandardScaler().fit(found["train"])
    found = {part: scaler.transform(values) for part, values in found.items()}
    labels = model.classes_
    deciding = DECIDING.get(options.dataset, labels.tolist())

    def say(name: str, answers: Any) -> None:
        scores = f1_score(gold["validation"], answers, average=None, labels=deciding)
        accuracy = accuracy_score(gold["validation"], answers)
        print(f"{name}: macro-F1 {np.mean(scores):.3f}, accuracy {accuracy:.3f}", flush=True)

    base = model.predict_proba(rows["validation"])
    say(options.model, labels[base.argmax(axis=1)])
    if options.model == "claim_guideline":
        own = {part: model.features_.transform(rows[part]) for part in PARTS}
        for weight in (0.02, 0.03, 0.05, 0.1):
            both = {part: sparse.hstack([own[part], sparse.csr_matrix(found[part] * weight)]).tocsr() for part in PARTS}
            for C in (0.1, 0.3):
                machine = LinearSVC(C=C, class_weight="balanced", max_iter=5000, random_state=0)
                machine.fit(both["train"], gold["train"])
                say(f"beside the features, C {C}, x {weight}", machine.predict(both["validation"]))
    codes = np.searchsorted(labels.astype(str), gold["train"].astype(str))
    heads: dict[str, list[Any]] = {f"logistic C {C}": [logistic(C)] for C in (0.001, 0.003, 0.01)}
    heads |= {f"3 networks of 64, alpha {alpha}": networks(alpha, 64, SEEDS) for alpha in (3.0, 10.0, 30.0)}
    with threadpool_limits(1):
        for name, parts in heads.items():
            chances = np.mean(
                [one.fit(found["train"], codes).predict_proba(found["validation"]) for one in parts], axis=0
            )
            say(f"{name}, alone", labels[chances.argmax(axis=1)])
            for share in (0.25, 0.33, 0.5):
                say(f"{name}, {share} of the mean", labels[((1 - share) * base + share * chances).argmax(axis=1)])


if __name__ == "__main__":
    main()
