"""`naba.json`: what it may say, checked before anything else of a classifier directory is read."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from naba.arabic.profile import profile_from
from naba.errors import Problems, UserError, unknown_name
from naba.models.classifier import DAMAGED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 3
OLDEST = 2
"""Written by version 0.1; still read."""
LARGEST_JSON = 64 * 2**20
NEEDED = ("format", "labels", "input", "files")


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


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a description without its own digest."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest).encode("ascii")).hexdigest()


def check(content: Mapping[str, Any], where: str) -> None:
    """Refuse a description with missing keys, keys of a wrong type, or values that contradict each other.

    Raises:
        Problems: all of them.
        UserError: it is not as naba wrote it.
    """
    _check_fields(content, where)
    sealed = content["format"] >= 3 or "sha256" in content
    if sealed and content.get("sha256") != digest(content):
        raise UserError(f"{where} is not as naba wrote it: its own digest is another", DAMAGED)
    profile = content.get("normalisation")
    if profile and content.get("normalisation_hash") not in ("", None, profile_from(profile).hash):
        problem = f"'normalisation' has hash {profile_from(profile).hash}, but 'normalisation_hash' is another"
        raise Problems([problem], f"{where} has")


def _check_fields(content: Mapping[str, Any], where: str) -> None:
    try:
        from naba.classifier.description_fields import Description, problems
    except ImportError:
        # A folder for onnxruntime is read where pydantic is not installed.
        missing = [f"'{key}' is missing" for key in NEEDED if key not in content]
        if missing:
            raise Problems(missing, f"{where} has") from None
        return
    found = problems(content)
    if unknown := [key for key in content if key not in Description.model_fields]:
        found = [*(unknown_name("key", str(key), Description.model_fields) for key in unknown), *found]
    if found:
        raise Problems(found, f"{where} has")
