"""Building ONNX graphs node by node: the file is what is written here, and nothing is traced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

OPSETS = {"": 21, "com.microsoft": 1, "ai.onnx.ml": 3}
"""`com.microsoft` holds the one operator beyond the standard that is used: `Tokenizer`, part of every onnxruntime."""
IR_VERSION = 10


class Graph:
    """A graph that grows: `add` puts in a node and gives the name of its (first) output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.count = 0

    def name(self) -> str:
        """A name that is not taken."""
        self.count += 1
        return f"v{self.count}"

    def add(self, operator: str, *inputs: str, domain: str = "", output: str | None = None, **attributes: Any) -> str:
        """A node with one output; returns its name."""
        return self.several(operator, inputs, [output or self.name()], domain, attributes)[0]

    def several(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> Sequence[str]:  # fmt: skip
        """A node with several outputs; an empty name leaves one out."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, list(inputs), list(outputs), domain=domain, **(attributes or {})))
        return outputs

    def constant(self, values: Any, kind: Any = None) -> str:
        """A constant from an array of numbers, or from (nested) lists of texts."""
        from onnx import TensorProto, helper, numpy_helper

        array = np.asarray(values, dtype=kind)
        name = self.name()
        if array.dtype.kind in "UO":
            content = [str(item).encode() for item in array.ravel().tolist()]
            self.initializers.append(helper.make_tensor(name, TensorProto.STRING, array.shape, content))
        else:
            self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def save(self, path: Path, inputs: Sequence[str], outputs: Mapping[str, tuple[str, int]], about: str) -> None:
        """Check the graph and write it: text inputs of shape (n,), outputs name -> (`text` or `number`, columns).

        An output of 0 columns has the shape (n,).
        """
        import onnx
        from onnx import TensorProto, helper

        kinds = {"text": TensorProto.STRING, "number": TensorProto.DOUBLE}
        given = [helper.make_tensor_value_info(name, TensorProto.STRING, ["rows"]) for name in inputs]
        made = [
            helper.make_tensor_value_info(name, kinds[kind], ["rows", columns] if columns else ["rows"])
            for name, (kind, columns) in outputs.items()
        ]
        graph = helper.make_graph(self.nodes, "naba", given, made, self.initializers)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="naba", doc_string=about)
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        onnx.save(model, str(path))
