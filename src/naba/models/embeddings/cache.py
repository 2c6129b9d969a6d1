"""Embeddings that were computed once, kept for every run, seed and fold: one SQLite file in the cache folder.

A vector is found by the digest of all that made it (weights, tokenizer, pooling, length) and of the text with its
prefix; no text is stored. The vectors that were used longest ago make room for new ones. A file that cannot be read,
written or understood costs time, never an answer.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from naba import files
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)

LIMIT_VARIABLE = "NABA_EMBEDDINGS_MB"
DEFAULT_MEGABYTES = 2048
_KEPT_SHARE = 0.8
"""Of the limit, after room was made: so that it is not made for every few vectors."""
_AT_ONCE = 500
_SEAL = 8
_DAY = 86_400
_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL, used INTEGER NOT NULL)"


@dataclass(frozen=True)
class Usage:
    """What the cache holds.

    Attributes:
        path: its file.
        vectors: how many.
        bytes: on disk.
        limit: bytes it may have; 0 where nothing is kept.
    """

    path: Path
    vectors: int
    bytes: int
    limit: int


def path() -> Path:
    """The file of the cache."""
    return files.cache() / "embeddings.sqlite"


def limit() -> int:
    """Bytes that the file may have: `NABA_EMBEDDINGS_MB` (0 keeps nothing), else 2 GiB.

    Raises:
        UserError: the variable is no whole number of megabytes.
    """
    said = os.environ.get(LIMIT_VARIABLE, "").strip() or str(DEFAULT_MEGABYTES)
    if not said.isascii() or not said.isdigit():
        raise UserError(f"{LIMIT_VARIABLE} is {said!r}", "expected a whole number of megabytes; 0 keeps nothing")
    return int(said) << 20


def read(digest: str, texts: Sequence[str], width: int) -> dict[str, np.ndarray]:
    """The vectors that are kept for some texts: text -> (width,) float32; texts without one are left out."""
    keys = {_key(digest, text): text for text in texts}
    found: dict[str, np.ndarray] = {}
    if not limit() or not path().is_file():
        return found
    with _forgiven(), closing(_open()) as store:
        today, wanted, old = int(time.time()) // _DAY, list(keys), []
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            chosen = f"SELECT key, vector, used FROM vectors WHERE key IN ({marks})"  # noqa: S608 - question marks only
            for key, content, used in store.execute(chosen, some):
                vector = _vector(key, content, width)
                if vector is not None:
                    found[keys[key]] = vector
                    old += [(today, key)] if used < today else []
        if old:
            store.executemany("UPDATE vectors SET used = ? WHERE key = ?", old)
            store.commit()
    return found


def write(digest: str, vectors: Mapping[str, np.ndarray]) -> None:
    """Keep the vectors of some texts; makes room where the file outgrows its limit."""
    most = limit()
    if not most or not vectors:
        return
    today = int(time.time()) // _DAY
    rows = []
    for text, vector in vectors.items():
        key, content = _key(digest, text), np.ascontiguousarray(vector, dtype="<f4").tobytes()
        rows.append((key, content + _seal(key, content), today))
    with _forgiven():
        path().parent.mkdir(parents=True, exist_ok=True)
        with closing(_open()) as store:
            store.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            store.commit()
            _make_room(store, most)


def usage() -> Usage:
    """What is kept.

    Raises:
        UserError: the file is no cache of naba's.
    """
    file = path()
    if not file.is_file():
        return Usage(file, 0, 0, limit())
    try:
        with closing(_open()) as store:
            (count,) = store.execute("SELECT COUNT(*) FROM vectors").fetchone()
    except sqlite3.Error as error:
        raise UserError(f"{file} cannot be read: {error}", "naba cache clear deletes it") from error
    return Usage(file, count, sum(one.stat().st_size for one in _files()), limit())


def clear() -> int:
    """Delete the file; returns the bytes that are free now."""
    freed = 0
    for one in _files():
        freed += one.stat().st_size
        one.unlink(missing_ok=True)
    return freed


def _files() -> list[Path]:
    file = path()
    return [one for one in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))) if one.is_file()]


def _open() -> sqlite3.Connection:
    store = sqlite3.connect(path(), timeout=30)
    try:
        store.execute("PRAGMA auto_vacuum = INCREMENTAL")
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = NORMAL")
        store.execute(_TABLE)
    except BaseException:
        store.close()
        raise
    return store


def _make_room(store: sqlite3.Connection, most: int) -> None:
    (page,), (pages,), (free,) = (
        store.execute(f"PRAGMA {name}").fetchone() for name in ("page_size", "page_count", "freelist_count")
    )
    taken = (pages - free) * page
    if pages * page <= most:
        return
    (count,) = store.execute("SELECT COUNT(*) FROM vectors").fetchone()
    surplus = int(np.ceil(count * max(0.0, 1 - _KEPT_SHARE * most / max(taken, 1))))
    store.execute("DELETE FROM vectors WHERE key IN (SELECT key FROM vectors ORDER BY used LIMIT ?)", (surplus,))
    store.commit()
    # A script is run to its end; `execute` would free a single page.
    store.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")


@contextmanager
def _forgiven() -> Iterator[None]:
    """A cache that is damaged, locked, read-only or on a full disk is reported once; work goes on without it."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        _say(f"the cache of embeddings {path()} is not used: {error}; naba cache clear deletes it")


_said: set[str] = set()


def _say(message: str) -> None:
    if message not in _said:
        _said.add(message)
        logger.warning(message)


def _key(digest: str, text: str) -> bytes:
    # The digest has a fixed length: where it ends and the text begins is never in doubt.
    return hashlib.sha256(digest.encode("ascii") + text.encode("utf-8", "surrogatepass")).digest()


def _seal(key: bytes, content: bytes) -> bytes:
    return hashlib.blake2b(content, key=key, digest_size=_SEAL).digest()


def _vector(key: bytes, content: object, width: int) -> np.ndarray | None:
    """The vector, or None where it is not as it was written."""
    if not isinstance(content, bytes) or len(content) != 4 * width + _SEAL:
        return None
    numbers, seal = content[:-_SEAL], content[-_SEAL:]
    return np.frombuffer(numbers, dtype="<f4") if _seal(key, numbers) == seal else None
