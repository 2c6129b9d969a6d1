"""Readers of data sets as a YAML chooses them: the name of one, and its options checked against its signature."""

from __future__ import annotations

import copy
import inspect
from dataclasses import field, make_dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Strict, ValidationError

from naba.config import packages
from naba.config.schema import FORBID, adapter, explain
from naba.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from naba.config.schema import DatasetConfig

READERS = "naba.data.corpora.readers:READERS"
"""The table that `@reader` fills, which is the one that reads as well."""


def _check_reader(dataset: DatasetConfig) -> list[str]:
    """What is wrong with a data set's `reader` and `options`, one line a problem."""
    known: dict[str, Callable[..., Any]] = packages.registry(READERS)
    if dataset.reader not in known:
        packages.load()
    if dataset.reader not in known:
        return [f"dataset.reader: {unknown_name('reader', dataset.reader, known)}"]
    try:
        kind = _reader_options(known[dataset.reader])
    except (NameError, TypeError) as error:
        return [f"dataset.reader: the arguments of '{dataset.reader}' cannot be read: {packages.told(error)}"]
    try:
        adapter(kind).validate_python(dataset.options)
    except ValidationError as error:
        return explain(error, kind, "dataset.options.")
    return []


@cache
def _reader_options(reader: Callable[..., Any]) -> type:
    """The keyword arguments of a reader, after the files, as a dataclass that takes nothing else."""
    parameters = list(inspect.signature(reader, eval_str=True).parameters.values())[1:]
    kinds = {
        one.name: Any if one.annotation is one.empty else Annotated[one.annotation, Strict()] for one in parameters
    }
    required = [(one.name, kinds[one.name]) for one in parameters if one.default is one.empty]
    optional = [
        (one.name, kinds[one.name], field(default_factory=partial(copy.deepcopy, one.default)))
        for one in parameters
        if one.default is not one.empty
    ]
    return make_dataclass("Options", [*required, *optional], namespace={"__pydantic_config__": FORBID}, kw_only=True)
