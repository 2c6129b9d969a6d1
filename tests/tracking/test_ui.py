"""The MLflow UI that `naba ui` opens, in a real browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import pytest
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.support.wait import WebDriverWait

from naba import cli, tracking
from naba.config import overrides as command_line
from naba.experiment import run as train
from naba.tracking.server import has_page
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


MOVING = (StaleElementReferenceException, NoSuchElementException, ElementClickInterceptedException)
"""What a page that is still loading answers."""


@contextlib.contextmanager
def served(port: int, *options: str, until: str = "MLflow UI: ", errors: Any = subprocess.DEVNULL) -> Iterator[Any]:
    """`naba ui` as a person starts it, from when it says its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "naba.cli", "ui", "--port", str(port), *options],
        stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith(until):
                process.said = line  # type: ignore[attr-defined]
                yield process
                break
        else:
            pytest.fail("naba ui ended before it said its address")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
        process.stdout.close()


def text_of(browser: Any, address: str, *wanted: str, seconds: float = 45) -> str:
    """Open a page and wait until its text has all of `wanted`; pages load in steps, and never fall silent."""
    browser.get(address)
    return wait_for_text(browser, *wanted, seconds=seconds)


def wait_for_text(browser: Any, *wanted: str, seconds: float = 45) -> str:
    """Wait until the text of the open page has all of `wanted`."""
    deadline = time.monotonic() + seconds
    text = ""
    while time.monotonic() < deadline:
        # The page may replace its body between two questions.
        with contextlib.suppress(*MOVING):
            text = browser.find_element("tag name", "body").text
        if all(part in text for part in wanted):
            return text
        time.sleep(0.5)
    missing = [part for part in wanted if part not in text]
    raise AssertionError(f"{browser.current_url} does not show {missing}; it shows:\n{text[:2000]}")


def image_widths(browser: Any) -> list[int]:
    images = browser.find_elements("css selector", "img, .image-outer-container *")
    return [int(browser.execute_script("return arguments[0].naturalWidth || 0", image)) for image in images]


@pytest.mark.browser
@pytest.mark.slow
def test_ui_shows_runs_metrics_confusion_matrix_and_comparison(store: Path, browser: Any, screenshots: Path) -> None:
    overrides = ["evaluation.resamples=100", "evaluation.also=[article_stance]"]
    made = [train.run(command_line.compose([f"model={model}", *overrides])) for model in ("majority", "tfidf_nb")]
    run = tracking.find(made[1].run)
    experiment = run.record.experiment_id
    port = free_port()
    with served(port):
        address = f"http://127.0.0.1:{port}"
        base = f"{address}/#/experiments/{experiment}"
        text_of(browser, f"{base}/runs?workflowType=machine_learning", *(outcome.name for outcome in made))
        browser.save_screenshot(str(screenshots / "mlflow_runs.png"))

        score = f"{run.metrics['test/macro_f1']:.3f}"
        machine_learning = "workflowType=machine_learning"
        address_of_run = f"{base}/runs/{run.id}"
        text_of(browser, f"{address_of_run}?{machine_learning}", "interval/low/test/macro_f1", "naba.identity", score)
        patient = WebDriverWait(browser, 45, ignored_exceptions=MOVING)
        patient.until(lambda page: page.find_element("xpath", "//*[text()='Show more']").click() or True)
        wait_for_text(browser, "معارضة", "naba train dataset=synthetic_stance model=tfidf_nb seed=0")
        browser.save_screenshot(str(screenshots / "mlflow_run.png"))

        text_of(
            browser, f"{address_of_run}/artifacts/figures/test_confusion.png?{machine_learning}", "test_confusion.png"
        )
        patient.until(lambda page: max(image_widths(page), default=0) > 300, "the confusion matrix is not shown")
        browser.save_screenshot(str(screenshots / "mlflow_confusion.png"))

        ids = ",".join(f'"{outcome.run}"' for outcome in made)
        compared = f'{address}/#/compare-runs?runs=[{ids}]&experiments=["{experiment}"]'
        text_of(browser, compared, "majority synthetic_stance seed 0", "tfidf_nb synthetic_stance seed 0", "macro_f1")
        browser.save_screenshot(str(screenshots / "mlflow_compare.png"))


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(not has_page(), reason="naba was installed before it had a page: pip install --no-deps -e .")
def test_from_the_first_click_of_a_fresh_profile(store: Path, browser: Any, screenshots: Path) -> None:
    made = [
        train.run(command_line.compose(["evaluation.resamples=50", f"model={model}"]))
        for model in ("majority", "tfidf_nb")
    ]
    cli.main(["promote", made[1].run])
    best = tracking.find(made[1].run)
    port = free_port()
    with served(port) as process:
        assert process.said.strip() == f"MLflow UI: http://127.0.0.1:{port}/naba"
        text_of(browser, f"http://127.0.0.1:{port}/", "naba · نبأ", "2 runs", best.name, "Registered models: stance")
        assert browser.current_url.endswith("/naba")
        browser.save_screenshot(str(screenshots / "naba_ui.png"))
        browser.find_element("link text", "synthetic_stance").click()
        shown = wait_for_text(browser, made[0].name, best.name, f"{best.metrics['test/macro_f1']:.3f}"[:5])
        assert "Traces" not in browser.find_element("css selector", "main, body").text.split("Runs")[-1][:200]
        assert shown.index(best.name) < shown.index(made[0].name), "not sorted by the primary metric"
        for column in ("test/macro_f1", "interval/low/test/macro_f1", "seed"):
            wait_for_text(browser, column)
        in_order = sorted(
            browser.find_elements("css selector", ".ag-header-cell[col-id]"), key=lambda one: one.rect["x"]
        )
        shown_columns = [
            one.get_attribute("col-id").split("`")[1] for one in in_order if "s.`" in one.get_attribute("col-id")
        ]
        assert [one for one in shown_columns if one[0].islower()][:5] == [
            "test/macro_f1", "interval/low/test/macro_f1", "interval/high/test/macro_f1", "model", "seed",
        ]  # fmt: skip
        browser.save_screenshot(str(screenshots / "naba_ui_runs.png"))
        text_of(browser, f"http://127.0.0.1:{port}/naba", "naba · نبأ")
        browser.find_element("link text", "charts").click()
        shown = wait_for_text(browser, "\ntest/macro_f1\n0.10", best.name)
        browser.save_screenshot(str(screenshots / "naba_ui_charts.png"))
        assert "data/train" not in shown
        assert "interval/" not in shown
        text_of(browser, f"http://127.0.0.1:{port}/#/models", "stance")
        text_of(browser, f"http://127.0.0.1:{port}/#/experiments", "synthetic_stance")
        assert "Default" not in browser.find_element("tag name", "body").text
        # MLflow's own links lead to the runs too, now.
        patient = WebDriverWait(browser, 45, ignored_exceptions=MOVING)
        patient.until(
            lambda page: (
                page.find_element("link text", "synthetic_stance").click() or "/experiments/" in page.current_url
            )
        )
        wait_for_text(browser, best.name, "Runs")


def test_an_experiment_is_described_and_a_person_s_words_stay(store: Path) -> None:
    options = ["evaluation.resamples=50", "tracking.log_model=false", "tracking.figures=false"]
    first = tracking.find(train.run(command_line.compose(["model=majority", *options])).run)
    client, number = first.store.client, first.record.experiment_id
    tags = client.get_experiment(number).tags
    assert "synthetic_stance" in tags["mlflow.note.content"]
    assert tags["mlflow.experiment.primaryMetric.name"] == "test/macro_f1"
    view = json.loads(tags["mlflow.sharedViewState.naba"])
    names = [column.split("`")[1] for column in view["selectedColumns"]]
    assert set(names) <= set(first.metrics) | set(first.params)
    assert view["orderByKey"] == "metrics.`test/macro_f1`"
    client.set_experiment_tag(number, "mlflow.note.content", "ours")
    train.run(command_line.compose(["model=stratified_random", *options]))
    assert client.get_experiment(number).tags["mlflow.note.content"] == "ours"
    assert [one.name for one in client.search_experiments()] == ["synthetic_stance"]
    assert first.tags["mlflow.source.git.commit"] == first.facts.revision
    preview = first.file("predictions/test_first_200.csv").read_text(encoding="utf-8").splitlines()
    assert preview[0] == "id,text,target,gold,predicted,probability"
    assert len(preview) == 201


@pytest.mark.slow
def test_ctrl_c_ends_without_a_word(store: Path, tmp_path: Path) -> None:
    """As a terminal sends it: to all processes of its group."""
    errors = tmp_path / "errors.txt"
    with errors.open("w", encoding="utf-8") as stream, served(free_port(), errors=stream) as process:
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 0
    said = errors.read_text(encoding="utf-8")
    assert "Traceback" not in said
    assert "KeyboardInterrupt" not in said
    assert "CancelledError" not in said


@pytest.mark.slow
def test_other_machines_reach_the_server_under_its_names(store: Path) -> None:
    port = free_port()
    options = ("--server", "--host", "0.0.0.0", "--allowed-hosts", "runs.example.org")
    with served(port, *options, until="on the other machines: export MLFLOW_TRACKING_URI=") as process:
        address = process.said.split("=")[1].split()[0]
        assert "127.0.0.1" not in process.said
        names = [urlsplit(address).hostname, socket.gethostname(), "runs.example.org", "10.1.2.3"]
        answers = {name: status(port, f"{name}:{port}") for name in [*names, "stranger.example.org"]}
        assert answers == {**dict.fromkeys(names, 200), "stranger.example.org": 403}


@pytest.mark.slow
def test_another_machine_trains_on_the_server(store: Path, tmp_path: Path) -> None:
    """From a network namespace, which reaches this machine by a cable as another machine does."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("only root can make a network namespace, with ip (iproute2)")
    with another_machine() as (run_there, host):
        port = free_port()
        with served(port, "--server", "--host", "0.0.0.0", until="on the other machines: ") as process:
            assert f"http://{host}:{port}" in process.said
            environment = {**os.environ, "MLFLOW_TRACKING_URI": f"http://{host}:{port}", "NABA_HOME": str(tmp_path)}
            done = subprocess.run(
                [*run_there, sys.executable, "-m", "naba.cli", "train", "model=majority", "evaluation.resamples=50"],
                env=environment, capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
    assert [run.facts.model for run in tracking.search()] == ["majority"]


@contextlib.contextmanager
def another_machine() -> Iterator[tuple[list[str], str]]:
    """(what goes before a command to run it there, the address of this machine there)"""
    name, here, there = f"naba{os.getpid()}", "10.213.77.1", "10.213.77.2"

    def ip(*arguments: str) -> None:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no network namespace can be made here: {done.stderr.strip()}")

    ip("netns", "add", name)
    try:
        ip("link", "add", "naba0", "type", "veth", "peer", "name", "naba1", "netns", name)
        ip("addr", "add", f"{here}/30", "dev", "naba0")
        ip("link", "set", "naba0", "up")
        ip("-n", name, "addr", "add", f"{there}/30", "dev", "naba1")
        ip("-n", name, "link", "set", "naba1", "up")
        yield ["ip", "netns", "exec", name], here
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)
        subprocess.run(["ip", "link", "del", "naba0"], check=False, capture_output=True)


def status(port: int, host: str) -> int:
    """What the server answers to a request under a name."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.putrequest("GET", "/api/2.0/mlflow/experiments/search?max_results=1", skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        with connection.getresponse() as response:
            response.read()
            return response.status


@pytest.mark.slow
def test_the_server_ends_with_naba_ui(store: Path) -> None:
    """A SIGTERM that reaches naba alone, as from a service manager."""
    with served(free_port()) as process:
        started = psutil.Process(process.pid).children(recursive=True)
        assert started
        process.terminate()
        assert process.wait(timeout=60) == 0
        _, alive = psutil.wait_procs(started, timeout=60)
        assert alive == []


def test_a_taken_port_is_named(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["ui", "--port", str(port)]) == 2
    assert f"--port {port + 1}" in capsys.readouterr().err
