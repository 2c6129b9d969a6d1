"""Speed of the evaluation: resampling, boards and the page, each beside the plain way to do it.

    python experiments/speed/evaluation.py [page]

With `page` only the pages are built, and opened in a browser where there is one.
Prints one line a measurement: wall seconds, and what the plain way took or would take.
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from naba.evaluation.bootstrap import Systems, resampled_scores, scores
from naba.evaluation.leaderboard import TrackedRun, leaderboards
from naba.evaluation.metrics import label_metrics
from naba.evaluation.page import Content, page
from naba.evaluation.predictions import Predictions

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = tuple("abcdefgh")


def system(rows: int, labels: int, seed: int, name: str = "row") -> Predictions:
    gold = np.random.default_rng(0).integers(0, labels, rows)
    generator = np.random.default_rng([seed, 1])
    predicted = np.where(generator.random(rows) < 0.6, gold, generator.integers(0, labels, rows))
    probabilities = np.full((rows, labels), 0.3 / (labels - 1))
    probabilities[np.arange(rows), predicted] = 0.7
    names = np.array(LABELS[:labels], dtype=object)
    ids = [f"{name}-{row}" for row in range(rows)]
    return Predictions(ids, names[gold], names[predicted], probabilities, LABELS[:labels])


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def plain(systems: list[Predictions], resamples: int) -> None:
    """What a notebook does: draw rows, call scikit-learn, for each resample and system."""
    generator = np.random.default_rng(0)
    for _ in range(resamples):
        rows = generator.integers(0, len(systems[0]), len(systems[0]))
        for one in systems:
            f1_score(one.gold_codes[rows], one.predicted_codes[rows], average="macro")


def many_labels() -> None:
    """Data with a label for every third row, as own data of desks has them."""
    names = tuple(f"label_{number:02d}" for number in range(90))
    generator = np.random.default_rng(0)
    gold = generator.integers(0, 90, 300)
    predicted = np.where(generator.random(300) < 0.5, gold, generator.integers(0, 90, 300))
    labels = np.array(names, dtype=object)
    one = Predictions(
        [str(row) for row in range(300)], labels[gold], labels[predicted], np.full((300, 90), 1 / 90), names
    )
    measures = ["macro_f1", "accuracy", "balanced_accuracy", "mcc", *label_metrics(names)]
    report(f"10,000 resamples of 300 rows, 90 labels, {len(measures)} metrics", seconds(lambda: scores(one, measures)))
    print(f"peak memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def report(what: str, ours: float, theirs: float | None = None) -> None:
    print(f"{what}: {ours:.2f} s", end="")
    if theirs:
        print(f"; plain scikit-learn, one metric: {theirs:.0f} s (25 of its resamples, scaled up)", end="")
        print(f", {theirs / ours:.0f} times", end="")
    print(flush=True)


def tracked(predictions: Path, model: str, seed: int, dataset: str) -> TrackedRun:
    return TrackedRun(
        f"{model}{seed}", f"{model}{seed}", f"{model}{dataset}", dataset, "stance", model, seed, {}, {}, {}, 1.0, 0.1,
        1e6, lambda: Predictions.from_parquet(predictions),
    )  # fmt: skip


def intervals() -> None:
    one = system(600, 8, 0)
    names = ["macro_f1", "accuracy", "balanced_accuracy", "mcc", *label_metrics(one.labels)]
    scores(one, names, resamples=10)
    ours = seconds(lambda: scores(one, names))
    theirs = seconds(lambda: plain([one], 25)) * 400
    report(f"10,000 resamples of 600 rows, 8 labels, {len(names)} metrics", ours, theirs)


def paired() -> None:
    for labels in (3, 8):
        systems = [system(10_000, labels, seed) for seed in range(20)]
        ready = Systems.of(systems, "macro_f1")
        ours = seconds(lambda: resampled_scores(ready, "macro_f1"))  # noqa: B023  called at once
        theirs = seconds(lambda: plain(systems, 25)) * 400  # noqa: B023  called at once
        report(f"10,000 paired resamples, 20 systems, 10,000 rows, {labels} labels", ours, theirs)
    print(f"peak memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def boards(folder: Path) -> None:
    runs = []
    for dataset in range(20):
        for model in range(10):
            for seed in range(5):
                file = folder / f"{dataset}-{model}-{seed}.parquet"
                system(400, 3, 1000 * dataset + 10 * model + seed, f"d{dataset}").to_parquet(file)
                runs.append(tracked(file, f"m{model}", seed, f"d{dataset}"))
    for resamples in (2_000, 10_000):
        report(
            f"boards of 1,000 runs (20 data sets, 10 models, 5 seeds), {resamples} resamples",
            seconds(lambda: leaderboards(runs, resamples=resamples)),  # noqa: B023  called at once
        )


def html(folder: Path, rows: int) -> Path:
    """Build the page of 20 systems on so many rows."""
    runs = []
    for model in range(20):
        file = folder / f"page-{model}.parquet"
        system(rows, 3, model).to_parquet(file)
        runs.append(tracked(file, f"m{model}", 0, "big"))
    texts = [f"عنوان خبر رقم {row} عن ارتفاع أسعار النفط في الأسواق العالمية بعد قرار المنظمة" for row in range(rows)]
    table = pd.DataFrame({"id": [f"row-{row}" for row in range(rows)], "text": texts, "target": texts}, dtype=object)
    made = leaderboards(runs, resamples=1_000)
    started = time.perf_counter()
    document = page(made, {"big": Content(table)})
    report(f"HTML page of 20 systems on {rows:,} rows", time.perf_counter() - started)
    print(f"its size: {len(document.encode()) / 1e6:.1f} MB")
    place = folder / f"page-{rows}.html"
    place.write_text(document, encoding="utf-8")
    return place


def opened(place: Path, slowed: int = 4) -> None:
    """Open a page as a phone would: a small window, the processor slowed down; nothing where there is no browser."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        print("not opened: Chromium and chromedriver are not installed")
        return
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    from chromium import chromium

    with chromium(place.parent / "profile", (390, 844)) as browser:
        browser.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": slowed})
        browser.get(place.as_uri())
        usable = browser.execute_script("return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
        filtered = browser.execute_script(
            "const begun = performance.now(); const box = document.getElementById('f-text'); box.value = '77';"
            "box.dispatchEvent(new Event('input')); document.body.offsetHeight; return performance.now() - begun"
        )
        browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        heap = browser.execute_cdp_cmd("Runtime.getHeapUsage", {})["usedSize"]
        print(
            f"opened with the processor slowed {slowed} times: usable after {usable:.0f} ms, filtered in "
            f"{filtered:.0f} ms, {heap / 1e6:.0f} MB of JavaScript"
        )


if __name__ == "__main__":
    if sys.argv[1:] != ["page"]:
        many_labels()
        intervals()
        paired()
    with tempfile.TemporaryDirectory() as name:
        if sys.argv[1:] != ["page"]:
            boards(Path(name))
        for size in (10_000, 100_000):
            opened(html(Path(name), size))
