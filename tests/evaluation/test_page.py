import json
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from chromium import chromium
from naba.errors import UserError
from naba.evaluation import page as page_module
from naba.evaluation.leaderboard import TrackedRun, leaderboards
from naba.evaluation.page import Content, page
from naba.evaluation.predictions import Predictions

LABELS = ("agree", "disagree", "other")
NAMES = np.array(LABELS, dtype=object)
DISPLAY = dict(zip(LABELS, ("تأييد", "معارضة", "أخرى"), strict=True))
HOSTILE = "</script><script>document.title='broken'</script><b>نص</b>\u2028"


def run(model, right, scored="ans_stance", rows=200, curves=None, labels=LABELS):
    gold = np.random.default_rng(0).integers(0, 3, rows)
    generator = np.random.default_rng(len(model))
    predicted = np.where(generator.random(rows) < right, gold, generator.integers(0, 3, rows))
    probabilities = np.full((rows, 3), 0.15)
    probabilities[np.arange(rows), predicted] = 0.7
    content = Predictions([f"{scored}-{i}" for i in range(rows)], NAMES[gold], NAMES[predicted], probabilities, labels)
    kinds = ("open_weights",) if model == "encoder" else ("no_weights",)
    return TrackedRun(
        model, model, f"{model}-{scored}", scored, "stance", model, 0, {}, {}, {}, 1.0, 0.1, 1000.0,
        lambda: content, primary_metric="macro_f1", curves=curves or {}, kinds=kinds,
    )  # fmt: skip


def content(scored="ans_stance", rows=200):
    texts = [f"خبر رقم {i}: ارتفاع الأسعار" for i in range(rows)]
    texts[3] = HOSTILE
    table = pd.DataFrame(
        {
            "id": [f"{scored}-{i}" for i in range(rows)],
            "text": texts,
            "target": ["ادعاء عن الأسعار"] * rows,
            "outlet": [("رويترز", "العربية")[i % 2] for i in range(rows)],
        },
        dtype=object,
    )
    return Content(table.sample(frac=1, random_state=0), DISPLAY, ("outlet",), note="Labels were given by people.")


@pytest.fixture(scope="module")
def document():
    curves = {"validation/macro_f1": [(1, 0.4), (2, 0.5), (3, 0.55)]}
    runs = [run("majority", 0.0), run("tfidf_svm", 0.6), run("encoder", 0.8, curves=curves)]
    runs += [run("tfidf_svm", 0.6, "ans_veracity"), run("majority", 0.0, "ans_veracity")]
    boards = leaderboards(runs, resamples=300)
    return page(boards, {name: content(name) for name in ("ans_stance", "ans_veracity")}, "نبأ compare")


def data_of(document):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', document, re.DOTALL)
    return json.loads(found.group(1))


def test_the_page_needs_no_network_and_texts_are_no_markup(document):
    assert not re.search(r'(?:src|href)="(?!#)', document)
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in document
    assert "://" not in document.replace("http://www.w3.org/2000/svg", "")
    assert document.count("</script>") == 2
    assert data_of(document)["boards"][0]["texts"][3] == HOSTILE


def test_what_the_page_holds(document):
    first, second = data_of(document)["boards"]
    assert (first["metric"], first["rows"], first["left_out"]) == ("macro_f1", 200, 0)
    assert [system["name"] for system in first["systems"]] == ["encoder", "tfidf_svm", "majority"]
    assert first["names"] == list(DISPLAY.values())
    assert np.sum(first["systems"][0]["confusion"]) == 200
    assert "outlet" in {line[0] for line in first["systems"][0]["slices"]}
    assert first["pairs"][0][1][0] == -first["pairs"][1][0][0]
    assert list(first["systems"][0]["curves"]) == ["validation/macro_f1"]
    assert "Labels were given by people." in first["notes"]
    assert second["title"].startswith("ans_veracity")


def test_long_texts_and_many_rows_are_cut_and_said(monkeypatch):
    monkeypatch.setattr(page_module, "TEXT_BYTES", 10_000)
    monkeypatch.setattr(page_module, "MOST_EXAMPLES", 150)
    boards = leaderboards([run("encoder", 0.7), run("majority", 0.0)], resamples=100)
    (board,) = data_of(page(boards, {"ans_stance": content()}))["boards"]
    assert board["left_out"] == 50
    assert len(board["texts"]) == 150
    assert sum(len(text.encode()) for text in board["texts"] + board["targets"]) < 15_000
    assert any(text.endswith("…") for text in board["texts"])


def test_missing_texts_are_refused():
    boards = leaderboards([run("majority", 0.0)], resamples=100)
    with pytest.raises(UserError, match="texts of ans_stance are needed"):
        page(boards, {})
    with pytest.raises(UserError, match="100 predicted rows are not among the texts"):
        page(boards, {"ans_stance": content(rows=100)})


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium"), (1300, 900)) as opened:
        yield opened


@pytest.fixture
def opened(browser, document, tmp_path):
    file = tmp_path / "compare.html"
    file.write_text(document, encoding="utf-8")
    browser.get(file.as_uri())
    assert browser.get_log("browser") == []
    return browser


def texts_of(browser, selector):
    return [element.text for element in browser.find_elements("css selector", selector)]


def choose(browser, name, value):
    script = "const e=document.getElementById(arguments[0]);e.value=arguments[1];"
    script += "e.dispatchEvent(new Event('input',{bubbles:true}));e.dispatchEvent(new Event('change',{bubbles:true}))"
    browser.execute_script(script, name, value)


@pytest.mark.browser
def test_the_board_sorts_by_a_column(opened):
    def names():
        return texts_of(opened, "#board-table tbody td:nth-child(2)")

    assert names() == ["encoder", "tfidf_svm", "majority"]
    opened.find_element("css selector", "#board-table th:nth-child(3) button").click()
    assert names() == ["majority", "tfidf_svm", "encoder"]
    assert opened.find_element("css selector", "#board-table th:nth-child(3)").get_attribute("aria-sort") == "ascending"
    opened.find_element("css selector", "#board-table th:nth-child(2) button").click()
    assert names() == ["encoder", "majority", "tfidf_svm"]


@pytest.mark.browser
def test_errors_are_filtered(opened, document):
    first = data_of(document)["boards"][0]
    confusion = np.array(first["systems"][0]["confusion"])
    assert texts_of(opened, "#count")[0].startswith(f"{confusion.sum() - np.trace(confusion)} of 200 rows")
    choose(opened, "f-gold", "0")
    choose(opened, "f-predicted", "1")
    assert texts_of(opened, "#count")[0].startswith(f"{confusion[0, 1]} of 200 rows")
    assert len(opened.find_elements("css selector", ".example")) == confusion[0, 1]
    choose(opened, "f-high", "0.5")
    assert texts_of(opened, "#count")[0].startswith("0 of 200")
    for name in ("f-gold", "f-predicted"):
        choose(opened, name, "")
    choose(opened, "f-high", "1")
    choose(opened, "f-show", "all")
    choose(opened, "f-text", "رقم 17:")
    assert texts_of(opened, "#count")[0].startswith("1 of 200")
    choose(opened, "f-text", "")
    choose(opened, "f-show", "disagree")
    assert set(texts_of(opened, ".example summary")) == {"systems disagree"}


@pytest.mark.browser
def test_a_pool_has_its_own_ranks_letters_and_corrections(opened, document):
    board = data_of(document)["boards"][0]
    keys = [key for key, *_ in board["columns"]]
    rank, letters = keys.index("rank_best"), keys.index("letters")
    assert texts_of(opened, "#board-table tbody td.model") == ["encoder", "tfidf_svm", "majority"]
    assert texts_of(opened, "#board-table tbody td.letters") == ["a", "b", "c"]
    choose(opened, "pool", "no_weights")
    assert texts_of(opened, "#board-table tbody td.model") == ["tfidf_svm", "majority"]
    assert texts_of(opened, "#board-table tbody td.letters") == ["a", "b"]
    assert texts_of(opened, "#board-table tbody td.rank_best") == ["1", "2"]
    assert any("pool no_weights: 2 of 3 systems" in note for note in texts_of(opened, "#notes li"))
    assert len(opened.find_elements("css selector", "#confusions .card")) == 2
    pool = board["pools"]["no_weights"]
    assert [[cells[rank][0], cells[letters][0]] for cells in pool["cells"]] == [["1", "a"], ["2", "b"]]
    # One test in place of three: nothing is left to correct, so p is a third of what it was, or as small as it gets.
    assert pool["pairs"][0][1][3] <= board["pairs"][1][2][3]
    choose(opened, "pool", "")
    assert len(texts_of(opened, "#board-table tbody td.model")) == 3


def test_rows_without_an_answer_have_a_column_of_their_own():
    quiet = run("prompted", 0.7)
    answers = quiet.predictions()
    silent = np.arange(200) % 10 == 0
    said = replace(
        answers,
        predicted=np.where(silent, "", answers.predicted),
        outcomes=np.where(silent, "refused", "answered"),
    )
    runs = [replace(quiet, predictions=lambda: said), run("tfidf_svm", 0.6)]
    (board,) = data_of(page(leaderboards(runs, resamples=100), {"ans_stance": content()}))["boards"]
    assert board["names"] == [*DISPLAY.values(), "(no answer)"]
    assert board["labels"] == 3
    for system in board["systems"]:
        assert {len(line) for line in system["confusion"]} == {4}
        assert np.sum(system["confusion"]) == 200


@pytest.mark.browser
def test_hostile_texts_stay_texts_and_arabic_is_right_to_left(opened):
    choose(opened, "f-show", "all")
    choose(opened, "f-text", "<b>")
    shown = opened.find_element("css selector", ".example .text")
    assert "<b>نص</b>" in shown.text
    assert opened.title == "نبأ compare"
    choose(opened, "f-text", "")
    script = "return getComputedStyle(document.querySelectorAll('.example .text')[5]).direction"
    assert opened.execute_script(script) == "rtl"


@pytest.mark.browser
def test_another_data_set_and_dark(opened):
    choose(opened, "board", "1")
    assert texts_of(opened, "#about") == ["macro_f1 on ans_veracity, 200 rows"]
    assert not opened.find_element("id", "curves").is_displayed()
    before = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
    opened.find_element("id", "theme").click()
    assert opened.execute_script("return getComputedStyle(document.body).backgroundColor") != before


@pytest.mark.browser
def test_a_phone_scrolls_tables_and_not_the_page(opened):
    metrics = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened.refresh()
    assert opened.execute_script("return document.documentElement.scrollWidth") == 390
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


LONG = {str(rate): {"epochs": 1, "learning_rate": rate, "warm_up": 0.1} for rate in (2e-05, 3e-05)}


@pytest.fixture(scope="module")
def folded(tmp_path_factory):
    """A page of five folds, two cells of a long name among them."""
    runs = []
    for model, params in (
        ("majority", {}),
        *(("marbert_v2_arabic_news", {"model.training": str(o)}) for o in LONG.values()),
    ):
        for part in range(5):
            one = run(model, 0.4 if params else 0.0, rows=200)
            fold = one.predictions().take(np.arange(200) % 5 == part)
            runs.append(
                replace(one, part=str(part), cell=f"{model}{params}", params=params, predictions=partial(same, fold))
            )
    file = tmp_path_factory.mktemp("folds") / "compare.html"
    file.write_text(page(leaderboards(runs, resamples=200), {"ans_stance": content()}), encoding="utf-8")
    return file


def same(predictions):
    return predictions


def test_a_cross_validation_is_shown_over_all_its_folds(folded):
    """Only the rows of fold 1 were shown, and nothing was compared."""
    (board,) = data_of(folded.read_text(encoding="utf-8"))["boards"]
    assert board["rows"] == 200
    assert "5 folds" in board["title"]
    assert len(board["pairs"]) == 3
    assert all(np.sum(system["confusion"]) == 200 for system in board["systems"])
    seeds = [key for key, *_ in board["columns"]].index("seeds")
    assert {system["cells"][seeds][0] for system in board["systems"]} == {"1 seed × 5 folds"}


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_long_names_are_whole_and_hidden_columns_are_said(browser, folded, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(folded.as_uri())
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    drawn = " ".join(browser.execute_script(
        "return [...document.querySelectorAll('#forest text, .legend li')].map(node => node.textContent)"
    ))  # fmt: skip
    assert drawn.count("training.learning_rate=3e-05") + drawn.count("training.learning_rate=2e-05") >= 5
    hidden = browser.execute_script(
        "return [...document.querySelectorAll('.scroll, .card')].map(box => "
        "[box.scrollWidth > box.clientWidth + 2, box.hasAttribute('data-more')])"
    )
    assert all(more == said for more, said in hidden)
    visible = "const box = arguments[0].getBoundingClientRect(); return box.right <= innerWidth && box.left >= 0"
    scores = browser.find_elements("css selector", "#board-table td.value")
    assert all(browser.execute_script(visible, score) for score in scores), "names push no score out of sight"
    if width == 390:
        board = browser.find_element("css selector", "#leaderboard .scroll")
        assert board.get_attribute("data-more") is not None
        browser.execute_script("arguments[0].scrollLeft = 9999; arguments[0].onscroll()", board)
        assert board.get_attribute("data-more") is None
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
