"""Every export of one run of every model family: does it answer as its run did, how large is it, how fast.

Run with a store that holds the runs (see exports.md): NABA_HOME=… python experiments/exports.py [MODEL …]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import runs, tracking, tracking_models
from naba.errors import UserError
from naba.export import directory, run_export

if TYPE_CHECKING:
    from collections.abc import Callable

FORMATS = (("directory", False), ("mlflow", False), ("onnx", False), ("onnx", True))
REPEATS = 5


def main() -> None:
    newest: dict[str, Any] = {}
    for run in tracking.search(None, {}):
        wanted = not sys.argv[1:] or run.data.tags["naba.model"] in sys.argv[1:]
        if wanted and "size/model_bytes" in run.data.metrics:
            newest.setdefault(run.data.tags["naba.model"], run)
    print("| model | data set | format | equal labels | largest difference | macro-F1 | ms an example | "
          "ms, training model | MiB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    refused, speed = {}, ""
    for model in sorted(newest):
        own, said = lines(newest[model])
        print("\n".join(own), flush=True)
        if said:
            refused[model] = said
        if "encoder" in model:
            speed = encoder_speed(newest[model])
    if refused:
        print("\nRefused as ONNX:", ", ".join(sorted(refused)))
    print(f"\n{speed}" if speed else "")


def lines(run: Any) -> tuple[list[str], str]:
    """The rows of the table for one run, and why ONNX was refused."""
    found, refused = [], ""
    table = runs.section_rows(run)[["text", "target"]]
    model, description = directory.load(tracking_models.mlflow_model_folder(run) / tracking_models.CLASSIFIER)
    own = 1000 * median(lambda: model.predict_proba(table)) / len(table)
    for kind, int8 in FORMATS:
        with tempfile.TemporaryDirectory() as place:
            try:
                parity = run_export.export_run(run, Path(place) / "export", kind, int8=int8)
            except UserError as error:
                name = f"{kind} int8" if int8 else kind
                if "cannot be exact" in error.message:
                    refused = error.message
                else:
                    found.append(f"| {description['model']} | {description['dataset']} | {name} | {error.message} |")
                continue
        said = parity.agreement
        found.append(
            f"| {description['model']} | {description['dataset']} | {parity.format} | {said.share:.2%} "
            f"({said.rows} rows) | {said.largest_probability:.1g} | {parity.macro_f1_change:+.4f} | "
            f"{parity.milliseconds:.3f} | {own:.3f} | {parity.bytes / 2**20:.2f} |"
        )
    return found, refused


def encoder_speed(run: Any) -> str:
    """Examples a second of the transformers pipeline, of naba's own encoder, of ONNX and of its int8 form."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    from naba.export import onnx
    from naba.export.onnx_predictor import OnnxClassifier
    from naba.models.encoder_text import prepare

    torch.set_num_threads(1)
    table = runs.section_rows(run)[["text", "target"]]
    source = tracking_models.mlflow_model_folder(run) / tracking_models.CLASSIFIER
    model, _ = directory.load(source)
    texts = [prepare(table[name].tolist(), "profile", model.normalisation) for name in ("target", "text")]
    inputs = [{"text": target, "text_pair": text} for target, text in zip(*texts, strict=True)]
    network = AutoModelForSequenceClassification.from_pretrained(source, local_files_only=True)
    theirs = pipeline(
        "text-classification", model=network, tokenizer=AutoTokenizer.from_pretrained(source, local_files_only=True)
    )
    timed: dict[str, Callable[[], Any]] = {
        "transformers pipeline, one by one": lambda: theirs(inputs),
        "transformers pipeline, batches of 32": lambda: theirs(inputs, batch_size=32),
    }
    with tempfile.TemporaryDirectory() as place:
        for name, int8 in (("onnx", False), ("onnx int8", True)):
            onnx.export(source, Path(place) / name, int8=int8)
            ours = OnnxClassifier.from_folder(Path(place) / name, directory.describe(Path(place) / name), threads=1)
            timed[f"naba, {name}"] = lambda ours=ours: ours.predict_proba(table)
        # In turns, so that other work on the machine falls on all of them.
        seconds: dict[str, list[float]] = {name: [] for name in timed}
        for function in timed.values():
            function()
        for _ in range(REPEATS):
            for name, function in timed.items():
                begun = time.perf_counter()
                function()
                seconds[name].append(time.perf_counter() - begun)
    rates = {name: len(table) / statistics.median(values) for name, values in seconds.items()}
    first = max(rate for name, rate in rates.items() if "pipeline" in name)
    rows = [f"| {name} | {rate:.0f} | {rate / first:.1f} |" for name, rate in rates.items()]
    return "\n".join(
        ["| encoder, one thread | examples a second | times the faster pipeline |", "|---|---|---|", *rows]
    )


def median(function: Callable[[], Any]) -> float:
    function()
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
