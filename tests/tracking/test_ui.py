"""The MLflow UI that `naba ui` opens, in a real browser."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

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
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


MOVING = (StaleElementReferenceException, NoSuchElementException, ElementClickInterceptedException)
"""What a page that is still loading answers."""


@contextlib.contextmanager
def served(port: int) -> Iterator[subprocess.Popen[str]]:
    """`naba ui` as a person starts it, from when it says its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "naba.cli", "ui", "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("MLflow UI: "):
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
