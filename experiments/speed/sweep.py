"""A sweep whose jobs share their work, in two workers, against each run in a process of its own, one after the other.

    NABA_MIRROR=… python experiments/speed/sweep.py [--seeds 20] [--alone 2] [--launcher joblib]

ANS stance, five models, `--seeds` seeds each. Runs of their own are as many as `--alone` seeds make, spread over the
seeds, and their time is scaled up: all 100 take a quarter of an hour. Every run is tracked, and its labels must be the
same both ways.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
from training import NABA, once

MODELS = ("majority", "tfidf_logreg", "tfidf_svm", "tfidf_nb", "pair_linear")
JOB = [*NABA, "train", "dataset=ans_stance"]


def digests(home: Path) -> dict[tuple[str, ...], str]:
    """What each run answered on test: its labels, by the run's name."""
    found = {}
    for file in home.rglob("predictions/test.parquet"):
        name = subprocess.run(["sqlite3", "-version"], check=False, capture_output=True)
        del name
        found[file.parent.parent.parent.name,] = pd.util.hash_pandas_object(pd.read_parquet(file)).sum()
    return found
