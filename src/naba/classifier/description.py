"""`naba.json`: what it may say, checked before anything else of a classifier directory is read."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from naba.arabic.profile import profile_from
from naba.errors import Problems, UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FORMAT = 2
LARGEST_JSON = 64 * 2**20
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
KINDS = ("classifier", "onnx", "pt2")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds one object.

    Raises:
        UserError: it is missing, too large, or something else.
    """
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise UserError(f"{path} is larger than {LARGEST_JSON >> 20} MiB")
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not readable JSON: {str(error)[:200]}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, not an object")
    return content


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def check(description: Mapping[str, Any], where: str) -> None:
    """Refuse a description with missing keys, keys of a wrong type, or values that contradict each other.

    Raises:
        Problems: all of them.
    """
    problems = [f"'{key}' is missing" for key in ("format", "labels", "input") if key not in description]
    for key, value in description.items():
        said = _CHECKS[key](value) if key in _CHECKS else unknown_name("key", str(key), _CHECKS)
        if said:
            problems.append(said if key not in _CHECKS else f"'{key}': {said}, found {_short(value)}")
    if not problems:
        problems += _contradictions(description)
    if problems:
        raise Problems(problems, f"{where} has")


def _contradictions(description: Mapping[str, Any]) -> list[str]:
    found = []
    if description.get("normalisation_hash") and description.get("normalisation"):
        own = profile_from(description["normalisation"]).hash
        if own != description["normalisation_hash"]:
            found.append(f"'normalisation' has hash {own}, but 'normalisation_hash' is another")
    return found


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 60 else text[:57] + "..."


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _must(test: Callable[[Any], bool], expected: str) -> Callable[[Any], str | None]:
    return lambda value: None if test(value) else f"expected {expected}"


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _labels(value: Any) -> str | None:
    if not _texts(value) or not value:
        return "expected label -> Arabic name"
    wrong = [label for label in value if not _LABEL.fullmatch(label)]
    return f"label {wrong[0]!r} is not made of ASCII letters, digits, _ . -" if wrong else None


def _normalisation(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "expected the rules of a profile"
    try:
        profile_from(value)
    except UserError as error:
        return error.message.replace("\n", " ")
    return None


def _metrics(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(item, list) and len(item) == 3 and all(map(_is_number_or_none, item)) for item in value.values()
    )


def _is_number_or_none(value: Any) -> bool:
    return value is None or _is_number(value)


def _numbers(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(_is_number_or_none(item) for item in value.values()))


def _calibration(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(isinstance(v, (str, int, float)) for v in value.values()))


def _files(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "expected file -> bytes and sha256"
    for name, entry in value.items():
        if not _FILE.fullmatch(name):
            return f"'{name[:60]}' is no plain file name of this directory"
        sound = isinstance(entry, dict) and set(entry) == {"bytes", "sha256"}
        size, digest = (entry["bytes"], entry["sha256"]) if sound else (None, None)
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            return f"{name}: expected bytes and sha256"
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            return f"{name}: expected a sha256 of 64 hexadecimal digits"
    return None


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(type(item) is int and item >= 0 for item in value.values())


_text = _must(lambda value: isinstance(value, str), "text")
_mapping = _must(lambda value: isinstance(value, dict), "a mapping")

_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "format": _must(lambda value: type(value) is int and 0 < value <= FORMAT, f"a format up to {FORMAT}"),
    "kind": _must(lambda value: value in KINDS, " or ".join(KINDS)),
    "labels": _labels,
    "input": _must(lambda value: value in (["text"], ["text", "target"]), '["text"] or ["text", "target"]'),
    "normalisation": _normalisation,
    "probabilities": _must(lambda value: value in ("model", "calibrated", "one_hot"), "model, calibrated or one_hot"),
    "calibration": _must(_calibration, "null, or a method with its numbers"),
    "abstain": _must(_numbers, "null, or threshold, coverage and risk_bound"),
    "seed": _must(lambda value: type(value) is int and value >= 0, "a whole number"),
    "versions": _must(_texts, "package -> version"),
    "metrics": _must(_metrics, "metric -> [value, low, high]"),
    "rows": _must(_counts, "section -> rows"),
    "provenance": _mapping,
    "files": _files,
    "onnx": _mapping,
    "pt2": _mapping,
    **dict.fromkeys(
        ("task", "dataset", "label_source", "licence", "model", "normalisation_hash", "identity", "primary_metric"),
        _text,
    ),
}
"""Key -> what is wrong with its value, or None."""
