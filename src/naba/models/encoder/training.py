"""Encoders run and trained: the forward pass, and what `transformers.Trainer` does, without its detours.

`Forward` also answers for a trained model. The arithmetic (float32 or bfloat16) is chosen by measuring both where the
options leave it open. While a training runs there is a bar on a terminal, a line per epoch, and the curves for whoever
asks.
"""

from __future__ import annotations

import atexit
import dataclasses
import hashlib
import itertools
import json
import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from naba import files, machine
from naba.models.classifier import tell_follower
from naba.models.encoder.data import Tokens, length_parts, sorted_batches, training_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from naba.models.encoder.checkpoints import Store
    from naba.models.encoder.options import Training

logger = logging.getLogger(__name__)

Evaluate = Callable[[], dict[str, float]]
"""Scores of the model as it stands; the key `watched` is what early stopping goes by."""

WORTH_SAYING = 20.0
"""Seconds an epoch takes before its end is reported; shorter trainings are over before one could read it."""
FEWEST_STEPS = 60
"""Of a training in which it pays to measure; shorter ones compute in float32."""
_REPEATS = 3
_GAIN = 0.95
"""A step in bfloat16 has to take less than this share of the time to be worth its digits."""
_AFTER_EPOCH: ContextVar[Callable[[int, float], None] | None] = ContextVar("after_epoch", default=None)


@contextmanager
def watched_by(watcher: Callable[[int, float], None]) -> Iterator[None]:
    """Tell `watcher` the epoch (from 1) and the watched score after each epoch; what it raises ends the training."""
    token = _AFTER_EPOCH.set(watcher)
    try:
        yield
    finally:
        _AFTER_EPOCH.reset(token)


def device() -> Any:
    """The GPU of this process if there is one, else the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def has_bfloat16(where: Any) -> bool:
    """Does the device have instructions for bfloat16? Without them it would be slower, not faster."""
    import torch

    if where.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # oneDNN also takes bfloat16 where it has to imitate it; a torch that cannot tell gets float32.
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Run with a given number of CPU threads, whatever OMP_NUM_THREADS says: sums depend on it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Forward:
    """A model as a function from rows of tokens to one line of scores a row.

    Attributes:
        padding: id of the padding token.
        types: does the model tell segments apart?
        pooling: of the windows of a row, `mean` or `max`.
        autocast: compute in bfloat16 where that is safe.
    """

    model: Any
    padding: int
    types: bool
    pooling: str
    autocast: bool = False

    def __call__(self, tokens: Tokens, rows: np.ndarray, model: Any = None) -> Any:
        """Scores of some rows, (rows, labels) float32 tensor."""
        import torch

        model = self.model if model is None else model
        inputs, owner = self._inputs(tokens, rows)
        with torch.autocast(inputs["input_ids"].device.type, torch.bfloat16) if self.autocast else nullcontext():
            scores = model(**inputs).logits
        return pool(scores.float(), owner, len(rows), self.pooling)

    def _inputs(self, tokens: Tokens, rows: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
        """What the model is given for some rows, where it is, and (windows,) the row of each window."""
        import torch

        where = next(self.model.parameters()).device
        batch = tokens.batch(rows, self.padding, multiple=8 if where.type == "cuda" else 1)
        inputs = {"input_ids": batch.ids, "attention_mask": batch.mask}
        if self.types:
            inputs["token_type_ids"] = batch.types
        moved = {name: torch.from_numpy(value).to(where, non_blocking=True) for name, value in inputs.items()}
        return moved, batch.owner

    def scores(self, tokens: Tokens, batch_size: int) -> np.ndarray:
        """Scores of all rows without dropout, (n, labels) float32."""
        return self._all(self, tokens, batch_size, self.model.config.num_labels)

    def features(self, tokens: Tokens, batch_size: int) -> np.ndarray:
        """What a head over means reads of all rows, (n, width) float32."""

        def read(tokens: Tokens, rows: np.ndarray) -> Any:
            inputs, owner = self._inputs(tokens, rows)
            return pool(self.model.features(**inputs), owner, len(rows), "mean")

        return self._all(read, tokens, batch_size, len(self.model.centre))

    def _all(
        self, read: Callable[[Tokens, np.ndarray], Any], tokens: Tokens, batch_size: int, width: int
    ) -> np.ndarray:
        import torch

        self.model.eval()
        result = np.zeros((len(tokens), width), dtype=np.float32)
        with torch.inference_mode():
            for rows in sorted_batches(tokens.lengths, batch_size):
                result[rows] = read(tokens, rows).cpu().numpy()
        return result


def pool(scores: Any, owner: np.ndarray, rows: int, pooling: str) -> Any:
    """The scores of the windows of each row as one: (windows, labels) to (rows, labels)."""
    import torch

    if len(owner) == rows:
        return scores
    index = torch.from_numpy(owner).to(scores.device)[:, None].expand_as(scores)
    zeros = scores.new_zeros(rows, scores.shape[1])
    return zeros.scatter_reduce(0, index, scores, "amax" if pooling == "max" else "mean", include_self=False)


@dataclass
class Progress:
    """How far a training has come; with the weights and the optimiser, all that a checkpoint needs."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: float = -math.inf
    best_epoch: int = 0
    best_weights: dict[str, Any] | None = None


class FineTuning:
    """One training of an encoder.

    Args:
        forward: the model; its weights change.
        training: options.
        class_weights: (k,) weight of each label in the loss, or None.
        seed: of batches and dropout.
        store: where checkpoints go; None keeps none.
    """

    def __init__(
        self, forward: Forward, training: Training, class_weights: np.ndarray | None, seed: int, store: Store | None
    ) -> None:
        import torch

        self.forward, self.training, self.seed, self.store = forward, training, seed, store
        self.parallel = _parallel()
        model = forward.model
        self.where = self.parallel.device if self.parallel else device()
        model.to(self.where)
        self.optimiser = _optimiser(model, training)
        self.wrapped = self.parallel.prepare(model) if self.parallel else model
        weights = np.ones(model.config.num_labels) if class_weights is None else class_weights
        self.weights = torch.tensor(weights, dtype=torch.float32, device=self.where)
        self.loss = torch.nn.CrossEntropyLoss(self.weights, reduction="sum", label_smoothing=training.label_smoothing)

    def run(self, tokens: Tokens, codes: np.ndarray, evaluate: Evaluate | None) -> Progress:
        """Train on rows with label codes (n,); goes on from the store's checkpoint, if it has one.

        With `evaluate`, the weights of the best epoch are restored at the end.
        """
        import torch

        with torch.random.fork_rng(devices=[self.where] if self.where.type == "cuda" else []):
            torch.manual_seed(self.seed)
            progress = (self.store.restore(self) if self.store else None) or Progress()
            steps = len(self._steps(len(tokens), 0)) * self.training.epochs
            self.forward = choose_precision(self, tokens, codes, steps)
            while progress.epoch < self.training.epochs and not self._has_stopped(progress):
                self._epoch(progress, tokens, codes)
                self._finish_epoch(progress, evaluate, len(tokens))
        if progress.best_weights is not None:
            self.forward.model.load_state_dict(progress.best_weights)
        if self.store:
            self.store.clear(self)
        return progress

    def _has_stopped(self, progress: Progress) -> bool:
        patience = self.training.patience
        return bool(patience and progress.best_epoch and progress.epoch - progress.best_epoch >= patience)

    def _epoch(self, progress: Progress, tokens: Tokens, codes: np.ndarray) -> None:
        """One pass over the data, from the step that `progress` has come to."""
        import torch

        begun = time.perf_counter()
        lengths, on_cpu = tokens.lengths, self.where.type == "cpu"
        steps = self._steps(len(tokens), progress.epoch)
        total = len(steps) * self.training.epochs
        targets = torch.from_numpy(codes).to(self.where)
        _train(self.wrapped)
        bar = Bar(progress.epoch + 1, self.training.epochs, len(tokens))
        while progress.step < len(steps):
            rate = self._set_learning_rate(progress.epoch * len(steps) + progress.step, total)
            # A GPU is faster with one large part.
            parts = [length_parts(lengths, rows) if on_cpu else [rows] for rows in steps[progress.step]]
            loss = self._step(tokens, targets, parts)
            progress.loss += loss
            progress.step += 1
            bar.advance(sum(len(rows) for rows in steps[progress.step - 1]), loss)
            regular = progress.step % self.training.checkpoint_steps == 0
            if self.store and progress.step < len(steps) and self.store.is_due(regular=regular):
                self.store.save(self, progress)
        bar.close()
        progress.seconds += time.perf_counter() - begun
        progress.history.append({
            "epoch": progress.epoch + 1,
            "train_loss": progress.loss / len(steps),
            "learning_rate": rate,
            "train_seconds": round(progress.seconds, 3),
            "bfloat16": int(self.forward.autocast),
        })  # fmt: skip
        progress.epoch, progress.step, progress.loss, progress.seconds = progress.epoch + 1, 0, 0.0, 0.0

    def _finish_epoch(self, progress: Progress, evaluate: Evaluate | None, rows: int) -> None:
        if evaluate is not None:
            found = self._agreed(evaluate())
            watched = found.pop("watched")
            progress.history[-1] |= found
            if watched > progress.best:
                progress.best, progress.best_epoch = watched, progress.epoch
                state = self.forward.model.state_dict()
                progress.best_weights = {name: value.detach().to("cpu", copy=True) for name, value in state.items()}
        if self.store and self.store.is_due(regular=True):
            self.store.save(self, progress)
        if not self.parallel or self.parallel.is_main_process:
            told(progress.history, self.training.epochs, rows)
        if evaluate is not None and (watcher := _AFTER_EPOCH.get()):
            watcher(progress.epoch, watched)

    def _agreed(self, found: dict[str, float]) -> dict[str, float]:
        """The first process's scores: all must stop at the same epoch, whatever their last digits."""
        if not self.parallel:
            return found
        from accelerate.utils import broadcast_object_list

        return dict(broadcast_object_list([found])[0])

    def _steps(self, rows: int, epoch: int) -> list[list[np.ndarray]]:
        """The batches of each optimiser step of an epoch, for this process."""
        generator = np.random.default_rng([self.seed, epoch])
        batches = training_batches(rows, self.training.batch_size, generator)
        if self.parallel:
            count = self.parallel.num_processes
            batches += itertools.islice(itertools.cycle(list(batches)), -len(batches) % count)
            batches = batches[self.parallel.process_index :: count]
        size = self.training.accumulation
        return [batches[start : start + size] for start in range(0, len(batches), size)]

    def _step(self, tokens: Tokens, targets: Any, batches: list[list[np.ndarray]]) -> float:
        """One step of the optimiser over some batches, each in parts; the mean loss."""
        import torch

        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for batch, parts in enumerate(batches):
            gold = [targets[torch.from_numpy(rows).to(self.where)] for rows in parts]
            # What the mean over the whole batch divides by, so that the parts' gradients add up to the batch's.
            divisor = self.weights[torch.cat(gold)].sum() * len(batches)
            for part, rows in enumerate(parts):
                last = (batch, part) == (len(batches) - 1, len(parts) - 1)
                with nullcontext() if last or not self.parallel else self.parallel.no_sync(self.wrapped):
                    loss = self.loss(self.forward(tokens, rows, self.wrapped), gold[part]) / divisor
                    loss.backward()
                total += loss.item()
        torch.nn.utils.clip_grad_norm_(self.wrapped.parameters(), self.training.gradient_norm)
        self.optimiser.step()
        return total

    def _set_learning_rate(self, step: int, total: int) -> float:
        rate = self.training.learning_rate * schedule(step, total, self.training.warmup, self.training.decay)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["faster"]
        return rate


def schedule(step: int, total: int, warmup: float, decay: str) -> float:
    """Share of the highest learning rate at `step` of `total`: up in a line, then down by `decay` to 0."""
    rising = math.ceil(total * warmup)
    if step < rising:
        return (step + 1) / (rising + 1)
    left = (total - step) / max(1, total - rising)
    if decay == "linear":
        return left
    return (1 - math.cos(math.pi * left)) / 2 if decay == "cosine" else 1.0


def _train(model: Any) -> None:
    """Training mode, with dropout, for all but the layers that stay as they are."""
    model.train()
    for part in model.modules():
        own = list(part.parameters())
        if own and not any(one.requires_grad for one in own):
            part.eval()


def _optimiser(model: Any, training: Training) -> Any:
    """AdamW; a group's `faster` multiplies the learning rate of the moment."""
    import torch

    from naba.models.encoder.layers import FASTER, Means

    head = {id(one) for one in model.classifier.parameters()} if isinstance(model, Means) else set()
    groups = [
        {
            "params": [one for one in model.parameters() if one.requires_grad and (one.ndim > 1) == decayed
                       and (id(one) in head) == new],
            "weight_decay": training.weight_decay if decayed else 0.0,
            "faster": FASTER if new else 1.0,
        }
        for new in (False, True) for decayed in (True, False)
    ]  # fmt: skip
    return torch.optim.AdamW([one for one in groups if one["params"]], lr=training.learning_rate, fused=True)


def _parallel() -> Any:
    """accelerate's view of the processes that torchrun or `accelerate launch` started; None for one process."""
    if machine.processes()[1] < 2:
        return None
    import torch
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    _leave_group_at_exit()
    return accelerator


@cache
def _leave_group_at_exit() -> None:
    """Processes that are still joined when the interpreter ends are aborted at times (pytorch#190489)."""
    from accelerate import PartialState

    atexit.register(PartialState().destroy_process_group)


def choose_precision(tuning: FineTuning, tokens: Tokens, codes: np.ndarray, steps: int) -> Forward:
    """The forward pass in the faster arithmetic, where the options leave it open and the processor has both.

    It is measured, because no flag of a processor tells: where AVX512-BF16 is, oneDNN takes bfloat16; on one machine
    that was 1.9 times as fast, on another 1.5 times as slow.

    What was measured is kept in naba's home for this processor, network and length of batch, so that a training that
    is resumed, or done again, computes as before.

    Args:
        steps: of the optimiser in the whole training.
    """
    forward = tuning.forward
    if tuning.training.precision != "auto" or tuning.where.type != "cpu" or not has_bfloat16(tuning.where):
        return forward
    rows = np.arange(min(len(tokens), tuning.training.batch_size))
    file = _precision_file(tuning, float(tokens.lengths[rows].max()), len(rows))
    seconds = _kept_seconds(file)
    if seconds is None:
        if steps < FEWEST_STEPS:
            return forward
        seconds = {name: _step_seconds(tuning, tokens, codes, rows, fast=name == "bfloat16")
                   for name in ("float32", "bfloat16")}  # fmt: skip
        with files.replaced(file) as part:
            part.write_text(json.dumps(seconds), encoding="utf-8")
    fast = seconds["bfloat16"] < _GAIN * seconds["float32"]
    logger.warning(
        "training in %s: a step takes %.2f s in float32 and %.2f s in bfloat16, measured on this processor (%s)",
        "bfloat16" if fast else "float32", seconds["float32"], seconds["bfloat16"], file,
    )  # fmt: skip
    return dataclasses.replace(forward, autocast=fast)


def _precision_file(tuning: FineTuning, width: float, rows: int) -> Path:
    import torch

    config = tuning.forward.model.config
    sizes = [getattr(config, name, 0) for name in ("model_type", "hidden_size", "num_hidden_layers", "vocab_size")]
    # Lengths a fifth apart are one.
    about = [machine.hardware(), torch.__version__, tuning.training.threads, sizes, rows, round(np.log(width) * 5)]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()
    return files.home() / "precision" / f"{digest[:16]}.json"


def _kept_seconds(file: Path) -> dict[str, float] | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {name: float(found[name]) for name in ("float32", "bfloat16")}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _step_seconds(tuning: FineTuning, tokens: Tokens, codes: np.ndarray, rows: np.ndarray, *, fast: bool) -> float:
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


def told(history: Sequence[Mapping[str, Any]], epochs: int, rows: int) -> None:
    """Say that an epoch has ended.

    Args:
        history: of the epochs so far.
        epochs: of the training at most.
        rows: of one epoch.
    """
    last = history[-1]
    tell_follower(last)
    seconds = float(last["train_seconds"])
    if seconds < WORTH_SAYING:
        return
    scores = [f"{name.removeprefix('validation_')} {value:.3f}" for name, value in last.items()
              if name.startswith("validation_") and name != "validation_loss"]  # fmt: skip
    left = (epochs - len(history)) * sum(float(one["train_seconds"]) for one in history) / len(history)
    logger.warning(
        "epoch %d of %d: %s%.0f rows a second%s", len(history), epochs,
        "".join(f"{item}, " for item in [f"loss {last['train_loss']:.3f}", *(f"validation {one}" for one in scores)]),
        rows / seconds, f", {left / 60:.0f} minutes at most are left" if left else "",
    )  # fmt: skip


class Bar:
    """Rows, loss and remaining time of one epoch, on a terminal and nowhere else."""

    def __init__(self, epoch: int, epochs: int, rows: int) -> None:
        from tqdm import tqdm  # type: ignore[import-untyped]

        # None: not where standard error is a file or a pipe. A short epoch needs no bar.
        self.bar = tqdm(total=rows, desc=f"epoch {epoch} of {epochs}", unit=" rows", leave=False, disable=None, delay=3)
        self.loss = 0.0
        self.steps = 0
        self.shown = time.monotonic()

    def advance(self, rows: int, loss: float) -> None:
        """One step of the optimiser is done."""
        self.loss += loss
        self.steps += 1
        self.bar.update(rows)
        if time.monotonic() - self.shown > 1:
            self.shown = time.monotonic()
            self.bar.set_postfix_str(f"loss {self.loss / self.steps:.3f}")

    def close(self) -> None:
        """The epoch is over."""
        self.bar.close()
