"""A run takes the place of the champion only if a paired test says that it is better, or somebody says why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from naba.errors import UserError
from naba.evaluation.significance import Difference, paired_bootstrap
from naba.evaluation.tables import p_text
from naba.tracking.models import with_model
from naba.tracking.store import Store

if TYPE_CHECKING:
    from naba.tracking.run import Run


@dataclass(frozen=True)
class Promotion:
    """What was registered.

    Attributes:
        run: its name.
        address: `NAME@ALIAS`.
        version: of the registered model.
        said: what the test against the champion before said.
    """

    run: str
    address: str
    version: str
    said: str


def promote(
    wanted: str, alias: str, name: str | None = None, uri: str | None = None, *, forced: str | None = None
) -> Promotion:
    """Register a run's model and give it the alias, if it is better than the run that has it.

    Args:
        wanted: a run id, the beginning of one, or a run's name.
        name: of the registered model; the run's task where none is given.
        uri: the MLflow store; naba's own where none is given.
        forced: why it is promoted whatever the test says; the reason is recorded.
    Raises:
        UserError: the run has no model, holds the alias already, or is not better (p < .05 in a paired bootstrap of the
            primary metric on the same test rows), and nobody forces it.
    """
    store = Store(uri)
    run = with_model(store.find(wanted))
    name = name or run.facts.task
    address = f"{name}@{alias}"
    # The champion that the test was against must still be the champion when its place is taken.
    with store.one_promotion(name):
        champion = store.registered(name, alias)
        if champion is not None and champion.id == run.id:
            raise UserError(f"run '{run.name}' is '{address}' already")
        said = "the first to hold it"
        if champion is not None:
            said = _verdict(run, champion, address, forced=forced is not None)
        tags = {"naba.promotion": said} | ({"naba.forced": forced} if forced else {})
        return Promotion(run.name, address, store.register(run, name, alias, tags), said)


def _verdict(run: Run, champion: Run, address: str, *, forced: bool) -> str:
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
    return paired_bootstrap(run.predictions(), champion.predictions(), run.facts.primary.get("test", "macro_f1"))
