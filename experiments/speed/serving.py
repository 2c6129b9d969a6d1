"""Speed and endurance of `naba predict` and `naba serve`.

python experiments/speed/serving.py predict [--rows 1000000]     memory, two kills, throughput against scikit-learn
python experiments/speed/serving.py serve [--seconds 60] [--clients 8] [--workers 2]     a load test on loopback
python experiments/speed/serving.py beside [--seconds 5] [--workers 2] [--times 3]       in turn with MLflow's server

With NABA_MIRROR the headlines are the 31,000 of SaudiNewsNet, without it those of the embedded corpus.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS = 10
CLIENTS = (1, 2, 4, 8, 16)
LONGEST_P95 = 100.0
RUN = "tfidf_logreg synthetic_claim_type seed 0"


def train(home: Path, *overrides: str) -> None:
    os.environ["NABA_HOME"] = str(home)
    # MLflow's server asks for `uvicorn`.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    arguments = ["train", "dataset=synthetic_claim_type", "model=tfidf_logreg", "evaluation.resamples=100", *overrides]
    subprocess.run([sys.executable, "-m", "naba.cli", *arguments], check=True, stdout=subprocess.DEVNULL)


def headlines() -> list[str]:
    from naba.data.dataset import load_named

    if os.environ.get("NABA_MIRROR"):
        return list(dict.fromkeys(filter(str.strip, load_named("saudinewsnet").column_values("title"))))
    return list(dict.fromkeys(load_named("synthetic_claim_type").column_values("text")))


def write_table(path: Path, rows: int) -> None:
    """The corpus's headlines over and over, each with a number of its own, so that no two rows are the same."""
    texts = headlines()
    with path.open("w", encoding="utf-8") as file:
        file.write("id,text\n")
        for row in range(rows):
            text = texts[row % len(texts)].replace('"', '""')
            file.write(f'{row},"{text} {row}"\n')


def write_apart(path: Path, rows: int) -> None:
    """In a process of its own: the kernel counts a parent's memory as its children's, so this one must stay small."""
    writer = multiprocessing.get_context("spawn").Process(target=write_table, args=(path, rows))
    writer.start()
    writer.join()
    assert writer.exitcode == 0, writer.exitcode


def start(table: Path, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "naba.cli", "predict", RUN, str(table), "--output", str(output)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def wait_until(process: subprocess.Popen[bytes], output: Path, rows: float) -> None:
    """Until so many rows are committed."""
    record = output.with_name(output.name + ".progress.json")
    while process.poll() is None:
        time.sleep(0.2)
        try:
            if json.loads(record.read_text(encoding="utf-8"))["rows"] >= rows:
                return
        except (OSError, ValueError):
            continue


def to_the_end(process: subprocess.Popen[bytes]) -> float:
    """The most memory the process ever had, in MiB, as the kernel counted it."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.returncode
    return usage.ru_maxrss / 1024


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def predict(rows: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Words alone: the million is about the job, not about character n-grams.
        train(folder / "home", "model.words=1", "model.characters_to=0")
        for part in (rows // 10, rows):
            table, whole = folder / f"{part}.csv", folder / f"{part}.out.csv"
            write_apart(table, part)
            begin = time.perf_counter()
            peak = to_the_end(start(table, whole))
            seconds = time.perf_counter() - begin
            size = table.stat().st_size / 2**20
            print(
                f"{part:,} rows, {size:.0f} MiB: {seconds:.0f} s, {part / seconds:,.0f} a second, peak {peak:.0f} MiB"
            )
        killed = folder / "killed.csv"
        for share in (0.3, 0.7):
            process = start(table, killed)
            wait_until(process, killed, rows * share)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            record = json.loads(killed.with_name(killed.name + ".progress.json").read_text(encoding="utf-8"))
            print(f"killed (SIGKILL) with {record['rows']:,} rows committed", flush=True)
        peak = to_the_end(start(table, killed))
        same = digest(whole) == digest(killed)
        equal = "the same bytes as" if same else "NOT the bytes of"
        print(f"resumed to the end: {equal} the undisturbed pass, sha256 {digest(killed)[:16]}, peak {peak:.0f} MiB")
        bare(min(rows, 100_000), table)


def bare(rows: int, table: Path) -> None:
    """The same texts through scikit-learn's own pipeline of the same parameters, and through `predict_job`."""
    import pandas as pd

    from naba.predict import job as predict_job
    from naba.predict.locate import open_classifier

    opened = open_classifier(RUN)
    frame = pd.read_csv(table, nrows=rows).astype({"text": object})
    frame["target"] = ""
    short = table.with_name("short.csv")
    frame[["id", "text"]].to_csv(short, index=False)
    begin = time.perf_counter()
    opened.model.predict_proba(frame)
    alone = time.perf_counter() - begin
    begin = time.perf_counter()
    predict_job.run(opened, predict_job.Job(short, predict_job.Columns("text", None), table.with_name("short.out.csv")))
    job = time.perf_counter() - begin
    print(f"{rows:,} rows: predict_proba alone {rows / alone:,.0f} a second, whole job {rows / job:,.0f} a second")


def resident(server: subprocess.Popen[bytes]) -> float:
    """MiB of the server's processes together."""
    import psutil

    root = psutil.Process(server.pid)
    return sum(each.memory_info().rss for each in [root, *root.children(recursive=True)]) / 2**20


@contextmanager
def serving(command: Sequence[str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Port and process of a server, once it answers; ended with all its processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen([*command, "--port", str(port)], stdout=said, stderr=said, start_new_session=True)
        try:
            while not answers(port):
                if server.poll() is not None:
                    said.seek(0)
                    raise SystemExit(f"{' '.join(command)} ended:\n{said.read().decode()}")
                time.sleep(0.2)
            yield port, server
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def naba(workers: int) -> list[str]:
    return [sys.executable, "-m", "naba.cli", "serve", RUN, "--workers", str(workers)]


def serve(seconds: int, clients: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        train(Path(name))
        with serving(naba(workers)) as (port, server):
            load(port, 3, clients)
            before = resident(server)
            times, errors = load(port, seconds, clients)
            after = resident(server)
    times.sort()
    middle, p95, p99 = (times[int(len(times) * share)] * 1000 for share in (0.5, 0.95, 0.99))
    print(f"{clients} clients, {workers} workers, {seconds} s, {ROWS} headlines a request (3 s before, not counted)")
    print(f"{len(times)} requests, {len(errors)} errors")
    print(f"{len(times) / seconds:.0f} requests a second, {ROWS * len(times) / seconds:.0f} headlines a second")
    print(f"latency: median {middle:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, longest {times[-1] * 1000:.0f} ms")
    print(f"memory of the server: {before:.0f} MiB at the start, {after:.0f} MiB at the end")
    for error in errors[:3]:
        print(error)


def beside(seconds: int, workers: int, rounds: int) -> dict[str, list[float]]:
    """The same classifier behind `naba serve` and behind `mlflow models serve`, in turn; more clients each time.

    Returns the most headlines a second with a p95 under 100 ms, of each round.
    """
    with tempfile.TemporaryDirectory() as name:
        train(Path(name))
        exported = Path(name) / "exported"
        export = [sys.executable, "-m", "naba.cli", "export", RUN, str(exported), "--format", "mlflow"]
        subprocess.run(export, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mlflow = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "-m", str(exported)]
        commands = {"naba": naba(workers), "MLflow": [*mlflow, "--workers", str(workers)]}
        best: dict[str, list[float]] = {system: [] for system in commands}
        print(f"{workers} workers, {ROWS} headlines a request, {seconds} s each; headlines a second (p95 in ms)")
        print("| | " + " | ".join(f"{clients} clients" for clients in CLIENTS) + " | most with p95 under 100 ms |")
        print("|---" * (len(CLIENTS) + 2) + "|")
        for _ in range(rounds):
            for system, command in commands.items():
                with serving(command) as (port, _):
                    load(port, 3, 2)
                    measured = [rate(port, seconds, clients) for clients in CLIENTS]
                within = [headlines for headlines, p95 in measured if p95 < LONGEST_P95]
                best[system].append(max(within, default=0.0))
                cells = " | ".join(f"{headlines:,.0f} ({p95:.0f})" for headlines, p95 in measured)
                print(f"| {system} | {cells} | {best[system][-1]:,.0f} |", flush=True)
        ratios = [ours / max(theirs, 1.0) for ours, theirs in zip(best["naba"], best["MLflow"], strict=True)]
        print(f"naba / MLflow: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), ", end="")
        print(f"load {os.getloadavg()[0]:.1f}")
    return best


def rate(port: int, seconds: int, clients: int) -> tuple[float, float]:
    """Headlines a second, and the 95th percentile of the answer times in milliseconds."""
    times, errors = load(port, seconds, clients)
    if errors:
        raise SystemExit(errors[0])
    return ROWS * len(times) / seconds, sorted(times)[int(len(times) * 0.95)] * 1000


def load(port: int, seconds: int, clients: int) -> tuple[list[float], list[str]]:
    """Clients that ask one after the other over kept connections: seconds of each answer, and what went wrong."""
    texts = headlines()
    bodies = [
        json.dumps({"dataframe_records": [{"text": texts[(i + j) % len(texts)]} for j in range(ROWS)]}).encode()
        for i in range(0, 200 * ROWS, ROWS)
    ]
    times: list[float] = []
    errors: list[str] = []
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        turn = number * len(bodies) // clients
        while time.perf_counter() < end:
            begin = time.perf_counter()
            try:
                connection.request(
                    "POST", "/invocations", bodies[turn % len(bodies)], {"Content-Type": "application/json"}
                )
                answer = connection.getresponse()
                content = answer.read()
                if answer.status != 200 or len(json.loads(content)["predictions"]) != ROWS:
                    errors.append(f"{answer.status} {content[:200]!r}")
            except (OSError, http.client.HTTPException, ValueError) as error:
                errors.append(repr(error))
                connection.close()
            times.append(time.perf_counter() - begin)
            turn += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["predict", "serve", "beside"])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, help="60, or 5 beside MLflow's server")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="beside: write what is measured to record.json")
    options = parser.parse_args()
    if options.what == "predict":
        predict(options.rows)
    elif options.what == "serve":
        serve(options.seconds or 60, options.clients, options.workers)
    else:
        best = beside(options.seconds or 5, options.workers, options.times)
        if options.keep:
            from training import keep

            ours, theirs = (statistics.median(found) for found in best.values())
            keep("serving_headlines", ours / max(theirs, 1.0), ours, theirs)


if __name__ == "__main__":
    main()
