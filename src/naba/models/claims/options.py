"""Options of the models for claim types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from naba.config.builders import Context, Options
from naba.config.schema import PositiveInteger, PositiveNumber, Text
from naba.models.embeddings.options import part_content

if TYPE_CHECKING:
    from naba.models.feature_classifier import FeatureClassifier
    from naba.models.tfidf.classifier import SparseClassifier


@dataclass(frozen=True, kw_only=True)
class ClaimLinear(Options, builder="claim_linear"):
    """Logistic regression on claim features, word kinds, and TF-IDF of words and characters.

    Attributes:
        C: inverse strength of the regularisation.
        class_weight: `balanced` weighs each label by the inverse of its share.
        weight: of the standardised claim features, against TF-IDF values.
        characters_to: longest character n-gram.
    """

    C: PositiveNumber = 3.0
    class_weight: Literal["balanced"] | None = "balanced"
    weight: PositiveNumber = 0.05
    characters_to: PositiveInteger = 4

    def build(self, context: Context) -> FeatureClassifier:
        """See `FeatureClassifier`."""
        from sklearn.linear_model import LogisticRegression

        from naba.models.claims.features import ClaimMatrix
        from naba.models.feature_classifier import FeatureClassifier

        matrix = ClaimMatrix(normalisation=context.normalisation, weight=self.weight, characters_to=self.characters_to)
        classifier = LogisticRegression(C=self.C, class_weight=self.class_weight, max_iter=3000)
        return FeatureClassifier(matrix, classifier)


@dataclass(frozen=True, kw_only=True)
class ClaimBoosting(Options, builder="claim_boosting"):
    """Gradient-boosted trees on claim features and SVD components.

    Attributes:
        library: `scikit-learn`, or `lightgbm` with the extra `boosting`.
        learning_rate: of the boosting.
        iterations: trees for each label.
        leaves: of a tree.
        class_weight: `balanced` weighs each label by the inverse of its share.
        components: of the SVD of the TF-IDF features.
    """

    library: Literal["scikit-learn", "lightgbm"] = "scikit-learn"
    learning_rate: PositiveNumber = 0.06
    iterations: PositiveInteger = 150
    leaves: PositiveInteger = 8
    class_weight: Literal["balanced"] | None = "balanced"
    components: PositiveInteger = 100

    def build(self, context: Context) -> FeatureClassifier:
        """See `FeatureClassifier`."""
        from naba.models.claims.features import ClaimMatrix, ClaimTopics
        from naba.models.feature_classifier import FeatureClassifier
        from naba.models.trees import trees

        matrix = ClaimMatrix(normalisation=context.normalisation)
        classifier = trees(
            library=self.library,
            learning_rate=self.learning_rate,
            iterations=self.iterations,
            leaves=self.leaves,
            class_weight=self.class_weight,
            seed=context.seed,
        )
        return FeatureClassifier(ClaimTopics(matrix, components=self.components, seed=context.seed), classifier)


@dataclass(frozen=True, kw_only=True)
class ClaimGuideline(Options, builder="claim_guideline"):
    """Linear support vector machine on tag sequences in the guideline's order, beside the features of `claim_linear`.

    Attributes:
        C: inverse strength of the regularisation; labels are weighed by the inverse of their shares.
        weight: of the standardised claim features, against TF-IDF values.
        order_weight: of the features that follow the guideline's order of decision.
        characters_to: longest character n-gram.
        embeddings: a frozen encoder (see `embedded`) whose embeddings stand beside these features; null for none.
        prefix: stands before each text that is embedded (E5 wants `query: `); null takes what the folder says.
        embedding_weight: of the standardised embeddings, against TF-IDF values.
    """

    C: PositiveNumber = 0.3
    weight: PositiveNumber = 0.05
    order_weight: PositiveNumber = 0.7
    characters_to: PositiveInteger = 4
    embeddings: Text | None = None
    prefix: Text | None = None
    embedding_weight: PositiveNumber = 0.05

    def content(self) -> dict[str, Any]:
        """See `naba.models.embeddings.options.part_content`."""
        return part_content(super().content())

    def build(self, context: Context) -> SparseClassifier:
        """See `SparseClassifier`."""
        from sklearn.svm import LinearSVC

        from naba.models.claims.guideline import GuidelineMatrix
        from naba.models.embeddings.features import embeddings
        from naba.models.tfidf.classifier import SparseClassifier

        matrix = GuidelineMatrix(
            normalisation=context.normalisation,
            weight=self.weight,
            order_weight=self.order_weight,
            characters_to=self.characters_to,
            embeddings=embeddings(self.embeddings, self.prefix, pair=False),
            embedding_weight=self.embedding_weight,
        )
        classifier = LinearSVC(C=self.C, class_weight="balanced", max_iter=5000, random_state=context.seed)
        return SparseClassifier(matrix, classifier, seed=context.seed)
