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

import pytest

from naba import cli, command_line, tracking, train
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def served() -> Iterator[str]:
    """`naba ui` as a person starts it, until it says its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "naba.cli", "ui", "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("MLflow UI: "):
                yield f"http://127.0.0.1:{port}"
                break
        else:
            pytest.fail("naba ui ended before it said its address")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
        process.stdout.close()


def text_of(browser: Any, address: str, *wanted: str, seconds: float = 45) -> str:
    """Open a page and wait until its text has all of `wanted`; pages load in steps, and never fall silent."""
    browser.get(address)
    deadline = time.monotonic() + seconds
    text = ""
    while time.monotonic() < deadline:
        text = browser.find_element("tag name", "body").text
        if all(part in text for part in wanted):
            return text
        time.sleep(0.5)
    missing = [part for part in wanted if part not in text]
    raise AssertionError(f"{address} does not show {missing}; it shows:\n{text[:2000]}")


@pytest.mark.browser
@pytest.mark.slow
def test_ui_shows_runs_metrics_confusion_matrix_and_comparison(store: Path, browser: Any, screenshots: Path) -> None:
    overrides = ["evaluation.resamples=100", "evaluation.also=[article_stance]"]
    made = [train.run(command_line.compose([f"model={model}", *overrides])) for model in ("majority", "tfidf_nb")]
    run = tracking.find(made[1].run)
    experiment = run.info.experiment_id
    with served() as address:
        base = f"{address}/#/experiments/{experiment}"
        text_of(browser, f"{base}/runs?workflowType=machine_learning", *(outcome.name for outcome in made))
        browser.save_screenshot(str(screenshots / "mlflow_runs.png"))

        score = f"{run.data.metrics['test/macro_f1']:.3f}"
        machine_learning = "workflowType=machine_learning"
        address_of_run = f"{base}/runs/{run.info.run_id}"
        text_of(browser, f"{address_of_run}?{machine_learning}", "test/macro_f1_low", "naba.identity", score)
        browser.find_element("xpath", "//*[text()='Show more']").click()
        page = browser.find_element("tag name", "body").text
        browser.save_screenshot(str(screenshots / "mlflow_run.png"))
        assert "معارضة" in page
        assert "naba train dataset=synthetic_stance model=tfidf_nb seed=0" in page

        text_of(
            browser, f"{address_of_run}/artifacts/figures/test_confusion.png?{machine_learning}", "test_confusion.png"
        )
        deadline = time.monotonic() + 30
        sizes: list[int] = []
        while time.monotonic() < deadline and not any(size > 300 for size in sizes):
            images = browser.find_elements("css selector", "img, .image-outer-container *")
            sizes = [int(browser.execute_script("return arguments[0].naturalWidth || 0", image)) for image in images]
            time.sleep(0.5)
        browser.save_screenshot(str(screenshots / "mlflow_confusion.png"))
        assert any(size > 300 for size in sizes), "the confusion matrix is not shown"

        ids = ",".join(f'"{outcome.run}"' for outcome in made)
        compared = f'{address}/#/compare-runs?runs=[{ids}]&experiments=["{experiment}"]'
        text_of(browser, compared, "majority synthetic_stance seed 0", "tfidf_nb synthetic_stance seed 0", "macro_f1")
        browser.save_screenshot(str(screenshots / "mlflow_compare.png"))


def test_a_taken_port_is_named(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["ui", "--port", str(port)]) == 2
    assert f"--port {port + 1}" in capsys.readouterr().err
