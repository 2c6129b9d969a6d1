"""Encoders as programs of `torch.export` (.pt2): run with torch, tokenizers and numpy, without transformers.

torch 2.13 warns that TorchScript (`torch.jit.save`, `torch.jit.load`) is deprecated and names this as its successor.

`torch.export.load` falls back to pickle where a file asks for it, and evaluates expressions that stand in it: a program
of a stranger can run code. So `naba.classifier.folder.load`, and with it `naba predict` and `naba serve`, refuses these
folders; who trusts one loads it by name, with `naba.classifier.torch_program.load`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba.classifier import encoders
from naba.classifier import folder as directory
from naba.classifier.onnx_predictor import DAMAGED, TOKENIZER, TokenClassifier, assembled, seal, settings_of
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from naba.models.classifier import Classifier

MODEL = "model.pt2"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def export(source: Path, folder: Path) -> None:
    """Write the encoder of a classifier directory as `model.pt2`, with `tokenizer.json`, `settings.json`, `naba.json`.

    Raises:
        UserError: the model is no encoder.
    """
    from naba.classifier.onnx_export import quiet
    from naba.models.encoder.classifier import EncoderClassifier

    model, description = directory.load(source)
    encoder = model.inner
    if not isinstance(encoder, EncoderClassifier):
        raise UserError(
            f"--format pt2 is for encoders: a {type(encoder).__name__} has no network that torch could run",
            "--format directory is exact; --format onnx holds TF-IDF models",
        )
    import torch

    names = INPUTS if encoder.reads_types() else INPUTS[:2]
    inputs, shapes = example(names, encoder.reading.max_length)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet():
        program = torch.export.export(scores(encoder.model_, names), inputs, dynamic_shapes=(shapes,))
        for node in program.graph.nodes:
            # They name the paths of this machine.
            node.meta.pop("stack_trace", None)
        torch.export.save(program, os.fspath(folder / MODEL))
    shutil.copyfile(source / encoders.TOKENIZER, folder / TOKENIZER)
    settings = settings_of(model, encoder) | {"inputs": list(names)}
    seal(folder, settings, {**description, **model.facts(), "kind": "pt2"}, load_described)


def example(names: Sequence[str], max_length: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Inputs to trace an encoder with, and their dynamic shapes: batch and length.

    The second row has padding: a mask that holds no 0 lets transformers leave it out of the traced network.
    """
    import torch

    ids = torch.ones((2, min(16, max_length)), dtype=torch.int64)
    mask = ids.clone()
    mask[1, ids.shape[1] // 2 :] = 0
    axes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    return (ids, mask, torch.zeros_like(ids))[: len(names)], tuple(axes for _ in names)


def scores(model: Any, names: Sequence[str]) -> Any:
    """A transformers classifier as a module from the inputs `names` to its scores."""
    import torch

    class Scores(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            return self.model(**dict(zip(names, inputs, strict=True))).logits.float()

    # Without this the wrapper is in training mode, and dropout stays in the graph.
    return Scores().eval()


def load(folder: Path, threads: int | None = None) -> tuple[Classifier, dict[str, Any]]:
    """The classifier of a folder with a program, and its description. Only for folders that are trusted; see above.

    Args:
        threads: of torch while it predicts; None leaves it the choice.
    Raises:
        UserError: the folder is damaged.
    """
    model, description = directory.load(Path(folder), trusted=True)
    vars(model.inner)["threads"] = threads
    return model, description


def load_described(folder: Path, description: Mapping[str, Any]) -> Classifier:
    """The classifier of a trusted folder with this description."""

    def make(settings: Mapping[str, Any], pair: bool) -> ProgramClassifier:
        return ProgramClassifier(folder, settings, pair)

    return assembled(folder, description, make)


class ProgramClassifier(TokenClassifier):
    """An encoder as a program of `torch.export`; see `TokenClassifier`."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], pair: bool) -> None:
        super().__init__(folder, settings, pair)
        self.inputs = [str(name) for name in settings["inputs"]]
        if self.inputs not in (list(INPUTS), list(INPUTS[:2])):
            raise ValueError("unknown inputs")
        self.threads: int | None = None
        self.program = _program(folder / MODEL)

    def run(self, given: Mapping[str, np.ndarray]) -> np.ndarray:
        """See `TokenClassifier`."""
        import torch

        from naba.models.encoder.training import fixed_threads

        with torch.inference_mode(), fixed_threads(self.threads or torch.get_num_threads()):
            found: np.ndarray = self.program(*(torch.from_numpy(given[name]) for name in self.inputs)).numpy()
        return found


def _program(path: Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise UserError("a .pt2 classifier needs the package torch", "pip install torch") from error
    try:
        return torch.export.load(os.fspath(path)).module()
    # What damaged archives raise shares no class but Exception.
    except Exception as error:
        raise UserError(f"{path} is no program of torch.export: {str(error)[:200]}", DAMAGED) from error
