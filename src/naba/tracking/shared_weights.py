"""Frozen weights that many runs hold, once on the disk: half a gigabyte each would fill it after a sweep."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from naba import files
from naba.classifier.encoders import EMBEDDER

WEIGHTS = EMBEDDER[1]
LARGE = 1 << 20
"""Bytes from which on a file is shared."""


def share(location: str) -> None:
    """Make the frozen weights of a run's model, and those of other runs with the same bytes, one file.

    They are hard links to one another, and to one in naba's home, by which the next run finds them: each run has its
    own name for them, and nothing is lost with another run. Exports are copies. Where the file system has no links, or
    the store is elsewhere, each run has its own.

    Args:
        location: of the model's files, as MLflow says it: an address or a path.
    """
    address = urlsplit(location)
    if address.scheme not in {"", "file"}:
        return
    kept = files.home() / "weights"
    for path in Path(unquote(address.path)).rglob(WEIGHTS):
        if path.stat().st_size < LARGE:
            continue
        try:
            _link(path, kept / f"{files.sha256(path)}.safetensors")
            for other in kept.iterdir():
                if other.stat().st_nlink == 1:  # The last run that had it is gone.
                    other.unlink()
        except OSError:
            return


def _link(path: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    if kept.exists() and files.sha256(kept) == kept.stem:
        old, new = kept, path
    else:
        old, new = path, kept
    with files.replaced(new) as part:
        os.link(old, part)
