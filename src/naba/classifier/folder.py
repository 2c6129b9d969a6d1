"""The classifier directory: a trained model with all it needs to be used without naba's run store.

`naba.json` describes the model, `classifier.json` is its structure (classes by an explicit list, settings, learned
attributes), `classifier.safetensors` holds the arrays. An encoder adds the files of a Hugging Face folder. None of
these can hold code, and loading runs none: a class that is not listed, a pickle in the folder, a name with a path, a
file whose size or hash is not what `naba.json` says, are refused.
"""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.arabic.profile import profile_from
from naba.classifier import description as safe_description
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.classifier.arrays import Arrays

DESCRIPTION = "naba.json"
STRUCTURE = "classifier.json"
WEIGHTS = "classifier.safetensors"
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
DAMAGED = "the directory is damaged: export it again"
_FAULTS = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, ZeroDivisionError,
           RuntimeError, AssertionError, MemoryError, UserError)  # fmt: skip


def save(model: Any, folder: Path, description: Mapping[str, Any]) -> int:
    """Write a trained model and its description.

    Args:
        description: of `experiment.report.classifier_description`; calibration, threshold and hashes are filled in.
    Returns:
        Bytes on disk.
    Raises:
        UserError: the model is of a class that the format does not know; the description lacks something.
    """
    from naba.classifier import encoders
    from naba.classifier.arrays import Arrays
    from naba.classifier.estimators import encode

    folder.mkdir(parents=True, exist_ok=True)
    (folder / encoders.WEIGHTS).unlink(missing_ok=True)
    arrays = Arrays()
    structure = {
        "model": encode(model, arrays, {"EncoderClassifier": lambda found: encoders.save(found, folder)}),
        "probe": np.asarray(model.predict_proba(_probes()), dtype=float).tolist(),
    }
    (folder / STRUCTURE).write_text(json.dumps(structure, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    arrays.save(folder / WEIGHTS)
    return write_description(folder, {**description, "kind": "classifier"} | _facts(model, description))


def write_description(folder: Path, description: Mapping[str, Any]) -> int:
    """Write `naba.json` with the sizes and hashes of the files beside it; returns the bytes on disk."""
    full = {**description, "format": safe_description.FORMAT}
    full["metrics"] = {name: [_finite(item) for item in values] for name, values in full.get("metrics", {}).items()}
    full["files"] = {
        path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name not in {DESCRIPTION, CARD}
    }
    safe_description.check(full, DESCRIPTION)
    (folder / DESCRIPTION).write_text(json.dumps(full, ensure_ascii=False, indent=1), encoding="utf-8")
    return size(folder)


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
    found = safe_description.read_json(path)
    if found.get("format") == 1:
        raise UserError(
            f"{folder} was written by an older naba, whose format could hold code",
            "train the run again (force=true), or naba reproduce RUN",
        )
    safe_description.check(found, str(path))
    return found


def load(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The model and its description; runs no code from the files.

    Raises:
        UserError: the folder is not a classifier directory, is damaged, or holds what it must not hold.
    """
    folder = Path(folder)
    description = describe(folder)
    check_files(folder, description)
    if description.get("kind") == "onnx":
        from naba.classifier.onnx import predictor

        return predictor.load(folder, description), description
    if description.get("kind") == "pt2":
        raise UserError(
            f"{folder} holds a program of torch, and loading one can run code that stands in it",
            "naba predict and naba serve take the formats directory, onnx and mlflow; "
            "naba.classifier.torch_program.load loads a program that you trust",
        )
    model, probe = _read(folder)
    _check_labels(model, description, folder)
    _check_probe(model, probe, folder)
    return model, description


def _read(folder: Path) -> tuple[Any, Any]:
    from naba.classifier import encoders
    from naba.classifier.arrays import Arrays
    from naba.classifier.estimators import decode

    structure = safe_description.read_json(folder / STRUCTURE)
    arrays: Arrays = Arrays.load(folder / WEIGHTS)
    extra = {"EncoderClassifier": lambda built, state: encoders.load(built, state, folder)}
    try:
        return decode(structure.get("model"), arrays, extra), structure.get("probe")
    except (RecursionError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise UserError(f"{folder / STRUCTURE} does not fit its weights: {error}", DAMAGED) from error


def check_files(folder: Path, description: Mapping[str, Any]) -> None:
    """Refuse a folder with files that may hold code, or whose files are not those that its description lists."""
    unsafe = [path.name for path in sorted(folder.iterdir()) if path.suffix.lower() in UNSAFE]
    if unsafe:
        raise UserError(
            f"{folder} holds {unsafe[0]}, a kind of file that can run code; it is not loaded",
            "if you trust the folder, remove the file: naba's own directories have none",
        )
    listed = description.get("files")
    needed = (STRUCTURE, WEIGHTS) if description.get("kind", "classifier") == "classifier" else ()
    if listed is None or any(name not in listed for name in needed):
        raise UserError(f"{folder / DESCRIPTION} does not list the files of the classifier", DAMAGED)
    for name, entry in listed.items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{folder} lacks the file {name}", DAMAGED)
        if path.stat().st_size != entry["bytes"] or _sha256(path) != entry["sha256"]:
            raise UserError(
                f"{path} is not the file that {DESCRIPTION} describes: {path.stat().st_size} bytes, "
                f"expected {entry['bytes']}",
                DAMAGED,
            )


def _check_labels(model: Any, description: Mapping[str, Any], folder: Path) -> None:
    classes = getattr(model, "classes_", None)
    labels = description["labels"]
    if not isinstance(classes, np.ndarray) or not hasattr(model, "predict_proba"):
        raise UserError(f"{folder / STRUCTURE} does not describe a fitted classifier", DAMAGED)
    unknown = [str(label) for label in classes.tolist() if label not in labels]
    if unknown or len(set(classes.tolist())) != len(classes):
        raise UserError(
            f"the classifier in {folder} answers {', '.join(map(repr, unknown or classes.tolist()))}, but "
            f"{DESCRIPTION} has the labels {', '.join(labels)}",
            DAMAGED,
        )


def _check_probe(model: Any, probe: Any, folder: Path) -> None:
    """Answers to fixed texts, so that weights that do not belong together are found when they are loaded."""
    try:
        wanted = np.array(probe, dtype=float)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = np.asarray(model.predict_proba(_probes()), dtype=float)
        apart = float(np.abs(found - wanted).max()) if found.shape == wanted.shape else math.inf
        correct = found.shape == (len(PROBES), len(model.classes_)) and apart <= PROBE_TOLERANCE
    except _FAULTS as error:
        raise UserError(f"the parts of the classifier in {folder} do not fit together: {error}", DAMAGED) from error
    if not correct:
        raise UserError(
            f"the classifier in {folder} does not answer as it did when it was saved (apart by {apart:.2g})", DAMAGED
        )


def _probes() -> Any:
    import pandas as pd

    texts, targets = zip(*PROBES, strict=True)
    return pd.DataFrame({"text": texts, "target": targets}, dtype=object)


def _facts(model: Any, description: Mapping[str, Any]) -> dict[str, Any]:
    """What the model itself knows: where probabilities come from, calibration, threshold, profile."""
    facts: dict[str, Any] = {
        "probabilities": getattr(model, "probability_kind_", "model"),
        "calibration": None,
        "abstain": None,
    }
    if description.get("normalisation"):
        profile = profile_from(description["normalisation"])
        facts |= {"normalisation": profile.to_dict(), "normalisation_hash": profile.hash}
    part = model
    while part is not None:
        if hasattr(part, "threshold_"):
            facts["abstain"] = {
                "threshold": _finite(part.threshold_), "coverage": part.coverage_, "risk_bound": part.risk_bound_,
            }  # fmt: skip
        if hasattr(part, "temperature_"):
            facts["calibration"] = {"method": "temperature", "temperature": float(part.temperature_)}
        elif hasattr(part, "steps_"):
            facts["calibration"] = {"method": "isotonic"}
        inner = getattr(part, "classifier_", None)
        part = inner if hasattr(inner, "probability_kind_") and facts["calibration"] is None else None
    return facts


def _finite(value: Any) -> float | None:
    number = None if value is None else float(value)
    return number if number is not None and math.isfinite(number) else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
