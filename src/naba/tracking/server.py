"""Servers that naba starts on this machine: where they listen, and waiting until they answer."""

from __future__ import annotations

import importlib.metadata
import signal
import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from naba.errors import UserError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

START_SECONDS = 120
LOCAL = ("localhost", "127.0.0.1", "[::1]", "0.0.0.0")  # noqa: S104 - names in requests, not addresses to bind


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"http://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"  # noqa: S104


def is_local(host: str) -> bool:
    """Does a server that listens there answer this machine only?"""
    return host != "0.0.0.0" and (host in {*LOCAL, "::1"} or host.startswith("127."))  # noqa: S104 - compared


def ours() -> list[str]:
    """The names and addresses under which other machines may reach this one: the full name first."""
    name, full = socket.gethostname(), socket.getfqdn()
    names = [one for one in (full, name) if one not in LOCAL and not one.startswith("localhost")]
    return list(dict.fromkeys([*names, *_addresses()]))


def _addresses() -> list[str]:
    """The IPv4 addresses of this machine's own interfaces that are up, but for the loopback."""
    import psutil

    up = psutil.net_if_stats()
    found = []
    for interface, addresses in psutil.net_if_addrs().items():
        if interface in up and up[interface].isup:
            found += [one.address for one in addresses if one.family == socket.AF_INET]
    return [address for address in found if not address.startswith("127.")]


def allowed_hosts(host: str, further: Sequence[str] = ()) -> list[str]:
    """The `Host` headers that a server takes; others may be a page of a stranger's that has rebound its name.

    Private addresses are taken as MLflow takes them; beside them this machine's own names, and `further` ones.
    """
    if "*" in further:
        return ["*"]
    private = ["10.*", "192.168.*", *(f"172.{number}.*" for number in range(16, 32)), "fc00:*", "fd00:*"]
    names = [*LOCAL, *further] if is_local(host) else [*LOCAL, *private, *ours(), host, *further]
    return [pattern for name in dict.fromkeys(names) for pattern in (name, f"{name}:*")]


def has_page() -> bool:
    """Does MLflow know naba's page, a plug-in? Not in an installation of a version that had none."""
    return any(point.name == "naba" for point in importlib.metadata.entry_points(group="mlflow.app"))


def check_free(address: Address, command: str) -> None:
    """Can a server listen there?

    Args:
        command: what to begin the advice with: `naba ui`.
    Raises:
        UserError: no; the port is taken, or is none.
    """
    if not 0 < address.port < 65536:
        raise UserError(f"--port {address.port}: expected 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            raise UserError(
                f"cannot listen on {address.host}:{address.port}: {error.strerror}",
                f"{command} --port {address.port + 1}",
            ) from error


def end_with_me() -> None:
    """Let a SIGTERM to this process do what Ctrl-C does, so that the server it started ends with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def wait_for(server: subprocess.Popen[bytes], address: Address, path: str) -> None:
    """Until the server answers at `path`.

    Raises:
        UserError: it ended, or stays silent.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise UserError(f"the server ended with code {server.returncode} before it answered; its words are above")
        try:
            with urllib.request.urlopen(f"{address}{path}", timeout=2):  # noqa: S310 - our own http address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise UserError(f"the server did not answer at {address} within {START_SECONDS} s")
