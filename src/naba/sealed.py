"""Files that naba keeps for itself, written whole, and read only as they were written.

Damaged bytes can make a reader raise nearly anything, or give wrong numbers in silence. So the SHA-256 of such a file
stands at its end, and is compared before anything reads it; readers of zip files pass over what follows the archive.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from naba import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SIZE = hashlib.sha256().digest_size
_BLOCK = 1 << 20


@contextmanager
def written(file: Path) -> Iterator[Path]:
    """A path to write to that is sealed at the end, and takes the place of `file` (`naba.files.replaced`)."""
    with files.replaced(file) as part:
        yield part
        with part.open("r+b") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
            stream.seek(0, os.SEEK_END)
            stream.write(digest)


def seal(file: Path) -> str:
    """The SHA-256 (hex) of the content of a file, after comparing it with the one at its end.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not as `written` left it.
    """
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        left = os.fstat(stream.fileno()).st_size - _SIZE
        while left > 0:
            block = stream.read(min(left, _BLOCK))
            if not block:
                break
            digest.update(block)
            left -= len(block)
        if stream.read() != digest.digest():
            raise ValueError("it is damaged, or of another version")
    return digest.hexdigest()
