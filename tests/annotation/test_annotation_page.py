"""The page on which people label, in a real browser; and that it holds no answer and no markup of the texts."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from chromium import chromium
from naba import cli
from naba.annotation.page import page

if TYPE_CHECKING:
    from pathlib import Path

    from naba.annotation.project import Project


def data_of(document: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', document, re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


def test_the_page_needs_no_network_and_gives_no_label_away(project: Project) -> None:
    document = page(project)
    assert not re.search(r"(?:src|href)=", document)
    assert "default-src 'none'" in document
    assert '<html lang="ar" dir="rtl">' in document
    rows = data_of(document)["rows"]
    assert [set(row) for row in rows] == [{"id", "text", "target"}] * 12
    assert rows[3]["text"] == "نص الخبر رقم 3 <b>عن النفط</b>"
    assert "<b>" not in document
    assert "<script>1" not in document
    assert "<td>a</td>" in document
    assert data_of(page(project, suggest=True))["rows"][0]["suggestion"] == "agree"


def press(browser: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    for key in keys:
        ActionChains(browser).send_keys(key).perform()


def shown(browser: Any, name: str) -> str:
    return str(browser.find_element("id", name).text)


def name_oneself(browser: Any, name: str) -> None:
    from selenium.webdriver.common.keys import Keys

    field = browser.find_element("id", "person")
    field.clear()
    field.send_keys(name, Keys.ENTER)


@pytest.mark.browser
def test_ten_rows_are_labelled_by_keyboard_over_a_reload_and_read_back(
    browser: Any, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from selenium.webdriver.common.keys import Keys

    monkeypatch.chdir(tmp_path)
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
    browser.get((folder / "annotate.html").as_uri())
    press(browser, "s")
    name_oneself(browser, "سارة")
    press(browser, "s")
    assert "لا توجد إجابات" in shown(browser, "warning")
    press(browser, "1", "2", "3", "4", "1")
    assert shown(browser, "count") == "5 من 12"
    press(browser, "n")
    press(browser, *"1 2s")  # a digit and a letter in a remark are no answers
    press(browser, Keys.ENTER)
    browser.refresh()
    assert browser.find_element("id", "person").get_attribute("value") == "سارة"
    assert (shown(browser, "count"), shown(browser, "place")) == ("5 من 12", "الصف 6 من 12")
    assert browser.find_element("id", "comment").get_attribute("value") == "1 2s"
    press(browser, "2", "3", "4", "1", "2", "3")
    # Back over the last three, one of them taken back: in a page set right to left, back is to the right.
    press(browser, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.BACKSPACE, "u")
    assert (shown(browser, "count"), shown(browser, "place")) == ("10 من 12", "الصف 11 من 12")
    press(browser, "s")
    saved = downloads / "answers-small-سارة.json"
    for _ in range(50):
        if saved.is_file():
            break
        time.sleep(0.1)
    assert browser.get_log("browser") == []
    assert cli.main(["annotate", "read", str(saved), "--project", str(folder), "--name", "by_sara"]) == 0
    assert "one person" in capsys.readouterr().out
    lines = (folder / "by_sara.jsonl").read_text(encoding="utf-8").splitlines()
    labels = {row["id"]: row["label"] for row in map(json.loads, lines)}
    cycle = [
        "agree",
        "disagree",
        "discuss",
        "unrelated",
        "agree",
        "disagree",
        "discuss",
        "unrelated",
        "agree",
        "disagree",
    ]
    assert labels == {f"r{i:02d}": label for i, label in enumerate(cycle)}
    answers = (folder / "answers.csv").read_text(encoding="utf-8")
    assert "r05,سارة,disagree,1 2s," in answers


@pytest.mark.browser
@pytest.mark.slow
def test_two_people_at_one_machine_do_not_mix(browser: Any, folder: Path) -> None:
    browser.get((folder / "annotate.html").as_uri())
    press(browser, "1")  # in the field of the name, where the page begins: no answer without a name
    name_oneself(browser, "ا")
    press(browser, "1", "1")
    name_oneself(browser, "ب")
    assert shown(browser, "count") == "0 من 12"
    press(browser, "2")
    name_oneself(browser, "ا")
    assert shown(browser, "count") == "2 من 12"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("size", "name"), [pytest.param((1280, 900), "wide", marks=pytest.mark.slow), ((390, 844), "phone")]
)
def test_it_fits_its_window_right_to_left(
    folder: Path, tmp_path: Path, screenshots: Path, size: Any, name: str
) -> None:
    with chromium(tmp_path / "chromium", size) as browser:
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get((folder / "annotate.html").as_uri())
        name_oneself(browser, "سارة")
        press(browser, "2", "g")
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        )
        browser.save_screenshot(str(screenshots / f"annotate-{name}.png"))
        wide = browser.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0
        before, after = (browser.find_element("id", each).rect["x"] for each in ("before", "after"))
        assert before > after
