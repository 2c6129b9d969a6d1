"""A sweep over nodes of Ray on this machine: one node, two, and two of which one is killed in the middle.

    python experiments/speed/ray_nodes.py [--jobs 60]

The head has no cores; each further node is a raylet of its own with one, as another machine would be, and starts its
own workers. Each sweep has a store of its own. Killed means SIGKILL to the raylet, once a third of the jobs have ended;
what was lost is done again by Ray, and the same command afterwards must find every run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import NABA

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "OMP_NUM_THREADS": "1"}

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = ("majority", "tfidf_nb", "tfidf_logreg", "tfidf_svm")


def command(jobs: int, address: str) -> list[str]:
    """The sweep: so many jobs, four models."""
    seeds = f"seed=range({jobs // len(MODELS)})"
    chosen = ["dataset=synthetic_claim_type", f"model={','.join(MODELS)}", "evaluation.resamples=1000"]
    return [*NABA, "train", *chosen, seeds, "-m", "hydra/launcher=ray", f"hydra.launcher.address={address}"]


@contextlib.contextmanager
def cluster(nodes: int) -> Iterator[tuple[Any, list[Any]]]:
    """A head without cores and nodes with one each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        yield made, [made.add_node(num_cpus=1) for _ in range(nodes)]
    finally:
        # The head goes last: a node that has none waits half a minute for it.
        for node in made.list_all_nodes()[::-1]:
            made.remove_node(node, allow_graceful=False)


def finished(home: Path) -> int:
    """Runs that the store calls finished."""
    import sqlite3

    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{home / 'mlflow.db'}?mode=ro", uri=True, timeout=30)) as store,
    ):
        return int(store.execute("select count(*) from runs where status = 'FINISHED'").fetchone()[0])
    return 0


def sweep(jobs: int, address: str, home: Path) -> tuple[float, str]:
    """Wall seconds, and the line that counts the runs."""
    begun = time.perf_counter()
    done = subprocess.run(
        command(jobs, address), env={**os.environ, "NABA_HOME": str(home)}, capture_output=True, text=True, check=False
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if f"{jobs} runs: " in line]
    if not lines:
        raise SystemExit(done.stdout + done.stderr)
    return time.perf_counter() - begun, lines[-1].strip()


def kill_at(jobs: int, home: Path, node: Any) -> None:
    """SIGKILL to a node's raylet once so many runs have ended."""
    while finished(home) < jobs:
        time.sleep(0.2)
    node.kill_raylet()
    print(f"a raylet was killed when {finished(home)} runs had ended", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The store is made first, and not timed.
        for home in ("one", "two", "lost"):
            first = [*NABA, "train", "dataset=synthetic_claim_type", "model=majority", "seed=99"]
            subprocess.run(first, env={**os.environ, "NABA_HOME": str(folder / home)}, capture_output=True, check=True)
        seconds = {}
        for nodes, home in ((1, "one"), (2, "two")):
            with cluster(nodes) as (made, _):
                seconds[nodes], said = sweep(options.jobs, made.address, folder / home)
                print(f"{nodes} node: {seconds[nodes]:.1f} s; {said}", flush=True)
        print(f"speed-up of two nodes: {seconds[1] / seconds[2]:.2f}; load {os.getloadavg()[0]:.1f}")
        with cluster(2) as (made, nodes):
            threading.Thread(target=kill_at, args=(options.jobs // 3, folder / "lost", nodes[0]), daemon=True).start()
            taken, said = sweep(options.jobs, made.address, folder / "lost")
            print(f"2 nodes, one killed: {taken:.1f} s; {said}")
            taken, said = sweep(options.jobs, made.address, folder / "lost")
            print(f"the same command again: {taken:.1f} s; {said}")
        kept = finished(folder / "lost") - 1
        print(f"runs in the store: {kept} of {options.jobs}")


if __name__ == "__main__":
    main()
