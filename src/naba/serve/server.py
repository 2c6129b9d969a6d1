"""Starting the server: its process, its environment, and a watch over its life."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from naba.errors import EXIT_CODE, UserError
from naba.serve.limits import Limits
from naba.tracking.server import end_with_me, wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from fastapi import FastAPI

    from naba.tracking.server import Address

FOLDER = "NABA_SERVE_FOLDER"
LIMITS = "NABA_SERVE_LIMITS"
TOKEN = "NABA_SERVE_TOKEN"  # noqa: S105 - the name of a variable
KEEP_ALIVE_SECONDS = 30


def command(address: Address, workers: int) -> list[str]:
    """The command of the server's process."""
    return [sys.executable, "-m", "naba.serve.server", address.host, str(address.port), str(workers)]


def environment(folder: Path, limits: Limits) -> dict[str, str]:
    """What the server's processes must know: the classifier, the limits, one thread each, nothing over the network."""
    forced = {
        FOLDER: str(folder),
        LIMITS: limits.to_json(),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return {"OMP_NUM_THREADS": "1", **os.environ, **forced}


def create() -> FastAPI:
    """The application, as the environment says; uvicorn calls this in each worker."""
    from naba.serve.app import application

    limits = Limits.from_json(os.environ[LIMITS])
    try:
        return application(Path(os.environ[FOLDER]), limits, os.environ.get(TOKEN) or None)
    except UserError as error:
        print(f"naba: {error}", file=sys.stderr, flush=True)
        raise SystemExit(EXIT_CODE) from None


def main(arguments: list[str]) -> None:
    """The server's process: HOST PORT WORKERS."""
    import uvicorn

    from naba.serve.protocol import TimedProtocol

    host, port, workers = arguments
    if int(workers) > 1:
        create()  # a worker that cannot load the classifier would be started again without end
    uvicorn.run(
        "naba.serve.server:create", factory=True, host=host, port=int(port), workers=int(workers), http=TimedProtocol,
        ws="none", log_level="warning", timeout_keep_alive=KEEP_ALIVE_SECONDS, server_header=False,
    )  # fmt: skip


def keep_running(start: Callable[[], subprocess.Popen[bytes]], address: Address, ready: Callable[[], None]) -> int:
    """Run the server until it is interrupted or told to end; one that is killed is started again.

    uvicorn replaces killed workers where it has several; a single one, or all of them, come back through here. A server
    that ends before it answers is not started again.

    Raises:
        UserError: it ended before it answered.
    """
    end_with_me()
    while True:
        server = start()
        try:
            wait_for(server, address, "/ping")
            ready()
            code = server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            server.terminate()
            server.wait()
        if code == 0:
            return 0
        print(f"naba: the server ended with code {code}; starting it again", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
