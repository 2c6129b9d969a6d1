"""Search spaces: what `search:` in a model's YAML says that `naba tune` may try.

```yaml
search:
  C: {low: 0.03, high: 30, log: true}    # a number between two; whole where both are
  class_weight: [balanced, null]         # one of several
  training.epochs: {low: 2, high: 6}     # an option inside a group
```
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from naba.config.schema import adapter

from naba.config.schema import explain
from naba.errors import Problems, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator

SEARCH = "search"
_OF_A_RANGE = ("low", "high", "log")


@dataclass(frozen=True)
class Space:
    """What one option may be.

    Attributes:
        low, high: bounds, both included; None where there are choices.
        log: is it drawn evenly by its logarithm?
        choices: the values, where they are listed.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def whole(self) -> bool:
        """Is it a whole number?"""
        return type(self.low) is int and type(self.high) is int

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that must be valid for all to be."""
        return self.choices or (self.low, self.high)

    def __str__(self) -> str:
        if self.choices:
            return ", ".join("null" if one is None else str(one) for one in self.choices)
        return f"{self.low} to {self.high}{' (log)' if self.log else ''}"


def spaces(model: Mapping[str, Any]) -> dict[str, Space]:
    """Option (`C`, `training.epochs`, `classifier.C` of a model inside) -> what it may be.

    Raises:
        Problems: a search space that cannot be understood.
    """
    found, problems = _read_spaces(model.get(SEARCH) or {}, f"model.{SEARCH}")
    if problems:
        raise Problems(problems)
    for key, value in model.items():
        if isinstance(value, Mapping) and "builder" in value:
            found |= {f"{key}.{name}": space for name, space in spaces(value).items()}
    return found


def _search_problems(search: Any, kind: type, given: Mapping[str, Any], place: str) -> list[str]:
    """What is wrong with a search space: its form, options that the builder lacks, bounds that an option refuses.

    Args:
        kind: the builder's options.
        given: valid values of them.
        place: of `search`, for messages.
    """
    found, problems = _read_spaces(search, place)
    for option, space in found.items():
        for value in space.ends:
            try:
                adapter(kind).validate_python(_with_value(given, option, value))
            except ValidationError as error:
                problems += explain(error, kind, f"{place}.")
    return list(dict.fromkeys(problems))


def _with_value(given: Mapping[str, Any], option: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(dict(given))
    *groups, name = option.split(".")
    section = changed
    for group in groups:
        section = section.setdefault(group, {})
    section[name] = value
    return changed


def _read_spaces(search: Any, place: str) -> tuple[dict[str, Space], list[str]]:
    if not isinstance(search, Mapping):
        return {}, [f"{place}: expected options and what they may be, got {search!r}"]
    found: dict[str, Space] = {}
    problems: list[str] = []
    for option, content in search.items():
        where = f"{place}.{option}"
        said = list(_wrong_space(content, where))
        problems += said
        if said:
            continue
        if isinstance(content, Mapping):
            found[str(option)] = Space(content["low"], content["high"], bool(content.get("log", False)))
        else:
            found[str(option)] = Space(choices=tuple(content))
    return found, problems


def _wrong_space(content: Any, where: str) -> Iterator[str]:
    if isinstance(content, Sequence) and not isinstance(content, str):
        if len(content) < 2:  # one choice is no choice
            yield f"{where}: expected at least two choices, got {list(content)}"
        return
    if not isinstance(content, Mapping):
        yield f"{where}: expected a list of choices, or {{low: …, high: …, log: true}}, got {content!r}"
        return
    yield from (unknown_name("key", f"{where}.{key}", [f"{where}.{part}" for part in _OF_A_RANGE])
                for key in content if key not in _OF_A_RANGE)  # fmt: skip
    low, high = content.get("low"), content.get("high")
    if not all(isinstance(end, (int, float)) and not isinstance(end, bool) for end in (low, high)):
        yield f"{where}: expected numbers low and high, got {low!r} and {high!r}"
    elif not low < high:  # type: ignore[operator]
        yield f"{where}: expected low < high, got {low} and {high}"
    elif content.get("log") and low <= 0:  # type: ignore[operator]
        yield f"{where}: a logarithm needs low > 0, got {low}"
