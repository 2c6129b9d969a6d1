"""From a model's YAML to an estimator."""

import pytest
import yaml
from sklearn.base import clone

from naba.arabic.normalise import NEWS
from naba.errors import UserError
from naba.files import shipped
from naba.models.build import build

LOGREG = {
    "name": "tfidf_logreg",
    "accepts": ["single", "pair"],
    "description": "x",
    "_target_": "naba.models.tfidf.classifier.tfidf_logreg",
}
GIVEN = {"seed": 7, "normalisation": NEWS, "pair": False}


def test_builds_what_the_yaml_says():
    model = build(LOGREG | {"C": 2.0, "words": 1}, seed=7, normalisation=NEWS, pair=True)
    assert model.classifier.C == 2.0
    assert model.features.words == 1
    assert model.features.pair is True
    assert model.features.normalisation == NEWS


def test_the_seed_reaches_the_models_that_draw():
    svm = LOGREG | {"_target_": "naba.models.tfidf.classifier.tfidf_svm"}
    assert build(svm, **GIVEN).classifier.random_state == 7
    stratified = {"name": "s", "_target_": "naba.models.baselines.stratified_random"}
    assert build(stratified, **GIVEN).seed == 7


@pytest.mark.parametrize("name", ["majority", "stratified_random", "tfidf_logreg", "tfidf_svm", "tfidf_nb"])
def test_every_yaml_builds_and_spells_out_its_defaults(name):
    config = yaml.safe_load((shipped("conf") / "model" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert config["name"] == name
    model = build(config, **GIVEN)
    bare = build({"_target_": config["_target_"]}, **GIVEN)
    assert repr(clone(model)) == repr(bare)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"_target_": "os.system"}, "outside naba.models"),
        ({"_target_": "naba.modelsx.sparse.tfidf_svm"}, "outside naba.models"),
        ({"_target_": "naba.models.tfidf.clasifier.tfidf_svm"}, "unknown module"),
        ({"_target_": "naba.models.tfidf.classifier.tfidf_svn"}, "did you mean 'tfidf_svm'"),
        ({"max_itr": 3}, "did you mean 'max_iter'"),
        ({"seed": 3}, "sets seed, which the run itself gives"),
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
    config = {"name": wrapper, "_target_": f"naba.models.calibration.{wrapper}", "classifier": encoder}
    model = build(config, **GIVEN, primary_metric="accuracy", checkpoint_folder=tmp_path)
    assert model.classifier.checkpoint_folder == tmp_path
    assert model.classifier.training.stopping_metric == "accuracy"
    assert model.classifier.seed == 7
