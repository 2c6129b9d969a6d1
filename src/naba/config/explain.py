"""What pydantic found wrong, in naba's words: the key, what was expected, and the nearest valid name."""

from __future__ import annotations

import dataclasses
import typing
from typing import TYPE_CHECKING, Any

from naba.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import ValidationError


def explain(error: ValidationError, schema: type, prefix: str) -> list[str]:
    """One line a problem, with the place of each below `prefix` (`model.`).

    Args:
        schema: the dataclass that was validated, for the names it has.
    """
    problems = []
    for detail in error.errors():
        where = ".".join(str(part) for part in detail["loc"] if part != "[key]")
        place = f"{prefix}{where}"
        if detail["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
            parent = ".".join(str(part) for part in detail["loc"][:-1])
            valid = [prefix + (f"{parent}.{name}" if parent else name) for name in _fields(schema, detail["loc"][:-1])]
            problems.append(unknown_name("key", place, valid))
        elif detail["type"] in {"missing", "missing_argument"}:
            problems.append(f"{place}: missing")
        else:
            problems.append(f"{place}: {_expectation(detail)}, got {shown(detail['input'])}")
    return problems


def shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _expectation(detail: Mapping[str, Any]) -> str:
    message = str(detail["msg"])
    kind, context = str(detail["type"]), detail.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return f"expected text like {context.get('pattern')}"
    if kind == "string_type":
        return "expected text (quote numbers, true, false and null in YAML: '0')"
    if kind == "string_too_long":
        return f"expected at most {context.get('max_length')} characters"
    return message.removeprefix("Value error, ").replace("Input should be", "expected", 1)


def _fields(schema: type, loc: Iterable[int | str]) -> list[str]:
    """Field names of the dataclass that stands at `loc` below `schema`."""
    current: Any = schema
    for part in loc:
        if not dataclasses.is_dataclass(current):
            return []
        hints = typing.get_type_hints(current)
        current = hints.get(str(part))
        inner = [item for item in typing.get_args(current) if dataclasses.is_dataclass(item)]
        current = inner[0] if inner else current
    return [field.name for field in dataclasses.fields(current)] if dataclasses.is_dataclass(current) else []
