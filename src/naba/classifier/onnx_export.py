"""Encoders and TF-IDF models as ONNX folders; models that ONNX cannot compute exactly are refused."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba.classifier import encoders, onnx_predictor
from naba.classifier import folder as directory
from naba.classifier.onnx_predictor import INSTALL, MODEL, TOKENIZER, seal, settings_of
from naba.errors import UserError
from naba.models.classifier import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naba.models.classifier import Classifier
    from naba.models.encoder.classifier import EncoderClassifier

WEIGHTS = "model.onnx.data"
BLOCK, IN_8_BITS = 32, 4
"""Numbers that share a scale in `int8 blocks`, and onnxruntime's name of arithmetic in 8 bits."""
LARGEST_INSIDE = 1_900_000_000
"""Bytes of weights that stand in `model.onnx` itself; protobuf has no room for more than 2 GiB."""


def export(source: Path, folder: Path, int8: str = "") -> None:
    """Write a classifier directory as an ONNX folder: `model.onnx`, `settings.json`, an encoder's `tokenizer.json`.

    An encoder's batch and length are dynamic, and both segments of a pair go in where it reads them. A TF-IDF model's
    graph reads texts.

    Args:
        int8: weights of encoders in 8 bits: `int8`, with one scale for each column and arithmetic in 8 bits, where
            one scale serves all that a layer is given (dynamic quantisation); or `int8 blocks`, with one for each
            block of `BLOCK` numbers on both sides, which loses less and is slower.
    Raises:
        UserError: ONNX would not give the model's answers, or onnx is not installed.
    """
    from naba.models.encoder.classifier import EncoderClassifier
    from naba.models.onnx import write

    model, description = directory.load(source)
    encoder = model.inner
    if int8 and not isinstance(encoder, EncoderClassifier):
        raise UserError("--int8 goes with encoders: the weights of this model are read once a text", ELSEWHERE)
    _require_packages()
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(encoder, EncoderClassifier):
        settings = settings_of(model, encoder) | {"precision": int8 or "float32"}
        _write_graph(encoder, folder / MODEL)
        if int8:
            _quantise(folder / MODEL, blocks=int8 == "int8 blocks", large=_bytes(encoder) > LARGEST_INSIDE)
        shutil.copyfile(source / encoders.TOKENIZER, folder / TOKENIZER)
    else:
        settings = _text_settings(model) | {"inputs": write(model, folder / MODEL)}
    seal(folder, settings, {**description, **model.facts(), "kind": "onnx"}, onnx_predictor.load)


def _text_settings(model: Classifier) -> dict[str, Any]:
    inner = model.inner
    return {
        "classes": [str(label) for label in inner.classes_],
        "normalisation": inner.profile.to_dict() if inner.profile else None,
        "probabilities": model.probability_kind_,
        "threshold": None if model.threshold is None else str(model.threshold),
        "precision": "float32",
    }


def _require_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"--format onnx needs the package {error.name}", INSTALL) from error


def _write_graph(encoder: EncoderClassifier, path: Path) -> None:
    import onnx
    import torch

    from naba.classifier.torch_program import INPUTS, example, scores

    names = INPUTS if encoder.reads_types() else INPUTS[:2]
    inputs, shapes = example(names, encoder.reading.max_length)
    large = _bytes(encoder) > LARGEST_INSIDE
    with quiet():
        torch.onnx.export(
            scores(encoder.model_, names),
            inputs,
            os.fspath(path),
            input_names=list(names),
            output_names=["scores"],
            dynamic_shapes=(shapes,),
            dynamo=True,
            external_data=large,
            verbose=False,
        )
    graph = onnx.load(os.fspath(path))
    # Shapes that the exporter noted for the example stop the quantiser, and bind nobody.
    del graph.graph.value_info[:]
    _forget_origin(graph)
    if large:
        (path.parent / WEIGHTS).unlink(missing_ok=True)
        onnx.save(graph, os.fspath(path), save_as_external_data=True, location=WEIGHTS, size_threshold=1024)
    else:
        onnx.save(graph, os.fspath(path))


def _bytes(encoder: EncoderClassifier) -> int:
    return sum(value.nbytes for value in encoder.model_.state_dict().values())


def _forget_origin(model: Any) -> None:
    """Remove what the exporter noted of its sources: stack traces with the paths of this machine."""
    waiting = [model, model.graph, *model.functions]
    while waiting:
        part = waiting.pop()
        del part.metadata_props[:]
        for node in getattr(part, "node", ()):
            node.ClearField("doc_string")
            inside = [graph for one in node.attribute for graph in (one.g, *one.graphs) if graph.node]
            waiting += [node, *inside]
        waiting += [*getattr(part, "input", ()), *getattr(part, "output", ()), *getattr(part, "initializer", ())]
        waiting = [one for one in waiting if hasattr(one, "metadata_props")]


def _quantise(path: Path, *, blocks: bool, large: bool) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, matmul_nbits_quantizer, quantize_dynamic

    with tempfile.TemporaryDirectory(dir=path.parent) as place, quiet():
        target = Path(place) / "int8.onnx"
        quantize_dynamic(os.fspath(path), os.fspath(target), weight_type=QuantType.QInt8, per_channel=True,
                         use_external_data_format=large,
                         op_types_to_quantize=["Gather"] if blocks else None)  # fmt: skip
        if blocks:
            scheme = matmul_nbits_quantizer.DefaultWeightOnlyQuantConfig(
                block_size=BLOCK, is_symmetric=True, accuracy_level=IN_8_BITS, bits=8
            )
            work = matmul_nbits_quantizer.MatMulNBitsQuantizer(onnx.load(os.fspath(target)), algo_config=scheme)
            work.process()
            work.model.save_model_to_file(os.fspath(target), use_external_data_format=large)
        if large:
            # The quantiser names the file of the weights after its own; a quarter of them may do without one.
            graph = onnx.load(os.fspath(target))
            (path.parent / WEIGHTS).unlink()
            onnx.save(graph, os.fspath(path), save_as_external_data=True, location=WEIGHTS, size_threshold=1024)
        else:
            target.replace(path)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the exporters' remarks on packages that are not needed and on their own internals."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(nowhere):
                yield
    finally:
        logging.disable(before)
