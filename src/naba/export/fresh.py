"""Predictions of an exported classifier in a process of its own: `python -m naba.export.fresh FOLDER ROWS ANSWERS`.

What an export needs beyond its files (a module that was imported, a cache, the run store) would be missing here.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from naba.errors import EXIT_CODE, UserError

REPEATS = 3
"""Passes over the rows; the time is their median, after a first pass that is not timed."""


def main(arguments: list[str]) -> int:
    """Load, predict, time; writes `labels` (codes), `probabilities` and `seconds` as JSON and raw float64."""
    folder, rows, answers = (Path(argument) for argument in arguments)
    try:
        answer(folder, rows, answers)
    except UserError as error:
        print(str(error), file=sys.stderr)
        return EXIT_CODE
    return 0


def answer(folder: Path, rows: Path, answers: Path) -> None:
    """Predict the rows of a JSON file with the classifier of `folder`, and write what it said below `answers`."""
    import pandas as pd

    from naba.classifier.answers import predict_table

    content = json.loads(rows.read_text(encoding="utf-8"))
    table = pd.DataFrame(content, dtype=object)
    model, description, predict = opened(folder)
    output = predict(table) if predict else predict_table(model, description, table)
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        _ = predict(table) if predict else model.predict_proba(table)
        seconds.append(time.perf_counter() - begun)
    labels = list(description["labels"])
    probabilities = output[[f"probability_{label}" for label in labels]].to_numpy(dtype=np.float64)
    (answers / "probabilities").write_bytes(np.ascontiguousarray(probabilities).tobytes())
    said = {"labels": [str(label) for label in output["label"].tolist()], "seconds": statistics.median(seconds)}
    (answers / "answers.json").write_text(json.dumps(said), encoding="utf-8")


def opened(folder: Path) -> tuple[Any, dict[str, Any], Any]:
    """(model, description, None) of a folder of naba's; (None, description, predict) of an MLflow model."""
    from naba.classifier import folder as directory
    from naba.classifier import torch_program

    if not (folder / "MLmodel").is_file():
        # Written by this process's parent a moment ago, so it is trusted.
        trusted = (folder / torch_program.MODEL).is_file()
        return (*(torch_program.load(folder) if trusted else directory.load(folder)), None)
    from naba.tracking import pyfunc, registry

    description = directory.describe(folder / registry.CLASSIFIER)
    return None, description, pyfunc.predictor(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
