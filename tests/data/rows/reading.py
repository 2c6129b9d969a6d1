"""Reading bytes as files of a name, for the tests of all readers."""

from __future__ import annotations

import pytest

from naba.data.rows import ReadingOptions, Table, read_bytes
from naba.errors import UserError


def csv(text: str, **options: object) -> Table:
    return read_bytes(text.encode(), "file.csv", ReadingOptions(**options))  # type: ignore[arg-type]


def fails(text: str | bytes, name: str = "file.csv", **options: object) -> str:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(UserError) as caught:
        read_bytes(content, name, ReadingOptions(**options))  # type: ignore[arg-type]
    assert name in str(caught.value)
    return str(caught.value)
