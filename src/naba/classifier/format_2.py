"""Classifier directories of version 0.1: structure in JSON, arrays in safetensors. Read, never written.

Classes are looked up by their old names among those of today, and are given their attributes as a file of today is
read: `Kept` checks them. Nothing in a file names code.
"""

from __future__ import annotations

import inspect
import math
import os
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.classifier.folder import read_json
from naba.errors import UserError, unknown_name
from naba.models import classifier as protocol
from naba.models.classifier import DAMAGED, Classifier, Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NUMBER = 2
STRUCTURE = "classifier.json"
WEIGHTS = "classifier.safetensors"
_FLOATS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_TRAINING_ONLY = {"StackingClassifier": ("cv",)}
_DEEPEST = 100


@cache
def _classes() -> dict[str, tuple[type, tuple[str, ...]]]:
    """Name in a file -> the class of today, and the settings that a class that is not naba's may have."""
    from naba.models import baselines, calibration, ensembles, feature_classifier, trees
    from naba.models.claims import features as claims
    from naba.models.claims import guideline
    from naba.models.encoder import classifier as encoder
    from naba.models.pairs import ensembles as mixed
    from naba.models.pairs import features, vectors
    from naba.models.tfidf import classifier as tfidf
    from naba.models.tfidf import features as texts
    from naba.models.tfidf import vectoriser

    modules = (
        baselines, calibration, claims, encoder, ensembles, feature_classifier, features, guideline, mixed, texts,
        tfidf, trees, vectoriser, vectors,
    )  # fmt: skip
    ours = {kind.__name__: kind for module in modules for kind in vars(module).values()
            if isinstance(kind, type) and issubclass(kind, Kept) and kind.__module__ == module.__name__}  # fmt: skip
    theirs = {
        thing.__name__: (thing, settings)
        for kind in ours.values()
        for thing, settings in kind.holds.items()
        if isinstance(thing, type)
    }
    renamed = {
        "TfidfVectorizer": vectoriser.Vectoriser, "HistGradientBoostingClassifier": trees.HistogramTrees,
        "MLPClassifier": ensembles.Network, "StackingClassifier": ensembles.Stack, "VotingClassifier": ensembles.Mean,
        "Columns": ensembles.FirstColumns,
    }  # fmt: skip
    return theirs | {name: (kind, ()) for name, kind in (ours | renamed).items()}


def _functions() -> dict[str, Any]:
    from naba.models.pairs.features import stems
    from naba.models.tfidf.vectoriser import given_words

    return {"stems": stems} | dict.fromkeys(("pair_words", "claim_words", "guideline_words"), given_words)


def load(folder: Path, files: Mapping[str, Any]) -> Classifier:
    """The classifier of a folder; its encoder, if it has one, is filled in by `naba.classifier.encoders`."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    for name in (STRUCTURE, WEIGHTS):
        if name not in files:
            raise UserError(f"{folder} does not list {name} among its files", DAMAGED)
    try:
        arrays = load_file(os.fspath(folder / WEIGHTS))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder / WEIGHTS} is not a whole safetensors file: {error}", DAMAGED) from error
    model = _value(read_json(folder / STRUCTURE).get("model"), arrays, 0)
    if not isinstance(model, Classifier):
        raise UserError(f"{folder / STRUCTURE} does not describe a classifier", DAMAGED)
    return model


def probe(folder: Path) -> Any:
    """The answers of the classifier to the fixed texts."""
    return read_json(folder / STRUCTURE).get("probe")


def _value(value: Any, arrays: Mapping[str, np.ndarray], depth: int) -> Any:
    if depth > _DEEPEST:
        raise UserError("the structure of the classifier is too deep", DAMAGED)
    if isinstance(value, list):
        return [_value(item, arrays, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if "class" in value:
        return _estimator(value, arrays, depth + 1)
    if set(value) == {"options", "values"}:
        return {"kind": value["options"], "values": value["values"]}
    if len(value) != 1:
        raise UserError("the structure of the classifier has a part that cannot be read", DAMAGED)
    ((key, content),) = value.items()
    if key in ("tuple", "map"):
        inside = _value([*content.values()] if key == "map" else content, arrays, depth + 1)
        return tuple(inside) if key == "tuple" else dict(zip(map(str, content), inside, strict=True))
    simple: dict[str, Callable[[Any], Any]] = {
        "array": lambda name: _finite(arrays, name),
        "labels": lambda items: np.array([*map(_text, items), None], dtype=object)[:-1],
        "profile": lambda rules: rules,
        "dtype": lambda name: name,
        "float": _FLOATS.__getitem__,
        "function": _functions().__getitem__,
    }
    if key not in simple:
        raise UserError(f"the structure of the classifier has a part '{key}' that cannot be read", DAMAGED)
    return simple[key](content)


def _text(item: Any) -> str:
    if not isinstance(item, str):
        raise UserError(f"a label of the classifier is {item!r}", DAMAGED)
    return item


def _finite(arrays: Mapping[str, np.ndarray], name: Any) -> np.ndarray:
    if not isinstance(name, str) or name not in arrays:
        raise UserError(f"the weights have no array {name!r}", DAMAGED)
    found = arrays[name]
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise UserError(f"{int(np.isnan(found).sum())} of the weights are not finite", DAMAGED)
    return found


def _estimator(node: Mapping[str, Any], arrays: Mapping[str, np.ndarray], depth: int) -> Any:
    name = node["class"]
    if not isinstance(name, str) or name not in _classes():
        raise UserError(unknown_name("class", str(name), _classes()), "loading never runs code that a file names")
    kind, settings = _classes()[name]
    given = {**node.get("params", {}), **node.get("state", {})}
    state = {key: _value(item, arrays, depth) for key, item in given.items() if key not in _TRAINING_ONLY.get(name, ())}
    if not issubclass(kind, _self_made()):
        # A file of that version has no settings that are the defaults.
        defaults = protocol.parameters(kind).items()
        state = {key: one for key, one in defaults if one is not inspect.Parameter.empty} | state
    return protocol.made(kind, settings, state)


def _self_made() -> tuple[type, ...]:
    from naba.models.tfidf.vectoriser import Vectoriser
    from naba.models.trees import HistogramTrees, LightGBMTrees

    return Vectoriser, HistogramTrees, LightGBMTrees
