"""Checking experiments: all problems are reported at once, and every YAML of the repository is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compositions import composed
from naba import config
from naba.config import overrides as command_line
from naba.errors import Problems, UserError


def compose(*overrides: str) -> object:
    return command_line.compose(overrides)


def problems(*arguments: str, multirun: bool = False) -> list[str]:
    with pytest.raises(Problems) as caught:
        command_line.plan(arguments, multirun=multirun)
    return caught.value.problems


OWN = {"file", "hub"}


@pytest.mark.parametrize("name", [name for name in config.names("dataset") if name not in OWN])
def test_every_dataset_yaml_is_valid(name: str) -> None:
    dataset = config.dataset_config(name)
    assert dataset.name == name
    assert dataset.licence
    assert dataset.citation
    composed = compose(f"dataset={name}", "model=majority")
    if dataset.columns.label is None:
        with pytest.raises(Problems, match="has no labels: nothing can be trained"):
            config.check(composed)
    else:
        assert config.check(composed).dataset == dataset


@pytest.mark.parametrize("name", config.names("model"))
def test_every_model_yaml_is_valid(name: str) -> None:
    section = config.section("model", name)
    assert section["name"] == name
    assert section["description"]
    assert composed(name).settings.model["name"] == name


@pytest.mark.parametrize("group", ["split", "normalisation", "evaluation", "tracking"])
def test_every_other_yaml_composes(group: str) -> None:
    for name in config.names(group):
        composed = compose(f"{group}={name}")
        assert composed[group]  # type: ignore[index]


# The slow suite plans the others.
PLANNED = {"quickstart"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in PLANNED else pytest.mark.slow) for name in config.names("experiment")],
)
def test_every_experiment_plans(name: str) -> None:
    plan = command_line.plan([f"+experiment={name}"], multirun=True)
    assert plan.multirun
    assert plan.jobs >= 1


def test_experiment_without_plus_is_understood() -> None:
    plan = command_line.plan(["experiment=quickstart"], multirun=False)
    assert "+experiment=quickstart" in plan.overrides
    assert plan.multirun
    assert plan.jobs == 12


def test_command_line_replaces_what_an_experiment_sweeps() -> None:
    plan = command_line.plan(["+experiment=quickstart", "seed=5", "model=majority"], multirun=True)
    assert plan.jobs == 2


def test_every_kind_of_problem_is_found() -> None:
    found = problems(
        "dataset=synthetic_stance", "model=tfidf_logreg", "model.CC=1", "model.C=-1", "seed=soon",
        "evaluation.resamples=0", "evaluation.also=[article_stanse]", "dataset.primary_metric=macro_f2",
        "evaluation.confidence=2", "tracking.nmae=off", "normalisation.tatwel=true",
    )  # fmt: skip
    text = "\n".join(found)
    assert "unknown key 'model.CC'; did you mean 'model.C'" in text
    assert "model.C: expected greater than 0, got -1" in text
    assert "seed: " in text
    assert "evaluation.resamples: expected greater than 0, got 0" in text
    assert "evaluation.confidence: expected less than 1, got 2" in text
    assert "did you mean 'tracking.name'" in text
    assert "tatweel" in text
    assert len(found) >= 7


def test_names_are_checked_once_types_are_right() -> None:
    text = "\n".join(problems("evaluation.also=[article_stanse]", "dataset.primary_metric=macro_f2"))
    assert "did you mean 'article_stance'" in text
    assert "macro_f1" in text


def test_bare_f1_is_refused() -> None:
    assert any("f1" in problem for problem in problems("evaluation.metrics=[f1]"))


def test_further_data_set_of_another_task_is_refused() -> None:
    found = problems("dataset=synthetic_claim_type", "evaluation.also=[article_stance]")
    assert any("is a stance data set" in problem for problem in found)


def test_arabic_on_the_command_line() -> None:
    found = problems("dataset.title=نص")
    assert "in quotes" in found[0]
    assert "\"dataset.title='نص'\"" in found[0]
    plan = command_line.plan(["dataset.title='نص عربي'", "dataset.labels.agree='مؤيد'"], multirun=False)
    composed = compose(*plan.overrides)
    assert composed.dataset.title == "نص عربي"  # type: ignore[attr-defined]


def test_several_values_need_multirun() -> None:
    assert any("need -m" in problem for problem in problems("seed=0,1"))
    assert command_line.plan(["seed=0,1", "model=majority,tfidf_nb"], multirun=True).jobs == 4


@pytest.mark.parametrize("depth", [21, 300, 1000])
@pytest.mark.parametrize(("key", "opened", "value", "closed"), [("model.alpha", "[", "", "]"), ("+x", "{a:", "1", "}")])
def test_values_nested_beyond_all_measure_are_one_message(
    key: str, opened: str, value: str, closed: str, depth: int
) -> None:
    deep = f"{key}={opened * depth}{value}{closed * depth}"
    with pytest.raises(UserError) as caught:
        command_line.plan(["model=tfidf_nb", deep], multirun=False)
    assert "nested too deeply" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "swept", [["seed=range(1000000000)"], ["seed=range(1000)", "model.alpha=range(1,102)"]]
)  # fmt: skip
def test_a_sweep_beyond_all_measure_is_refused_at_once(swept: list[str]) -> None:
    with pytest.raises(UserError, match="more than 100,000 jobs in one sweep"):
        command_line.plan(["model=tfidf_nb", *swept], multirun=True)


def test_all_swept_values_are_checked() -> None:
    found = problems("model.C=1.0,-2.0", "model=tfidf_logreg,tfidf_logrek", multirun=True)
    text = "\n".join(found)
    assert "got -2.0" in text
    assert "did you mean 'tfidf_logreg'" in text


def test_pair_task_for_single_text_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    text = Path(config.yaml_path("model", "majority")).read_text(encoding="utf-8")
    changed = text.replace("name: majority", "name: headline_only").replace("[single, pair]", "[single]")
    (tmp_path / "model" / "headline_only.yaml").write_text(changed, encoding="utf-8")
    monkeypatch.setenv("NABA_CONF", str(tmp_path))
    found = problems("dataset=synthetic_stance", "model=headline_only")
    assert len(found) == 1
    assert "takes single input" in found[0]
    assert "tfidf_logreg" in found[0]
    assert command_line.plan(["dataset=synthetic_claim_type", "model=headline_only"], multirun=False).jobs == 1


def test_a_builder_that_does_not_exist_is_refused() -> None:
    assert any("the package 'os' is not allowed" in problem for problem in problems("model.builder=os.system"))
    assert any("unknown key 'model._target_'" in problem for problem in problems("model._target_=os.system"))


def test_unknown_key_inside_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "dataset"
    folder.mkdir()
    text = config.yaml_path("dataset", "article_stance").read_text(encoding="utf-8")
    (folder / "mine.yaml").write_text(text.replace("licence:", "license:"), encoding="utf-8")
    monkeypatch.setenv("NABA_CONF", str(tmp_path))
    with pytest.raises(Problems, match=r"mine\.yaml") as caught:
        config.dataset_config("mine")
    assert "did you mean 'licence'" in str(caught.value)


def test_broken_yaml_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "broken.yaml").write_text("name: [unclosed", encoding="utf-8")
    monkeypatch.setenv("NABA_CONF", str(tmp_path))
    with pytest.raises(UserError, match=r"broken\.yaml"):
        config.dataset_config("broken")


IDENTITY = """
import json
from naba import config
from naba.config import overrides as command_line
settings = config.check(command_line.compose(["dataset=ans_stance", "seed={seed}", *{more}]))
known = config.identify(settings, "f" * 64)
print(json.dumps([known.run, known.cell]))
"""


def identity(seed: int = 0, more: tuple[str, ...] = (), hash_seed: str = "0") -> tuple[str, str]:
    program = IDENTITY.format(seed=seed, more=list(more))
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, encoding="utf-8"
    )
    run, cell = json.loads(done.stdout)
    return run, cell


def test_identity_is_the_same_in_every_process() -> None:
    run, cell = identity()
    assert identity(hash_seed="77") == (run, cell)


def test_options_of_an_encoder_are_checked() -> None:
    text = "\n".join(problems("model=encoder_small", "model.training.epocs=3", "model.training.learning_rate=fast"))
    assert "unknown key 'model.training.epocs'; did you mean 'model.training.epochs'" in text
    assert "model.training.learning_rate: expected a valid number, got 'fast'" in text


def test_a_model_inside_another_can_be_chosen() -> None:
    plan = command_line.plan(["model=calibrated", "model@model.classifier=tfidf_svm"], multirun=False)
    composed = compose(*plan.overrides)
    assert composed.model.classifier.name == "tfidf_svm"  # type: ignore[attr-defined]
    config.check(composed)


def test_what_naba_says_of_a_launcher_hydra_does_not_say_again() -> None:
    found = problems("hydra/launcher=job")
    assert len(found) == 1
    assert "unknown hydra/launcher 'job'; did you mean 'joblib'" in found[0]
    (only,) = problems("hydra/sweeper=optuna")
    assert "unknown hydra/sweeper 'optuna'" in only


def test_a_message_of_hydra_is_one_line() -> None:
    with pytest.raises(UserError) as caught:
        compose("model=nothing_of_this_name")
    assert len(caught.value.message.splitlines()) == 1
    assert len(caught.value.message) < 120


def test_without_arguments_the_defaults_are_known() -> None:
    chosen = command_line.defaults()
    assert chosen["dataset"] == "synthetic_stance"
    assert chosen["model"] == "tfidf_logreg"
    assert set(chosen) <= set(config.GROUPS)


def test_what_would_fail_at_the_end_is_refused_before_the_start() -> None:
    """A store, a metric's name or a file system would refuse these when the training is over."""
    text = "\n".join(
        problems(
            "dataset=synthetic_stance", "model=majority", "model.name='my/model'", "normalisation.name='a b'",
        )
    )  # fmt: skip
    assert "model.name: expected up to 80 ASCII letters" in text
    assert "normalisation.name: expected up to 80 ASCII letters" in text
    for name in ("../elsewhere", "a/b", ".hidden", "x" * 121):
        assert any("tracking.experiment: expected" in one for one in problems(f"tracking.experiment='{name}'"))
    assert any("stands there twice" in one for one in problems("evaluation.also=[article_stance,article_stance]"))
    long = [f"label{number:02d}{'x' * 60}" for number in range(4)]
    labels = [f"++dataset.labels.{label}={label}" for label in long]
    found = problems(*labels, f"evaluation.metrics=[macro_f1_{'_'.join(long)}]")
    assert any("too long to be tracked" in one for one in found)


def test_a_further_set_is_not_called_as_numbers_of_another_kind_are() -> None:
    for name in ("interval", "time", "validation"):
        found = problems(f"evaluation.also=[{name}]")
        assert any("could not be told from others" in one for one in found)
    assert any("expected at most 80 characters" in one for one in problems(f"++dataset.labels.{'y' * 81}=x"))


def test_a_data_set_without_labels_or_folds_is_refused_before_it_is_loaded() -> None:
    assert any("has no labels" in one for one in problems("dataset=saudinewsnet"))
    (only,) = problems("dataset=ans_stance", "split=official_folds")
    assert "unknown column 'fold'" in only
    (only,) = problems("dataset=ans_stance", "split=grouped", "split.column=topics")
    assert "split.column: unknown column 'topics'" in only
    command_line.plan(["dataset=unifiedfc_stance", "split=official_folds"], multirun=False)
    command_line.plan(["dataset=arabicstancex", "split=leave_one_out", "split.column=topic", "split.held_out=Neom"],
                      multirun=False)  # fmt: skip
