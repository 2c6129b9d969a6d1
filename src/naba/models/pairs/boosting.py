"""Linear and boosted-tree classifiers over pair features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from naba.models.feature_classifier import FeatureClassifier
from naba.models.pairs.features import PairFeatures
from naba.models.pairs.words import PairMatrix
from naba.models.trees import HistogramTrees, LightGBMTrees, lightgbm

if TYPE_CHECKING:
    from naba.arabic.normalise import Profile
    from naba.config.schema import PositiveInteger, PositiveNumber

_FEATURE_SHARE = 0.3  # of the features, at each split (LightGBM: in each tree)


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


def pair_boosting(
    *,
    library: Literal["scikit-learn", "lightgbm"] = "scikit-learn",
    learning_rate: PositiveNumber = 0.06,
    iterations: PositiveInteger = 200,
    leaves: PositiveInteger = 8,
    class_weight: Literal["balanced"] | None = "balanced",
    components: PositiveInteger = 100,
    seed: int = 0,
    normalisation: Profile | None = None,
) -> FeatureClassifier:
    """Gradient-boosted trees on `PairFeatures`.

    Args:
        library: `scikit-learn`, or `lightgbm` with the extra `boosting`.
        learning_rate, iterations, leaves: of the boosting; leaves a tree.
        class_weight: `balanced` weighs each label by the inverse of its share.
        components: see `PairFeatures`.
    """
    features = PairFeatures(components=components, normalisation=normalisation, seed=seed)
    classifier = trees(
        library=library,
        learning_rate=learning_rate,
        iterations=iterations,
        leaves=leaves,
        class_weight=class_weight,
        seed=seed,
    )
    return FeatureClassifier(features, classifier)


def pair_linear(
    *,
    C: PositiveNumber = 2.0,
    class_weight: Literal["balanced"] | None = "balanced",
    weight: PositiveNumber = 0.1,
    minimum_count: PositiveInteger = 2,
    components: PositiveInteger = 100,
    seed: int = 0,
    normalisation: Profile | None = None,
) -> FeatureClassifier:
    """Logistic regression on standardised pair features and on the words that are and are not aligned.

    Args:
        C: inverse strength of the regularisation.
        class_weight: `balanced` weighs each label by the inverse of its share.
        weight, minimum_count: see `PairMatrix`.
        components: see `PairFeatures`.
    """
    from sklearn.linear_model import LogisticRegression

    features = PairFeatures(components=components, normalisation=normalisation, seed=seed)
    matrix = PairMatrix(features, weight=weight, minimum_count=minimum_count)
    return FeatureClassifier(matrix, LogisticRegression(C=C, class_weight=class_weight, max_iter=3000))
