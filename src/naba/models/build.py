"""From a model's YAML to an estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naba.config import builders
from naba.config.builders import Context
from naba.errors import UserError
from naba.models.classifier import Classifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def build(model: Mapping[str, Any], **given: Any) -> Classifier:
    """The unfitted estimator that `model` (a file of `conf/model`) describes.

    `builder` names its options in the table `naba.models.BUILDERS`, or is that of an allowed package; the keys that
    are not name, accepts, description, builder or search are their values.

    Args:
        given: what the run gives, the fields of `Context`: seed, normalisation, pair, …
    Raises:
        UserError: there is no such builder, or options that it does not have or that are out of range, all of them at
            once; or the model's `accepts` lacks this kind of task; or what is built is no `Classifier`.
    """
    context = Context(**given)
    _require_kind(str(model.get("name", "model")), model.get("accepts"), context.pair)
    return _required_classifier(builders.options(model).build(context), str(model.get("builder")))


def _required_classifier(made: Any, builder: str) -> Classifier:
    if not isinstance(made, Classifier):
        kind = f"{type(made).__module__}.{type(made).__qualname__}"
        raise UserError(
            f"builder '{builder}' makes a {kind}, which is no naba.models.classifier.Classifier",
            f"write `class {type(made).__name__}(Classifier, ClassifierMixin, BaseEstimator)`; or let a function of "
            "an allowed package make any estimator of scikit-learn's kind",
        )
    return made


def function(builder: str) -> Callable[..., Any]:
    """A builder as a function of its options and of the fields of `Context`, all by keyword."""

    def made(**arguments: Any) -> Any:
        given = {key: arguments.pop(key) for key in Context.__dataclass_fields__.keys() & arguments.keys()}
        return builders.options({"builder": builder, **arguments}).build(Context(**given))

    made.__name__ = made.__qualname__ = builder
    made.__doc__ = builders.options_class(builder).__doc__
    return made


def _require_kind(name: str, accepts: Any, pair: bool) -> None:
    needed = "pair" if pair else "single"
    if accepts is None or needed in accepts:
        return
    task = "pairs (text and target)" if pair else "single texts"
    raise UserError(
        f"model '{name}' takes {', '.join(accepts)} input, but the task is one of {task}",
        "`naba list models` says what each model takes",
    )
