"""Ray for sweeps and for predictions: begun on this machine, or a cluster that is there."""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Any

from naba import machine
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSED_ON = ("NABA_", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MLFLOW_TRACKING_URI", "HF_HUB_")
"""Beginnings of the names of variables that workers on other machines get; passwords stay where they are."""
REACH_SECONDS = 10


def start(address: str | None, workers: int | None) -> Any:
    """Ray, connected to the cluster at `address` (or `RAY_ADDRESS`), or begun on this machine with `workers` cores.

    Returns:
        The module `ray`.
    Raises:
        UserError: it is not installed, or does not start.
    """
    # Read by Ray when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        import ray
    except ImportError as error:
        raise UserError("Ray is not installed", "pip install 'naba[ray]'") from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    address = address or os.environ.get("RAY_ADDRESS")
    if address is None:
        options: dict[str, Any] = {
            "address": "local",
            "num_cpus": workers or machine.cores(),
            "include_dashboard": False,
        }
    else:
        _check_reachable(address)
        options = {"address": address, "runtime_env": {"env_vars": passed_on(os.environ)}}
    try:
        ray.init(**options, logging_level="ERROR", log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        what = f"Ray at {address}" if address else "Ray"
        raise UserError(
            f"{what} does not start: {' '.join(str(error).split())[:300]}", "is its address right?"
        ) from error
    return ray


def _check_reachable(address: str) -> None:
    """Ray itself tries for more than ten minutes before it says that nobody is there."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"no Ray answers at {address}: {error}", "is its address right?") from error


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a worker on another machine needs to do what this one would."""
    return {name: value for name, value in environment.items() if name.startswith(PASSED_ON)}
