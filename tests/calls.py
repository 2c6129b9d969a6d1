"""How often a step of a model runs: work that is done twice does not show in its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


def rows_given(monkeypatch: pytest.MonkeyPatch, kind: type, method: str) -> list[int]:
    """A list that gets the number of rows of the table at each call of the method, which works as before."""
    rows: list[int] = []
    original = getattr(kind, method)

    def counted(self: Any, X: Any, *others: Any) -> Any:
        rows.append(len(X))
        return original(self, X, *others)

    monkeypatch.setattr(kind, method, counted)
    return rows
