"""`naba compare` over 1,000 tracked runs, against the plain MLflow search it stands on: whole processes, in turn.

    python experiments/speed/compare.py [--runs 1000] [--times 5]

Makes a store of its own in a temporary folder: five data sets of 600 rows, 40 models, five seeds; random answers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
from training import once

from naba import tracking
from naba.evaluation.bootstrap import scores
from naba.evaluation.predictions import Predictions, objects

LABELS = ("agree", "disagree", "discuss", "unrelated")
ROWS, DATASETS, SEEDS = 600, 5, 5
SEARCH = """
import mlflow, sys
client = mlflow.MlflowClient(sys.argv[1])
experiments = [found.experiment_id for found in client.search_experiments()]
print(len(client.search_runs(experiments, filter_string="attributes.status = 'FINISHED'", max_results=50000)))
"""


def fill(runs: int) -> None:
    from mlflow.entities import Metric, Param, RunTag

    store = tracking.client(tracking.default_uri())
    generator = np.random.default_rng(0)
    golds = {f"set_{number}": generator.choice(LABELS, ROWS) for number in range(DATASETS)}
    root = Path(os.environ["NABA_HOME"]) / "artifacts"
    experiments = {name: store.create_experiment(name, (root / name).as_uri()) for name in golds}
    for number in range(runs):
        dataset, model, seed = f"set_{number % DATASETS}", number // (DATASETS * SEEDS), number // DATASETS % SEEDS
        gold = golds[dataset]
        right = generator.random(ROWS) < 0.4 + model / 100
        predicted = np.where(right, gold, generator.choice(LABELS, ROWS))
        probabilities = np.eye(len(LABELS))[[LABELS.index(label) for label in predicted]]
        ids = objects([f"{dataset}-{row}" for row in range(ROWS)])
        made = Predictions(ids, objects(gold), objects(predicted), probabilities, LABELS)
        score = scores(made, ["macro_f1"], resamples=50)[0]
        facts = {
            "identity": f"{number:016x}", "cell": f"{dataset}-{model}", "dataset": dataset, "model": f"model_{model}",
            "seed": str(seed), "sections": "test", "primary_metrics": "test=macro_f1", "task": "stance",
        }  # fmt: skip
        run = store.create_run(experiments[dataset], run_name=f"model_{model} {dataset} seed {seed}")
        values = {"test/macro_f1": score.value, "interval/low/test/macro_f1": score.low,
                  "interval/high/test/macro_f1": score.high, "time/fit_seconds": 1.0,
                  "time/predict_seconds": 0.1, "size/model_bytes": 1e6}  # fmt: skip
        store.log_batch(
            run.info.run_id,
            metrics=[Metric(name, float(value), 0, 0) for name, value in values.items()],
            params=[Param("model", facts["model"]), Param("seed", facts["seed"])],
            tags=[RunTag(f"naba.{name}", value) for name, value in facts.items()],
        )
        folder = Path(urlparse(run.info.artifact_uri).path) / "predictions"
        folder.mkdir(parents=True)
        made.to_parquet(folder / "test.parquet")
        store.set_terminated(run.info.run_id)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["NABA_HOME"] = home
        fill(options.runs)
        commands = {
            "naba compare": [sys.executable, "-m", "naba.cli", "compare"],
            "mlflow search_runs": [sys.executable, "-c", SEARCH, tracking.default_uri()],
        }
        environment = dict(os.environ)
        for command in commands.values():
            once(command, environment)
        times = [{name: once(command, environment) for name, command in commands.items()} for _ in range(options.times)]
        cells = options.runs // DATASETS // SEEDS
        print(f"{options.runs} runs, {DATASETS} boards of {cells} cells, medians of {options.times}")
        for name in commands:
            wall, processor, memory = (statistics.median(run[name][i] for run in times) for i in range(3))
            print(f"| {name} | {wall:.2f} s wall | {processor:.2f} s processor | {memory:.0f} MB |")


if __name__ == "__main__":
    main()
