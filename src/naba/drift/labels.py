"""Have the labels changed? Of labelled texts by counting; of others by what a classifier says, corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.drift import permutation
from naba.errors import UserError, unknown_name
from naba.evaluation.bootstrap import percentile
from naba.evaluation.predictions import Predictions, answers, objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.data.dataset import IntArray
    from naba.drift.part import Part
    from naba.evaluation.metrics import FloatArray
    from naba.evaluation.predictions import ObjectArray
    from naba.tracking import Run

RESAMPLES = 1_000
SINGULAR = 1e-3


@dataclass(frozen=True)
class LabelShare:
    """A label's share of the old and of the new texts, the interval of the new, and what was counted or predicted."""

    label: str
    old: float
    new: float
    low: float
    high: float
    predicted: float | None = None

    @property
    def sure(self) -> bool:
        """Does the interval of the new share leave the old one out?"""
        return not self.low <= self.old <= self.high


@dataclass(frozen=True)
class LabelShift:
    """Shares of all labels, and the p-value of no change; `notes` say what they rest on."""

    shares: Sequence[LabelShare]
    p_value: float
    estimated: bool
    notes: Sequence[str] = ()


def counted(
    labels: Sequence[str], old: tuple[IntArray, IntArray], new: tuple[IntArray, IntArray], seed: int = 0
) -> LabelShift:
    """The change of labels that are known.

    Args:
        old, new: (n,) codes in `labels` and (n,) blocks of each side.
    """
    size = len(labels)
    p = _p_value(size, old, new, seed)
    shares = [np.bincount(codes, minlength=size) / len(codes) for codes, _ in (old, new)]
    generator = np.random.default_rng(seed)
    sums = _block_counts(*new, size)
    weights = generator.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES)
    drawn = weights @ sums
    drawn = drawn / drawn.sum(axis=1, keepdims=True)
    found = [
        LabelShare(label, float(shares[0][code]), float(shares[1][code]), *percentile(drawn[:, code], 0.95))
        for code, label in enumerate(labels)
    ]
    return LabelShift(found, p, estimated=False)


def estimated(source: Predictions, predicted: IntArray, blocks: IntArray, seed: int = 0) -> LabelShift:
    """Label shares of unlabelled texts by black-box shift estimation (Lipton, Wang & Smola 2018).

    It supposes that texts of one label look as before (label shift): then what a classifier predicts there, divided
    by its confusions, gives the labels. Weights are kept from becoming negative. The p-value is that of the predicted
    labels, which need not suppose anything (Rabanser, Günnemann & Lipton 2019).

    Args:
        source: old rows with gold labels that the classifier has not learned from.
        predicted: (n,) what it says about the new rows, as codes in `source.labels`; `blocks` (n,) their blocks.
    """
    size = len(source.labels)
    confusion = source.confusion().astype(float)
    old_blocks = np.arange(len(source)) if source.groups is None else _codes(source)
    p = _p_value(size, (source.predicted_codes, old_blocks), (predicted, blocks), seed)
    share = np.bincount(predicted, minlength=size) / len(predicted)
    value = solve(confusion, share)
    generator = np.random.default_rng(seed)
    sums_old = _block_counts(source.cells(size), old_blocks, size * size)
    sums_new = _block_counts(predicted, blocks, size)
    drawn = np.empty((RESAMPLES, size))
    for place in range(RESAMPLES):
        one = _drawn(sums_old, generator).reshape(size, size)
        other = _drawn(sums_new, generator)
        drawn[place] = solve(one, other / other.sum())
    old = confusion.sum(axis=1) / confusion.sum()
    shares = [
        LabelShare(label, float(old[code]), float(value[code]), *percentile(drawn[:, code], 0.95), float(share[code]))
        for code, label in enumerate(source.labels)
    ]
    return LabelShift(shares, p, estimated=True, notes=_notes(confusion, source))


def solve(confusion: FloatArray, predicted: FloatArray) -> FloatArray:
    """(k,) label shares of new rows: the q >= 0 with sum 1 whose predictions are nearest to `predicted`.

    Args:
        confusion: (k, k) counts, gold by predicted, on old rows; a label without rows there gets no share.
        predicted: (k,) shares of predicted labels on new rows.
    """
    from scipy.optimize import nnls

    rows = confusion.sum(axis=1)
    rates = (confusion / np.where(rows > 0, rows, 1)[:, None]).T
    # The last line, weighed heavily, makes the shares sum to 1.
    found, _ = nnls(np.vstack([rates, np.where(rows > 0, 100.0, 0.0)]), np.append(predicted, 100.0))
    found = np.where(rows > 0, found, 0)
    return found / max(float(found.sum()), 1e-12)


def _notes(confusion: FloatArray, source: Predictions) -> list[str]:
    notes = ["supposes that texts of one label look as they did; where the text itself changed, read it with care"]
    rates = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    if np.linalg.svd(rates, compute_uv=False)[-1] < SINGULAR:
        notes.append("the classifier cannot tell some labels apart, so their shares are not determined")
    few = [label for label, rows in zip(source.labels, confusion.sum(axis=1), strict=True) if 0 < rows < 20]
    if few:
        notes.append(f"fewer than 20 old rows of {', '.join(few)}: their shares are guesses")
    return notes


def _p_value(size: int, old: tuple[IntArray, IntArray], new: tuple[IntArray, IntArray], seed: int) -> float:
    codes = np.concatenate([old[0], new[0]])
    blocks = np.concatenate([old[1], new[1] + int(old[1].max()) + 1])
    side = np.repeat([0, 1], [len(old[0]), len(new[0])])
    return permutation.p_value(np.eye(size)[codes], blocks, side, permutation.chi_squared, seed=seed)[1]


def _block_counts(codes: IntArray, blocks: IntArray, size: int) -> FloatArray:
    units = np.unique(blocks, return_inverse=True)[1]
    counts = np.zeros((int(units.max()) + 1, size))
    np.add.at(counts, (units, codes), 1)
    return counts


def _drawn(sums: FloatArray, generator: np.random.Generator) -> FloatArray:
    weights = np.bincount(generator.integers(0, len(sums), len(sums)), minlength=len(sums))
    drawn: FloatArray = weights @ sums
    return drawn


def _codes(source: Predictions) -> IntArray:
    from naba.evaluation.bootstrap import units_of

    return units_of(source)


def shift(model: Any, old: Part, new: Part, run: Run | None = None, seed: int = 0) -> LabelShift:
    """The label shares of the new texts, estimated from how the classifier errs on old ones.

    Args:
        model: the classifier.
        run: the run it is from, whose own answers to rows it has not seen serve where the old texts have no labels.
    Raises:
        UserError: the classifier reads other input, has learned from the old texts, or nothing says how it errs.
    """
    labels = tuple(str(label) for label in model.classes_)
    source = _source(model, labels, old, run)
    said, _ = _answers(model, new, labels, "the classifier")
    place = {label: code for code, label in enumerate(labels)}
    predicted = np.array([place[label] for label in said], dtype=np.int64)
    return estimated(source, predicted, new.blocks, seed)


def _source(model: Any, labels: tuple[str, ...], old: Part, run: Run | None) -> Predictions:
    """Old rows with gold labels, and what the classifier says of them without having learned them."""
    gold = old.labels
    if gold is None:
        if run is None:
            raise UserError(
                f"{old.name} has no labels, so nothing says how the classifier errs there",
                "name labelled old texts that it has not learned from, or give a tracked run as --model",
            )
        section = next((name for name in ("test", "validation") if name in run.sections), None)
        if section is None:
            raise UserError(f"run '{run.name}' was scored on neither test nor validation rows")
        kept = run.predictions(section)
        wanted = [label for label in kept.labels if label in labels]
        return kept if list(kept.labels) == list(labels) else _reordered(kept, tuple(wanted), labels)
    strange = sorted({str(label) for label in set(gold)} - set(labels))
    if strange:
        raise UserError(f"{old.name}: {unknown_name('label of the classifier', strange[0], labels)}")
    if run is not None and run.facts.fingerprint == old.dataset.fingerprint:
        learned = ~np.isin(old.dataset.ids(old.rows), _unseen_ids(run))
        if learned.any():
            raise UserError(
                f"the run '{run.name}' has learned from {int(learned.sum())} of the {len(old)} rows of {old.name}, and "
                "says nothing there of how it errs",
                f"name rows it has not seen, such as {run.facts.dataset}:validation or {run.facts.dataset}:test",
            )
    said, probabilities = _answers(model, old, labels, old.name)
    groups = old.dataset.column("group", old.rows)
    return Predictions(old.dataset.ids(old.rows), gold, said, probabilities, labels,
                       groups if any(groups) else None)  # fmt: skip


def _answers(model: Any, part: Part, labels: tuple[str, ...], owner: str) -> tuple[ObjectArray, FloatArray]:
    said, probabilities, _ = answers(model, part.dataset.frame(part.rows), labels, owner)
    silent = sum(label not in labels for label in said)
    if silent:
        raise UserError(
            f"the model has no answer for {silent} of the {len(said)} rows of {part.name}",
            "label shares are estimated from classifiers that answer every row",
        )
    return said, probabilities


def _unseen_ids(run: Run) -> list[str]:
    found: list[str] = []
    for section in ("test", "validation"):
        if section in run.sections:
            found += [str(name) for name in run.predictions(section).ids]
    return found


def _reordered(kept: Predictions, wanted: tuple[str, ...], labels: tuple[str, ...]) -> Predictions:
    """Kept predictions over the classifier's labels in its order; rows with another gold label are left out."""
    known = np.isin(kept.gold.astype(str), wanted)
    part = kept.take(known)
    columns = np.zeros((len(part), len(labels)))
    for label in wanted:
        columns[:, labels.index(label)] = part.probabilities[:, part.labels.index(label)]
    columns /= np.maximum(columns.sum(axis=1, keepdims=True), 1e-12)
    return Predictions(part.ids, part.gold, objects(part.predicted), columns, labels, part.groups)
