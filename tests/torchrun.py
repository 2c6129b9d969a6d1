"""Two processes that train together, as torchrun starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from ports import free_port

if TYPE_CHECKING:
    from pathlib import Path


def run_two(script: str, folder: Path, **environment: str) -> None:
    """Run a script twice at once, given the folder and the process's number; both must end well, and none stays."""
    shared = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(folder), rank],
            env=shared | {"RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"} | environment,
        )
        for rank in ("0", "1")
    ]
    try:
        assert [process.wait(timeout=300) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()
