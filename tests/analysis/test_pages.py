"""Pages saved from browsers, in many shapes: the article alone, and what the page says of title, address and date."""

from __future__ import annotations

import html
import json
import quopri
from typing import TYPE_CHECKING

import pytest

from naba.analysis.reading import Source, sources
from naba.errors import UserError

pytest.importorskip("trafilatura")

if TYPE_CHECKING:
    from pathlib import Path

    from naba.analysis.analyse import About

TITLE = "الوزير: العمل في الطريق السريع جار"
FIRST = "قال وزير النقل في مؤتمر صحفي يوم الاثنين إن العمل في الطريق السريع جار وسوف ينتهي قبل نهاية العام الحالي."
SECOND = "وأضاف الوزير أن كلفة المشروع بلغت 300 مليون ريال، وأن 12 شركة محلية تشارك في تنفيذه منذ شهر مارس الماضي."
THIRD = "وأكد المتحدث باسم الوزارة لوكالة رويترز Reuters أن المرحلة الثانية ستبدأ في 2025، وفقا لتقرير نشرته الوزارة."
PARAGRAPHS = "".join(f"<p>{text}</p>" for text in (FIRST, SECOND, THIRD))
NAVIGATION = '<nav><ul><li><a href="/">الرئيسية</a></li><li><a href="/s">رياضة</a></li></ul></nav>'
BANNER = (
    '<div id="cookie-banner"><p>نستخدم ملفات تعريف الارتباط لتحسين تجربتك وبالاستمرار فإنك توافق على ذلك.</p></div>'
)
COMMENTS = (
    '<section class="comments"><div class="comment"><p>أحمد: هذا غير صحيح والطريق مغلق منذ سنتين.</p></div></section>'
)
FOOTER = "<footer>جميع الحقوق محفوظة 2024</footer>"
ARTICLE = f"<article><h1>{TITLE}</h1>{PARAGRAPHS}</article>"
NEWS = {"@type": "NewsArticle", "headline": "العمل جار", "datePublished": "2024-05-06T08:30:00+03:00"}


def page(body: str, head: str = "", charset: str = '<meta charset="utf-8">') -> str:
    return (f'<!DOCTYPE html><html lang="ar" dir="rtl"><head>{charset}<title>{TITLE} - صحيفة</title>{head}</head>'
            f"<body>{BANNER}{NAVIGATION}{body}{COMMENTS}{FOOTER}</body></html>")  # fmt: skip


def linked(record: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(record, ensure_ascii=False)}</script>'


def viewed(source: str) -> str:
    rows = (f'<tr><td class="line-number"></td><td class="line-content"><span>{html.escape(line)}</span></td></tr>'
            for line in source.replace("><", ">\n<").split("\n"))  # fmt: skip
    return f"<html><body><table><tbody>{''.join(rows)}</tbody></table></body></html>"


def mhtml(source: str, charset: str = "") -> bytes:
    content = quopri.encodestring(source.encode(charset or "utf-8")).decode()
    kind = "text/html" + (f'; charset="{charset}"' if charset else "")
    lines = ["From: <Saved by Blink>", "Snapshot-Content-Location: https://example.org/saved/7", "Subject: a",
             "Date: Mon, 6 May 2024 08:30:00 -0000", "MIME-Version: 1.0",
             'Content-Type: multipart/related;\n\ttype="text/html";\n\tboundary="b"', "", "--b",
             f"Content-Type: {kind}", "Content-Transfer-Encoding: quoted-printable", "", content, "--b",
             "Content-Type: image/png", "Content-Transfer-Encoding: base64", "", "iVBORw==", "--b--", ""]  # fmt: skip
    return "\n".join(lines).replace("\n", "\r\n").encode()


def read(folder: Path, content: str | bytes, name: str = "a.html") -> tuple[str, About]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Source(path, "a").read()


SHAPES: dict[str, str | bytes] = {
    "article": page(ARTICLE),
    "main": page(f"<main><h1>{TITLE}</h1>{PARAGRAPHS}</main>"),
    "div soup": page(f"<div><div><p>{TITLE}</p><div>{FIRST}</div><div>{SECOND}</div><div>{THIRD}</div></div></div>"),
    "line breaks": page(f"<div><span>{FIRST}<br><br>{SECOND}<br><br>{THIRD}</span></div>"),
    "a table for the layout": f"<html><table><tr><td>{NAVIGATION}</td><td>{TITLE}{PARAGRAPHS}</td></tr></table></html>",
    "AMP": page(f"<amp-sidebar>{NAVIGATION}</amp-sidebar>{ARTICLE}").replace("<html ", "<html ⚡ "),
    "windows-1256, named": page(ARTICLE, charset='<meta charset="windows-1256">').encode("cp1256"),
    "windows-1256, not named": page(ARTICLE, charset="").encode("cp1256"),
    "windows-1256, named wrongly": page(ARTICLE).encode("cp1256"),
    "utf-16": page(ARTICLE).encode("utf-16"),
    "a fragment": f"<h1>{TITLE}</h1>{PARAGRAPHS}",
    "broken JSON-LD": page(ARTICLE, '<script type="application/ld+json">{"@type": </script>'),
    "the source, viewed": viewed(page(ARTICLE)),
    "MHTML": mhtml(page(ARTICLE)),
    "MHTML, windows-1256": mhtml(page(ARTICLE, charset=""), "windows-1256"),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_the_article_is_found_and_nothing_else(tmp_path: Path, shape: str) -> None:
    text, about = read(tmp_path, SHAPES[shape])
    assert all(paragraph in text for paragraph in (FIRST, SECOND, THIRD))
    for outside in ("رياضة", "ملفات تعريف", "غير صحيح", "الحقوق", "<p"):
        assert outside not in text
    assert about.date == ""  # 2024 in the footer and 2025 in the text are no dates of publication


def test_a_page_saved_as_one_file_is_known_without_its_suffix(tmp_path: Path) -> None:
    for name in ("a.mhtml", "a.mht", "a.txt"):
        text, about = read(tmp_path, mhtml(page(ARTICLE)), name)
        assert FIRST in text
        assert about.url == "https://example.org/saved/7"
    assert len(sources([str(tmp_path)])) == 3


def test_entities_and_quotes_are_characters(tmp_path: Path) -> None:
    said = "قال: &laquo;لن نتوقف&raquo; و&quot;سنكمل&quot; &#1601;&#1610; الموعد&nbsp;المحدد &amp; نعم &hellip;"
    text, _ = read(tmp_path, page(f"<article><p>{said}</p>{PARAGRAPHS}</article>"))
    assert 'قال: «لن نتوقف» و"سنكمل" في الموعد' in text
    assert "& نعم …" in text


@pytest.mark.parametrize(
    ("content", "title", "url", "date"),
    [
        (page(ARTICLE, linked(NEWS | {"url": "https://example.org/1"})),
         "العمل جار", "https://example.org/1", "2024-05-06"),
        (page(ARTICLE, linked({"@graph": [{"@type": "WebSite", "url": "https://example.org/"}, NEWS | {
            "@type": ["ReportageNewsArticle"], "mainEntityOfPage": {"@id": "https://example.org/2"}}]})),
         "العمل جار", "https://example.org/2", "2024-05-06"),
        (page(ARTICLE, linked([NEWS | {"url": "javascript:alert(1)"}])), "العمل جار", "", "2024-05-06"),
        (page(ARTICLE, '<link rel="canonical" href="https://example.org/3"><meta property="article:published_time" '
              'content="2024-05-07T10:00:00Z">'), TITLE, "https://example.org/3", "2024-05-07"),
        ("<!DOCTYPE html>\n<!-- saved from url=(0021)https://example.org/4 -->\n" + page(ARTICLE)[15:],
         TITLE, "https://example.org/4", ""),
        ("<!DOCTYPE html> <html><!--\n Page saved with SingleFile\nurl: https://example.org/5 -->" + page(ARTICLE)[15:],
         TITLE, "https://example.org/5", ""),
    ],
    ids=["JSON-LD", "graph", "no address", "metadata", "saved from", "SingleFile"],
)  # fmt: skip
def test_title_address_and_date_are_those_that_the_page_states(
    tmp_path: Path, content: str, title: str, url: str, date: str
) -> None:
    _, about = read(tmp_path, content)
    assert (about.title, about.url, about.date) == (title, url, date)


def test_where_only_json_ld_holds_the_text_it_is_taken(tmp_path: Path) -> None:
    text, about = read(tmp_path, page('<div id="app"></div>', linked(NEWS | {"articleBody": f"{FIRST}\n{SECOND}"})))
    assert text == f"{FIRST}\n{SECOND}"
    assert about.title == "العمل جار"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (page(""), "no article was found in this HTML"),
        (page("<article><p>اشترك لقراءة المقال كاملا.</p></article>"), "no article was found in this HTML"),
        ("<html></html>", "no article was found in this HTML"),
        ("<!-- -->", "no article was found in this HTML"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "no article was found in this HTML"),
        ("<html><body>" + "<div>" * 20_000 + "نص", "no article was found in this HTML"),
        (b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n",
         "this MHTML file has no HTML in it"),
    ],
    ids=["menus", "paywall", "empty", "comment", "image", "deep", "MHTML"],
)  # fmt: skip
def test_a_page_without_an_article_is_one_message(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(UserError, match=f"a.html: {message}"):
        read(tmp_path, content)
