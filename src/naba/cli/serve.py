"""`naba serve`: answer over HTTP, with limits on what a request may be.

naba serve models:/stance@champion
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from naba.cli.arguments import Parser
from naba.errors import UserError
from naba.tracking.server import Address, check_free

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from naba.serve.limits import Limits

DESCRIPTION = """Serve a classifier over HTTP. Stop it with Ctrl-C.

MODEL is a classifier folder or a tracked run, as for naba predict; of an MLflow model only naba's own classifier folder
is read, and none of its Python is run. POST /invocations takes a JSON table with the column text, and target for pairs,
in the forms of MLflow's scoring protocol (dataframe_records, dataframe_split, inputs, instances). GET /ping says
whether the server lives, /version what answers, /metrics how it is doing (Prometheus). Invalid requests get a 4xx and a
reason. If NABA_SERVE_TOKEN is set, requests must carry "Authorization: Bearer TOKEN". With --openai,
/v1/chat/completions is answered too: model=prompted model.prompt=served_by_naba asks it as it asks a language model."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba serve` until it is interrupted."""
    options = _parse(arguments)
    from naba.classifier.folder import describe
    from naba.predict.locate import locate
    from naba.serve import server
    from naba.serve.limits import Limits

    classifier = locate(options.model, options.uri)
    columns = tuple(describe(classifier)["input"])
    limits = Limits(columns, options.body_bytes, options.rows, options.characters, options.seconds, chat=options.openai)
    address = Address(options.host, options.port)
    check_free(address, "naba serve")
    environment = server.environment(classifier, limits)
    print(f"Starting the server for {options.model} …", flush=True)
    return server.keep_running(
        lambda: subprocess.Popen(server.command(address, options.workers), env=environment),
        address,
        lambda: _ready(address, limits),
    )


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser("serve", DESCRIPTION)
    parser.add_argument("model", metavar="MODEL", help="a classifier directory or a tracked run")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: the network; set NABA_SERVE_TOKEN then")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1); each loads the classifier")
    parser.add_argument("--body-bytes", type=int, default=2**20, help="largest request (default 1 MiB)")
    parser.add_argument("--rows", type=int, default=1000, help="most rows of a request (default 1000)")
    parser.add_argument("--characters", type=int, default=100_000, help="longest text (default 100000)")
    parser.add_argument("--seconds", type=float, default=30.0, help="for a request to arrive, and to be answered")
    parser.add_argument("--openai", action="store_true", help="also answer /v1/chat/completions")
    parser.add_argument("--uri", help="the MLflow store (default: naba's own)")
    options = parser.parse_args(arguments)
    for name in ("workers", "body_bytes", "rows", "characters", "seconds"):
        if not getattr(options, name) > 0:
            raise UserError(f"naba serve: --{name.replace('_', '-')} {getattr(options, name)}: expected more than 0")
    return options


def _ready(address: object, limits: Limits) -> None:
    row = ", ".join(f'"{name}": "ارتفاع أسعار النفط"' for name in limits.columns)
    print(f"answering at {address}/invocations:", flush=True)
    print(f"  curl {address}/invocations -H 'Content-Type: application/json' \\")
    print(f"    -d '{{\"dataframe_records\": [{{{row}}}]}}'", flush=True)
