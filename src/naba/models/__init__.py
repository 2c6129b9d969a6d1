"""Model families, the names under which a YAML chooses them, and the estimator that a YAML describes.

Nothing heavy is imported before a model is built: the table is read where a configuration is checked.

In Python each builder is a function of its options and of what a run gives (see `naba.config.builders.Context`):
`from naba.models import tfidf_logreg`; `tfidf_logreg(C=1.0, pair=True, seed=3)` is an unfitted classifier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naba.models.classifier import Classifier

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
    from naba.config import builders

    def made(**arguments: Any) -> Any:
        given = {key: arguments.pop(key) for key in builders.Context.__dataclass_fields__.keys() & arguments.keys()}
        return builders.options({"builder": name, **arguments}).build(builders.Context(**given))

    made.__name__ = made.__qualname__ = name
    made.__doc__ = builders.options_class(name).__doc__
    return made


def build(model: Mapping[str, Any], **given: Any) -> Classifier:
    """The unfitted estimator that `model` (a file of `conf/model`) describes.

    `builder` names its options in the table `BUILDERS`, or is that of an allowed package; the keys that are not name,
    accepts, description, builder or search are their values.

    Args:
        given: what the run gives, the fields of `naba.config.builders.Context`: seed, normalisation, pair, …
    Raises:
        UserError: there is no such builder, or options that it does not have or that are out of range, all of them at
            once; or the model's `accepts` lacks this kind of task; or what is built is no `Classifier`.
    """
    from naba.config import builders
    from naba.errors import UserError
    from naba.models.classifier import Classifier

    context = builders.Context(**given)
    accepts = model.get("accepts")
    if accepts is not None and ("pair" if context.pair else "single") not in accepts:
        task = "pairs (text and target)" if context.pair else "single texts"
        raise UserError(
            f"model '{model.get('name', 'model')}' takes {', '.join(accepts)} input, but the task is one of {task}",
            "`naba list models` says what each model takes",
        )
    made = builders.options(model).build(context)
    if not isinstance(made, Classifier):
        kind = f"{type(made).__module__}.{type(made).__qualname__}"
        raise UserError(
            f"builder '{model.get('builder')}' makes a {kind}, which is no naba.models.classifier.Classifier",
            f"write `class {type(made).__name__}(Classifier, ClassifierMixin, BaseEstimator)`; or let a function of "
            "an allowed package make any estimator of scikit-learn's kind",
        )
    return made
