"""`naba export`: what leaves the harness answers as the run did, or nothing leaves."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from naba import cli, tracking
from naba.classifier import folder as directory
from naba.config import overrides
from naba.experiment import run as train
from naba.tracking import models
from naba.tracking.run import Run
from store_copies import copy_store, home_with_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODELS = ("majority", "stratified_random", "tfidf_nb")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    home = tmp_path_factory.mktemp("trained")
    with home_with_store(empty_store, home):
        for model in MODELS:
            train.run(overrides.compose([f"model={model}", "evaluation.resamples=50", "tracking.figures=false"]))
    return home


@pytest.fixture
def home(trained: Path, own_home: Path) -> Path:
    copy_store(trained / "mlflow.db", own_home)
    return own_home


def test_export_agrees_and_says_so_in_its_card(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out" / "stance"
    assert cli.main(["export", "best:synthetic_stance", str(folder)]) == 0
    assert "byte-equal on 512 rows" in capsys.readouterr().out
    _, description = directory.load(folder)
    assert description["model"] == "tfidf_nb"
    card = (folder / "README.md").read_text(encoding="utf-8")
    for expected in ("language:\n- ar", "| equal labels | 100.00% |", "512 rows", "معارضة", "## Known failures"):
        assert expected in card
    assert "- Split: given\n" in card
    assert not list(tmp_path.rglob("*.unfinished"))
    assert cli.main(["export", "best:synthetic_stance", str(folder)]) == 2
    assert "not empty" in capsys.readouterr().err


COARSE = """
import shutil
from naba import models
from naba.classifier import folder
from naba.classifier.formats import Format, directory

def write(source, target, way):
    if way == "int8":
        other = models.majority().fit([""] * 4, ["agree", "disagree", "discuss", "unrelated"])
        folder.save(other, target, {key: value for key, value in folder.describe(source).items() if key in KEPT})
    else:
        shutil.copytree(source, target)

KEPT = ("task", "labels", "input", "normalisation", "metrics")
FORMAT = Format("coarse", "a test", False, write, directory.load, lambda about: [], int8=("int8", "int8 blocks"))
"""


@pytest.mark.slow
def test_eight_bits_are_written_in_the_next_way_where_the_fastest_is_not_close_enough(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from naba.config import packages

    (tmp_path / "coarseness" / "conf").mkdir(parents=True)
    (tmp_path / "coarseness" / "__init__.py").write_text(COARSE, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("NABA_PACKAGES", str(tmp_path / "coarseness"))
    packages._allowed.cache_clear()
    command = ["export", "best:synthetic_stance", str(tmp_path / "out"), "--format", "coarse", "--int8"]
    assert cli.main(command) == 0
    printed = capsys.readouterr()
    assert "coarse int8 is not close enough: only " in printed.err
    assert "format coarse int8 blocks" in printed.out
    assert directory.describe(tmp_path / "out")["model"] == "tfidf_nb"
    packages._allowed.cache_clear()


@pytest.mark.slow
def test_the_best_of_a_cross_validation_says_what_it_was_trained_on(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folds = ["train", "dataset=synthetic_claim_type", "model=majority", "split=kfold", "split.folds=3",
             "evaluation.resamples=20", "tracking.figures=false"]  # fmt: skip
    for _ in ("trained", "found"):
        assert cli.main(folds) == 0
        assert "one part of a cross-validation was tested (1); for all of them: split.fold=1,2,3,… -m" in " ".join(
            capsys.readouterr().err.split()
        )
    assert cli.main(["export", "best:synthetic_claim_type", str(tmp_path / "out")]) == 0
    assert "part 1 of a cross-validation: its model was trained without the rows of that part" in " ".join(
        capsys.readouterr().err.split()
    )
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "- Split: kfold, part 1: trained on the other parts alone\n" in card


@pytest.mark.slow  # the model on its card is loaded by tests/classifier/test_formats.py
def test_mlflow_format_is_a_model_that_mlflow_loads(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tracking.find("tfidf_nb synthetic_stance seed 0")
    assert cli.main(["export", run.id[:10], str(tmp_path / "model"), "--format", "mlflow"]) == 0
    assert "byte-equal" in capsys.readouterr().out
    assert (tmp_path / "model" / "MLmodel").is_file()
    # naba is on no index, and a requirement of it made the file useless to pip.
    required = (tmp_path / "model" / "requirements.txt").read_text(encoding="utf-8").split()
    assert "naba" not in {one.partition("==")[0] for one in required}
    assert {"numpy", "scikit-learn", "skops"} <= {one.partition("==")[0] for one in required}
    file = str(tmp_path / "model" / "requirements.txt")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--no-deps", "-r", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "on no package index" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


def test_onnx_folder_of_a_text_model_is_predicted_with(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    run = tracking.find("tfidf_nb synthetic_stance seed 0")
    folder = tmp_path / "onnx"
    assert cli.main(["export", run.id, str(folder), "--format", "onnx"]) == 0, capsys.readouterr().err
    assert "equal labels on 512 rows" in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "model.onnx", "naba.json", "probe.json", "settings.json",
    ]  # fmt: skip
    assert "In the graph: tokens, n-grams, TF-IDF" in (folder / "README.md").read_text(encoding="utf-8")
    rows = run.rows()
    rows[["text", "target"]].to_csv(tmp_path / "rows.csv", index=False)
    assert cli.main(["predict", str(folder), str(tmp_path / "rows.csv"), "-o", str(tmp_path / "out.csv")]) == 0
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    assert labels == run.predictions().predicted.tolist()


@pytest.mark.slow
def test_champion_can_be_exported(home: Path, tmp_path: Path) -> None:
    assert cli.main(["promote", "majority synthetic_stance seed 0"]) == 0
    assert cli.main(["export", "models:/stance@champion", str(tmp_path / "champion")]) == 0
    assert directory.describe(tmp_path / "champion")["model"] == "majority"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["best:synthetic_stanc", "DIR"], "did you mean 'synthetic_stance'"),
        (["nothing", "DIR"], "no run 'nothing'"),
        (["tfidf_nb synthetic_stanc seed 0", "DIR"], "did you mean 'tfidf_nb synthetic_stance seed 0'?"),
        (["best:synthetic_stance", "DIR", "--format", "onxx"], "did you mean 'onnx'"),
        (["best:synthetic_stance", "DIR", "--int8"], "--format onnx"),
        (["best:synthetic_stance", "DIR", "--tolerance", "nan"], "expected a number"),
        (["stratified_random synthetic_stance seed 0", "DIR", "--format", "onnx"], "--format directory is exact"),
        (["best:synthetic_stance", "DIR", "--format", "onnx", "--int8"], "--int8 goes with encoders"),
        pytest.param(
            ["best:synthetic_stance", "DIR", "--format", "onnx", "--tolerance", "0"],
            "tolerance 0",
            marks=pytest.mark.slow,
        ),
        (["best:synthetic_stance", "DIR", "--format", "pt2"], "--format pt2 is for encoders"),
        (["best:synthetic_stance", "DIR", "--format", "torchscript"], "--format pt2"),
        (["best:synthetic_stance", "DIR", "--push", "owner/name"], "nothing was done"),
        (["best:synthetic_stance", "DIR", "--push", "name", "--yes"], "owner/name"),
        (["best:synthetic_stance", "DIR", "--yes"], "--push"),
    ],
)
def test_wrong_requests_leave_nothing(
    arguments: list[str], said: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "export"
    assert cli.main(["export", *(str(folder) if part == "DIR" else part for part in arguments)]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_export_that_answers_otherwise_is_not_left_behind(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The files of another run stand where this run's model should be.
    other = models.find_trained("majority synthetic_stance seed 0").model_folder()
    monkeypatch.setattr(Run, "model_folder", lambda run: other)
    assert cli.main(["export", "best:synthetic_stance", str(tmp_path / "export")]) == 2
    assert "does not answer as run 'tfidf_nb" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub's protocol as one upload needs: create, preupload, large files by Git LFS, commit."""

    received: dict[str, bytes]
    created: dict[str, Any]

    def log_message(self, *arguments: Any) -> None:
        pass

    def answer(self, content: Any, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer({"id": "desk/stance", "sha": "0" * 40, "siblings": []})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        while self.headers.get("Transfer-Encoding") == "chunked" and (size := int(self.rfile.readline(), 16)):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.server.large[self.path.rsplit("/", 1)[-1]] = body  # type: ignore[attr-defined]
        self.answer({})

    def large_file_addresses(self, body: bytes) -> dict[str, Any]:
        """What Git LFS answers to a batch request: where each object goes."""
        own = f"http://127.0.0.1:{self.server.server_address[1]}"
        actions = [{"upload": {"href": f"{own}/large/{item['oid']}"}} for item in json.loads(body)["objects"]]
        wanted = json.loads(body)["objects"]
        objects = [{**item, "actions": action} for item, action in zip(wanted, actions, strict=True)]
        return {"transfer": "basic", "objects": objects}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != "Bearer hf_test":
            self.answer({"error": "no token"}, 401)
        elif self.path == "/api/repos/create":
            self.server.created.update(json.loads(body))  # type: ignore[attr-defined]
            self.answer({"url": "http://127.0.0.1/desk/stance", "name": "desk/stance", "id": "desk/stance"})
        elif self.path.startswith("/api/validate-yaml"):
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = [{"path": item["path"], "uploadMode": "lfs" if item["path"].endswith(".skops") else "regular",
                      "shouldIgnore": False, "oid": None} for item in json.loads(body)["files"]]  # fmt: skip
            self.answer({"files": files})
        elif self.path.endswith("/info/lfs/objects/batch"):
            self.answer(self.large_file_addresses(body))
        elif "/commit/" in self.path:
            for line in body.decode().splitlines():
                entry = json.loads(line)
                if entry["key"] == "lfsFile":
                    value = entry["value"]
                    content = self.server.large[value["oid"]]  # type: ignore[attr-defined]
                    self.server.received[value["path"]] = content  # type: ignore[attr-defined]
                if entry["key"] == "file":
                    content = base64.b64decode(entry["value"]["content"])
                    self.server.received[entry["value"]["path"]] = content  # type: ignore[attr-defined]
            self.answer({"success": True, "commitOid": "a" * 40, "commitUrl": "http://127.0.0.1/desk/stance/commit/a"})
        else:
            self.answer({"error": f"unknown {self.path}"}, 404)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.received, server.created, server.large = {}, {}, {}  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    from huggingface_hub import constants

    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    # Large files by Git LFS: the other way, Xet, speaks to servers of its own.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    from huggingface_hub import hf_api

    monkeypatch.setattr(hf_api.api, "endpoint", address)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Use 'content=")  # by huggingface_hub, of its own upload
def test_push_uploads_every_file_to_a_private_repository(
    home: Path, tmp_path: Path, hub: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "export"
    arguments = ["export", "majority synthetic_stance seed 0", str(folder), "--push", "desk/stance", "--yes"]
    assert cli.main(arguments) == 0, capsys.readouterr().err
    assert re.search(r"uploaded: http://127.0.0.1", capsys.readouterr().out)
    assert hub.created.get("visibility") == "private" or hub.created.get("private") is True, hub.created
    assert hub.received == {path.name: path.read_bytes() for path in folder.iterdir()}
    weights = (folder / "classifier.skops").read_bytes()
    assert hub.large == {hashlib.sha256(weights).hexdigest(): weights}


@pytest.mark.slow
def test_a_large_file_that_is_refused_is_reported_without_traceback(
    home: Path, tmp_path: Path, hub: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Hub, "do_PUT", lambda self: self.answer({"error": "too large"}, 413))
    arguments = ["export", "majority synthetic_stance seed 0", str(tmp_path / "x"), "--push", "desk/stance", "--yes"]
    assert cli.main(arguments) == 2
    assert "could not be uploaded" in capsys.readouterr().err
    assert not hub.received


@pytest.mark.slow
def test_a_hub_that_refuses_is_reported_without_traceback(
    home: Path, tmp_path: Path, hub: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    arguments = ["export", "majority synthetic_stance seed 0", str(tmp_path / "x"), "--push", "desk/stance", "--yes"]
    assert cli.main(arguments) == 2
    assert "could not be uploaded" in capsys.readouterr().err
