"""The cache of embeddings: what is kept, what makes room, and that damage costs time and never an answer."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time

import numpy as np
import pytest

from naba.errors import UserError
from naba.models.embeddings import cache

DIGEST = "a" * 64


def vectors(count: int, width: int = 8, first: int = 0) -> dict[str, np.ndarray]:
    drawn = np.random.default_rng(first)
    return {f"نص {first + place}": drawn.normal(size=width).astype(np.float32) for place in range(count)}


def test_what_is_written_is_read_for_the_same_weights_only() -> None:
    kept = vectors(1200)
    cache.write(DIGEST, kept)
    found = cache.read(DIGEST, [*kept, "آخر"], 8)
    assert found.keys() == kept.keys()
    assert all(found[text].tobytes() == kept[text].tobytes() for text in kept)
    assert cache.read("b" * 64, list(kept), 8) == {}
    assert cache.read(DIGEST, list(kept), 9) == {}, "vectors of another width are none of these"
    assert cache.usage().vectors == 1200
    assert "نص".encode() not in cache.path().read_bytes(), "no text is stored"


def test_a_flipped_byte_is_a_missing_vector() -> None:
    kept = vectors(3)
    cache.write(DIGEST, kept)
    with sqlite3.connect(cache.path()) as store:
        ((key, content),) = store.execute("SELECT key, vector FROM vectors LIMIT 1").fetchall()
        store.execute("UPDATE vectors SET vector = ? WHERE key = ?", (bytes([content[0] ^ 1]) + content[1:], key))
    assert len(cache.read(DIGEST, list(kept), 8)) == 2


@pytest.mark.parametrize("content", [b"", b"no database" * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_cache_is_said_and_done_without(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    cache._said.clear()
    cache.path().parent.mkdir(parents=True, exist_ok=True)
    cache.path().write_bytes(content)
    cache.write(DIGEST, vectors(2))
    found = cache.read(DIGEST, list(vectors(2)), 8)
    if content:
        assert found == {}
        assert "naba cache clear" in caplog.text
    cache.clear()
    cache.write(DIGEST, vectors(2))
    assert len(cache.read(DIGEST, list(vectors(2)), 8)) == 2


def test_what_was_not_used_for_long_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.LIMIT_VARIABLE, "1")
    old, used, new = vectors(300, 384), vectors(100, 384, 300), vectors(200, 384, 400)
    now = time.time()
    monkeypatch.setattr(cache.time, "time", lambda: now - 9 * 86_400)
    cache.write(DIGEST, old | used)
    monkeypatch.setattr(cache.time, "time", lambda: now)
    assert len(cache.read(DIGEST, list(used), 384)) == 100
    cache.write(DIGEST, new)
    assert cache.usage().bytes <= 1.1 * 2**20
    assert len(cache.read(DIGEST, list(used), 384)) == 100, "used today"
    assert len(cache.read(DIGEST, list(new), 384)) == 200
    assert 0 < len(cache.read(DIGEST, list(old), 384)) < 200


def test_a_limit_of_nothing_keeps_nothing_and_a_wrong_one_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.LIMIT_VARIABLE, "0")
    cache.write(DIGEST, vectors(2))
    assert not cache.path().exists()
    monkeypatch.setenv(cache.LIMIT_VARIABLE, "viel")
    with pytest.raises(UserError, match="NABA_EMBEDDINGS_MB is 'viel'"):
        cache.limit()


def _write(first: int) -> None:
    for place in range(10):
        cache.write(DIGEST, vectors(20, first=first + 20 * place))


def test_processes_share_it() -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(1000 * number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert cache.usage().vectors == 800


def test_a_read_only_folder_is_done_without(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    cache._said.clear()
    monkeypatch.setenv("NABA_CACHE", "/proc/nowhere")
    cache.write(DIGEST, vectors(2))
    assert "is not used" in caplog.text
