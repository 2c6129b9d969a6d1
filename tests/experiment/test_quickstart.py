"""The README's first command, as it is: no network, both tasks, a leaderboard."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BLOCKED = """
import socket, sys
real = socket.socket.connect
def guarded(self, address):
    if self.family != socket.AF_UNIX and str(address[0]) not in ("127.0.0.1", "::1"):
        raise SystemExit(f"NETWORK {address}")
    return real(self, address)
def lookup(*arguments, **more):
    raise SystemExit(f"NETWORK lookup {arguments[0]}")
socket.socket.connect = guarded
socket.getaddrinfo = lookup
from naba.cli import main
sys.exit(main(sys.argv[1:]))
"""


def naba(*arguments: str) -> str:
    environment = {**os.environ, "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *arguments],
        capture_output=True, text=True, encoding="utf-8", env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NETWORK" not in done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_quickstart_needs_no_network_and_ends_in_a_leaderboard() -> None:
    output = naba("train", "+experiment=quickstart", "-m")
    assert "12 runs: 12 trained, 0 found, 0 failed" in output
    board = naba("compare")
    for scored in ("article_claim_type", "article_stance", "synthetic_claim_type", "synthetic_stance"):
        assert f"{scored}: macro_f1" in board
    stance = board[board.index("synthetic_stance: macro_f1") :]
    assert stance.index("tfidf_logreg") < stance.index("majority")
    again = naba("train", "+experiment=quickstart", "-m")
    assert "12 runs: 0 trained, 12 found, 0 failed" in again
