"""Starting the server: the model as an MLflow folder, the command, the environment, and a watch over its life."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from naba.classifier import folder as directory
from naba.tracking.server import end_with_me, wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from naba.serve.limits import Limits
    from naba.tracking.server import Address

MODEL = "NABA_SERVE_MODEL"
LIMITS = "NABA_SERVE_LIMITS"
WAITING = 64
"""Connections at once; more get 503 at once rather than an answer much later."""


def mlflow_folder(folder: Path, work: Path) -> Path:
    """The MLflow model that holds a classifier directory; one by itself is wrapped in a model below `work`."""
    from naba.tracking import registry

    outer = folder.parent.parent
    if (outer / "MLmodel").is_file():
        return outer
    made = work / "model"
    registry.save_mlflow_folder(folder, directory.describe(folder), made)
    return made


def command(address: Address, workers: int) -> list[str]:
    """The command of the server's process, as MLflow writes it but for the application.

    `mlflow models serve` itself would start `uvicorn … mlflow.pyfunc.scoring_server.app:app`: it takes no other
    application and no middleware, so limits could only stand in a second server in front of it, which would read
    every request twice. The application is the same; see `serving_app`.
    """
    return [
        sys.executable, "-m", "uvicorn", "--host", address.host, "--port", str(address.port),
        "--workers", str(workers), "--log-level", "warning", "--limit-concurrency", str(WAITING),
        "--timeout-keep-alive", "30", "naba.serve.app:app",
    ]  # fmt: skip


def environment(model: Path, limits: Limits) -> dict[str, str]:
    """What the server's processes must know: the model, the limits, one thread each, nothing over the network."""
    from naba import tracking

    tracking.quiet()
    forced = {
        MODEL: str(model),
        LIMITS: limits.to_json(),
        "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT": str(max(1, round(limits.seconds))),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return {"OMP_NUM_THREADS": "1", **os.environ, **forced}


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
