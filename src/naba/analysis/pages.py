"""The article in a page saved from a browser: HTML, MHTML, or a saved `view-source`; with title, address and date.

What stands round the article is removed by trafilatura. A date is taken only from where a page states it (metadata,
JSON-LD, `<time>`): a year in the text or in the footer is none.
"""

from __future__ import annotations

import email
import json
import re
from dataclasses import dataclass
from email.policy import default as MODERN  # noqa: N812 - a constant of the standard library
from typing import TYPE_CHECKING, Any

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

FEWEST_WORDS = 15
"""Of an article in HTML: less is a menu, a caption or a notice about cookies."""
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
_MHTML = re.compile(rb"^content-type:\s*multipart/related\b", re.IGNORECASE | re.MULTILINE)
_SAVED_FROM = re.compile(r"<!--\s*(?:saved from url=\(\d+\)|Page saved with SingleFile\s+url:\s*)(https?://[^\s<>]+)")
_ARTICLE = re.compile(r"(?:Article|BlogPosting|Report)$")
_LAYOUT = ("table", "tbody", "thead", "tfoot", "tr", "td", "th")


@dataclass(frozen=True)
class Extracted:
    """An article out of a page; what the page does not say is ""."""

    text: str
    title: str
    url: str
    date: str


def is_page(content: bytes) -> bool:
    """Does a file hold HTML or MHTML, whatever it is called?"""
    return bool(_HTML.match(content[:4096])) or _is_mhtml(content)


def _is_mhtml(content: bytes) -> bool:
    head = re.split(rb"\r?\n\r?\n", content[:4096], maxsplit=1)[0]
    return bool(_MHTML.search(head))


def extract(content: bytes, shown: str) -> Extracted:
    """The article of a page.

    Args:
        shown: what messages call the file.
    Raises:
        UserError: trafilatura is not installed, or the page holds no article.
    """
    try:
        import trafilatura
    except ImportError as error:
        raise UserError(
            f"{shown}: reading HTML needs trafilatura and lxml_html_clean", "pip install 'naba[html]'"
        ) from error
    page, saved = _from_mhtml(content, shown) if _is_mhtml(content) else (content, "")
    tree = trafilatura.load_html(page)
    source = _viewed_source(tree)
    if source is not None:
        page, tree = source, trafilatura.load_html(source)
    described = list(_described(tree))
    found = _found(trafilatura, tree)
    text = (found.text or "").strip() if found is not None else ""
    if len(text.split()) < FEWEST_WORDS:
        text = max((str(one.get("articleBody") or "").strip() for one in described), key=len, default="")
    if len(text.split()) < FEWEST_WORDS:
        raise UserError(
            f"{shown}: no article was found in this HTML (text of at least {FEWEST_WORDS} words)",
            "was the page saved whole? A text file with the article's words is read as it is",
        )
    title, url, date = ("", "", "") if found is None else (found.title, found.url, found.date)
    addresses = [*map(_address, described), url, saved, _saved_from(page)]
    dates = [*(str(one.get("datePublished") or "")[:10] for one in described), date]
    title = _first([*(one.get("headline") for one in described), title])
    return Extracted(text, title, _first(one for one in addresses if _is_address(one)), _first(dates))


def _first(values: Any) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")


def _found(trafilatura: Any, tree: Any) -> Any:
    """What trafilatura finds; tables that hold the whole page are taken for its layout where there is nothing else."""
    if tree is None:
        return None
    from copy import deepcopy

    asked = {"include_comments": False, "include_tables": False, "with_metadata": True, "favor_precision": True,
             "date_extraction_params": {"extensive_search": False, "original_date": True}}  # fmt: skip
    found = trafilatura.bare_extraction(deepcopy(tree), **asked)
    if found is not None and len((found.text or "").split()) >= FEWEST_WORDS:
        return found
    loose = deepcopy(tree)
    for element in loose.iter(*_LAYOUT):
        element.tag = "div"
    return trafilatura.bare_extraction(loose, **asked) or found


def _from_mhtml(content: bytes, shown: str) -> tuple[bytes | str, str]:
    """The first HTML part of a page saved as one file, and its address."""
    message = email.message_from_bytes(content, policy=MODERN)
    for part in message.walk():
        if part.get_content_type() in {"text/html", "application/xhtml+xml"}:
            saved = str(message.get("Snapshot-Content-Location") or part.get("Content-Location") or "")
            raw = part.get_payload(decode=True)
            page = raw if isinstance(raw, bytes) else b""
            charset = part.get_content_charset()
            try:
                return (page.decode(charset), saved) if charset else (page, saved)
            except (LookupError, UnicodeDecodeError):
                return page, saved
    raise UserError(f"{shown}: this MHTML file has no HTML in it", "save the page again, as HTML or as a single file")


def _viewed_source(tree: Any) -> str | None:
    """The page whose source is shown, where `view-source:` was saved instead of the page."""
    lines = [] if tree is None else tree.xpath("//td[@class='line-content']")
    return "\n".join("".join(line.itertext()) for line in lines) if lines else None


def _described(tree: Any) -> Iterator[dict[str, Any]]:
    """JSON-LD records of articles; what is no JSON is left aside."""
    for script in [] if tree is None else tree.xpath("//script[@type='application/ld+json']"):
        try:
            content = json.loads(script.text or "", strict=False)
        except (ValueError, RecursionError):
            continue
        waiting = [content]
        while waiting:
            one = waiting.pop(0)
            if isinstance(one, list):
                waiting += one
            elif isinstance(one, dict):
                waiting += [one[key] for key in ("@graph", "mainEntity") if key in one]
                kinds = one.get("@type")
                if any(_ARTICLE.search(str(kind)) for kind in (kinds if isinstance(kinds, list) else [kinds])):
                    yield one


def _address(described: dict[str, Any]) -> str:
    page = described.get("mainEntityOfPage")
    return _first([described.get("url"), page.get("@id") if isinstance(page, dict) else page, described.get("@id")])


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _saved_from(page: bytes | str) -> str:
    head = page[:4096]
    found = _SAVED_FROM.search(head.decode("utf-8", "replace") if isinstance(head, bytes) else head)
    return found.group(1) if found else ""
