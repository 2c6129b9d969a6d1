"""A sweep whose jobs share their work, in two workers, against each run in a process of its own, one after the other.

    NABA_MIRROR=… python experiments/speed/sweep.py [--seeds 20] [--alone 2]

ANS stance, five models, `--seeds` seeds each, all tracked. Runs of their own are done for the first `--alone` seeds,
and their time is scaled up to all of them: 100 of them take a quarter of an hour. The sweep does the same runs, then
the rest; test answers of runs that were done both ways must have the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sqlite3
import tempfile
from pathlib import Path

from training import NABA, keep, once

MODELS = ("majority", "tfidf_logreg", "tfidf_svm", "tfidf_nb", "pair_linear")


def answers(home: Path) -> dict[str, str]:
    """SHA-256 of each run's test predictions, by the run's name."""
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as store:
        runs = store.execute("select name, artifact_uri from runs where status = 'FINISHED'").fetchall()
    files = {name: Path(place.removeprefix("file://")) / "predictions" / "test.parquet" for name, place in runs}
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--alone", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="write what is measured to record.json")
    options = parser.parse_args()
    train = [*NABA, "train", "dataset=ans_stance"]
    runs = len(MODELS) * options.seeds
    with tempfile.TemporaryDirectory() as name:
        homes = {way: Path(name) / way for way in ("alone", "together")}
        surroundings = {way: {**os.environ, "NABA_HOME": str(home), "OMP_NUM_THREADS": "1"}
                        for way, home in homes.items()}  # fmt: skip
        # The stores and the report of the data's checks are there before, on both sides.
        for environment in surroundings.values():
            once([*train, "model=majority", "seed=999"], environment)
        alone = [
            once([*train, f"model={model}", f"seed={seed}"], surroundings["alone"])
            for seed in range(options.alone)
            for model in MODELS
        ]
        models, seeds = f"model={','.join(MODELS)}", f"seed=range({options.seeds})"
        workers = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
        wall, processor, memory = once([*train, models, seeds, "-m", *workers], surroundings["together"])
        one, other = (answers(home) for home in homes.values())
    each = [sum(run[place] for run in alone) / len(alone) for place in (0, 1)]
    print(f"{runs} runs, load {os.getloadavg()[0]:.1f}")
    print("| | wall s | processor s | MB of the largest process |")
    print("|---|---|---|---|")
    largest = max(run[2] for run in alone)
    scaled = f"{len(alone)} measured, x {runs / len(alone):g}"
    print(f"| each alone ({scaled}) | {each[0] * runs:.0f} | {each[1] * runs:.0f} | {largest:.0f} |")
    print(f"| a sweep of two workers | {wall:.0f} | {processor:.0f} | {memory:.0f} |")
    print(f"ratio {each[0] * runs / wall:.2f} wall, {each[1] * runs / processor:.2f} processor")
    if options.keep:
        keep(f"sweep_shared_{runs}", each[0] * runs / wall, wall, each[0] * runs)
    same = sum(other.get(name) == digest for name, digest in one.items())
    print(f"the same test predictions: {same} of {len(one)}")


if __name__ == "__main__":
    main()
