"""Speed and endurance of `naba predict` and `naba serve`.

python experiments/speed_serving.py predict [--rows 1000000]     memory, two kills, throughput against scikit-learn
python experiments/speed_serving.py serve [--seconds 60] [--clients 8]     throughput and latency on loopback
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

RUN = "tfidf_logreg synthetic_claim_type seed 0"


def train(home: Path, *overrides: str) -> None:
    os.environ["NABA_HOME"] = str(home)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    arguments = ["train", "dataset=synthetic_claim_type", "model=tfidf_logreg", "evaluation.resamples=100", *overrides]
    subprocess.run([sys.executable, "-m", "naba.cli", *arguments], check=True, stdout=subprocess.DEVNULL)


def headlines() -> list[str]:
    from naba.data.dataset import load_named

    return list(dict.fromkeys(load_named("synthetic_claim_type").column_values("text")))


def write_table(path: Path, rows: int) -> None:
    """The corpus's headlines over and over, each with a number of its own, so that no two rows are the same."""
    texts = headlines()
    with path.open("w", encoding="utf-8") as file:
        file.write("id,text\n")
        for row in range(rows):
            text = texts[row % len(texts)].replace('"', '""')
            file.write(f'{row},"{text} {row}"\n')


def start(table: Path, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "naba.cli", "predict", RUN, str(table), "--output", str(output)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def watch(process: subprocess.Popen[bytes], output: Path, stop_at: float) -> list[tuple[int, float]]:
    """Until the end, or until `stop_at` rows are committed: (rows, resident MiB), about twice a second."""
    import psutil

    seen = []
    record = output.with_name(output.name + ".progress.json")
    resident = psutil.Process(process.pid)
    while process.poll() is None:
        time.sleep(0.5)
        try:
            rows = json.loads(record.read_text(encoding="utf-8"))["rows"]
            seen.append((rows, resident.memory_info().rss / 2**20))
        except (OSError, ValueError, psutil.Error):
            continue
        if rows >= stop_at:
            break
    return seen


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def predict(rows: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Words alone: the million is about the job, not about character n-grams.
        train(folder / "home", "model.words=1", "model.characters_to=0")
        table, whole, killed = folder / "in.csv", folder / "whole.csv", folder / "killed.csv"
        write_table(table, rows)
        begin = time.perf_counter()
        process = start(table, whole)
        memory = watch(process, whole, float("inf"))
        seconds = time.perf_counter() - begin
        assert process.wait() == 0
        early = max((used for done, used in memory if done <= rows * 0.2), default=0.0)
        late = max((used for done, used in memory if done >= rows * 0.8), default=0.0)
        print(f"{rows:,} rows, {table.stat().st_size / 2**20:.0f} MiB: {seconds:.0f} s, {rows / seconds:,.0f} a second")
        print(f"memory: {early:.0f} MiB in the first fifth, {late:.0f} MiB in the last")
        for share in (0.3, 0.7):
            process = start(table, killed)
            watch(process, killed, rows * share)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert start(table, killed).wait() == 0
        same = digest(whole) == digest(killed)
        print(f"killed at 30 % and 70 % and resumed: {'byte-equal' if same else 'DIFFERENT'}, {digest(killed)[:16]}")
        bare(min(rows, 100_000), table)


def bare(rows: int, table: Path) -> None:
    """The same texts through scikit-learn's own pipeline of the same parameters, and through `predict_job`."""
    import pandas as pd

    from naba.export import predict_job
    from naba.export.predict_model import open_classifier

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


def serve(seconds: int, clients: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        train(Path(name))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "naba.cli", "serve", RUN, "--port", str(port), "--workers", "2"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert server.stdout is not None
        try:
            for line in server.stdout:
                if "/invocations" in line:
                    break
            load(port, seconds, clients)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def load(port: int, seconds: int, clients: int) -> None:
    texts = headlines()
    bodies = [
        json.dumps({"dataframe_records": [{"text": text} for text in texts[i : i + 10]]}).encode()
        for i in range(0, 200, 10)
    ]
    times: list[float] = []
    errors: list[str] = []
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        turn = number
        while time.perf_counter() < end:
            begin = time.perf_counter()
            connection.request("POST", "/invocations", bodies[turn % 20], {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200 or len(json.loads(content)["predictions"]) != 10:
                errors.append(f"{answer.status} {content[:200]!r}")
            times.append(time.perf_counter() - begin)
            turn += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    middle, p95, p99 = (times[int(len(times) * share)] * 1000 for share in (0.5, 0.95, 0.99))
    print(f"{clients} clients, {seconds} s, 10 headlines a request: {len(times)} requests, {len(errors)} errors")
    print(f"{len(times) / seconds:.0f} requests a second, {10 * len(times) / seconds:.0f} headlines a second")
    print(f"latency: median {middle:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, longest {times[-1] * 1000:.0f} ms")
    for error in errors[:3]:
        print(error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["predict", "serve"])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    if options.what == "predict":
        predict(options.rows)
    else:
        serve(options.seconds, options.clients)


if __name__ == "__main__":
    main()
