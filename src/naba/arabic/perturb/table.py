"""The table of perturbers, and how a function gets into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

Kind = Literal["kept", "noise", "changed"]
Change = Callable[[str, Random], str]

KINDS: dict[str, str] = {
    "kept": "the meaning is kept, and no answer may change",
    "noise": "the meaning is kept, but something is lost: an answer may change",
    "changed": "the meaning is changed: the stance should change",
}


@dataclass(frozen=True)
class Perturber:
    """One way to perturb a text.

    Attributes:
        name: as `naba stress --only` takes it.
        kind: key of `KINDS`.
        change: text and random numbers -> text; the same text where it finds nothing to change.
        undone_by: rules of `naba.arabic.profile.Profile` that together give both texts one form; () where none do.
    """

    name: str
    kind: Kind
    change: Change
    undone_by: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The first line of what the function says of itself."""
        return (self.change.__doc__ or "").strip().partition("\n")[0].rstrip(".")

    def __call__(self, text: str, seed: int = 0) -> str:
        """The perturbed text: equal for equal text and seed, whatever stands beside it."""
        return self.change(text, Random(f"{seed} {self.name} {text}"))  # noqa: S311 - no secret depends on it


PERTURBERS: dict[str, Perturber] = {}


def perturber(kind: Kind, *undone_by: str) -> Callable[[Change], Change]:
    """Put a function into the table, under its own name."""

    def put(change: Change) -> Change:
        name: str = change.__name__
        PERTURBERS[name] = Perturber(name, kind, change, undone_by)
        return change

    return put
