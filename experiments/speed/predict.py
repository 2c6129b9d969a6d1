"""`naba predict` as a whole job, against `predict_proba` of the same classifier on the same texts in memory.

    NABA_MIRROR=… OMP_NUM_THREADS=1 python experiments/speed/predict.py [--rows 1000000] [--times 3]

`tfidf_svm` on ANS claim types; random words of its training headlines, no two rows alike. A job is a whole process, its
imports, checksums and waiting for the disk included; `predict_proba` alone is timed within its process. Outputs of one
and of two workers must have the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from sparse import headlines
from training import NABA, once

KINDS = ("csv", "jsonl", "parquet")


def alone(folder: str, table: str) -> None:
    """Print wall and processor seconds of `predict_proba`."""
    from naba.predict.locate import open_classifier

    texts = pd.read_parquet(table)["text"].astype(object)
    frame, model = pd.DataFrame({"text": texts, "target": ""}, dtype=object), open_classifier(folder).model
    wall, processor = time.perf_counter(), time.process_time()
    model.predict_proba(frame)
    print(json.dumps([time.perf_counter() - wall, time.process_time() - processor]))


def prepare(home: Path, rows: int) -> Path:
    """Train and export the classifier, and write the texts in each format."""
    from naba.data.dataset import load_named

    train = [*NABA, "train", "dataset=ans_claim_type", "model=tfidf_svm", "tracking.figures=false"]
    subprocess.run(train, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    export = [*NABA, "export", "tfidf_svm ans_claim_type seed 0", str(home / "model")]
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    dataset = load_named("ans_claim_type")
    texts = headlines(dataset.frame(dataset.indices("train"))["text"], rows)
    frame = pd.DataFrame({"id": range(rows), "text": texts})
    frame.to_csv(home / "in.csv", index=False)
    frame.to_json(home / "in.jsonl", orient="records", lines=True, force_ascii=False)
    frame.to_parquet(home / "in.parquet", row_group_size=20_000)
    return home / "model"


def job(folder: Path, home: Path, kind: str, workers: int) -> tuple[float, float, float, str]:
    """Wall and processor seconds, MB, and the checksum of the output."""
    output = home / f"out.{kind}"
    command = [*NABA, "predict", str(folder), str(home / f"in.{kind}"), "-o", str(output), "--workers", str(workers)]
    measured = once(command, dict(os.environ))
    with output.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    output.unlink()
    return (*measured, digest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        alone(*options.alone)
        return
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.environ["NABA_HOME"] = name
        folder = prepare(home, options.rows)
        table = str(home / "in.parquet")
        single: list[list[float]] = []
        jobs: dict[tuple[str, int], list[tuple[float, float, float, str]]] = {}
        for _ in range(options.times):
            command = [sys.executable, __file__, "--alone", str(folder), table]
            single.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            for kind in KINDS:
                for workers in (1, 2):
                    jobs.setdefault((kind, workers), []).append(job(folder, home, kind, workers))
        base = statistics.median(one[0] for one in single)
        print(f"{options.rows} rows, medians of {options.times}, load {os.getloadavg()[0]:.1f}")
        print("| | wall s | processor s | rows a second | of predict_proba's | MB |")
        print("|---|---|---|---|---|---|")
        processor = statistics.median(one[1] for one in single)
        print(f"| predict_proba alone | {base:.1f} | {processor:.1f} | {options.rows / base:,.0f} | 1.00 | |")
        for (kind, workers), runs in jobs.items():
            wall, spent, memory = (statistics.median(float(run[place]) for run in runs) for place in range(3))
            rate = f"{options.rows / wall:,.0f} | {base / wall:.2f}"
            print(f"| {kind}, --workers {workers} | {wall:.1f} | {spent:.1f} | {rate} | {memory:.0f} |")
        for kind in KINDS:
            same = {run[3] for workers in (1, 2) for run in jobs[kind, workers]}
            print(f"{kind}: {'same bytes' if len(same) == 1 else 'BYTES DIFFER'}")


if __name__ == "__main__":
    main()
