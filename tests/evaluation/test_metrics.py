import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import confusion_matrix, f1_score, matthews_corrcoef, precision_score, recall_score

from naba.errors import UserError
from naba.evaluation.metrics import Confusions, Metric, _watched, catalogue, label_metrics, metric, rehearse

LABELS = ("agree", "disagree", "no_claim")


def rows(draw_labels):
    return arrays(np.int64, st.integers(1, 40), elements=st.sampled_from(draw_labels))


@pytest.mark.filterwarnings("ignore:A single label was found")  # scikit-learn's remark on what is tested here
@settings(deadline=None)
@given(st.data())
def test_metrics_equal_scikit_learn_with_fixed_labels(data):
    gold = data.draw(rows([0, 1, 2]))
    predicted = data.draw(arrays(np.int64, len(gold), elements=st.sampled_from([0, 1, 2])))
    counts = confusion_matrix(gold, predicted, labels=[0, 1, 2])
    options = {"labels": [0, 1, 2], "zero_division": 0}

    def ours(name):
        return float(metric(name, LABELS).function(counts, LABELS))

    assert ours("macro_f1") == pytest.approx(f1_score(gold, predicted, average="macro", **options))
    assert ours("accuracy") == pytest.approx((gold == predicted).mean())
    assert ours("mcc") == pytest.approx(matthews_corrcoef(gold, predicted))
    present = sorted(set(gold.tolist()))
    assert ours("balanced_accuracy") == pytest.approx(
        recall_score(gold, predicted, average="macro", labels=present, zero_division=0)
    )
    for kind, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        expected = score(gold, predicted, average=None, **options)
        assert [ours(f"{kind}_{label}") for label in LABELS] == pytest.approx(expected.tolist())
    assert ours("macro_f1_agree_no_claim") == pytest.approx(
        f1_score(gold, predicted, average="macro", labels=[0, 2], zero_division=0)
    )


def test_one_function_serves_a_stack_of_matrices():
    stack = np.random.default_rng(0).integers(0, 9, size=(4, 5, 3, 3))
    for name in ("macro_f1", "accuracy", "balanced_accuracy", "mcc", "macro_f1_agree_disagree", *label_metrics(LABELS)):
        function = metric(name, LABELS).function
        assert function(stack, LABELS).shape == (4, 5)
        assert function(stack, LABELS)[2, 3] == pytest.approx(float(function(stack[2, 3], LABELS)))


def test_zero_over_zero_is_zero():
    empty = np.zeros((3, 3), dtype=int)
    for name in ("macro_f1", "accuracy", "balanced_accuracy", "mcc", *label_metrics(LABELS)):
        assert metric(name).function(empty, LABELS) == 0


def test_mean_over_targets():
    counts = np.array([[[5, 0, 0], [0, 5, 0], [0, 0, 0]], [[0, 5, 0], [5, 0, 0], [0, 0, 0]]])
    assert metric("macro_f1_agree_disagree_per_target", LABELS).function(counts, LABELS) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["f1", "f1_score", "precision", "recall"])
def test_a_bare_name_is_refused_with_its_meanings(name):
    with pytest.raises(UserError, match="could mean any of"):
        metric(name)


def test_every_meaning_listed_exists():
    with pytest.raises(UserError) as refusal:
        metric("f1")
    for name in refusal.value.message.split(": ")[1].split(", "):
        assert metric(name.replace("<label>_<label>", "agree_disagree").replace("<label>", "agree"), LABELS)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("macro_f2", "did you mean 'macro_f1'"),
        ("f1_agre", "unknown label 'agre'; did you mean 'agree'.*in the metric 'f1_agre'"),
        ("macro_f1_agree_other", "names labels that the data set does not have"),
        ("macro_f1_agree_agree", "names labels that the data set does not have"),
    ],
)
def test_unknown_names_name_the_nearest(name, words):
    with pytest.raises(UserError, match=words):
        metric(name, LABELS)


def test_every_metric_says_what_it_is_and_where_from():
    for name, item in catalogue().items():
        assert item.name == name
        assert name.isascii()
        assert len(item.description) > 20, name
        assert len(item.source) > 10, name


def test_kept_totals_change_no_metric() -> None:
    labels = ("agree", "disagree", "discuss", "unrelated")
    counts = np.random.default_rng(7).integers(0, 9, size=(5, 4, 4))
    shared = Confusions.of(counts.copy())
    for name in ("macro_f1", "accuracy", "balanced_accuracy", "mcc", *label_metrics(labels), "macro_f1_agree_disagree"):
        function = metric(name, labels).function
        assert (function(shared, labels) == function(counts, labels)).all(), name
    with pytest.raises(ValueError, match="read-only"):
        shared[0, 0, 0] = 1
    assert (metric("f1_agree", labels).function(shared[1:], labels)
            == metric("f1_agree", labels).function(counts[1:], labels)).all()  # fmt: skip


@pytest.mark.parametrize("label", ["macro", "score", "positive_per_target"])
def test_a_label_may_be_called_as_a_part_of_a_metric(label):
    labels = (label, "other")
    counts = np.array([[3, 1], [2, 4]])
    for name, value in ((f"precision_{label}", 3 / 5), (f"recall_{label}", 3 / 4), (f"f1_{label}", 2 / 3)):
        assert float(metric(name, labels).function(counts, labels)) == pytest.approx(value)
    with pytest.raises(UserError, match="could mean any of"):
        metric("f1_macro", ("agree", "other"))


SETS = (("agree", "disagree", "discuss", "unrelated"), ("FAVOR", "AGAINST", "NONE"), ("support", "deny", "none"),
        ("yes", "no"), ("1", "0"), ("true", "false"), ("0", "1", "2"), ("SUBJ", "OBJ"))  # fmt: skip


@pytest.mark.parametrize("name", [name for name, item in catalogue().items() if item.needs != "ranking"])
def test_every_metric_of_a_stack_is_that_of_each_table(name):
    """Leading indices are resamples: nothing may be summed over them."""
    tried = 0
    for labels in SETS:
        try:
            item = metric(name, labels)
            shape = (3, 5, *([2] if item.needs == "target_confusion" else []), len(labels), len(labels))
            stack = np.random.default_rng(3).integers(0, 9, size=shape)
            found = item.function(stack, labels)
        except UserError:
            continue  # of other labels
        tried += 1
        alone = [[float(item.function(table, labels)) for table in row] for row in stack]
        assert np.asarray(found).shape == (3, 5), (name, labels)
        assert found == pytest.approx(np.array(alone)), (name, labels)
    assert tried, name


def test_a_package_s_metric_is_rehearsed_on_counts_of_its_kind():
    """Of a ranking relevance of six rows, of targets two matrices, each with a resample more than any size of it."""
    seen = {}

    def watch(needs, function):
        def foreign(counts, labels):
            seen.setdefault(needs, counts)
            return function(counts)

        foreign.__module__ = "desk"
        rehearse(Metric("desk", _watched(foreign, "desk", needs), needs, "", ""), LABELS)

    watch("confusion", lambda counts: counts[..., 0, 0])
    watch("target_confusion", lambda counts: counts[..., 0, 0, 0])
    watch("ranking", lambda counts: counts[..., 0])
    assert {needs: counts.shape for needs, counts in seen.items()} == {
        "confusion": (10, 3, 3), "target_confusion": (10, 2, 3, 3), "ranking": (10, 6),
    }  # fmt: skip
    assert set(seen["ranking"].ravel().tolist()) == {0, 1}
    assert seen["confusion"].min() == 1, "every label occurs"
    for needs, wrong in (("ranking", lambda counts: counts[..., 0, 0]), ("confusion", lambda counts: counts[..., 0])):
        with pytest.raises(UserError, match=r"shape \(10,?( 3)?\)|raised IndexError|gives an array"):
            watch(needs, wrong)
    nobody = Metric("desk", lambda counts, labels: 1 / 0, "confusion", "", "")
    nobody.function.__module__ = "naba.evaluation.metrics"
    rehearse(nobody, LABELS)
