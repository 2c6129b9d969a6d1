"""The page of an analysed article: whole in one file, safe, and usable by mouse, keyboard and screen reader."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chromium import chromium
from naba.analysis.analyse import analyse
from naba.analysis.models import Models
from naba.analysis.page import Index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from naba.analysis.article import Article


def test_the_page_is_one_file_and_holds_the_whole_text(analysed: Article) -> None:
    html = analysed.to_html()
    assert '<html lang="ar" dir="rtl">' in html
    assert not re.search(r'(?:src|href)="(?!#|https://example\.org/a")', html)
    shown = re.sub(
        r"<button.*?</button>|<[^>]+>", "", html[html.index("<article") : html.index("</article>")], flags=re.DOTALL
    )
    for sentence in analysed.sentences:
        assert re.sub(r"\s", "", sentence.text) in re.sub(r"\s|&#160;", "", shown)
    assert "سي إن إن" in shown


def test_what_a_text_holds_is_text(analysed: Article) -> None:
    evil = "قال الوزير </script><script>alert(1)</script> <img src=x onerror=alert(2)> إن \u202eالعمل\0 جار."
    article = replace(analyse(evil, [f"{evil}"], models=Models()), title="<b>", url="javascript:alert(3)")
    html = article.to_html()
    assert "alert(1)</script>" not in html
    assert "<img" not in html
    assert "javascript:" not in html.replace(r"javascript:\/", "")
    assert "\0" not in html


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("chromium"), (1280, 900)) as opened:
        yield opened


@pytest.fixture
def page(browser: Any, analysed: Article, tmp_path: Path) -> Any:
    file = tmp_path / "article.html"
    file.write_text(analysed.to_html(), encoding="utf-8")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get(file.as_uri())
    assert browser.get_log("browser") == []
    browser.execute_script("document.documentElement.style.scrollBehavior='auto'")
    return browser


def one(page: Any, selector: str) -> Any:
    return page.find_element("css selector", selector)


def every(page: Any, selector: str) -> list[Any]:
    found: list[Any] = page.find_elements("css selector", selector)
    return found


@pytest.mark.browser
def test_a_sentence_opens_with_its_probabilities_speaker_and_evidence(
    page: Any, analysed: Article, screenshots: Path
) -> None:
    page.execute_script("document.getElementById('s11').scrollIntoView({block: 'center'})")
    one(page, "#s11").click()
    panel = one(page, "#panel")
    assert "الجملة 11" in panel.text
    assert "زيلينسكي" in panel.text
    sentence = analysed.by_id["s11"]
    bars = [bar.text.split("\n") for bar in every(page, "#panel .bar")]
    assert len(bars) == 8
    assert bars[0][-1] == f"{round(100 * max(sentence.claim_type.probabilities.values()))}%"
    found = "".join(each.text for each in every(page, "#s11 .find"))
    for word in sentence.claim_type.evidence.words:
        assert (word.span.of(analysed.text) in found) is (word.weight > 0)
    page.save_screenshot(str(screenshots / "analysis.png"))
    one(page, "#close").click()
    assert "الجملة 11" not in one(page, "#panel").text
    assert every(page, ".find") == []


@pytest.mark.browser
def test_an_antecedent_is_shown_in_the_text(page: Any, browser: Any, tmp_path: Path) -> None:
    article = analyse("قال الوزير إن العمل جار. وأضاف: «لن نتوقف هنا أبدا».", models=Models())
    file = tmp_path / "two.html"
    file.write_text(article.to_html(), encoding="utf-8")
    browser.get(file.as_uri())
    one(browser, "#s2").click()
    assert "مذكور سابقا" in one(browser, "#panel").text
    assert [each.text for each in every(browser, "#s1 .find")] == ["الوزير"]


@pytest.mark.browser
def test_the_legend_filters(page: Any, analysed: Article) -> None:
    label = analysed.sentences[0].claim_type.label
    others = [each for each in analysed.sentences if each.claim_type.label != label]
    one(page, f'.filter[data-type="{label}"]').click()
    assert {each.get_attribute("id") for each in every(page, ".sentence.off")} == {each.id for each in others}
    assert one(page, '.filter[data-type=""]').get_attribute("aria-pressed") == "false"
    one(page, '.filter[data-type=""]').click()
    assert every(page, ".sentence.off") == []


@pytest.mark.browser
def test_claims_lead_to_their_sentences(page: Any, analysed: Article) -> None:
    assert [each.text for each in every(page, ".card h3")] == [each.claim.text for each in analysed.claims]
    place = next(at for at, claim in enumerate(analysed.claims) if claim.stance != "unrelated")
    claim = analysed.claims[place]
    card = every(page, ".card")[place]
    bearing = {each.sentence: each.answer.label for each in claim.sentences if each.answer.label != "unrelated"}
    page.execute_script("arguments[0].scrollIntoView();arguments[0].querySelector('.show').click()", card)
    marked = {each.get_attribute("id"): each.get_attribute("data-stance") for each in every(page, "[data-stance]")}
    assert marked == bearing
    page.execute_script("arguments[0].querySelector('li button').click()", card)
    assert one(page, ".sentence.current").get_attribute("id") in bearing
    assert claim.claim.text in one(page, "#panel").text


@pytest.mark.browser
def test_keyboard_alone_is_enough(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    button = one(page, '.open[data-open="s3"]')
    page.execute_script("arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "true"
    assert page.switch_to.active_element.get_attribute("id") == "panel"
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert page.switch_to.active_element.get_attribute("data-open") == "s3"
    assert button.get_attribute("aria-expanded") == "false"


@pytest.mark.browser
def test_english_and_arabic_switch(page: Any) -> None:
    one(page, "#language").click()
    assert one(page, "html").get_attribute("dir") == "ltr"
    assert "Claim types" in one(page, "#legend-title").text
    assert "language model" in one(page, ".origin").text
    assert one(page, "article").get_attribute("dir") == "rtl"
    one(page, "#s3").click()
    assert "Probabilities" in one(page, "#panel").text
    one(page, "#language").click()
    assert "الاحتمالات" in one(page, "#panel").text
    assert not re.search("[A-Za-z]{4,}", one(page, "#legend-title").text)


@pytest.mark.browser
@pytest.mark.slow
def test_a_phone_shows_it_without_scrolling_sideways(page: Any, screenshots: Path) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    assert page.execute_script("return document.documentElement.scrollWidth") <= 390
    page.execute_script("document.querySelector('.open[data-open=s11]').click()")
    sentence, panel = (page.execute_script(f"return document.querySelector('{name}').getBoundingClientRect().toJSON()")
                       for name in ("#s11", "#panel"))  # fmt: skip
    assert sentence["bottom"] <= panel["top"] + 1
    assert panel["bottom"] <= 845
    page.save_screenshot(str(screenshots / "analysis-phone.png"))
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.browser
@pytest.mark.slow
def test_it_prints(page: Any, screenshots: Path) -> None:
    printed = page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    content = base64.b64decode(printed["data"])
    assert content.startswith(b"%PDF")
    (screenshots / "analysis.pdf").write_bytes(content)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not one(page, "#panel").is_displayed()
    assert one(page, "#claims").is_displayed()
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing(page: Any, theme: str) -> None:
    axe_selenium_python = pytest.importorskip("axe_selenium_python")
    axe = axe_selenium_python.Axe(page)
    page.execute_script(f"document.documentElement.dataset.theme='{theme}'")
    page.execute_script("document.querySelector('.open[data-open=s11]').click()")
    page.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    page.execute_script("document.querySelectorAll('.filter')[2].click()")
    axe.inject()
    assert [(one["id"], one["nodes"][0]["html"]) for one in axe.run()["violations"]] == []


@pytest.fixture
def index(browser: Any, analysed: Article, tmp_path: Path) -> Any:
    listed = Index()
    for name in ("a", "deep/خبر #1"):
        article = replace(analysed, name=name, title="" if name == "a" else "عنوان طويل " * 12)
        listed.add(article)
        path = tmp_path / f"{name}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(article.to_html(), encoding="utf-8")
    file = tmp_path / "index.html"
    file.write_text(listed.page(["c.txt: the file is empty"], ["claims.csv"]), encoding="utf-8")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get(file.as_uri())
    assert browser.get_log("browser") == []
    return browser


@pytest.mark.browser
def test_the_page_of_many_articles_leads_to_the_sentence_to_check_first(index: Any, analysed: Article) -> None:
    assert "19" in one(index, "tbody tr").text
    first = analysed.in_order_of_checking()[0]
    every(index, "tbody tr:nth-child(2) a")[1].click()
    assert index.current_url.endswith(f"deep/%D8%AE%D8%A8%D8%B1%20%231.html#{first.id}")
    assert f"الجملة {first.id[1:]}" in one(index, "#panel").text


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_of_many_articles_speaks_english_fits_a_phone_and_pleases_axe(index: Any) -> None:
    axe_selenium_python = pytest.importorskip("axe_selenium_python")
    one(index, "#language").click()
    assert one(index, "h1").text == "Analysed articles"
    assert index.execute_script("return document.documentElement.dir") == "ltr"
    narrow = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    index.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    assert index.execute_script("return document.documentElement.scrollWidth") <= 390
    for theme in ("light", "dark"):
        index.execute_script(f"document.documentElement.dataset.theme='{theme}'")
        axe = axe_selenium_python.Axe(index)
        axe.inject()
        assert [(found["id"], found["nodes"][0]["html"]) for found in axe.run()["violations"]] == []
