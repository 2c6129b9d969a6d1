"""Perturbed Arabic text: what a desk meets and a test set does not hold, as one table of seeded functions.

Three kinds, after the invariance and directional tests of Ribeiro et al. (2020, CheckList):

- `kept`: another way to write the same text. No answer may change; each names the rules of a normalisation profile
  that undo it.
- `noise`: the meaning is kept, but letters, words or marks are lost: an answer may change.
- `changed`: the text says something else, so that the stance of a pair should change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Literal

from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.arabic.profile import Profile

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


def chosen(names: Sequence[str] | None = None) -> list[Perturber]:
    """The perturbers of these names or kinds, kind by kind; all of them without names.

    Raises:
        UserError: there is no such perturber or kind.
    """
    for name in names or ():
        if name not in PERTURBERS and name not in KINDS:
            raise UserError(unknown_name("perturbation", name, [*KINDS, *PERTURBERS]))
    ordered = sorted(PERTURBERS.values(), key=lambda one: list(KINDS).index(one.kind))
    return [one for one in ordered if not names or one.name in names or one.kind in names]


def promised(profile: Profile) -> list[Perturber]:
    """The `kept` perturbers that a profile undoes: behind it, no answer of a model can change."""
    return [one for one in chosen(["kept"]) if all(getattr(profile, rule) for rule in one.undone_by)]


from naba.arabic.perturb import changed, kept, noise  # noqa: E402, F401 - they put themselves into the table
