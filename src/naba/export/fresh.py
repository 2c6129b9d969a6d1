"""Predictions of an export in a process of its own: `python -m naba.export.fresh FORMAT FOLDER ROWS ANSWERS`.

What an export needs beyond its files (a module that was imported, a cache, the run store) would be missing here.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.errors import EXIT_CODE, UserError

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATS = 3
"""Passes over the rows; the time is their median, after a first pass that is not timed."""


def main(arguments: list[str]) -> int:
    """Load, predict, time; writes `labels` (codes), `probabilities` and `seconds` as JSON and raw float64."""
    name, *paths = arguments
    try:
        answer(name, *(Path(path) for path in paths))
    except UserError as error:
        # The parent passes on the last line.
        print(error.message.replace("\n", " "), file=sys.stderr)
        return EXIT_CODE
    return 0


def answer(name: str, folder: Path, rows: Path, answers: Path) -> None:
    """Predict the rows of a JSON file with the export in `folder`, and write what it said below `answers`."""
    import pandas as pd

    content = json.loads(rows.read_text(encoding="utf-8"))
    table = pd.DataFrame(content, dtype=object)
    predict, timed, labels = opened(name, folder)
    output = predict(table)
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        timed(table)
        seconds.append(time.perf_counter() - begun)
    probabilities = output[[f"probability_{label}" for label in labels]].to_numpy(dtype=np.float64)
    (answers / "probabilities").write_bytes(np.ascontiguousarray(probabilities).tobytes())
    said = {"labels": [str(label) for label in output["label"].tolist()], "seconds": statistics.median(seconds)}
    said["outcomes"] = output["outcome"].tolist() if "outcome" in output else None
    (answers / "answers.json").write_text(json.dumps(said), encoding="utf-8")


def opened(name: str, folder: Path) -> tuple[Callable[[Any], Any], Callable[[Any], Any], list[str]]:
    """(table -> labels and probabilities, the call that is timed, labels) of an export of this format."""
    from naba.classifier import folder as directory
    from naba.classifier.answers import predict_table
    from naba.export.formats import named

    form = named(name)
    if form.predict is not None:
        predict = form.predict(folder)
        return predict, predict, list(directory.describe(folder / form.inside)["labels"])
    # Written by this process's parent a moment ago, so it is trusted.
    model, description = directory.load(folder, trusted=True)
    return lambda table: predict_table(model, description, table), model.predict_proba, list(description["labels"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
