"""Whole processes against what a user would run instead: pairs in turn in one run, medians and ratios.

NABA_MIRROR=… python experiments/speed/training.py [--runs 5] [--keep] [pair …]

Each pair's ratio is printed beside the one in `record.json`, which also says on which processor, with which versions
and under what load it was measured; `--keep` puts today's there.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
MIRROR = os.environ.get("NABA_MIRROR", "")
PYTHON = sys.executable
NABA = [PYTHON, "-m", "naba.cli"]
TRAIN = [*NABA, "train", "dataset=ans_stance", "model=tfidf_logreg", "force=true"]
SETS = "dataset=ans_stance,ans_veracity,ans_claim_type,thatiar_claim_type"
MODELS = "model=majority,tfidf_logreg,tfidf_svm,tfidf_nb"
RECORD = HERE / "record.json"
PAIRS = {
    "off": (
        "naba train, tracking=off",
        [*TRAIN, "tracking=off"],
        "bare scikit-learn",
        [PYTHON, str(HERE / "bare.py"), MIRROR],
    ),
    "tracked": ("naba train, MLflow", TRAIN, "naba train, tracking=off", [*TRAIN, "tracking=off"]),
    "found": ("naba train, run found", [*TRAIN[:-1]], "import mlflow", [PYTHON, "-c", "import mlflow"]),
    "sweep": (
        "48 runs found",
        [*NABA, "train", SETS, MODELS, "seed=0,1,2", "-m"],
        "import mlflow",
        [PYTHON, "-c", "import mlflow"],
    ),
    "help": ("naba --help", [*NABA, "--help"], "python -c pass", [PYTHON, "-c", "pass"]),
}


def once(command: list[str], environment: dict[str, str], folder: Path | None = None) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak memory in MB of one process, started in `folder`."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed:\n{process.stderr.read().decode() if process.stderr else ''}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def surroundings() -> dict[str, object]:
    """What a figure depends on besides the code."""
    from naba import machine

    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "revision": machine.revision()[0],
        "hardware": machine.hardware(),
        "versions": machine.versions(),
        "load": round(os.getloadavg()[0], 2),
    }


def keep(name: str, ratio: float, seconds: float, beside: float) -> None:
    """Write a pair to `record.json`: its ratio, ours and what stands beside it, in seconds or rows a second."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    record[name] = {"ratio": round(ratio, 2), "seconds": seconds, "beside": beside} | surroundings()
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="*", help=", ".join(PAIRS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="write what is measured to record.json")
    options = parser.parse_args()
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    print("| pair | wall s (median) | processor s | peak MB | wall ratio, median (min to max) | recorded |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "NABA_HOME": home}
        for name in options.pairs or PAIRS:
            label_a, a, label_b, b = PAIRS[name]
            once(a, environment), once(b, environment)  # a warm-up: caches, and the store is made once
            pairs = [(once(a, environment), once(b, environment)) for _ in range(options.runs)]
            ratios = [first[0] / second[0] for first, second in pairs]
            middle = [[statistics.median(run[side][i] for run in pairs) for i in range(3)] for side in (0, 1)]
            wall, processor, memory = (f"{middle[0][i]:.2f} / {middle[1][i]:.2f}" for i in range(3))
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            known = record.get(name, {}).get("ratio", "")
            print(f"| {label_a} / {label_b} | {wall} | {processor} | {memory} | {spread} | {known} |", flush=True)
            if options.keep:
                keep(name, statistics.median(ratios), middle[0][0], middle[1][0])


if __name__ == "__main__":
    main()
