"""The promise: behind a profile, no other way to write the same text changes an answer of a model.

Models with a tokenizer of their own (encoders, embeddings, language models) read what the profile leaves; they are
measured by `naba stress`, and promised nothing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from naba import config
from naba.arabic import perturb
from naba.arabic.profile import Profile, profile_from
from naba.data.dataset import load_named
from naba.data.splits import Split
from naba.experiment.run import fit
from naba.models import BUILDERS, build

if TYPE_CHECKING:
    from naba.data.dataset import Dataset

OWN_TOKENIZER = ("naba.models.encoder.", "naba.models.embeddings.", "naba.models.prompting.")
# `echo` finds the ids of labels in texts, for authors of tests.
PROMISED = [name for name, place in BUILDERS.items() if not place.startswith(OWN_TOKENIZER) and name != "echo"]
SLOW = ("stacked", "blended", "claim_boosting")
WRAPPED = ("calibrated", "abstaining", "claim_guideline")
"""Models that read as another one does: for the slow suite, with the profile that does less as well."""
SINGLE = ("claim_linear", "claim_boosting", "claim_guideline")
INSIDE = {"classifier": {"builder": "tfidf_logreg", "name": "tfidf_logreg"}}
OPTIONS: dict[str, dict[str, Any]] = {
    "blended": {"iterations": 20, "bags": 1},
    "pair_boosting": {"iterations": 10},
    "calibrated": INSIDE,
    "abstaining": {**INSIDE, "risk": 0.5},
}


@cache
def _data(builder: str) -> tuple[Dataset, np.ndarray, np.ndarray]:
    dataset = load_named("synthetic_claim_type" if builder in SINGLE else "synthetic_stance")
    return dataset, dataset.indices("train")[::6], dataset.indices("test")[::8]


def test_the_profiles_that_promise_something_are_shipped() -> None:
    assert sorted(config.names("normalisation")) == ["light", "news", "none"]
    assert len(PROMISED) >= 12


@pytest.mark.filterwarnings("ignore:no threshold keeps errors below")  # few validation rows; its answers stay the same
@pytest.mark.parametrize(
    ("builder", "name"),
    [
        pytest.param(builder, name, marks=pytest.mark.slow if builder in SLOW or builder in left_out else ())
        for builder in PROMISED
        for name, left_out in (("news", WRAPPED), ("light", set(PROMISED) - {"tfidf_logreg"}))
    ],
)
def test_no_answer_of_a_model_changes_behind_a_profile(builder: str, name: str) -> None:
    profile: Profile = profile_from(dict(config.section("normalisation", name)))
    dataset, train, test = _data(builder)
    given = {"builder": builder, "name": builder, **OPTIONS.get(builder, {})}
    model = build(given, normalisation=profile, pair=dataset.pair)
    fit(model, dataset, Split(train, dataset.indices("validation")[::2], test, "given"))
    frame = dataset.frame(test)
    clean = model.answer(frame)
    promised = perturb.promised(profile)
    assert promised == (perturb.chosen(["kept"]) if name == "news" else promised) != []
    for one in promised:
        perturbed = frame.assign(
            text=[one(text) for text in frame["text"]], target=[one(text) if text else "" for text in frame["target"]]
        )
        answers = model.answer(perturbed.astype(object))
        # Not only the labels: the model reads the same text, so that it gives the same numbers.
        np.testing.assert_array_equal(answers.labels, clean.labels, err_msg=one.name)
        np.testing.assert_allclose(answers.probabilities, clean.probabilities, atol=1e-12, err_msg=one.name)
