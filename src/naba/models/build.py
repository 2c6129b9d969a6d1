"""From a model's YAML to an estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naba.config import builders
from naba.config.builders import ABOUT
from naba.config.signatures import INJECTED, function_arguments
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from naba.arabic.normalise import Profile


def build(
    model_config: Mapping[str, Any],
    *,
    seed: int,
    normalisation: Profile,
    pair: bool,
    primary_metric: str | None = None,
    checkpoint_folder: Path | None = None,
) -> Any:
    """The unfitted estimator that `model_config` (a file of `conf/model`) describes.

    `builder` names it in the table `naba.models.BUILDERS`; the keys that are not name, accepts, description or
    builder are its arguments. The keyword arguments of `build` are handed to it where its signature names them.

    Args:
        pair: is the task one of pairs (text and target)? Refused for a model whose `accepts` lacks `pair`
            (of single texts: lacks `single`).
        primary_metric: the metric that early stopping watches.
        checkpoint_folder: where a training that can be resumed keeps its checkpoints.
    Raises:
        UserError: there is no such builder, or it does not know an argument; a required argument is missing; the
            model cannot take this kind of task.
    """
    model_config = builders.modern(model_config)
    name = str(model_config.get("name", "model"))
    _require_kind(name, model_config.get("accepts"), pair)
    target = builders.table()[builders.builder_of(model_config)].replace(":", ".")
    arguments = function_arguments(target, "naba.models")
    given = {key: value for key, value in model_config.items() if key not in ABOUT}
    for key in given:
        if key in INJECTED:
            raise UserError(f"model '{name}' sets {key}, which the run itself gives", f"remove model.{key}")
        if key not in arguments:
            raise UserError(
                unknown_name(
                    f"argument of {model_config['builder']}:", key, [a for a in arguments if a not in INJECTED]
                )
            )
    missing = [key for key, value in arguments.items() if value.required and key not in {*given, *INJECTED}]
    if missing:
        raise UserError(f"model '{name}' lacks {', '.join(missing)}", f"give model.{missing[0]}=…")
    injected = {
        "seed": seed,
        "normalisation": normalisation,
        "pair": pair,
        "primary_metric": primary_metric,
        "checkpoint_folder": checkpoint_folder,
    }
    return _call(target, given, {key: value for key, value in injected.items() if key in arguments})


def _require_kind(name: str, accepts: Any, pair: bool) -> None:
    needed = "pair" if pair else "single"
    if accepts is None or needed in accepts:
        return
    task = "pairs (text and target)" if pair else "single texts"
    raise UserError(
        f"model '{name}' takes {', '.join(accepts)} input, but the task is one of {task}",
        "`naba list models` says what each model takes",
    )


def _call(target: str, given: dict[str, Any], injected: dict[str, Any]) -> Any:
    from hydra.utils import instantiate

    # A partial keeps Hydra from turning the profile, a dataclass, into a configuration node. It must not look inside
    # the arguments: a model within a model comes back here, where its target is checked.
    builder = instantiate({"_target_": target, "_partial_": True, "_convert_": "all", "_recursive_": False, **given})
    return builder(**injected)
