"""`naba.json`: its fields and their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, ValidationError

from naba.arabic.profile import profile_from
from naba.classifier.folder import FORMAT, OLDEST
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

_STRICT = ConfigDict(strict=True, extra="forbid")
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]*[A-Za-z0-9][A-Za-z0-9_.\-]*$")]
"""As in a configuration: `-1` is a label."""
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


def _is_profile(value: dict[str, Any]) -> dict[str, Any]:
    try:
        profile_from(value)
    except UserError as error:
        raise ValueError(error.message.replace("\n", " ")) from error
    return value


class File(BaseModel):
    """A file beside `naba.json`."""

    model_config = _STRICT

    bytes: Count
    sha256: Sha256


class Description(BaseModel):
    """What a saved classifier must know to be used without its run, and where it comes from."""

    model_config = _STRICT

    format: Annotated[int, Field(ge=OLDEST, le=FORMAT)]
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")] = "directory"
    labels: Annotated[dict[Label, str], Field(min_length=1)]
    """Label -> its name in Arabic, in the order of the probabilities."""
    input: list[str]
    files: dict[FileName, File]
    sha256: Sha256 | None = None
    """Of this description without this field."""
    task: str = ""
    dataset: str = ""
    label_source: str = ""
    licence: str = ""
    model: str = ""
    identity: str = ""
    primary_metric: str = ""
    normalisation: Annotated[dict[str, Any], AfterValidator(_is_profile)] | None = None
    normalisation_hash: str = ""
    probabilities: Literal["model", "calibrated", "one_hot", "tokens", "votes"] = "model"
    calibration: dict[str, str | FiniteFloat | int] | None = None
    abstain: dict[str, FiniteFloat | int | list[str] | None] | None = None
    seed: Count = 0
    versions: dict[str, str] = {}
    metrics: dict[str, Annotated[list[FiniteFloat | int | None], Field(min_length=3, max_length=3)]] = {}
    rows: dict[str, Count] = {}
    provenance: dict[str, Any] = {}
    features: dict[str, Count] = {}
    """Class -> version of the features that the classifier was trained on (`Kept.features_version`)."""
    onnx: dict[str, Any] | None = None
    """Settings of an ONNX folder of version 0.1; later ones are in `settings.json`."""
    pt2: dict[str, Any] | None = None
    prompted: dict[str, Any] | None = None
    """Of a language model: endpoint, its name there, what it takes; never a key."""


def problems(content: Mapping[str, Any]) -> list[str]:
    """What is wrong with the fields of a description; keys that do not exist aside."""
    known = {key: value for key, value in content.items() if key in Description.model_fields}
    found = []
    try:
        Description.model_validate(known)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            place = ".".join(str(part)[:60] for part in one["loc"])
            found.append(f"'{place}': {_said(one)}, found {str(one['input'])[:60]!r}")
    if known.get("input") not in (["text"], ["text", "target"]) and "input" in known:
        found.append('\'input\': expected ["text"] or ["text", "target"]')
    return found


def _said(one: Mapping[str, Any]) -> str:
    place = one["loc"]
    if one["type"] == "missing":
        return "is missing"
    if place[:1] == ("files",) and "pattern" in one["type"] and place[-1] == "[key]":
        return "is no plain file name of this directory"
    if place[:1] == ("labels",) and "pattern" in one["type"]:
        return "is not made of ASCII letters, digits, _ . -"
    return str(one["msg"])
