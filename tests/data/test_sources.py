"""Files come from cache, mirror, network; whole and verified, or with one error that says where and why."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import multiprocessing
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from naba.config import dataset_config
from naba.config.schema import DataConfig, FileConfig, SourceConfig
from naba.data import sources
from naba.data.dataset import load
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENT = "id,text\n1,نص\n".encode() * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
RELATIVE = f"github/owner/repo/{COMMIT}/data/file name.csv"


def source(sha256: str | None = DIGEST, path: str = "data/file name.csv") -> SourceConfig:
    return SourceConfig(repository="owner/repo", commit=COMMIT, files=[FileConfig(path=path, sha256=sha256)])


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder; `misbehave` may answer a request itself (returning True)."""

    daemon_threads = True
    block_on_close = False
    requests: list[str]
    misbehave: Callable[[http.server.BaseHTTPRequestHandler, int], bool] | None

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no news here."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "served"
    (folder / RELATIVE).parent.mkdir(parents=True)
    (folder / RELATIVE).write_bytes(CONTENT)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)  # type: ignore[misc,arg-type]

        def do_GET(self) -> None:
            server.requests.append(self.path)
            if server.misbehave is None or not server.misbehave(self, len(server.requests)):
                super().do_GET()

        def log_message(self, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    server.requests, server.misbehave = [], None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NABA_MIRROR", "NABA_OFFLINE", "NABA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sources, "SECONDS_BEFORE_RETRY", 0.01)


@pytest.fixture
def offline(tmp_path: Path) -> DataConfig:
    return DataConfig(cache=str(tmp_path / "cache"), offline=True, timeout=30, retries=1)


def in_cache(data: DataConfig) -> list[str]:
    return sorted(path.name for path in Path(data.cache or "").rglob("*") if path.is_file() and path.suffix != ".lock")


def test_a_file_of_an_http_mirror_is_cached_once(server: Server, offline: DataConfig) -> None:
    offline.mirror = server.url + "/"
    first = sources.fetch_files(source(), offline)
    second = sources.fetch_files(source(), offline)
    assert first[0].path.read_bytes() == CONTENT
    assert (first[0].origin, second[0].origin) == ("mirror", "cache")
    assert server.requests == ["/" + RELATIVE.replace(" ", "%20")]
    assert in_cache(offline) == ["file name.csv"]


def test_files_of_a_mirror_folder_are_read_in_place(
    server: Server, tmp_path: Path, offline: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NABA_MIRROR", str(tmp_path / "served"))
    assert sources.fetch(source(), offline) == [tmp_path / "served" / RELATIVE]
    assert in_cache(offline) == []


def test_the_network_comes_last(
    server: Server, offline: DataConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sources, "GITHUB", f"{server.url}/github")
    offline.mirror = str(tmp_path)
    with pytest.raises(UserError, match="switched off"):
        sources.fetch(source(), offline)
    assert server.requests == []
    offline.offline = False
    assert sources.fetch_files(source(), offline)[0].origin == "network"
    monkeypatch.setenv("NABA_OFFLINE", "1")
    assert sources.fetch_files(source(), offline)[0].origin == "cache"


def test_a_file_that_is_nowhere_lists_what_was_tried(
    offline: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NABA_OFFLINE", "1")
    offline.offline, offline.mirror = False, str(tmp_path / "none")
    with pytest.raises(UserError) as caught:
        sources.fetch(source(), offline)
    for expected in (RELATIVE, "cache: not in", "no such folder", "NABA_OFFLINE", "NABA_MIRROR", "naba data fetch"):
        assert expected in str(caught.value)


def test_not_found_is_not_tried_again(server: Server, offline: DataConfig) -> None:
    offline.mirror = server.url
    with pytest.raises(UserError, match="404"):
        sources.fetch(source(path="data/other.csv"), offline)
    assert len(server.requests) == 1
    assert in_cache(offline) == []


def reply(handler: http.server.BaseHTTPRequestHandler, body: bytes, length: int) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(body)
    return True


def test_a_broken_off_download_is_done_again_from_the_start(server: Server, offline: DataConfig) -> None:
    offline.mirror = server.url
    server.misbehave = lambda handler, number: number == 1 and reply(handler, CONTENT[:500], len(CONTENT))
    assert sources.fetch(source(), offline)[0].read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_server_that_always_breaks_off_leaves_nothing_behind(server: Server, offline: DataConfig) -> None:
    offline.mirror = server.url
    server.misbehave = lambda handler, _: reply(handler, CONTENT[:500], len(CONTENT))
    with pytest.raises(UserError, match=r"broke off.*\(2 attempts\)"):
        sources.fetch(source(), offline)
    assert in_cache(offline) == []


def test_a_server_error_is_tried_again(server: Server, offline: DataConfig) -> None:
    def busy(handler: http.server.BaseHTTPRequestHandler, number: int) -> bool:
        if number == 1:
            handler.send_error(503)
        return number == 1

    offline.mirror, server.misbehave = server.url, busy
    assert sources.fetch(source(), offline)[0].read_bytes() == CONTENT


@pytest.mark.parametrize("sent", [None, 100])
def test_a_silent_server_is_named(server: Server, offline: DataConfig, sent: int | None) -> None:
    """Silent from the first, or in the middle of the body."""
    over = threading.Event()

    def silent(handler: http.server.BaseHTTPRequestHandler, _: int) -> bool:
        if sent is not None:
            reply(handler, CONTENT[:sent], len(CONTENT))
        over.wait(60)
        return True

    offline.mirror, offline.timeout, server.misbehave = server.url, 0.3, silent
    with pytest.raises(UserError) as caught:
        sources.fetch(source(), offline)
    over.set()
    assert f"{server.url}/{RELATIVE.replace(' ', '%20')} did not answer within 0.3 s (2 attempts)" in str(caught.value)
    assert "NABA_MIRROR" in str(caught.value)
    assert in_cache(offline) == []


def test_no_server_at_all(offline: DataConfig) -> None:
    offline.mirror = "http://127.0.0.1:9"
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9/github.*no connection"):
        sources.fetch(source(), offline)


def test_a_changed_byte_in_a_folder(server: Server, offline: DataConfig, tmp_path: Path) -> None:
    path = tmp_path / "served" / RELATIVE
    path.write_bytes(CONTENT[:-1] + b"!")
    offline.mirror = str(tmp_path / "served")
    with pytest.raises(UserError) as caught:
        sources.fetch(source(), offline)
    assert str(path) in str(caught.value)
    assert DIGEST in str(caught.value)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in str(caught.value)
    assert path.exists()


def test_a_changed_byte_on_the_way_never_gets_the_final_name(server: Server, offline: DataConfig) -> None:
    offline.mirror = server.url
    server.misbehave = lambda handler, _: reply(handler, CONTENT[:-1] + b"!", len(CONTENT))
    with pytest.raises(UserError, match=f"the config says {DIGEST}"):
        sources.fetch(source(), offline)
    assert in_cache(offline) == ["file name.csv.received"]
    assert len(server.requests) == 1


def test_a_changed_byte_in_the_cache_is_not_healed_silently(server: Server, offline: DataConfig) -> None:
    offline.mirror = server.url
    path = sources.fetch(source(), offline)[0]
    path.write_bytes(b"other")
    with pytest.raises(UserError, match="its sha256 is"):
        sources.fetch(source(), offline)
    assert path.read_bytes() == b"other"


def test_an_unpinned_file_says_its_hash(server: Server, offline: DataConfig, caplog: pytest.LogCaptureFixture) -> None:
    offline.mirror = server.url
    fetched = sources.fetch_files(source(sha256=None), offline)
    assert DIGEST in caplog.text
    assert "naba data pin" in caplog.text
    assert [file.sha256 for file in sources.unpinned(fetched)] == [DIGEST]


def _fetch(cache: str, mirror: str, results: multiprocessing.Queue[bytes]) -> None:
    data = DataConfig(cache=cache, mirror=mirror, offline=True)
    results.put(hashlib.sha256(sources.fetch(source(), data)[0].read_bytes()).digest())


def test_two_processes_fetch_one_file_once(server: Server, offline: DataConfig) -> None:
    def slow(handler: http.server.BaseHTTPRequestHandler, _: int) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT[:100])
        time.sleep(0.5)
        handler.wfile.write(CONTENT[100:])
        return True

    server.misbehave = slow
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[bytes] = context.Queue()
    workers = [context.Process(target=_fetch, args=(offline.cache, server.url, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert {results.get(timeout=300) for _ in workers} == {bytes.fromhex(DIGEST)}
    for worker in workers:
        worker.join()
    assert len(server.requests) == 1


def test_a_cache_that_cannot_be_written(server: Server, offline: DataConfig, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    offline.mirror = server.url
    with pytest.raises(UserError, match="NABA_CACHE"):
        sources.fetch(source(), offline)


def test_local_folders(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(CONTENT)
    config = SourceConfig(folder=str(tmp_path), files=[FileConfig(path="mine.csv")])
    assert sources.fetch(config) == [tmp_path / "mine.csv"]
    config.files[0].path = "my.csv"
    with pytest.raises(UserError, match=r"no such file: .*my\.csv\n.*holds: mine\.csv"):
        sources.fetch(config)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (SourceConfig(), "must say one of"),
        (SourceConfig(repository="a/b", files=[FileConfig(path="x.csv")]), "needs a commit"),
        (SourceConfig(repo_id="a/b", files=[FileConfig(path="x.csv")]), "needs a revision"),
        (SourceConfig(repository="a/b", commit=COMMIT, files=[FileConfig(path="../x.csv")]), "below the source"),
    ],
)
def test_sources_that_say_too_little(config: SourceConfig, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        sources.fetch(config)


def test_hub_layout() -> None:
    config = SourceConfig(repo_id="owner/name", revision="abc")
    file = FileConfig(path="data/train.csv")
    assert sources.relative_path(config, file) == "hub/owner/name/abc/data/train.csv"
    assert sources.address(config, file).endswith("/datasets/owner/name/resolve/abc/data/train.csv")


def test_the_files_of_a_hub_set_are_listed(
    server: Server, offline: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [[{"type": "directory", "path": "data"}, {"type": "file", "path": "data/test.csv"}],
             [{"type": "file", "path": "data/train.csv"}, {"type": "file", "path": "README.md"}]]  # fmt: skip

    def hub(handler: http.server.BaseHTTPRequestHandler, number: int) -> bool:
        if "/api/" in handler.path:
            page = pages["page=2" in handler.path]
            body = json.dumps(page).encode()
            handler.send_response(200)
            if page is pages[0]:
                handler.send_header("Link", f'<{server.url}{handler.path}&page=2>; rel="next"')
        else:
            body = b"text,label\nx,a\ny,b\n"
            handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return True

    server.misbehave = hub
    monkeypatch.setattr(sources, "HUB_API", f"{server.url}/api/datasets")
    monkeypatch.setattr(sources, "HUB", f"{server.url}/datasets")
    offline.offline = False
    config = dataset_config("hub")
    config.repo_id, config.revision = "owner/name", "abc"
    dataset = load(config, offline)
    assert [len(dataset.indices(split)) for split in ("train", "validation", "test")] == [2, 0, 2]
    assert "/datasets/owner/name/resolve/abc/data/train.csv" in server.requests
    server.requests.clear()
    load(config, offline)
    assert server.requests == []


def endless(handler: http.server.BaseHTTPRequestHandler, number: int) -> bool:
    """An answer without a length, which ends when nobody takes any more."""
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(100):
            handler.wfile.write(b"[" * 2**16)
    return True


def test_an_endless_answer_is_cut_off(server: Server, offline: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It wrote 1.5 GB before somebody stopped it."""
    monkeypatch.setattr(sources, "LARGEST_FILE", 2**18)
    server.misbehave = endless
    offline.mirror = server.url
    with pytest.raises(UserError, match="more than 0 MiB came, the most that is taken for one file"):
        sources.fetch(source(None), offline)
    assert len(server.requests) == 1
    assert in_cache(offline) == []


def test_a_listing_without_an_end_is_cut_off(
    server: Server, offline: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "HUB_API", f"{server.url}/api/datasets")
    offline.offline = False
    config = dataset_config("hub")
    config.repo_id, config.revision = "owner/name", "abc"
    server.misbehave = endless
    monkeypatch.setattr(sources, "LARGEST_PAGE", 2**18)
    with pytest.raises(UserError, match="an answer of more than 0 MiB"):
        load(config, offline)
    assert len(server.requests) == 1

    def again(handler: http.server.BaseHTTPRequestHandler, number: int) -> bool:
        handler.send_response(200)
        handler.send_header("Link", f'<{server.url}{handler.path}>; rel="next"')
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"[]")
        return True

    server.misbehave = again
    monkeypatch.setattr(sources, "MOST_PAGES", 5)
    with pytest.raises(UserError, match="more than 5 pages of answers"):
        load(config, offline)
    assert len(server.requests) == 6


def test_a_hub_that_cannot_be_reached(offline: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "HUB_API", "http://127.0.0.1:9/api")
    offline.offline = False
    config = dataset_config("hub")
    config.repo_id, config.revision = "owner/name", "abc"
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9/api/owner/name/tree/abc(.|\n)*NABA_MIRROR"):
        load(config, offline)
