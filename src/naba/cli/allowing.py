"""What every command takes: which packages may bring code, and whose types a kept model may hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUED = ("--package", "--trust")
SWITCH = "--no-packages"


def taken(given: Sequence[str]) -> list[str]:
    """The command line without these options, which hold for this process and all that it starts.

    Raises:
        UserError: one of them has no value.
    """
    left: list[str] = []
    queue = list(given)
    while queue:
        argument = queue.pop(0)
        name, equals, value = argument.partition("=")
        if argument == SWITCH:
            os.environ["NABA_NO_PACKAGES"] = "1"
        elif name in VALUED:
            if not equals and (not queue or queue[0].startswith("-")):
                example = "mypackage" if name == "--package" else "mypackage.models.Model"
                raise UserError(f"{name} needs a value", f"{name} {example}")
            _use(name, value if equals else queue.pop(0))
        else:
            left.append(argument)
    if not left:
        raise UserError("a command is missing", "naba --help lists them with an example each")
    return left


def _use(name: str, value: str) -> None:
    from naba.config import packages

    if name == "--package":
        packages.allow(value)
    else:
        packages.trust(value)
