"""Metrics: each is one function on confusion counts, so that intervals and tests come for free.

A confusion metric is `f(counts, labels) -> scores` with counts of shape (..., k, k), rows gold and columns predicted,
and scores of shape (...). Where rows have no answer there is a column more, (..., k, k + 1), which no label's
predictions are counted in: such a row is missed by its gold label, and a false alarm of none. A metric over targets
takes counts of shape (..., t, k, k); a ranking metric takes relevance of shape (..., n), rows in order of descending
score. The shared tasks' own metrics are in
`naba.evaluation.official_metrics`; `METRICS` and `metric` know both.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from naba.config import packages
from naba.errors import UserError, unknown_name

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]
Function = Callable[[Array, Sequence[str]], FloatArray]
Needs = Literal["confusion", "target_confusion", "ranking"]


@dataclass(frozen=True)
class Metric:
    """A named metric.

    Attributes:
        name: the only name it is ever logged and shown under.
        function: `f(counts, labels) -> scores`; see the module's first lines for shapes.
        needs: what `counts` are: "confusion" (..., k, k), "target_confusion" (..., t, k, k) with one matrix a
            target, or "ranking" (..., n) relevance of rows sorted by descending score.
        source: where the definition comes from.
        description: one line.
        higher_is_better: direction.
        positive: for a ranking, the names that the positive label may have.
    """

    name: str
    function: Function
    needs: Needs
    source: str
    description: str
    higher_is_better: bool = True
    positive: tuple[str, ...] = ()


METRICS: dict[str, Metric] = {}


def register(
    source: str,
    needs: Needs = "confusion",
    name: str | None = None,
    positive: tuple[str, ...] = (),
    *,
    higher_is_better: bool = True,
) -> Callable[[Function], Function]:
    """Make a function known as a metric under its own name; its docstring's first line is the description.

    >>> import naba
    >>> @naba.metric(source="this page")
    ... def error_rate_of_an_example(counts, labels):
    ...     "Share of rows that are predicted wrongly."
    ...     return 1 - counts.diagonal(axis1=-2, axis2=-1).sum(axis=-1) / counts.sum(axis=(-2, -1))
    >>> naba.metrics(["agree", "disagree"], ["agree", "agree"], "error_rate_of_an_example")
    {'error_rate_of_an_example': 0.5}

    The function is `f(counts, labels)`: counts of shape (..., k, k), rows gold and columns predicted, for the k label
    ids; it returns scores of shape (...), nan where one is not defined. The leading indices are resamples, so `...`
    stands first: `counts[..., 0, 0]`, not `counts[0, 0]`. Rows without an answer make one column more, (..., k, k + 1).

    Args:
        source: where the definition comes from; `naba list metrics` shows it.
        needs: "confusion" as above; "target_confusion" takes (..., t, k, k), one matrix for each of t targets;
            "ranking" takes relevance (..., n) of n rows, the highest score first.
        name: if it is not to be the function's.
        positive: for a ranking, the names that the relevant label may have.
        higher_is_better: False for a loss: boards then rank the lowest first.
    Raises:
        naba.UserError: another function has the name.
    """

    def add(function: Function) -> Function:
        title = name or str(getattr(function, "__name__", ""))
        packages.check_free("metric", title, METRICS[title].function if title in METRICS else None, function)
        description = (function.__doc__ or "").strip().split("\n")[0].rstrip(".")
        used = _watched(function, title, needs) if packages.is_foreign(function) else function
        METRICS[title] = Metric(title, used, needs, source, description, higher_is_better, positive)
        return function

    return add


def _watched(function: Function, name: str, needs: Needs) -> Function:
    """A function of a package's, whose errors and wrong shapes are one message."""

    @functools.wraps(function)
    def watched(counts: Array, labels: Sequence[str]) -> FloatArray:
        with packages.blaming(f"metric '{name}'", "it is called with (counts, labels): help(naba.metric)"):
            given = function(counts, labels)
        wanted = counts.shape[: -_AXES[needs]]
        try:
            found = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise UserError(f"metric '{name}' gives a {type(given).__name__}, expected numbers") from error
        if found.shape != wanted:
            raise UserError(
                f"metric '{name}' gives an array of shape {found.shape} for counts of shape {counts.shape}, expected "
                f"{wanted}",
                "leading indices are resamples: counts[..., 0, 0], sum(axis=(-2, -1))",
            )
        return found

    return watched


_AXES: dict[Needs, int] = {"confusion": 2, "target_confusion": 3, "ranking": 1}


def rehearse(measure: Metric, labels: Sequence[str]) -> None:
    """Call a package's metric on small counts, so that its mistakes are found before anything is trained.

    Raises:
        UserError: it raises, gives another shape, or scores that depend on the other resamples.
    """
    if not packages.is_foreign(measure.function):
        return
    size = len(labels)
    shape = {"confusion": (size, size), "target_confusion": (2, size, size), "ranking": (6,)}[measure.needs]
    counts = np.random.default_rng(0).integers(1, 9, size=(size + 7, *shape))
    if measure.needs == "ranking":
        counts %= 2
    together = measure.function(counts, labels)
    alone = [measure.function(one[None], labels)[0] for one in counts]
    if not np.allclose(together, alone, equal_nan=True):
        raise UserError(
            f"metric '{measure.name}' gives other scores for several resamples at once than for each alone",
            "it sums over the leading indices: sum(axis=(-2, -1)) leaves them",
        )


def ratio(numerator: Array, denominator: Array) -> FloatArray:
    """Elementwise numerator / denominator, with 0/0 = 0."""
    numerator, denominator = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    return np.divide(numerator, denominator, out=np.zeros(numerator.shape), where=denominator != 0)


class Confusions(np.ndarray[Any, np.dtype[Any]]):
    """Counts that nobody can write to, and that keep the totals which hundreds of metrics ask for (`kept`).

    A view: `Confusions.of(counts)` copies nothing.
    """

    totals: dict[str, Array]

    @classmethod
    def of(cls, counts: Array) -> Confusions:
        """A view of counts of shape (..., k, k)."""
        found = counts.view(cls)
        found.flags.writeable = False
        found.totals = {}
        return found


def kept(total: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Let `Confusions` keep what a function of counts alone returns; other counts are computed each time."""

    @functools.wraps(total)
    def of(counts: Array) -> Array:
        if not isinstance(counts, Confusions) or not hasattr(counts, "totals"):
            return total(counts)
        if total.__name__ not in counts.totals:
            counts.totals[total.__name__] = total(np.asarray(counts))
        return counts.totals[total.__name__]

    return of


@kept
def gold_totals(counts: Array) -> Array:
    """(..., k) rows of each gold label."""
    return np.asarray(counts).sum(axis=-1)


@kept
def predicted_totals(counts: Array) -> Array:
    """(..., k) rows predicted as each label."""
    counts = np.asarray(counts)
    return counts.sum(axis=-2)[..., : counts.shape[-2]]


@kept
def hits(counts: Array) -> Array:
    """(..., k) rows predicted rightly, per label."""
    return np.diagonal(np.asarray(counts), axis1=-2, axis2=-1)


@kept
def precisions(counts: Array) -> FloatArray:
    """(..., k) precision of each label; 0 for a label never predicted."""
    return ratio(hits(counts), predicted_totals(counts))


@kept
def recalls(counts: Array) -> FloatArray:
    """(..., k) recall of each label; 0 for a label absent from gold."""
    return ratio(hits(counts), gold_totals(counts))


@kept
def f1s(counts: Array) -> FloatArray:
    """(..., k) F1 of each label, 2 TP / (2 TP + FP + FN); 0 for a label absent from gold and predictions."""
    return ratio(2 * hits(counts), gold_totals(counts) + predicted_totals(counts))


@register("van Rijsbergen 1979, Information Retrieval, ch. 7; arithmetic mean of class F1s as in Opitz & Burst 2019")
def macro_f1(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Mean of the F1 of every label of the data set.

    F1 of a label is 2 TP / (2 TP + FP + FN), with 0/0 = 0. The divisor is always the number of labels: a label
    absent from gold and never predicted counts 0, as scikit-learn's `f1_score(labels=…, average="macro",
    zero_division=0)` has it. Not the F1 of mean precision and mean recall (Opitz & Burst 2019, arXiv 1911.03347).
    """
    return np.asarray(f1s(counts).mean(axis=-1))


@register("share of rows; Manning, Raghavan & Schütze 2008, ch. 8")
def accuracy(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Share of rows whose predicted label is the gold label.

    0 for no rows at all. Labels absent from gold or predictions change nothing.
    """
    return ratio(hits(counts).sum(axis=-1), np.asarray(counts).sum(axis=(-2, -1)))


@register("Brodersen et al. 2010, ICPR; scikit-learn's balanced_accuracy_score")
def balanced_accuracy(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Mean recall over the labels present in gold.

    A label absent from gold has no recall (0/0) and is left out of the mean, as scikit-learn's
    `balanced_accuracy_score` has it; 0 when there are no rows.
    """
    present = gold_totals(counts) > 0
    return ratio((recalls(counts) * present).sum(axis=-1), present.sum(axis=-1))


@register("Gorodkin 2004, Comput. Biol. Chem. 28: R_K; Matthews 1975 for two classes")
def mcc(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Matthews correlation coefficient, in its form for several labels (R_K).

    The correlation of gold and predicted label indicators, from -1 (at worst) to 1. 0/0 = 0: when gold or
    predictions hold one label only. Labels absent from both change nothing. No answer is one more thing predicted.
    """
    counts = np.asarray(counts, dtype=np.float64)
    rows, gold, predicted = counts.sum(axis=(-2, -1)), gold_totals(counts), predicted_totals(counts)
    covariance = hits(counts).sum(axis=-1) * rows - (gold * predicted).sum(axis=-1)
    spread = (rows**2 - (gold**2).sum(axis=-1)) * (rows**2 - (counts.sum(axis=-2) ** 2).sum(axis=-1))
    return ratio(covariance, np.sqrt(spread))


def precision(label: str) -> Function:
    """Precision of one label: TP / (TP + FP), 0 when the label is never predicted (Manning et al. 2008, ch. 8)."""
    return lambda counts, labels: precisions(counts)[..., _position(label, labels)]


def recall(label: str) -> Function:
    """Recall of one label: TP / (TP + FN), 0 when the label is absent from gold (Manning et al. 2008, ch. 8)."""
    return lambda counts, labels: recalls(counts)[..., _position(label, labels)]


def f1(label: str) -> Function:
    """F1 of one label: 2 TP / (2 TP + FP + FN), 0 when it is absent from gold and predictions (van Rijsbergen 1979)."""
    return lambda counts, labels: f1s(counts)[..., _position(label, labels)]


def macro_f1_over(suffix: str) -> Function:
    """Mean of the F1 of stated labels, joined by `_`; the other labels matter as errors only.

    SemEval-2016 task 6 scores stance this way (favor, against); the ANS headlines are scored on agree and disagree,
    since `other` has seven test rows. 0/0 = 0, and a stated label absent from the rows counts 0.
    """
    return lambda counts, labels: np.asarray(f1s(counts)[..., stated(suffix, labels)].mean(axis=-1))


FAMILIES: dict[str, tuple[Callable[[str], Function], str, str]] = {
    "macro_f1_": (macro_f1_over, "mean of the F1 of the labels named", "Mohammad et al. 2016, SemEval-2016 task 6"),
    "precision_": (precision, "precision of one label", "Manning, Raghavan & Schütze 2008, ch. 8"),
    "recall_": (recall, "recall of one label", "Manning, Raghavan & Schütze 2008, ch. 8"),
    "f1_": (f1, "F1 of one label", "van Rijsbergen 1979, Information Retrieval, ch. 7"),
}

PER_TARGET = "_per_target"
"""Ending that makes a metric the mean over targets (the groups of the rows), each target weighing the same."""

SHORT_NAMES = {"f": "f1", "f1": "f1", "f1_score": "f1", "f1_macro": "f1", "precision": "precision", "recall": "recall"}
"""Names that say what is measured and not how it is averaged over labels."""


def meanings(name: str) -> tuple[str, ...]:
    """The metrics that a short name such as `f1` could mean: all that say they are it; () for a name of its own."""
    kind = SHORT_NAMES.get(name)
    if kind is None:
        return ()
    families = [prefix + ("<label>_<label>" if prefix == "macro_f1_" else "<label>") for prefix in FAMILIES]
    fixed = [one.name for one in catalogue().values() if re.search(rf"\b{kind}\b", one.name.replace("_", " "))
             or re.search(rf"\b{kind}\b", one.description, re.IGNORECASE)]  # fmt: skip
    return tuple(sorted({*fixed, *(family for family in families if kind in family.split("_"))}))


def metric(name: str, labels: Sequence[str] | None = None) -> Metric:
    """The metric called `name`, such as `macro_f1`, `f1_agree` or `macro_f1_favor_against`.

    Args:
        labels: the data set's labels; with them, the labels in the name are checked here and not at the first use, and
            `f1_macro` is the F1 of a label that is called `macro`.
    Raises:
        UserError: there is no such metric (with the nearest name), or the name means several things (`f1`).
    """
    of_label = labels is not None and name in label_metrics(labels)
    if name in SHORT_NAMES and not of_label:
        raise UserError(
            f"'{name}' could mean any of: {', '.join(meanings(name))}", "say which; `naba list metrics` defines each"
        )
    known = catalogue()
    if name in known and not of_label:
        return known[name]
    if name.endswith(PER_TARGET) and not of_label:
        return _per_target(metric(name.removesuffix(PER_TARGET), labels), name)
    for prefix, (family, description, source) in FAMILIES.items():
        rest = name.removeprefix(prefix)
        if rest and rest != name:
            if labels is not None and prefix == "macro_f1_":
                stated(rest, labels)
            elif labels is not None:
                _position(rest, labels, name)
            return Metric(name, family(rest), "confusion", source, description)
    raise UserError(unknown_name("metric", name, [*known, *(f"{prefix}<label>" for prefix in FAMILIES)]))


def catalogue() -> dict[str, Metric]:
    """Every metric with a fixed name, those of shared tasks and of allowed packages among them, by name."""
    from naba.evaluation import official_metrics  # noqa: F401  importing it registers them

    packages.load()
    return METRICS


def _per_target(base: Metric, name: str) -> Metric:
    if base.needs != "confusion":
        raise UserError(
            f"'{name}': {base.name} is not a metric of one confusion matrix, so it has no mean over targets"
        )
    return Metric(
        name,
        lambda counts, labels: np.asarray(base.function(counts, labels).mean(axis=-1)),
        "target_confusion",
        base.source,
        f"mean over targets (groups) of: {base.description}",
        base.higher_is_better,
    )


def label_metrics(labels: Sequence[str]) -> tuple[str, ...]:
    """The names of the metrics of each label: precision, recall, F1."""
    return tuple(f"{kind}_{label}" for label in labels for kind in ("precision", "recall", "f1"))


def stated(suffix: str, labels: Sequence[str]) -> list[int]:
    """Positions of the labels that `suffix` joins with `_`; labels may hold `_` themselves (`no_claim`).

    Raises:
        UserError: the suffix cannot be read as one or more of the labels.
    """
    found = _parse(suffix, labels)
    if found is None:
        raise UserError(
            f"'macro_f1_{suffix}' names labels that the data set does not have (its labels: {', '.join(labels)})",
            f"for example macro_f1_{'_'.join(labels[:2])}",
        )
    return found


def _parse(suffix: str, labels: Sequence[str]) -> list[int] | None:
    for position, label in enumerate(labels):
        if suffix == label:
            return [position]
        if suffix.startswith(label + "_"):
            rest = _parse(suffix[len(label) + 1 :], labels)
            if rest is not None and position not in rest:
                return [position, *rest]
    return None


def _position(label: str, labels: Sequence[str], name: str | None = None) -> int:
    if label not in labels:
        raise UserError(unknown_name("label", label, labels) + (f", in the metric '{name}'" if name else ""))
    return list(labels).index(label)
