"""Which arithmetic is faster here, for this network on these rows: measured, because no flag of a processor tells.

Where AVX512-BF16 is, oneDNN takes bfloat16; on one machine that was 1.9 times as fast, on another 1.5 times as slow.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from naba import files, machine

if TYPE_CHECKING:
    from pathlib import Path

    from naba.models.encoder.data import Tokens
    from naba.models.encoder.training import FineTuning, Forward

logger = logging.getLogger(__name__)

FEWEST_STEPS = 60
"""Of a training in which it pays to measure; shorter ones compute in float32."""
_REPEATS = 3
_GAIN = 0.95
"""A step in bfloat16 has to take less than this share of the time to be worth its digits."""


def choose(tuning: FineTuning, tokens: Tokens, codes: np.ndarray, steps: int) -> Forward:
    """The forward pass in the faster arithmetic, where the options leave it open and the processor has both.

    What was measured is kept in naba's home for this processor, network and length of batch, so that a training that
    is resumed, or done again, computes as before.

    Args:
        steps: of the optimiser in the whole training.
    """
    from naba.models.encoder.training import has_bfloat16

    forward = tuning.forward
    if tuning.training.precision != "auto" or tuning.where.type != "cpu" or not has_bfloat16(tuning.where):
        return forward
    rows = np.arange(min(len(tokens), tuning.training.batch_size))
    file = _file(tuning, float(tokens.lengths[rows].max()), len(rows))
    seconds = _kept(file)
    if seconds is None:
        if steps < FEWEST_STEPS:
            return forward
        seconds = {name: _seconds(tuning, tokens, codes, rows, fast=name == "bfloat16")
                   for name in ("float32", "bfloat16")}  # fmt: skip
        with files.replaced(file) as part:
            part.write_text(json.dumps(seconds), encoding="utf-8")
    fast = seconds["bfloat16"] < _GAIN * seconds["float32"]
    logger.warning(
        "training in %s: a step takes %.2f s in float32 and %.2f s in bfloat16, measured on this processor (%s)",
        "bfloat16" if fast else "float32", seconds["float32"], seconds["bfloat16"], file,
    )  # fmt: skip
    return dataclasses.replace(forward, autocast=fast)


def _file(tuning: FineTuning, width: float, rows: int) -> Path:
    import torch

    config = tuning.forward.model.config
    sizes = [getattr(config, name, 0) for name in ("model_type", "hidden_size", "num_hidden_layers", "vocab_size")]
    # Lengths a fifth apart are one.
    about = [machine.hardware(), torch.__version__, tuning.training.threads, sizes, rows, round(np.log(width) * 5)]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()
    return files.home() / "precision" / f"{digest[:16]}.json"


def _kept(file: Path) -> dict[str, float] | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {name: float(found[name]) for name in ("float32", "bfloat16")}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _seconds(tuning: FineTuning, tokens: Tokens, codes: np.ndarray, rows: np.ndarray, *, fast: bool) -> float:
    """Of one forward and backward pass, the quickest of some after a first one; weights stay as they are."""
    import torch

    forward = dataclasses.replace(tuning.forward, autocast=fast)
    gold: Any = torch.from_numpy(codes[rows])
    tuning.wrapped.train()
    took = []
    with torch.random.fork_rng(devices=[]):
        for _ in range(_REPEATS + 1):
            begun = time.perf_counter()
            tuning.loss(forward(tokens, rows, tuning.wrapped), gold).backward()
            took.append(time.perf_counter() - begun)
    tuning.optimiser.zero_grad(set_to_none=True)
    return min(took[1:])
