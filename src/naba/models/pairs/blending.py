"""Blending: the mean of the probabilities of a linear part, bagged boosted trees and, if asked for, networks.

The mean of unlike parts has less variance than any of them (Perrone & Cooper 1993; Breiman 1996), and unlike a stack it
spends no training rows on weights: it suits small training sets and rare labels.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from naba.models.classifier import text_columns, text_digest
from naba.models.ensembles import FirstColumns, Mean, Network
from naba.models.feature_classifier import FeatureClassifier
from naba.models.pairs.boosting import trees
from naba.models.pairs.features import PairFeatures
from naba.models.pairs.words import PairMatrix

if TYPE_CHECKING:
    import numpy as np

    from naba.arabic.normalise import Profile
    from naba.config.schema import CountInteger, PositiveInteger, PositiveNumber

_LEARNING_RATE = 0.06
_BAG_STRIDE = 1000  # seeds of a bag: seed, seed + 1000, …, so that runs with neighbouring seeds share no part
_KEPT = 4


class _Kept(NamedTuple):
    """The features that this process fitted last, and no loaded ones, with the matrices of up to `_KEPT` tables."""

    key: str
    features: PairMatrix
    matrices: dict[str, Any]

    def matrix(self, X: Any, rows: str) -> Any:
        """The features of X, whose digest is `rows`."""
        matrix = self.matrices.get(rows)
        if matrix is None:
            matrix = self.features.transform(X)
            with _lock:
                self.matrices[rows] = matrix
                if len(self.matrices) > _KEPT:
                    del self.matrices[next(iter(self.matrices))]
        return matrix


_last: _Kept | None = None
_lock = threading.Lock()


def _rows(X: Any) -> str:
    texts, targets = text_columns(X)
    return text_digest([*texts, *targets])


class BlendedPairs(FeatureClassifier):
    """The mean of the probabilities of several classifiers over a `PairMatrix`; each kind of part weighs the same.

    Args:
        features: the matrix.
        classifier: a linear classifier, for the whole matrix.
        boosted: trees that differ in their seeds, for the pair features.
        neural: networks that differ in their seeds, for the pair features.
    """

    def __init__(self, features: Any, classifier: Any, boosted: list[Any], neural: list[Any]) -> None:
        super().__init__(features, classifier)
        self.boosted = boosted
        self.neural = neural

    def _fit_features(self, X: Any) -> Any:
        """As in every feature classifier, but runs of a sweep that differ in their seeds alone share the features.

        Those of long articles take ten times as long as the parts that are fitted on them.
        """
        global _last  # noqa: PLW0603 - of the process, not of a model
        rows = _rows(X)
        key = f"{self.features.get_params()!r} {rows}"
        kept = _last
        if kept is not None and kept.key == key:
            self.features_ = kept.features
            return kept.matrix(X, rows)
        self.features_ = clone(self.features)
        matrix = self.features_.fit_transform(X)
        _last = _Kept(key, self.features_, {rows: matrix})
        return matrix

    def _matrix(self, X: Any) -> Any:
        """Kept for the other seeds of a sweep only: a loaded model makes it each time, so that it is timed as it is."""
        kept = _last
        if kept is None or kept.features is not self.features_:
            return self.features_.transform(X)
        return kept.matrix(X, _rows(X))

    def _fit_classifier(self, X: Any, matrix: Any, coded: np.ndarray) -> Mean:  # noqa: ARG002
        width = self.features_.width
        parts: list[tuple[str, Any]] = [("linear", clone(self.classifier))]
        weights = [1.0]
        for place, part in enumerate(self.boosted):
            parts.append((f"boosted{place}", make_pipeline(FirstColumns(width), clone(part))))
            weights.append(1 / len(self.boosted))
        for place, part in enumerate(self.neural):
            parts.append((f"neural{place}", make_pipeline(FirstColumns(width), StandardScaler(), clone(part))))
            weights.append(1 / len(self.neural))
        return Mean(parts, voting="soft", weights=weights).fit(matrix, coded)


def blended(
    *,
    C: PositiveNumber = 2.0,
    iterations: PositiveInteger = 200,
    leaves: PositiveInteger = 8,
    bags: PositiveInteger = 3,
    networks: CountInteger = 1,
    background: Literal["saudinewsnet"] | None = None,
    seed: int = 0,
    normalisation: Profile | None = None,
) -> BlendedPairs:
    """Mean of a linear classifier, bagged boosted trees and small networks over pair features.

    All but the networks weigh each label by the inverse of its share.

    Args:
        C: inverse strength of the linear part's regularisation.
        iterations, leaves: of the boosting; leaves a tree.
        bags: boosted classifiers, which differ in their seeds.
        networks: networks of 32 hidden units, which differ in their seeds; 0 for none.
        seed: of the boosting and of the networks; the features are the same for every seed.
        background: unlabelled data set for word vectors (`naba.models.pairs.vectors`); None for none.
    """
    features = PairFeatures(normalisation=normalisation, background=background)
    seeds = [seed + _BAG_STRIDE * place for place in range(max(bags, networks))]
    boosted = [
        trees(
            library="scikit-learn", learning_rate=_LEARNING_RATE, iterations=iterations, leaves=leaves,
            class_weight="balanced", seed=one,
        )
        for one in seeds[:bags]
    ]  # fmt: skip
    return BlendedPairs(
        PairMatrix(features),
        LogisticRegression(C=C, class_weight="balanced", max_iter=3000),
        boosted,
        [Network((32,), alpha=3.0, max_iter=60, random_state=one) for one in seeds[:networks]],
    )
