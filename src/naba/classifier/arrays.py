"""Arrays and tables of terms on disk: safetensors files, which hold numbers and cannot hold code."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LARGEST_TERMS = 256 * 2**20
"""Bytes that one table of terms may take when it is unpacked."""


@dataclass
class Arrays:
    """Named arrays; what is put in gets a short name of its own."""

    content: dict[str, np.ndarray] = field(default_factory=dict)

    def put(self, array: np.ndarray) -> str:
        """Keep an array of numbers; returns its name."""
        name = f"a{len(self.content)}"
        # safetensors writes the bytes as they lie in memory.
        self.content[name] = np.array(array, order="C", copy=True)
        return name

    def get(self, name: object) -> np.ndarray:
        """The array of that name.

        Raises:
            UserError: there is none.
        """
        if not isinstance(name, str) or name not in self.content:
            raise UserError(f"the weights have no array {name!r}", "the directory is damaged: export it again")
        return self.content[name]

    def save(self, file: Path) -> None:
        """Write all arrays to a safetensors file."""
        save_file(self.content, os.fspath(file))

    @classmethod
    def load(cls, file: Path) -> Arrays:
        """Read a safetensors file; sizes are checked against the file before anything is allocated.

        Raises:
            UserError: it is missing, cut short, or no safetensors file.
        """
        try:
            return cls(load_file(os.fspath(file)))
        except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{file} is not a whole safetensors file: {error}", "export it again") from error


def pack_terms(terms: Sequence[str]) -> np.ndarray:
    """Terms as compressed bytes, (bytes,) uint8: what each shares with the one before it is left out.

    Sorted terms (a vocabulary) take a small part of their length.
    """
    shared, lengths, rest, before = [], [], [], ""
    for term in terms:
        common = 0
        for ours, theirs in zip(term, before, strict=False):
            if ours != theirs:
                break
            common += 1
        shared.append(common)
        lengths.append(len(term) - common)
        rest.append(term[common:])
        before = term
    numbers = np.array([shared, lengths], dtype="<u4").reshape(2, len(terms))
    # Surrogates are not text, but a tweet cut in the middle of a character holds them.
    joined = "".join(rest).encode("utf-8", "surrogatepass")
    return np.frombuffer(zlib.compress(numbers.tobytes() + joined, 9), dtype=np.uint8)


def unpack_terms(packed: np.ndarray, count: int) -> list[str]:
    """The `count` terms that `pack_terms` packed.

    Raises:
        UserError: the bytes are something else, or unpack to more than `LARGEST_TERMS`.
    """
    try:
        shared, lengths, text = _unpack(packed, count)
    except (zlib.error, ValueError) as error:
        raise UserError(f"a vocabulary cannot be read: {error}", "the directory is damaged: export it again") from error
    terms, before, start = [], "", 0
    for common, length in zip(shared, lengths, strict=True):
        before = before[:common] + text[start : start + length]
        terms.append(before)
        start += length
    return terms


def _unpack(packed: np.ndarray, count: int) -> tuple[list[int], list[int], str]:
    if packed.dtype != np.uint8 or packed.ndim != 1:
        raise ValueError("the table is no line of bytes")
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(packed.tobytes(), LARGEST_TERMS)
    if unpacker.unconsumed_tail or not 0 <= 8 * count <= len(content):
        raise ValueError("the table does not have the size it declares")
    shared, lengths = np.frombuffer(content[: 8 * count], dtype="<u4").reshape(2, count).tolist()
    text = content[8 * count :].decode("utf-8", "surrogatepass")
    if sum(lengths) != len(text) or sum(shared) + len(text) > LARGEST_TERMS:
        raise ValueError("the terms do not have the lengths they declare")
    return shared, lengths, text
