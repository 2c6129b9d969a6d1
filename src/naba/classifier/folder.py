"""A trained classifier as a folder, with all it needs to be used without naba's run store.

`naba.json` describes it and lists the other files with their sizes and hashes; `probe.json` holds its answers to fixed
texts, which are compared whenever it is loaded; the rest depends on the format (`naba.classifier.formats`). No file can
hold code, and loading runs none: a type that is not listed, a pickle in the folder, a name with a path, a file whose
size or hash is not what `naba.json` says, are refused.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from naba import files
from naba.arabic.profile import profile_from
from naba.classifier import formats
from naba.errors import Problems, UserError, unknown_name
from naba.models.classifier import DAMAGED, Classifier, features_versions

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)
DESCRIPTION = "naba.json"
PROBE = "probe.json"
CARD = "README.md"
UNSAFE = {".joblib", ".pkl", ".pickle", ".bin", ".pt", ".pth", ".ckpt", ".npy", ".npz", ".h5", ".dill", ".cloudpickle",
          ".py", ".so", ".msgpack", ".pyc"}  # fmt: skip
"""Files that hold code or may: no classifier directory of naba has one."""
PROBES = (
    ("ارتفاع أسعار النفط بنسبة 3 بالمئة", "تراجع أسعار النفط بعد قرار أوبك"),
    ("الرئيس ينفي الأنباء عن لقاء قريب؟", "لقاء قريب بين الرئيسين في القاهرة"),
    ("وفاة 12 شخصا في حادث سير قرب الرياض", "وفاة 12 شخصا في حادث سير قرب الرياض"),
)
"""Texts and targets on which a loaded model must answer as the saved one did."""
PROBE_TOLERANCE = 1e-3
"""Largest difference of a probability on them: encoders compute a little differently from processor to processor."""
_FAULTS = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, ZeroDivisionError,
           RuntimeError, AssertionError, MemoryError)  # fmt: skip
FORMAT = 3
OLDEST = 2
"""Written by version 0.1; still read."""
LARGEST_JSON = 64 * 2**20
NEEDED = ("format", "labels", "input", "files")
"""Keys of a description that are looked for where pydantic is not installed."""


def why_not_kept(model: Any) -> str | None:
    """Why a classifier, which need not be fitted, could not be saved; None where it can.

    What only fitting shows is found by `save`.

    Raises:
        UserError: the checkpoint of a frozen encoder cannot be had.
    """
    from naba.classifier import encoders, estimators
    from naba.models import own
    from naba.models.embeddings.features import Embedder

    if not isinstance(model, Classifier):
        return (
            f"a {type(model).__module__}.{type(model).__qualname__} is no naba.models.classifier.Classifier, "
            "the base of all models that can be saved"
        )
    inner = model.inner
    if isinstance(inner, own.OwnClassifier) and (reason := own.why_not_kept(inner)):
        return reason
    parts = inner.get_params().values() if hasattr(inner, "get_params") else ()
    reasons = (encoders.why_not_kept(part) for part in parts if isinstance(part, Embedder))
    return next(filter(None, reasons), None) or estimators.why_not(model)


def save(model: Classifier, folder: Path, description: Mapping[str, Any]) -> int:
    """Write a trained classifier and its description in naba's own format.

    Args:
        description: of `experiment.report.classifier_description`; calibration, threshold and hashes are filled in.
    Returns:
        Bytes on disk.
    Raises:
        UserError: a part of the model cannot be saved; the description lacks something.
    """
    from naba.classifier import encoders, estimators
    from naba.classifier.formats.directory import ESTIMATOR
    from naba.models import own

    folder.mkdir(parents=True, exist_ok=True)
    encoders.save_inside(model, folder)
    if isinstance(model.inner, own.OwnClassifier):
        own.save(model.inner, folder)
    estimators.save(model, folder / ESTIMATOR)
    for name, text in model.documents().items():
        (folder / name).write_text(text, encoding="utf-8")
    # A description that was read from a folder is of a classifier that was trained before.
    trained = trained_features(model, description) if "format" in description else features_versions(model)
    return write_description(folder, {**description, "features": trained}, model, "directory")


def write_description(
    folder: Path,
    description: Mapping[str, Any],
    model: Classifier,
    kind: str,
    tolerance: float = PROBE_TOLERANCE,
) -> int:
    """Write `probe.json` and `naba.json`, with the sizes and hashes of the files; returns the bytes on disk.

    Args:
        tolerance: largest difference of a probability on the fixed texts when it is loaded, on any processor.
    Raises:
        UserError: the classifier gives numbers that are not finite.
    """
    if not model.remote:  # what a server answers is no property of these files
        _write_probe(folder, model, tolerance)
    full = {key: value for key, value in description.items() if key not in ("onnx", "pt2", "sha256")}
    full |= model.facts() | {"kind": kind, "format": FORMAT}
    if full.get("normalisation"):
        profile = profile_from(full["normalisation"])
        full |= {"normalisation": profile.to_dict(), "normalisation_hash": profile.hash}
    full["metrics"] = {name: [finite(item) for item in values] for name, values in full.get("metrics", {}).items()}
    seal(folder, full)
    return size(folder)


def _write_probe(folder: Path, model: Classifier, tolerance: float) -> None:
    answers = probabilities_of(model)
    if not np.isfinite(answers).all():
        raise UserError(
            "the classifier gives probabilities that are not finite, and is not saved", "did its training diverge?"
        )
    content = {"probabilities": answers.tolist(), "tolerance": tolerance}
    (folder / PROBE).write_text(json.dumps(content), encoding="utf-8")


def seal(folder: Path, description: Mapping[str, Any]) -> None:
    """Write `naba.json` for the files as they are; whoever may read it may read all of them."""
    listed = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name not in {DESCRIPTION, CARD}]
    full = dict(description)
    full["files"] = {path.name: {"bytes": path.stat().st_size, "sha256": files.sha256(path)} for path in listed}
    full["sha256"] = digest(full)
    check_description(full, DESCRIPTION)
    (folder / DESCRIPTION).write_text(json.dumps(full, ensure_ascii=False, indent=1), encoding="utf-8")
    mode = (folder / DESCRIPTION).stat().st_mode & 0o777
    for path in listed:
        # safetensors makes files that only their owner can read.
        path.chmod(mode)


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def describe(folder: Path) -> dict[str, Any]:
    """The description of a classifier directory.

    Raises:
        UserError: the folder is not one, or its description is wrong; names all that is.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise UserError(f"{folder} is not a classifier directory: it has no {DESCRIPTION}")
    found = read_json(path)
    if found.get("format") == 1:
        raise UserError(
            f"{folder} was written by an older naba, whose format could hold code",
            "train the run again (force=true), or naba reproduce RUN",
        )
    check_description(found, str(path))
    return found


def load(folder: Path, *, trusted: bool = False) -> tuple[Classifier, dict[str, Any]]:
    """The classifier and its description; runs no code from the files.

    Args:
        trusted: load also what could run code. Only for a folder that this machine has just written.
    Raises:
        UserError: the folder is not a classifier directory, is damaged, or holds what it must not hold.
    """
    folder = Path(folder)
    description = describe(folder)
    check_files(folder, description)
    form = formats.format_of(description)
    read = form.load_trusted if trusted and form.load_trusted else form.load
    try:
        model = read(folder, description)
    except _FAULTS as error:
        raise UserError(f"{folder} cannot be loaded: {type(error).__name__}: {str(error)[:300]}", DAMAGED) from error
    _check_labels(model, description, folder)
    # ONNX and pt2 folders of version 0.1 had no probe.
    probed = description["format"] > 2 or description.get("kind", "classifier") == "classifier"
    if probed and not model.remote:
        _check_probe(model, folder, description)
    _remark_features(model, folder, description)
    return model, description


def trained_features(model: Classifier, description: Mapping[str, Any]) -> dict[str, int]:
    """Class -> version of the features that a loaded classifier was trained on; version 0.1 wrote none down."""
    written = description.get("features", {})
    return {name: int(written.get(name, 1)) for name in features_versions(model)}


def _remark_features(model: Classifier, folder: Path, description: Mapping[str, Any]) -> None:
    now, then = features_versions(model), trained_features(model, description)
    other = [f"{name} {version} (now {now[name]})" for name, version in then.items() if version != now[name]]
    if other:
        command = description.get("provenance", {}).get("command") or "naba train …"
        logger.warning(
            "%s: it was trained on another version of naba's features: %s; equal texts give other numbers now, so some "
            "answers differ a little from those it gave then. Train it again, and export that: %s; naba export RUN DIR",
            folder, ", ".join(other), command,
        )  # fmt: skip


def check_files(folder: Path, description: Mapping[str, Any]) -> None:
    """Refuse a folder with files that may hold code, or whose files are not those that its description lists."""
    unsafe = [path.name for path in sorted(folder.iterdir()) if path.suffix.lower() in UNSAFE]
    if unsafe:
        raise UserError(
            f"{folder} holds {unsafe[0]}, a kind of file that can run code; it is not loaded",
            "if you trust the folder, remove the file: naba's own directories have none",
        )
    for name, entry in description["files"].items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{folder} lacks the file {name}", DAMAGED)
        if path.stat().st_size != entry["bytes"] or files.sha256(path) != entry["sha256"]:
            raise UserError(
                f"{path} is not the file that {DESCRIPTION} describes: {path.stat().st_size} bytes, "
                f"expected {entry['bytes']}",
                DAMAGED,
            )


def _check_labels(model: Classifier, description: Mapping[str, Any], folder: Path) -> None:
    classes = vars(model).get("classes_")
    labels = description["labels"]
    if not isinstance(classes, np.ndarray):
        raise UserError(f"{folder} does not hold a fitted classifier", DAMAGED)
    unknown = [str(label) for label in classes.tolist() if label not in labels]
    if unknown or len(set(classes.tolist())) != len(classes):
        raise UserError(
            f"the classifier in {folder} answers {', '.join(map(repr, unknown or classes.tolist()))}, but "
            f"{DESCRIPTION} has the labels {', '.join(labels)}",
            DAMAGED,
        )


def _check_probe(model: Classifier, folder: Path, description: Mapping[str, Any]) -> None:
    """Answers to fixed texts, so that weights that do not belong together are found when they are loaded."""
    try:
        probe = _probe(folder, description)
        wanted, tolerance = np.array(probe["probabilities"], dtype=float), float(probe["tolerance"])
        found = probabilities_of(model)
        apart = float(np.abs(found - wanted).max()) if found.shape == wanted.shape else math.inf
        correct = found.shape == (len(PROBES), len(model.classes_)) and apart <= tolerance
    except (*_FAULTS, UserError) as error:
        raise UserError(f"the parts of the classifier in {folder} do not fit together: {error}", DAMAGED) from error
    if not correct:
        raise UserError(
            f"the classifier in {folder} does not answer as it did when it was saved (apart by {apart:.2g})", DAMAGED
        )


def _probe(folder: Path, description: Mapping[str, Any]) -> Mapping[str, Any]:
    if description["format"] == 2:
        from naba.classifier import format_2

        return {"probabilities": format_2.probe(folder), "tolerance": PROBE_TOLERANCE}
    if PROBE not in description["files"]:
        raise UserError(f"{DESCRIPTION} does not list {PROBE}")
    return read_json(folder / PROBE)


def probabilities_of(model: Classifier) -> np.ndarray:
    """(texts, labels) of the fixed texts; calibrated networks of 8 bits answer a little differently."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return np.asarray(model.answer(_probes(model)).probabilities, dtype=float)


def _probes(model: Classifier) -> Any:
    texts, targets = zip(*PROBES, strict=True)
    if model.inner.takes_mapping:
        return {"text": list(texts), "target": list(targets)}
    import pandas as pd

    return pd.DataFrame({"text": texts, "target": targets}, dtype=object)


def finite(value: Any) -> float | None:
    """A number as JSON takes it; None for what is not finite."""
    number = None if value is None else float(value)
    return number if number is not None and math.isfinite(number) else None


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


def check_description(content: Mapping[str, Any], where: str) -> None:
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
        from naba.classifier.description import Description, problems
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
