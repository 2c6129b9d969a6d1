"""An analysis as a run of the store, with its page and its JSON as artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba import machine
from naba.config import IDENTITY_VERSION, digest
from naba.config.schema import TrackingConfig
from naba.tracking import open_tracker
from naba.tracking.claims import TakenError
from naba.tracking.facts import Facts, Wanted
from naba.tracking.items import Item, Metric, Param, Tag, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naba.analysis.article import Article

EXPERIMENT = "naba-analysis"
"""An MLflow experiment of its own: an analysis has no gold labels, and no place among runs that are compared."""


def track(article: Article, uri: str | None = None) -> str:
    """The id of the run that keeps an analysis; the same analysis of the same text is kept once.

    Raises:
        UserError: the store cannot be used.
    """
    tracker = open_tracker(TrackingConfig(uri=uri, experiment=EXPERIMENT))
    wanted = Wanted(f"analyse {article.name or article.sha256[:12]}", _facts(article), model=False)
    found = tracker.finished(wanted)
    if found is not None:
        return str(found.id)
    try:
        with tracker.run(wanted) as active:
            active.log([*_items(article), *(Tag(name, value) for name, value in wanted.facts.to_tags().items())])
    except TakenError:
        tracker.wait(wanted.identity)
        return track(article, uri)
    return str(active.id)


def _facts(article: Article) -> Facts:
    commit, dirty = machine.revision()
    content = article.to_dict()
    identity = digest({"analysis": content})
    return Facts(
        identity=identity, cell=identity, identity_version=IDENTITY_VERSION, fingerprint=article.sha256,
        task="analysis", revision=commit or "none",
        dirty=dirty, versions=machine.versions(), hardware=machine.hardware(),
    )  # fmt: skip


def _items(article: Article) -> Iterator[Item]:
    for origin in article.origins:
        yield Param(f"{origin.task}/run", origin.name)
        yield Param(f"{origin.task}/dataset", origin.dataset)
        yield Param(f"{origin.task}/label_source", origin.label_source)
    yield Param("characters", str(len(article.text)))
    yield Metric("sentences", len(article.sentences))
    yield Metric("reports", len(article.reports))
    yield Metric("quotations", len(article.quotations))
    withheld = [one for one in article.sentences if one.claim_type is not None and one.claim_type.withheld]
    yield Metric("claim_types_withheld", len(withheld))
    yield Text("article.html", article.to_html())
    yield Text("article.json", article.to_json())
