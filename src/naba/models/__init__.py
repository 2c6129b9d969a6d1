"""Model families, and the names under which a YAML chooses them.

In Python each builder is a function of its options and of what a run gives (see `naba.config.builders.Context`):
`from naba.models import tfidf_logreg`; `tfidf_logreg(C=1.0, pair=True, seed=3)` is an unfitted classifier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

BUILDERS = {
    "majority": "naba.models.options:Majority",
    "stratified_random": "naba.models.options:StratifiedRandom",
    "echo": "naba.models.options:Echo",
    "calibrated": "naba.models.options:CalibratedModel",
    "abstaining": "naba.models.options:AbstainingModel",
    "tfidf_logreg": "naba.models.tfidf.options:TfidfLogreg",
    "tfidf_svm": "naba.models.tfidf.options:TfidfSvm",
    "tfidf_nb": "naba.models.tfidf.options:TfidfNb",
    "pair_boosting": "naba.models.pairs.options:PairBoosting",
    "pair_linear": "naba.models.pairs.options:PairLinear",
    "stacked": "naba.models.pairs.options:Stacked",
    "blended": "naba.models.pairs.options:Blended",
    "claim_linear": "naba.models.claims.options:ClaimLinear",
    "claim_boosting": "naba.models.claims.options:ClaimBoosting",
    "claim_guideline": "naba.models.claims.options:ClaimGuideline",
    "embedded": "naba.models.embeddings.options:Embedded",
    "setfit": "naba.models.embeddings.options:SetFit",
    "prompted": "naba.models.prompting.options:Prompted",
    "pretrained": "naba.models.encoder.options:PretrainedEncoder",
    "from_scratch": "naba.models.encoder.options:EncoderFromScratch",
}
"""The `builder` of a model's YAML -> its options, imported on use. Names are for ever; places may change."""


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in BUILDERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from naba.models.build import function

    return function(name)
