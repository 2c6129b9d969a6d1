"""Building ONNX graphs node by node: the file is what is written here, and nothing is traced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from naba.models.classifier import Classifier

OPSETS = {"": 21, "com.microsoft": 1, "ai.onnx.ml": 3}
"""`com.microsoft` holds the one operator beyond the standard that is used: `Tokenizer`, part of every onnxruntime."""
IR_VERSION = 10
CASED = ("text_cased", "target_cased")
"""Inputs with the texts as they are before lower case."""
_SURROGATES = {code: 0x10F000 + code - 0xD800 for code in range(0xD800, 0xE000)}


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


def write(model: Classifier, path: Path) -> list[str]:
    """Write a classifier of texts as one ONNX file: texts in, `label` and `probabilities` out.

    Returns:
        The graph's inputs: `text` (and `target`, and both as `text_cased`, `target_cased` where the case counts).
    Raises:
        UserError: the model has a part that no operator computes exactly; says which.
    """
    graph = Graph()
    inner = model.inner
    inputs, probabilities = inner.onnx(graph)
    best = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
    labels = graph.constant([str(label) for label in inner.classes_])
    graph.add("Gather", labels, best, axis=0, output="label")
    graph.add("Identity", corrected(graph, probabilities, model.correction), output="probabilities")
    outputs = {"label": ("text", 0), "probabilities": ("number", len(inner.classes_))}
    graph.save(path, inputs, outputs, "Texts must be prepared first, as naba.classifier.onnx_predictor.prepared does.")
    return inputs


def encodable(text: str) -> str:
    """The text with characters in place of lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.translate(_SURROGATES)
    return text


def joined(graph: Graph, parts: Sequence[str]) -> str:
    """Tables side by side."""
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


def total(graph: Graph, rows: str) -> str:
    """The sum of each row, (n, 1)."""
    return graph.add("ReduceSum", rows, graph.constant([1], np.int64), keepdims=1)


def corrected(graph: Graph, probabilities: str, correction: Mapping[str, Any] | None) -> str:
    """Probabilities (n, k) float64 corrected as `naba.models.calibration.Calibrated` does."""
    if not correction:
        return probabilities
    if "temperature" in correction:
        floor = graph.add("Max", probabilities, graph.constant(np.float64(1e-12)))
        logarithms = graph.add("Log", floor)
        cooled = graph.add("Div", logarithms, graph.constant(np.float64(correction["temperature"])))
        return graph.add("Softmax", cooled, axis=1)
    raised = [_risen(graph, probabilities, column, step) for column, step in enumerate(correction["steps"])]
    found = joined(graph, raised)
    sums = total(graph, found)
    some = graph.add("Greater", sums, graph.constant(np.float64(0)))
    divisor = graph.add("Where", some, sums, graph.constant(np.float64(1)))
    return graph.add("Where", some, graph.add("Div", found, divisor), probabilities)


def _risen(graph: Graph, probabilities: str, column: int, step: Mapping[str, Any]) -> str:
    """numpy's `interp` of one column, (n, 1)."""
    x, y = np.asarray(step["x"], dtype=np.float64), np.asarray(step["y"], dtype=np.float64)
    if len(x) == 1:
        x, y = np.array([x[0], x[0] + 1]), np.array([y[0], y[0]])
    chosen = graph.add("Gather", probabilities, graph.constant([column], np.int64), axis=1)
    below = graph.add("Cast", graph.add("GreaterOrEqual", chosen, graph.constant(x)), to=7)
    place = graph.add("Sub", total(graph, below), graph.constant([1], np.int64))
    limits = graph.constant(np.int64(0)), graph.constant(np.int64(len(x) - 2))
    place = graph.add("Min", graph.add("Max", place, limits[0]), limits[1])
    start, low, slope = (graph.add("Gather", graph.constant(part), place, axis=0)
                         for part in (x[:-1], y[:-1], np.diff(y) / np.diff(x)))  # fmt: skip
    inside = graph.add("Min", graph.add("Max", chosen, graph.constant(x[0])), graph.constant(x[-1]))
    return graph.add("Add", graph.add("Mul", graph.add("Sub", inside, start), slope), low)
