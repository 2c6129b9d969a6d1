"""A TF-IDF vectoriser that is kept small: its terms sorted, packed and compressed, its settings checked."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from naba.errors import UserError
from naba.models.classifier import DAMAGED, Kept, parameters
from naba.models.tfidf.term_counts import TOKEN_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LARGEST_TERMS = 256 * 2**20
"""Bytes that one table of terms may take when it is unpacked."""
LONGEST_GRAM = 16
_DTYPES = ("float32", "float64")


def given_words(words: list[str]) -> list[str]:
    """An analyzer for rows that are lists of terms already."""
    return words


class Vectoriser(TfidfVectorizer, Kept):
    """scikit-learn's `TfidfVectorizer`; only the settings that naba uses can be saved."""

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {given_words: ()}
    stored: ClassVar[tuple[str, ...]] = ("terms", "count", "idf")

    def __getstate__(self) -> dict[str, Any]:
        defaults = parameters(TfidfVectorizer)
        settings = {name: value for name, value in self.get_params().items() if value != defaults[name]}
        if "dtype" in settings:
            settings["dtype"] = np.dtype(settings["dtype"]).name
        _check_settings(settings)
        if not hasattr(self, "vocabulary_"):
            return settings
        terms = sorted(self.vocabulary_, key=self.vocabulary_.__getitem__)
        return settings | {"terms": pack_terms(terms), "count": len(terms), "idf": self.idf_}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        settings = {name: value for name, value in state.items() if name not in self.stored}
        _check_settings(settings)
        if "dtype" in settings:
            settings["dtype"] = getattr(np, settings["dtype"])
        self.__init__(**settings)  # type: ignore[misc]
        if "terms" in state:
            self._fill(state["terms"], state.get("count"), state.get("idf"))

    def _fill(self, packed: Any, count: Any, idf: Any) -> None:
        if not isinstance(packed, np.ndarray) or type(count) is not int:
            raise UserError("a vocabulary has no terms, or does not say how many", DAMAGED)
        terms = unpack_terms(packed, count)
        if not isinstance(idf, np.ndarray) or idf.shape != (len(terms),) or len(set(terms)) != len(terms):
            raise UserError(f"a vocabulary of {len(terms)} terms has document frequencies of another shape", DAMAGED)
        self.vocabulary_ = {term: place for place, term in enumerate(terms)}
        self.fixed_vocabulary_ = False
        self.idf_ = idf


def _is_span(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(type(one) is int for one in value)
        and 1 <= value[0] <= value[1] <= LONGEST_GRAM
    )


_SETTINGS: dict[str, Callable[[Any], bool]] = {
    "ngram_range": _is_span,
    # Any other pattern of a file could take for ever.
    "token_pattern": lambda value: value == TOKEN_PATTERN,
    # A function is one that the reader of the file was allowed to build.
    "analyzer": lambda value: value in ("word", "char_wb") or callable(value),
    "lowercase": lambda value: isinstance(value, bool),
    "sublinear_tf": lambda value: isinstance(value, bool),
    "min_df": lambda value: type(value) is int,
    "dtype": lambda value: value in _DTYPES,
}


def _check_settings(settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if name not in _SETTINGS or not _SETTINGS[name](value):
            raise UserError(f"a vectoriser with {name}={value!r} cannot be saved or loaded")


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
        raise UserError(f"a vocabulary cannot be read: {error}", DAMAGED) from error
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
