"""naba's own format: estimators as skops, encoders as Hugging Face files; exact, and loading runs no code."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from naba.classifier.formats import Format, example_table
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from naba.models.classifier import Classifier

ESTIMATOR = "classifier.skops"


def write(source: Path, folder: Path, int8: str) -> None:  # noqa: ARG001
    """The directory as the run kept it; one that cannot be loaded is refused before it is copied."""
    from naba.classifier import folder as directory

    model, description = directory.load(source)
    if description["format"] == 2:
        directory.save(model, folder, description)
        return
    shutil.copytree(source, folder)


def load(folder: Path, description: Mapping[str, Any]) -> Classifier:
    """The classifier; runs no code from the files."""
    from naba.classifier import encoders, estimators, format_2
    from naba.models import own
    from naba.models.classifier import Classifier

    model: Any
    if description["format"] == format_2.NUMBER:
        model = format_2.load(folder, description["files"])
    elif ESTIMATOR not in description["files"]:
        raise UserError(f"{folder} does not list {ESTIMATOR} among its files", "export the directory again")
    else:
        model = estimators.load(folder / ESTIMATOR)
    if not isinstance(model, Classifier):
        raise UserError(f"{folder / ESTIMATOR} holds a {type(model).__name__}, which is no classifier")
    encoders.load_inside(model, folder, description["files"])
    own.load_inside(model, folder, description["files"])
    return model


def card(description: Mapping[str, Any]) -> list[str]:
    """See `Format`."""
    from naba.classifier import encoders

    pair = "target" in description["input"]
    lines = [
        "```python",
        "from pathlib import Path",
        "import pandas as pd",
        "from naba.classifier import folder",
        "",
        'model, description = folder.load(Path("FOLDER"))  # runs no code from the files',
        f"model.predict_proba(pd.DataFrame({example_table(description)}))",
        "```",
        "",
        "or `naba predict FOLDER news.csv`.",
    ]
    if asked := description.get("prompted"):
        lines += ["", _about_prompt(asked)]
    if encoders.WEIGHTS in description["files"]:
        order = ", and a pair is given as target, then text" if pair else ""
        lines += [
            "",
            "The folder is also a Hugging Face checkpoint (`AutoModelForSequenceClassification.from_pretrained`); "
            f"texts must then be normalised first, as `naba.json` says{order}.{before_calibration(description)}",
        ]
    return lines


def _about_prompt(asked: Mapping[str, Any]) -> str:
    """What it is that answers, where no weights are in the folder."""
    shown = (
        f"with {asked['shots']} examples before each text ({asked['choose']})" if asked.get("shots") else "zero-shot"
    )
    kept = f" The folder holds {asked['kept_rows']:,} training rows to choose them from." if asked.get("shots") else ""
    if asked.get("nearest_by") == "embeddings":
        kept += " The weights in it find those, and answer nothing."
    return (
        f"This folder holds no model: it asks `{asked['language_model']}` at {asked['endpoint']}, {shown}, by the "
        f"prompt in `prompt.yaml`, and every text is sent there.{kept} What that server answers may change, and no "
        "file here decides it. It holds no key: `NABA_API_KEY` is read from the environment, and sent only if "
        "`NABA_ENDPOINT` names the same address. Rows to which the server gives no label have none (`outcome` says "
        "why)."
    )


def before_calibration(description: Mapping[str, Any]) -> str:
    """A sentence where the files' own probabilities are not the classifier's."""
    if not description.get("calibration"):
        return ""
    return " Its probabilities are those before calibration, which only naba applies."


FORMAT = Format(
    "directory",
    "naba's own (default): exact, no pickle, loading runs no code; an encoder's is a Hugging Face folder too",
    True,
    write,
    load,
    card,
)
