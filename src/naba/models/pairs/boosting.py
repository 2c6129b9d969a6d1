"""Linear and boosted-tree classifiers over pair features."""

from __future__ import annotations

from typing import Any

from naba.models.trees import HistogramTrees, LightGBMTrees, lightgbm

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
