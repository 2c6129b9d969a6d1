"""Frozen weights of many runs: once on the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import naba
from naba import cli
from naba.classifier import folder as directory
from naba.tracking import models
from naba.tracking.models import WEIGHTS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ROWS = pd.DataFrame({"text": ["ارتفاع أسعار النفط في مصر", "قال"], "target": ["", ""]}, dtype=object)


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A folder as model2vec writes it."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["[UNK]", "مصر", "في", "من", "على", "الحكومة", "أسعار", "ارتفاع", "قال"]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    table = np.random.default_rng(0).normal(size=(len(words), 8)).astype(np.float32)
    StaticModel(table, tokenizer, config={"normalize": True}).save_pretrained(tmp_path / "static")
    return tmp_path / "static"


def trained(static: Path, seed: int) -> Any:
    return naba.train("synthetic_claim_type", "embedded", seed=seed, model__checkpoint=str(static),
                      model__C=0.1, evaluation__resamples=50, tracking__figures=False)  # fmt: skip


def copies(home: Path) -> list[Path]:
    return sorted((home / "artifacts").rglob(WEIGHTS))


def test_runs_share_their_weights_and_lose_nothing_with_one_another(
    static: Path, own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "LARGE_WEIGHTS", 1)
    for seed in range(3):
        trained(static, seed)
    first, *others = copies(own_home)
    assert len(others) == 2
    (kept,) = (own_home / "weights").iterdir()
    assert all(first.samefile(other) for other in (*others, kept))
    assert cli.main(["export", trained(static, 0).id, str(tmp_path / "export")]) == 0
    assert (tmp_path / "export" / WEIGHTS).stat().st_nlink == 1, "an export is a file of its own"
    # With one run gone, and with what is kept, the others are whole.
    first.unlink()
    kept.unlink()
    for other in others:
        assert directory.load(other.parent)[0].predict_proba(ROWS).shape == (2, 8)


def test_damaged_weights_are_nobodys_else(static: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither are weights kept that no run has any more."""
    monkeypatch.setattr(models, "LARGE_WEIGHTS", 1)
    trained(static, 0)
    (kept,) = (own_home / "weights").iterdir()
    content = kept.read_bytes()
    kept.unlink()
    kept.write_bytes(content[:-1] + b"x")
    (own_home / "weights" / "gone.safetensors").write_bytes(b"of a run that was deleted")
    trained(static, 1)
    assert [path.read_bytes() == content for path in copies(own_home)] == [True, True]
    assert [path.read_bytes() == content for path in (own_home / "weights").iterdir()] == [True]


def test_where_there_are_no_links_each_run_has_its_own(
    static: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(models, "LARGE_WEIGHTS", 1)
    monkeypatch.setattr(os, "link", refused)
    trained(static, 0)
    trained(static, 1)
    first, second = copies(own_home)
    assert not first.samefile(second)
    assert first.read_bytes() == second.read_bytes()
