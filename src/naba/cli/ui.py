"""`naba ui`: open the MLflow UI on naba's runs.

naba ui --port 5000
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from naba import files, tracking
from naba.cli.arguments import Parser
from naba.errors import UserError, hidden
from naba.tracking.server import Address, allowed_hosts, check_free, end_with_me, has_page, is_local, ours, wait_for

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

DESCRIPTION = """Open the MLflow UI on naba's runs. Stop it with Ctrl-C.

Several machines share one store through a server (--server): it takes requests under this machine's names and
addresses, and under those that --allowed-hosts adds."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba ui` until it is interrupted."""
    options = _parser().parse_args(arguments)
    if options.artifacts and not options.server:
        raise UserError("naba ui: --artifacts goes with --server")
    place = options.artifacts or str(files.home() / "artifacts")
    uri = options.uri or tracking.default_uri()
    if uri.startswith("http"):
        raise UserError(f"the store {hidden(uri)} is a server already", "open it in a browser")
    address = Address(options.host, options.port)
    check_free(address, "naba ui")
    tracking.client(uri)
    print(f"Starting the MLflow UI on {hidden(uri)} …", flush=True)
    end_with_me()
    server = None
    try:
        # In a session of its own: Ctrl-C reaches naba alone, which ends the server without its tracebacks.
        server = subprocess.Popen(_server(uri, options, place), env=_environment(), start_new_session=True)
        wait_for(server, address, "/health")
        _announce(options, address)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        if server is not None:
            server.terminate()
            server.wait()


def _parser() -> Parser:
    parser = Parser("ui", DESCRIPTION)
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 shows it to the network, without a password")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    shared = "for several machines: artifacts come through the server, which keeps them"
    parser.add_argument("--server", action="store_true", help=shared)
    place = "with --server: a folder or s3://… for artifacts (default: below NABA_HOME)"
    parser.add_argument("--artifacts", metavar="PLACE", help=place)
    names = "further names under which others reach this server (a proxy's, say); '*' for any"
    parser.add_argument("--allowed-hosts", metavar="NAME,…", default="", help=names)
    return parser


def _announce(options: argparse.Namespace, address: Address) -> None:
    print(
        f"MLflow UI: {address}{'/naba' if has_page() else '/#/experiments?workflowType=machine_learning'}", flush=True
    )
    if is_local(options.host):
        if options.server:
            print(
                f"on this machine: export MLFLOW_TRACKING_URI={address}   (--host 0.0.0.0 opens it to others)",
                flush=True,
            )
        return
    names = ours() if options.host == "0.0.0.0" else [options.host]  # noqa: S104 - compared, not bound
    others = [f"http://{name}:{options.port}" for name in names]
    what = "export MLFLOW_TRACKING_URI=" if options.server else ""
    print(
        f"on the other machines: {what}{others[0]}" + (f"   (or {', '.join(others[1:])})" if others[1:] else ""),
        flush=True,
    )


def _server(uri: str, options: argparse.Namespace, place: str) -> list[str]:
    artifacts = ["--serve-artifacts", "--artifacts-destination", place] if options.server else [
        "--default-artifact-root", place]  # fmt: skip
    further = [name.strip() for name in options.allowed_hosts.split(",") if name.strip()]
    return [
        sys.executable, "-m", "mlflow", "server", *(["--app-name", "naba"] if has_page() else []),
        "--backend-store-uri", uri, *artifacts,
        "--host", options.host, "--port", str(options.port), "--workers", "1",
        "--allowed-hosts", ",".join(allowed_hosts(options.host, further)),
    ]  # fmt: skip


def _environment() -> dict[str, str]:
    tracking.quiet()
    return {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ}
