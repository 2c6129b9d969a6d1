"""The classes of the format that are filled in with care: their state is no plain arrays, or its parts must agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.classifier.arrays import pack_terms, unpack_terms
from naba.errors import UserError
from naba.models import lightgbm

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Rebuilder:
    """How such a class is stored and filled in."""

    state: Callable[[Any], dict[str, Any] | None]
    rebuild: Callable[[Any, dict[str, Any]], None]


def _vectoriser_state(vectoriser: Any) -> dict[str, Any] | None:
    if not hasattr(vectoriser, "vocabulary_"):
        return None
    terms = sorted(vectoriser.vocabulary_, key=vectoriser.vocabulary_.__getitem__)
    return {"terms": pack_terms(terms), "count": len(terms), "idf": vectoriser.idf_}


def _rebuild_vectoriser(vectoriser: Any, state: dict[str, Any]) -> None:
    terms = unpack_terms(state["terms"], state["count"])
    if len(set(terms)) != len(terms) or len(terms) != len(state["idf"]):
        raise UserError(f"a vocabulary of {len(terms)} terms has {len(state['idf'])} document frequencies")
    vectoriser.vocabulary_ = {term: place for place, term in enumerate(terms)}
    vectoriser.fixed_vocabulary_ = False
    vectoriser.idf_ = state["idf"]


def _boosting_state(model: Any) -> dict[str, Any] | None:
    if not hasattr(model, "_predictors"):
        return None
    trees = [tree.nodes for stage in model._predictors for tree in stage]  # noqa: SLF001 - shown nowhere else
    nodes = np.concatenate(trees)
    if nodes["is_categorical"].any():
        raise UserError("trees with categorical features cannot be saved")
    leaf = nodes["is_leaf"].astype(np.uint8)
    inner = leaf == 0
    return {
        "classes_": model.classes_,
        "baseline": model._baseline_prediction,  # noqa: SLF001
        "features": int(model.n_features_in_),
        "sizes": np.array([len(tree) for tree in trees], dtype=np.int32),
        "value": nodes["value"],
        "feature": np.where(inner, nodes["feature_idx"], 0).astype(np.int32),
        "threshold": np.where(inner, nodes["num_threshold"], 0.0),
        "left": np.where(inner, nodes["left"], 0).astype(np.int32),
        "right": np.where(inner, nodes["right"], 0).astype(np.int32),
        "missing_left": nodes["missing_go_to_left"].astype(np.uint8),
        "leaf": leaf,
    }


def _rebuild_boosting(model: Any, state: dict[str, Any]) -> None:
    """Trees from arrays; their places are checked, because scikit-learn walks them without looking."""
    from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    sizes, baseline, features = state["sizes"].astype(np.int64), state["baseline"], state["features"]
    _check_trees(state, sizes)
    nodes = np.zeros(len(state["value"]), dtype=PREDICTOR_RECORD_DTYPE)
    fields = {"value": "value", "feature_idx": "feature", "num_threshold": "threshold", "left": "left",
              "right": "right", "missing_go_to_left": "missing_left", "is_leaf": "leaf"}  # fmt: skip
    for theirs, ours in fields.items():
        nodes[theirs] = state[ours]
    empty = np.zeros((0, 8), dtype=np.uint32)
    trees = [TreePredictor(part.copy(), empty, empty) for part in np.split(nodes, np.cumsum(sizes)[:-1])]
    stage = baseline.shape[1]
    model.classes_ = state["classes_"]
    model.n_features_in_ = model._n_features = features  # noqa: SLF001
    model.n_trees_per_iteration_ = stage
    model._baseline_prediction = baseline  # noqa: SLF001
    model._predictors = [trees[at : at + stage] for at in range(0, len(trees), stage)]  # noqa: SLF001
    model.is_categorical_ = model._preprocessor = model._is_categorical_remapped = None  # noqa: SLF001
    mapper = _BinMapper()
    mapper.is_categorical_ = np.zeros(features, dtype=np.uint8)
    mapper.bin_thresholds_ = []
    model._bin_mapper = mapper  # noqa: SLF001
    model._loss = model._get_loss(sample_weight=None)  # noqa: SLF001


def _check_trees(state: dict[str, Any], sizes: np.ndarray) -> None:
    count, baseline = len(state["value"]), state["baseline"]
    columns = [len(state[name]) for name in ("feature", "threshold", "left", "right", "missing_left", "leaf")]
    wrong = set(columns) != {count} or (sizes < 1).any() or sizes.sum() != count or baseline.shape[0] != 1
    wrong = wrong or not 0 < state["features"] < 2**24 or baseline.shape[1] not in {1, len(state["classes_"])}
    wrong = wrong or not len(sizes) or len(sizes) % max(baseline.shape[1], 1) != 0
    if not wrong:
        own = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        inner = state["leaf"] == 0
        for side in ("left", "right"):
            child = state[side][inner]
            # Children stand behind their parents, so that every path ends.
            wrong = wrong or bool(((child <= own[inner]) | (child >= np.repeat(sizes, sizes)[inner])).any())
        feature = state["feature"]
        wrong = wrong or bool(((feature < 0) | (feature >= state["features"])).any())
    if wrong:
        raise UserError("the trees of the classifier do not hang together", "the directory is damaged: export it again")


def _isotonic_state(model: Any) -> dict[str, Any] | None:
    names = ("X_thresholds_", "y_thresholds_", "X_min_", "X_max_", "increasing_")
    if not hasattr(model, "X_thresholds_"):
        return None
    return {name: bool(model.increasing_) if name == "increasing_" else getattr(model, name) for name in names}


def _rebuild_isotonic(model: Any, state: dict[str, Any]) -> None:
    for key, item in state.items():
        setattr(model, key, item)
    model._build_f(state["X_thresholds_"], state["y_thresholds_"])  # noqa: SLF001 - as it does when unpickled


def _word_vectors_state(vectors: Any) -> dict[str, Any] | None:
    if not hasattr(vectors, "table_"):
        return None
    return {"stems_": vectors.stems_, "table_": vectors.table_}


def _rebuild_word_vectors(vectors: Any, state: dict[str, Any]) -> None:
    stems, table = state["stems_"], state["table_"]
    if len(stems) != len(table):
        raise UserError(
            f"the word vectors of the classifier are {len(table)} rows for {len(stems)} stems, expected one for each",
            "the directory is damaged: export it again",
        )
    vectors.stems_, vectors.table_ = stems, table


REBUILDERS = {
    "LightGBMTrees": Rebuilder(lightgbm.to_arrays, lightgbm.from_arrays),
    "TfidfVectorizer": Rebuilder(_vectoriser_state, _rebuild_vectoriser),
    "HistGradientBoostingClassifier": Rebuilder(_boosting_state, _rebuild_boosting),
    "IsotonicRegression": Rebuilder(_isotonic_state, _rebuild_isotonic),
    "WordVectors": Rebuilder(_word_vectors_state, _rebuild_word_vectors),
}
