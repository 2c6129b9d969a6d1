"""`naba ui`: the MLflow server on naba's store, with the settings that make it start fast and stay local."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from naba import paths, tracking
from naba.commands.options import Parser
from naba.errors import UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

START_SECONDS = 120


def main(arguments: Sequence[str]) -> int:
    """Run `naba ui` until it is interrupted."""
    parser = Parser("ui", "Open the MLflow UI. Stop it with Ctrl-C.")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 shows it to the network, without a password")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    shared = "for several machines: artifacts come through the server, which keeps them"
    parser.add_argument("--server", action="store_true", help=shared)
    place = "with --server: a folder or s3://… for artifacts (default: below NABA_HOME)"
    parser.add_argument("--artifacts", metavar="PLACE", help=place)
    options = parser.parse_args(arguments)
    if options.artifacts and not options.server:
        raise UserError("naba ui: --artifacts goes with --server")
    place = options.artifacts or str(paths.home() / "artifacts")
    uri = options.uri or tracking.default_uri()
    if uri.startswith("http"):
        raise UserError(f"the store {uri} is a server already", "open it in a browser")
    _check_port(options.host, options.port)
    tracking.client(uri)
    address = f"http://{'127.0.0.1' if options.host == '0.0.0.0' else options.host}:{options.port}"  # noqa: S104
    print(f"Starting the MLflow UI on {uri} …", flush=True)
    with subprocess.Popen(_server(uri, options, place), env=_environment()) as server:
        try:
            _wait(server, address)
            print(f"MLflow UI: {address}/#/experiments?workflowType=machine_learning", flush=True)
            if options.server:
                print(f"on the other machines: export MLFLOW_TRACKING_URI={address}", flush=True)
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            server.terminate()


def _server(uri: str, options: argparse.Namespace, place: str) -> list[str]:
    artifacts = ["--serve-artifacts", "--artifacts-destination", place] if options.server else [
        "--default-artifact-root", place]  # fmt: skip
    return [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, *artifacts,
        "--host", options.host, "--port", str(options.port), "--workers", "1",
    ]  # fmt: skip


def _environment() -> dict[str, str]:
    tracking.quiet()
    return {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ}


def _check_port(host: str, port: int) -> None:
    if not 0 < port < 65536:
        raise UserError(f"--port {port}: expected 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UserError(
                f"cannot listen on {host}:{port}: {error.strerror}", f"naba ui --port {port + 1}"
            ) from error


def _wait(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise UserError(f"the MLflow server ended with code {server.returncode} before it answered")
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310 - our own http address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise UserError(f"the MLflow server did not answer at {address} within {START_SECONDS} s")
