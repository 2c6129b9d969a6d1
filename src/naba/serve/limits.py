"""What the server refuses before MLflow sees it: requests too large, too slow, or that are no table of texts.

An ASGI middleware. MLflow's own checks answer some wrong requests with 500, and many with a traceback.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from naba.data.rows.tables import unique_keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Any, Receive, Send], Awaitable[None]]

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


class Limited:
    """An ASGI application behind limits: `/invocations` takes JSON tables only; all else passes."""

    def __init__(self, app: App, limits: Limits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != "/invocations" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        try:
            self._check_headers(headers)
            body = await asyncio.wait_for(self._body(receive), self.limits.seconds)
            table = json.dumps({"dataframe_records": read_table(body, self.limits)}).encode()
        except RefusedError as error:
            await _answer(send, error.status, error.message)
            return
        except TimeoutError:
            await _answer(send, 408, f"the request did not arrive within {self.limits.seconds:g} seconds")
            return
        plain = [(name, value) for name, value in scope["headers"]
                 if name.lower() not in {b"content-length", b"content-type", b"transfer-encoding"}]  # fmt: skip
        plain += [(b"content-type", b"application/json"), (b"content-length", str(len(table)).encode())]
        await self.app({**scope, "headers": plain}, _replay(table, receive), send)

    def _check_headers(self, headers: dict[bytes, bytes]) -> None:
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            shown = kind.decode("ascii", "replace") or "nothing"
            raise RefusedError(415, f"the body must be JSON: Content-Type: application/json, not {shown}")
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise RefusedError(415, "the body must not be compressed")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self.limits.body_bytes:
            raise self._too_large()

    async def _body(self, receive: Receive) -> bytes:
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RefusedError(400, "the connection was closed before the request was complete")
            part = message.get("body", b"")
            size += len(part)
            if size > self.limits.body_bytes:
                raise self._too_large()
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)

    def _too_large(self) -> RefusedError:
        return RefusedError(413, f"the request is larger than {self.limits.body_bytes:,} bytes; send fewer rows")


def read_table(body: bytes, limits: Limits) -> list[dict[str, str]]:
    """The rows of a request, only the columns the classifier reads.

    Raises:
        RefusedError: 400 for anything that is no table of texts, 413 for too many rows or too long a text.
    """
    advice = ADVICE % ", ".join(f'"{name}": "…"' for name in limits.columns)
    try:
        document = json.loads(body.decode(), object_pairs_hook=unique_keys)
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"the body is not UTF-8 (byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"the body is not valid JSON: {error}; {advice}") from error
    if not isinstance(document, dict) or len(document) != 1 or next(iter(document)) not in TABLES:
        raise RefusedError(400, f"the body must be an object with one key, one of {', '.join(TABLES)}; {advice}")
    key, content = next(iter(document.items()))
    rows = _split(content, advice) if key == "dataframe_split" else content
    if not isinstance(rows, list) or not rows:
        raise RefusedError(400, f"'{key}' must hold at least one row; {advice}")
    if len(rows) > limits.rows:
        raise RefusedError(413, f"{len(rows):,} rows; at most {limits.rows:,} a request")
    return [_row(row, number, limits, advice) for number, row in enumerate(rows)]


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


def _row(row: Any, number: int, limits: Limits, advice: str) -> dict[str, str]:
    if not isinstance(row, dict):
        raise RefusedError(400, f"row {number}: expected an object; {advice}")
    return {name: _cell(row, name, number, limits) for name in limits.columns}


def _cell(row: dict[str, Any], name: str, number: int, limits: Limits) -> str:
    if name not in row:
        raise RefusedError(400, f"row {number} has no column '{name}' (the classifier reads: {_names(limits.columns)})")
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


def _names(columns: Sequence[str]) -> str:
    return ", ".join(columns)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once, then what the client does (closing the connection)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _answer(send: Send, status: int, message: str) -> None:
    content = json.dumps({"error": message}, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
    # The rest of a refused body is not read: the connection ends with the answer.
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
