"""Every export of one run of every model family: does it answer as its run did, how large is it, how fast.

    python experiments/speed/exports.py train             the runs, into NABA_HOME (about 5 minutes on two cores)
    python experiments/speed/exports.py table [MODEL …]   every format in a fresh process, against its run
    python experiments/speed/exports.py speed [--threads 2] [--repeats 5] [--base-rows 64] [--skip base|small|linear …]

`speed` compares, in alternating passes over the same texts: an encoder as ONNX and int8 with
`transformers.pipeline("text-classification")`, one by one as the pipeline does by default and in batches of 32; and
the linear models with the bare scikit-learn objects they are made of. Every speed is a median. NABA_MIRROR names the
mirror of the data.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FORMATS = (("directory", False), ("mlflow", False), ("onnx", False), ("onnx", True), ("pt2", False))
RUNS = (
    "dataset=ans_stance model=majority,stratified_random,tfidf_logreg,tfidf_svm,tfidf_nb,pair_linear,pair_boosting,"
    "stacked,blended,calibrated,abstaining -m",
    "dataset=ans_claim_type model=tfidf_logreg,tfidf_svm,tfidf_nb,claim_linear,claim_boosting,claim_guideline -m",
    "dataset=ans_stance model=encoder_small model.training.epochs=2",
    "dataset=ans_stance model=calibrated model@model.classifier=encoder_small model.classifier.training.epochs=2 "
    "model.method=isotonic seed=1",
)
LINEAR = ("tfidf_logreg", "tfidf_svm", "tfidf_nb")
BASE = {"layers": 12, "hidden": 768, "heads": 12, "vocabulary": 32000}
LARGE_TABLE = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "table", "speed"])
    parser.add_argument("models", nargs="*", help="table: these only")
    parser.add_argument("--threads", type=int, default=2, help="of every side (default 2)")
    parser.add_argument("--repeats", type=int, default=5, help="passes of each (default 5)")
    parser.add_argument("--base-rows", type=int, default=64, help="texts for the BERT-base-sized encoder (default 64)")
    parser.add_argument("--skip", nargs="*", default=[], choices=["base", "small", "linear"])
    options = parser.parse_args()
    # Read when the libraries are loaded, so that they are loaded only below.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if options.what == "train":
        for run in RUNS:
            print(f"$ naba train {run} evaluation.resamples=1000", flush=True)
            command = [sys.executable, "-m", "naba.cli", "train", *run.split(), "evaluation.resamples=1000"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    elif options.what == "table":
        print_table(options.models, options.repeats)
    else:
        print_speeds(options)


# --- every format against its run ---------------------------------------------------------------------------------


def newest_runs(models: list[str]) -> list[Any]:
    """The newest run with a model for each model and data set."""
    from naba import tracking

    newest: dict[tuple[str, str, str], Any] = {}
    for run in tracking.search(None, {}):
        tags = run.tags
        inner = "encoder_small" if "encoder_small" in run.params.get("model.classifier", "") else ""
        if "size/model_bytes" in run.metrics and (not models or tags["naba.model"] in models):
            newest.setdefault((tags["naba.dataset"], tags["naba.model"], inner), run)
    return [newest[key] for key in sorted(newest)]


def print_table(models: list[str], repeats: int) -> None:
    print("| data set | model | format | equal labels | largest difference | macro-F1 | ms an example | "
          "ms, training model | MiB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    refused: dict[str, list[str]] = {}
    for run in newest_runs(models):
        for said, message in rows_of(run, repeats):
            print(said, flush=True) if said else refused.setdefault(message, []).append(run.name)
    print("\nRefused:\n")
    for message, names in refused.items():
        print(f"- {', '.join(dict.fromkeys(names))}: {message}")


def rows_of(run: Any, repeats: int) -> list[tuple[str, str]]:
    """For each format its row of the table, or the reason why there is none."""
    from naba.classifier import folder as directory
    from naba.errors import UserError
    from naba.export import run as run_export

    table = run.rows()[["text", "target"]]
    model, description = directory.load(run.classifier_folder())
    own = 1000 * statistics.median(times({"own": lambda: model.predict_proba(table)}, repeats)["own"]) / len(table)
    name = description["model"] + (
        " (encoder_small)" if hasattr(getattr(model, "classifier_", 0), "tokenizer_") else ""
    )
    found = []
    encoder = hasattr(model, "tokenizer_") or hasattr(getattr(model, "classifier_", 0), "tokenizer_")
    for kind, int8 in FORMATS:
        if (int8 or kind == "pt2") and not encoder:
            continue
        with tempfile.TemporaryDirectory() as place:
            try:
                parity = run_export.export_run(run, Path(place) / "export", kind, int8=int8)
            except UserError as error:
                found.append(("", f"{kind}{' int8' if int8 else ''}: {error.message}"))
                continue
        said = parity.agreement
        found.append((
            f"| {description['dataset']} | {name} | {parity.format} | {said.share:.2%} ({said.rows} rows) | "
            f"{said.largest_probability:.1g} | {parity.macro_f1_change:+.4f} | {parity.milliseconds:.3f} | {own:.3f} | "
            f"{parity.bytes / 2**20:.2f} |", "",
        ))  # fmt: skip
    return found


# --- speed --------------------------------------------------------------------------------------------------------


def times(functions: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each pass, in turns, so that other work on the machine falls on all; a first pass is not timed."""
    for function in functions.values():
        function()
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            begun = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def print_speeds(options: argparse.Namespace) -> None:
    found = newest_runs(["encoder_small"])
    if "small" not in options.skip and found:
        print_encoder("encoder_small, ANS stance test pairs", *trained_encoder(found[0]), options)
    if "base" not in options.skip and found:
        folder, table = random_encoder(found[0], options.base_rows)
        print_encoder("12 layers of 768 (BERT base), random weights, the same pairs", folder, table, options)
    if "linear" not in options.skip:
        print_linear(options.repeats)


def trained_encoder(run: Any) -> tuple[Path, Any]:

    folder = run.classifier_folder()
    return folder, run.rows()[["text", "target"]]


def random_encoder(run: Any, rows: int) -> tuple[Path, Any]:
    """A BERT-base-sized encoder that was never trained, as a classifier directory: weights do not change the speed."""
    from naba.arabic.profile import NEWS
    from naba.classifier import folder as directory
    from naba.models import from_scratch
    from naba.models.encoder import weights
    from naba.models.encoder.options import Architecture

    source, table = trained_encoder(run)
    trained, description = directory.load(source)
    model = from_scratch(architecture=BASE, normalisation=NEWS, pair=True)
    model.classes_, model.probability_kind_ = trained.classes_, "model"
    model.tokenizer_ = trained.tokenizer_
    labels = [str(label) for label in model.classes_]
    model.model_ = weights.new_model(Architecture(**BASE), model.tokenizer_, labels, 128).eval()
    folder = Path(tempfile.mkdtemp(prefix="naba-base-"))
    kept = {key: value for key, value in description.items() if key != "files"}
    directory.save(model, folder, kept)
    return folder, table.iloc[:rows]


def print_encoder(title: str, source: Path, table: Any, options: argparse.Namespace) -> None:
    import torch
    import transformers

    from naba.classifier import folder as directory
    from naba.classifier import onnx_export, onnx_predictor
    from naba.models.encoder.data import prepare

    torch.set_num_threads(options.threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model, _ = directory.load(source)
    texts = [prepare(table[name].tolist(), "profile", model.normalisation) for name in ("target", "text")]
    inputs = [{"text": target, "text_pair": text} for target, text in zip(*texts, strict=True)]
    network = transformers.AutoModelForSequenceClassification.from_pretrained(source, local_files_only=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(source, local_files_only=True)
    theirs = transformers.pipeline("text-classification", model=network, tokenizer=tokenizer)
    timed: dict[str, Callable[[], Any]] = {
        "transformers pipeline, one by one (its default)": lambda: theirs(inputs),
        "transformers pipeline, batches of 32": lambda: theirs(inputs, batch_size=32),
    }
    with tempfile.TemporaryDirectory() as place:
        for name, int8 in (("onnx", ""), ("onnx int8", "int8")):
            folder = Path(place) / name
            onnx_export.export(source, folder, int8=int8)
            ours: Any = onnx_predictor.load(folder, directory.describe(folder), threads=options.threads)
            timed[f"naba, {name}"] = lambda ours=ours: ours.predict_proba(table)
        seconds = times(timed, options.repeats)
    rates = {name: len(table) / statistics.median(values) for name, values in seconds.items()}
    one, batched = list(rates.values())[:2]
    print(f"\n| {title}; {len(table)} texts, {options.threads} threads | examples a second | times one by one | "
          "times batches |\n|---|---|---|---|")  # fmt: skip
    for name, rate in rates.items():
        print(f"| {name} | {rate:.0f} | {rate / one:.2f} | {rate / batched:.2f} |", flush=True)


class Bare:
    """The scikit-learn objects of a single-text TF-IDF model, used as anybody would: texts to probabilities."""

    def __init__(self, model: Any) -> None:
        from sklearn.pipeline import FeatureUnion, make_pipeline

        union = FeatureUnion(list(model.features_.vectorisers_.items()))
        self.pipeline = make_pipeline(union, model.classifier_)

    def __call__(self, texts: list[str]) -> Any:
        from naba.models.classifier import softmax

        if hasattr(self.pipeline, "predict_proba"):
            return self.pipeline.predict_proba(texts)
        return softmax(self.pipeline.decision_function(texts))


def print_linear(repeats: int) -> None:
    """naba's models with normalisation, against bare scikit-learn with and without it (one text after another)."""
    import numpy as np
    import pandas as pd

    from naba.arabic.normalise import NEWS, normalise, normalise_all
    from naba.data.dataset import load_named
    from naba.models.tfidf import classifier as sparse

    dataset = load_named("ans_claim_type")
    rows = dataset.indices("train")
    few = dataset.frame(dataset.indices("test"))
    every = dataset.frame(np.arange(len(dataset.table)))["text"].tolist()
    many = pd.DataFrame({"text": [f"{every[at % len(every)]} {at}" for at in range(LARGE_TABLE)]}, dtype=object)
    print("\n| linear, ANS claim types | texts | naba, texts a second | bare scikit-learn, texts normalised before | "
          "times that | bare scikit-learn and naba's rules, one by one | times that |")  # fmt: skip
    print("|---|---|---|---|---|---|---|")
    for name in LINEAR:
        model = getattr(sparse, name)(normalisation=NEWS).fit(dataset.frame(rows), dataset.gold(rows))
        bare = Bare(model)
        for table in (few, many):
            texts = table["text"].tolist()
            ready = normalise_all(texts, NEWS)
            assert np.abs(bare(ready[:200]) - bare([normalise(text, NEWS) for text in texts[:200]])).max() == 0
            seconds = times(
                {
                    "naba": lambda model=model, table=table: model.predict_proba(table),
                    "bare": lambda bare=bare, ready=ready: bare(ready),
                    "rules": lambda bare=bare, texts=texts: bare([normalise(text, NEWS) for text in texts]),
                },
                repeats,
            )
            naba, alone, rules = (len(texts) / statistics.median(seconds[key]) for key in ("naba", "bare", "rules"))
            print(f"| {name} | {len(texts):,} | {naba:,.0f} | {alone:,.0f} | {naba / alone:.2f} | {rules:,.0f} | "
                  f"{naba / rules:.2f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
