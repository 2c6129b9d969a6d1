"""Fitted estimators in a file of skops, and back.

`skops.io` reads these files too. Here they are written without it, because it takes half a second to import and more
where much else is imported, most of it to list functions that a file of naba's never names; a test compares the bytes.
They are read without it, because skops trusts all of scikit-learn and numpy unasked, and sets whatever attributes
stand in a file. Here nothing that a file names is trusted but

- subclasses of `naba.models.classifier.Kept` in `naba.models` or beside a builder, which check what they are given,
- below them, the types and functions that they list (`holds`), with no other settings than those listed there,
- lists, tuples, mappings with keys of text, plain values, arrays of numbers and of labels.

Methods, operators, partials, pickled arrays, sparse matrices, random generators and the rest of skops are refused.
"""

from __future__ import annotations

import importlib
import io
import json
import math
import re
import zipfile
import zlib
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.errors import UserError, unknown_name
from naba.models import classifier as protocol
from naba.models.classifier import DAMAGED, Kept

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LARGEST_SCHEMA = 64 * 2**20
LARGEST_RATIO = 100
"""A file may unpack to so many times its size, and 64 MiB more."""
DEEPEST = 100
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_PLAIN = (str, int, float, bool, type(None))
Trusted = dict[str, tuple[Any, tuple[str, ...]]]
SCHEMA = "schema.json"
PROTOCOL = 2


def path_of(thing: Any) -> str:
    """How a file names a type or a function."""
    return f"{thing.__module__}.{thing.__qualname__}"


def trusted_below(kind: type[Kept], trusted: Trusted) -> Trusted:
    """What may stand below an object of `kind`: path -> (type or function, settings)."""
    return trusted | {path_of(thing): (thing, settings) for thing, settings in kind.holds.items()}


def save(model: Any, path: Path) -> None:
    """Write a classifier; equal ones give equal files.

    Raises:
        UserError: a part of it is not one that a file may name.
    """
    try:
        path.write_bytes(written(model))
    except (TypeError, ValueError) as error:
        raise UserError(f"the model cannot be saved: {error}") from error
    load(path)


def why_not(model: Any) -> str | None:
    """Why a classifier, fitted or not, could not be saved; None where it can, as far as its settings tell."""
    try:
        _require_kept(model, {}, type(model).__name__)
    except UserError as error:
        return error.message
    return None


def _require_kept(value: Any, trusted: Trusted, where: str) -> None:
    if isinstance(value, (list, tuple)):
        for item in value:
            _require_kept(item, trusted, where)
        return
    if isinstance(value, Kept):
        kind = type(value)
        if not _is_family(kind.__module__) or kind.__qualname__ != kind.__name__:
            raise UserError(f"{path_of(kind)} stands neither in naba.models nor beside a builder of a model")
        below = trusted_below(kind, trusted)
        for name, item in vars(value).items():
            # What an own classifier holds is kept in a file of its own, see `naba.models.own`.
            if name not in {"checkpoint_folder", *kind.apart}:
                _require_kept(item, below, f"{kind.__name__}.{name}")
        return
    kind = type(value)
    if not (hasattr(value, "get_params") and hasattr(value, "fit")):
        return
    if path_of(kind) not in trusted:
        raise UserError(_untrusted(path_of(kind), where, trusted))
    settings = trusted[path_of(kind)][1]
    defaults = protocol.parameters(kind)
    for name, item in value.get_params(deep=False).items():
        if name in settings:
            _require_kept(item, trusted, f"{kind.__name__}.{name}")
        elif item != defaults[name]:
            raise UserError(f"{kind.__name__}.{name} is {item!r}, a setting that cannot be saved")


def _untrusted(path: str, where: str, trusted: Trusted) -> str:
    listed = ", ".join(sorted(one.rpartition(".")[2] for one in trusted)) or "none"
    return f"{path} (in {where}) is no type that a saved classifier may hold there (listed by its family: {listed})"


def load(path: Path) -> Any:
    """The estimator of a file; see the head of this module.

    Raises:
        UserError: the file is damaged, or names something that is not listed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Reader(archive, path).model()
    except (zipfile.BadZipFile, OSError, EOFError, RecursionError) as error:
        raise UserError(f"{path} is not a whole file of an estimator: {error}", DAMAGED) from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RuntimeError,
            MemoryError) as error:  # fmt: skip
        raise UserError(f"{path} cannot be read: {type(error).__name__}: {error}", DAMAGED) from error


def _is_family(module: str) -> bool:
    """Is it a module of naba's models, or of an allowed package that brings builders?"""
    if module.startswith("naba.models."):
        return True
    from naba.config import builders

    packages = {builders.options_class(name).__module__.partition(".")[0] for name in builders.names()}
    return module.partition(".")[0] in packages - {"naba"}


class _Reader:
    """One file: its schema says what there is, its members hold the arrays."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self.archive = archive
        self.path = path
        self.built: dict[int, Any] = {}
        self.arrays: dict[str, np.ndarray] = {}
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > 64 * 2**20 + LARGEST_RATIO * path.stat().st_size:
            raise UserError(f"{path} would unpack to {size >> 20} MiB, out of {path.stat().st_size >> 10} KiB")
        if len({member.filename for member in members}) != len(members):
            raise UserError(f"{path} holds two members of one name", DAMAGED)

    def model(self) -> Any:
        """The object at the root."""
        if self.archive.getinfo(SCHEMA).file_size > LARGEST_SCHEMA:
            raise UserError(f"{self.path}: {SCHEMA} is larger than {LARGEST_SCHEMA >> 20} MiB")
        schema = json.loads(self.archive.read(SCHEMA))
        if not isinstance(schema, dict) or schema.get("protocol") != PROTOCOL:
            raise UserError(f"{self.path} is not written by the protocol {PROTOCOL} of skops", DAMAGED)
        return self.build(schema, {}, "the root", 0)

    def build(self, node: Any, trusted: Trusted, where: str, depth: int) -> Any:
        """The value that a node of the schema stands for."""
        if not isinstance(node, dict) or depth > DEEPEST:
            raise UserError(f"{self.path}: no node at {where}, or too deep a one", DAMAGED)
        loader, number = node.get("__loader__"), node.get("__id__")
        if type(number) is int and number in self.built:
            return self.built[number]
        make = _LOADERS.get(loader) if isinstance(loader, str) else None
        if make is None:
            raise UserError(
                f"{self.path} asks for {str(loader)[:60]!r} at {where}, which is never built",
                "loading runs no code that a file names",
            )
        value = make(self, node, trusted, where, depth + 1)
        if type(number) is int:
            self.built[number] = value
        return value

    def plain(self, node: Any, *_: Any) -> Any:
        """A str, number, bool or None."""
        value = json.loads(node["content"])
        if not isinstance(value, _PLAIN):
            raise UserError(f"{self.path}: a {type(value).__name__} where a plain value should stand", DAMAGED)
        return value

    def mapping(self, node: Any, trusted: Trusted, where: str, depth: int) -> dict[str, Any]:
        """A dict with keys of text."""
        kinds = node["key_types"]["content"]
        if _path(node) != "builtins.dict" or any(_path(kind) != "builtins.str" for kind in kinds):
            raise UserError(f"{self.path}: {where} is no mapping with keys of text", DAMAGED)
        return {key: self.build(item, trusted, f"{where}.{key}", depth) for key, item in node["content"].items()}

    def sequence(self, node: Any, trusted: Trusted, where: str, depth: int) -> Any:
        """A list or a tuple."""
        kind = {"builtins.list": list, "builtins.tuple": tuple}.get(_path(node))
        if kind is None:
            raise UserError(f"{self.path}: {where} is neither a list nor a tuple", DAMAGED)
        return kind(self.build(item, trusted, where, depth) for item in node["content"])

    def array(self, node: Any, trusted: Trusted, where: str, depth: int) -> Any:
        """Numbers from a member of the file, or labels."""
        path = _path(node)
        if node["type"] == "json":
            values = [self.build(item, trusted, where, depth) for item in node["content"]]
            if path != "numpy.ndarray" or not all(isinstance(value, str) for value in values):
                raise UserError(f"{self.path}: {where} is no line of labels", DAMAGED)
            return np.array([*values, None], dtype=object)[:-1]
        numbers = self._numbers(str(node["file"]), where)
        if path == "numpy.ndarray":
            return numbers
        if numbers.ndim or path != f"numpy.{numbers.dtype.name}":
            raise UserError(f"{self.path}: {where} is no {path}", DAMAGED)
        return numbers[()]

    def _numbers(self, name: str, where: str) -> np.ndarray:
        if name not in self.arrays:
            self.arrays[name] = self._read(name, where)
        return self.arrays[name]

    def _read(self, name: str, where: str) -> np.ndarray:
        content = self.archive.read(name)
        stream = io.BytesIO(content)
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, transposed, dtype = read(stream)
        start = stream.tell()
        if dtype.kind not in "biuf" or math.prod(shape) * dtype.itemsize != len(content) - start:
            raise UserError(f"{self.path}: the array {where} is {dtype}{list(shape)} in {len(content)} bytes", DAMAGED)
        flat = np.frombuffer(content, dtype, offset=start).copy()
        # Trees that split what is missing from what is not have an infinite threshold.
        unsound = np.isnan(flat) if where.endswith(".threshold") else ~np.isfinite(flat)
        if unsound.any():
            raise UserError(f"{self.path}: {int(unsound.sum())} of the numbers of {where} are not finite", DAMAGED)
        return flat.reshape(shape, order="F" if transposed else "C")

    def function(self, node: Any, trusted: Trusted, where: str, _depth: int) -> Any:
        """A function that is listed."""
        path = _path(node)
        if path not in trusted or isinstance(trusted[path][0], type):
            raise UserError(_untrusted(path, where, trusted), "loading runs no code that a file names")
        return trusted[path][0]

    def instance(self, node: Any, trusted: Trusted, where: str, depth: int) -> Any:
        """An object of a type that is listed, or of a family of models."""
        path = _path(node)
        kind = trusted[path][0] if path in trusted else self._family(node, where, trusted)
        below = trusted_below(kind, trusted) if issubclass(kind, Kept) else trusted
        state = self.build(node["content"], below, path.rpartition(".")[2], depth)
        if not isinstance(state, dict):
            raise UserError(f"{self.path}: {where} has no attributes", DAMAGED)
        return protocol.made(kind, () if issubclass(kind, Kept) else trusted[path][1], state)

    def _family(self, node: Any, where: str, trusted: Trusted) -> type[Kept]:
        module, name = _module(node), node.get("__class__")
        known = isinstance(name, str) and _MODULE.fullmatch(module) and _is_family(module)
        if not known:
            raise UserError(_untrusted(_path(node), where, trusted), "loading runs no code that a file names")
        try:
            found = vars(importlib.import_module(module)).get(name)
        except ImportError as error:
            raise UserError(f"{self.path} needs the module {module}: {error}") from error
        if not (isinstance(found, type) and issubclass(found, Kept) and found.__module__ == module):
            families = [one for one, item in vars(importlib.import_module(module)).items() if _is_kept(item, module)]
            raise UserError(unknown_name("class", str(name), families), "loading runs no code that a file names")
        return found


def _is_kept(item: Any, module: str) -> bool:
    return isinstance(item, type) and issubclass(item, Kept) and item.__module__ == module


def _path(node: Any) -> str:
    return f"{_module(node)[:100]}.{str(node.get('__class__'))[:100]}"


def _module(node: Any) -> str:
    said = str(node.get("__module__"))
    return protocol.MOVED.get(said, said)


_LOADERS: dict[str, Any] = {
    "JsonNode": _Reader.plain,
    "DictNode": _Reader.mapping,
    "ListNode": _Reader.sequence,
    "TupleNode": _Reader.sequence,
    "NdArrayNode": _Reader.array,
    "FunctionNode": _Reader.function,
    "ObjectNode": _Reader.instance,
}


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
