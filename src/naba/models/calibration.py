"""Calibration and abstention: temperature scaling, and wrappers round any classifier, fitted on validation rows."""

from __future__ import annotations

import inspect
import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.isotonic import IsotonicRegression

from naba.errors import UserError, unknown_name
from naba.models.classifier import DAMAGED, Answers, Wrapper, certainty, softmax, withheld

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def fit_temperature(scores: np.ndarray, gold: np.ndarray) -> float:
    """The temperature T > 0 for which softmax(scores / T) gives `gold` the highest likelihood.

    Guo et al. 2017, "On calibration of modern neural networks", section 4.2. T is sought between 0.01 and 100.

    Args:
        scores: (n, k) scores of data that the scorer was not fitted on.
        gold: (n,) place of the right class in each row.
    """
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(gold))

    def loss(log_temperature: float) -> float:
        scaled = scores.astype(np.float64) / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, gold]))

    bounds = (np.log(0.01), np.log(100.0))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


class Calibrated(Wrapper, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier whose probabilities are corrected on validation rows. Its decisions stay what they were.

    `temperature` divides the logarithms of the probabilities by one number (Guo et al. 2017), which keeps their
    order. `isotonic` maps each label's probability through a rising step function and scales the results to sum to 1
    (Zadrozny & Elkan 2002); the label with the highest probability may then not be the predicted one.

    Args:
        classifier: an unfitted classifier.
        method: `temperature` or `isotonic`.

    Attributes:
        classifier_: the fitted classifier; classes_: its labels.
        temperature_: of `temperature`; above 1 the classifier was too sure.
        probability_kind_: `calibrated`.
    """

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {IsotonicRegression: ("y_min", "y_max", "out_of_bounds")}

    def __init__(self, classifier: Any, method: str = "temperature") -> None:
        self.classifier = classifier
        self.method = method

    def fit(self, X: Any, y: Any, validation: tuple[Any, Any] | None = None) -> Calibrated:
        """Fit the classifier on (X, y) and the correction on `validation`, (X, y) of other rows.

        Raises:
            UserError: there are no validation rows, or none of the labels seen in training.
        """
        features, gold = _fit_inside(self, X, y, validation, "calibrated")
        places = {label: place for place, label in enumerate(self.classes_.tolist())}
        known = np.array([label in places for label in gold])
        codes = np.array([places[label] for label in gold[known]])
        probabilities = self.classifier_.predict_proba(features)[known]
        if self.method == "temperature":
            self.temperature_ = fit_temperature(_logarithms(probabilities), codes)
        else:
            self.steps_ = [_rising(probabilities[:, place], codes == place) for place in range(len(self.classes_))]
        self.probability_kind_ = "calibrated"
        self.history_ = self.classifier_.history_
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Corrected probabilities, (n, k) in the order of `classes_`."""
        return self._corrected(np.asarray(self.classifier_.predict_proba(X), dtype=np.float64))

    def answer(self, X: Any) -> Answers:
        """See `Classifier`; from one run of the classifier."""
        answers = self.classifier_.answer(X)
        return replace(answers, probabilities=self._corrected(answers.probabilities))

    @property
    def correction(self) -> Mapping[str, Any]:  # type: ignore[override]
        """See `Classifier`."""
        if self.method == "temperature":
            return {"temperature": float(self.temperature_)}
        steps = [{"x": step.X_thresholds_.tolist(), "y": step.y_thresholds_.tolist()} for step in self.steps_]
        return {"steps": steps}

    def facts(self) -> dict[str, Any]:
        """See `Classifier`."""
        by = {"method": "isotonic"} if self.method == "isotonic" else {"method": self.method, **self.correction}
        return super().facts() | {"calibration": by}

    @classmethod
    def check_state(cls, state: Mapping[str, Any]) -> None:
        """See `Kept`: numbers that correct probabilities."""
        super().check_state(state)
        temperature = state.get("temperature_")
        if state.get("method") not in ("temperature", "isotonic"):
            raise UserError(f"Calibrated.method is {state.get('method')!r}", DAMAGED)
        number = isinstance(temperature, (int, float)) and 0 < temperature < math.inf
        if "temperature_" in state and not number:
            raise UserError(f"Calibrated.temperature_ is {temperature!r}, expected a number above 0", DAMAGED)

    def _corrected(self, probabilities: np.ndarray) -> np.ndarray:
        if self.method == "temperature":
            return softmax(_logarithms(probabilities) / self.temperature_)
        corrected = np.column_stack(
            [step.predict(column) for step, column in zip(self.steps_, probabilities.T, strict=True)]
        )
        totals = corrected.sum(axis=1, keepdims=True)
        return np.where(totals > 0, corrected / np.where(totals > 0, totals, 1), probabilities)


class Abstaining(Wrapper, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier that says when not to trust it: below a threshold on the probability of its own answer.

    The threshold keeps as many rows as it can while, with probability `confidence` over the draw of the validation
    rows, the share of errors among the kept ones is at most `risk` (Geifman & El-Yaniv 2017, algorithm 1: a search
    over thresholds, each with an exact binomial bound).

    Args:
        classifier: an unfitted classifier.
        risk: share of errors allowed among the answers given.
        confidence: see above.
        uncounted: labels; the risk is that of the answers with other labels. Without it, a label that nearly every row
            has would hide errors in all the others.

    Attributes:
        threshold_: answers with a lower probability are withheld; infinite when no threshold reaches the risk.
        coverage_: share of the counted answers to validation rows that are given.
        risk_bound_: upper bound on the share of errors among them.
    """

    uncounted: Sequence[str] = ()
    """Folders of earlier versions do not say it."""

    def __init__(
        self, classifier: Any, risk: float = 0.1, confidence: float = 0.95, uncounted: Sequence[str] = ()
    ) -> None:
        self.classifier = classifier
        self.risk = risk
        self.confidence = confidence
        self.uncounted = uncounted

    def fit(self, X: Any, y: Any, validation: tuple[Any, Any] | None = None) -> Abstaining:
        """Fit the classifier on (X, y) and the threshold on `validation`, (X, y) of other rows.

        Warns:
            UserWarning: no threshold reaches the risk, so that every answer is withheld.
        Raises:
            UserError: there are no validation rows, or `uncounted` names a label that training has not.
        """
        features, gold = _fit_inside(self, X, y, validation, "an abstaining")
        for label in self.uncounted:
            if label not in self.classes_:
                raise UserError(f"model.uncounted: {unknown_name('label', label, self.classes_.tolist())}")
        answers = self.classifier_.answer(features)
        counted = ~np.isin(answers.labels, list(self.uncounted))
        wrong = (answers.labels != gold)[counted]
        sure = certainty(self.classifier_, answers)[counted]
        self.threshold_, self.coverage_, self.risk_bound_ = risk_threshold(sure, wrong, self.risk, self.confidence)
        if math.isinf(self.threshold_):
            warnings.warn(
                f"no threshold keeps errors below {self.risk:.0%} with {self.confidence:.0%} confidence on "
                f"{len(wrong)} validation rows: every answer will be withheld",
                UserWarning,
                stacklevel=2,
            )
        self.probability_kind_ = self.classifier_.probability_kind_
        self.history_ = self.classifier_.history_
        return self

    def answer(self, X: Any) -> Answers:
        """See `Classifier`; from one run of the classifier."""
        return withheld(self, self.classifier_.answer(X), self.threshold_)

    def abstains(self, X: Any) -> np.ndarray:
        """(n,) bool: is the answer to be withheld?"""
        return np.asarray(self.answer(X).withheld)

    @property
    def threshold(self) -> float:  # type: ignore[override]
        """See `Classifier`."""
        return float(self.threshold_)

    def facts(self) -> dict[str, Any]:
        """See `Classifier`."""
        threshold = self.threshold if math.isfinite(self.threshold) else None
        found: dict[str, Any] = {"threshold": threshold, "coverage": self.coverage_, "risk_bound": self.risk_bound_}
        if self.uncounted:
            found["uncounted"] = list(self.uncounted)
        return super().facts() | {"abstain": found}

    @classmethod
    def check_state(cls, state: Mapping[str, Any]) -> None:
        """See `Kept`: a threshold that is a number."""
        super().check_state(state)
        threshold = state.get("threshold_")
        number = isinstance(threshold, (int, float)) and not math.isnan(threshold)
        if "threshold_" in state and not number:
            raise UserError(f"Abstaining.threshold_ is {threshold!r}, expected a number", DAMAGED)


def risk_threshold(
    certainty: np.ndarray, wrong: np.ndarray, risk: float, confidence: float
) -> tuple[float, float, float]:
    """The lowest threshold found for which the error rate above it is at most `risk`, with `confidence`.

    Binary search over the sorted certainties; each of the ceil(log2 n) thresholds looked at gets an equal part of
    the error probability, so the bound holds for the one that is chosen (Geifman & El-Yaniv 2017, algorithm 1).

    Args:
        certainty: (n,) probability of the predicted label.
        wrong: (n,) bool.
    Returns:
        (threshold, share of rows at or above it, bound on their error rate); (inf, 0, 1) when there is none.
    """
    order = np.argsort(-certainty, kind="stable")
    sorted_certainty, errors = certainty[order], np.cumsum(wrong[order])
    steps = math.ceil(math.log2(max(2, len(order))))
    best = (math.inf, 0.0, 1.0)
    low, high = 1, len(order)
    while low <= high:
        middle = (low + high) // 2
        # Rows of equal certainty are kept or withheld together.
        kept = int(np.searchsorted(-sorted_certainty, -sorted_certainty[middle - 1], side="right"))
        bound = _binomial_bound(int(errors[kept - 1]), kept, (1 - confidence) / steps)
        if bound <= risk:
            best = (float(sorted_certainty[kept - 1]), kept / len(order), bound)
            low = kept + 1
        else:
            high = middle - 1
    return best


def _binomial_bound(errors: int, rows: int, delta: float) -> float:
    """Upper bound on an error rate, wrong with probability `delta` (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv

    return 1.0 if errors >= rows else float(betaincinv(errors + 1, rows - errors, 1 - delta))


def _fit_inside(wrapper: Any, X: Any, y: Any, validation: tuple[Any, Any] | None, what: str) -> tuple[Any, np.ndarray]:
    """Fit the wrapped classifier; the validation table and its labels, of which training had some at least."""
    if validation is None or not len(validation[1]):
        raise UserError(
            f"{what} classifier needs validation rows, and this split has none",
            "choose a split with validation rows, or the classifier without its wrapper",
        )
    classifier = clone(wrapper.classifier)
    takes = "validation" in inspect.signature(classifier.fit).parameters
    wrapper.classifier_ = classifier.fit(X, y, validation=validation) if takes else classifier.fit(X, y)
    wrapper.classes_ = wrapper.classifier_.classes_
    gold = np.asarray(validation[1], dtype=object)
    if not set(gold) & set(wrapper.classes_.tolist()):
        raise UserError("none of the validation rows has a label that occurs in training", "choose another split")
    return validation[0], gold


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), 1e-12))


def _rising(probabilities: np.ndarray, right: np.ndarray) -> IsotonicRegression:
    return IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(probabilities, right.astype(float))
