"""The server's application: a classifier folder behind `/invocations`, in the form of MLflow's scoring protocol.

Requests that wait are answered together: one call of the classifier for all of them costs little more than for one.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from naba import __version__
from naba.serve.limits import Limits, RefusedError, read_body, read_table, request_schema

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

Rows = list[dict[str, str]]
Answers = list[dict[str, Any]]
BATCH_ROWS = 2048
"""Most rows in one call of the classifier."""
OPEN_PATHS = frozenset({"/ping", "/health"})
"""Answered without a token."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram of answer times, in seconds."""


@dataclass
class _Waiting:
    rows: Rows
    answers: asyncio.Future[Answers]


class Batches:
    """Hands the rows of requests to the classifier, all that wait in one call, in one thread."""

    def __init__(self, model: Any, description: Mapping[str, Any]) -> None:
        self.model, self.description = model, description
        self.waiting: deque[_Waiting] = deque()
        self.thread = ThreadPoolExecutor(1, "naba-classifier")
        self.running: asyncio.Task[None] | None = None

    async def answer(self, rows: Rows) -> Answers:
        """Label and probabilities of each row, in order."""
        one = _Waiting(rows, asyncio.get_running_loop().create_future())
        self.waiting.append(one)
        if self.running is None or self.running.done():
            self.running = asyncio.create_task(self._run())
        return await one.answers

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self.waiting:
            batch = self._next()
            try:
                answers = await loop.run_in_executor(self.thread, self._predict, [r for one in batch for r in one.rows])
            except Exception as error:  # noqa: BLE001 - handed to the requests, which answer 500 and log it
                for one in batch:
                    if not one.answers.done():
                        one.answers.set_exception(error)
                continue
            start = 0
            for one in batch:
                if not one.answers.done():  # its client may have given up
                    one.answers.set_result(answers[start : start + len(one.rows)])
                start += len(one.rows)

    def _next(self) -> list[_Waiting]:
        batch = [self.waiting.popleft()]
        rows = len(batch[0].rows)
        while self.waiting and rows + len(self.waiting[0].rows) <= BATCH_ROWS:
            batch.append(self.waiting.popleft())
            rows += len(batch[-1].rows)
        return batch

    def _predict(self, rows: Rows) -> Answers:
        from naba.classifier.answers import answer_columns

        texts = [row["text"] for row in rows]
        targets = [row.get("target", "") for row in rows]
        columns = answer_columns(self.model, self.description, texts, targets)
        rows_of_values = zip(*(values.tolist() for values in columns.values()), strict=True)
        return [dict(zip(columns, values, strict=True)) for values in rows_of_values]


def application(folder: Path, limits: Limits, token: str | None = None) -> FastAPI:
    """The application for a classifier folder.

    Args:
        token: what `Authorization: Bearer …` must say; None asks for none.
    Raises:
        UserError: the folder is damaged, or is none.
    """
    from naba.classifier import folder as classifier_folder

    model, description = classifier_folder.load(folder)
    version = str(description.get("identity") or "unknown")
    batches = Batches(model, description)
    # The first call fills caches and imports what is imported late; no user should wait for it.
    batches._predict([dict.fromkeys(limits.columns, "نص")])  # noqa: SLF001
    metrics = Metrics({"model": str(description.get("model", "")), "version": version, "naba": __version__})

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        batches.thread.shutdown(cancel_futures=True)

    app = FastAPI(title="naba", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    headers = {"X-Naba-Model": version}

    @app.middleware("http")
    async def guarded(request: Request, call_next: Any) -> Response:
        if token is not None and request.url.path not in OPEN_PATHS and not _authorised(request, token):
            return _error(401, "the server asks for a token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"})
        response: Response = await call_next(request)
        return response

    @app.get("/ping")
    @app.get("/health")
    async def ping() -> Response:
        return Response("\n", headers=headers)

    @app.get("/version")
    async def about() -> dict[str, Any]:
        known = ("model", "task", "dataset", "labels", "input", "seed")
        return {"version": version, "naba": __version__} | {key: description.get(key) for key in known}

    @app.get("/metrics")
    async def measured() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    @app.post("/invocations", openapi_extra=request_schema(limits.columns))
    async def invocations(request: Request) -> Response:
        with metrics.request() as measured_request:
            response, rows = await _answered(request, limits, batches, metrics, headers)
            measured_request.status, measured_request.rows = response.status_code, rows
        return response

    _add_chat(app, str(description.get("model") or "naba"), limits, batches, metrics)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        return _error(error.status_code, str(error.detail), error.headers or {})

    return app


def _add_chat(app: FastAPI, model: str, limits: Limits, batches: Batches, metrics: Metrics) -> None:
    """`/v1/models` and `/v1/chat/completions`, where they are asked for."""
    if not limits.chat:
        return
    from naba.serve import openai

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return openai.listed([model])

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        with metrics.request() as measured:
            try:
                _require_room(limits, metrics)
                body = await asyncio.wait_for(read_body(request, limits), limits.seconds)
                row, asked = openai.read_question(body, limits, model)
                (answer,) = await asyncio.wait_for(batches.answer([row]), limits.seconds)
                status, content = 200, openai.completion(answer, asked, model)
            except RefusedError as refused:
                status, content = refused.status, openai.error(refused.message, refused.status)
            except TimeoutError:
                status, content = 503, openai.error(f"no answer within {limits.seconds:g} seconds", 503)
            measured.status, measured.rows = status, int(status == 200)
        return _json(status, content, {"Retry-After": "1"} if status == 503 else {})


def _require_room(limits: Limits, metrics: Metrics) -> None:
    if metrics.in_flight > limits.waiting:
        raise RefusedError(503, f"{limits.waiting} requests are being answered; try again in a moment")


async def _answered(
    request: Request, limits: Limits, batches: Batches, metrics: Metrics, headers: Mapping[str, str]
) -> tuple[Response, int]:
    if metrics.in_flight > limits.waiting:
        busy = f"{limits.waiting} requests are being answered; try again in a moment"
        return _error(503, busy, {"Retry-After": "1"}), 0
    try:
        rows = read_table(await asyncio.wait_for(read_body(request, limits), limits.seconds), limits)
    except RefusedError as error:
        # The rest of a refused body is not read: the connection ends with the answer.
        return _error(error.status, error.message, {"Connection": "close"}), 0
    except TimeoutError:
        late = f"the request did not arrive within {limits.seconds:g} seconds"
        return _error(408, late, {"Connection": "close"}), 0
    try:
        answers = await asyncio.wait_for(batches.answer(rows), limits.seconds)
    except TimeoutError:
        return _error(503, f"no answer within {limits.seconds:g} seconds; send fewer rows", {"Retry-After": "1"}), 0
    return _json(200, {"predictions": answers, "model": headers["X-Naba-Model"]}, headers), len(rows)


def _authorised(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), token.encode())


def _error(status: int, message: str, headers: Mapping[str, str]) -> Response:
    return _json(status, {"error": message}, headers)


def _json(status: int, content: Any, headers: Mapping[str, str]) -> Response:
    body = json.dumps(content, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
    return Response(body, status, dict(headers), media_type="application/json")


@dataclass
class Measured:
    """One request while it is answered."""

    status: int = 500
    rows: int = 0


class Metrics:
    """Counters of one process; `process` tells several workers apart.

    Args:
        about: labels of the constant `naba_model_info`.
    """

    def __init__(self, about: Mapping[str, str]) -> None:
        self.about = dict(about)
        self.statuses: Counter[int] = Counter()
        self.buckets: Counter[float] = Counter()
        self.rows = 0
        self.seconds = 0.0
        self.in_flight = 0

    @contextmanager
    def request(self) -> Iterator[Measured]:
        """Count one request; one that ends in an exception counts as a 500."""
        start = time.perf_counter()
        measured = Measured()
        self.in_flight += 1
        try:
            yield measured
        finally:
            self.in_flight -= 1
            seconds = time.perf_counter() - start
            self.statuses[measured.status] += 1
            self.rows += measured.rows
            self.seconds += seconds
            for bound in BUCKETS:
                self.buckets[bound] += seconds <= bound

    def text(self) -> str:
        """All of them in the text format of Prometheus (exposition format 0.0.4)."""
        process = f'process="{os.getpid()}"'
        total = sum(self.statuses.values())
        about = ",".join(f'{name}="{_escaped(value)}"' for name, value in self.about.items())
        return "\n".join(
            [
                *_head("naba_model_info", "gauge", "The classifier that answers."),
                f"naba_model_info{{{about}}} 1",
                *_head("naba_requests_total", "counter", "Requests to /invocations by status."),
                *(f'naba_requests_total{{{process},status="{s}"}} {n}' for s, n in sorted(self.statuses.items())),
                *_head("naba_rows_total", "counter", "Rows that were labelled."),
                f"naba_rows_total{{{process}}} {self.rows}",
                *_head("naba_requests_in_flight", "gauge", "Requests that are being answered."),
                f"naba_requests_in_flight{{{process}}} {self.in_flight}",
                *_head("naba_request_seconds", "histogram", "Seconds from the request to its answer."),
                *(f'naba_request_seconds_bucket{{{process},le="{b:g}"}} {self.buckets[b]}' for b in BUCKETS),
                f'naba_request_seconds_bucket{{{process},le="+Inf"}} {total}',
                f"naba_request_seconds_sum{{{process}}} {self.seconds:.6f}",
                f"naba_request_seconds_count{{{process}}} {total}",
                "",
            ]
        )


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
