"""A real HTTP server on this machine that speaks the chat protocol, and misbehaves as it is told."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Behaviour:
    """What the server does.

    Attributes:
        answer: a request -> the text of its answer.
        plan: faults of the next requests, by name, in turn; "" for none.
        refuses: fields of a request that are answered with 400, as by a server that does not know them.
        ignores: fields that are taken and not heeded.
        seen: every request that came, with its headers.
    """

    answer: Callable[[dict[str, Any]], str] = lambda _: "1"
    plan: list[str] = field(default_factory=list)
    always: str = ""
    refuses: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    logprobs: Callable[[dict[str, Any]], list[tuple[str, float]]] = lambda _: [("1", -0.1), ("2", -2.5)]
    seconds: float = 0.0
    retry_after: str = "0"
    key: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    busy: int = 0
    most_busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self) -> list[dict[str, Any]]:
        """The requests that are no probes."""
        return [one for one in self.seen if "النص: اختبار" not in str(one["messages"])]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._send(200, {"data": [{"id": "tiny"}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state = self.behaviour
        with state.lock:
            state.seen.append(request)
            state.headers.append(dict(self.headers))
            state.moments.append(time.monotonic())
            fault = (state.plan.pop(0) if state.plan else "") or state.always
            state.busy += 1
            state.most_busy = max(state.most_busy, state.busy)
        try:
            time.sleep(state.seconds)
            self._answer(request, fault)
        finally:
            with state.lock:
                state.busy -= 1

    def _answer(self, request: dict[str, Any], fault: str) -> None:
        state = self.behaviour
        if state.key and self.headers.get("Authorization") != f"Bearer {state.key}":
            given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            return self._send(401, {"error": {"message": f"Incorrect API key provided: {given}"}})
        if request["model"] == "missing":
            return self._send(404, {"error": {"message": "The model `missing` does not exist"}})
        for name in state.refuses:
            if name in request or (name == "system" and request["messages"][0]["role"] == "system"):
                return self._send(400, {"error": {"message": f"unknown field {name}"}})
        if fault:
            return getattr(self, f"_fault_{fault}")(request)
        return self._send(200, self._completion(request))

    def _completion(self, request: dict[str, Any]) -> dict[str, Any]:
        state = self.behaviour
        text = state.answer(request)
        if "response_format" in request and "response_format" not in state.ignores:
            text = json.dumps({"answer": text}, ensure_ascii=False)
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }
        if request.get("logprobs") and "logprobs" not in state.ignores:
            top = [{"token": token, "logprob": value} for token, value in state.logprobs(request)]
            choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
        usage = {"prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102}
        return {"id": "x", "object": "chat.completion", "model": request["model"], "choices": [choice], "usage": usage}

    def _send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    # --- faults -----------------------------------------------------------------------------------------------------

    def _fault_429(self, _: Any) -> None:
        self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": self.behaviour.retry_after})

    def _fault_500(self, _: Any) -> None:
        self._send(500, {"error": {"message": "CUDA out of memory"}})

    def _fault_cut(self, request: Any) -> None:
        body = json.dumps(self._completion(request)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.close_connection = True

    def _fault_no_choices(self, _: Any) -> None:
        self._send(200, {"choices": [], "usage": {}})

    def _fault_html(self, _: Any) -> None:
        body = b"<html>gateway</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _fault_hang(self, _: Any) -> None:
        time.sleep(3)
        self.close_connection = True

    def _fault_drip(self, request: Any) -> None:
        body = json.dumps(self._completion(request)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            self.close_connection = True

    def _fault_bad_request(self, _: Any) -> None:
        self._send(400, {"error": {"message": "the context is too long"}})

    def _fault_filtered(self, _: Any) -> None:
        self._send(400, {"error": {"message": "the response was filtered", "code": "content_filter"}})

    def _fault_forbidden_words(self, _: Any) -> None:
        choice = {"message": {"role": "assistant", "content": None, "refusal": "I can't"}, "finish_reason": "stop"}
        self._send(200, {"choices": [choice]})


class Misbehaving:
    """The server; `with Misbehaving() as server: server.url`."""

    def __init__(self, **behaviour: Any) -> None:
        self.behaviour = Behaviour(**behaviour)
        handler = type("Bound", (Handler,), {"behaviour": self.behaviour})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)
