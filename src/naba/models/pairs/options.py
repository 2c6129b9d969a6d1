"""Options of the models that compare the two texts of a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from naba.config.builders import Context, Options
from naba.config.schema import CountInteger, Flag, Name, PositiveInteger, PositiveNumber, Text
from naba.models.embeddings.options import part_content

if TYPE_CHECKING:
    from naba.models.feature_classifier import FeatureClassifier
    from naba.models.pairs.ensembles import BlendedPairs, StackedPairs

_BAG_STRIDE = 1000  # seeds of a bag: seed, seed + 1000, …, so that runs with neighbouring seeds share no part
_LEARNING_RATE = 0.06
_FOLDS = 5
_EMBEDDED_C, _EMBEDDED_ALPHA, _EMBEDDED_UNITS, _EMBEDDED_NETWORKS = 0.003, 10.0, 64, 3
"""Chosen on the validation rows of ANS stance and ArEntail (experiments/embeddings.md)."""


@dataclass(frozen=True, kw_only=True)
class PairBoosting(Options, builder="pair_boosting"):
    """Gradient-boosted trees on `PairFeatures`.

    Attributes:
        library: `scikit-learn`, or `lightgbm` with the extra `boosting`.
        learning_rate: of the boosting.
        iterations: trees for each label.
        leaves: of a tree.
        class_weight: `balanced` weighs each label by the inverse of its share.
        components: dimensions of the SVD spaces of words and of characters.
    """

    library: Literal["scikit-learn", "lightgbm"] = "scikit-learn"
    learning_rate: PositiveNumber = 0.06
    iterations: PositiveInteger = 200
    leaves: PositiveInteger = 8
    class_weight: Literal["balanced"] | None = "balanced"
    components: PositiveInteger = 100

    def build(self, context: Context) -> FeatureClassifier:
        """See `FeatureClassifier`."""
        from naba.models.feature_classifier import FeatureClassifier
        from naba.models.pairs.features import PairFeatures
        from naba.models.trees import trees

        features = PairFeatures(components=self.components, normalisation=context.normalisation, seed=context.seed)
        classifier = trees(
            library=self.library,
            learning_rate=self.learning_rate,
            iterations=self.iterations,
            leaves=self.leaves,
            class_weight=self.class_weight,
            seed=context.seed,
        )
        return FeatureClassifier(features, classifier)


@dataclass(frozen=True, kw_only=True)
class PairLinear(Options, builder="pair_linear"):
    """Logistic regression on standardised pair features and on the words that are and are not aligned.

    Attributes:
        C: inverse strength of the regularisation.
        class_weight: `balanced` weighs each label by the inverse of its share.
        weight: of the standardised pair features, against the words.
        minimum_count: training rows that a word must occur in.
        components: dimensions of the SVD spaces of words and of characters.
    """

    C: PositiveNumber = 2.0
    class_weight: Literal["balanced"] | None = "balanced"
    weight: PositiveNumber = 0.1
    minimum_count: PositiveInteger = 2
    components: PositiveInteger = 100

    def build(self, context: Context) -> FeatureClassifier:
        """See `FeatureClassifier`."""
        from sklearn.linear_model import LogisticRegression

        from naba.models.feature_classifier import FeatureClassifier
        from naba.models.pairs.features import PairFeatures, PairMatrix

        features = PairFeatures(components=self.components, normalisation=context.normalisation, seed=context.seed)
        matrix = PairMatrix(features, weight=self.weight, minimum_count=self.minimum_count)
        classifier = LogisticRegression(C=self.C, class_weight=self.class_weight, max_iter=3000)
        return FeatureClassifier(matrix, classifier)


@dataclass(frozen=True, kw_only=True)
class Stacked(Options, builder="stacked"):
    """Stack of `pair_linear`, `pair_boosting` and a small network.

    Attributes:
        C: inverse strength of the linear part's regularisation.
        last_C: inverse strength of the last estimator's regularisation.
        learning_rate: of the boosted part.
        iterations: trees for each label.
        leaves: of a tree.
        neural: with the network?
    """

    C: PositiveNumber = 2.0
    last_C: PositiveNumber = 0.1  # noqa: N815 - as scikit-learn calls it
    learning_rate: PositiveNumber = 0.06
    iterations: PositiveInteger = 200
    leaves: PositiveInteger = 8
    neural: Flag = True

    def build(self, context: Context) -> StackedPairs:
        """See `StackedPairs`."""
        from sklearn.linear_model import LogisticRegression

        from naba.models.ensembles import Network
        from naba.models.pairs.ensembles import StackedPairs
        from naba.models.pairs.features import PairFeatures, PairMatrix
        from naba.models.trees import trees

        boosted = trees(
            library="scikit-learn",
            learning_rate=self.learning_rate,
            iterations=self.iterations,
            leaves=self.leaves,
            class_weight="balanced",
            seed=context.seed,
        )
        network = Network((32,), alpha=3.0, max_iter=60, random_state=context.seed) if self.neural else None
        return StackedPairs(
            PairMatrix(PairFeatures(normalisation=context.normalisation, seed=context.seed)),
            LogisticRegression(C=self.last_C, class_weight="balanced", max_iter=1000),
            boosted,
            LogisticRegression(C=self.C, class_weight="balanced", max_iter=3000),
            network,
            _FOLDS,
            context.seed,
        )


@dataclass(frozen=True, kw_only=True)
class Blended(Options, builder="blended"):
    """Mean of a linear classifier, bagged boosted trees and small networks over pair features.

    All but the networks weigh each label by the inverse of its share. The features are the same for every seed.

    Attributes:
        C: inverse strength of the linear part's regularisation.
        iterations: trees for each label in the boosted part.
        leaves: of a tree.
        bags: boosted classifiers, which differ in their seeds.
        networks: networks of 32 hidden units, which differ in their seeds; 0 for none.
        background: unlabelled data set to learn word vectors from (`naba.models.pairs.vectors`); null for none.
        embeddings: a frozen encoder (see `embedded`), over whose embeddings a logistic regression and networks are
            two more kinds of parts; null for none.
        prefix: stands before each text that is embedded (E5 wants `query: `); null takes what the folder says.
    """

    C: PositiveNumber = 2.0
    iterations: PositiveInteger = 200
    leaves: PositiveInteger = 8
    bags: PositiveInteger = 3
    networks: CountInteger = 1
    background: Name | None = None
    embeddings: Text | None = None
    prefix: Text | None = None

    def content(self) -> dict[str, Any]:
        """See `naba.models.embeddings.options.part_content`."""
        return part_content(super().content())

    def backgrounds(self) -> tuple[str, ...]:
        """The set that word vectors are learnt from."""
        return (self.background,) if self.background else ()

    def build(self, context: Context) -> BlendedPairs:
        """See `BlendedPairs`."""
        from sklearn.linear_model import LogisticRegression

        from naba.models.embeddings.features import embeddings
        from naba.models.ensembles import Network, logistic, networks
        from naba.models.pairs.ensembles import BlendedPairs
        from naba.models.pairs.features import PairFeatures, PairMatrix
        from naba.models.pairs.vectors import word_vectors
        from naba.models.trees import trees

        vectors = word_vectors(context.texts(self.background)) if self.background else None
        features = PairFeatures(normalisation=context.normalisation, vectors=vectors)
        seeds = [
            context.seed + _BAG_STRIDE * place for place in range(max(self.bags, self.networks, _EMBEDDED_NETWORKS))
        ]
        boosted = [
            trees(
                library="scikit-learn",
                learning_rate=_LEARNING_RATE,
                iterations=self.iterations,
                leaves=self.leaves,
                class_weight="balanced",
                seed=seed,
            )
            for seed in seeds[: self.bags]
        ]
        embedded = [[logistic(_EMBEDDED_C)], networks(_EMBEDDED_ALPHA, _EMBEDDED_UNITS, seeds[:_EMBEDDED_NETWORKS])]
        return BlendedPairs(
            PairMatrix(features, embeddings=embeddings(self.embeddings, self.prefix, pair=True)),
            LogisticRegression(C=self.C, class_weight="balanced", max_iter=3000),
            boosted,
            [Network((32,), alpha=3.0, max_iter=60, random_state=seed) for seed in seeds[: self.networks]],
            embedded if self.embeddings else None,
        )
