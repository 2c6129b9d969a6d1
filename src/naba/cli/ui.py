"""`naba ui`: the MLflow server on naba's store, with the settings that make it start fast and stay local."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from naba import files, tracking
from naba.cli.arguments import Parser
from naba.errors import UserError
from naba.tracking.server import Address, check_free, end_with_me, wait_for

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


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
    place = options.artifacts or str(files.home() / "artifacts")
    uri = options.uri or tracking.default_uri()
    if uri.startswith("http"):
        raise UserError(f"the store {uri} is a server already", "open it in a browser")
    address = Address(options.host, options.port)
    check_free(address, "naba ui")
    tracking.client(uri)
    print(f"Starting the MLflow UI on {uri} …", flush=True)
    end_with_me()
    with subprocess.Popen(_server(uri, options, place), env=_environment()) as server:
        try:
            wait_for(server, address, "/health")
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
