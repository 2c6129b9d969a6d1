"""A program of `torch.export`, which torch runs without transformers. Loading one can run code: trusted ones only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naba.classifier.formats import Format, example_table
from naba.classifier.formats.onnx import network_without_naba
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from naba.models.classifier import Classifier


def write(source: Path, folder: Path, int8: str) -> None:  # noqa: ARG001
    """See `naba.classifier.torch_program`."""
    from naba.classifier import torch_program

    torch_program.export(source, folder)


def load(folder: Path, description: Mapping[str, Any]) -> Classifier:  # noqa: ARG001
    """Refused."""
    raise UserError(
        f"{folder} holds a program of torch, and loading one can run code that stands in it",
        "naba predict and naba serve take the formats directory, onnx and mlflow; "
        "naba.classifier.torch_program.load loads a program that you trust",
    )


def load_trusted(folder: Path, description: Mapping[str, Any]) -> Classifier:
    """See `naba.classifier.torch_program`."""
    from naba.classifier import torch_program

    return torch_program.load_described(folder, description)


def card(description: Mapping[str, Any]) -> list[str]:
    """See `Format`."""
    return [
        "```python",
        "from pathlib import Path",
        "from naba.classifier import torch_program",
        "",
        'model, description = torch_program.load(Path("FOLDER"))  # only if you trust it: such files can run code',
        f"model.predict_proba({example_table(description)})  # needs torch, tokenizers and numpy",
        "```",
        "",
        network_without_naba(description, "pt2"),
    ]


FORMAT = Format(
    "pt2",
    "encoders: a program of torch.export (the successor of TorchScript), run by torch without transformers",
    False,
    write,
    load,
    card,
    load_trusted,
)
