"""From a model's YAML to an estimator."""

import pytest
import yaml
from sklearn.base import clone

from naba.arabic.normalise import NEWS
from naba.errors import UserError
from naba.files import shipped
from naba.models import build

LOGREG = {
    "name": "tfidf_logreg",
    "accepts": ["single", "pair"],
    "description": "x",
    "builder": "tfidf_logreg",
}
GIVEN = {"seed": 7, "normalisation": NEWS, "pair": False}


def test_builds_what_the_yaml_says():
    model = build(LOGREG | {"C": 2.0, "words": 1}, seed=7, normalisation=NEWS, pair=True)
    assert model.classifier.C == 2.0
    assert model.features.words == 1
    assert model.features.pair is True
    assert model.features.normalisation == NEWS


def test_the_seed_reaches_the_models_that_draw():
    svm = LOGREG | {"builder": "tfidf_svm"}
    assert build(svm, **GIVEN).classifier.random_state == 7
    stratified = {"name": "s", "builder": "stratified_random"}
    assert build(stratified, **GIVEN).seed == 7


@pytest.mark.parametrize("name", ["majority", "stratified_random", "tfidf_logreg", "tfidf_svm", "tfidf_nb"])
def test_every_yaml_builds_and_spells_out_its_defaults(name):
    config = yaml.safe_load((shipped("conf") / "model" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert config["name"] == name
    model = build(config, **GIVEN)
    bare = build({"builder": config["builder"]}, **GIVEN)
    assert repr(clone(model)) == repr(bare)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"builder": "os.system"}, "builder 'os.system': the package 'os' is not allowed"),
        ({"builder": ["tfidf_svm"]}, "expected a name, one of"),
        ({"_target_": "os.system"}, "unknown key 'model._target_'"),
        ({"builder": "tfidf_svn"}, "did you mean 'tfidf_svm'"),
        ({"max_itr": 3}, r"did you mean 'model\.max_iter'"),
        ({"seed": 3}, r"model\.seed: the run itself gives it"),
    ],
)
def test_what_cannot_be_built_is_named(change, message):
    with pytest.raises(UserError, match=message):
        build(LOGREG | change, **GIVEN)


@pytest.mark.parametrize(("accepts", "pair", "task"), [("single", True, "pairs"), ("pair", False, "single texts")])
def test_a_model_refuses_the_other_kind_of_task(accepts, pair, task):
    with pytest.raises(UserError, match=f"takes {accepts} input, but the task is one of {task}"):
        build(LOGREG | {"accepts": [accepts]}, seed=0, normalisation=NEWS, pair=pair)


@pytest.mark.parametrize("wrapper", ["calibrated", "abstaining"])
def test_what_the_run_gives_reaches_the_model_inside_a_wrapper(wrapper, tmp_path):
    encoder = yaml.safe_load((shipped("conf") / "model" / "encoder_small.yaml").read_text(encoding="utf-8"))
    config = {"name": wrapper, "builder": wrapper, "classifier": encoder}
    model = build(config, **GIVEN, primary_metric="accuracy", checkpoint_folder=tmp_path)
    assert model.classifier.checkpoint_folder == tmp_path
    assert model.classifier.training.stopping_metric == "accuracy"
    assert model.classifier.seed == 7


def test_a_model_of_version_0_1_is_read_and_its_new_form_is_said_once(caplog):
    old = {"name": "mine", "_target_": "naba.models.sparse.tfidf_nb", "alpha": 0.5}
    wrapped = {"name": "w", "_target_": "naba.models.calibration.calibrated", "classifier": old}
    model = build(wrapped, **GIVEN)
    assert type(model).__name__ == "Calibrated"
    assert repr(model.classifier) == repr(build({"builder": "tfidf_nb", "alpha": 0.5}, **GIVEN))
    build(old, **GIVEN)
    notes = [record.getMessage() for record in caplog.records]
    assert sum("write `builder: tfidf_nb`" in note for note in notes) == 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("os.system", "builder 'os.system': the package 'os' is not allowed"),
        ("naba.models.sparse.tfidf_svn", "unknown builder 'tfidf_svn'; did you mean 'tfidf_svm'"),
    ],
)
def test_an_old_target_that_is_no_builder_is_named(target, message):
    with pytest.raises(UserError, match=message):
        build({"name": "mine", "_target_": target}, **GIVEN)
