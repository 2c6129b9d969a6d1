"""What a search found: which trial is the best, what its YAML says, and how far to believe it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
import yaml

from naba import config, tracking
from naba.config.builders import Space
from naba.config.overrides import compose
from naba.errors import UserError
from naba.evaluation import metrics
from naba.evaluation.optimism import nested_estimate
from naba.evaluation.predictions import Predictions, objects
from naba.experiment import tuned
from naba.experiment.tune import Search
from naba.experiment.tuned import Tuned

if TYPE_CHECKING:
    from collections.abc import Sequence

SPACES = {"C": Space(low=0.1, high=10.0), "words": Space(choices=(1, 2))}
WHERE = {"C": optuna.distributions.FloatDistribution(0.1, 10.0),
         "words": optuna.distributions.CategoricalDistribution([1, 2])}  # fmt: skip


@pytest.fixture(scope="module")
def settings() -> Any:
    return config.check(compose(["dataset=synthetic_stance", "model=tfidf_logreg", "model.words=2"]))


def study(values: Sequence[float | None], options: Sequence[dict[str, Any]] | None = None) -> optuna.Study:
    """A study of trials with these values; None for one that was ended early, of which Optuna keeps the last report."""
    found = optuna.create_study(direction="maximize")
    for place, value in enumerate(values):
        state = optuna.trial.TrialState.PRUNED if value is None else optuna.trial.TrialState.COMPLETE
        params = {"C": 1.0 + place, "words": 2} if options is None else options[place]
        found.add_trial(optuna.trial.create_trial(
            state=state, value=0.99 if value is None else value, params=params,
            distributions={option: WHERE[option] for option in params},
            user_attrs={"runs": [f"run{place}"]},
        ))  # fmt: skip
    return found


def searched(settings: Any, values: Sequence[float | None], **more: Any) -> Tuned:
    options = more.pop("options", None)
    return Tuned(Search(("model=tfidf_logreg",), settings, SPACES, study="s-1", **more), study(values, options))


@pytest.mark.parametrize(
    ("values", "best", "complete"),
    [
        ([0.5, 0.7, 0.6], 1, 3),
        ([0.5, 0.7, 0.7], 1, 3),
        ([0.7, None, 0.7], 0, 2),
        ([None, 0.2], 1, 1),
        ([-0.5, -0.3, -0.4], 1, 3),
    ],
)
def test_the_best_is_complete_and_of_equals_the_first(
    values: list[float | None], best: int, complete: int, settings: Any
) -> None:
    found = searched(settings, values)
    assert (found.best.number, len(found.complete)) == (best, complete)


def test_a_score_of_nothing_is_nothing(settings: Any) -> None:
    found = searched(settings, [0.0])
    assert (found.score(found.best), found.default_score) == (0.0, None)


def test_the_page_lies_in_naba_s_home_and_its_bars_have_the_greatest_on_top(settings: Any, own_home: Path) -> None:
    found = searched(settings, [0.5])
    found.__dict__["importance"] = {"C": 0.75, "words": 0.25}
    found.__dict__["nested"] = None
    path = found.page()
    assert path == own_home / "tune" / "s-1.html"
    assert path.read_text(encoding="utf-8") == found.html()
    figure = found._importance()
    bars = figure.axes[0].containers[0]
    assert [bar.get_width() for bar in bars] == [0.25, 0.75], "drawn from below"
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["words", "C"]
    assert figure.get_figheight() == pytest.approx(1.4)


def test_a_line_of_the_page_has_the_score_and_the_options_in_three_digits(settings: Any) -> None:
    found = searched(settings, [0.51234, None], options=[{"C": 1.23456, "words": 2}, {"C": 3.0}])
    assert [found._cells(trial) for trial in found.study.get_trials()] == [["0.512", "1.23", "2"], ["0.990", "3", ""]]


def test_without_a_complete_trial_there_is_no_best(settings: Any) -> None:
    with pytest.raises(UserError, match="has no complete trial yet"):
        _ = searched(settings, [None]).best


def test_a_loss_is_shown_as_a_loss(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study maximises the loss with its sign turned."""
    monkeypatch.setattr(metrics, "METRICS", dict(metrics.METRICS))

    @metrics.register("by hand", higher_is_better=False)
    def error_rate(counts: Any, labels: Any) -> Any:
        """Share of rows answered wrongly."""
        return 1 - metrics.accuracy(counts, labels)

    dataset = dataclasses.replace(settings.dataset, primary_metric="error_rate")
    found = searched(dataclasses.replace(settings, dataset=dataset), [-0.4, -0.25])
    assert (found.best.number, found.score(found.best)) == (1, 0.25)
    assert found._said().startswith("error_rate on validation rows, mean of 3 seeds: 0.250")
    lines = found._history().axes[0].get_lines()
    assert lines[1].get_ydata().tolist() == [0.4, 0.25]


def test_the_default_is_the_trial_with_the_models_own_options(settings: Any) -> None:
    own = {"C": settings.model["C"], "words": 2}
    other = {"C": 9.0, "words": 2}
    found = searched(settings, [0.8, 0.6, 0.7], options=[other, own, own])
    assert found.default_score == 0.6
    assert found._said() == "macro_f1 on validation rows, mean of 3 seeds: 0.800, the defaults 0.600."
    alone = searched(settings, [0.8], options=[other], seeds=1)
    assert alone.default_score is None
    assert alone._said() == "macro_f1 on validation rows, mean of 1 seed: 0.800."
    assert [len(one._history().axes[0].get_lines()) for one in (found, alone)] == [3, 2]


@pytest.mark.parametrize(
    ("values", "known"),
    [([0.1, 0.2, 0.3, 0.3, 0.3], True), ([0.1, 0.2, 0.3, 0.3], False), ([0.1, 0.2, 0.2, 0.2, 0.2], False)],
)
def test_importance_needs_five_trials_and_three_scores(values: list[float], known: bool, settings: Any) -> None:
    options = [{"C": 1.0 + place, "words": 1 + place % 2} for place in range(len(values))]
    found = searched(settings, values, options=options).importance
    assert bool(found) is known
    assert sum(found.values()) == pytest.approx(1 if known else 0)


def test_the_yaml_has_what_was_found_and_what_differs_from_the_builder(settings: Any) -> None:
    found = searched(settings, [0.5, 0.7, None], options=[{"C": 1.0, "words": 1}, {"C": 3.5, "words": 1},
                                                          {"C": 2.0, "words": 2}])  # fmt: skip
    text = found.yaml("mine")
    first, second, *_ = text.splitlines()
    assert first.startswith("# Found by naba tune (s-1, tpe): 3 trials of C: ")
    assert "0.700" in second
    content = yaml.safe_load(text)
    assert (content["name"], content["builder"], content["accepts"]) == (
        "mine", "tfidf_logreg", list(settings.model["accepts"]),
    )  # fmt: skip
    assert (content["C"], content["words"]) == (3.5, 1)
    assert list(content)[:4] == ["name", "accepts", "description", "builder"]
    assert "minimum_count" not in content, "the builder's own default"
    assert settings.model["words"] == 2, "the settings of the search stay"


@dataclasses.dataclass
class Inner:
    epochs: int = 3
    rate: float = 0.1


@dataclasses.dataclass
class Outer:
    needed: str
    size: int = 2
    names: list[str] = dataclasses.field(default_factory=list)
    training: Inner = dataclasses.field(default_factory=Inner)


@pytest.mark.parametrize(
    ("model", "changed"),
    [
        ({"needed": "x", "size": 2, "names": [], "training": {"epochs": 3, "rate": 0.1}}, {"needed": "x"}),
        (
            {"needed": "x", "size": 3, "names": ["a"], "training": {"epochs": 3, "rate": 0.2}},
            {"needed": "x", "size": 3, "names": ["a"], "training": {"rate": 0.2}},
        ),
    ],
)
def test_groups_of_options_say_what_differs_in_them(model: dict[str, Any], changed: dict[str, Any]) -> None:
    assert tuned._changed(model, Outer) == changed


# --- how far to believe it


def answers(right: float, seed: int) -> Predictions:
    gold = np.tile([0, 1], 40)
    predicted = np.where(np.random.default_rng(seed).random(80) < right, gold, 1 - gold)
    names = np.array(["a", "b"], dtype=object)
    return Predictions([str(row) for row in range(80)], names[gold], objects(names[predicted].tolist()),
                       np.eye(2)[predicted], ("a", "b"))  # fmt: skip


def test_what_is_to_be_expected_is_estimated_from_the_validation_rows_of_every_seed(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {f"run{place}": answers(0.6 + place / 20, place) for place in range(3)}
    asked: list[str] = []

    def run(name: str) -> Any:
        return SimpleNamespace(predictions=lambda section: asked.append(section) or kept[name])

    monkeypatch.setattr(tracking, "Store", lambda _: SimpleNamespace(find=run))
    found = searched(settings, [0.6, None, 0.7])
    expected = nested_estimate([[kept["run0"]], [kept["run2"]]], "macro_f1")
    assert expected is not None
    assert found.nested == expected
    assert asked == ["validation"] * 2
    assert (
        f"to be expected on other rows {expected.value:.3f} [{expected.low:.3f}, {expected.high:.3f}]" in found._said()
    )
    assert searched(settings, [0.6]).nested is None, "nothing was chosen"


def test_runs_that_are_gone_leave_it_unknown(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> Any:
        raise UserError(f"there is no run '{name}'")

    monkeypatch.setattr(tracking, "Store", lambda _: SimpleNamespace(find=gone))
    found = searched(settings, [0.6, 0.7])
    assert found.nested is None
    assert "cannot be estimated" in found.html()
    assert "<td>0.700</td>" in found.html()


# --- where it goes


def test_a_winner_takes_its_own_place_and_no_other(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    monkeypatch.setenv("NABA_CONF", ":".join(map(str, folders)))
    for folder in folders:
        folder.mkdir()
    found = searched(settings, [0.6])
    path = found.write("mine")
    assert path == folders[0] / "model" / "mine.yaml"
    assert path.read_text(encoding="utf-8") == found.yaml("mine")
    found.write("mine")
    path.write_text("name: mine\n", encoding="utf-8")
    with pytest.raises(UserError, match="there is a model 'mine' already"):
        found.write("mine")
    with pytest.raises(UserError, match="there is a model 'tfidf_svm' already"):
        found.write("tfidf_svm")
    monkeypatch.delenv("NABA_CONF")
    monkeypatch.chdir(tmp_path)
    assert tuned.place("other") == Path("conf/model/other.yaml")


@pytest.mark.parametrize(
    ("name", "good"),
    [("a", True), ("a" * 80, True), ("a" * 81, False), ("a b", False), ("-a", False), ("نموذج", False), ("a/b", False),
     ("x.1_y-z", True)],
)  # fmt: skip
def test_a_model_s_name_is_a_file_s(name: str, good: bool) -> None:
    if good:
        assert tuned.place(name).name == f"{name}.yaml"
        return
    with pytest.raises(UserError, match="a model's name is made of"):
        tuned.place(name)
