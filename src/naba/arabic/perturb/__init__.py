"""Perturbed Arabic text: what a desk meets and a test set does not hold, as one table of seeded functions.

Three kinds, after the invariance and directional tests of Ribeiro et al. (2020, CheckList):

- `kept`: another way to write the same text. No answer may change; each names the rules of a normalisation profile
  that undo it.
- `noise`: the meaning is kept, but letters, words or marks are lost: an answer may change.
- `changed`: the text says something else, so that the stance of a pair should change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.arabic.perturb import changed, kept, noise
from naba.arabic.perturb.table import KINDS, PERTURBERS, Perturber, perturber
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.arabic.profile import Profile

__all__ = ["KINDS", "PERTURBERS", "Perturber", "changed", "chosen", "kept", "noise", "perturber", "promised"]


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
