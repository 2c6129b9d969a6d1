"""naba: a benchmark and training harness for Arabic news stance and claim-type classification.

The Python interface is what stands in `INTERFACE`; every name is imported on its first use, so that `import naba`
takes no time. `docs/how-to/python.md` shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

INTERFACE = {
    "load_dataset": "naba.api.data",
    "check": "naba.api.data",
    "normalise": "naba.api.data",
    "train": "naba.api.runs",
    "load_run": "naba.api.runs",
    "compare": "naba.api.runs",
    "score": "naba.api.runs",
    "metrics": "naba.api.runs",
    "load_classifier": "naba.api.classifier",
    "export": "naba",
    "analyse": "naba.analysis.analyse",
    "Article": "naba.analysis.article",
    "metric": "naba.evaluation.metrics:register",
    "Board": "naba.evaluation.leaderboard",
    "Dataset": "naba.data.dataset",
    "Run": "naba.tracking",
    "UserError": "naba.errors",
}
"""Public name -> the module that has it (`:` and its name there, if it has another). `export` is a package."""

if TYPE_CHECKING:
    from naba.analysis.analyse import analyse
    from naba.analysis.article import Article
    from naba.api.classifier import load_classifier
    from naba.api.data import check, load_dataset, normalise
    from naba.api.runs import compare, load_run, metrics, score, train
    from naba.data.dataset import Dataset
    from naba.errors import UserError
    from naba.evaluation.leaderboard import Board
    from naba.evaluation.metrics import register as metric
    from naba.export import export
    from naba.tracking import Run

__all__ = [
    "Article",
    "Board",
    "Dataset",
    "Run",
    "UserError",
    "analyse",
    "check",
    "compare",
    "export",
    "load_classifier",
    "load_dataset",
    "load_run",
    "metric",
    "metrics",
    "normalise",
    "score",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in INTERFACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if INTERFACE[name] == __name__:
        return import_module(f"{__name__}.{name}")
    module, _, attribute = INTERFACE[name].partition(":")
    found = globals()[name] = getattr(import_module(module), attribute or name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *INTERFACE})
