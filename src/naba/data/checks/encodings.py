"""The data check of texts that went through a wrong encoding, or were never decoded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naba.data.checks.findings import Finding, Severity, Subject, check, clean, found

if TYPE_CHECKING:
    from collections.abc import Callable

ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{2,7}|#[xX][0-9A-Fa-f]{2,6});|<(?:br|p|a|b|i|div|span|/\w+)\b[^<>]{0,200}>")
_READ_WRONG = re.compile(
    "[\u00d8-\u00db][\u0080-\u00bf\u0152-\u02dc\u2013-\u2122]"  # UTF-8 as windows-1252 or Latin-1: Ø§Ù„Ù†
    "|[\u0637\u0638][\u00a0-\u00bf\u0679-\u06d2]"  # UTF-8 as windows-1256: ط§ظ„ظ†
    "|[\u00c0-\u00ff]{4}"  # windows-1256 as windows-1252 or Latin-1: ÇáäÝØ
)
"""Pairs and runs of letters that Arabic in a wrong encoding is full of, and that no language writes; one may stand by
chance."""


@check("N24", "Undecoded texts", "note", "Decode them: html.unescape for entities; read the file in its own encoding.")
def undecoded(subject: Subject) -> Finding:
    """HTML entities and tags, and Arabic whose bytes were read in another encoding: a warning from 1 % of the rows."""
    kinds: dict[str, Callable[[str], bool]] = {
        "HTML entities or tags": lambda text: ("&" in text or "<" in text) and ENTITY.search(text) is not None,
        "letters of a wrong encoding": lambda text: not text.isascii() and len(_READ_WRONG.findall(text)) > 1,
    }
    parts, examples, most = [], [], 0
    for kind, is_one in kinds.items():
        pairs = zip(subject.text, subject.target, strict=True)
        rows = [index for index, sides in enumerate(pairs) if any(map(is_one, sides))]
        if rows:
            parts.append(f"{kind} in {len(rows)} of {len(subject.text)} rows")
            examples += [subject.row(index) for index in rows[:3]]
            most = max(most, len(rows))
    severity: Severity | None = "warning" if most > 0.01 * len(subject.text) else None
    return found("; ".join(parts), examples, severity) if parts else clean()
