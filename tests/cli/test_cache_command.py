"""`naba cache`: what is kept, and how to be rid of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from naba import cli
from naba.models.embeddings import cache

if TYPE_CHECKING:
    import pytest


def test_says_what_is_kept_and_clears_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cache"]) == 0
    assert not cache.path().exists(), "looking makes no file"
    cache.write("a" * 64, {f"نص {place}": np.ones(384, dtype=np.float32) for place in range(123)})
    capsys.readouterr()
    assert cli.main(["cache"]) == 0
    assert "123" in capsys.readouterr().out
    assert cli.main(["cache", "clear"]) == 0
    assert "0.3 MB are free now" in capsys.readouterr().out
    assert cache.usage().vectors == 0


def test_a_file_that_is_no_cache_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    cache.path().parent.mkdir(parents=True, exist_ok=True)
    cache.path().write_bytes(b"no database" * 999)
    assert cli.main(["cache"]) == 2
    assert "naba cache clear deletes it" in capsys.readouterr().err
    assert cli.main(["cache", "clear"]) == 0
    assert cli.main(["cache"]) == 0
