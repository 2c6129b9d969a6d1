"""`naba promote`: put a run into the registry, if it beats the champion.

naba promote 4f1c09 --alias champion
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naba import tracking
from naba.cli.arguments import Parser, check_name
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.evaluation.significance import Difference
    from naba.tracking import Run

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
    store = tracking.Store(options.uri)
    run = store.find(options.run)
    if not run.finished or not run.has_model:
        raise UserError(f"run '{run.name}' ({run.status}) has no model to promote", run.facts.why_not_kept or None)
    name = options.name or run.facts.task
    # The champion that the test was against must still be the champion when its place is taken.
    with store.one_promotion(name):
        said = "the first to hold it"
        champion = store.registered(name, options.alias)
        if champion is not None:
            if champion.id == run.id:
                raise UserError(f"run '{run.name}' is '{name}@{options.alias}' already")
            said = _verdict(run, champion, f"{name}@{options.alias}", forced=options.force is not None)
        tags = {"naba.promotion": said} | ({"naba.forced": options.force} if options.force else {})
        version = store.register(run, name, options.alias, tags)
    print(f"{run.name} is models:/{name}@{options.alias}, version {version}: {said}")
    return 0


def _verdict(run: Run, champion: Run, address: str, *, forced: bool) -> str:
    from naba.evaluation.tables import p_text

    try:
        difference = _difference(run, champion)
    except UserError as error:
        said = f"not comparable with {champion.name}: {error.message}"
        if not forced:
            raise UserError(f"'{address}' is {said}", "--force REASON promotes all the same") from error
        return said
    said = (
        f"{difference.estimate:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}] {difference.name} against "
        f"{champion.name}, p {p_text(difference.p_value)}, {difference.n} rows"
    )
    if not forced and not difference.better:
        raise UserError(
            f"'{run.name}' is not significantly better than {address}: not promoted ({said})",
            "train more, or --force REASON",
        )
    return said


def _difference(run: Run, champion: Run) -> Difference:
    from naba.evaluation.significance import paired_bootstrap

    return paired_bootstrap(run.predictions(), champion.predictions(), run.facts.primary.get("test", "macro_f1"))
