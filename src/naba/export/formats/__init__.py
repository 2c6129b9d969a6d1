"""All formats of `naba export`: those of `naba.classifier.formats`, and here those that need the run store."""

from __future__ import annotations

from naba.classifier.formats import Format, discovered
from naba.errors import UserError, unknown_name


def formats() -> dict[str, Format]:
    """The formats by name; the order is that of the help."""
    found = discovered("naba.classifier.formats") | discovered(__name__)
    return {name: found[name] for name in sorted(found, key=lambda name: (name != "directory", name))}


def named(name: str) -> Format:
    """The format of that name.

    Raises:
        UserError: there is none.
    """
    if name == "torchscript":
        raise UserError(
            "torch has deprecated TorchScript (torch.jit.save and torch.jit.load warn of it since 2.13)",
            "--format pt2 writes its successor, a program of torch.export",
        )
    known = formats()
    if name not in known:
        raise UserError(unknown_name("format", name, known))
    return known[name]
