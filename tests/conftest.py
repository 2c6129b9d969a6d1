"""What every test needs: a home of its own, no network by default, the mirror where it is present."""

from __future__ import annotations

import gc
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from chromium import chromium
from store_copies import copy_store

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
_NAMED = os.environ.get("NABA_TEST_MIRROR") or os.environ.get("NABA_MIRROR")
MIRROR = Path(_NAMED) if _NAMED else ROOT.parent / "shared" / "mirror"

# Workers share two cores; libraries' own threads would fight each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# What the libraries hold is no garbage: to look through it again and again took a tenth of the time.
gc.set_threshold(100_000, 50, 100)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has its own NABA_HOME and cache, and none of the caller's naba or MLflow settings."""
    for name in list(os.environ):
        if name.startswith("NABA_") and name != "NABA_TEST_MIRROR":
            monkeypatch.delenv(name)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("NABA_HOME", str(home))
    monkeypatch.setenv("NABA_CACHE", str(home / "cache"))
    return home


@pytest.fixture(autouse=True)
def no_metric_of_others_stays() -> Iterator[None]:
    """What a test's own package made known is not there for the tests that follow in this process."""
    yield
    if metrics := sys.modules.get("naba.evaluation.metrics"):
        for name, one in list(metrics.METRICS.items()):
            if not one.function.__module__.startswith("naba."):
                del metrics.METRICS[name]


@pytest.fixture(autouse=True)
def no_features_stay() -> Iterator[None]:
    """A sweep in a test's own process leaves its features to no other test."""
    yield
    if shared := sys.modules.get("naba.models.shared"):
        shared._room = 0
        shared._kept.clear()
        shared._known.clear()


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The mirror of public data sets; a test that needs it is skipped where it is absent."""
    if not (MIRROR / "github").is_dir():
        pytest.skip("no mirror folder of public data sets (set NABA_MIRROR)")
    return MIRROR.resolve()


class NetworkBlockedError(Exception):
    """A test reached for the network."""


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Refuse every connection that leaves this machine; the addresses tried are listed."""
    tried: list[Any] = []
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        local = self.family == socket.AF_UNIX or str(address[0]) in {"127.0.0.1", "::1", "localhost"}
        if not local:
            tried.append(address)
            raise NetworkBlockedError(f"connection to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    return tried


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new, empty MLflow store; tests copy it, because making one takes seconds. The workers share it."""
    from naba import tracking

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "empty_store"
    folder.mkdir(exist_ok=True)
    file = folder / "mlflow.db"
    with FileLock(folder / "lock"):
        if not file.is_file():
            tracking.client(f"sqlite:///{file}")
    return file


@pytest.fixture
def store(own_home: Path, empty_store: Path) -> Path:
    """An empty MLflow store in this test's home."""
    return copy_store(empty_store, own_home)


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where browser tests leave pictures for people: NABA_TEST_SCREENSHOTS, or tests/screenshots (not committed)."""
    folder = Path(os.environ.get("NABA_TEST_SCREENSHOTS", ROOT / "tests" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """A real headless Chromium, driven by selenium; skipped where Chromium is not installed."""
    with chromium(tmp_path / "chromium", (1500, 1100)) as opened:
        yield opened
