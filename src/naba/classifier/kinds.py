"""The classes that a classifier directory may hold, and what of each is stored.

A type is written as a word: `int`, `float`, `str`, `bool`; `f1`, `f2`, `i1`, `u1` (arrays: kind and dimensions);
`names` (tuple of str); `classes` (labels, or whole numbers inside a stack); `node` (an estimator), `profile`;
a choice in bars (`|word|char_wb|`). A `*` behind it makes a list, `{}` a mapping from names, `?` allows None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.arabic.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Kind:
    """One class of the format.

    Attributes:
        params: settings that may be stored, with their types.
        state: learned attributes that may be stored, with their types.
        required: attributes without which the estimator cannot predict.
        needed: settings without which it cannot be made.
        dropped: settings that only training uses (or used, in older files), and that are left out.
    """

    module: str
    params: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


FUNCTIONS = {
    "stems": ("naba.models.pairs.features", "stems"),
    "pair_words": ("naba.models.pairs.words", "_same"),
    "claim_words": ("naba.models.claims.features", "_same"),
    "guideline_words": ("naba.models.claims.guideline", "_same"),
}
OPTIONS = ("Pretrained", "Architecture", "Reading", "Training")
_PROBABILITIES = "|model|calibrated|one_hot|"
_LEARNED = {"classes_": "classes", "features_": "node", "classifier_": "node", "probability_kind_": _PROBABILITIES}
_LINEAR = {"classes_": "classes", "coef_": "f2", "intercept_": "f1", "n_features_in_": "int"}
_BAYES = {"classes_": "classes", "class_log_prior_": "f1", "feature_log_prob_": "f2", "n_features_in_": "int"}
_LIGHTGBM = {"features": "int", "sizes": "i1", "feature": "i1", "threshold": "f1", "decision": "u1", "left": "i1",
             "right": "i1", "inner_rows": "i1", "value": "f1", "leaf_rows": "i1"}  # fmt: skip
_STACKED = ("boosted", "linear", "neural", "folds", "seed")

KINDS: dict[str, Kind] = {
    "LabelShares": Kind(
        "naba.models.baselines",
        {"strategy": "|majority|stratified|", "seed": "int"},
        {"classes_": "classes", "shares_": "f1", "probability_kind_": _PROBABILITIES},
        ("classes_", "shares_", "probability_kind_"),
    ),
    "SparseClassifier": Kind(
        "naba.models.tfidf.classifier",
        {"features": "node", "classifier": "node", "folds": "int", "seed": "int"},
        _LEARNED | {"temperature_": "float"},
        tuple(_LEARNED),
        ("features", "classifier"),
    ),
    "TextFeatures": Kind(
        "naba.models.tfidf.features",
        {"pair": "bool", "normalisation": "profile?", "words": "int", "characters_to": "int", "minimum_count": "int",
         "side_weight": "float"},
        {"vectorisers_": "node{}"},
        ("vectorisers_",),
    ),
    "TfidfVectorizer": Kind(
        "sklearn.feature_extraction.text",
        {"ngram_range": "ints", "token_pattern": r"|\w+|[^\w\s]|",
         "analyzer": "|word|char_wb|stems|pair_words|claim_words|guideline_words|",
         "lowercase": "bool", "sublinear_tf": "bool", "min_df": "int", "dtype": "dtype"},
        {"terms": "u1", "count": "int", "idf": "f1"},
        ("terms", "count", "idf"),
    ),
    "LogisticRegression": Kind(
        "sklearn.linear_model",
        {"C": "float", "class_weight": "|balanced|?", "max_iter": "int", "tol": "float"},
        _LINEAR, tuple(_LINEAR),
    ),
    "LinearSVC": Kind(
        "sklearn.svm",
        {"C": "float", "class_weight": "|balanced|?", "max_iter": "int", "random_state": "int?"},
        _LINEAR, tuple(_LINEAR),
    ),
    "MultinomialNB": Kind("sklearn.naive_bayes", {"alpha": "float"}, _BAYES, tuple(_BAYES)),
    "ComplementNB": Kind("sklearn.naive_bayes", {"alpha": "float"}, _BAYES, tuple(_BAYES)),
    "FeatureClassifier": Kind(
        "naba.models.feature_classifier",
        {"features": "node", "classifier": "node"},
        _LEARNED, tuple(_LEARNED), ("features", "classifier"),
    ),
    "PairFeatures": Kind(
        "naba.models.pairs.features",
        {"components": "int", "kept_sentences": "int", "normalisation": "profile?", "seed": "int",
         "background": "str?"},
        {"word_space_": "node", "character_space_": "node", "word_topics_": "node", "character_topics_": "node",
         "rarest_": "float", "names_": "names", "vectors_": "node?"},
        ("word_space_", "character_space_", "word_topics_", "character_topics_", "rarest_", "names_"),
    ),
    "PairMatrix": Kind(
        "naba.models.pairs.words",
        {"features": "node", "weight": "float", "minimum_count": "int"},
        {"features_": "node", "scaler_": "node", "words_": "node"},
        ("features_", "scaler_", "words_"), ("features",),
    ),
    "Columns": Kind("naba.models.pairs.words", {"width": "int"}, {}, (), ("width",)),
    "StackedPairs": Kind(
        "naba.models.pairs.stacking",
        {"features": "node", "classifier": "node", "boosted": "node", "linear": "node", "neural": "node?",
         "folds": "int", "seed": "int"},
        _LEARNED, tuple(_LEARNED), ("features", "classifier", *_STACKED),
    ),
    "WordVectors": Kind(
        "naba.models.pairs.vectors", {"corpus": "str"}, {"stems_": "names", "table_": "f2"}, ("stems_", "table_"),
        ("corpus",),
    ),
    "BlendedPairs": Kind(
        "naba.models.pairs.blending",
        {"features": "node", "classifier": "node", "boosted": "node*", "neural": "node*"},
        _LEARNED, tuple(_LEARNED), ("features", "classifier", "boosted", "neural"),
    ),
    "VotingClassifier": Kind(
        "sklearn.ensemble", {"estimators": "step*", "voting": "|soft|", "weights": "float*"},
        {"estimators_": "node*", "le_": "node", "classes_": "classes"},
        ("estimators_", "le_", "classes_"), ("estimators", "voting"),
    ),
    "StackingClassifier": Kind(
        "sklearn.ensemble",
        {"estimators": "step*", "final_estimator": "node?", "stack_method": "|predict_proba|"},
        {"estimators_": "node*", "final_estimator_": "node", "stack_method_": "str*", "classes_": "classes",
         "_label_encoder": "node"},
        ("estimators_", "final_estimator_", "stack_method_", "classes_", "_label_encoder"), ("estimators",), ("cv",),
    ),
    "LabelEncoder": Kind("sklearn.preprocessing", {}, {"classes_": "classes"}, ("classes_",)),
    "LabelBinarizer": Kind(
        "sklearn.preprocessing", {},
        {"classes_": "classes", "y_type_": "|binary|multiclass|", "sparse_input_": "bool"},
        ("classes_", "y_type_", "sparse_input_"),
    ),
    "Pipeline": Kind("sklearn.pipeline", {"steps": "step*"}, {}, (), ("steps",)),
    "MLPClassifier": Kind(
        "sklearn.neural_network",
        {"hidden_layer_sizes": "ints", "alpha": "float", "max_iter": "int", "random_state": "int?"},
        {"coefs_": "f2*", "intercepts_": "f1*", "n_layers_": "int", "n_outputs_": "int",
         "out_activation_": "|softmax|logistic|", "classes_": "classes", "_label_binarizer": "node",
         "n_features_in_": "int"},
        ("coefs_", "intercepts_", "n_layers_", "n_outputs_", "out_activation_", "classes_", "_label_binarizer"),
    ),
    "StandardScaler": Kind(
        "sklearn.preprocessing", {},
        {"mean_": "f1", "scale_": "f1", "var_": "f1", "n_features_in_": "int"}, ("mean_", "scale_"),
    ),
    "TruncatedSVD": Kind(
        "sklearn.decomposition",
        {"n_components": "int", "random_state": "int?"},
        {"components_": "f2", "n_features_in_": "int"}, ("components_",),
    ),
    "HistGradientBoostingClassifier": Kind(
        "sklearn.ensemble",
        {"learning_rate": "float", "max_iter": "int", "max_leaf_nodes": "int?", "max_features": "float",
         "l2_regularization": "float", "class_weight": "|balanced|?", "early_stopping": "bool",
         "random_state": "int?"},
        {"classes_": "classes", "baseline": "f2", "features": "int", "sizes": "i1", "value": "f1", "feature": "i1",
         "threshold": "f1", "left": "i1", "right": "i1", "missing_left": "u1", "leaf": "u1"},
        ("classes_", "baseline", "features", "sizes", "value", "feature", "threshold", "left", "right",
         "missing_left", "leaf"),
    ),
    "LightGBMTrees": Kind(
        "naba.models.lightgbm",
        {"learning_rate": "float", "iterations": "int", "leaves": "int", "feature_share": "float",
         "class_weight": "|balanced|?", "seed": "int"},
        {"classes_": "classes", **_LIGHTGBM}, ("classes_", *_LIGHTGBM),
    ),
    "IsotonicRegression": Kind(
        "sklearn.isotonic",
        {"y_min": "float?", "y_max": "float?", "out_of_bounds": "|clip|"},
        {"X_thresholds_": "f1", "y_thresholds_": "f1", "X_min_": "float", "X_max_": "float", "increasing_": "bool"},
        ("X_thresholds_", "y_thresholds_", "X_min_", "X_max_"),
    ),
    "ClaimFeatures": Kind(
        "naba.models.claims.features", {"normalisation": "profile?"}, {"names_": "names"}, ("names_",)
    ),
    "ClaimMatrix": Kind(
        "naba.models.claims.features",
        {"normalisation": "profile?", "weight": "float", "characters_to": "int"},
        {"features_": "node", "scaler_": "node", "text_": "node", "near_": "node", "far_": "node"},
        ("features_", "scaler_", "text_", "near_", "far_"),
    ),
    "GuidelineMatrix": Kind(
        "naba.models.claims.guideline",
        {"normalisation": "profile?", "weight": "float", "order_weight": "float", "characters_to": "int"},
        {"claims_": "node", "tags_": "node", "said_": "node", "order_": "node"},
        ("claims_", "tags_", "said_", "order_"),
    ),
    "ClaimTopics": Kind(
        "naba.models.claims.features",
        {"matrix": "node", "components": "int", "seed": "int"},
        {"matrix_": "node", "topics_": "node"}, ("matrix_", "topics_"), ("matrix",),
    ),
    "Calibrated": Kind(
        "naba.models.calibration",
        {"classifier": "node", "method": "|temperature|isotonic|"},
        {"classifier_": "node", "classes_": "classes", "temperature_": "float", "steps_": "node*",
         "probability_kind_": _PROBABILITIES},
        ("classifier_", "classes_", "probability_kind_"), ("classifier",),
    ),
    "Abstaining": Kind(
        "naba.models.calibration",
        {"classifier": "node", "risk": "float", "confidence": "float"},
        {"classifier_": "node", "classes_": "classes", "threshold_": "float", "coverage_": "float",
         "risk_bound_": "float", "probability_kind_": _PROBABILITIES},
        ("classifier_", "classes_", "threshold_", "probability_kind_"), ("classifier",),
    ),
    "EncoderClassifier": Kind(
        "naba.models.encoder.classifier",
        {"start": "options", "reading": "options", "training": "options", "pair": "bool", "normalisation": "profile?",
         "seed": "int"},
        {"classes_": "classes", "best_epoch_": "int", "stopping_metric_": "str?", "probability_kind_": _PROBABILITIES,
         "special_tokens": "str{}"},
        ("classes_", "probability_kind_", "special_tokens"), ("start", "reading", "training"),
        ("checkpoint_folder", "primary_metric"),
    ),
}  # fmt: skip

_SCALARS: dict[str, Callable[[Any], bool]] = {
    "int": lambda item: isinstance(item, int) and not isinstance(item, bool) and abs(item) < 2**53,
    "float": lambda item: isinstance(item, (int, float)) and not isinstance(item, bool),
    "str": lambda item: isinstance(item, str),
    "bool": lambda item: isinstance(item, bool),
    "profile": lambda item: isinstance(item, Profile),
    "dtype": lambda item: item in (np.float32, np.float64),
    "node": lambda item: type(item).__name__ in KINDS,
    "options": lambda item: type(item).__name__ in OPTIONS,
    "names": lambda item: isinstance(item, tuple) and fits(list(item), "str*"),
    "ints": lambda item: isinstance(item, tuple) and fits(list(item), "int*"),
    "classes": lambda item: (
        isinstance(item, np.ndarray) and item.ndim == 1 and item.dtype.kind in "Oi" and len(item) > 0
    ),
    "step": lambda item: isinstance(item, tuple) and len(item) == 2 and fits(item[0], "str") and fits(item[1], "node"),
}
_FUNCTION_NAMES = {place: key for key, place in FUNCTIONS.items()}


def fits(item: Any, spec: str) -> bool:
    """Is `item` of the type that `spec` names? See the head of this module."""
    if spec.startswith("|"):
        return (spec.endswith("?") and item is None) or _is_choice(item, spec.rstrip("?").strip("|"))
    if spec.endswith("?"):
        return item is None or fits(item, spec[:-1])
    if spec.endswith("*"):
        return isinstance(item, list) and all(fits(part, spec[:-1]) for part in item)
    if spec.endswith("{}"):
        return isinstance(item, dict) and all(isinstance(k, str) and fits(v, spec[:-2]) for k, v in item.items())
    if spec in _SCALARS:
        return bool(_SCALARS[spec](item))
    kind, dimensions = spec[0], int(spec[1])
    return isinstance(item, np.ndarray) and item.dtype.kind == kind and item.ndim == dimensions


def _is_choice(item: Any, choices: str) -> bool:
    if callable(item):
        item = _FUNCTION_NAMES.get((getattr(item, "__module__", ""), getattr(item, "__qualname__", "")), "")
        return item in choices.split("|")
    # The one token pattern of the format holds a bar itself.
    return isinstance(item, str) and (item == choices or item in choices.split("|"))
