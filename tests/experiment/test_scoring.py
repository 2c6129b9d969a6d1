"""A model of one label scheme on data of another: what it says, and how often it reads the data for that."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from naba.experiment.result import Section

from calls import rows_given
from naba.config.schema import DataConfig, DatasetConfig, EvaluationConfig, SplitConfig
from naba.data import splits
from naba.data.dataset import assemble
from naba.data.splits import Split
from naba.errors import UserError
from naba.evaluation.bootstrap import Score, scores
from naba.evaluation.predictions import Predictions, objects
from naba.experiment import scoring
from naba.experiment.job import Stopwatch
from naba.experiment.scoring import Relabelled
from naba.models import tfidf_nb, tfidf_svm
from naba.models.calibration import Calibrated
from naba.models.classifier import Answers, Classifier
from naba.models.tfidf.features import TextFeatures

if TYPE_CHECKING:
    from naba.data.dataset import Dataset

NAMES = {"agree": "true", "discuss": "other", "unrelated": "other"}


def table() -> tuple[pd.DataFrame, np.ndarray]:
    words = {"agree": "ارتفاع صعود زيادة", "discuss": "انخفاض هبوط زيادة", "unrelated": "مباراة هدف صعود"}
    places = ["مصر", "الأردن", "تونس", "المغرب", "العراق", "لبنان"]
    rows = [(f"{word} {place}", label) for label, three in words.items() for word in three.split() for place in places]
    texts, labels = zip(*rows, strict=True)
    return pd.DataFrame({"text": texts, "target": [""] * len(texts)}, dtype=object), np.array(labels, dtype=object)


@pytest.mark.parametrize(
    ("model", "validated", "kind"),
    [
        (tfidf_svm(), False, "calibrated"),
        (Calibrated(tfidf_nb()), True, "calibrated"),
        (Calibrated(tfidf_nb(), "isotonic"), True, "calibrated"),
        (tfidf_nb(), False, "model"),
    ],
)
def test_one_reading_gives_the_renamed_labels_and_the_added_probabilities(
    model: Any, validated: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = table()
    model.fit(X, y, **({"validation": (X[::2], y[::2])} if validated else {}))
    carried = Relabelled(model, NAMES)
    assert carried.probability_kind_ == kind
    given = model.predict_proba(X)
    expected = np.column_stack([given[:, 1] + given[:, 2], given[:, 0]])
    labels = np.array([NAMES[label] for label in model.predict(X)], dtype=object)
    assert carried.predict(X).tolist() == labels.tolist()
    if kind == "model":
        # Two labels that become one may together be the most probable one.
        labels = np.array(["other", "true"], dtype=object)[expected.argmax(axis=1)]
    read = rows_given(monkeypatch, TextFeatures, "transform")
    said = carried.answer(X)
    found, probabilities = said.labels, said.probabilities
    assert read == [len(X)]
    assert found.tolist() == labels.tolist()
    assert probabilities.tobytes() == expected.tobytes()
    assert len(set(labels)) == 2


# --- what is scored on which rows

COUNTRIES = ["مصر", "الأردن", "تونس", "المغرب"]


def dataset(name: str, labels: str, split: str = "", texts: dict[int, str] | None = None, **config: Any) -> Dataset:
    """A letter a row: label and split; each text says its row."""
    names = {"t": "train", "v": "validation", "e": "test", " ": ""}
    rows = len(labels)
    scheme = config.pop("scheme", {label: label.upper() for label in sorted(set(labels))})
    table = {
        "id": [f"{name}{row}" for row in range(rows)],
        "text": [(texts or {}).get(row, f"خبر من {COUNTRIES[row % 4]} {name} {row}") for row in range(rows)],
        "target": [""] * rows,
        "label": list(labels),
        "group": [""] * rows,
        "split": [names[one] for one in split.ljust(rows)],
        "outlet": [f"o{row % 3}" for row in range(rows)],
    }
    # Named slices are columns of the set.
    return replace(
        assemble(DatasetConfig(name, "stance", scheme, config.pop("metric", "macro_f1"), **config), table, ("outlet",)),
        slices=("outlet",),
    )


def job(data: Dataset, **evaluation: Any) -> Any:
    settings = SimpleNamespace(
        evaluation=EvaluationConfig(**{"resamples": 50, **evaluation}), data=DataConfig(),
        dataset=SimpleNamespace(label_source="people"),
    )  # fmt: skip
    return SimpleNamespace(dataset=data, settings=settings, watch=Stopwatch())


class Says(Classifier):
    """Gives each row the label that a table has for its text, and all others none of the probability."""

    def __init__(self, said: dict[str, str], labels: str, kind: str = "model") -> None:
        self.said, self.probability_kind_ = said, kind
        self.classes_ = np.array(list(labels), dtype=object)

    def answer(self, X: pd.DataFrame) -> Answers:
        labels = np.array([self.said.get(text, self.classes_[0]) for text in X["text"]], dtype=object)
        return Answers(labels, (labels[:, None] == self.classes_).astype(float), None, None)


def test_validation_rows_validate_and_test_rows_test() -> None:
    data = dataset("toy", "abababab", "ttttvvee")
    model = Says({data.columns["text"][4]: "b"}, "ab")
    split = splits.make(data, SplitConfig(), 0)
    found = scoring.sections(job(data, confidence=0.5), split, model)
    assert {name: section.predictions.ids.tolist() for name, section in found.items()} == {
        "validation": ["toy4", "toy5"], "test": ["toy6", "toy7"],
    }  # fmt: skip
    assert [section.primary.value for section in found.values()] == pytest.approx([0, 1 / 3])
    assert found["test"].rows["text"].tolist() == data.columns["text"][6:].tolist()
    assert found["test"].columns["outlet"] == ["o0", "o1"]
    assert len(found["test"].columns["length"]) == 2
    lone = splits.make(dataset("toy", "abab", "ttee"), SplitConfig(), 0)
    assert list(scoring.sections(job(data), lone, model)) == ["test"]


def test_the_primary_metric_is_first_no_score_stands_twice_and_intervals_are_as_asked() -> None:
    data = dataset("toy", "ab" * 20, "t" * 20 + "e" * 20, metric="f1_a", metrics=["accuracy"])
    rows = data.indices("test")
    predictions = Predictions.of(data, rows, Says(dict.fromkeys(data.columns["text"][20:30], "b"), "ab"))
    wanted = scoring._metrics(job(data, metrics=["mcc", "f1_a"]), data)
    assert wanted == ("f1_a", "accuracy", "mcc", "f1_a")
    for confidence in (0.95, 0.5):
        options = EvaluationConfig(resamples=300, confidence=confidence)
        found = scoring.score_section("test", options, data, rows, predictions, wanted)
        names = ["f1_a", "accuracy", "mcc", "macro_f1", "balanced_accuracy", "precision_a", "recall_a",
                 "precision_b", "recall_b", "f1_b"]  # fmt: skip
        assert [score.name for score in found.scores] == names
        assert found.primary_metric == "f1_a"
        assert found.scores == scores(predictions, names, resamples=300, confidence=confidence)
    other = dataset("other", "abc", metric="mcc")
    assert scoring._metrics(job(data), other)[0] == "mcc", "a set of other labels is judged by its own metric"
    assert scoring._metrics(job(data), dataset("same", "ab", metric="mcc"))[0] == "f1_a"


def test_a_metric_that_cannot_be_had_is_refused_before_the_training() -> None:
    data = dataset("toy", "abababab", "ttttvvee")
    split = splits.make(data, SplitConfig(), 0)
    scoring.check(job(data, metrics=["mcc"]), split)
    with pytest.raises(UserError, match="groups"):
        scoring.check(job(data, metrics=["accuracy_per_target"]), split)


def test_further_sets_are_scored_on_their_test_rows_or_on_all_of_their_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset("toy", "abababab", "ttttvvee")
    seen = dict(enumerate(data.columns["text"][:2]))
    others = {
        "other": dataset("other", "abababa", "tttteee"),
        "folded": dataset("folded", "ababa", protocol="official_folds"),
        "none": dataset("none", "abab", "ttvv"),
        "seen": dataset("seen", "abab", "eeee", seen),
        "turned": dataset("turned", "abab", "eett", {2: seen[0], 3: seen[1]}),
    }
    monkeypatch.setattr("naba.config.dataset_config", lambda name: name)
    monkeypatch.setattr("naba.data.dataset.load", lambda name, _: others[name])
    split = splits.make(data, SplitConfig(), 0)
    found = scoring.further_sections(job(data), split, Says({}, "ab"), ["folded", "other", "turned"])
    assert {name: len(section.predictions) for name, section in found.items()} == {"folded": 5, "other": 3, "turned": 2}
    with pytest.raises(UserError, match="dataset 'none' has no test rows"):
        scoring.further_sections(job(data), split, Says({}, "ab"), ["none"])
    with pytest.raises(UserError, match="2 of the 4 test rows of 'seen' are in the training part of 'toy'"):
        scoring.further_sections(job(data), split, Says({}, "ab"), ["seen"])


@pytest.mark.parametrize(
    ("trained", "other", "maps", "outcome"),
    [
        ("abc", "abc", {}, "same"),
        ("abc", "ab", {}, "gold"),
        ("ab", "abc", {"trained": {"c": "b"}}, "gold"),
        ("abc", "ab", {"other": {"c": "b"}}, "gold"),  # each of its labels has a place already
        ("abc", "abd", {"other": {"c": "d"}}, "answers"),
        ("abc", "abd", {"other": {"c": None}}, "neither"),
        ("abc", "abd", {}, "neither"),
    ],
)
def test_the_scheme_in_which_a_model_meets_other_data(
    trained: str, other: str, maps: dict[str, dict[str, str]], outcome: str
) -> None:
    mine = dataset("mine", trained, label_map=maps.get("trained", {}))
    data = dataset("other", other, label_map={k: v for k, v in maps.get("other", {}).items() if v})
    model = Says({}, trained)
    if outcome == "neither":
        with pytest.raises(UserError, match=r"d of other have no place in mine, c of mine have none in other"):
            scoring.carry(mine, data, model)
        return
    answering, scored = scoring.carry(mine, data, model)
    assert isinstance(answering, Relabelled) is (outcome == "answers")
    assert scored.labels == (data.labels if outcome == "answers" else mine.labels)
    if outcome == "answers":
        assert answering.names == {"a": "a", "b": "b", "c": "d"}  # type: ignore[attr-defined]


# --- what a reader has to know


def section(labels: str, gold: str, said: str, outcomes: list[str] | None = None) -> Section:
    predicted = objects([one.strip() for one in said])
    certain = np.array([[float(one == label) for label in labels] if one else [1 / len(labels)] * len(labels)
                        for one in predicted])  # fmt: skip
    predictions = Predictions([str(row) for row in range(len(gold))], objects(list(gold)), predicted, certain,
                              tuple(labels), outcomes=None if outcomes is None else objects(outcomes))  # fmt: skip
    return Section(
        "further", predictions, scores(predictions, ["accuracy"], resamples=10), pd.DataFrame(), {}, "accuracy"
    )


@pytest.mark.parametrize(("rows", "warned"), [(19, True), (20, False)])
def test_small_classes_of_further_sets_are_named(rows: int, warned: bool) -> None:
    data = dataset("toy", "abab", "ttee")
    split = splits.make(data, SplitConfig(), 0)
    found = {"further": section("ab", "a" * 30 + "b" * rows, "a" * (30 + rows))}
    said = scoring.warnings(job(data, also=["further"]), split, found)
    assert said == (["further has few rows of b 19: macro scores swing with them"] if warned else [])
    assert scoring.warnings(job(data), split, found) == [], "the set's own rows are warned of by the checks"


def test_what_was_not_answered_and_which_labels_were_not_trained_is_said() -> None:
    data = dataset("toy", "aabbc", "ttvve")
    split = Split(np.array([0, 1]), np.array([2, 3]), np.array([4]), "given")
    silent = section("abc", "abca", "a  c", ["answered", "refused", "error", "answered"])
    said = scoring.warnings(job(data), split, {"further": silent})
    assert said == [
        "further: rows without an answer count as wrong: refused 25.0%, error 25.0%",
        "further: the server failed on some rows; force=true asks those again, and no others",
        "no training rows of b, c",
    ]
    undefined = replace(silent, predictions=section("ab", "ab", "ab").predictions,
                        scores=[Score("desk", float("nan"), 0, 0, 2)])  # fmt: skip
    models = job(data)
    models.settings.dataset.label_source = "language_model"
    assert scoring.warnings(models, Split(np.arange(5), *split_parts(), "given"), {"test": undefined}) == [
        "labels of toy were given by language models; no person has checked them",
        "further: desk not defined on these rows (nan)",
    ]


def split_parts() -> tuple[np.ndarray, np.ndarray]:
    return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)


def test_a_row_without_an_answer_stays_without_one_under_new_names() -> None:
    class Silent(Says):
        def answer(self, X: pd.DataFrame) -> Answers:
            return replace(super().answer(X), labels=np.array(["", "b"], dtype=object))

    carried = Relabelled(Silent({}, "ab", "calibrated"), {"a": "x", "b": "y"})
    assert carried.predict(pd.DataFrame({"text": ["1", "2"]})).tolist() == ["", "y"]
    assert carried.predict_proba(pd.DataFrame({"text": ["1", "2"]})).tolist() == [[1, 0], [1, 0]]
