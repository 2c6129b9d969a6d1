"""LightGBM's boosted trees as a classifier that is saved as numbers: neither a pickle nor LightGBM's own text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_DEPTH = 1024
NUMERICAL = (0, 2, 4, 6, 8, 10)
"""Decision types without categories: which way missing values go, in two bits above the first."""
_INNER = {"feature": "split_feature", "threshold": "threshold", "decision": "decision_type", "left": "left_child",
          "right": "right_child", "inner_rows": "internal_count"}  # fmt: skip
_LEAF = {"value": "leaf_value", "leaf_rows": "leaf_count"}
_KINDS = {"feature": np.int32, "threshold": np.float64, "decision": np.uint8, "left": np.int32, "right": np.int32,
          "inner_rows": np.int32, "value": np.float64, "leaf_rows": np.int32}  # fmt: skip


def lightgbm() -> Any:
    """The library.

    Raises:
        UserError: it is not installed.
    """
    try:
        import lightgbm as library
    except ImportError as error:
        raise UserError(
            "this model needs LightGBM, which is not installed",
            "install it with `pip install 'naba[boosting]'`, or train with model.library=scikit-learn",
        ) from error
    return library


class LightGBMTrees(ClassifierMixin, BaseEstimator):
    """Gradient-boosted trees of LightGBM; equal seeds give equal trees on any number of threads.

    Args:
        learning_rate, iterations, leaves: of the boosting; leaves a tree.
        feature_share: of the features, drawn for each tree.
        class_weight: `balanced` weighs each label by the inverse of its share.
        seed: of these draws.

    Attributes:
        classes_: labels, sorted, (k,).
        n_features_in_: columns of the training matrix.
        booster_: LightGBM's own model.
    """

    def __init__(
        self,
        *,
        learning_rate: float = 0.1,
        iterations: int = 100,
        leaves: int = 31,
        feature_share: float = 1.0,
        class_weight: str | None = None,
        seed: int = 0,
    ) -> None:
        self.learning_rate = learning_rate
        self.iterations = iterations
        self.leaves = leaves
        self.feature_share = feature_share
        self.class_weight = class_weight
        self.seed = seed

    def fit(self, X: Any, y: Any) -> LightGBMTrees:
        """Fit on (n, features) numbers and (n,) labels.

        Raises:
            UserError: LightGBM is not installed.
        """
        from sklearn.utils.class_weight import compute_sample_weight

        library = lightgbm()
        self.classes_, coded = np.unique(y, return_inverse=True)
        features = np.asarray(X, dtype=np.float64)
        self.n_features_in_ = features.shape[1]
        several = len(self.classes_) > 2
        weight = None if self.class_weight is None else compute_sample_weight(self.class_weight, coded)
        settings = {
            "objective": "multiclass" if several else "binary",
            "num_class": len(self.classes_) if several else 1,
            "learning_rate": self.learning_rate, "num_leaves": self.leaves, "feature_fraction": self.feature_share,
            "lambda_l2": 1.0, "seed": self.seed,
            "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
        }  # fmt: skip
        data = library.Dataset(features, coded, weight=weight, params={"verbosity": -1})
        self.booster_ = library.train(settings, data, self.iterations)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """One label a row, (n,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities in the order of `classes_`, (n, k) float64."""
        found = self.booster_.predict(np.asarray(X, dtype=np.float64), num_threads=1)
        return np.column_stack([1 - found, found]) if found.ndim == 1 else found

    def feature_parts(self, X: Any) -> np.ndarray:
        """What each feature adds to each label's score, (n, k, features): Shapley values of the trees.

        Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees"; two
        labels share one score, half of which speaks against the first.
        """
        found = self.booster_.predict(np.asarray(X, dtype=np.float64), num_threads=1, pred_contrib=True)
        parts = np.asarray(found).reshape(len(found), -1, self.n_features_in_ + 1)[:, :, :-1]
        return np.concatenate([-parts / 2, parts / 2], axis=1) if parts.shape[1] == 1 else parts


def to_arrays(model: LightGBMTrees) -> dict[str, Any] | None:
    """A fitted model as plain arrays; None for one that is not fitted.

    `sizes` are the leaves of each tree; of a tree with m leaves, m - 1 numbers a node (`feature`, `threshold`, …) and
    m a leaf (`value`, `leaf_rows`) lie end to end. Children: a node's place in its tree, or -1 less a leaf's.
    """
    if not hasattr(model, "booster_"):
        return None
    trees = [
        dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
        for block in model.booster_.model_to_string().partition("\nend of trees")[0].split("\nTree=")[1:]
    ]
    if any(tree["num_cat"] != "0" or tree.get("is_linear", "0") != "0" for tree in trees):
        raise UserError("trees with categories or linear leaves cannot be saved")
    sizes = np.array([int(tree["num_leaves"]) for tree in trees], dtype=np.int32)
    found: dict[str, Any] = {"classes_": model.classes_, "features": int(model.n_features_in_), "sizes": sizes}
    for name, theirs in (_INNER | _LEAF).items():
        # A tree that is a single leaf has no nodes, and no counts.
        alone = {"value": "leaf_value", "leaf_rows": "num_leaves"}.get(name, "")
        rows = [
            tree.get(theirs if size > 1 else alone, "").split() for tree, size in zip(trees, sizes, strict=True)
        ]  # fmt: skip
        found[name] = np.array([float(item) for row in rows for item in row]).astype(_KINDS[name])
    return found


def from_arrays(model: LightGBMTrees, state: Mapping[str, Any]) -> None:
    """Fill a model in from what `to_arrays` made of one.

    LightGBM walks its trees without looking, so their places are checked here, and it is handed a text made of
    numbers alone.

    Raises:
        UserError: the arrays do not make trees; LightGBM is not installed.
    """
    _check(state)
    model.classes_, model.n_features_in_ = state["classes_"], state["features"]
    model.booster_ = lightgbm().Booster(model_str=_text(state))


def _text(state: Mapping[str, Any]) -> str:
    labels, features = len(state["classes_"]), state["features"]
    several = labels > 2
    lines = [
        "tree", "version=v4", f"num_class={labels if several else 1}",
        f"num_tree_per_iteration={labels if several else 1}", "label_index=0", f"max_feature_idx={features - 1}",
        f"objective={f'multiclass num_class:{labels}' if several else 'binary sigmoid:1'}",
        "feature_names=" + " ".join(f"Column_{place}" for place in range(features)),
        "feature_infos=" + " ".join(["[-1e300:1e300]"] * features), "",
    ]  # fmt: skip
    inner = leaf = 0
    for number, size in enumerate(state["sizes"].tolist()):
        lines += [f"Tree={number}", f"num_leaves={size}", "num_cat=0"]
        for name, theirs in _INNER.items():
            lines.append(f"{theirs}={' '.join(map(repr, state[name][inner : inner + size - 1].tolist()))}")
        for name, theirs in _LEAF.items():
            lines.append(f"{theirs}={' '.join(map(repr, state[name][leaf : leaf + size].tolist()))}")
        lines += ["is_linear=0", "shrinkage=1", "", ""]
        inner, leaf = inner + size - 1, leaf + size
    return "\n".join([*lines, "end of trees", ""])


def _check(state: Mapping[str, Any]) -> None:
    sizes, features = state["sizes"].astype(np.int64), state["features"]
    stage = len(state["classes_"]) if len(state["classes_"]) > 2 else 1
    lengths = {len(state[name]) for name in _INNER}, {len(state[name]) for name in _LEAF}
    sound = len(state["classes_"]) > 1 and len(sizes) > 0 and len(sizes) % stage == 0 and (sizes >= 1).all()
    sound = sound and lengths == ({int((sizes - 1).sum())}, {int(sizes.sum())}) and 0 < features < 2**24
    sound = sound and np.isfinite(state["value"]).all() and np.isfinite(state["threshold"]).all()
    sound = sound and (state["leaf_rows"] > 0).all() and (state["inner_rows"] > 0).all()
    sound = sound and np.isin(state["decision"], NUMERICAL).all()
    sound = sound and ((state["feature"] >= 0) & (state["feature"] < features)).all()
    if sound:
        ends = np.cumsum(sizes - 1)[:-1]
        sides = zip(np.split(state["left"], ends), np.split(state["right"], ends), strict=True)
        sound = all(_is_tree(left.tolist(), right.tolist()) for left, right in sides)
    if not sound:
        raise UserError("the trees of the classifier do not hang together", "the directory is damaged: export it again")


def _is_tree(left: list[int], right: list[int]) -> bool:
    """Is each node but the first, and each leaf, the child of one node before it, and is the tree not too deep?"""
    nodes = len(left)
    if sorted([*left, *right]) != [*range(-nodes - 1, 0), *range(1, nodes)] and nodes:
        return False
    depth = [0] * nodes
    for place, children in enumerate(zip(left, right, strict=True)):
        for child in children:
            if 0 <= child <= place:
                return False
            if child > 0:
                depth[child] = depth[place] + 1
    return max(depth, default=0) < LARGEST_DEPTH
