"""The writer of estimators in the format of skops, for the types that `naba.classifier.estimators` reads.

`skops.io` takes half a second to import and a second where much else is imported, most of it to list functions that a
file of naba's never names. A test compares the bytes with those of skops.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "schema.json"
PROTOCOL = 2
_PLAIN = (str, int, float, bool, type(None))


def written(model: Any) -> bytes:
    """The file of a model: without dates and addresses, so that equal models give equal files.

    Raises:
        TypeError: a part of it is of a type that no file holds.
    """
    import skops

    writer = _Writer()
    schema = writer.node(model) | {"protocol": PROTOCOL, "_skops_version": skops.__version__}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name, content in {SCHEMA: json.dumps(schema, separators=(",", ":")).encode(), **writer.arrays}.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            made.writestr(entry, content, _compression(content), 6)
    return target.getvalue()


def _compression(content: bytes) -> int:
    sample = content[: 1 << 16]
    # Coefficients are as good as random: packing them saves a twentieth and makes loading three times as slow.
    return zipfile.ZIP_DEFLATED if len(zlib.compress(sample, 1)) < 0.8 * len(sample) else zipfile.ZIP_STORED


class _Writer:
    """Nodes of the schema, each object with a number of its own, and the arrays beside them."""

    def __init__(self) -> None:
        self.arrays: dict[str, bytes] = {}
        self._numbers: dict[int, int] = {}
        self._files: dict[int, str] = {}
        self._kept: list[Any] = []
        """What has a number: while it lives, no other object has its address."""

    def node(self, value: Any) -> dict[str, Any]:
        """The node of a value and of all below it."""
        self._kept.append(value)
        number = self._numbers.setdefault(id(value), len(self._numbers) + 1)
        return self._described(value) | {"__id__": number}

    def _described(self, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            content = {key: self.node(item) for key, item in value.items()}
            return _named(type(value), "DictNode") | {
                "content": content,
                "key_types": self.node([type(key) for key in value]),
            }
        if isinstance(value, (list, tuple)):
            return _named(type(value), "ListNode" if isinstance(value, list) else "TupleNode") | {
                "content": self._nodes(value)
            }
        if isinstance(value, (np.ndarray, np.generic)):
            return _named(type(value), "NdArrayNode") | self._array(value)
        if isinstance(value, (FunctionType, type)):
            return _named(value, "TypeNode" if isinstance(value, type) else "FunctionNode")
        if isinstance(value, _PLAIN):
            return _named(str, "JsonNode") | {"content": json.dumps(value), "is_json": True}
        state = value.__getstate__()
        if not isinstance(state, dict):
            raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} is no type that a file can hold")
        return _named(type(value), "ObjectNode") | {"content": self.node(state)}

    def _nodes(self, values: Iterable[Any]) -> list[dict[str, Any]]:
        return [self.node(value) for value in values]

    def _array(self, value: Any) -> dict[str, Any]:
        if value.dtype == object:
            return {"content": self._nodes(value.tolist()), "type": "json", "shape": self.node(value.shape)}
        if id(value) not in self._files:
            content = io.BytesIO()
            np.save(content, value, allow_pickle=False)
            self._files[id(value)] = f"{len(self._files)}.npy"
            self.arrays[self._files[id(value)]] = content.getvalue()
        return {"type": "numpy", "file": self._files[id(value)]}


def _named(thing: Any, loader: str) -> dict[str, Any]:
    return {"__class__": thing.__name__, "__module__": thing.__module__, "__loader__": loader}
