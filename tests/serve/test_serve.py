"""`naba serve`: right answers to right requests, a 4xx with a message to all others, and it lives on."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil
import pytest

from naba import cli
from naba.config import overrides
from naba.experiment import run
from naba.predict.locate import locate, open_classifier
from naba.serve.limits import Limits, RefusedError, read_table
from naba.serve.protocol import HEADER_SECONDS
from naba.tracking.server import Address, wait_for
from ports import free_port
from serving import ROW, Server, served
from store_copies import home_with_store

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "tfidf_nb synthetic_stance seed 0"
LIMITS = Limits(("text", "target"), body_bytes=4096, rows=5, characters=200)
SECONDS = 10


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> str:
    home = tmp_path_factory.mktemp("served")
    with home_with_store(empty_store, home):
        run.run(overrides.compose([
            "dataset=synthetic_stance", "model=tfidf_nb", "evaluation.resamples=50", "tracking.figures=false"
        ]))  # fmt: skip
        return str(locate(NAME))


def read_to_end(connection: socket.socket) -> bytes:
    """All that comes until the server closes: head and body of an answer may arrive apart."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            answer += part
    return answer


def export(classifier: str, folder: Path, form: str) -> None:
    """`naba export` of the run behind the classifier, in a process of its own."""
    exported = subprocess.run(
        [sys.executable, "-m", "naba.cli", "export", NAME, str(folder), "--format", form],
        capture_output=True, text=True, check=False,
        env={**os.environ, "NABA_HOME": classifier.partition("/artifacts/")[0]},
    )  # fmt: skip
    assert exported.returncode == 0, exported.stderr


@pytest.fixture(scope="module")
def server(classifier: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A classifier directory, served with small limits."""
    limits = ["--body-bytes", "200000", "--rows", "50", "--characters", "5000", "--seconds", str(SECONDS)]
    with served(classifier, tmp_path_factory.mktemp("home"), *limits) as started:
        yield started


def test_answers_are_those_of_the_classifier(server: Server, classifier: str) -> None:
    rows = [ROW, {"text": 'قال "نعم"', "target": "غاز"}]
    status, text = server.table(*rows)
    assert status == 200
    assert json.loads(text)["predictions"] == open_classifier(classifier).predict(pd.DataFrame(rows)).to_dict("records")
    split = {"dataframe_split": {"columns": ["x", "target", "text"], "data": [[1, ROW["target"], ROW["text"]]]}}
    status, again = server.ask(json.dumps(split).encode())
    assert (status, json.loads(again)["predictions"]) == (200, json.loads(text)["predictions"][:1])
    assert server.ask(b"", "/ping", "GET")[0] == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "not valid JSON"),
        (b"\xff\xfe", 400, "not UTF-8"),
        (b"[" * 100_000, 400, "not valid JSON"),
        (b"[]", 400, "one key"),
        (b'{"dataframe_records": [{"text": "a"}]}', 400, "no column 'target'"),
        (b'{"inputs": {"text": ["a"]}}', 400, "no column 'target'"),
        (b'{"inputs": {"text": ["a"], "target": ["b", "c"]}}', 400, "differ in length (text 1, target 2)"),
        (b'{"inputs": {"text": "a", "target": "b"}}', 400, "must hold a list"),
        (b'{"dataframe_records": [{"text": 3, "target": "b"}]}', 400, "expected text, got int"),
        (b'{"dataframe_records": [{"text": null, "target": "b"}]}', 400, "expected text"),
        (b'{"dataframe_records": [{"text": "a\\u0000", "target": "b"}]}', 400, "U+0000"),
        (b'{"dataframe_records": [{"text": "\\ud800", "target": "b"}]}', 400, "surrogate"),
        (json.dumps({"inputs": [ROW] * 51}).encode(), 413, "51 rows"),
        (json.dumps({"inputs": [{**ROW, "text": "a" * 5001}]}).encode(), 413, "5,001 characters"),
        (json.dumps({"inputs": [{**ROW, "text": "a" * 10_000_000}]}).encode(), 413, "larger than"),
    ],
)
def test_wrong_requests_get_a_message(body: bytes, status: int, said: str, server: Server) -> None:
    found, text = server.ask(body)
    assert (found, said in json.loads(text)["error"]) == (status, True), text
    assert server.lives()


@pytest.mark.slow
def test_all_forms_of_mlflows_protocol_give_the_same_answers(server: Server) -> None:
    forms: list[dict[str, Any]] = [
        {"dataframe_records": [ROW, ROW]},
        {"dataframe_split": {"columns": ["text", "target"], "data": [[ROW["text"], ROW["target"]]] * 2}},
        {"inputs": [ROW, ROW]},
        {"inputs": {name: [value] * 2 for name, value in ROW.items()}},
        {"instances": {name: [value] * 2 for name, value in ROW.items()}},
    ]
    answers = [server.ask(json.dumps(form).encode()) for form in forms]
    assert {status for status, _ in answers} == {200}
    assert len({json.dumps(json.loads(text)["predictions"]) for _, text in answers}) == 1


@pytest.mark.slow
def test_requests_at_once_get_their_own_answers(server: Server) -> None:
    texts = [
        f"ارتفاع أسعار النفط {number} بالمئة" if number % 2 else f"الرئيس ينفي الخبر {number}" for number in range(40)
    ]
    alone = [server.table({**ROW, "text": text}) for text in texts]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda text: server.table({**ROW, "text": text}), texts))
    assert together == alone


@pytest.mark.slow
def test_half_open_connections_shut_nobody_out(server: Server) -> None:
    waiting = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(100)]
    try:
        for connection in waiting:
            connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nX-Half:")
        assert server.lives()
        assert server.ask(b"", "/ping", "GET")[0] == 200
        start = time.monotonic()
        assert read_to_end(waiting[0]) == b""
        assert time.monotonic() - start < HEADER_SECONDS + 5
    finally:
        for connection in waiting:
            connection.close()


@pytest.mark.slow
def test_metrics_and_version_are_there(server: Server) -> None:
    server.table(ROW)
    status, text = server.ask(b"", "/metrics", "GET")
    assert status == 200
    counted = re.search(r'naba_requests_total\{process="\d+",status="200"\} (\d+)', text)
    assert counted, text
    assert int(counted[1]) > 0
    assert 'naba_model_info{model="tfidf_nb"' in text
    about = json.loads(server.ask(b"", "/version", "GET")[1])
    answer = json.loads(server.table(ROW)[1])
    assert about["model"] == "tfidf_nb"
    assert answer["model"] == about["version"] != "unknown"


@pytest.mark.slow
def test_a_token_is_asked_for(classifier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NABA_SERVE_TOKEN", "سر 123")
    good = json.dumps({"inputs": [ROW]}).encode()
    with served(classifier, tmp_path) as server:
        assert server.ask(b"", "/ping", "GET")[0] == 200
        for path in ("/invocations", "/metrics", "/version"):
            assert server.ask(good, path, "POST" if path == "/invocations" else "GET")[0] == 401
        assert server.ask(good, Authorization="Bearer wrong")[0] == 401
        assert server.ask(good, Authorization="Bearer سر 123".encode().decode("latin-1"))[0] == 200


@pytest.mark.slow
def test_python_of_an_mlflow_model_around_the_folder_is_not_run(classifier: str, tmp_path: Path) -> None:
    """`naba serve m/artifacts/classifier` ran the Python that `m/MLmodel` names."""
    outer = tmp_path / "m"
    shutil.copytree(classifier, outer / "artifacts" / "classifier")
    trap = tmp_path / "ran"
    (outer / "python_model.py").write_text(f"open({str(trap)!r}, 'w').close()", encoding="utf-8")
    model = "flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    python_model: python_model.py\n"
    (outer / "MLmodel").write_text(model, encoding="utf-8")
    for named in (outer, outer / "artifacts" / "classifier"):
        with served(str(named), tmp_path) as server:
            assert server.lives()
    assert not trap.exists()


@pytest.mark.slow
def test_wrong_headers_get_a_message(server: Server) -> None:
    good = json.dumps({"inputs": [ROW]}).encode()
    assert server.ask(good, Content_Type="text/csv")[0] == 415
    assert server.ask(good, Content_Encoding="gzip")[0] == 415
    assert server.ask(b"", "/nothing", "GET")[0] == 404
    assert server.ask(b"", "/invocations", "GET")[0] == 405


@pytest.mark.slow
def test_a_request_that_never_arrives_is_given_up(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as slow:
        head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
        slow.sendall(head.encode() + b'{"inputs"')
        assert server.lives()
        answer = read_to_end(slow)
    assert answer.startswith(b"HTTP/1.1 408")
    assert f"within {SECONDS} seconds".encode() in answer


@pytest.mark.slow
def test_fuzzed_requests_never_kill_it(server: Server) -> None:
    chance = random.Random(3)
    good = json.dumps({"dataframe_records": [ROW, ROW]}, ensure_ascii=False).encode()
    seen = set()
    for _ in range(150):
        body = bytearray(good)
        for _ in range(chance.randint(1, 5)):
            place = chance.randrange(len(body))
            body[place : place + chance.randint(0, 4)] = chance.randbytes(chance.randint(0, 4))
        status, text = server.ask(bytes(body))
        seen.add(status)
        assert status in {200, 400, 413, 415}, text
        assert "Traceback" not in text
    assert {200, 400} <= seen
    assert server.lives()


@pytest.mark.slow
def test_fuzzed_connections_never_hang_it(server: Server) -> None:
    """Not requests at all, or requests that lie about themselves; each connection ends, and the server lives on."""
    chance = random.Random(11)
    body = json.dumps({"inputs": [ROW]}).encode()
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    long = str(len(body)).encode()
    attempts = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(200),
        chance.randbytes(5000),
        b"\r\n" * 1000,
        b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n",
        head + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        head + b"Content-Length: -5\r\n\r\n" + body,
        head + b"Content-Length: 99999999999999999999\r\n\r\n" + body,
        head + b"Content-Length: \xd9\xa3\r\n\r\n" + body,
        head + b"Content-Length: 3\r\nContent-Length: " + long + b"\r\n\r\n" + body,
        head + b"Content-Length: " + long + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + body,
        head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body + b"\r\n0\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n" + body,
        (head + b"Content-Length: " + long + b"\r\n\r\n" + body) * 20,
        head + b"Content-Encoding: gzip\r\nContent-Length: " + long + b"\r\n\r\n" + body,
    ]
    for _ in range(40):
        broken = bytearray(head + b"Content-Length: " + long + b"\r\n\r\n" + body)
        for _ in range(chance.randint(1, 8)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        attempts.append(bytes(broken))
    for attempt in attempts:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(attempt)
            # After a reset the socket is no longer connected, which is an OSError of no narrower kind.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            answer = read_to_end(connection)
            assert b"Traceback" not in answer
            assert b" 500 " not in answer.partition(b"\r\n")[0], (attempt[:200], answer[:500])
    assert server.lives()


@pytest.mark.slow
def test_an_onnx_folder_is_served(classifier: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'naba[onnx]'")
    folder = tmp_path / "onnx"
    export(classifier, folder, "onnx")
    with served(str(folder), tmp_path) as server:
        status, text = server.table(ROW)
        assert status == 200, text
        (found,) = json.loads(text)["predictions"]
        wanted = open_classifier(classifier).predict(pd.DataFrame([ROW])).to_dict("records")[0]
        assert found.pop("label") == wanted.pop("label")
        assert found == pytest.approx(wanted, abs=1e-5)
        assert server.table({"text": ROW["text"]})[0] == 400


@pytest.mark.slow
def test_the_mlflow_format_is_served_by_mlflow_itself(classifier: str, tmp_path: Path) -> None:
    """`mlflow models serve` on an export, nothing of `naba serve` in between."""
    folder, port = tmp_path / "exported", free_port()
    export(classifier, folder, "mlflow")
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder), "--env-manager", "local",
             "--port", str(port)],
            stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            # It starts `uvicorn`, which it looks for on PATH.
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        )  # fmt: skip
    try:
        wait_for(process, Address("127.0.0.1", port), "/ping")
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            json.dumps({"dataframe_records": [ROW]}, ensure_ascii=False).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as response:
            answer = response.read()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
    wanted = open_classifier(classifier).predict(pd.DataFrame([ROW])).to_dict("records")
    assert json.loads(answer)["predictions"] == wanted, log.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_killed_server_comes_back(server: Server) -> None:
    (worker,) = psutil.Process(server.process.pid).children()
    worker.kill()
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if server.lives():
                return
        time.sleep(0.3)
    pytest.fail("the server did not come back")


def test_random_documents_are_read_or_refused() -> None:
    chance = random.Random(5)
    leaves: list[Any] = [None, True, 3, 1.5, "", " ", "نص", "\x07", "\ud800", "a" * 300, [], {}, [1], {"text": "x"}]

    def grown(depth: int) -> Any:
        if depth == 0 or chance.random() < 0.3:
            return chance.choice(leaves)
        keys = ["text", "target", "columns", "data", "dataframe_records", "dataframe_split", "inputs", "x"]
        if chance.random() < 0.5:
            return [grown(depth - 1) for _ in range(chance.randint(0, 4))]
        return {chance.choice(keys): grown(depth - 1) for _ in range(chance.randint(0, 3))}

    statuses = set()
    for _ in range(3000):
        document = {chance.choice(["dataframe_records", "dataframe_split", "inputs"]): grown(4)}
        try:
            rows = read_table(json.dumps(document).encode(), LIMITS)
        except RefusedError as refused:
            statuses.add(refused.status)
        else:
            assert all(list(row) == ["text", "target"] for row in rows)
    assert statuses <= {400, 413}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no/such/folder"], "there is no folder"),
        (["CLASSIFIER", "--port", "99999"], "--port 99999"),
        (["CLASSIFIER", "--rows", "0"], "--rows 0"),
        (["CLASSIFIER", "--seconds", "nan"], "--seconds nan"),
        (["CLASSIFIER", "--worker", "2"], "did you mean '--workers'"),
    ],
)
def test_wrong_arguments_give_one_message(
    arguments: list[str], said: str, classifier: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [classifier if argument == "CLASSIFIER" else argument for argument in arguments]
    assert cli.main(["serve", *given]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow  # in one process: tests/config/test_packages.py
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_model_of_other_code_that_nobody_vouches_for_is_one_message(
    workers: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import numpy as np
    import pandas as pd
    from sklearn.dummy import DummyClassifier

    from naba.classifier import folder
    from naba.models.own import OwnClassifier

    rows = pd.DataFrame({"text": ["خبر", "نبأ"], "target": ""}, dtype=object)
    model = OwnClassifier(DummyClassifier()).fit(rows, np.array(["no", "yes"], dtype=object))
    folder.save(model, tmp_path / "kept", {"labels": {"no": "لا", "yes": "نعم"}, "input": ["text"]})
    assert cli.main(["serve", str(tmp_path / "kept"), "--port", str(free_port()), "--workers", workers]) == 2
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert said.count("--trust sklearn.dummy.DummyClassifier") == 1
