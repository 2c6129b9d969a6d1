"""What the server takes: tables of texts in the four forms of MLflow's scoring protocol, within limits."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from naba.data.rows.json import unique_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters but for tab, line feed and carriage return."""
SURROGATE = re.compile("[\ud800-\udfff]")
TABLES = ("dataframe_records", "dataframe_split", "inputs", "instances")
ADVICE = 'for example {"dataframe_records": [{%s}]}'


@dataclass(frozen=True)
class Limits:
    """What one request may be. `columns` are those the classifier reads."""

    columns: tuple[str, ...]
    body_bytes: int = 2**20
    rows: int = 1000
    characters: int = 100_000
    """Of one text."""
    seconds: float = 30.0
    """For a request to arrive, and again for its answer."""
    waiting: int = 64
    """Requests at once; more get 503 at once rather than an answer much later."""
    chat: bool = False
    """Is `/v1/chat/completions` answered too?"""

    def to_json(self) -> str:
        """For the environment of the server's processes."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Limits:
        """Read what `to_json` wrote."""
        found = json.loads(text)
        return cls(**{**found, "columns": tuple(found["columns"])})


class RefusedError(Exception):
    """A request that gets a 4xx: status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


async def read_body(request: Request, limits: Limits) -> bytes:
    """The body of a request.

    Raises:
        RefusedError: 415 for anything but plain JSON, 413 for too large a body, 400 for one that breaks off.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, f"the body must be JSON: Content-Type: application/json, not {kind or 'nothing'}")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusedError(415, "the body must not be compressed")
    length = request.headers.get("content-length", "0")
    too_large = RefusedError(413, f"the request is larger than {limits.body_bytes:,} bytes; send fewer rows")
    if length.isascii() and length.isdigit() and int(length[:20]) > limits.body_bytes:
        raise too_large
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limits.body_bytes:
                raise too_large
            parts.append(part)
    except ClientDisconnect as error:
        raise RefusedError(400, "the connection was closed before the request was complete") from error
    return b"".join(parts)


def read_table(body: bytes, limits: Limits) -> list[dict[str, str]]:
    """The rows of a request, only the columns the classifier reads.

    Raises:
        RefusedError: 400 for anything that is no table of texts, 413 for too many rows or too long a text.
    """
    advice = _advice(limits)
    try:
        document = json.loads(body.decode(), object_pairs_hook=unique_keys)
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"the body is not UTF-8 (byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"the body is not valid JSON: {error}; {advice}") from error
    if not isinstance(document, dict) or len(document) != 1 or next(iter(document)) not in TABLES:
        raise RefusedError(400, f"the body must be an object with one key, one of {', '.join(TABLES)}; {advice}")
    key, content = next(iter(document.items()))
    rows = _split(content, advice) if key == "dataframe_split" else _rows(content, key, limits, advice)
    if not isinstance(rows, list) or not rows:
        raise RefusedError(400, f"'{key}' must hold at least one row; {advice}")
    if len(rows) > limits.rows:
        raise RefusedError(413, f"{len(rows):,} rows; at most {limits.rows:,} a request")
    return [row_of(row, number, limits) for number, row in enumerate(rows)]


def _advice(limits: Limits) -> str:
    return ADVICE % ", ".join(f'"{name}": "…"' for name in limits.columns)


def _rows(content: Any, key: str, limits: Limits, advice: str) -> Any:
    """Rows of `inputs` and `instances`, which MLflow also takes by column; `dataframe_records` are rows already."""
    if key == "dataframe_records":
        return content
    if isinstance(content, dict):
        columns = {name: content[name] for name in limits.columns if name in content}
        if lonely := [name for name, values in columns.items() if not isinstance(values, list)]:
            raise RefusedError(400, f"'{key}' by column: '{lonely[0]}' must hold a list of texts; {advice}")
        if len({len(values) for values in columns.values()}) > 1:
            sizes = ", ".join(f"{name} {len(values)}" for name, values in columns.items())
            raise RefusedError(400, f"'{key}' by column: the columns differ in length ({sizes})")
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if isinstance(content, list) and all(isinstance(value, str) for value in content) and len(limits.columns) == 1:
        return [{limits.columns[0]: value} for value in content]
    return content


def _split(content: Any, advice: str) -> list[dict[str, Any]]:
    columns = content.get("columns") if isinstance(content, dict) else None
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(columns, list) or not isinstance(data, list) or not all(isinstance(n, str) for n in columns):
        raise RefusedError(400, f"'dataframe_split' must hold columns (names) and data (rows); {advice}")
    if len(set(columns)) != len(columns):
        raise RefusedError(400, "'dataframe_split' names a column twice")
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise RefusedError(400, f"row {number}: expected a list of {len(columns)} values")
    return [dict(zip(columns, row, strict=True)) for row in data]


def row_of(row: Any, number: int, limits: Limits) -> dict[str, str]:
    """One row, only the columns the classifier reads.

    Raises:
        RefusedError: 400 for anything that is no row of texts, 413 for too long a text.
    """
    if not isinstance(row, dict):
        raise RefusedError(400, f"row {number}: expected an object; {_advice(limits)}")
    return {name: _cell(row, name, number, limits) for name in limits.columns}


def _cell(row: dict[str, Any], name: str, number: int, limits: Limits) -> str:
    if name not in row:
        raise RefusedError(
            400, f"row {number} has no column '{name}' (the classifier reads: {', '.join(limits.columns)})"
        )
    value = row[name]
    problem = None
    if not isinstance(value, str):
        problem = f"expected text, got {type(value).__name__}"
    elif not value or value.isspace():
        problem = "the text is empty"
    elif len(value) > limits.characters:
        raise RefusedError(
            413, f"row {number}, column '{name}': {len(value):,} characters; at most {limits.characters:,}"
        )
    elif found := CONTROL.search(value):
        problem = f"the control character U+{ord(found[0]):04X} at position {found.start()}"
    elif not value.isascii() and SURROGATE.search(value):
        problem = "half of a surrogate pair, which is no character"
    if problem:
        raise RefusedError(400, f"row {number}, column '{name}': {problem}")
    return str(value)


def request_schema(columns: Sequence[str]) -> dict[str, Any]:
    """The body of `/invocations` for the server's OpenAPI description."""
    text = {"type": "string", "minLength": 1}
    row = {"type": "object", "required": [*columns], "properties": dict.fromkeys(columns, text)}
    rows = {"type": "array", "minItems": 1, "items": row}
    by_column = {"type": "object", "properties": {key: {"type": "array", "items": text} for key in columns}}
    split = {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}},
            "data": {"type": "array", "items": {"type": "array"}},
        },
    }
    forms = {"dataframe_records": rows, "dataframe_split": split,
             "inputs": {"oneOf": [rows, by_column]}, "instances": {"oneOf": [rows, by_column]}}  # fmt: skip
    one_of = [{"type": "object", "required": [name], "properties": {name: form}} for name, form in forms.items()]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": {"oneOf": one_of}}}}}
