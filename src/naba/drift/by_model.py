"""What a trained classifier says about the labels of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from naba.drift import labels as label_shift
from naba.errors import UserError, unknown_name
from naba.evaluation.predictions import Predictions, answers, objects

if TYPE_CHECKING:
    from naba.drift.labels import LabelShift
    from naba.drift.part import Part
    from naba.evaluation.metrics import FloatArray
    from naba.evaluation.predictions import ObjectArray
    from naba.tracking import Run


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
    return label_shift.estimated(source, predicted, new.blocks, seed)


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
