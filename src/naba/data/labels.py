"""Labels of a user's own data: the value in the file, its id and the name it is shown by, one to one."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from naba.arabic.normalise import normalise
from naba.arabic.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_ID = re.compile(r"(?=.{1,80}$)[A-Za-z0-9_.\-]*[A-Za-z0-9][A-Za-z0-9_.\-]*")
"""As `naba.config.schema.Label` has it: an id is a part of the names of metrics and columns."""
_BETWEEN = re.compile(r"[\s/]+")
_UNSEEN = frozenset(("Cc", "Cf", "Mn", "Zl", "Zp", "Zs"))
_FORMS = Profile(
    "forms", alef_forms=True, alef_maksura=True, ta_marbuta=True, letter_variants=True, digits=True, punctuation=True
)


def is_missing(value: str | None) -> bool:
    """Is this no value, of a label or a group: null, nothing, or only what nobody sees (white space, marks)?"""
    return value is None or all(unicodedata.category(each) in _UNSEEN for each in value)


def label_ids(values: Sequence[str]) -> dict[str, str]:
    """Value in the file -> id: ASCII, because metrics are named after it, and no two values share one.

    A value that can be an id is its own (`agree`, `-1`, `None`). In others white space and slashes become `_`, where
    that gives an id nobody has (`not entail` -> not_entail); the rest are numbered (`مع` -> label_1).
    """
    ids = {value: value for value in values if _ID.fullmatch(value)}
    taken = set(ids)
    for number, value in enumerate(values, start=1):
        if value in ids:
            continue
        joined = _BETWEEN.sub("_", value)
        choices = itertools.chain([joined], (f"label_{further}" for further in itertools.count(number)))
        ids[value] = next(choice for choice in choices if _ID.fullmatch(choice) and choice not in taken)
        taken.add(ids[value])
    return {value: ids[value] for value in values}


def folded(value: str) -> str:
    """The value without what readers overlook: case, width, white space, diacritics, tatweel, joining `_` and `-`.

    Forms of one letter or digit are one too: ة and ه, ى and ي, the Persian ک, ١ and 1.
    """
    return re.sub(r"(?<=\w)-(?=\w)|[\s_]+", "", normalise(without_marks(value), _FORMS).casefold())


def without_marks(value: str) -> str:
    """Letters in their plain form: no diacritics (hamza on its carrier is one), invisible marks or tatweel."""
    letters = unicodedata.normalize("NFKD", value)
    return "".join(each for each in letters if unicodedata.category(each) not in {"Mn", "Cf"} and each != "\u0640")


def alike(values: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of values that `folded` cannot tell apart: probably one label, written in two ways."""
    return [pair for pair in itertools.combinations(values, 2) if folded(pair[0]) == folded(pair[1])]


def described(ids: Mapping[str, str], values: Iterable[str]) -> str:
    """`agree (12), مع = label_2 (8)`: what stands in the file, the id if it is another, and in how many rows."""
    counts = Counter(values)
    shown = {value: value if value == value.strip() and value.isprintable() else repr(value) for value in ids}
    return ", ".join(
        f"{shown[value]}{'' if label == value else f' = {label}'} ({counts[value]})" for value, label in ids.items()
    )
