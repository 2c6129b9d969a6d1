"""Boosted trees of scikit-learn and of LightGBM as classifiers that are saved as numbers, and what each feature adds.

Both libraries walk their trees without looking where a branch leads, so trees out of a file are checked first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier

from naba.errors import UserError
from naba.models.classifier import DAMAGED, Kept, parameters

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
_FIELDS = {"value": np.float64, "feature": np.int32, "threshold": np.float64, "left": np.int32, "right": np.int32,
           "missing_left": np.uint8, "leaf": np.uint8}  # fmt: skip
_FEATURE_SHARE = 0.3  # of the features, at each split (LightGBM: in each tree)


class _Trees(Kept, ABC):
    """Settings and trees out of a file."""

    saved: ClassVar[tuple[str, ...]] = ()
    """Settings that a file may hold."""

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        learned = {"classes_", *self.stored}
        settings = {name: value for name, value in state.items() if name not in learned}
        check_settings(type(self), settings, self.saved)
        self.__init__(**settings)  # type: ignore[misc]
        if "value" in state:
            self._fill(state)

    @abstractmethod
    def _fill(self, state: Mapping[str, Any]) -> None:
        """Take over the trees of a file."""


class HistogramTrees(_Trees, HistGradientBoostingClassifier):
    """scikit-learn's histogram gradient boosting; a file holds its trees as seven arrays, end to end."""

    stored: ClassVar[tuple[str, ...]] = ("baseline", "features", "sizes", *_FIELDS)
    saved: ClassVar[tuple[str, ...]] = (
        "learning_rate", "max_iter", "max_leaf_nodes", "max_features", "l2_regularization", "class_weight",
        "early_stopping", "random_state",
    )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        settings = changed_settings(self, HistGradientBoostingClassifier, self.saved)
        if not hasattr(self, "_predictors"):
            return settings
        trees = [tree.nodes for stage in self._predictors for tree in stage]
        nodes = np.concatenate(trees)
        if nodes["is_categorical"].any():
            raise UserError("trees with categorical features cannot be saved")
        inner = nodes["is_leaf"] == 0
        found = {
            "value": nodes["value"],
            "feature": np.where(inner, nodes["feature_idx"], 0),
            "threshold": np.where(inner, nodes["num_threshold"], 0.0),
            "left": np.where(inner, nodes["left"], 0),
            "right": np.where(inner, nodes["right"], 0),
            "missing_left": nodes["missing_go_to_left"],
            "leaf": ~inner,
        }
        arrays = {name: found[name].astype(kind) for name, kind in _FIELDS.items()}
        sizes = np.array([len(tree) for tree in trees], dtype=np.int32)
        learned = {"baseline": self._baseline_prediction, "features": int(self.n_features_in_), "sizes": sizes}
        return settings | {"classes_": self.classes_} | learned | arrays

    def _fill(self, state: Mapping[str, Any]) -> None:
        from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
        from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
        from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

        _check_nodes(state)
        sizes, baseline, features = state["sizes"].astype(np.int64), state["baseline"], state["features"]
        nodes = np.zeros(len(state["value"]), dtype=PREDICTOR_RECORD_DTYPE)
        fields = {"value": "value", "feature_idx": "feature", "num_threshold": "threshold", "left": "left",
                  "right": "right", "missing_go_to_left": "missing_left", "is_leaf": "leaf"}  # fmt: skip
        for theirs, ours in fields.items():
            nodes[theirs] = state[ours]
        empty = np.zeros((0, 8), dtype=np.uint32)
        trees = [TreePredictor(part.copy(), empty, empty) for part in np.split(nodes, np.cumsum(sizes)[:-1])]
        stage = baseline.shape[1]
        self.classes_ = state["classes_"]
        self.n_features_in_ = self._n_features = features
        self.n_trees_per_iteration_ = stage
        self._baseline_prediction = baseline
        self._predictors = [trees[at : at + stage] for at in range(0, len(trees), stage)]
        self.is_categorical_ = self._preprocessor = self._is_categorical_remapped = None
        mapper = _BinMapper()
        mapper.is_categorical_ = np.zeros(features, dtype=np.uint8)
        mapper.bin_thresholds_ = []
        self._bin_mapper = mapper
        self._loss = self._get_loss(sample_weight=None)


def changed_settings(estimator: Any, kind: type, saved: tuple[str, ...]) -> dict[str, Any]:
    """The settings of an estimator that are not the defaults of `kind`.

    Raises:
        UserError: one of them is not among those that can be saved.
    """
    defaults = parameters(kind)
    found = {name: value for name, value in estimator.get_params(deep=False).items() if value != defaults[name]}
    check_settings(type(estimator), found, saved)
    return found


def check_settings(kind: type, settings: Mapping[str, Any], saved: tuple[str, ...]) -> None:
    """Refuse settings that are not among `saved`, or are no plain values."""
    for name, value in settings.items():
        if name not in saved or not (value is None or isinstance(value, (bool, int, float, str))):
            raise UserError(f"a {kind.__name__} with {name}={value!r} cannot be saved or loaded")


def _unsound() -> UserError:
    return UserError("the trees of the classifier do not belong together", DAMAGED)


def _check_nodes(state: Mapping[str, Any]) -> None:
    sizes: Any = state.get("sizes")
    baseline: Any = state.get("baseline")
    features: Any = state.get("features")
    classes: Any = state.get("classes_")
    arrays: dict[str, Any] = {name: state.get(name) for name in _FIELDS}
    sound = all(isinstance(part, np.ndarray) and part.dtype == _FIELDS[name] and part.ndim == 1
                for name, part in arrays.items())  # fmt: skip
    sound = sound and isinstance(sizes, np.ndarray) and sizes.dtype == np.int32 and sizes.ndim == 1
    sound = sound and isinstance(baseline, np.ndarray) and baseline.dtype.kind == "f" and baseline.ndim == 2
    sound = sound and isinstance(classes, np.ndarray) and type(features) is int
    if not sound:
        raise _unsound()
    count = len(arrays["value"])
    wrong = {len(part) for part in arrays.values()} != {count} or (sizes < 1).any() or sizes.sum() != count
    wrong = wrong or baseline.shape[0] != 1 or baseline.shape[1] not in {1, len(classes)}
    wrong = wrong or not 0 < features < 2**24 or not len(sizes) or len(sizes) % max(baseline.shape[1], 1) != 0
    wrong = wrong or not np.isfinite(arrays["value"]).all() or not np.isfinite(baseline).all()
    if not wrong:
        own = np.arange(count) - np.repeat(np.cumsum(sizes, dtype=np.int64) - sizes, sizes)
        inner = arrays["leaf"] == 0
        for side in ("left", "right"):
            child = arrays[side][inner]
            # Children stand behind their parents, so that every path ends.
            wrong = wrong or bool(((child <= own[inner]) | (child >= np.repeat(sizes, sizes)[inner])).any())
        feature = arrays["feature"]
        wrong = wrong or bool(((feature < 0) | (feature >= features)).any())
    if wrong:
        raise _unsound()


def tree_parts(classifier: Any, features: np.ndarray) -> np.ndarray:
    """(n, labels, features): what each feature adds to each label's score, for boosted trees.

    LightGBM: Shapley values. scikit-learn: along the path through every tree, the change of the node value goes to
    the feature that was split (Saabas 2014). Two labels share one score: half of it speaks against the first.
    """
    if isinstance(classifier, LightGBMTrees):
        return classifier.feature_parts(features)
    stages = classifier._predictors  # noqa: SLF001 - scikit-learn shows its trees nowhere else
    parts = np.zeros((len(stages[0]), *features.shape))
    for stage in stages:
        for place, tree in enumerate(stage):
            _walk(tree.nodes, features, parts[place])
    both = np.concatenate([-parts / 2, parts / 2]) if len(parts) == 1 else parts
    return both.transpose(1, 0, 2)


def _walk(nodes: np.ndarray, features: np.ndarray, result: np.ndarray) -> None:
    rows = np.arange(len(features))
    here = np.zeros(len(rows), dtype=np.int64)
    while True:
        moving = nodes["is_leaf"][here] == 0
        rows, here = rows[moving], here[moving]
        if not len(rows):
            return
        split = nodes["feature_idx"][here]
        values = features[rows, split]
        left = (values <= nodes["num_threshold"][here]) | (np.isnan(values) & (nodes["missing_go_to_left"][here] == 1))
        child = np.where(left, nodes["left"][here], nodes["right"][here]).astype(np.int64)
        result[rows, split] += nodes["value"][child] - nodes["value"][here]
        here = child


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


class LightGBMTrees(_Trees, ClassifierMixin, BaseEstimator):
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

    stored: ClassVar[tuple[str, ...]] = ("features", "sizes", *_KINDS)
    saved: ClassVar[tuple[str, ...]] = (
        "learning_rate",
        "iterations",
        "leaves",
        "feature_share",
        "class_weight",
        "seed",
    )

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

    def __getstate__(self) -> dict[str, Any]:
        settings = changed_settings(self, type(self), self.saved)
        return settings | to_arrays(self) if hasattr(self, "booster_") else settings

    def _fill(self, state: Mapping[str, Any]) -> None:
        from_arrays(self, state)


def to_arrays(model: LightGBMTrees) -> dict[str, Any]:
    """A fitted model as plain arrays.

    `sizes` are the leaves of each tree; of a tree with m leaves, m - 1 numbers a node (`feature`, `threshold`, …) and
    m a leaf (`value`, `leaf_rows`) lie end to end. Children: a node's place in its tree, or -1 less a leaf's.
    """
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
    arrays: dict[str, Any] = {name: state.get(name) for name in ("sizes", "classes_", *_KINDS)}
    if not all(isinstance(part, np.ndarray) and part.ndim == 1 for part in arrays.values()):
        raise _unsound()
    if type(state.get("features")) is not int or any(
        arrays[n].dtype.kind != np.dtype(k).kind for n, k in _KINDS.items()
    ):
        raise _unsound()
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
        raise _unsound()


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


def trees(
    *,
    library: str,
    learning_rate: float,
    iterations: int,
    leaves: int,
    class_weight: str | None,
    seed: int,
) -> Any:
    """Gradient-boosted trees, unfitted; equal seeds give equal trees on any number of threads.

    Args:
        library: `scikit-learn` (histogram gradient boosting) or `lightgbm`.

    Raises:
        UserError: LightGBM is asked for and not installed.
    """
    if library == "scikit-learn":
        return HistogramTrees(
            learning_rate=learning_rate,
            max_iter=iterations,
            max_leaf_nodes=leaves,
            max_features=_FEATURE_SHARE,
            l2_regularization=1.0,
            class_weight=class_weight,
            early_stopping=False,
            random_state=seed,
        )
    lightgbm()
    return LightGBMTrees(
        learning_rate=learning_rate,
        iterations=iterations,
        leaves=leaves,
        feature_share=_FEATURE_SHARE,
        class_weight=class_weight,
        seed=seed,
    )
