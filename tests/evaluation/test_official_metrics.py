"""Parity with the organisers' own scorers, on the files in tests/data/golden (see the README there)."""

import json
from pathlib import Path

import numpy as np
import pytest

from naba.errors import UserError
from naba.evaluation.bootstrap import interval, value
from naba.evaluation.metrics import metric
from naba.evaluation.official_metrics import fnc1_points
from naba.evaluation.predictions import Predictions, objects

GOLDEN = Path(__file__).parent.parent / "data" / "golden"
CASES = [
    pytest.param(document, case, id=f"{document['metric']}-{case['name']}")
    for document in (json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*.json")))
    for case in document["cases"]
]
TEXTS = ("official_name", "printed", "printed_last_line", "printed_error", "scores_txt", "scorer_py_last_line")


def predictions_of(case, rows=None):
    rows = case["rows"] if rows is None else rows
    # A word that a model made up is a class of its own for the scorers without a fixed label list.
    labels = tuple(dict.fromkeys([*case["labels"], *(row["predicted"] for row in rows if row["predicted"])]))
    if rows and rows[0]["score"] is not None:
        positive = np.array([row["score"] for row in rows], dtype=float)
        probabilities = np.column_stack([1 - positive, positive])
        predicted = [labels[int(score > 0.5)] for score in positive]
    else:
        predicted = [row["predicted"] for row in rows]
        probabilities = np.eye(len(labels))[np.array([labels.index(label) for label in predicted], dtype=int)]
    return Predictions(
        objects([row["id"] for row in rows]),
        objects([row["gold"] for row in rows]),
        objects(predicted),
        probabilities.reshape(len(rows), len(labels)),
        labels,
        objects([row["target"] for row in rows]) if rows and rows[0]["target"] else None,
    )


def per_class(predictions, labels, names=("precision", "recall", "f1")):
    return {label: {name: value(predictions, f"{name[:9].rstrip('-')}_{label}") for name in names} for label in labels}


def by_target(case, report, empty=False):
    targets = case.get("targets", [])
    rows = {target: [row for row in case["rows"] if row["target"] == target] for target in targets}
    return {target: report(predictions_of(case, rows[target])) for target in targets if rows[target] or empty}


def stanceeval2024(case, p):
    def target(one):
        return {"macro_f1": value(one, "macro_f1_FAVOR_AGAINST"), **per_class(one, case["labels"])}

    overall = value(p, "stanceeval2024_macro_f1")
    return {"official": overall, "overall_macro_f1": overall, "per_target": by_target(case, target, empty=True)}


def stanceeval2026(case, p):
    def both(one):
        found = {"Favg2": value(one, "stanceeval2026_favg2"), "Favg3": value(one, "stanceeval2026_favg3")}
        return found | ({"Accuracy": value(one, "accuracy")} if "Ecars" in case["targets"] else {})

    return {"official": both(p)["Favg2"], "overall": both(p), "per_target": by_target(case, both)}


def semeval2016(case, p):
    def favg(one):
        return {"macro_f1": value(one, "semeval2016_task6_favg"), **per_class(one, ["FAVOR", "AGAINST"])}

    targets = by_target(case, favg)
    return {**favg(p), "official": favg(p)["macro_f1"], "per_target_when_run_on_that_targets_rows_only": targets}


def tweeteval(case, p):
    score = value(p, "tweeteval_stance")
    support = dict(zip(p.labels, p.confusion().sum(axis=1), strict=True))
    classes = {
        label: {
            "precision": value(p, f"precision_{label}"),
            "recall": value(p, f"recall_{label}"),
            "f1-score": value(p, f"f1_{label}"),
            "support": support[label],
        }
        for label in p.labels
    }
    return {"official": score, "tweeteval_score": score, "per_class": classes}


def fnc1(case, p):
    counts = p.confusion()
    best = np.diag(counts.sum(axis=1))
    unrelated = np.zeros_like(counts)
    unrelated[:, -1] = counts.sum(axis=1)
    percent = value(p, "fnc1_weighted_score")
    return {
        "official": percent,
        "relative_score_percent": percent,
        "score": fnc1_points(counts, p.labels),
        "best_score": fnc1_points(best, p.labels),
        "null_score_all_unrelated": fnc1_points(unrelated, p.labels),
        "confusion_matrix_rows_gold": counts.tolist(),
    }


def checkthat2020(case, p):
    name = "checkthat2020_task1_"
    ranks = (1, 3, 5, 10, 20, 50)

    def precision_at(one):
        return {str(rank): value(one, f"{name}precision_at_{rank}") for rank in ranks}

    def one_file(one):
        return {
            "average_precision": value(one, name + "map"),
            "reciprocal_rank": value(one, name + "mean_reciprocal_rank"),
            "num_relevant": int((one.gold == "1").sum()),
            "r_precision": value(one, name + "mean_r_precision"),
            "precision_at": precision_at(one),
        }

    return {
        "official": value(p, name + "map"),
        "mean_average_precision": value(p, name + "map"),
        "mean_reciprocal_rank": value(p, name + "mean_reciprocal_rank"),
        "mean_r_precision": value(p, name + "mean_r_precision"),
        "mean_precision_at": precision_at(p),
        "per_file": by_target(case, one_file),
    }


def binary(official, precision="precision_1", recall="recall_1", f1="f1_1"):
    def report(case, p):
        return {
            "official": value(p, official),
            "accuracy": value(p, "accuracy"),
            "precision": value(p, precision),
            "recall": value(p, recall),
            "f1": value(p, f1),
        }

    return report


def checkthat2025(case, p):
    return {
        "official": value(p, "checkthat2025_task1_macro_f1"),
        "macro_F1": value(p, "checkthat2025_task1_macro_f1"),
        "macro_P": value(p, "checkthat2025_task1_macro_precision"),
        "macro_R": value(p, "checkthat2025_task1_macro_recall"),
        "SUBJ_F1": value(p, "f1_SUBJ"),
        "SUBJ_P": value(p, "precision_SUBJ"),
        "SUBJ_R": value(p, "recall_SUBJ"),
        "accuracy": value(p, "accuracy"),
    }


def araieval(case, p):
    micro = value(p, "araieval2023_1a_micro_f1")
    return {"official": micro, "micro_f1": micro, "macro_f1": value(p, "araieval2023_1a_macro_f1")}


def llmebench(case, p):
    return {"official": value(p, "llmebench_stance_macro_f1"), "macro_f1": value(p, "llmebench_stance_macro_f1")}


WEIGHTED = ("weighted_precision", "weighted_recall", "weighted_f1")
REPORTS = {
    "araieval2023-1a-micro-f1": araieval,
    "checkthat2020-task1-map": checkthat2020,
    "checkthat2022-1a-f1-positive": binary("checkthat2022_1a_f1_positive"),
    "checkthat2022-1b-accuracy": binary("checkthat2022_1b_accuracy", *WEIGHTED),
    "checkthat2022-1c-f1-positive": binary("checkthat2022_1c_f1_positive"),
    "checkthat2022-1d-weighted-f1": binary("checkthat2022_1d_weighted_f1", *WEIGHTED),
    "checkthat2024-task1-f1-yes": binary("checkthat2024_task1_f1_yes", "precision_Yes", "recall_Yes", "f1_Yes"),
    "checkthat2025-task1-macro-f1": checkthat2025,
    "fnc1-weighted-score": fnc1,
    "llmebench-ans-stance-macro-f1": llmebench,
    "llmebench-unifiedfc-stance-macro-f1": llmebench,
    "semeval2016-task6-favg": semeval2016,
    "stanceeval2024-macro-f1": stanceeval2024,
    "stanceeval2026-track1-favg2": stanceeval2026,
    "stanceeval2026-track2-favg2": stanceeval2026,
    "tweeteval-stance": tweeteval,
}


def leaves(tree, path=()):
    if isinstance(tree, dict):
        return {key: leaf for name, branch in tree.items() for key, leaf in leaves(branch, (*path, name)).items()}
    return {path: tree}


@pytest.mark.parametrize(("document", "case"), CASES)
def test_every_number_of_the_organisers_scorer(document, case):
    expected = {path: number for path, number in leaves(case["expected"]).items() if path[0] not in TEXTS}
    ours = leaves(REPORTS[document["metric"]](case, predictions_of(case)))
    assert set(ours) == set(expected)
    for path, number in expected.items():
        assert np.abs(np.asarray(ours[path], dtype=float) - np.asarray(number, dtype=float)).max() <= 1e-9, path


def test_every_golden_file_is_covered():
    assert {document.values[0]["metric"] for document in CASES} == set(REPORTS)


def stance(rows, labels=("favor", "against", "none")):
    ids, targets, gold, predicted = (objects(list(column)) for column in zip(*rows, strict=True))
    return Predictions(ids, gold, predicted, np.full((len(ids), len(labels)), 1 / len(labels)), labels, targets)


def test_a_target_without_rows_counts_zero_in_stanceeval_2024():
    rows = [("1", "x", "favor", "favor"), ("2", "x", "against", "against"), ("3", "y", "favor", "favor")]
    rows += [("4", "y", "against", "against")]
    assert value(stance(rows), "stanceeval2024_macro_f1") == pytest.approx(2 / 3)
    assert value(stance(rows), "macro_f1_favor_against_per_target") == 1
    four = [*rows, ("5", "z", "none", "none"), ("6", "w", "none", "none")]
    with pytest.raises(UserError, match="three targets; these rows have 4"):
        value(stance(four), "stanceeval2024_macro_f1")


def test_tweeteval_is_minus_one_where_the_script_fails():
    assert value(stance([("1", "x", "favor", "favor"), ("2", "x", "none", "none")]), "tweeteval_stance") == -1


def test_an_absent_class_counts_where_the_scorer_counts_it():
    predictions = stance([("1", "x", "favor", "favor"), ("2", "x", "none", "none")])
    assert value(predictions, "stanceeval2026_favg2") == 0.5
    assert value(predictions, "stanceeval2026_favg3") == pytest.approx(2 / 3)
    assert value(predictions, "llmebench_stance_macro_f1") == 1


def test_a_metric_of_other_labels_says_which_it_needs():
    with pytest.raises(UserError, match="needs exactly one label called favor or favour; the data set has agree"):
        metric("semeval2016_task6_favg").function(np.ones((2, 2)), ("agree", "disagree"))


def test_ranking_metrics_have_intervals_and_keep_file_order_in_ties():
    case = next(
        case for document in CASES for case in [document.values[1]] if document.values[0]["metric"].endswith("map")
    )
    score = interval(predictions_of(case), "checkthat2020_task1_map", resamples=500)
    assert score.low < score.value < score.high
    assert score == interval(predictions_of(case), "checkthat2020_task1_map", resamples=500)


def test_official_metrics_work_on_stacks():
    stack = np.random.default_rng(0).integers(0, 9, size=(6, 3, 4, 4))
    labels = ("agree", "disagree", "discuss", "unrelated")
    assert metric("fnc1_weighted_score").function(stack, labels).shape == (6, 3)
    assert metric("stanceeval2024_macro_f1").function(stack[..., :3, :3], ("favor", "against", "none")).shape == (6,)
