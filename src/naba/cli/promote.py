"""`naba promote`: put a run into the registry, if it beats the champion.

naba promote 4f1c09 --alias champion
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naba.cli.arguments import Parser, check_name
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """Register a run's model under its task's name and give it an alias.

Refused unless the run is better than the present holder of the alias on the same test rows, by the primary metric,
in a paired bootstrap test at p < 0.05. --force REASON does it anyway and records the reason."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba promote`."""
    parser = Parser("promote", DESCRIPTION)
    parser.add_argument("run", help="a run id, the beginning of one, or a run's name")
    parser.add_argument("--alias", default="champion", help="the alias to give (default champion)")
    parser.add_argument("--name", help="the registered model (default: the task)")
    parser.add_argument("--force", metavar="REASON", help="promote whatever the test says; the reason is recorded")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    options = parser.parse_args(arguments)
    if options.force is not None and len(options.force.strip()) < 3:
        raise UserError(
            "--force needs a reason that others can read", "--force 'the champion was trained on test rows'"
        )
    check_name("--alias", options.alias)
    if re.fullmatch(r"latest|v\d+", options.alias, re.IGNORECASE):
        raise UserError(f"--alias {options.alias}: MLflow keeps latest, v1, v2 … for itself", "--alias champion")
    check_name("--name", options.name)
    from naba.tracking import promotion

    done = promotion.promote(options.run, options.alias, options.name, options.uri, forced=options.force)
    print(f"{done.run} is models:/{done.address}, version {done.version}: {done.said}")
    return 0
