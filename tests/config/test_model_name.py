"""What a model is called: as its YAML, unless it has other weights than that says."""

from __future__ import annotations

import pytest

from naba import config
from naba.config import overrides


def called(*words: str) -> str:
    return config.model_name(config.check(overrides.compose([*words, "dataset=synthetic_stance"])).model)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["model=multilingual_e5_base"], "multilingual_e5_base"),
        (["model=multilingual_e5_base", "model.checkpoint=/data/multilingual-e5-base"], "multilingual_e5_base"),
        (["model=multilingual_e5_base", "model.checkpoint=/data/multilingual_e5_base/"], "multilingual_e5_base"),
        (["model=multilingual_e5_base", "model.checkpoint=intfloat/multilingual-e5-base@abc"], "multilingual_e5_base"),
        (["model=multilingual_e5_base", "model.checkpoint=/data/marbert"], "pretrained_marbert"),
        (["model=multilingual_e5_base", "model.checkpoint='/data/نموذج'"], "pretrained_"),
        (["model=embedded_e5_small", "model.checkpoint=BAAI/bge-m3"], "embedded_bge-m3"),
        (["model=embedded", "model.checkpoint=/data/swan"], "embedded_swan"),
        (["model=blended_e5_small", "model.embeddings=/data/bge-m3"], "blended_bge-m3"),
        (["model=blended", "model.embeddings=/data/bge-m3"], "blended"),
        (["model=prompted_e5_small", "model.embeddings=/data/bge-m3"], "prompted_bge-m3"),
        (["model=tfidf_logreg"], "tfidf_logreg"),
    ],
)
def test_other_weights_are_not_called_as_those_of_the_catalogue(words: list[str], name: str) -> None:
    found = called(*words)
    assert found == name or (name.endswith("_") and found.startswith(name) and len(found) > len(name))
    assert found.isascii()
