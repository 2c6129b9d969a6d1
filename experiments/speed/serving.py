"""Speed and endurance of `naba predict` and `naba serve`.

python experiments/speed/serving.py predict [--rows 1000000]     memory, two kills, throughput against scikit-learn
python experiments/speed/serving.py serve [--seconds 60] [--clients 8] [--workers 2]     a load test on loopback

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
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROWS = 10
RUN = "tfidf_logreg synthetic_claim_type seed 0"


def train(home: Path, *overrides: str) -> None:
    os.environ["NABA_HOME"] = str(home)
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


def resident(server: subprocess.Popen[str]) -> float:
    """MiB of the server's processes together."""
    import psutil

    root = psutil.Process(server.pid)
    return sum(each.memory_info().rss for each in [root, *root.children(recursive=True)]) / 2**20


def serve(seconds: int, clients: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        train(Path(name))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "naba.cli", "serve", RUN, "--port", str(port), "--workers", str(workers)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert server.stdout is not None
        try:
            for line in server.stdout:
                if "/invocations" in line:
                    break
            load(port, 3, clients)
            before = resident(server)
            times, errors = load(port, seconds, clients)
            after = resident(server)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()
    times.sort()
    middle, p95, p99 = (times[int(len(times) * share)] * 1000 for share in (0.5, 0.95, 0.99))
    print(f"{clients} clients, {workers} workers, {seconds} s, {ROWS} headlines a request (3 s before, not counted)")
    print(f"{len(times)} requests, {len(errors)} errors")
    print(f"{len(times) / seconds:.0f} requests a second, {ROWS * len(times) / seconds:.0f} headlines a second")
    print(f"latency: median {middle:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, longest {times[-1] * 1000:.0f} ms")
    print(f"memory of the server: {before:.0f} MiB at the start, {after:.0f} MiB at the end")
    for error in errors[:3]:
        print(error)


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
    parser.add_argument("what", choices=["predict", "serve"])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.what == "predict":
        predict(options.rows)
    else:
        serve(options.seconds, options.clients, options.workers)


if __name__ == "__main__":
    main()
