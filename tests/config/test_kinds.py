"""What kind of model each YAML is, for pools of a board."""

import pytest

from compositions import composed
from naba import config
from naba.config import builders, overrides


@pytest.mark.parametrize("name", config.names("model"))
def test_every_shipped_model_is_of_a_kind(name):
    settings = composed(name).settings
    weights = bool(settings.model.get("checkpoint") or settings.model.get("embeddings"))
    expected = (
        ("prompted", "api") if "endpoint" in settings.model else ("open_weights",) if weights else ("no_weights",)
    )
    assert builders.tags(settings.model) == expected


def test_a_wrapper_is_of_the_kind_of_what_is_inside_it_and_a_yaml_adds_tags():
    inside = {"builder": "prompted", "language_model": "x"}
    model = {"name": "m", "builder": "calibrated", "classifier": inside, "tags": ["desk"]}
    assert builders.tags(model) == ("prompted", "api", "desk")
    settings = config.check(overrides.compose(["model=tfidf_nb", "+model.tags=[desk,fast]"]))
    assert builders.tags(settings.model) == ("no_weights", "desk", "fast")
