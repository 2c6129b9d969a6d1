"""Articles and claims out of files: text, pages saved from a browser (HTML, MHTML), standard input, folders.

What stands round the article of a page is removed by trafilatura. A date is taken only from where a page states it
(metadata, JSON-LD, `<time>`): a year in the text or in the footer is none.
"""

from __future__ import annotations

import email
import io
import itertools
import json
import os
import re
import sys
from dataclasses import dataclass, replace
from email.policy import default as MODERN  # noqa: N812 - a constant of the standard library
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files
from naba.analysis.analyse import About
from naba.analysis.article import Claim
from naba.data.rows import ReadingOptions, read_bytes
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TEXTS, PAGES = (".txt", ".text", ".md"), (".html", ".htm", ".xhtml", ".mhtml", ".mht")
LARGEST = 64 * 2**20
"""Bytes of a file that is read at all; the limit of an article is in characters."""
_NAME_BYTES = files.NAME_BYTES - 35
"""Of outputs, without their endings: the longest are those of a second file of a name, `-2.claimreview.jsonld`."""
INDEX = "index"
"""The name of the page of many articles, which none of them may have."""
CLAIM_COLUMNS = ("text", "claim", "target")
"""Names that the column with the claims may have."""
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
class Source:
    """A file to be read: its path (None for standard input) and what outputs are called after it."""

    path: Path | None
    name: str

    def read(self, encoding: str | None = None) -> tuple[str, About]:
        """The text, and what the file says about it.

        Raises:
            UserError: it cannot be read, is empty, in another encoding than it seems or was given, or is HTML
                without an article.
        """
        content = sys.stdin.buffer.read() if self.path is None else _bytes(self.path)
        if not content.strip(b"\xef\xbb\xbf \t\r\n\0"):
            raise UserError(f"{self.shown}: the file is empty")
        if (self.path is not None and self.path.suffix.lower() in PAGES) or is_page(content):
            return _from_page(content, self)
        text, notes = _decoded(content, self.shown, encoding)
        return text, About(name=self.name, notes=tuple(notes))

    @property
    def shown(self) -> str:
        """What messages call it."""
        return "standard input" if self.path is None else str(self.path)


def sources(paths: Sequence[str]) -> list[Source]:
    """The files that arguments stand for: files, `-`, and folders with all texts and pages below them, sorted.

    Raises:
        UserError: there is no such file, a folder holds none, or `-` is given twice.
    """
    found: list[Source] = []
    for given in paths:
        if given == "-":
            found.append(Source(None, "standard-input"))
            continue
        path = Path(given).expanduser()
        if path.is_dir():
            inside = [
                file for file in sorted(path.rglob("*")) if file.suffix.lower() in TEXTS + PAGES and file.is_file()
            ]
            if not inside:
                raise UserError(
                    f"{given}: no articles in this folder", f"looked for {', '.join(TEXTS + PAGES)} below it"
                )
            found += [Source(file, file.relative_to(path).with_suffix("").as_posix()) for file in inside]
        elif path.exists():
            found.append(Source(path, path.stem))
        else:
            raise UserError(f"{given}: no such file or folder")
    if sum(one.path is None for one in found) > 1:
        raise UserError("- stands for standard input, which can be read once")
    return _unique(found)


def _unique(found: Sequence[Source]) -> list[Source]:
    """Names that no two files share, so that no output takes the place of another."""
    taken = {INDEX} if len(found) > 1 else set()
    result = []
    for one in found:
        name, number = cut(one.name), 1
        while name.casefold() in taken:
            number += 1
            name = f"{cut(one.name)}-{number}"
        taken.add(name.casefold())
        result.append(Source(one.path, name))
    return result


def cut(name: str) -> str:
    """A name, or the beginning of one that is so long that a file could not have it and an ending."""
    whole = os.fsencode(name)
    return name if len(whole) <= _NAME_BYTES else whole[:_NAME_BYTES].decode("utf-8", "ignore")


def _bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise UserError(f"{path}: {size / 2**20:,.0f} MiB is too much for one article ({LARGEST // 2**20} at most)")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {(error.strerror or str(error)).lower()}") from error


def _decoded(content: bytes, name: str, encoding: str | None) -> tuple[str, list[str]]:
    """The text, byte for byte but for a mark at its beginning, and what was recognised about it."""
    from naba.data.rows.text import Text

    options = ReadingOptions(encoding=encoding, spelling="--")
    opened = Text(io.BytesIO(content), name, options)
    try:
        return opened.file.read().decode("utf-8"), opened.notes
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{name}: line {line}: the bytes {error.object[error.start : error.start + 4]!r} are not UTF-8",
            "--encoding NAME says what it is, for example windows-1256",
        ) from error


def _from_page(content: bytes, source: Source) -> tuple[str, About]:
    found = extract(content, source.shown)
    notes = ("the text was taken out of HTML by trafilatura; offsets count that text",)
    return found.text, About(name=source.name, title=found.title, url=found.url, date=found.date, notes=notes)


def read_claims(path: Path, options: ReadingOptions | None = None) -> list[Claim]:
    """Claims from a table (a column `text`, and `id` if they have ids), or from a text file with one a line.

    Raises:
        UserError: the file cannot be read, has no column of that name, or a claim is blank or has another's id.
    """
    options = options or ReadingOptions(spelling="--claims-")
    if options.format is None and path.suffix.lower() in TEXTS:
        options = replace(options, format="lines")
    table = read_bytes(_bytes(path), str(path), options)
    column = next((name for name in CLAIM_COLUMNS if name in table.columns), None)
    if column is None:
        raise UserError(
            f"{path}: {unknown_name('column', 'text', table.columns)}",
            "a file of claims has a column text, and may have a column id; a .txt file has one claim a line",
        )
    ids = table.columns.get("id") or [None] * len(table)
    taken = {one for one in ids if one}
    free = (name for name in (f"c{number}" for number in itertools.count(1)) if name not in taken)
    found: dict[str, Claim] = {}
    for place, identity, text in zip(table.places, ids, table.columns[column], strict=True):
        claim = Claim(identity or next(free), (text or "").strip())
        if not claim.text:
            raise UserError(f"{place}: the claim has no text")
        if claim.id in found:
            raise UserError(f"{place}: the id '{claim.id}' is another claim's already; ids are unique, or left out")
        found[claim.id] = claim
    return list(found.values())


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
