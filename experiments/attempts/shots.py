"""TF-IDF on the few rows that `model.shots` draws, which it has no option for, as files for `naba score`.

python experiments/attempts/shots.py ans_stance 16 FOLDER
for seed in 0 1 2; do for part in validation test; do
  naba score FOLDER/$part$seed.csv dataset=ans_stance seed=$seed --split $part --track tfidf_logreg_16
done; done
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from naba import config
from naba.arabic.normalise import NEWS
from naba.data.dataset import load_named
from naba.models import build
from naba.models.classifier import code_labels
from naba.models.embeddings.classifier import few


def main(name: str, shots: str, folder: str) -> None:
    dataset = load_named(name)
    train = dataset.indices("train")
    for seed in range(3):
        kept = train[few(code_labels(dataset.gold(train))[1], int(shots), seed)]
        model = build(config.section("model", "tfidf_logreg"), seed=seed, normalisation=NEWS, pair=dataset.pair)
        model.fit(dataset.frame(kept), dataset.gold(kept))
        for part in ("validation", "test"):
            rows = dataset.indices(part)
            answers = zip(dataset.ids(rows), model.predict(dataset.frame(rows)), strict=True)
            with (Path(folder) / f"{part}{seed}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([("id", "label"), *answers])


if __name__ == "__main__":
    main(*sys.argv[1:])
