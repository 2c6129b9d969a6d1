"""ONNX: onnxruntime and numpy run it, and tokenizers for an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naba.classifier.formats import Format, example_table
from naba.classifier.formats.directory import before_calibration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from naba.models.classifier import Classifier


def write(source: Path, folder: Path, int8: str) -> None:
    """See `naba.classifier.onnx_export`."""
    from naba.classifier.onnx_export import export

    export(source, folder, int8)


def load(folder: Path, description: Mapping[str, Any]) -> Classifier:
    """See `naba.classifier.onnx_predictor`."""
    from naba.classifier import onnx_predictor

    return onnx_predictor.load(folder, description)


def card(description: Mapping[str, Any]) -> list[str]:
    """See `Format`."""
    pair, encoder = "target" in description["input"], "tokenizer.json" in description["files"]
    needs = "onnxruntime, tokenizers and numpy" if encoder else "onnxruntime and numpy"
    return [
        "```python",
        "from pathlib import Path",
        "from naba.classifier import folder",
        "",
        'model, description = folder.load(Path("FOLDER"))  # runs no code from the files',
        f"model.predict_proba({example_table(description)})  # needs {needs} alone",
        "```",
        "",
        "or, where naba is installed with all it depends on, `naba predict FOLDER news.csv`.",
        "",
        _without_naba(description, pair, encoder),
    ]


def _without_naba(description: Mapping[str, Any], pair: bool, encoder: bool) -> str:
    if description.get("model") == "majority":
        return "Without naba: `model.onnx` takes a tensor of text and gives the same answer whatever the text is."
    if encoder:
        return network_without_naba(description, "onnx")
    # Single texts without a profile have nothing done to them but this.
    plain = "lower case, and words a single space apart"
    done = plain if not pair and not description.get("normalisation") else f"the normalisation profile, then {plain}"
    cased = ("; `text_cased` and `target_cased` are the texts after the profile, before lower case"
             if pair else "")  # fmt: skip
    return (
        "Without naba: `model.onnx` takes tensors of text and gives `label` and `probabilities`. In the graph: "
        "tokens, n-grams, TF-IDF, the classifier and its calibration. Not in it, because no ONNX operator does it "
        f"as Python does, and done by naba's predictor with the standard library: {done}{cased}."
    )


def network_without_naba(description: Mapping[str, Any], ending: str) -> str:
    """What has to be done round an exported network."""
    order = ", and a pair is given as target, then text" if "target" in description["input"] else ""
    return (
        f"Without naba: `model.{ending}` takes token ids and gives scores before the softmax. Texts are normalised "
        f"first, as `naba.json` says, and cut by `tokenizer.json`{order}.{before_calibration(description)}"
    )


FORMAT = Format(
    "onnx",
    "TF-IDF models, the majority and encoders, without scikit-learn and torch: onnxruntime, numpy and (encoders)\n"
    "tokenizers run it. The graph of a TF-IDF model reads texts. --int8 makes an encoder smaller, and often faster.\n"
    "Models on pair features or claim cues are refused: no operator of ONNX computes those exactly.",
    False,
    write,
    load,
    card,
    int8=("int8", "int8 blocks"),
)
