"""`naba cache`: embeddings that are kept for later runs.

naba cache clear
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.cli import console
from naba.cli.arguments import Parser

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """Embeddings of texts that were computed before, for every run, seed and fold:

  naba cache          where they are, how many, and how much room they take
  naba cache clear    delete them; they are computed again when they are needed

NABA_EMBEDDINGS_MB limits their room (default 2048; 0 keeps none): those that were used longest ago go first. No text is
stored, and no answer depends on it. They lie in the cache folder (NABA_CACHE)."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba cache [clear]`."""
    from naba.models.embeddings import cache

    parser = Parser("cache", DESCRIPTION)
    parser.add_argument("action", nargs="?", choices=["show", "clear"], default="show", help="what to do")
    if parser.parse_args(arguments).action == "clear":
        print(f"{cache.path()}: {cache.clear() / 1e6:.1f} MB are free now")
        return 0
    usage = cache.usage()
    shown = console.table("kept", "count", "MB", "limit, MB", "file", right=("count", "MB", "limit, MB"))
    shown.add_row(
        "embeddings", str(usage.vectors), f"{usage.bytes / 1e6:.1f}", f"{usage.limit / 1e6:.0f}", str(usage.path)
    )
    console.console().print(shown)
    return 0
