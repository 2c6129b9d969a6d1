"""What makes two runs the same: a hash of all that changes the answers, and of nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from naba.arabic.profile import profile_from
from naba.config import builders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.config.schema import SplitConfig, TrainConfig

IDENTITY_VERSION = 2
"""Of the way identities are worked out. Version 0.1 had the first: its runs are shown, and never taken for these."""

PARTS_OF_A_SPLIT = ("fold", "held_out", "validation_fold")
"""What differs between the runs of one cross-validation."""

_USED = {
    "given": (),
    "stratified": ("test",),
    "grouped": ("test", "column"),
    "kfold": ("folds", "fold", "column"),
    "official_folds": ("fold", "column"),
    "leave_one_out": ("column", "held_out"),
    "learning_curve": ("fraction",),
    "latest": ("fraction", "test", "column"),
}
"""The settings that each kind of split goes by, beside `validation`; a kind that is not here goes by all."""


USUAL_COLUMN = {"official_folds": "fold", "grouped": "group", "kfold": "group", "latest": "group"}
"""The column that a kind of split goes by where `split.column` says none: to name it is no other experiment."""


@dataclass(frozen=True)
class Identity:
    """What a run is known by, each 16 hexadecimal digits.

    Attributes:
        run: equal for equal experiments.
        cell: the same without the seed, and without which fold or topic was tested.
        data: of the rows that train and test: the fingerprint of the data set, and how rows are kept together.
    """

    run: str
    cell: str
    data: str


def digest(content: Any) -> str:
    """First 16 hex digits of the SHA-256 of canonical JSON: the same on every machine, and for 0.0 and -0.0."""
    text = json.dumps(_unsigned(content), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _unsigned(content: Any) -> Any:
    """The same content without negative zeros, which compare equal to 0.0 and are written differently."""
    if isinstance(content, dict):
        return {key: _unsigned(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_unsigned(value) for value in content]
    return content + 0.0 if isinstance(content, float) else content


def identify(
    settings: TrainConfig, fingerprint: str, grouping: str = "", background: Mapping[str, str] | None = None
) -> Identity:
    """The identity of a checked experiment.

    What decides the trained model and its test predictions: the content of the data set, the order of the labels, the
    metric that early stopping watches, the builder with all its options (files by what is in them), the normalisation
    rules, the split and the seed. Names, titles, licences and places of files are left out, so that mending a
    citation or renaming a YAML redoes nothing.

    Args:
        settings: as `config.check` gives them: typed, with every default written out.
        fingerprint: of the data set; it covers ids, texts, targets, labels and splits.
        grouping: digest of the columns by which rows are kept together.
        background: unlabelled data set -> its fingerprint, for those that the model learns from.
    """
    dataset = settings.dataset
    data = {"fingerprint": fingerprint, "grouping": grouping}
    content = {
        "version": IDENTITY_VERSION,
        "data": data,
        "pair": dataset.pair,
        "labels": list(dataset.labels),
        "primary_metric": dataset.primary_metric,
        "model": builders.content(settings.model),
        "background": dict(background or {}),
        "normalisation": _rules(settings.normalisation),
    }
    if described := builders.described(settings.model, dataset):
        content["described"] = described
    split = split_content(settings.split)
    shared = {key: value for key, value in split.items() if key not in PARTS_OF_A_SPLIT}
    return Identity(
        run=digest(content | {"split": split, "seed": settings.seed}),
        cell=digest(content | {"split": shared}),
        data=digest(data),
    )


def split_content(split: SplitConfig) -> dict[str, Any]:
    """What decides which rows train, validate and test: the settings that this kind of split goes by."""
    settings = dataclasses.asdict(split)
    if split.column == USUAL_COLUMN.get(split.name):
        settings["column"] = None
    used = _USED.get(split.name, tuple(settings))
    # Where no fold validates, the identity is what it was before there were such folds.
    folds = ("validation_fold",) if split.validation_fold else ()
    return {key: settings[key] for key in dict.fromkeys(("name", "validation", *folds, *used))}


def _rules(normalisation: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in profile_from(dict(normalisation)).to_dict().items() if key != "name"}
