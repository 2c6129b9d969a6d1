"""Ports for the servers that tests start."""

from __future__ import annotations

import random
import socket

_CHANCE = random.SystemRandom()
"""Of its own: a training seeds the global one, and each test would try the same ports."""


def free_port() -> int:
    """A port of this machine that nobody listens on.

    Below those that the system gives to outgoing connections: one of these could take it before the server does.
    """
    while True:
        port = _CHANCE.randint(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
