"""The page of many analysed articles: one line an article, and where each claim is met; links lead to their pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from naba import files
from naba.analysis.page import ASSETS, labelled, rendered
from naba.analysis.stances import NOTHING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.analysis.article import Article, Origin


@dataclass(frozen=True)
class Entry:
    """What the page says of an article; kept instead of the article, of which there may be thousands."""

    name: str
    title: str
    date: str
    sentences: int
    typed: int
    reports: int
    first_id: str
    first: str

    @property
    def href(self) -> str:
        """The address of its page from the index."""
        return quote(f"{self.name}.html")


@dataclass(frozen=True)
class Bearing:
    """An article that bears on a claim, or repeats it."""

    href: str
    title: str
    stance: str
    withheld: bool
    repeated: bool


@dataclass
class Met:
    """A claim, and the articles in which it is met."""

    text: str
    bearing: list[Bearing] = field(default_factory=list)


@dataclass
class Index:
    """Grows by an article at a time."""

    entries: list[Entry] = field(default_factory=list)
    claims: dict[str, Met] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()

    def add(self, article: Article) -> None:
        """An article, with its claims."""
        first = next(iter(article.in_order_of_checking()), None)
        entry = Entry(
            article.name, article.title or article.name, article.date, len(article.sentences),
            sum(one.claim_type is not None and not one.claim_type.withheld for one in article.sentences),
            len(article.reports), first.id if first else "", first.text if first else "",
        )  # fmt: skip
        self.entries.append(entry)
        self.origins = self.origins or article.origins
        for claim in article.claims:
            met = self.claims.setdefault(claim.claim.id, Met(claim.claim.text))
            stance = "" if claim.stance in {None, *NOTHING} else str(claim.stance)
            if stance or claim.repeated:
                withheld = bool(stance) and claim.withheld
                met.bearing.append(Bearing(entry.href, entry.title, stance, withheld, bool(claim.repeated)))

    def page(self, bad: Sequence[str], tables: Sequence[str]) -> str:
        """The page as one string of HTML.

        Args:
            bad: what is wrong with the files that were not read.
            tables: names of the CSV files beside it.
        """
        words = labelled(self.origins)
        return rendered(
            "index.html.jinja", words, entries=self.entries, claims=list(self.claims.values()), bad=bad, tables=tables,
            typed=any(origin.task == "claim_type" for origin in self.origins), origins=range(len(self.origins)),
            data=files.in_script({"words": words}), language=files.asset(ASSETS / "language.js"),
        )  # fmt: skip
