"""naba: a benchmark and training harness for Arabic news stance and claim-type classification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

INTERFACE = {
    "analyse": "naba.analysis.analyse",
    "Article": "naba.analysis.article",
}
"""Public name -> the module that has it; imported on its first use, so that `import naba` takes no time."""

if TYPE_CHECKING:
    from naba.analysis.analyse import analyse
    from naba.analysis.article import Article

__all__ = ["Article", "analyse"]


def __getattr__(name: str) -> Any:
    if name not in INTERFACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(INTERFACE[name]), name)
    return found
