"""Options of the TF-IDF models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from naba.config.builders import Context, Options
from naba.config.schema import CountInteger, PositiveInteger, PositiveNumber

if TYPE_CHECKING:
    from naba.models.tfidf.classifier import SparseClassifier
    from naba.models.tfidf.features import TextFeatures


@dataclass(frozen=True, kw_only=True)
class _Tfidf(Options):
    """What TF-IDF features have in common.

    Attributes:
        words: longest word n-gram; 0 for none.
        characters_to: longest character n-gram inside words, from 2; 0 for none.
        minimum_count: distinct training texts that a feature must occur in.
    """

    words: CountInteger = 2
    characters_to: CountInteger = 4
    minimum_count: PositiveInteger = 2

    def features(self, context: Context) -> TextFeatures:
        """The features of one text or of a pair."""
        from naba.models.tfidf.features import TextFeatures

        return TextFeatures(
            pair=context.pair,
            normalisation=context.normalisation,
            words=self.words,
            characters_to=self.characters_to,
            minimum_count=self.minimum_count,
        )


@dataclass(frozen=True, kw_only=True)
class TfidfLogreg(_Tfidf, builder="tfidf_logreg"):
    """Logistic regression (multinomial, L2) on TF-IDF of words and characters.

    Attributes:
        C: inverse strength of the regularisation.
        class_weight: `balanced` weighs each label by the inverse of its share.
        max_iter: iterations of the L-BFGS solver.
    """

    C: PositiveNumber = 3.0
    class_weight: Literal["balanced"] | None = "balanced"
    max_iter: PositiveInteger = 500

    def build(self, context: Context) -> SparseClassifier:
        """See `SparseClassifier`."""
        from sklearn.linear_model import LogisticRegression

        from naba.models.tfidf.classifier import SparseClassifier

        classifier = LogisticRegression(C=self.C, class_weight=self.class_weight, max_iter=self.max_iter, tol=1e-3)
        return SparseClassifier(self.features(context), classifier)


@dataclass(frozen=True, kw_only=True)
class TfidfSvm(_Tfidf, builder="tfidf_svm"):
    """Linear support vector machine on TF-IDF of words and characters, with calibrated probabilities.

    Attributes:
        C: inverse strength of the regularisation.
        class_weight: `balanced` weighs each label by the inverse of its share.
    """

    C: PositiveNumber = 0.3
    class_weight: Literal["balanced"] | None = "balanced"

    def build(self, context: Context) -> SparseClassifier:
        """See `SparseClassifier`."""
        from sklearn.svm import LinearSVC

        from naba.models.tfidf.classifier import SparseClassifier

        classifier = LinearSVC(C=self.C, class_weight=self.class_weight, max_iter=5000, random_state=context.seed)
        return SparseClassifier(self.features(context), classifier, seed=context.seed)


@dataclass(frozen=True, kw_only=True)
class TfidfNb(_Tfidf, builder="tfidf_nb"):
    """Naive Bayes on TF-IDF of words and characters (all features are non-negative, as it needs).

    Attributes:
        alpha: additive smoothing.
        kind: `multinomial`, or `complement` (Rennie et al. 2003), made for unequal label shares.
    """

    alpha: PositiveNumber = 0.03
    kind: Literal["multinomial", "complement"] = "multinomial"

    def build(self, context: Context) -> SparseClassifier:
        """See `SparseClassifier`."""
        from sklearn.naive_bayes import ComplementNB, MultinomialNB

        from naba.models.tfidf.classifier import SparseClassifier

        kind = ComplementNB if self.kind == "complement" else MultinomialNB
        return SparseClassifier(self.features(context), kind(alpha=self.alpha))
