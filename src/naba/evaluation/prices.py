"""What answers cost: a dated table of prices, naba's own or the user's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date  # noqa: TC003 - read by pydantic
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from naba.config.folders import read_yaml
from naba.config.schema import explain
from naba.errors import Problems, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = Path(__file__).with_name("prices.yaml")
VARIABLE = "NABA_PRICES"
MILLION = 1_000_000
Amount = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class TokenPrice:
    """Per million tokens read (`in`) and written (`out`), as of a day."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    out: Amount
    dated: date
    read: Annotated[float, Field(ge=0, alias="in")]

    def money(self, tokens_in: float, tokens_out: float) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.read + tokens_out * self.out) / MILLION

    def plain(self, currency: str) -> dict[str, Any]:
        """As plain values, for a file."""
        return {"in": self.read, "out": self.out, "dated": str(self.dated), "currency": currency}

    @classmethod
    def of_plain(cls, content: Mapping[str, Any]) -> TokenPrice:
        """See `plain`.

        Raises:
            ValueError: they are no price.
        """
        return TypeAdapter(cls).validate_python({key: one for key, one in content.items() if key != "currency"})


@dataclass(frozen=True)
class MachineHour:
    """An hour of a machine without and with a GPU, as of a day."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    cpu: Amount
    gpu: Amount
    dated: date


@dataclass(frozen=True)
class Prices:
    """A table of prices in one currency."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    currency: str
    machine_hour: MachineHour
    tokens: dict[str, TokenPrice]

    def of(self, language_model: str) -> TokenPrice | None:
        """The price of a language model: of the longest name that its own begins with; None if there is none.

        An owner before the name (`openai/gpt-4o`) is left out.
        """
        name = language_model.rpartition("/")[2].casefold()
        fitting = [known for known in self.tokens if name.startswith(known.casefold())]
        return self.tokens[max(fitting, key=len)] if fitting else None

    def machine(self, seconds: float, *, gpu: bool) -> float:
        """What so many seconds of a machine cost."""
        hour = self.machine_hour.gpu if gpu else self.machine_hour.cpu
        return seconds * hour / 3600


def prices(path: str | None = None) -> Prices:
    """The table in a file; that of `NABA_PRICES`, or naba's own, if None.

    Raises:
        UserError: there is no such file, or it is no table of prices; names all that is wrong.
    """
    return _read(Path(path or os.environ.get(VARIABLE) or OWN).expanduser())


@cache
def _read(path: Path) -> Prices:
    if not path.is_file():
        raise UserError(f"there is no table of prices {path}", f"naba's own, to copy: {OWN}")
    content: dict[str, Any] = read_yaml(path)
    try:
        return TypeAdapter(Prices).validate_python(content)
    except ValidationError as error:
        raise Problems(explain(error, Prices, ""), f"the table of prices {path} has") from error
