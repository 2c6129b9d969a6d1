"""`naba promote`: a run becomes the champion only if a paired test says it is better than the present one."""

from __future__ import annotations

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
    check_name("--name", options.name)
    run = tracking.find(options.run, options.uri)
    if run.info.status != "FINISHED" or "size/model_bytes" not in run.data.metrics:
        raise UserError(f"run '{run.info.run_name}' ({run.info.status}) has no model to promote")
    name = options.name or run.data.tags["naba.task"]
    champion = tracking.registered(name, options.alias, options.uri)
    said = "the first to hold it"
    if champion is not None:
        if champion.info.run_id == run.info.run_id:
            raise UserError(f"run '{run.info.run_name}' is '{name}@{options.alias}' already")
        said = _verdict(run, champion, f"{name}@{options.alias}", options.uri, forced=options.force is not None)
    tags = {"naba.promotion": said} | ({"naba.forced": options.force} if options.force else {})
    version = tracking.register(run, name, options.alias, tags, options.uri)
    print(f"{run.info.run_name} is models:/{name}@{options.alias}, version {version}: {said}")
    return 0


def _verdict(run: Run, champion: Run, address: str, uri: str | None, *, forced: bool) -> str:
    from naba.evaluation.tables import p_text

    try:
        difference = _difference(run, champion, uri)
    except UserError as error:
        said = f"not comparable with {champion.info.run_name}: {error.message}"
        if not forced:
            raise UserError(f"'{address}' is {said}", "--force REASON promotes all the same") from error
        return said
    said = (
        f"{difference.estimate:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}] {difference.name} against "
        f"{champion.info.run_name}, p {p_text(difference.p_value)}, {difference.n} rows"
    )
    if not forced and not difference.better:
        raise UserError(
            f"'{run.info.run_name}' is not significantly better than {address}: not promoted ({said})",
            "train more, or --force REASON",
        )
    return said


def _difference(run: Run, champion: Run, uri: str | None) -> Difference:
    from naba.evaluation.significance import paired_bootstrap
    from naba.tracking.runs import primary_metrics, read_predictions

    metric = primary_metrics(run).get("test", "macro_f1")
    return paired_bootstrap(read_predictions(run, "test", uri), read_predictions(champion, "test", uri), metric)
