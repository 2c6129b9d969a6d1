"""`naba compare` over 1,000 tracked runs, against the plain MLflow search it stands on: whole processes, in turn.

    python experiments/speed/compare.py [--runs 1000] [--times 5]
    python experiments/speed/compare.py --runs 10 100 1000 10000 --times 1     growth, with slopes

Makes a store of its own in a temporary folder: five data sets of 600 rows, five seeds of each model (40 models for
1,000 runs); random answers, with the SHA-256 of each file, and as many tags and numbers, as a run of `naba train` has.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sqlite3
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from own_rows import slope
from training import once

from naba import files, tracking
from naba.evaluation.bootstrap import value
from naba.evaluation.predictions import Predictions, objects

LABELS = ("agree", "disagree", "discuss", "unrelated")
ROWS, DATASETS, SEEDS = 600, 5, 5
FURTHER_TAGS, FURTHER_METRICS, FURTHER_PARAMS = 36, 31, 9
SEARCH = """
import mlflow, sys
client = mlflow.MlflowClient(sys.argv[1])
experiments = [found.experiment_id for found in client.search_experiments()]
print(len(client.search_runs(experiments, filter_string="attributes.status = 'FINISHED'", max_results=50000)))
"""


def fill(runs: int) -> None:
    """Make the store: experiments by MLflow, runs in one transaction of what its client writes for each."""
    store = tracking.client(tracking.default_uri())
    root = Path(os.environ["NABA_HOME"]) / "artifacts"
    names = [f"set_{number}" for number in range(DATASETS)]
    places = [store.create_experiment(name, (root / name).as_uri()) for name in names]
    generator = np.random.default_rng(0)
    golds = [generator.choice(LABELS, ROWS) for _ in names]
    columns: dict[str, list[tuple[object, ...]]] = {"runs": [], "tags": [], "params": [], "metrics": []}
    for number in range(runs):
        dataset, model, seed = number % DATASETS, number // (DATASETS * SEEDS), number // DATASETS % SEEDS
        run, name, begun = f"{number:032x}", f"model_{model} {names[dataset]} seed {seed}", 1_790_000_000_000 + number
        folder = root / names[dataset] / run / "artifacts"
        file = folder / "predictions" / "test.parquet"
        file.parent.mkdir(parents=True)
        made = answers(generator, names[dataset], golds[dataset], 0.4 + 0.4 * model * DATASETS * SEEDS / runs)
        made.to_parquet(file)
        tags = {
            "identity": run[-16:], "cell": f"{names[dataset]}-{model}", "identity_version": "2",
            "dataset": names[dataset], "model": f"model_{model}", "seed": str(seed), "sections": "test",
            "primary_metrics": "test=macro_f1", "task": "stance",
        }  # fmt: skip
        kept = {f"naba.{key}": text for key, text in tags.items()} | {
            "mlflow.runName": name,
            "sha256.predictions/test.parquet": files.sha256(file),
        }
        score = value(made, "macro_f1")
        numbers = {
            "test/macro_f1": score, "interval/low/test/macro_f1": score - 0.04, "test/rows": ROWS,
            "interval/high/test/macro_f1": score + 0.04, "time/fit_seconds": 1.0, "time/predict_seconds": 0.1,
            "size/model_bytes": 1e6,
        }  # fmt: skip
        columns["runs"].append((run, name, begun, begun + 1000, folder.as_uri(), places[dataset]))
        # As many further tags, parameters and numbers as a run of `naba train` has.
        kept |= {f"version.library_{place}": "1.2.3" for place in range(FURTHER_TAGS)}
        kept["mlflow.note.content"] = "what the run's page says\n" * 40
        for place in range(FURTHER_METRICS):
            for bound in ("", "interval/low/", "interval/high/"):
                numbers[f"{bound}test/metric_{place}"] = score
        columns["tags"] += [(key, text, run) for key, text in kept.items()]
        columns["params"] += [("model", f"model_{model}", run), ("seed", str(seed), run)]
        columns["params"] += [(f"model.option_{place}", "1.0", run) for place in range(FURTHER_PARAMS)]
        columns["metrics"] += [(key, number, run) for key, number in numbers.items()]
    _insert(Path(os.environ["NABA_HOME"]) / "mlflow.db", columns)


def answers(generator: np.random.Generator, name: str, gold: npt.NDArray[np.str_], right: float) -> Predictions:
    """Answers of which a share is right, and the others are drawn."""
    predicted = np.where(generator.random(ROWS) < right, gold, generator.choice(LABELS, ROWS))
    probabilities = np.eye(len(LABELS))[[LABELS.index(label) for label in predicted]]
    ids = objects([f"{name}-{row}" for row in range(ROWS)])
    return Predictions(ids, objects(gold), objects(predicted), probabilities, LABELS)


def _insert(file: Path, columns: dict[str, list[tuple[object, ...]]]) -> None:
    with sqlite3.connect(file) as database:
        database.executemany(
            "insert into runs (run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage, "
            "artifact_uri, experiment_id) values (?, ?, 'UNKNOWN', 'unknown', 'FINISHED', ?, ?, 'active', ?, ?)",
            columns["runs"],
        )
        database.executemany("insert into tags (key, value, run_uuid) values (?, ?, ?)", columns["tags"])
        database.executemany("insert into params (key, value, run_uuid) values (?, ?, ?)", columns["params"])
        for table in ("metrics", "latest_metrics"):
            database.executemany(
                f"insert into {table} (key, value, run_uuid, timestamp, step, is_nan) values (?, ?, ?, 0, 0, 0)",
                columns["metrics"],
            )


def measure(runs: int, times: int) -> dict[str, dict[str, float]]:
    """Medians of a store of so many runs, printed: number -> command -> value."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["NABA_HOME"] = home
        # In a process of its own: the kernel counts a parent's memory as its children's.
        filling = multiprocessing.get_context("spawn").Process(target=fill, args=(runs,))
        filling.start()
        filling.join()
        assert filling.exitcode == 0, filling.exitcode
        commands = {
            "naba compare": [sys.executable, "-m", "naba.cli", "compare"],
            "mlflow search_runs": [sys.executable, "-c", SEARCH, tracking.default_uri()],
        }
        environment = dict(os.environ)
        if times > 1:  # a warm-up
            for command in commands.values():
                once(command, environment)
        found = [{name: once(command, environment) for name, command in commands.items()} for _ in range(times)]
    cells = runs // DATASETS // SEEDS
    print(f"{runs} runs, {DATASETS} boards of {cells} cells, medians of {times}, load {os.getloadavg()[0]:.1f}")
    medians: dict[str, dict[str, float]] = {"wall": {}, "processor": {}, "memory": {}}
    for name in commands:
        for place, what in enumerate(medians):
            medians[what][name] = statistics.median(run[name][place] for run in found)
        wall, processor, memory = (values[name] for values in medians.values())
        print(f"| {name} | {wall:.2f} s wall | {processor:.2f} s processor | {memory:.0f} MB |", flush=True)
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[1000])
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    sizes = {runs: measure(runs, options.times) for runs in options.runs}
    for what in ("processor", "memory") if len(sizes) > 1 else ():
        for name in ("naba compare", "mlflow search_runs"):
            rise = slope({runs: medians[what][name] for runs, medians in sizes.items()})
            print(f"{name}: slope of {what} between the two largest {rise}")


if __name__ == "__main__":
    main()
