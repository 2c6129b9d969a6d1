"""Eight bits for a fine-tuned encoder: which weights may be rounded how, and how many labels stay?

    naba export RUN float/ --format onnx
    NABA_MIRROR=… OMP_NUM_THREADS=1 python experiments/attempts/int8.py float/ ans_stance

The float32 export of a run is quantised in each way, and its answers on the test rows are compared with its own.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, matmul_nbits_quantizer, quantize_dynamic

from naba.classifier import folder as directory
from naba.classifier.onnx_predictor import session
from naba.config.schema import DataConfig
from naba.data.dataset import load_named

Shapes = dict[str, tuple[int, ...]]


def kinds(graph: Any) -> tuple[list[str], list[str], list[str]]:
    """Names of the embeddings' nodes, of all layers' products with weights, and of those that narrow them."""
    shapes: Shapes = {one.name: tuple(one.dims) for one in graph.initializer}
    products = [(node.name, shapes[name]) for node in graph.node if node.op_type == "MatMul"
                for name in node.input if name in shapes]  # fmt: skip
    embeddings = [node.name for node in graph.node if node.op_type == "Gather"]
    return embeddings, [name for name, _ in products], [name for name, (rows, columns) in products if rows > columns]


def by_column(source: Path, target: Path, **options: Any) -> None:
    """One scale for each column of weights, one for all that a layer is given."""
    quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8, per_channel=True, **options)


def by_blocks(source: Path, target: Path, size: int) -> None:
    """One scale for each block of numbers; embeddings by column."""
    by_column(source, target, op_types_to_quantize=["Gather"])
    scheme = matmul_nbits_quantizer.DefaultWeightOnlyQuantConfig(
        block_size=size, is_symmetric=True, accuracy_level=4, bits=8
    )
    work = matmul_nbits_quantizer.MatMulNBitsQuantizer(onnx.load(target), algo_config=scheme)
    work.process()
    work.model.save_model_to_file(str(target))


def main(folder: str, dataset: str) -> None:
    """Print a line for each way."""
    logging.disable(logging.WARNING)
    model: Any = directory.load(Path(folder))[0]
    source = Path(folder) / "model.onnx"
    rows = load_named(dataset, DataConfig())
    table = rows.frame(rows.indices("test"))
    whole = model.predict_proba(table)
    embeddings, products, narrowing = kinds(onnx.load(source).graph)
    ways: dict[str, Any] = {
        "by column": lambda target: by_column(source, target),
        "by column, 7 bits": lambda target: by_column(source, target, reduce_range=True),
    }
    for name, left in {
        "embeddings": embeddings, "embeddings, two layers": embeddings + products[:12], "narrowing": narrowing,
    }.items():  # fmt: skip
        ways[f"by column, {name} in float32"] = lambda target, left=left: by_column(
            source, target, nodes_to_exclude=left
        )
    for size in (128, 32):
        ways[f"blocks of {size}"] = lambda target, size=size: by_blocks(source, target, size)
    for name, write in ways.items():
        with tempfile.TemporaryDirectory() as place:
            target = Path(place) / "model.onnx"
            write(target)
            model.session = session(target, 1)
            found = model.predict_proba(table)
            equal = (found.argmax(axis=1) == whole.argmax(axis=1)).mean()
            apart = np.abs(found - whole).max()
            print(
                f"{name:45} labels {equal:.2%}  apart {apart:.3f}  {target.stat().st_size / 2**20:.0f} MiB", flush=True
            )


if __name__ == "__main__":
    main(*sys.argv[1:3])
