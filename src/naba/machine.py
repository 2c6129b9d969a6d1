"""This machine and process: code revision, versions, hardware, fixed seeds, threads; and where tracebacks are kept."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import random
import socket
import subprocess
import sys
import time
import traceback
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from naba import __version__, files
from naba.errors import UserError, hidden

PACKAGES = ("scikit-learn", "numpy", "scipy", "datasets", "transformers", "torch", "hydra-core", "mlflow")


def seed_everything(seed: int) -> None:
    """Fix the global random states, for code that takes no seed of its own; torch only where it is loaded."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - scikit-learn's `random_state=None` reads the global state
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def one_thread() -> Any:
    """A context in which libraries for arithmetic use one thread: how several share a sum decides its last bits."""
    return _libraries(len(sys.modules)).limit(limits=1)


@lru_cache(1)
def _libraries(modules: int) -> Any:  # noqa: ARG001 - a module may have loaded another library
    """What is loaded; to look for it takes milliseconds, as long as a piece of a prediction job."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def processes() -> tuple[int, int]:
    """(this process's number, how many there are) in a training that torchrun or `accelerate launch` started.

    Raises:
        UserError: WORLD_SIZE or RANK is no number.
    """
    count = _whole("WORLD_SIZE", "1")
    return (_whole("RANK", "0"), count) if count > 1 else (0, 1)


def _whole(name: str, default: str) -> int:
    said = os.environ.get(name, default)
    if not said.isdecimal():
        raise UserError(
            f"the environment variable {name} is '{said}', expected a whole number",
            "torchrun and accelerate launch set it; for one process, unset it",
        )
    return int(said)


def process() -> str:
    """This process, so that others can tell later whether it lives: place, number, start."""
    import psutil

    return f"{_place()} {os.getpid()} {psutil.Process().create_time():.0f}"


@cache
def _place() -> str:
    """Where process numbers mean the same: a host since it was started, or one container on it.

    The name alone would not do: machines of a cluster may all be called `localhost`, and containers share a name.
    """
    boot, numbers = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    since = boot.read_text(encoding="ascii")[:8] if boot.is_file() else ""
    container = str(numbers.stat().st_ino) if numbers.exists() else ""
    return f"{socket.gethostname()}/{since}-{container}"


def is_dead(named: str) -> bool:
    """Has the process that `process` named ended? False where it cannot be known (another machine)."""
    import psutil

    host, _, rest = named.partition(" ")
    number, _, start = rest.partition(" ")
    if host != _place() or not number.isdigit():
        return False
    try:
        return f"{psutil.Process(int(number)).create_time():.0f}" != start
    except psutil.NoSuchProcess:
        return True


@cache
def revision() -> tuple[str, bool]:
    """The git revision of the code, and whether files differ from it.

    Returns:
        `(revision, dirty)`; `("", False)` where naba is installed outside a repository.
    """
    root = files.checkout()
    if root is None:
        return "", False
    commit = _git(root, "rev-parse", "HEAD")
    return commit, bool(commit) and bool(_git(root, "status", "--porcelain", "--untracked-files=no"))


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@cache
def versions() -> dict[str, str]:
    """Versions of naba, Python and the libraries that decide a result, without importing them."""
    found = {"naba": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def hardware() -> dict[str, str]:
    """The machine: processor, cores usable by this process, memory in GiB."""
    import psutil

    gpus = len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
    return ({"gpus": str(gpus)} if gpus else {}) | {
        "processor": _processor() or platform.processor() or platform.machine(),
        "cores": str(cores()),
        "memory_gib": f"{psutil.virtual_memory().total / 2**30:.1f}",
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return ""
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def keep_traceback(error: BaseException, about: str) -> str:
    """Write the traceback of an error that nobody expected to a file of the home.

    Args:
        about: what was being done, such as the command line.
    Returns:
        A sentence that names the file; where none can be written, one with the traceback itself.
    """
    commit, dirty = revision()
    code = f"code {commit or 'none'}{' with uncommitted changes' if dirty else ''}"
    heading = "\n".join([about, code, *(f"{name} {version}" for name, version in versions().items())])
    text = hidden(f"{heading}\n\n{''.join(traceback.format_exception(error))}")
    file = files.home() / "logs" / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{os.getpid()}-{os.urandom(2).hex()}.txt"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as failure:
        return f"this was not expected; no log could be written to {file} ({failure.strerror}):\n{text}"
    return f"this was not expected; the traceback is in {file}"
