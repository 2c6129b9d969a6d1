"""Answers that were asked for once: one JSON record each, under the digest of what was asked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from naba import files
from naba.models.prompting.endpoint import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def key(endpoint: str, payload: Mapping[str, Any], vote: int = 0) -> str:
    """Digest of what is asked of whom; equal requests that are to be answered several times differ in `vote`."""
    content = {"endpoint": endpoint.rstrip("/"), "payload": payload} | ({"vote": vote} if vote else {})
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def folder() -> Path:
    """Where records are: `answers` in naba's cache. To ask everything again, remove it."""
    return files.cache() / "answers"


def _file(name: str) -> Path:
    return folder() / name[:2] / f"{name}.json"


def get(name: str) -> Reply | None:
    """The reply under a digest; None where there is none, or the record is damaged."""
    content = read(name)
    try:
        return None if content is None else Reply(**content["reply"])
    except (KeyError, TypeError):
        return None


def put(name: str, endpoint: str, payload: Mapping[str, Any], reply: Reply) -> None:
    """Keep a reply; when this returns, it is on disk under its name, whole."""
    write(name, {"endpoint": endpoint, "request": dict(payload), "reply": asdict(reply)})


def read(name: str) -> dict[str, Any] | None:
    """A record as it is."""
    try:
        content = json.loads(_file(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write(name: str, content: Mapping[str, Any]) -> None:
    """Write a record, with the moment."""
    dated = {**content, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    with files.replaced(_file(name)) as part:
        part.write_text(json.dumps(dated, ensure_ascii=False), encoding="utf-8", errors="backslashreplace")
