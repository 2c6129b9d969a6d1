"""The shared tasks' own metrics, quirk for quirk, each checked against its organisers' scorer.

The scorers' outputs on fixed files are in `tests/data/golden`; every metric here gives the same number to 1e-9.
Organisers' scorers that pair lines by position without comparing ids are not followed in that: `Predictions` are
always aligned by id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from naba.errors import UserError
from naba.evaluation.metrics import (
    Array,
    FloatArray,
    Function,
    accuracy,
    f1s,
    gold_totals,
    hits,
    precisions,
    predicted_totals,
    ratio,
    recalls,
    register,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

AGAINST, FAVOR, NONE = ("against",), ("favor", "favour"), ("none", "neither", "neutral")
POSITIVE = ("1", "yes", "true", "positive", "checkworthy", "check_worthy", "check-worthy", "harmful")

STANCEEVAL_2024_TARGETS = 3
"""The scorer divides by the number of targets that it hard-codes."""


def position(names: tuple[str, ...], labels: Sequence[str], metric: str) -> int:
    """Where the label that is called one of `names`, in any case, stands among `labels`.

    Raises:
        UserError: no label, or more than one, has such a name.
    """
    found = [place for place, label in enumerate(labels) if label.lower() in names]
    if len(found) != 1:
        raise UserError(
            f"'{metric}' needs exactly one label called {' or '.join(names)}; the data set has {', '.join(labels)}"
        )
    return found[0]


def _favor_against(labels: Sequence[str], metric: str) -> list[int]:
    return [position(FAVOR, labels, metric), position(AGAINST, labels, metric)]


@register("StanceEval 2024: StanceEval.py (copy licvol/dzStanceEval_2024 @ dd5d001)", needs="target_confusion")
def stanceeval2024_macro_f1(counts: Array, labels: Sequence[str]) -> FloatArray:
    """Mean over the three targets of (F1 favor + F1 against) / 2.

    `none` rows matter as errors only. The divisor is always 3, so a target without rows counts 0; 0/0 = 0, so a
    target where favor is in neither gold nor predictions reaches at most 0.5.

    Raises:
        UserError: the rows have more than three targets.
    """
    if counts.shape[-3] > STANCEEVAL_2024_TARGETS:
        raise UserError(
            f"'stanceeval2024_macro_f1' is defined over three targets; these rows have {counts.shape[-3]}",
            "macro_f1_favor_against_per_target is the mean over any number of targets",
        )
    each = f1s(counts)[..., _favor_against(labels, "stanceeval2024_macro_f1")].mean(axis=-1)
    return np.asarray(each.sum(axis=-1) / STANCEEVAL_2024_TARGETS)


@register("StanceEval 2026: evaluate.py, evaluate_track2_.py (StanceEval/stanceeval.github.io @ a92976f)")
def stanceeval2026_favg2(counts: Array, labels: Sequence[str]) -> FloatArray:
    """(F1 favor + F1 against) / 2 over the rows of all targets pooled.

    Pooled over rows, not averaged over targets, although the task page says otherwise. A label absent from gold and
    predictions scores 0 and stays in the mean. The label `None` must not be read as a missing value.
    """
    return np.asarray(f1s(counts)[..., _favor_against(labels, "stanceeval2026_favg2")].mean(axis=-1))


@register("StanceEval 2026: evaluate.py, evaluate_track2_.py (StanceEval/stanceeval.github.io @ a92976f)")
def stanceeval2026_favg3(counts: Array, labels: Sequence[str]) -> FloatArray:
    """Mean F1 of favor, against and none over the rows of all targets pooled.

    An absent label scores 0 and stays in the mean, so with one absent at most 2/3 is reached.
    """
    name = "stanceeval2026_favg3"
    return np.asarray(f1s(counts)[..., [*_favor_against(labels, name), position(NONE, labels, name)]].mean(axis=-1))


@register("SemEval-2016 task 6: eval.pl (copy emsrc/SemEval2016_T6_Stance_Detection @ 38d177f)")
def semeval2016_task6_favg(counts: Array, labels: Sequence[str]) -> FloatArray:
    """(F1 favor + F1 against) / 2 over the rows of all targets pooled.

    The target is ignored. 0/0 = 0; favor and against always both count.
    """
    return np.asarray(f1s(counts)[..., _favor_against(labels, "semeval2016_task6_favg")].mean(axis=-1))


@register("TweetEval: evaluation_script.py --task stance (cardiffnlp/tweeteval @ 4fbd22c)")
def tweeteval_stance(counts: Array, labels: Sequence[str]) -> FloatArray:
    """(F1 against + F1 favor) / 2, labels 1 and 2, over the rows of the five targets pooled.

    Where against or favor is in neither gold nor predictions the script fails and its score is -1, as it is here. A
    label in one of the two only scores 0 and counts.
    """
    against = position(("1", *AGAINST), labels, "tweeteval_stance")
    favor = position(("2", *FAVOR), labels, "tweeteval_stance")
    present = (gold_totals(counts) + predicted_totals(counts))[..., [against, favor]] > 0
    return np.asarray(np.where(present.all(axis=-1), f1s(counts)[..., [against, favor]].mean(axis=-1), -1.0))


def fnc1_points(counts: Array, labels: Sequence[str]) -> FloatArray:
    """The points that answers earn in the Fake News Challenge, stage 1, before division by the best possible."""
    stances = [position((name,), labels, "fnc1_weighted_score") for name in ("agree", "disagree", "discuss")]
    unrelated = position(("unrelated",), labels, "fnc1_weighted_score")
    points = np.zeros((len(labels), len(labels)))
    points[np.ix_(stances, stances)] = 0.25
    points[stances, stances] = 1.0
    points[unrelated, unrelated] = 0.25
    return np.asarray((np.asarray(counts)[..., : len(labels)] * points).sum(axis=(-2, -1)))


@register("FNC-1: utils/score.py (FakeNewsChallenge/fnc-1-baseline @ 7fb74cb), scorer.py (fnc-1 @ 29d473a)")
def fnc1_weighted_score(counts: Array, labels: Sequence[str]) -> FloatArray:
    """FNC-1 weighted score: points for relatedness and stance, in percent of the best possible.

    A correct `unrelated` earns 0.25, not 1; the right stance on a related row earns 1, a wrong stance between two
    related labels 0.25. No class averages, so absent labels need no rule; no rows give 0.
    """
    best = np.zeros((*np.shape(counts)[:-1], len(labels)))
    np.einsum("...ii->...i", best)[...] = gold_totals(counts)
    return 100 * ratio(fnc1_points(counts, labels), fnc1_points(best, labels))


def _positive_f1(name: str) -> Function:
    return lambda counts, labels: f1s(counts)[..., position(POSITIVE, labels, name)]


@register("CheckThat! 2022 task 1A: subtask_1.py checkworthy (copy matttang7/CLEF2022-Task1 @ 8a9bf00)")
def checkthat2022_1a_f1_positive(counts: Array, labels: Sequence[str]) -> FloatArray:
    """F1 of the label 1, check-worthy.

    0 when it is never predicted or absent from gold, even where all answers are right. The scorer checks the ids as
    a set and then pairs lines by position.
    """
    return _positive_f1("checkthat2022_1a_f1_positive")(counts, labels)


@register("CheckThat! 2022 task 1B: subtask_1.py claim (copy matttang7/CLEF2022-Task1 @ 8a9bf00)")
def checkthat2022_1b_accuracy(counts: Array, labels: Sequence[str]) -> FloatArray:
    """Accuracy of verifiable factual claims.

    The precision, recall and F1 that the scorer prints beside it are `weighted_precision`, `weighted_recall` and
    `weighted_f1`: weighted by gold support.
    """
    return accuracy(counts, labels)


@register("CheckThat! 2022 task 1C: subtask_1.py harmful (copy matttang7/CLEF2022-Task1 @ 8a9bf00)")
def checkthat2022_1c_f1_positive(counts: Array, labels: Sequence[str]) -> FloatArray:
    """F1 of the label 1, harmful; 0 when it is never predicted or absent from gold."""
    return _positive_f1("checkthat2022_1c_f1_positive")(counts, labels)


@register("scikit-learn f1_score(average='weighted', zero_division=0)")
def weighted_f1(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """F1 of each label weighted by its gold rows.

    A label absent from gold weighs nothing even if predicted; one never predicted counts 0 with its weight.
    """
    return ratio((f1s(counts) * gold_totals(counts)).sum(axis=-1), np.asarray(counts).sum(axis=(-2, -1)))


@register("scikit-learn precision_score(average='weighted', zero_division=0)")
def weighted_precision(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Precision of each label weighted by its gold rows; one never predicted counts 0 with its weight."""
    return ratio((precisions(counts) * gold_totals(counts)).sum(axis=-1), np.asarray(counts).sum(axis=(-2, -1)))


@register("scikit-learn recall_score(average='weighted', zero_division=0)")
def weighted_recall(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Recall of each label weighted by its gold rows, which is the accuracy."""
    return ratio(hits(counts).sum(axis=-1), np.asarray(counts).sum(axis=(-2, -1)))


@register("CheckThat! 2022 task 1D: subtask_1.py attentionworthy (copy matttang7/CLEF2022-Task1 @ 8a9bf00)")
def checkthat2022_1d_weighted_f1(counts: Array, labels: Sequence[str]) -> FloatArray:
    """F1 of each of nine labels weighted by its gold rows; a label absent from gold weighs nothing."""
    return weighted_f1(counts, labels)


@register("CheckThat! 2024 task 1: subtask_1.py (copy jjasardi/BA-CheckThat2024 @ 493e293)")
def checkthat2024_task1_f1_yes(counts: Array, labels: Sequence[str]) -> FloatArray:
    """F1 of the label Yes, check-worthy.

    0 when Yes is never predicted or absent from gold, even where all answers are a right No.
    """
    return f1s(counts)[..., position(("yes",), labels, "checkthat2024_task1_f1_yes")]


def _mean_over_present(values: FloatArray, counts: Array) -> FloatArray:
    present = gold_totals(counts) + predicted_totals(counts) > 0
    return ratio((values * present).sum(axis=-1), present.sum(axis=-1))


@register("CheckThat! 2025 task 1: evaluate.py (copy MatteoFasulo/clef2025-checkthat @ 1986879)")
def checkthat2025_task1_macro_f1(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Mean F1 of the labels that occur in gold or predictions.

    The scorer has no fixed label list: when only OBJ occurs anywhere and all is right the score is 1, not 0.5. A
    label in one of the two only counts 0.
    """
    return _mean_over_present(f1s(counts), counts)


@register("CheckThat! 2025 task 1: evaluate.py (copy MatteoFasulo/clef2025-checkthat @ 1986879)")
def checkthat2025_task1_macro_precision(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Mean precision of the labels that occur in gold or predictions, 0/0 = 0."""
    return _mean_over_present(precisions(counts), counts)


@register("CheckThat! 2025 task 1: evaluate.py (copy MatteoFasulo/clef2025-checkthat @ 1986879)")
def checkthat2025_task1_macro_recall(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Mean recall of the labels that occur in gold or predictions, 0/0 = 0."""
    return _mean_over_present(recalls(counts), counts)


@register("ArAIEval 2023 task 1A: src/scorer/task1.py (copy nouman-10/ArAIEval-Shared-Task @ 9a5e7c1)")
def araieval2023_1a_micro_f1(counts: Array, labels: Sequence[str]) -> FloatArray:
    """F1 of true positives and errors summed over both labels, which is the accuracy."""
    return accuracy(counts, labels)


@register("ArAIEval 2023 task 1A: src/scorer/task1.py (copy nouman-10/ArAIEval-Shared-Task @ 9a5e7c1)")
def araieval2023_1a_macro_f1(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Mean F1 of the labels that occur in gold or predictions."""
    return _mean_over_present(f1s(counts), counts)


@register("LLMeBench: tasks/Stance.py (qcri/LLMeBench @ 01196ab)")
def llmebench_stance_macro_f1(counts: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Mean F1 of every class that occurs in gold or predictions.

    There is no fixed label list: a stray word that a model answers is a class with F1 0 and enlarges the divisor
    (put it among the labels to get the published number), and an absent class does not count. LLMeBench replaces a
    missing answer by a random gold label, not reproducibly; here a missing answer is wrong.
    """
    return _mean_over_present(f1s(counts), counts)


_CHECKTHAT_2020 = "CheckThat! 2020 task 1: scorer/main.py (sshaar/clef2020-factchecking-task1 @ ff5169f)"


@register(_CHECKTHAT_2020, needs="ranking", positive=POSITIVE)
def checkthat2020_task1_map(relevant: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Mean average precision: precision at each positive's rank, averaged, then averaged over the files (groups).

    Rows with equal scores keep file order (scikit-learn groups them). A file without positives counts 0 in the mean
    over files, in which each file weighs the same.
    """
    ranks = np.arange(1, relevant.shape[-1] + 1)
    precision = np.cumsum(relevant, axis=-1) / ranks
    return ratio((precision * relevant).sum(axis=-1), relevant.sum(axis=-1))


@register(_CHECKTHAT_2020, needs="ranking", positive=POSITIVE)
def checkthat2020_task1_mean_reciprocal_rank(relevant: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """One over the rank of the first positive, averaged over the files (groups); 0 for a file without positives."""
    return np.asarray(relevant.any(axis=-1) / (relevant.argmax(axis=-1) + 1))


@register(_CHECKTHAT_2020, needs="ranking", positive=POSITIVE)
def checkthat2020_task1_mean_r_precision(relevant: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
    """Share of positives among the first R rows, R being the file's positives; averaged over the files (groups).

    0 for a file without positives.
    """
    positives = relevant.sum(axis=-1, keepdims=True)
    return ratio((relevant & (np.arange(relevant.shape[-1]) < positives)).sum(axis=-1), positives[..., 0])


def _precision_at(first: int) -> Function:
    def function(relevant: Array, labels: Sequence[str]) -> FloatArray:  # noqa: ARG001
        return np.asarray(relevant[..., :first].sum(axis=-1) / first)

    function.__doc__ = (
        f"Share of positives among the first {first} rows, averaged over the files (groups).\n\n"
        "Rows that a shorter file lacks count as misses; the scorer's command line crashes on them."
    )
    return function


for _first in (1, 3, 5, 10, 20, 50):
    register(_CHECKTHAT_2020, "ranking", f"checkthat2020_task1_precision_at_{_first}", POSITIVE)(_precision_at(_first))
