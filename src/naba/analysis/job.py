"""Many files in, one analysis each out: pages, JSON, JSON-LD, one CSV of all claims; kept as runs where asked."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from naba import files, machine
from naba.analysis import records
from naba.analysis.analyse import analyse
from naba.analysis.models import DEFAULT, open_models
from naba.analysis.page import Index
from naba.analysis.reading import INDEX
from naba.config import IDENTITY_VERSION, digest
from naba.config.schema import TrackingConfig
from naba.errors import UserError
from naba.tracking import open_tracker
from naba.tracking.claims import TakenError
from naba.tracking.facts import Facts, Item, Metric, Param, Tag, Text, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from naba.analysis.article import Article, Claim
    from naba.analysis.models import Models
    from naba.analysis.reading import Source

logger = logging.getLogger(__name__)
FORMATS = ("html", "json", "jsonld", "csv", "all")
EXPERIMENT = "naba-analysis"
"""An MLflow experiment of its own: an analysis has no gold labels, and no place among runs that are compared."""


@dataclass(frozen=True)
class Job:
    """What is to be analysed, and what is to be written.

    Attributes:
        sources: at least one.
        claims: to compare the articles with.
        claim_type, stance: see `naba.analysis.analyse`.
        folder: where files go.
        form: one of `FORMATS`.
        drafts: write `ClaimReview` skeletons too.
        track: keep each analysis as a run of the store.
        encoding: of text files; recognised where it is None.
    """

    sources: Sequence[Source]
    claims: Sequence[Claim]
    claim_type: str | None = DEFAULT
    stance: str | None = DEFAULT
    folder: Path = field(default_factory=lambda: files.home() / "analysis")
    form: str = "html"
    drafts: bool = False
    track: bool = False
    encoding: str | None = None
    uri: str | None = None


@dataclass
class Done:
    """What came of it: the articles' files, those written for all of them, and the files that could not be read."""

    written: list[Path] = field(default_factory=list)
    bad: list[UserError] = field(default_factory=list)
    articles: int = 0


def run(job: Job, each: Callable[[Article, list[Path], str | None], None]) -> Done:
    """Analyse every source; models are loaded once.

    Args:
        each: called after each article with it, the files written for it, and the run that keeps it.
    Raises:
        UserError: the only source cannot be read, or a classifier cannot be had. Of several sources those that cannot
            be read are listed in what is returned, and the others are analysed.
    """
    done = Done()
    models: Models | None = None
    rows: dict[str, list[dict[str, object]]] = {"claims": [], "stances": []}
    index = Index()
    for source in job.sources:
        try:
            text, about = source.read(job.encoding)
        except UserError as error:
            _put_aside(error, job, done)
            continue
        models = models or open_models(job.claim_type, job.stance if job.claims else None, job.uri)
        try:
            article = analyse(text, job.claims, about=about, models=models)
        except UserError as error:
            _put_aside(error, job, done)
            continue
        done.articles += 1
        written = _write(article, job)
        run_id = _tracked(article, job) if job.track else None
        rows["claims"] += records.claim_rows(article)
        rows["stances"] += records.stance_rows(article)
        index.add(article)
        each(article, written, run_id)
    if job.form in {"csv", "all"}:
        done.written = _tables(job, rows)
    if job.form in {"html", "all"} and len(job.sources) > 1 and done.articles:
        path = job.folder / f"{INDEX}.html"
        _save(path, index.page([error.message for error in done.bad], [one.name for one in done.written]))
        done.written.append(path)
    return done


def _put_aside(error: UserError, job: Job, done: Done) -> None:
    if len(job.sources) == 1:
        raise error
    logger.warning(error.message)
    done.bad.append(error)


def contents(article: Article, form: str, *, drafts: bool = False) -> Iterator[tuple[str, str]]:
    """(suffix, content) of each file of an article."""
    if form in {"html", "all"}:
        yield ".html", article.to_html()
    if form in {"json", "all"}:
        yield ".json", article.to_json()
    if form in {"jsonld", "all"}:
        yield ".jsonld", records.dumps(article.to_jsonld())
    if drafts:
        yield ".claimreview.jsonld", records.dumps(records.claim_review_drafts(article))


def _write(article: Article, job: Job) -> list[Path]:
    written = []
    for suffix, content in contents(article, job.form, drafts=job.drafts):
        path = job.folder / f"{article.name}{suffix}"
        _save(path, content)
        written.append(path)
    return written


def _save(path: Path, content: str) -> None:
    with files.replaced(path) as part:
        part.write_text(content, encoding="utf-8", errors="replace", newline="")


def _tables(job: Job, rows: dict[str, list[dict[str, object]]]) -> list[Path]:
    columns = {"claims": records.CLAIM_COLUMNS, "stances": records.STANCE_COLUMNS}
    written = []
    for name in ["claims", "stances"] if job.claims else ["claims"]:
        path = job.folder / f"{name}.csv"
        # The mark at the beginning lets Excel see that it is UTF-8.
        _save(path, "\ufeff" + records.as_csv(columns[name], iter(rows[name])))
        written.append(path)
    return written


def _tracked(article: Article, job: Job) -> str:
    return track(article, job.uri)


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
