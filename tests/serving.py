"""`naba serve` as a person starts it, and one client of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROW = {"text": "ارتفاع أسعار النفط", "target": "تراجع أسعار النفط"}


class Server:
    """A `naba serve` process and one client of it."""

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self.port = port
        self.process = process

    def ask(self, body: bytes, path: str = "/invocations", method: str = "POST", **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
            try:
                connection.request(method, path, body, given)
            except ConnectionError:
                # The answer may come before a body that is too large has been sent.
                if connection.sock is None:
                    raise
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def table(self, *rows: dict[str, Any]) -> tuple[int, str]:
        return self.ask(json.dumps({"dataframe_records": list(rows)}).encode())

    def lives(self) -> bool:
        status, text = self.table(ROW)
        return status == 200 and "label" in json.loads(text)["predictions"][0]


@contextlib.contextmanager
def served(classifier: str, home: Path, *options: str) -> Iterator[Server]:
    """`naba serve` as a person starts it; at the end it must go at once, and have shown no traceback."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "naba.cli", "serve", classifier, "--port", str(port), *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "NABA_HOME": str(home)},
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if "curl" in line:
                break
        else:
            pytest.fail("naba serve ended before it answered: " + "".join(said))
        yield Server(port, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert "Traceback" not in process.stdout.read()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
