"""Fitted estimators as plain data and back, by an explicit list of classes, settings and learned attributes.

Nothing in a file names code: a class is a key of `KINDS`, a function a key of `FUNCTIONS`, and each value has a type
that is checked. A class, setting or attribute that is not listed is refused, when saving and when loading.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.arabic.profile import Profile, profile_from
from naba.classifier.kinds import FUNCTIONS, KINDS, OPTIONS, Kind, fits
from naba.classifier.kinds_rebuild import REBUILDERS
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.classifier.arrays import Arrays

DAMAGED = "the directory is damaged or of another version of naba: export it again"
_DTYPES = ("float32", "float64")
_FLOATS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def encode(value: Any, arrays: Arrays, extra: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one for each type
    """A value as JSON takes it; its arrays go to `arrays`.

    Args:
        extra: class name -> a function `(estimator) -> state` for classes that keep their weights elsewhere.
    Raises:
        UserError: a class, setting or type that the format does not know.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return {"labels": [str(item) for item in value.tolist()]}
        return {"array": arrays.put(value)}
    if isinstance(value, (list, tuple)):
        items = [encode(item, arrays, extra) for item in value]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, dict):
        return {"map": {str(key): encode(item, arrays, extra) for key, item in value.items()}}
    if isinstance(value, Profile):
        return {"profile": value.to_dict()}
    return _encode_object(value, arrays, extra)


def _encode_object(value: Any, arrays: Arrays, extra: Mapping[str, Any]) -> Any:
    name = value.__name__ if isinstance(value, type) else type(value).__name__
    if isinstance(value, type) and name in _DTYPES:
        return {"dtype": name}
    for key, place in FUNCTIONS.items():
        if inspect.isfunction(value) and (value.__module__, value.__qualname__) == place:
            return {"function": key}
    if name in OPTIONS and dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"options": name, "values": dataclasses.asdict(value)}
    if name not in KINDS or type(value).__module__.split(".")[0] != KINDS[name].module.split(".")[0]:
        raise UserError(
            f"a {type(value).__module__}.{name} cannot be saved: it is not among the classes of the format",
            f"they are: {', '.join(sorted(KINDS))}",
        )
    kind = KINDS[name]
    settings = _settings(value, kind, name)
    content: dict[str, Any] = {
        "class": name,
        "params": {key: encode(item, arrays, extra) for key, item in settings.items()},
    }
    if name in extra:
        state = extra[name](value)
    elif name in REBUILDERS:
        state = REBUILDERS[name].state(value)
    else:
        state = {key: getattr(value, key) for key in kind.state if hasattr(value, key)}
    if state is not None and (state or not kind.required):
        content["state"] = {key: encode(item, arrays, extra) for key, item in state.items()}
    return content


def _settings(estimator: Any, kind: Kind, name: str) -> dict[str, Any]:
    """The settings that are not at their defaults."""
    given = estimator.get_params(deep=False)
    defaults = {key: spec.default for key, spec in inspect.signature(type(estimator).__init__).parameters.items()}
    kept = {}
    for key, value in given.items():
        if key in kind.dropped:
            continue
        default = defaults.get(key, inspect.Parameter.empty)
        same = value is default or (isinstance(value, (str, int, float, tuple, bool)) and value == default)
        if not same:
            if key not in kind.params:
                raise UserError(f"{name}.{key} is {value!r}, a setting that cannot be saved")
            kept[key] = value
    return kept


def decode(value: Any, arrays: Arrays, extra: Mapping[str, Any]) -> Any:
    """The value that `encode` described.

    Args:
        extra: class name -> a function `(estimator, state)` that fills an estimator in.
    Raises:
        UserError: anything that `encode` would not have written.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [decode(item, arrays, extra) for item in value]
    if not isinstance(value, dict):
        raise UserError(f"unexpected {type(value).__name__} in the structure", DAMAGED)
    keys = frozenset(value)
    if "class" in keys and keys <= {"class", "params", "state"}:
        return _decode_estimator(value, arrays, extra)
    if keys == {"options", "values"}:
        return _decode_options(value["options"], value["values"])
    if len(keys) != 1:
        raise UserError(f"unexpected keys {', '.join(sorted(map(str, keys))[:5])} in the structure", DAMAGED)
    (key,) = keys
    return _decode_marked(str(key), value[key], arrays, extra)


def _decode_marked(key: str, content: Any, arrays: Arrays, extra: Mapping[str, Any]) -> Any:  # noqa: PLR0911
    if key == "array":
        return arrays.get(content)
    if key == "labels" and fits(content, "str*"):
        return np.array([*content, None], dtype=object)[:-1]
    if key == "tuple" and isinstance(content, list):
        return tuple(decode(item, arrays, extra) for item in content)
    if key == "map" and isinstance(content, dict):
        return {name: decode(item, arrays, extra) for name, item in content.items()}
    if key == "float" and isinstance(content, str) and content in _FLOATS:
        return _FLOATS[content]
    if key == "profile" and isinstance(content, dict):
        return profile_from(content)
    if key == "dtype" and content in _DTYPES:
        return getattr(np, content)
    if key == "function" and isinstance(content, str) and content in FUNCTIONS:
        module, name = FUNCTIONS[content]
        return getattr(importlib.import_module(module), name)
    raise UserError(f"the structure has a part '{key}' that cannot be read", DAMAGED)


def _decode_options(name: Any, values: Any) -> Any:
    from naba.models.encoder import options

    if not isinstance(name, str) or name not in OPTIONS or not isinstance(values, dict):
        raise UserError(f"unknown options {name!r} in the structure", DAMAGED)
    return options.options(getattr(options, name), values, name)


def _decode_estimator(value: dict[str, Any], arrays: Arrays, extra: Mapping[str, Any]) -> Any:
    name = value["class"]
    if not isinstance(name, str) or name not in KINDS:
        raise UserError(unknown_name("class", str(name), KINDS), "loading never runs code that a file names")
    kind = KINDS[name]
    settings = _checked(name, value.get("params"), kind.params, arrays, extra)
    estimator = getattr(importlib.import_module(kind.module), name)
    missing = [key for key in kind.needed if key not in settings]
    if missing:
        raise UserError(f"{name} lacks its setting {missing[0]}", DAMAGED)
    built = estimator(**settings)
    if "state" not in value:
        return built
    state = _checked(name, value["state"], kind.state, arrays, extra)
    absent = [key for key in kind.required if key not in state]
    if absent:
        raise UserError(f"{name} lacks {absent[0]}", DAMAGED)
    if name in extra:
        extra[name](built, state)
    elif name in REBUILDERS:
        REBUILDERS[name].rebuild(built, state)
    else:
        for key, item in state.items():
            setattr(built, key, item)
    return built


def _checked(name: str, given: Any, specs: Mapping[str, str], arrays: Arrays, extra: Mapping[str, Any]) -> dict:
    if not isinstance(given, dict):
        raise UserError(f"{name}: expected a mapping of names to values", DAMAGED)
    found = {}
    for key, content in given.items():
        if key in KINDS[name].dropped:
            continue
        if key not in specs:
            raise UserError(f"{name} has no '{key}' that a file may set", DAMAGED)
        item = decode(content, arrays, extra)
        if not fits(item, specs[key]):
            raise UserError(f"{name}.{key}: expected {specs[key]}, found {_said(item)}", DAMAGED)
        found[key] = item
    return found


def _said(item: Any) -> str:
    if isinstance(item, np.ndarray):
        return f"an array {item.dtype}{list(item.shape)}"
    return repr(item)[:80] if isinstance(item, (str, int, float, bool, type(None))) else type(item).__name__
